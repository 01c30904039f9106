"""A load generator, in a process of its own: one posts at a steady rate, others read, and it says how long that took.

    python -m tests.benchmarks.load PORT RATE SECONDS RECEIVERS

prints one JSON object. `late` is how far it was behind its own rate, at the 99th percentile: where that is much of the
delays, it is the load generator that is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from dataclasses import asdict, dataclass

from tests.benchmarks.data import BODY_BYTES
from tests.benchmarks.live import LIMIT, MARK, percentile
from tests.processes.harness import REPOSITORY

_CONTENT = f'"content":"{MARK}'.encode()
_LOGIN = b'{"command":"LOGIN","username":"anonymous","features":["ack"],"redirects":1000}\n'


@dataclass
class Load:
    """What became of a load. Times are seconds."""

    posted: int
    received: int
    """Of all receivers together."""
    receivers: int
    p50: float
    p99: float
    late: float
    cpu: float
    """Seconds of CPU of the load generator a second."""

    @property
    def is_whole(self) -> bool:
        """Whether every receiver has had everything once."""
        return self.received == self.posted * self.receivers


class _Connection(asyncio.Protocol):
    """A client: notes how old each activity is that comes while it is live."""

    def __init__(self, run: int) -> None:
        self._mark = _CONTENT + b"%d " % run
        self.live: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.delays: list[float] = []
        self._rest = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(_LOGIN)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        lines, end, self._rest = (self._rest + data).rpartition(b"\n")
        if not end:
            return
        if not self.live.done() and b'"CAUGHT_UP"' in lines:
            self.live.set_result(None)
        for text in lines.split(self._mark)[1:]:
            self.delays.append(now - float(text[: text.index(b" ")]))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.live.done():
            self.live.set_exception(ConnectionError("the server hung up"))


async def _generate(port: int, rate: float, seconds: float, receivers: int) -> Load:
    loop = asyncio.get_running_loop()
    run = time.perf_counter_ns()
    connections = [
        (await loop.create_connection(lambda: _Connection(run), "127.0.0.1", port))[1] for _ in range(receivers + 1)
    ]
    await asyncio.wait_for(asyncio.gather(*(one.live for one in connections)), LIMIT)
    writer = connections.pop(0)
    assert writer.transport is not None
    late: list[float] = []
    begun, spent = time.perf_counter(), time.process_time()
    posted = 0
    while posted < rate * seconds:
        now = time.perf_counter()
        due = begun + posted / rate
        if due > now:
            await asyncio.sleep(due - now)
            continue
        late.append(now - due)
        start = f"{MARK}{run} {now:.6f} "
        body = {"type": "Note", "content": start + "words of some length " * ((BODY_BYTES - 65 - len(start)) // 21)}
        message = {"command": "ACTIVITY_MESSAGE", "username": "anonymous", "activity": body, "ref": f"{run}-{posted}"}
        writer.transport.write(json.dumps(message).encode() + b"\n")
        posted += 1
    cpu = (time.process_time() - spent) / (time.perf_counter() - begun)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LIMIT):
            while any(len(one.delays) < posted for one in connections):
                await asyncio.sleep(0.02)
    for one in (writer, *connections):
        assert one.transport is not None
        one.transport.abort()
    delays = [delay for one in connections for delay in one.delays]
    return Load(posted, len(delays), receivers, percentile(delays, 0.5), percentile(delays), percentile(late), cpu)


async def load(port: int, rate: float, seconds: float, receivers: int) -> Load:
    """Put a load on the server at `port` of this machine from another process, and wait until it is through."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.load", str(port), str(rate), str(seconds), str(receivers)),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        told, _ = await asyncio.wait_for(process.communicate(), seconds + 3 * LIMIT)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, "the load generator failed"
    return Load(**json.loads(told))


if __name__ == "__main__":
    _port, _rate, _seconds, _receivers = sys.argv[1:]
    print(json.dumps(asdict(asyncio.run(_generate(int(_port), float(_rate), float(_seconds), int(_receivers))))))
