"""A base client with an account that lost its connection gets what it missed when it is back, wherever it logs in."""

from __future__ import annotations

import gc

import pytest

from core.node.interface import events
from core.node.kernel.clock import MICROSECONDS
from core.node.log.entry_messages import frames_of
from core.node.neighbours.neighbours import RECENT_MAX
from core.simulation.testing import ScriptedClient, ScriptedNetwork, WatchedServer, chain
from core.wire import messages as wire
from core.wire.codec import Frame
from core.wire.entries import Entry, EntryId
from core.wire.entry_columns import EntryColumns
from tests.node.test_steps import counted


def ann_at(network: ScriptedNetwork, server: WatchedServer) -> ScriptedClient:
    client = network.base_client(server)
    client.login("ann", "s")
    network.run(1.0)
    return client


@pytest.fixture
def network() -> ScriptedNetwork:
    return ScriptedNetwork()


@pytest.fixture
def servers(network: ScriptedNetwork) -> list[WatchedServer]:
    servers = network.build(chain(3), redirects=False)
    network.registered(servers[0], "ann", "s")
    network.run(2.0)
    return servers


def broken(network: ScriptedNetwork, client: ScriptedClient) -> None:
    """The connection breaks."""
    client.hang_up()
    network.run(1.0)


@pytest.mark.parametrize("back_at", [0, 1, 2], ids=["the same", "a neighbour", "one further away"])
def test_what_was_missed_comes_first_and_in_order_wherever_the_client_is_back(
    network: ScriptedNetwork, servers: list[WatchedServer], back_at: int
) -> None:
    ann = ann_at(network, servers[0])
    bob = network.logged_in(servers[1])
    bob.post("before")
    network.run(2.0)
    broken(network, ann)
    for number in range(3):
        bob.post(number)
        network.run(0.2)
    again = ann_at(network, servers[back_at])
    bob.post("after")
    network.run(1.0)
    assert ann.texts() == ["before"]
    assert again.texts() == [0, 1, 2, "after"]
    assert set(again.commands) == {"LOGIN_SUCCESS", "ACTIVITY_BROADCAST"}


def test_who_has_logged_out_has_missed_nothing(network: ScriptedNetwork, servers: list[WatchedServer]) -> None:
    ann = ann_at(network, servers[0])
    ann.say(wire.Logout())
    network.run(1.0)
    network.logged_in(servers[1]).post("while nobody was there")
    network.run(1.0)
    assert ann_at(network, servers[0]).texts() == []


def test_what_was_missed_comes_once(network: ScriptedNetwork, servers: list[WatchedServer]) -> None:
    broken(network, ann_at(network, servers[0]))
    network.logged_in(servers[1]).post("missed")
    network.run(1.0)
    first = ann_at(network, servers[2])
    assert first.texts() == ["missed"]
    first.say(wire.Logout())
    network.run(1.0)
    for server in servers:
        assert ann_at(network, server).texts() == []


def test_the_clients_of_a_server_that_dies_get_what_they_missed_at_another(
    network: ScriptedNetwork, servers: list[WatchedServer]
) -> None:
    ann_at(network, servers[0])
    servers[0].crash()
    network.run(8.0)
    network.logged_in(servers[1]).post("missed")
    network.run(1.0)
    assert ann_at(network, servers[2]).texts() == ["missed"]


def test_the_clients_of_a_server_that_leaves_get_what_they_missed_on_the_way(
    network: ScriptedNetwork, servers: list[WatchedServer]
) -> None:
    ann_at(network, servers[0])
    servers[0].drain()
    network.run(3.0)
    network.logged_in(servers[2]).post("missed")
    network.run(1.0)
    assert ann_at(network, servers[1]).texts() == ["missed"]


@pytest.mark.parametrize("stay", [0.1, 0.7], ids=["not announced yet", "announced"])
def test_who_had_only_just_come_to_a_server_that_leaves_gets_what_they_missed_on_the_way(
    network: ScriptedNetwork, servers: list[WatchedServer], stay: float
) -> None:
    bob = network.logged_in(servers[0])
    ann = ann_at(network, servers[0])
    ann.hang_up()
    network.run(0.05)
    moved = network.base_client(servers[2])
    moved.login("ann", "s")
    network.run(stay)
    assert moved.of(wire.LoginSuccess)
    # The server has left before the connection has ended.
    moved.take_each_way(0.3)
    servers[2].drain()
    network.run(0.2)
    bob.post("meanwhile")
    network.run(1.0)
    assert moved.of(wire.Redirect)
    assert moved.texts() == []
    assert ann_at(network, servers[1]).texts() == ["meanwhile"]


