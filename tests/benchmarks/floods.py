"""What a flood from one address does to everybody else. `python -m tests.benchmarks.floods [KIND ...]` prints it.

Each flood is held against a quiet run with the same server before it. Honest people come from another address of this
machine (127.0.0.2): readers, one who writes so often, somebody who logs in, somebody who registers, and a server that
joins. The bars stand beside the figures.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.processes.harness import REPOSITORY, NodeProcess

HONEST = "127.0.0.2"
READERS = 30
POSTS_A_SECOND = 20
QUIET_SECONDS = 10.0
FLOOD_SECONDS = 20.0
LIMIT = 90.0
CROWD = 9_990
SECRET = "correct horse"
LOGIN_BAR, RATIO_BAR, MEMORY_BAR = 2.0, 3.0, 60.0


# --- honest people ----------------------------------------------------------------------------------------------------


class Line:
    """A connection of somebody honest."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port: int, source: str = HONEST) -> Line:
        return cls(*await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0), limit=2**21))

    def say(self, **message: Any) -> None:
        self.writer.write(json.dumps(message).encode() + b"\n")

    async def hear(self, *commands: str) -> dict[str, Any]:
        """The next message with one of these commands. Raises ConnectionError at the end of the stream."""
        while line := await self.reader.readline():
            message: dict[str, Any] = json.loads(line)
            if message["command"] in commands:
                return message
            if message["command"] in ("INVALID_MESSAGE", "AUTHENTICATION_FAIL", "LOGIN_FAILED", "REGISTER_FAILED"):
                raise ConnectionError(str(message.get("info")))
        raise ConnectionError("closed")

    def close(self) -> None:
        self.writer.transport.abort()


async def seconds_until(port: int, ask: dict[str, Any], answer: str) -> float:
    """From connecting to an answer; tried again until it comes, infinity if it does not."""
    began = time.perf_counter()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LIMIT):
            while True:
                with contextlib.suppress(OSError):
                    line = await Line.open(port)
                    try:
                        line.say(**ask)
                        await line.hear(answer)
                        return time.perf_counter() - began
                    finally:
                        line.close()
                await asyncio.sleep(0.1)
    return float("inf")


@dataclass
class Seen:
    """What honest people saw in one run."""

    delays: list[float] = field(default_factory=list)
    logins: list[float] = field(default_factory=list)
    registrations: list[float] = field(default_factory=list)
    cut: int = 0

    @property
    def p99(self) -> float:
        return sorted(self.delays)[int(0.99 * len(self.delays))] if self.delays else float("inf")


class Honest:
    """Readers, and one who writes what they read."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.seen = Seen()
        self._registered = 0
        self._reading = asyncio.Semaphore(0)
        """Released once for each reader that is in."""

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        self._reading = asyncio.Semaphore(0)
        tasks = [asyncio.create_task(self._read()) for _ in range(READERS)]
        try:
            async with asyncio.timeout(30.0):
                for _ in tasks:
                    await self._reading.acquire()
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        line = await Line.open(self.port)
        try:
            line.say(command="LOGIN", username="ann", secret=SECRET)
            await line.hear("LOGIN_SUCCESS")
            self._reading.release()
            while True:
                activity = (await line.hear("ACTIVITY_BROADCAST"))["activity"]
                if "at" in activity:
                    self.seen.delays.append(time.perf_counter() - activity["at"])
        except OSError:
            self.seen.cut += 1
        finally:
            line.close()

    async def run(self, seconds: float) -> Seen:
        """Live for so long; what was seen."""
        self.seen = seen = Seen()
        until = time.perf_counter() + seconds
        writing = asyncio.create_task(self._write(until))
        while time.perf_counter() < until:
            login = {"command": "LOGIN", "username": "ann", "secret": SECRET}
            seen.logins.append(await seconds_until(self.port, login, "LOGIN_SUCCESS"))
            self._registered += 1
            register = {"command": "REGISTER", "username": f"new{self._registered}", "secret": SECRET}
            seen.registrations.append(await seconds_until(self.port, register, "REGISTER_SUCCESS"))
            await asyncio.sleep(1.0)
        await writing
        return seen

    async def _write(self, until: float) -> None:
        line = await Line.open(self.port)
        line.say(command="LOGIN", username="ann", secret=SECRET)
        await line.hear("LOGIN_SUCCESS")
        drain = asyncio.create_task(line.hear("never"))
        while time.perf_counter() < until:
            activity = {"text": "hello", "at": time.perf_counter()}
            line.say(command="ACTIVITY_MESSAGE", username="ann", secret=SECRET, activity=activity)
            await asyncio.sleep(1 / POSTS_A_SECOND)
        await asyncio.sleep(0.5)
        drain.cancel()
        line.close()
        await asyncio.gather(drain, return_exceptions=True)


# --- floods: each in a process of its own, from one address -----------------------------------------------------------


async def wrong_logins(port: int, until: float) -> None:
    """Guesses whose connection is closed at once."""
    while time.monotonic() < until:
        lines = await asyncio.gather(*(Line.open(port, "127.0.0.1") for _ in range(50)), return_exceptions=True)
        for line in lines:
            if isinstance(line, Line):
                line.say(command="LOGIN", username="ann", secret="wrong")
                line.writer.close()
        await asyncio.sleep(0)


async def crowd(port: int, until: float, said: bytes) -> None:
    """As many connections as there are places, which say so much and stay."""
    lines: list[Line] = []
    while time.monotonic() < until:
        for line in [one for one in lines if one.writer.is_closing() or one.reader.at_eof()]:
            lines.remove(line)
            line.close()
        if len(lines) < CROWD:
            some = await asyncio.gather(*(Line.open(port, "127.0.0.1") for _ in range(100)), return_exceptions=True)
            for one in some:
                if isinstance(one, Line):
                    one.writer.write(said)
                    lines.append(one)
        await asyncio.sleep(0.02)


async def writer(port: int, until: float, size: int) -> None:
    """One anonymous person who writes as fast as it goes, and reads."""
    line = await Line.open(port, "127.0.0.1")
    line.say(command="LOGIN", username="anonymous")
    drain = asyncio.create_task(drained(line))
    message = {"command": "ACTIVITY_MESSAGE", "username": "anonymous", "activity": {"text": "x" * size}}
    data = (json.dumps(message).encode() + b"\n") * max(1, 100_000 // size)
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(max(0.1, until - time.monotonic())):
            while True:
                line.writer.write(data)
                await line.writer.drain()
    drain.cancel()
    line.close()


async def drained(line: Line) -> None:
    while await line.reader.read(2**20):
        pass


FLOODS: dict[str, Callable[[int, float], Any]] = {
    "wrong logins, closed at once": wrong_logins,
    "silent connections": lambda port, until: crowd(port, until, b""),
    "anonymous connections": lambda port, until: crowd(port, until, b'{"command":"LOGIN","username":"anonymous"}\n'),
    "unfinished lines of 47 kB": lambda port, until: crowd(port, until, b'{"command":"' + b"x" * 47_000),
    "an anonymous writer, 200 B": lambda port, until: writer(port, until, 200),
    "an anonymous writer, 60 kB": lambda port, until: writer(port, until, 60_000),
}


# --- measuring --------------------------------------------------------------------------------------------------------


def resident(pid: int) -> int:
    """Bytes that a process has in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    return 0


