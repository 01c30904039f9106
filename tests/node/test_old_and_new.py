"""Networks in which some servers are of the version before: these get and give single entries, the others records."""

from __future__ import annotations

import pytest

from core.simulation.testing import ScriptedNetwork
from core.simulation.testing.watched_server import WatchedServer
from core.wire.messages import ActivityBroadcast, Record, SyncDone
from core.wire.records import read

NEW = (True, True, True)


def network_of(*keyed: bool) -> tuple[ScriptedNetwork, list[WatchedServer]]:
    """A chain of servers, of this version or of the one before, with a client at each."""
    network = ScriptedNetwork()
    servers: list[WatchedServer] = []
    for number, one in enumerate(keyed):
        servers.append(network.start(f"s{number}", servers[-1] if servers else None, keyed=one, redirects=False))
        network.run(0.1)
    network.run(5.0)
    assert network.is_one()
    return network, servers


def said(server: WatchedServer, to: WatchedServer) -> list[str]:
    """In what form a server has told another one of activities."""
    links = {link.conn for link in server.node.neighbours if link.remote_id == to.id}
    found = []
    for conn, message in server.sent:
        if conn in links and isinstance(message, ActivityBroadcast | Record):
            found += ["record"] if isinstance(message, Record) else ["entry"]
    return found


@pytest.mark.parametrize(
    "keyed",
    [
        NEW,
        (False, False, False),
        (True, False, True),
        (False, True, False),
        (True, True, False),
        (False, True, True),
        (True, False, False),
        (False, False, True),
    ],
    ids=lambda keyed: "-".join("new" if one else "old" for one in keyed),
)
def test_what_is_posted_anywhere_arrives_everywhere_once(keyed: tuple[bool, ...]) -> None:
    network, servers = network_of(*keyed)
    clients = [network.logged_in(server) for server in servers]
    for number, client in enumerate(clients):
        client.post(f"from {number}")
        network.run(1.0)
    for client in clients:
        assert sorted(client.texts()) == ["from 0", "from 1", "from 2"]


def test_two_of_this_version_tell_each_other_records_and_others_entries() -> None:
    network, (first, second, before) = network_of(True, True, False)
    client = network.logged_in(first)
    for text in ("one", "two"):
        client.post(text)
    network.run(1.0)
    assert set(said(first, second)) == {"record"}
    assert said(second, before) == ["entry", "entry"]


def test_what_the_version_before_accepts_reaches_others_in_records_when_they_catch_up() -> None:
    network, (before, second) = network_of(False, True)
    network.logged_in(before).post("before")
    network.run(1.0)
    third = network.start("s9", second, redirects=False)
    network.run(5.0)
    assert set(said(second, third)) == {"record"}
    assert third.node.snapshot(network.now).activities == 1


def test_a_record_of_many_goes_to_whoever_catches_up_as_it_was_sealed() -> None:
    network, (first,) = network_of(True)
    client = network.logged_in(first)
    for number in range(300):
        client.post(str(number))
    network.run(1.0)
    second = network.start("s1", first, redirects=False)
    network.run(3.0)
    third = network.start("s2", second, redirects=False)
    network.run(3.0)

    def lines(server: WatchedServer, to: WatchedServer) -> list[bytes]:
        links = {link.conn for link in server.node.neighbours if link.remote_id == to.id}
        return [read(message).line for conn, message in server.sent if conn in links and isinstance(message, Record)]

    assert lines(first, second) == lines(second, third)
    assert sum(len(read(message).entries) for _, message in second.sent if isinstance(message, Record)) == 300


def test_one_of_the_version_before_catches_up_by_single_entries() -> None:
    network, (first, second) = network_of(True, False)
    client = network.logged_in(first)
    client.post("one")
    network.run(1.0)
    second.crash()
    client.post("two")
    network.run(2.0)
    first.sent.clear()
    again = network.start("s1", first)
    network.run(10.0)
    assert again.node.snapshot(network.now).activities == 2
    assert set(said(first, again)) == {"entry"}
    assert any(isinstance(message, SyncDone) for _, message in first.sent)
