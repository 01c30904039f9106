"""Dials: which are under way, and who is left alone for a while."""

from __future__ import annotations

import random

import pytest

from core.node.interface.actions import Dial
from core.node.interface.events import Now
from core.node.interface.node_config import NodeConfig
from core.node.kernel.connections import Connection, Link
from core.node.kernel.context import Context
from core.node.servers.dialling import Dialling
from core.wire.address import Address
from core.wire.recovered import Recovered

HOME, AWAY = Address("127.0.0.1", 3780), Address("192.0.2.1", 3780)
WORLD = Address("198.51.100.7", 3780)


@pytest.fixture
def context() -> Context:
    config = NodeConfig("here.example", 3780, "s")
    return Context(config, Recovered(node="own", incarnation=1), random.Random(0), Now(0.0, 0.0))


@pytest.fixture
def dialling(context: Context) -> Dialling:
    return Dialling(context)


def link_of(dial: int | None, peer: Address) -> Link:
    connection = Connection(1, "outbound", peer, 0.0, 0.0)
    connection.dial = dial
    return Link(connection)


def test_an_address_is_dialled_once_at_a_time(context: Context, dialling: Dialling) -> None:
    dialling.dial((HOME,), "join")
    dialling.dial((HOME, AWAY), "heal")
    dialling.dial((AWAY, HOME), "heal", "far")
    assert [action.address for action in context.actions if isinstance(action, Dial)] == [HOME, AWAY]
    assert (len(dialling), dialling.under_way("heal"), dialling.under_way("join")) == (2, 1, 1)


def test_it_is_dialled_again_once_it_is_known_what_came_of_that(context: Context, dialling: Dialling) -> None:
    dialling.dial((HOME,), "join")
    assert dialling.over(1) is not None
    assert dialling.over(1) is None
    dialling.dial((HOME,), "join")
    assert len(dialling) == 1
    assert len(context.actions) == 2


def test_a_dial_goes_abroad_if_none_of_its_addresses_is_of_this_machine(context: Context, dialling: Dialling) -> None:
    for server, addresses in (("near", [HOME]), ("far", [WORLD, AWAY]), ("both", [AWAY, HOME])):
        dialling.dial_server(server, addresses, "heal")
    assert [action.abroad for action in context.actions if isinstance(action, Dial)] == [False, True, False]


def test_a_link_knows_which_of_the_addresses_led_to_it(dialling: Dialling) -> None:
    dialling.dial((HOME, AWAY), "heal", "far")
    second, unknown, foreign = link_of(1, AWAY), link_of(1, Address("203.0.113.9", 1)), link_of(None, AWAY)
    for link in (second, unknown, foreign):
        dialling.opened(link)
    assert (second.dialled, unknown.dialled, foreign.dialled) == (AWAY, HOME, None)
    assert dialling.attempt_of(foreign) is None


def test_a_server_is_left_alone_for_as_long_as_it_is_suspended(context: Context, dialling: Dialling) -> None:
    assert dialling.may_dial("far")
    dialling.suspend("far", 5.0)
    context.pass_to(Now(4.9, 4.9))
    assert not dialling.may_dial("far")
    context.pass_to(Now(5.0, 5.0))
    assert dialling.may_dial("far")
    dialling.suspend("far", 5.0)
    dialling.resume("far")
    assert dialling.may_dial("far")
