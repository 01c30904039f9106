"""A person at a terminal: a command under a pseudo-terminal, typed into and watched."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import termios
from collections.abc import Mapping, Sequence
from typing import Self

from tests.terminal.pseudo import Screen

_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1bP[^\x1b]*\x1b\\|\x1b[@-Z\\-_78=>]"
    r"|[\x00-\x09\x0e-\x1f]"
)


class TerminalCommand:
    """An asynchronous context manager: the command runs as long as the block, at most."""

    def __init__(
        self, words: Sequence[str], *, size: tuple[int, int] = (90, 24), environment: Mapping[str, str] | None = None
    ) -> None:
        self._words = list(words)
        self._size = size
        self._environment = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", **(environment or {})}
        self._news = asyncio.Event()
        self._ended = asyncio.Event()
        self._reading = True
        self._screen = Screen(size[1])
        self._seen_before = ""
        self.output = b""
        self.pid = 0

    async def __aenter__(self) -> Self:
        self._master, slave = pty.openpty()
        self.resize(*self._size)
        self.process = await asyncio.create_subprocess_exec(
            *self._words,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=self._environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        os.set_blocking(self._master, False)
        asyncio.get_running_loop().add_reader(self._master, self._read)
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._master)
            self._ended.set()
        self.output += data
        self._screen.feed(data)
        self._news.set()

    def stop_reading(self) -> None:
        """Be a terminal that shows nothing any more; `read_on` goes on."""
        asyncio.get_running_loop().remove_reader(self._master)

    def read_on(self) -> None:
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def type(self, text: str) -> None:
        self.send(text.encode())

    def send(self, data: bytes) -> None:
        os.write(self._master, data)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if hasattr(self, "process"):
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGWINCH)

    @property
    def text(self) -> str:
        """Everything that was shown, without what moves the cursor and colours it."""
        return _SEQUENCES.sub("", self.output.decode("utf-8", "replace"))

    def forget(self) -> None:
        """Start afresh: what was shown until now counts no more."""
        self.output = b""
        self._seen_before = self._screen.text

    async def shows(self, words: str, limit: float = 10.0) -> None:
        """Wait until the words have been shown. Raises AssertionError with what was shown instead."""
        await self._until(lambda: words in self.text or self._are_new(words), repr(words), limit)

    def _are_new(self, words: str) -> bool:
        """Whether they stand on the screen, and did not before: a part of them may have been there already."""
        return words in self._screen.text and words not in self._seen_before

    async def sends(self, data: bytes, limit: float = 10.0) -> None:
        """Wait until these very bytes have come."""
        await self._until(lambda: data in self.output, repr(data), limit)

    async def _until(self, condition, what: str, limit: float) -> None:
        try:
            async with asyncio.timeout(limit):
                while not condition():
                    if self._ended.is_set():
                        raise AssertionError(f"{what} was never shown, and it has ended: {self.text[-3000:]!r}")
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"{what} was not shown in {limit} s, but {self.text[-3000:]!r}") from None

    async def status(self, limit: float = 10.0) -> int:
        """Wait for the end; the exit status."""
        async with asyncio.timeout(limit):
            status = await self.process.wait()
            await self._ended.wait()
        return status
