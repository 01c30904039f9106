"""A notice says whether lines say the same: what is in no story is told by a notice wherever stories are told."""

from __future__ import annotations

import pytest

from core.node.interface import events
from core.node.interface.notices import NoticeKind
from core.simulation.testing import ScriptedNetwork, WatchedServer, chain
from core.stories import decode, encode
from core.wire import messages as wire


def told(server: WatchedServer, kind: NoticeKind) -> list[bool]:
    """Whether each notice of a kind is in a story as well."""
    return [notice.in_story for notice in server.notices if notice.kind == kind]


def test_what_becomes_of_a_neighbour_is_in_stories() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    assert set(told(first, "linked")) == set(told(first, "joined")) == {True}
    network.cut_between(first, second)
    network.run(1.0)
    assert told(first, "unlinked") == [True]
    assert "link lost" in [line.kind for line in first.lines]


def test_what_becomes_of_a_base_server_is_in_none() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    base = network.base_server(server)
    base.say(wire.Quit("node.example", server.config.port))
    network.run(0.5)
    base.hang_up()
    network.run(1.0)
    assert (
        told(server, "joined") == told(server, "linked") == told(server, "quit") == told(server, "unlinked") == [False]
    )
    assert [line.kind for line in server.lines if line.about is not None and line.about.id != server.id] == []


def test_a_registration_is_in_stories_but_not_what_was_refused_to_a_base_server_at_once() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    network.registered(server, "ann")
    assert told(server, "registered") == [True]
    base = network.base_server(server)
    base.say(wire.LockRequest("ann", "another"))
    network.run(0.5)
    assert told(server, "vote") == [False]


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        ("too slow: nothing was taken for 60 s", "nothing taken"),
        ("too slow: more than 1000000 bytes waited", "too much"),
        ("too slow: 20001 activities came while it caught up", "too much"),
    ],
)
def test_a_story_of_a_reader_that_was_cut_off_has_why_also_where_no_remark_is_shown(reason: str, why: str) -> None:
    network = ScriptedNetwork()
    server = network.start("a", redirects=False)
    network.registered(server, "ann").hang_up()
    client = network.logged_in(server, "ann", "s")
    server.handle(events.ConnectionClosed(client.conn, reason))
    assert [(line.person, line.why) for line in server.lines if line.kind == "reader cut"] == [("ann", why)]


def test_a_line_can_be_kept_whatever_the_disk_says() -> None:
    """A path may hold what is no Unicode."""
    server = ScriptedNetwork().start("a")
    server.handle(events.CommitFailed(0, "/data/\udcff is full"))
    (line,) = [line for line in server.lines if line.kind == "disk fails"]
    assert decode(encode(line)) == line
    assert line.remark == "/data/\\udcff is full"