async def measure(kind: str, directory: Path) -> None:
    """One flood beside a quiet run, as a row."""
    async with NodeProcess(directory / "node", options=("--no-redirects", "--backup-interval", "0")) as node:
        assert await seconds_until(
            node.port, {"command": "REGISTER", "username": "ann", "secret": SECRET}, "REGISTER_SUCCESS"
        ) < float("inf")
        honest = Honest(node.port)
        async with honest.reading():
            quiet = await honest.run(QUIET_SECONDS)
            before = resident(node.pid)
            flood = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.benchmarks.floods", "--flood", kind, str(node.port)),
                cwd=REPOSITORY,
                stderr=subprocess.DEVNULL,
            )
            await asyncio.sleep(1.0)
            running = asyncio.create_task(honest.run(FLOOD_SECONDS))
            await asyncio.sleep(5.0)
            server = {"command": "AUTHENTICATE", "secret": node.secret, "id": "honestserver", "incarnation": 1}
            linked = await seconds_until(node.port, {**server, "features": ["sync"]}, "SERVER_HELLO")
            seen = await running
            most = resident(node.pid)
            await flood.wait()
        ended = time.perf_counter()
        while resident(node.pid) > before + 32 * 2**20 and time.perf_counter() - ended < 2 * MEMORY_BAR:
            await asyncio.sleep(1.0)
        back = time.perf_counter() - ended
        left = resident(node.pid) - before
    ratio = seen.p99 / quiet.p99
    done = sum(took < float("inf") for took in seen.registrations)
    rows = (
        f"{kind}:",
        f"somebody else logs in: {max(seen.logins):.2f} s at most, {max(quiet.logins):.2f} quiet (bar {LOGIN_BAR:g})",
        (
            f"registrations: {done} of {len(seen.registrations)} succeed, {max(seen.registrations):.2f} s at most,"
            f" {statistics.median(quiet.registrations):.2f} quiet"
        ),
        f"broadcast p99: {1000 * seen.p99:.1f} ms, {1000 * quiet.p99:.1f} quiet: {ratio:.1f} x (bar {RATIO_BAR:g} x)",
        f"honest readers cut: {seen.cut} (bar 0); a server is let in after {linked:.2f} s",
        (
            f"memory: {before / 2**20:.0f} MB before, {most / 2**20:.0f} meanwhile, {left / 2**20:+.0f} {back:.0f} s"
            f" after the end (bar: back within {MEMORY_BAR:g} s)"
        ),
    )
    print("\n  ".join(rows), flush=True)


async def main(*kinds: str) -> None:
    for kind in kinds or FLOODS:
        with tempfile.TemporaryDirectory() as directory:
            await measure(kind, Path(directory))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--flood"]:
        asyncio.run(FLOODS[sys.argv[2]](int(sys.argv[3]), time.monotonic() + FLOOD_SECONDS + 1.0))
    else:
        asyncio.run(main(*sys.argv[1:]))
