"""A status fits a line, whatever the network's size, and says what it leaves out."""

from __future__ import annotations

import time

import msgspec

from core.node.clients.status_answers import STATUS_BYTES_MAX
from core.node.interface.snapshot import NodeSnapshot, ServerView, UserView, fitting
from core.simulation.testing import ScriptedNetwork
from core.wire import messages as wire
from core.wire.codec import encode
from core.wire.limits import SERVER_LINE_BYTES_MAX
from tests.node.liars import Liar
from tui.script.status_table import table


def snapshot(servers: int, users: int) -> NodeSnapshot:
    names = tuple(f"user{number:030}" for number in range(users))
    known = tuple(UserView(name, 1.0, ("here",)) for name in names)
    others = tuple(
        ServerView(f"server{number:020}", "name", "host.example", 3780, 1, "reachable", users=names)
        for number in range(servers)
    )
    here = ServerView("here", "here", "host.example", 3780, 1, "here", users=names)
    network = ScriptedNetwork()
    picture = network.start("one").node.snapshot(network.now)
    return msgspec.structs.replace(picture, servers=(here, *others), users=known, users_total=users)


def test_a_small_one_is_told_as_it_is() -> None:
    small = snapshot(10, 10)
    assert fitting(small, STATUS_BYTES_MAX) is small


def test_of_a_large_network_the_names_of_people_elsewhere_go_first() -> None:
    large = snapshot(1000, 256)
    shown = fitting(large, STATUS_BYTES_MAX)
    assert len(msgspec.json.encode(shown)) <= STATUS_BYTES_MAX
    assert [server.id for server in shown.servers] == [server.id for server in large.servers]
    assert shown.servers[0].users and not shown.servers[1].users
    assert shown.left_out == 0


def test_of_a_larger_one_servers_are_left_out_and_counted_and_people_read_so() -> None:
    large = snapshot(20_000, 10)
    shown = fitting(large, STATUS_BYTES_MAX)
    assert len(msgspec.json.encode(shown)) <= STATUS_BYTES_MAX
    assert shown.left_out == 20_001 - len(shown.servers) > 0
    assert shown.servers[0].state == "here"
    assert any(f"{shown.left_out:,} more, too many for one answer" in line for line in table(shown))


def test_a_server_with_thousands_of_others_answers_in_a_line() -> None:
    network = ScriptedNetwork(checked=False)
    server = network.start("one")
    network.run(0.5)
    Liar(network, server).invent_linked(2000, prefix="x" * 40)
    client = network.logged_in(server)
    client.say(wire.StatusRequest())
    network.run(1.0)
    (status,) = client.of(wire.Status)
    assert len(encode(status)) <= SERVER_LINE_BYTES_MAX


def test_of_servers_that_cannot_be_reached_each_row_and_the_warning_say_since_when() -> None:
    usual = snapshot(1, 0)
    gone = ServerView("gone", "kiruna", "far.example", 3780, 0, "unreachable", since=1_795_348_800.0)
    picture = msgspec.structs.replace(usual, servers=(*usual.servers, gone), unreachable=1)
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(1_795_348_800.0))
    lines = list(table(picture))
    assert f"! 1 known server cannot be reached since {when}" in lines
    assert any("kiruna" in line and f"unreachable since {when}" in line for line in lines)
