"""The tracer: so many lines of a kind, and how many there were besides; and a loop that does not come round."""

from __future__ import annotations

import asyncio
import time

from core.engine.upkeep import tracer as module
from core.engine.upkeep.tracer import LINES_AT_ONCE, Tracer
from core.node.interface.actions import Action, CountQueues, Trace
from core.node.interface.events import Event, MessageReceived, QueuesCounted
from tests.engine.harness import Peer, world


class Lines(list[str]):
    """What a tracer has written."""

    def __init__(self) -> None:
        super().__init__()
        self.fresh = asyncio.Event()

    def write(self, line: str) -> None:
        self.append(line)
        self.fresh.set()

    async def shows(self, words: str) -> None:
        async with asyncio.timeout(20):
            while not any(words in line for line in self):
                self.fresh.clear()
                await self.fresh.wait()


async def test_a_storm_of_one_kind_is_counted_and_hides_no_other() -> None:
    lines = Lines()
    tracer = Tracer(asyncio.get_running_loop(), lines.write)
    storm = 20_000
    for number in range(storm):
        tracer.trace("state", conn=number)
    tracer.trace("drain", to="settling")
    written = [line for line in lines if line.startswith("state ")]
    assert LINES_AT_ONCE <= len(written) < storm / 10
    assert lines[-1] == "drain to=settling"
    await lines.shows("left_out")
    assert f"state left_out={storm - len(written)}" in lines
    tracer.close()


async def test_what_was_left_out_is_told_at_the_end() -> None:
    lines = Lines()
    tracer = Tracer(asyncio.get_running_loop(), lines.write)
    for number in range(1000):
        tracer.trace("link", conn=number)
    tracer.close()
    assert lines[-1] == f"link left_out={1000 - (len(lines) - 1)}"


async def test_a_loop_that_does_not_come_round_is_told_with_how_late_it_was() -> None:
    lines = Lines()
    tracer = Tracer(asyncio.get_running_loop(), lines.write)
    time.sleep(module.BEAT + 0.2)  # noqa: ASYNC251 (that is what is to be noticed)
    await lines.shows("slow what=loop late=")
    tracer.close()


async def test_an_event_that_takes_long_is_told_with_the_connection_that_it_came_from() -> None:
    def slow(event: Event) -> list[Action]:
        if isinstance(event, MessageReceived):
            time.sleep(module.SLOW + 0.01)
            return [Trace("link", {"conn": event.conn})]
        return []

    lines = Lines()
    async with world(slow, tracer=Tracer(asyncio.get_running_loop(), lines.write)) as here:
        peer = await Peer.dial(here.port)
        await peer.ping(1)
        await lines.shows("slow what=MessageReceived")
        peer.close()
    # Other events may have been slow too, on a machine that has much else to do.
    [slow_one] = [line for line in lines if "what=MessageReceived" in line]
    assert slow_one.endswith(" conn=1 actions=1")
    assert lines.index("link conn=1") < lines.index(slow_one), "what the node says is written in its order"


async def test_what_waits_beside_the_node_is_counted_when_the_node_asks() -> None:
    async with world(starting=[CountQueues(7)]) as here:
        (counted,) = await here.node.told(QueuesCounted)
    assert counted.token == 7
    assert counted.queues["bytes waiting for the disk"] == 0
    assert counted.queues["threads"] >= 2, "this one and the disk's"