def test_a_server_that_leaves_says_who_is_on_the_way_although_their_connections_have_not_ended(
    network: ScriptedNetwork, servers: list[WatchedServer]
) -> None:
    ann = ann_at(network, servers[1])
    ann.take_each_way(5.0)
    begun = network.now.wall
    servers[1].drain()
    network.run(1.0)
    last = [one for one in servers[1].said(wire.ServerAnnounce) if one.id == servers[1].id][-1]
    assert last.left
    at, since = last.away["ann"]
    assert begun <= since / 1_000_000 <= at / 1_000_000 < begun + 1.0


def test_what_had_not_arrived_when_the_connection_broke_is_sent_again(
    network: ScriptedNetwork, servers: list[WatchedServer]
) -> None:
    ann = ann_at(network, servers[0])
    conn = ann.conn
    bob = network.logged_in(servers[1])
    for number in range(3):
        bob.post(number)
        network.run(1.0)
    size = len(ann.lines[-1])
    servers[0].handle(events.ConnectionClosed(conn, "connection reset by the peer", unsent=2 * size))
    network.run(1.0)
    assert ann_at(network, servers[0]).texts() == [1, 2]


@pytest.mark.parametrize("back_at", [0, 1], ids=["the same", "a neighbour"])
def test_what_comes_between_a_servers_close_and_the_end_of_the_connection_is_missed(
    network: ScriptedNetwork, servers: list[WatchedServer], back_at: int
) -> None:
    ann = ann_at(network, servers[0])
    bob = network.logged_in(servers[0])
    ann.take_each_way(1.0)
    servers[0].handle(events.DisconnectRequested(ann.conn, "an operator wants it"))
    network.run(0.5)
    bob.post("meanwhile")
    network.run(3.0)
    assert ann.closed is not None
    assert ann.texts() == []
    assert ann_at(network, servers[back_at]).texts() == ["meanwhile"]


def test_what_somebody_was_not_sent_when_the_connection_broke_again_comes_at_another_server(
    network: ScriptedNetwork, servers: list[WatchedServer]
) -> None:
    broken(network, ann_at(network, servers[0]))
    bob = network.logged_in(servers[1])
    for number in range(3):
        bob.post(number)
        network.run(1.0)
    network.run(2.0)
    network.reading = 10.0
    again = ann_at(network, servers[0])
    assert again.texts() == []
    broken(network, again)
    network.reading = 0.0
    assert ann_at(network, servers[1]).texts() == [0, 1, 2]


def test_an_anonymous_client_is_nobody_in_particular(network: ScriptedNetwork, servers: list[WatchedServer]) -> None:
    somebody = network.base_client(servers[0])
    somebody.login()
    network.run(1.0)
    broken(network, somebody)
    network.logged_in(servers[1]).post("missed")
    network.run(1.0)
    again = network.base_client(servers[0])
    again.login()
    network.run(1.0)
    assert again.texts() == []


def test_while_another_session_of_the_account_goes_on_nobody_is_away(
    network: ScriptedNetwork, servers: list[WatchedServer]
) -> None:
    one, _ = ann_at(network, servers[0]), ann_at(network, servers[0])
    broken(network, one)
    network.logged_in(servers[1]).post("read by the other")
    network.run(3.0)
    assert ann_at(network, servers[0]).texts() == []


def test_what_was_handed_out_is_remembered_but_not_its_lines(
    network: ScriptedNetwork, servers: list[WatchedServer]
) -> None:
    bob = network.logged_in(servers[1])
    for _ in range(2 * RECENT_MAX):
        bob.post("x")
    network.run(2.0)
    for server in servers:
        server.sent.clear()
    gc.collect()
    lines = [
        one for one in gc.get_objects() if isinstance(one, Frame) and isinstance(one.message, wire.ActivityBroadcast)
    ]
    assert 0 < len(lines) <= RECENT_MAX * len(servers), "ten thousand long ones would take 1 GB"


