"""Bounds do not bite who is honest: large networks come over one link, heal, and are started again all at once."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest

from core.node.log.entry_messages import entry_of_account
from core.simulation.testing import ScriptedNetwork, WatchedServer
from core.wire import messages as wire
from core.wire.entries import Entry, EntryId
from core.wire.messages import Message
from tests.node.liars import STAMP, Liar

SERVERS = 1000


class Gateway(Liar):
    """An honest neighbour with everybody else behind it. It says what a real one would say."""

    def __init__(self, network: ScriptedNetwork, server: WatchedServer) -> None:
        super().__init__(network, server, "gateway")

    def pass_on(self, messages: Iterable[Message]) -> None:
        for number, message in enumerate(messages):
            assert self.peer.closed is None, self.peer.closed
            self.peer.say(message)
            if number % 500 == 499:
                self.network.run(0.05)
        self.network.run(1.0)


def one_server() -> tuple[WatchedServer, Gateway]:
    network = ScriptedNetwork(checked=False)
    server = network.start("one")
    network.run(0.5)
    gateway = Gateway(network, server)
    gateway.invent_linked(SERVERS, depth=7, prefix="server")
    assert len(server.node.topology.reachable) == SERVERS + 2
    return server, gateway


def accounts(count: int, stamp: int, origins: int = 1) -> Iterable[wire.Account]:
    for number in range(count):
        server, seq = f"server{number % origins:05}", 1 + number // origins
        claim = f"{server}.1.{seq}"
        yield wire.Account(claim, stamp + number, f"user{number:06}", "$argon2id$v=19$x", stamp + number, claim)


def test_a_thousand_servers_that_are_started_again_at_once_are_heard_as_before() -> None:
    server, gateway = one_server()
    for start in range(2, 6):
        records = list(server.node.topology.records.values())
        gateway.pass_on(
            msgspec.structs.replace(record.message(), incarnation=start, version=1)
            for record in records
            if record.id.startswith("server")
        )
        gateway.pass_on(
            wire.ActivityBroadcast(msgspec.Raw(b'{"text":1}'), id=f"server{number:05}.{start}.1", stamp=STAMP + number)
            for number in range(SERVERS)
        )
    assert len(server.node.topology.reachable) == SERVERS + 2
    assert len(server.node.replication.vector.contiguous) >= 4 * SERVERS


@pytest.mark.slow
def test_a_heal_brings_ten_thousand_accounts_at_once_that_one_server_has_just_registered() -> None:
    server, gateway = one_server()
    gateway.pass_on(accounts(10_000, STAMP))
    assert len(server.node.book) == 10_000


def admitted(server: WatchedServer, gateway: Gateway, entries: Iterable[Entry]) -> int:
    """How many entries that are new there is room for, over the gateway's link."""
    room = server.node.replication.room
    return sum(room.admits(entry, gateway.peer.conn) for entry in entries)


@pytest.mark.slow
def test_a_new_server_has_room_for_a_hundred_thousand_accounts_over_its_first_link() -> None:
    server, gateway = one_server()
    found = (entry_of_account(one) for one in accounts(100_000, STAMP - 86_400_000_000, origins=100))
    assert admitted(server, gateway, found) == 100_000


@pytest.mark.slow
def test_a_new_server_has_room_for_the_starts_that_a_hundred_servers_have_in_ten_years() -> None:
    server, gateway = one_server()
    starts = (
        Entry(EntryId(f"server{number % 100:05}", number // 100, 1), "activity", STAMP - number, b"{}")
        for number in range(365_000)
    )
    assert admitted(server, gateway, starts) == 365_000


@pytest.mark.slow
def test_thousands_of_registrations_that_are_under_way_at_once_pass_over_one_link() -> None:
    server, gateway = one_server()
    gateway.pass_on(
        wire.LockRequest(
            f"user{number}",
            claim=f"server{number % SERVERS:05}.1.{number}",
            round=1,
            stamp=STAMP,
            verifier="$argon2id$v=19$x",
        )
        for number in range(8000)
    )
    assert server.node.queues()["registrations"] == 8000
    assert not gateway.peer.of(wire.LockDenied)
