"""Nodes that are forked from a process which has loaded the program (`forking`), and are processes like any other.

What a start itself does is seen to where commands are run: in `tests/cli` and `tests/readme`.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
LINE_MAX = 2**20


def can_fork() -> bool:
    """Whether this system has what that takes; where it has not, nodes are started as anything is."""
    return hasattr(os, "pidfd_open") and hasattr(socket, "send_fds")


@functools.cache
def _channel() -> socket.socket:
    """To the process from which nodes are forked, one for all tests of this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.processes.forking", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            cwd=HERE,
            env={**os.environ, "PYTHONPATH": str(HERE), "PYTHONWARNINGS": "default"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


class ForkedProcess:
    """A process that runs `activity-tui`; as of `asyncio.subprocess.Process`, as much as the tests use."""

    def __init__(
        self, pid: int, stdout: asyncio.StreamReader, stderr: asyncio.StreamReader, end: asyncio.StreamReader
    ) -> None:
        self.pid = pid
        self.stdout = stdout
        self.stderr = stderr
        self.returncode: int | None = None
        self._ended = asyncio.create_task(self._read_status(end))

    async def _read_status(self, end: asyncio.StreamReader) -> int:
        self.returncode = int(await end.readline())
        return self.returncode

    async def wait(self) -> int:
        """Its exit status, when it has ended; negative: the signal that killed it."""
        return await asyncio.shield(self._ended)

    def send_signal(self, number: signal.Signals) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)


def _ask(
    arguments: Sequence[str], directory: Path, environment: Mapping[str, str], streams: Sequence[int]
) -> socket.socket:
    """Have a process forked; the socket says its id in one line, and its status in another one."""
    request = {"arguments": list(arguments), "directory": str(directory), "environment": dict(environment)}
    ours, theirs = socket.socketpair()
    with theirs:
        socket.send_fds(_channel(), [json.dumps(request).encode()], [*streams, theirs.fileno()])
    return ours


async def fork(arguments: Sequence[str], directory: Path, environment: Mapping[str, str]) -> ForkedProcess:
    """Start `activity-tui` with these arguments, without standard input."""
    with contextlib.ExitStack() as given:
        nothing = _given(given, os.open(os.devnull, os.O_RDONLY))
        (out, stdout), (err, stderr) = [await _pipe(given) for _ in range(2)]
        told = await _reader(_ask(arguments, directory, environment, [nothing, out, err]).detach())
    return ForkedProcess(int(await told.readline()), stdout, stderr, told)


def _given(given: contextlib.ExitStack, descriptor: int) -> int:
    """A descriptor that is another process's: it is closed here."""
    given.callback(os.close, descriptor)
    return descriptor


async def _pipe(given: contextlib.ExitStack) -> tuple[int, asyncio.StreamReader]:
    """The end of a pipe that is given away, and what comes out of the other one."""
    reading, writing = os.pipe()
    return _given(given, writing), await _reader(reading)


async def _reader(descriptor: int) -> asyncio.StreamReader:
    """What comes out of a pipe or socket, which is closed at its end."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(LINE_MAX)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", 0))
    return reader


class ForkedCommand(subprocess.Popen[str]):
    """The same for who waits without an event loop. What it says comes through pipes, and what it is told may."""

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], stdin: int = subprocess.DEVNULL
    ) -> None:
        self.args = list(arguments)
        self.returncode: int | None = None
        self.stdin = None
        with contextlib.ExitStack() as given:
            if stdin == subprocess.PIPE:
                reading, writing = os.pipe()
                self.stdin = io.TextIOWrapper(os.fdopen(writing, "wb"), write_through=True)
            else:
                reading = os.open(os.devnull, os.O_RDONLY) if stdin == subprocess.DEVNULL else os.dup(stdin)
            out, err = os.pipe(), os.pipe()
            self.stdout, self.stderr = os.fdopen(out[0]), os.fdopen(err[0])
            streams = [_given(given, each) for each in (reading, out[1], err[1])]
            with _ask(arguments, Path.cwd(), environment, streams) as told:
                self._told = told.makefile("rb")
        self.pid = int(self._told.readline())

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            self.returncode = int(self._told.readline())
            self._told.close()
        return self.returncode

    def communicate(self, input: str | None = None, timeout: float | None = None) -> tuple[str, str]:  # noqa: A002
        """Say `input`, and wait for the end; what was said by then. Raises TimeoutExpired."""
        assert self.stdout is not None and self.stderr is not None
        with ThreadPoolExecutor(2) as readers:
            out, err = readers.submit(self.stdout.read), readers.submit(self.stderr.read)
            try:
                if self.stdin is not None:
                    with contextlib.suppress(BrokenPipeError), self.stdin:
                        self.stdin.write(input or "")
                self.wait(timeout)
            finally:
                self.kill()
        with self.stdout, self.stderr:
            return out.result(), err.result()
