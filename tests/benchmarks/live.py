"""People who write to a server and read at others, and how long what they write is on its way."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.benchmarks.data import BODY_BYTES
from tests.processes.harness import NodeProcess

MARK = "posted at "
"""How the text begins of what is posted here; the past is not about it."""
_CONTENT = f'"content":"{MARK}'.encode()
LIMIT = 60.0
"""Seconds that any answer may take."""


def percentile(delays: list[float], part: float = 0.99) -> float:
    return statistics.quantiles(delays, n=1000)[round(1000 * part) - 1] if len(delays) > 1 else float("inf")


class Writing:
    """A native client that posts and reads what it posted."""

    def __init__(self, node: NodeProcess) -> None:
        self._node = node
        self._accepted = 0
        self._news = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None
        self.posted = 0
        self.delays: list[float] = []

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        reader, self._writer = await logged_in(self._node)
        task = asyncio.create_task(self._read(reader))
        try:
            yield
        finally:
            task.cancel()
            self._writer.transport.abort()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            if line.startswith(b'{"command":"ACTIVITY_ACK"'):
                self._accepted += 1
                self._news.set()
            else:
                note_delay(line, self.delays)

    def _post(self) -> None:
        assert self._writer is not None
        self.posted += 1
        start = f"{MARK}{time.perf_counter():.6f} "
        body = {"type": "Note", "content": start + "x" * (BODY_BYTES - 65 - len(start))}
        message = {"command": "ACTIVITY_MESSAGE", "username": "anonymous", "activity": body, "ref": f"r-{self.posted}"}
        self._writer.write(json.dumps(message).encode() + b"\n")

    async def window(self, most: int, seconds: float) -> int:
        """Keep so many unanswered for a time; how many were accepted."""
        ends = time.perf_counter() + seconds
        while time.perf_counter() < ends:
            for _ in range(most - (self.posted - self._accepted)):
                self._post()
            self._news.clear()
            await asyncio.wait_for(self._news.wait(), LIMIT)
        return self._accepted

    async def evenly(self, rate: float) -> None:
        while True:
            self._post()
            await asyncio.sleep(1 / rate)


async def logged_in(node: NodeProcess) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(*node.address, limit=2**26)
    writer.write(b'{"command":"LOGIN","username":"anonymous","features":["ack"],"redirects":1000}\n')
    while b'"CAUGHT_UP"' not in (line := await reader.readline()):
        assert line, "the server hung up"
    return reader, writer


@asynccontextmanager
async def reading(node: NodeProcess) -> AsyncIterator[list[float]]:
    """The delays at which a reader somewhere gets what is posted."""
    delays: list[float] = []
    reader, writer = await logged_in(node)
    since = time.perf_counter()

    async def read() -> None:
        rest = b""
        while data := await reader.read(2**18):
            # A million lines of the past come by: nothing is done about each.
            lines, end, rest = (rest + data).rpartition(b"\n")
            for line in lines.split(b"\n") if end and _CONTENT in lines else ():
                # What was posted before is the past.
                note_delay(line, delays, since)

    task = asyncio.create_task(read())
    try:
        yield delays
    finally:
        task.cancel()
        writer.transport.abort()


def note_delay(line: bytes, delays: list[float], since: float = 0.0) -> None:
    """Note how old a broadcast is whose text begins with the time at which it was posted, if that was not earlier."""
    _, found, text = line.partition(_CONTENT)
    if found and (posted := float(text.partition(b" ")[0])) >= since:
        delays.append(time.perf_counter() - posted)
