"""What people over SSH cost: bytes and processor time. `python -m tests.benchmarks.ssh_traffic [ROW ...]`.

Each is an OpenSSH client of their own, on a pseudo-terminal where they look at the application. A server in a process
of its own posts 20 activities a second meanwhile. A terminal here says that it paints synchronously (mode 2026), so
that a frame has a beginning in what it is sent.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.benchmarks.rows import RowParser, Rows, at_most, measure_rows
from tests.benchmarks.ssh_sessions import FIRST_FRAME, BenchServer
from tests.ssh.terminal import TerminalCommand
from tui.ssh.ssh_settings import usual_workers

SIZES: Final = (((80, 24), 1_800), ((120, 40), 3_200))
"""Columns and rows, and how many bytes a frame may take."""
RATE: Final = 20
"""Activities a second."""
FRAME: Final = b"\x1b[?2026h"
SYNCHRONOUS: Final = b"\x1b[?2026;2$y"
WARM: Final = 4.0
LIMIT: Final = 60.0


@dataclass(frozen=True)
class Scale:
    """How much of everything: what the bars are for, unless somebody asks for less."""

    sessions: int = 20
    seconds: float = 10.0
    rounds: int = 3
    tail_rate: int = 200
    workers: int = usual_workers()


def command(port: int, directory: Path, *words: str) -> list[str]:
    """The OpenSSH client."""
    return [
        *("ssh", "-F", "none", "-p", str(port), "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"),
        *("-o", f"UserKnownHostsFile={directory / 'known_hosts'}", "-o", "PubkeyAuthentication=no"),
        *("anonymous@127.0.0.1", *words),
    ]


async def _look(server: BenchServer, directory: Path, size: tuple[int, int], stack: AsyncExitStack) -> TerminalCommand:
    """Somebody who looks at the application."""
    terminal = TerminalCommand(command(server.ssh, directory), size=size)
    await stack.enter_async_context(terminal)
    async with asyncio.timeout(LIMIT):
        while FIRST_FRAME not in terminal.output:
            await asyncio.sleep(0.05)
    terminal.send(SYNCHRONOUS)
    return terminal


async def frames(scale: Scale, directory: Path) -> None:
    """Bytes of a frame while activities arrive, and while nothing happens."""
    for size, bar in SIZES:
        async with BenchServer(scale.workers) as server, AsyncExitStack() as stack:
            terminal = await _look(server, directory, size, stack)
            await asyncio.sleep(WARM)
            terminal.output = b""
            await asyncio.sleep(scale.seconds)
            quiet = len(terminal.output)
            await server.ask(f"rate {RATE}")
            await asyncio.sleep(WARM)
            terminal.output = b""
            await asyncio.sleep(scale.seconds)
            # What came before the first frame began, and the last one, are not whole.
            found = [len(FRAME + frame) for frame in terminal.output.split(FRAME)[1:-1]]
            name = f"{size[0]}×{size[1]}"
            told = f"{len(found) / scale.seconds:.1f} a second, the largest {max(found):,} B"
            at_most(
                f"a frame at {RATE} activities a second, {name}, median ({told})", statistics.median(found), bar, "B", 0
            )
            at_most(f"{name}, bytes in {scale.seconds:g} s without change", quiet, 0, "B", 0)


async def sessions(scale: Scale, directory: Path) -> None:
    """Processor time of the server and its workers while many follow what arrives."""
    size = SIZES[-1][0]
    async with BenchServer(scale.workers) as server, AsyncExitStack() as stack:
        alone = await _share(server, scale, RATE)
        terminals = [await _look(server, directory, size, stack) for _ in range(scale.sessions)]
        await server.ask(f"rate {RATE}")
        await asyncio.sleep(WARM)
        shares, painted = [], []
        for _ in range(scale.rounds):
            before = sum(terminal.output.count(FRAME) for terminal in terminals)
            shares.append(await _share(server, scale, RATE))
            painted.append(sum(terminal.output.count(FRAME) for terminal in terminals) - before)
        each = statistics.median(painted) / scale.seconds / scale.sessions
        told = " ".join(f"{share:.0f}" for share in shares)
        at_most(
            f"processor, {scale.sessions} sessions of {size[0]}×{size[1]} that follow {RATE} activities a second"
            f" ({told}; {alone:.0f} with none; {each:.1f} frames a second each)",
            statistics.median(shares), 60, "%", 0,
        )  # fmt: skip


async def _share(server: BenchServer, scale: Scale, rate: int) -> float:
    """Of a processor, in percent, what the server and its workers take while activities are posted."""
    await server.ask(f"rate {rate}")
    loop = asyncio.get_running_loop()
    before, began = await server.ask("stats"), loop.time()
    await asyncio.sleep(scale.seconds)
    after = await server.ask("stats")
    return float(100 * (after["cpu"] - before["cpu"]) / (loop.time() - began))


async def tails(scale: Scale, directory: Path) -> None:
    """What `ssh … tail` costs the server for each activity and session."""
    costs: list[float] = []
    async with BenchServer(scale.workers) as server:
        for _ in range(scale.rounds):
            alone = await _share(server, scale, scale.tail_rate)
            async with _tailing(server, directory, scale.sessions) as lines:
                await asyncio.sleep(WARM)
                before = lines.count
                together = await _share(server, scale, scale.tail_rate)
                written = lines.count - before
            costs.append((together - alone) / 100 * scale.seconds * 1000 / written)
    told = " ".join(f"{cost:.3f}" for cost in costs)
    at_most(
        f"ssh … tail, {scale.sessions} sessions at {scale.tail_rate} a second, processor for an activity and session"
        f" ({told})", statistics.median(costs), 0.15, "ms", 3,
    )  # fmt: skip


class Lines:
    """How many lines have come, of all who read."""

    count = 0

    async def read(self, stream: asyncio.StreamReader) -> None:
        while data := await stream.read(2**16):
            self.count += data.count(b"\n")


@asynccontextmanager
async def _tailing(server: BenchServer, directory: Path, count: int) -> AsyncIterator[Lines]:
    """So many who follow with `tail`; each has had a line."""
    lines = Lines()
    words = command(server.ssh, directory, "tail")
    processes = [
        await asyncio.create_subprocess_exec(*words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE)
        for _ in range(count)
    ]
    try:
        readers = []
        for process in processes:
            assert process.stdout is not None
            async with asyncio.timeout(LIMIT):
                assert await process.stdout.readline(), "tail has ended"
            readers.append(asyncio.create_task(lines.read(process.stdout)))
        yield lines
    finally:
        for process in processes:
            process.kill()
            await process.wait()


ROWS: Rows[Scale] = {"frames": frames, "sessions": sessions, "tails": tails}


async def main(rows: Sequence[str] | None = None, scale: Scale | None = None) -> None:
    await measure_rows(ROWS, rows and list(rows), scale or Scale())


if __name__ == "__main__":
    os.environ.setdefault("TERM", "xterm-256color")
    arguments = RowParser("tests.benchmarks.ssh_traffic", __doc__, ROWS, Scale()).read(sys.argv[1:])
    asyncio.run(main(arguments.rows, arguments.scale))
