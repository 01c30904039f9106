"""Nodes that are forked from a process which has loaded the program (`forking`), and are processes like any other.

What a start itself does is seen to where commands are run: in `tests/cli` and `tests/readme`.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
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


async def fork(arguments: Sequence[str], directory: Path, environment: Mapping[str, str]) -> ForkedProcess:
    """Start `activity-tui` with these arguments, without standard input."""
    request = {"arguments": list(arguments), "directory": str(directory), "environment": dict(environment)}
    ours, theirs = socket.socketpair()
    with theirs, contextlib.ExitStack() as given:
        nothing = os.open(os.devnull, os.O_RDONLY)
        given.callback(os.close, nothing)
        out, stdout = await _pipe(given)
        err, stderr = await _pipe(given)
        socket.send_fds(_channel(), [json.dumps(request).encode()], [nothing, out, err, theirs.fileno()])
    told = await _reader(ours.detach())
    return ForkedProcess(int(await told.readline()), stdout, stderr, told)


async def _pipe(given: contextlib.ExitStack) -> tuple[int, asyncio.StreamReader]:
    """The end of a pipe that is given away, and what comes out of the other one."""
    reading, writing = os.pipe()
    given.callback(os.close, writing)
    return writing, await _reader(reading)


async def _reader(descriptor: int) -> asyncio.StreamReader:
    """What comes out of a pipe or socket, which is closed at its end."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(LINE_MAX)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", 0))
    return reader
