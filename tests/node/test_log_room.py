"""Room in the log: who invents servers, starts or accounts is bounded, and loses its link; nobody else does."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from core.node.interface.notices import Notice
from core.simulation.testing import SECRET, ScriptedNetwork, ScriptedPeer, WatchedServer
from core.wire import messages as wire
from core.wire.codec import encode
from core.wire.entries import KeyChange, Stream
from core.wire.limits import SERVER_LINE_BYTES_MAX
from core.wire.packed_streams import PackedStreams
from core.wire.vector_lines import LONG_VECTOR_BYTES_MAX, VECTOR_BYTES_MAX, latest_first, shortened, vector_in_line
from core.wire.version_vector import VersionVector
from tests.node.liars import STAMP, Liar, Row

ROOM = 100


def entry(server: str, start: int = 1, number: int = 1) -> wire.ActivityBroadcast:
    return wire.ActivityBroadcast(
        msgspec.Raw(b'{"text":"made up"}'), id=f"{server}.{start}.{number}", stamp=STAMP + number
    )


def account(number: int, server: str = "liar", stamp: int = STAMP) -> wire.Account:
    return wire.Account(f"{server}.1.{number}", stamp, f"user{number:06}", "$argon2id$x", STAMP, f"{server}.{number}")


def say(row: Row, messages: Any, liar: Liar | None = None) -> None:
    """Have the liar say all of it, as long as it is listened to."""
    peer = (liar or row.liar).peer
    for number, message in enumerate(messages):
        if peer.closed is None:
            peer.say(message)
            if number % 20 == 19:
                row.network.run(0.02)
    row.network.run(1.0)


def told(server: WatchedServer) -> list[Notice]:
    return [one for one in server.notices if one.severity == "error" and "has lost its link" in one.text]


def origins(server: WatchedServer) -> set[str]:
    return {stream.node for stream in server.node.replication.vector.contiguous}


def test_who_invents_servers_that_said_something_loses_its_link_and_those_behind_see_half_a_room() -> None:
    row = Row(servers_max=1000, origins_max=ROOM)
    say(row, (entry(f"invented{number:05}") for number in range(3 * ROOM)))
    assert row.liar.peer.closed is not None
    assert "origins_max" in told(row.first)[0].text
    row.network.run(30.0)
    for server in row.servers:
        assert len(origins(server)) <= ROOM // 2 + 5
    assert row.is_whole and not told(row.second) and not told(row.third)


@pytest.mark.parametrize("setting", ["servers_max", "origins_max", "accounts_max"])
def test_people_read_once_that_there_is_no_room_and_what_to_raise(setting: str) -> None:
    row = Row(**{"servers_max": 1000, setting: ROOM})
    match setting:
        case "servers_max":
            row.liar.invent(ROOM)
        case "origins_max":
            say(row, (entry(f"invented{number:05}") for number in range(ROOM)))
        case _:
            say(row, (account(number, "elsewhere") for number in range(1, ROOM)))
    told_of = [notice.text for notice in row.first.notices if notice.kind == "limits"]
    assert len(told_of) == 1 and f"raise {setting} (it is {ROOM})" in told_of[0]
    assert row.liar.peer.closed is None


def test_who_invents_starts_of_a_server_is_bounded_too() -> None:
    row = Row(starts_max=ROOM)
    say(row, (entry("invented", start) for start in range(1, 3 * ROOM)))
    assert row.liar.peer.closed is not None
    row.network.run(30.0)
    for server in row.servers:
        assert len(server.node.replication.vector.contiguous) <= ROOM // 2 + 5
    assert row.is_whole


def test_marks_of_invented_servers_are_bounded_like_their_entries() -> None:
    row = Row(servers_max=1000, origins_max=ROOM)
    for turn in range(4):
        upto = {f"invented{turn}{number:05}.1": 5 for number in range(ROOM)}
        if row.liar.peer.closed is None:
            row.liar.peer.say(wire.SyncDigest("another"))
            row.network.run(2.0)
            row.liar.peer.say(wire.SyncDone(upto=upto))
            row.network.run(0.5)
    assert ROOM // 4 < len(origins(row.first)) <= ROOM // 2 + 5
    assert row.liar.peer.closed is not None
    assert row.is_whole


@pytest.mark.parametrize("at", [0, 1, 2])
def test_an_honest_server_that_comes_afterwards_is_heard_by_everybody(at: int) -> None:
    row = Row(servers_max=1000, origins_max=ROOM, starts_max=ROOM)
    for number in range(5):
        liar = Liar(row.network, row.servers[number % 3], f"liar{number}")
        say(row, (entry(f"x{number}{one:05}") for one in range(3 * ROOM)), liar)
    newcomer = row.newcomer(row.servers[at])
    clients = [row.network.logged_in(server) for server in row.servers]
    row.network.logged_in(newcomer).post("hello")
    row.network.run(3.0)
    assert [client.texts() for client in clients] == [["hello"]] * 3
    assert row.is_whole


def test_accounts_are_bounded_and_who_brings_too_many_loses_its_link() -> None:
    row = Row(accounts_max=ROOM)
    say(row, (account(number, "elsewhere") for number in range(1, 3 * ROOM)))
    assert row.liar.peer.closed is not None
    assert "accounts_max" in told(row.first)[0].text
    row.network.run(30.0)
    for server in row.servers:
        assert len(server.node.book) <= ROOM // 2
    assert row.is_whole


def test_changes_of_accounts_count_like_accounts() -> None:
    row = Row(accounts_max=ROOM)
    row.network.registered(row.first, "ada")
    fact = row.first.node.account("ada")
    assert fact is not None
    liar = Liar(row.network, row.first, "another")
    say(
        row,
        (
            wire.Account(
                f"elsewhere.1.{number}",
                STAMP,
                fact.username,
                fact.verifier,
                fact.stamp,
                fact.claim,
                KeyChange(f"ssh-ed25519 {number:08}", STAMP + number, True),
            )
            for number in range(1, 3 * ROOM)
        ),
        liar,
    )
    assert liar.peer.closed is not None
    assert "accounts_max" in told(row.first)[0].text
    assert 10 < len(row.third.node.account_keys(fact.claim)) <= ROOM // 2
    assert row.is_whole


def test_who_registers_names_faster_than_a_server_can_loses_its_link() -> None:
    row = Row(server_registrations_per_minute=12.0)
    say(row, (account(number) for number in range(1, 300)))
    assert row.liar.peer.closed is not None
    assert "server_registrations_per_minute" in told(row.first)[0].text
    assert row.is_whole and not told(row.second)


def test_what_was_registered_long_ago_may_come_all_at_once() -> None:
    row = Row(server_registrations_per_minute=12.0)
    long_ago = STAMP - 3_600_000_000
    say(row, (account(number, stamp=long_ago) for number in range(1, 1000)))
    assert row.liar.peer.closed is None
    row.network.run(10.0)
    assert len(row.third.node.book) == 999


# --- what travels -----------------------------------------------------------------------------------------------------


def many(count: int, nodes: int = 1) -> dict[Stream, int]:
    return {Stream(f"{number % nodes:024}", number + 1): 2**53 - 1 for number in range(count)}


@pytest.mark.parametrize("nodes", [1, 100, 40_000])
@pytest.mark.parametrize("bytes_max", [VECTOR_BYTES_MAX, LONG_VECTOR_BYTES_MAX])
def test_a_vector_of_any_size_travels_in_a_line(nodes: int, bytes_max: int) -> None:
    vector = many(40_000, nodes)
    sent = vector_in_line(vector, bytes_max)
    assert bytes_max * 0.8 < len(encode(wire.SyncRequest(sent))) <= bytes_max + 100
    if bytes_max == VECTOR_BYTES_MAX:
        assert len(encode(wire.SyncDone(sent, True, sent))) <= SERVER_LINE_BYTES_MAX


def test_a_vector_that_is_too_long_keeps_the_latest_start_of_everybody() -> None:
    vector = many(40_000, 100)
    kept = shortened(vector, VECTOR_BYTES_MAX)
    latest: dict[str, int] = {}
    for stream in vector:
        latest[stream.node] = max(stream.incarnation, latest.get(stream.node, 0))
    assert {Stream(node, start) for node, start in latest.items()} <= set(kept)
    assert all(kept[stream] == vector[stream] for stream in kept)


def test_of_a_million_starts_only_those_are_looked_at_that_are_told() -> None:
    packed = PackedStreams.of((Stream(f"node{number % 10}", number), number) for number in range(100_000))
    vector = VersionVector(packed)
    vector.raise_to(Stream("node3", 50_003), 99)
    vector.raise_to(Stream("node3", 1_000_003), 7)
    first = latest_first(vector.contiguous)
    assert [next(first) for _ in range(12)][3::10] == [Stream("node3", 1_000_003)]
    told = list(latest_first(vector.contiguous))
    assert len(told) == len(set(told)) == 100_001
    kept = shortened(vector.contiguous, VECTOR_BYTES_MAX)
    assert kept[Stream("node3", 1_000_003)] == 7 and len(kept) < 20_000


def test_a_stream_with_a_name_that_nobody_could_read_is_not_told_of() -> None:
    long = Stream("x" * 60, 12345)
    assert set(shortened({long: 3, Stream("a", 1): 2}, VECTOR_BYTES_MAX)) == {Stream("a", 1)}


def test_a_vector_that_fits_travels_as_it_is() -> None:
    vector = many(1000, 3)
    assert shortened(vector, VECTOR_BYTES_MAX) is vector


def server_with(starts: int) -> tuple[ScriptedNetwork, WatchedServer]:
    network = ScriptedNetwork()
    server = network.start("one")
    network.run(0.5)
    for stream in many(starts):
        server.node.replication.mark(stream, 3)
    return network, server


def old_neighbour(network: ScriptedNetwork, server: WatchedServer) -> ScriptedPeer:
    """A server of the version before, which knows nothing of anything newer."""
    peer = network.peer(server)
    peer.say(wire.Authenticate(SECRET, id="before", incarnation=1, features=["quit", "user_info", "sync"], stamp=STAMP))
    network.run(0.5)
    return peer


def test_a_server_with_more_starts_than_a_line_has_room_for_links_with_one_of_the_version_before() -> None:
    network, server = server_with(40_000)
    peer = old_neighbour(network, server)
    assert peer.of(wire.SyncRequest) and max(map(len, peer.lines)) <= SERVER_LINE_BYTES_MAX
    peer.say(wire.SyncRequest({"before.1": 1}))
    network.run(2.0)
    assert peer.of(wire.SyncDone) and max(map(len, peer.lines)) <= SERVER_LINE_BYTES_MAX
    assert peer.closed is None


def test_it_does_not_ask_for_the_same_page_for_ever() -> None:
    network, server = server_with(40_000)
    peer = old_neighbour(network, server)
    for _ in range(20):
        peer.say(wire.SyncDone({"0" * 24 + ".1": 3}, True))
        network.run(0.2)
    assert len(peer.of(wire.SyncRequest)) <= 6


def test_a_client_of_a_server_with_as_many_starts_logs_in() -> None:
    network, server = server_with(40_000)
    client = network.logged_in(server)
    assert max(map(len, client.lines)) <= SERVER_LINE_BYTES_MAX
    client.post("here")
    network.run(1.0)
    assert client.texts() == ["here"]
