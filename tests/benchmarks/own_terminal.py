"""A program on a terminal of its own, read as fast as it paints, and what it takes of the machine."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import socket
import struct
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.benchmarks.figures import resident
from tests.processes.harness import REPOSITORY

SIZE: Final = (120, 40)
FIRST_FRAME: Final = b"palette"
"""The last words of the application's first whole frame."""
BARE: Final = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("palette")
Bare().run()
"""
"""A bare Textual application."""
START_LIMIT: Final = 60.0


class OwnTerminal:
    """A Python program on a pseudo-terminal; `arguments` are Python's."""

    def __init__(self, home: Path, arguments: Sequence[str]) -> None:
        self._home = home
        self._arguments = arguments
        self._process: asyncio.subprocess.Process | None = None
        self._tail = b""
        self._wanted: dict[bytes, asyncio.Future[float]] = {}
        self.painted = 0
        """Bytes."""

    async def __aenter__(self) -> Self:
        self._home.mkdir(parents=True, exist_ok=True)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ACTIVITY_TUI_", "XDG_"))}
        home = {"HOME": str(self._home), "PYTHONPATH": str(REPOSITORY), "COLUMNS": "", "LINES": ""}
        self.began = time.perf_counter()
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, *self._arguments), stdin=slave, stdout=slave, stderr=slave,
            env=kept | home | {"TERM": "xterm-256color"}, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        os.set_blocking(self._master, False)
        asyncio.get_running_loop().add_reader(self._master, self._read)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        asyncio.get_running_loop().remove_reader(self._master)
        for pid in self.pids[::-1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        await self._process.wait()
        os.close(self._master)

    def _read(self) -> None:
        try:
            data = os.read(self._master, 2**16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._master)
        self.painted += len(data)
        now, seen = time.perf_counter(), self._tail + data
        for words, found in list(self._wanted.items()):
            if words in seen:
                del self._wanted[words]
                if not found.done():
                    found.set_result(now)
        self._tail = seen[-4096:]

    def expect(self, words: bytes) -> asyncio.Future[float]:
        """When these bytes come from now on, in seconds of `time.perf_counter`."""
        self._tail = b""
        return self._wanted.setdefault(words, asyncio.get_running_loop().create_future())

    async def first_frame(self) -> float:
        """Wait for it; seconds since the start."""
        return await asyncio.wait_for(self.expect(FIRST_FRAME), START_LIMIT) - self.began

    def type(self, data: bytes) -> None:
        os.write(self._master, data)

    async def keys(self, count: int, gap: float) -> list[float]:
        """Seconds from each key to what it paints. The line is emptied before it is full."""
        times = []
        for number in range(count):
            # Nobody else writes these.
            letter = chr(0x4E00 + number).encode()
            painted = self.expect(letter)
            begun = time.perf_counter()
            self.type(letter)
            times.append(await asyncio.wait_for(painted, START_LIMIT) - begun)
            if number % 25 == 24:
                self.type(b"\x15")
            await asyncio.sleep(gap)
        return times

    # --- what it takes ---

    @property
    def pids(self) -> list[int]:
        """The process and those that it has started."""
        assert self._process is not None
        found = [self._process.pid]
        for pid in found:
            with contextlib.suppress(OSError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    found += [int(child) for child in (task / "children").read_text().split()]
        return found

    def cpu(self) -> float:
        """Seconds so far, of all its processes."""
        return sum(processor_seconds(pid) for pid in self.pids)

    def memory(self) -> float:
        """Resident MB, of all its processes."""
        return self.memory_of(self.pids)

    def shared_memory(self) -> float:
        """MB of all its processes, what they share counted once (proportional set size)."""
        found = 0
        for pid in self.pids:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            found += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return found / 1024

    @staticmethod
    def memory_of(pids: Sequence[int]) -> float:
        return sum(resident(pid) for pid in pids) / 1024


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


class Application(OwnTerminal):
    """The application with its server, in one program, on a free port."""

    def __init__(self, directory: Path, options: Sequence[str] = ()) -> None:
        self.port = free_port()
        self.took = 0.0
        """Seconds from the start to the first frame."""
        super().__init__(directory / "home", (*self.arguments(directory, self.port), *options))

    @staticmethod
    def arguments(directory: Path, port: int = 0) -> tuple[str, ...]:
        """What starts it."""
        where = ("--host", "127.0.0.1", "--port", str(port), "--data-dir", str(directory / "data"))
        return ("-m", "tui", "serve", "-u", "anonymous", *where)

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.took = await self.first_frame()
        return self
