"""Servers that are far from each other: everything between them takes a while, both ways."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self

from tests.processes.conftest import OPTIONS
from tests.processes.harness import NodeNetwork, NodeProcess
from tests.processes.people import Person

DELAY = 0.15
"""Seconds, one way."""


class Delay:
    """A proxy in front of a server, through which every byte takes DELAY: not every kernel has netem."""

    def __init__(self) -> None:
        self.target: tuple[str, int] | None = None
        self.carried = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.address: tuple[str, int] = self._server.sockets[0].getsockname()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self.target is not None
        try:
            there, back = await asyncio.open_connection(*self.target)
        except OSError:
            writer.close()
            return
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._carry(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(1000)

        async def arrive() -> None:
            while True:
                due, data = await under_way.get()
                await asyncio.sleep(due - loop.time())
                if not data:
                    return
                sink.write(data)
                await sink.drain()
                self.carried += len(data)

        arriving = asyncio.create_task(arrive())
        try:
            with contextlib.suppress(OSError):
                while data := await source.read(65536):
                    await under_way.put((loop.time() + DELAY, data))
            await under_way.put((loop.time() + DELAY, b""))
            await arriving
        except OSError:
            pass  # the other side has gone first
        finally:
            arriving.cancel()
            sink.close()


@contextlib.asynccontextmanager
async def far_apart(directory: Path, count: int) -> AsyncIterator[tuple[list[NodeProcess], list[Delay]]]:
    """A chain of servers, each of which is known to the others only by its delaying proxy."""
    async with contextlib.AsyncExitStack() as stack:
        network = await stack.enter_async_context(NodeNetwork(directory, options=OPTIONS))
        delays: list[Delay] = []
        for _ in range(count):
            delay = await stack.enter_async_context(Delay())
            host, port = delay.address
            join = delays[-1].address if delays else None
            node = await network.start(join, options=("--advertise", f"{host}:{port}"))
            delay.target = node.address
            delays.append(delay)
        await network.settled()
        yield network.nodes, delays


async def test_servers_that_are_far_apart_agree_on_names_and_miss_nothing(tmp_path: Path) -> None:
    async with far_apart(tmp_path, 3) as (servers, delays):
        loop = asyncio.get_running_loop()
        async with await servers[0].client() as client:
            began = loop.time()
            await client.register("ann", "her secret")
            assert loop.time() - began > 2 * DELAY, "the lock went through the proxies"
        people = [Person([server], "ann", "her secret") for server in servers]
        async with people[0], people[1], people[2]:
            for number in range(20):
                for place, person in enumerate(people):
                    person.post(f"{place}: {number}")
            everything = {f"{place}: {number}" for place in range(3) for number in range(20)}
            for person in people:
                await person.answered()
                await person.has(everything)
                person.nothing_twice()
                for place in range(3):
                    person.in_order(f"{place}: ")
        # A crash in the middle is noticed and mended in spite of the delay.
        servers[1].kill9()
        await servers[1].wait()
        async with Person([servers[0]]) as writer, Person([servers[2]]) as reader:
            await writer.post_accepted(["around"])
            await reader.has(["around"])
        assert all(delay.carried for delay in delays[:2])