@pytest.mark.parametrize("pause", [0.02, 0.1, 0.4])
def test_what_a_leaving_server_had_handed_out_itself_does_not_come_again_at_another(
    network: ScriptedNetwork, servers: list[WatchedServer], pause: float
) -> None:
    ann = ann_at(network, servers[0])
    bob = network.logged_in(servers[0])
    bob.post("last words")
    network.run(pause)
    assert ann.texts() == ["last words"]
    servers[0].drain()
    assert network.until(lambda: bool(ann.of(wire.Redirect)))
    again = ann_at(network, servers[1])
    network.logged_in(servers[1]).post("after")
    network.run(2.0)
    assert again.texts() == ["after"]


def test_what_a_server_with_a_slow_disk_had_accepted_but_not_handed_out_comes_at_another(
    network: ScriptedNetwork, servers: list[WatchedServer]
) -> None:
    ann = ann_at(network, servers[0])
    bob = network.logged_in(servers[0])
    servers[0].disk.delay = (0.3, 0.3)
    bob.post("under way")
    network.run(0.05)
    assert ann.texts() == []
    broken(network, ann)
    again = ann_at(network, servers[1])
    network.run(2.0)
    assert again.texts() == ["under way"]


@pytest.mark.parametrize("back_at", ["n000", "n002"], ids=["where it was", "elsewhere"])
def test_who_is_sent_on_gets_what_had_only_just_been_accepted_where_they_were_not_let_in(
    network: ScriptedNetwork, back_at: str
) -> None:
    first = network.start("n000", redirects=False)
    busy = network.start("n001", join=first)
    network.start("n002", join=busy, redirects=False)
    network.run(3.0)
    network.registered(first, "ann", "s")
    bob, *_ = [network.logged_in(busy, redirects=9) for _ in range(4)]
    network.run(2.0)
    ann = ann_at(network, first)
    for conn in busy.links:
        busy.ends[conn].take_each_way(0.1)
    bob.post("on its way")
    assert network.until(lambda: bool(bob.texts()))
    ann.hang_up()
    network.run(0.12)
    again = network.base_client(busy)
    again.login("ann", "s")
    assert network.until(lambda: bool(again.of(wire.Redirect)))
    network.run(0.3)
    assert (ann.texts(), again.texts()) == ([], [])
    assert ann_at(network, network.servers[back_at]).texts() == ["on its way"]


def test_who_missed_something_is_sent_what_its_sender_wrote_later_where_the_clock_is_behind(
    network: ScriptedNetwork, servers: list[WatchedServer]
) -> None:
    ann = ann_at(network, servers[0])
    now = int(network.now.wall * MICROSECONDS)
    first = Entry(EntryId("east", 1, 1), "activity", now, b'{"text":"first"}', "bob")
    second = Entry(EntryId("west", 1, 1), "activity", now - 2 * MICROSECONDS, b'{"text":"second"}', "bob", first.id)
    third = Entry(EntryId("west", 1, 2), "activity", now - MICROSECONDS, b'{"text":"third"}', "bob", second.id)
    # They have come here, and are on their way to the server that dies.
    for conn in servers[2].links:
        servers[2].ends[conn].take_each_way(2.0)
    for entry in (first, second, third):
        servers[2].node.replication.receive(entry, None)
    servers[2].handle(events.Woke())
    network.run(0.2)
    servers[0].crash()
    again = ann_at(network, servers[2])
    assert (ann.texts(), again.texts()) == ([], ["first", "second", "third"])


def test_after_one_was_delayed_what_is_not_behind_it_is_noted_as_quickly_as_before(
    network: ScriptedNetwork, servers: list[WatchedServer]
) -> None:
    delivery = servers[0].node.replication.delivery

    def steps_of(first: int, previous: EntryId | None = None) -> int:
        """How many steps it takes that so many are handed out together."""
        ids = [EntryId("far", 1, number) for number in range(first, first + 200)]
        behind = [previous, *ids[:-1]]
        columns = EntryColumns.of(
            [
                Entry(one, "activity", 1_000 + one.seq, b"{}", "bob", before)
                for one, before in zip(ids, behind, strict=True)
            ]
        )
        frames = frames_of(columns)
        return sum(counted(lambda hook=hook: hook(columns, frames)) for hook in delivery.on_hand_out_all)  # type: ignore[misc]

    elsewhere = Entry(EntryId("near", 1, 1), "activity", 9_000, b"{}", "bob")
    quickly = steps_of(1)
    for hook in delivery.on_hand_out:
        hook(elsewhere, Frame(wire.Logout()))
    assert steps_of(1_001, elsewhere.id) > 10 * quickly, "each of them was delayed"
    assert steps_of(2_001) < 2 * quickly
