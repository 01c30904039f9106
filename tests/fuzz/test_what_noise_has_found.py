"""What noise has found, without the noise."""

from __future__ import annotations

from core.node.interface import events
from core.wire import messages as wire
from tests.node import one_node
from tests.node.one_node import OneNode


def test_a_base_server_that_calls_itself_otherwise_again_and_again_leaves_no_timer_behind() -> None:
    """Each was kept until the base server would have been silent for too long: as many as it says lines meanwhile."""
    one = OneNode()
    conn = one_node.quiet(one)
    for number in range(500):
        one.say(conn, wire.ServerAnnounce(f"base-{number}", 0, "base.example", 9000))
    assert one.node.queues()["timers"] < 30
    one.handle(events.ConnectionClosed(conn, "closed by the peer"))
