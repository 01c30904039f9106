"""What one event costs the engine does not grow with how many connections there are: steps are counted, not time."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any

import pytest

from core.node.interface.actions import Action, Known, Send, Subscribe
from core.node.interface.events import ConnectionClosed, ConnectionOpened, Event, MessageReceived
from tests.engine.harness import Peer, World, frame, until, world

SIZES = (50, 100, 200)
GROWTH_MAX = 1.3


class Counter:
    """Counts the bytecodes of `core` that the loop's thread runs."""

    def __init__(self) -> None:
        self.steps = 0

    def __enter__(self) -> Counter:
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace(self, frame: FrameType, what: str, argument: object) -> Any:
        if "/core/" not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        if what == "opcode":
            self.steps += 1
        return self._trace


def script(event: Event) -> list[Action]:
    """Everybody is known and subscribes; whoever says something is answered."""
    match event:
        case ConnectionOpened(conn):
            return [Known(conn, named=True), Subscribe(conn)]
        case MessageReceived(conn):
            return [Send(conn, frame(0))]
    return []


Act = Callable[[World, list[Peer]], Awaitable[None]]


async def connect(here: World, peers: list[Peer]) -> None:
    peers.append(await here.client())


async def disconnect(here: World, peers: list[Peer]) -> None:
    peers[len(peers) // 2].close()
    await here.node.told(ConnectionClosed)
    await until(lambda: len(here.runtime.connections.open) == len(peers) - 1)


async def say(here: World, peers: list[Peer]) -> None:
    await peers[0].ping(1)
    await peers[0].hear(len(frame(0).data))


async def half_a_line(here: World, peers: list[Peer]) -> None:
    await peers[0].say(b"x" * 1000)
    await until(lambda: here.runtime.connections.unfinished_lines.total == 1000)


async def nonsense(here: World, peers: list[Peer]) -> None:
    await peers[0].say(b"nonsense\n")
    await until(lambda: len(here.node.events) > len(peers))


@pytest.mark.parametrize("act", [connect, disconnect, say, half_a_line, nonsense])
async def test_the_steps_of_an_event_do_not_grow_with_the_connections(act: Act) -> None:
    steps = []
    for size in SIZES:
        async with world(script) as here:
            peers = [await here.client() for _ in range(size)]
            await asyncio.sleep(0)
            with Counter() as counter:
                await act(here, peers)
            steps.append(counter.steps)
    assert min(steps) > 50, "something was counted"
    assert steps[-1] <= GROWTH_MAX * steps[0], f"{steps} steps among {SIZES}"


async def test_the_steps_of_a_mass_disconnect_are_linear() -> None:
    each = []
    for size in SIZES:
        async with world(script) as here:
            peers = [await here.client() for _ in range(size)]
            with Counter() as counter:
                for peer in peers:
                    peer.close()
                await here.node.told(ConnectionClosed, size)
            each.append(counter.steps / size)
    # A busy machine spreads it over more passes of the loop; were each to look at all others it would be fourfold.
    assert each[-1] <= 2.0 * each[0], f"{each} steps for each among {SIZES}"


async def test_the_steps_of_a_connection_that_finds_no_room_do_not_grow() -> None:
    steps = []
    for size in SIZES:
        async with world(connections=size) as here:
            here.runtime.connections.places.draw = lambda: 1.0
            peers = [await Peer.dial(here.port) for _ in range(size)]
            await here.node.told(ConnectionOpened, size)
            with Counter() as counter:
                peers.append(await Peer.dial(here.port))
                await here.node.told(ConnectionOpened, size + 1)
            steps.append(counter.steps)
    assert steps[-1] <= GROWTH_MAX * steps[0], f"{steps} steps among {SIZES}"
