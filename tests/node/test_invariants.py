"""A node that looks at itself finds what does not hold, in the event in which it is made."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.node.clients.people import People
from core.node.interface import events
from core.node.kernel.connections import Connections
from core.node.kernel.invariants import BrokenInvariant
from core.node.kernel.timers import Timers
from core.node.log.synchronisation import Synchronisation
from core.node.map.topology import Topology
from core.node.neighbours.neighbours import Neighbours
from core.node.servers.leavers import Leavers
from core.wire import messages as wire
from tests.node import one_node
from tests.node.one_node import OneNode

Patch = pytest.MonkeyPatch


def leaves_the_count(patch: Patch) -> None:
    patch.setattr(People, "left", lambda self, session: setattr(session, "counted", False))


def counts_twice(patch: Patch) -> None:
    whole = People.came

    def came(self, session) -> None:
        whole(self, session)
        self.load += 1

    patch.setattr(People, "came", came)


def cancels_no_timer(patch: Patch) -> None:
    patch.setattr(Timers, "cancel", lambda self, name: None)


def forgets_no_session(patch: Patch) -> None:
    patch.setattr(Connections, "remove", lambda self, conn: self._all.pop(conn, None))


def keeps_what_it_asked_over_a_link(patch: Patch) -> None:
    patch.setattr(Synchronisation, "link_closed", lambda self, conn: None)


def announces_links_that_are_gone(patch: Patch) -> None:
    patch.setattr(Topology, "link_down", lambda self, server: None)


def sends_everybody_what_is_new(patch: Patch) -> None:
    def steer(self, tree):
        for link in self:
            link.eager = True
        return []

    patch.setattr(Neighbours, "steer", steer)


def remembers_who_left(patch: Patch) -> None:
    patch.setattr(Leavers, "unlinked", lambda self, link: None)


def a_client_goes(one: OneNode) -> None:
    one.handle(events.ConnectionClosed(one_node.logged_in(one), "reset"))


def somebody_goes_without_a_word(one: OneNode) -> None:
    one.handle(events.ConnectionClosed(one.connect(), "reset"))


def a_neighbour_goes(one: OneNode) -> None:
    conn = one_node.native(one)
    one.say(conn, wire.SyncDigest("x"))
    one.run(1.0)
    one.say(conn, wire.Quit("third.example", 3780, id="elsewhere", successor="third"))
    one.handle(events.ConnectionClosed(conn, "reset"))


def a_neighbour_comes_beside_the_tree(one: OneNode) -> None:
    one_node.native_neighbour(one)
    conn = one.connect()
    hello = wire.Authenticate(one_node.SECRET, id="third", incarnation=1, features=["sync"], stamp=1)
    one.say(conn, hello)
    one.run(1.0)


@pytest.mark.parametrize(
    ("fault", "happens", "found"),
    [
        (leaves_the_count, a_client_goes, "the load is"),
        (counts_twice, a_client_goes, "the load is 2"),
        (cancels_no_timer, somebody_goes_without_a_word, "timer 'first'"),
        (forgets_no_session, a_client_goes, "are gone, and kept"),
        (keeps_what_it_asked_over_a_link, a_neighbour_goes, "entries are counted over it"),
        (announces_links_that_are_gone, a_neighbour_goes, "are announced"),
        (sends_everybody_what_is_new, a_neighbour_comes_beside_the_tree, "the tree does not lead to"),
        (remembers_who_left, a_neighbour_goes, "its other side still leaves"),
    ],
)
def test_what_does_not_hold_is_found(
    fault: Callable[[Patch], None], happens: Callable[[OneNode], None], found: str, monkeypatch: Patch
) -> None:
    fault(monkeypatch)
    with pytest.raises(BrokenInvariant, match=found):
        happens(OneNode())


@pytest.mark.parametrize(
    "happens",
    [a_client_goes, somebody_goes_without_a_word, a_neighbour_goes, a_neighbour_comes_beside_the_tree],
)
def test_where_everything_holds_nothing_is_found(happens: Callable[[OneNode], None]) -> None:
    happens(OneNode())
