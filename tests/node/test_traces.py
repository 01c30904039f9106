"""What a node says of its inside to whoever debugs it: what happened, in stable fields, without secrets."""

from __future__ import annotations

import pytest

from core.node.interface.actions import Trace
from core.node.interface.events import Woke
from core.node.interface.traces import TraceKind, trace_line
from core.simulation.testing import ScriptedNetwork, WatchedServer, chain
from core.wire import messages as wire
from tests.node.one_node import OneNode


def fields(server: WatchedServer, kind: TraceKind, *names: str) -> list[tuple[object, ...]]:
    """Of each trace of a kind, the fields with these names; None where one has no such field."""
    return [tuple(trace.fields.get(name) for name in names) for trace in server.traces if trace.kind == kind]


def traced_pair() -> tuple[ScriptedNetwork, WatchedServer, WatchedServer]:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), tracing=True, redirects=False)
    return network, first, second


def test_each_change_of_a_connections_state_is_told_with_what_led_to_it() -> None:
    network, first, _ = traced_pair()
    begun = len(first.traces)
    client = network.logged_in(first)
    client.say(wire.Logout())
    network.run(0.5)
    del first.traces[:begun]
    assert fields(first, "state", "from", "outcome", "to") == [
        ("fresh", "logged_in", "logged_in"),
        ("logged_in", "ended", "closing"),
    ]
    [(conn,)] = {one for kind in ("opened", "state", "closed") for one in fields(first, kind, "conn")}
    assert isinstance(conn, int), "one number finds all that concerns a connection"


def test_who_dials_whom_and_why_is_told_and_what_came_of_it() -> None:
    _, first, second = traced_pair()
    assert fields(second, "dial", "step", "to", "why") == [("begin", first.address, "join")]
    assert fields(second, "link", "step", "server", "name") == [("up", first.id, first.config.name)]
    assert fields(second, "tree", "server", "to") == [(first.id, "eager")]


def test_a_lost_link_and_the_dials_that_look_for_the_lost_server_are_told() -> None:
    network, first, second = traced_pair()
    begun = len(second.traces)
    first.crash()
    network.run(5.0)
    del second.traces[:begun]
    assert fields(second, "link", "step", "server", "expected") == [("down", first.id, False)]
    dials = fields(second, "dial", "step", "why", "server")
    assert ("begin", "heal", first.id) in dials and ("failed", "heal", first.id) in dials


def test_a_registration_is_told_with_its_rounds_at_each_server_that_it_comes_to() -> None:
    network, first, second = traced_pair()
    network.registered(first, "ann")
    network.run(1.0)
    assert fields(first, "claim", "step", "round") == [
        ("opened", 0),
        ("asks", 1),
        ("gathered", 1),
        ("decided", 1),
        ("account", 1),
    ]
    assert fields(second, "claim", "step", "round")[:1] == [("voted", 1)]
    told = {one for server in (first, second) for one in fields(server, "claim", "claim", "name")}
    assert len(told) == 1, "one number finds a registration at every server"


def test_what_was_missed_is_told_with_how_much_it_was() -> None:
    network = ScriptedNetwork()
    first = network.start("a", tracing=True)
    network.run(1.0)
    writer = network.logged_in(first)
    for number in range(7):
        writer.post(number)
    network.run(1.0)
    second = network.start("b", first, tracing=True)
    network.run(2.0)
    network.logged_in(second, history=5)
    network.run(1.0)
    assert ("answer", 7) in fields(first, "sync", "step", "entries")
    assert ("done", 7) in fields(second, "sync", "step", "received")
    assert fields(second, "history", "step", "newest", "sent") == [("begin", 5, None), ("end", None, 5)]


def test_the_phases_of_leaving_are_told_by_who_leaves_and_by_its_neighbour() -> None:
    network, first, second = traced_pair()
    first.drain()
    network.run(5.0)
    assert fields(first, "drain", "from", "to") == [
        ("running", "settling"),
        ("settling", "handing_over"),
        ("handing_over", "letting_go"),
        ("letting_go", "finished"),
    ]
    assert {server for (server,) in fields(second, "drain", "server")} == {first.id}


def test_no_trace_holds_a_secret_or_what_somebody_wrote() -> None:
    network, first, second = traced_pair()
    client = network.registered(first, "ann", "hunter2secret")
    client.login("ann", "hunter2secret")
    network.run(0.5)
    client.post("what-she-wrote", "ann", "hunter2secret")
    network.run(1.0)
    network.logged_in(second, "ann", "hunter2secret", history=10)
    wrong = network.client(first)
    wrong.login("ann", "wrong-hunter3")
    network.run(5.0)
    first.drain()
    network.run(5.0)
    told = "\n".join(trace_line(one.kind, one.fields) for one in (*first.traces, *second.traces))
    assert "ann" in told, "the name is no secret"
    assert "argon2" not in told
    for secret in ("hunter2secret", "wrong-hunter3", "what-she-wrote", first.config.secret):
        assert secret not in told, secret


def test_activities_cost_no_trace_however_many_there_are() -> None:
    network, first, second = traced_pair()
    client = network.logged_in(first)
    reader = network.logged_in(second)
    begun = len(first.traces), len(second.traces)
    for number in range(50):
        client.post(number)
    network.run(0.5)
    assert len(reader.of(wire.ActivityBroadcast)) == 50
    assert (len(first.traces), len(second.traces)) == begun


def test_a_node_that_nobody_debugs_hands_out_no_trace_and_does_the_same() -> None:
    done: dict[bool, list[object]] = {}
    for tracing in (False, True):
        network = ScriptedNetwork()
        servers = network.build(chain(3), tracing=tracing)
        network.registered(servers[1], "ann")
        servers[0].crash()
        network.run(5.0)
        done[tracing] = [server.notices for server in servers]
        assert any(server.traces for server in servers) is tracing
    assert done[False] == done[True]


def test_a_timer_that_comes_late_is_told_with_its_name() -> None:
    one = OneNode(tracing=True)
    assert one.wake_at is not None
    one.time = one.wake_at + 3.0
    late = [action for action in one.handle(Woke()) if isinstance(action, Trace) and action.kind == "timer"]
    assert len(late) == 1
    assert isinstance(late[0].fields["name"], str) and late[0].fields["late"] == 3.0


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain", "key=plain"),
        (3, "key=3"),
        (True, "key=yes"),
        ("two words", 'key="two words"'),
        ('say "x"', r'key="say \"x\""'),
        ("a=b", 'key="a=b"'),
        ("", 'key=""'),
        ("line\nstate conn=1", r'key="line\nstate conn=1"'),
        ("\x1b[31m", r'key="\u001b[31m"'),
        ("zoë", "key=zoë"),
        ("x" * 300, "key=" + "x" * 199 + "…"),
    ],
)
def test_a_line_has_each_value_in_one_piece_whatever_a_peer_put_into_it(value: object, written: str) -> None:
    assert trace_line("link", {"key": value, "none": None}) == f"link {written}"
