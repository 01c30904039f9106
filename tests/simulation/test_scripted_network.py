"""The network that tests run nodes on does what real ones do: to connections, hosts, clocks and disks."""

from __future__ import annotations

import pytest

from core.node.interface import events
from core.simulation.testing import SECRET, ScriptedNetwork, chain
from core.wire import messages as wire
from core.wire.address import Address
from core.wire.limits import CLIENT_LINE_BYTES_MAX, SERVER_LINE_BYTES_MAX


def test_what_was_said_before_a_close_still_arrives() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    watching, client = network.logged_in(server), network.logged_in(server)
    client.post("last words")
    client.hang_up()
    network.run(1.0)
    assert watching.texts() == ["last words"]
    assert client.closed is not None and server.load == 1


def test_what_is_under_way_when_a_connection_breaks_is_lost() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    watching, client = network.logged_in(server), network.logged_in(server)
    client.post("never heard")
    client.break_off()
    assert client.closed == "connection reset" and server.load == 1, "both know at once"
    network.run(1.0)
    assert watching.texts() == []


def test_of_a_dead_connection_nobody_is_told() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    client = network.logged_in(server)
    client.go_dead()
    client.post("never heard")
    network.run(0.5)
    assert client.closed is None and server.load == 1 and server.activities() == []


def test_what_is_blocked_arrives_once_it_is_let_through() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    client = network.logged_in(server)
    network.block(server, client)
    client.post("late")
    network.run(1.0)
    assert server.activities() == []
    network.let_through()
    network.run(0.1)
    assert [one["text"] for one in server.activities()] == ["late"]


def test_each_way_takes_as_long_as_is_said() -> None:
    network = ScriptedNetwork(delay=0.1)
    server = network.start("a")
    quick, slow = network.client(server), network.client(server)
    slow.take_each_way(1.0)
    for client in (quick, slow):
        client.login()
    network.run(0.25)
    assert quick.of(wire.LoginSuccess) and not slow.log
    network.run(1.8)
    assert slow.of(wire.LoginSuccess)


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("over", [0, 1])
def test_a_line_may_be_as_long_as_the_engine_lets_it_be(trusted: bool, over: int) -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    peer = network.peer(server)
    if trusted:
        peer.say(wire.Authenticate(SECRET, id="far", incarnation=1, features=["sync"]))
        network.run(0.1)
    limit = SERVER_LINE_BYTES_MAX if trusted else CLIENT_LINE_BYTES_MAX
    peer.say(b"x" * (limit + over) + b"\n")
    network.run(0.1)
    (refused,) = peer.of(wire.InvalidMessage)
    assert ("longer than" in str(refused.info)) == bool(over), refused


def test_a_crash_loses_what_is_not_synced_and_keeps_what_is() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    client = network.logged_in(server)
    client.post("kept")
    network.run(0.1)
    server.disk.delay = (5.0, 5.0)
    client.post("lost")
    network.run(0.1)
    server.crash()
    network.run(0.1)
    assert client.closed is not None and not server.alive
    assert server.handle(events.JoinRequested(server.address)) == []
    again = network.start("a")
    assert [one["text"] for one in again.activities()] == ["kept"]
    assert (server.node.snapshot(server.now).incarnation, again.node.snapshot(again.now).incarnation) == (1, 2)


def test_of_a_host_without_power_nobody_hears_until_it_is_back() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    client = network.logged_in(server)
    server.lose_power()
    network.run(1.0)
    assert client.closed is None
    network.start("a")
    client.post("to nobody")
    network.run(0.1)
    assert client.closed is not None, "whoever is back knows of no connection"


def test_a_part_is_told_at_once_that_it_cannot_reach_the_other() -> None:
    network = ScriptedNetwork()
    one, other = network.build(chain(2))
    network.part([one], [other])
    network.run(0.1)
    dialled = len(one.dials)
    one.join(other)
    network.run(0.1)
    assert len(one.dials) == dialled + 1 and one.reachable == {one.id}
    network.mend()
    assert network.until(network.is_one)


def test_two_servers_of_one_machine_see_each_other_at_loopback_and_others_do_not() -> None:
    network = ScriptedNetwork()
    one = network.start("one", machine="192.168.7.1", hostname="192.168.7.1")
    near = network.start("near", one, machine="192.168.7.1", hostname="192.168.7.1")
    far = network.start("far", one, machine="192.168.7.2", hostname="192.168.7.2")
    network.run(3.0)
    seen = {view.server: view.peer for view in one.node.snapshot(one.now).connections if view.server is not None}
    assert seen[near.id].startswith("127.0.0.1:")
    assert seen[far.id].startswith("192.168.7.2:")


def test_a_full_disk_keeps_nothing_until_it_is_mended() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    client = network.logged_in(server)
    server.disk.full = True
    client.post("no room", ref="r1")
    network.run(0.2)
    assert server.activities() == [] and client.of(wire.ActivityRefused)
    server.disk.mend()
    client.post("room", ref="r2")
    network.run(0.2)
    assert [one["text"] for one in server.activities()] == ["room"]


def test_a_frozen_server_takes_connections_and_hears_nothing() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    server.freeze()
    client = network.client(server)
    client.login()
    network.run(1.0)
    assert client.log == [] and client.closed is None
    server.thaw()
    client.login()
    network.run(1.0)
    assert client.of(wire.LoginSuccess)


def test_time_that_is_skipped_has_what_was_due_happen_late() -> None:
    network = ScriptedNetwork()
    happened: list[float] = []
    for seconds in (1.0, 2.0, 5.0):
        network.after(seconds, lambda: happened.append(network.time))
    network.skip(3.0)
    assert happened == []
    network.run(0.0)
    assert happened == [3.0, 3.0]
    assert network.until(lambda: len(happened) == 3) and network.time == 5.0
    assert not network.until(lambda: False, 10.0) and network.time == 15.0


def test_who_listens_at_an_address_is_found_there_until_nobody_does() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    base = network.listening_base_server()
    address = Address("base.example", base.port)
    server.handle(events.JoinRequested(address))
    network.run(0.1)
    assert base.server is server and base.of(wire.Authenticate)
    network.unlisten(address)
    base.hang_up()
    dialled = len(server.dials)
    network.run(30.0)
    assert len(server.dials) > dialled and len(base.of(wire.Authenticate)) == 1
