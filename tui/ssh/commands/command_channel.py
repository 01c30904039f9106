"""Standard input, output and error of a command that runs over SSH."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import Final, Protocol

from tui.script.exit_status import OutputClosed
from tui.script.streams import LineCutter

INPUT_HOLD: Final = 64 * 1024
"""Bytes of input that wait for the command; with more, the channel is not read."""
JOINED_MAX: Final = 16 * 1024
"""Bytes of output that wait for more, at most until the event loop's next turn: what is written at once is encrypted
and sent once."""


class _Write(Protocol):
    def __call__(self, data: bytes, *, error: bool = False) -> None: ...


class CommandChannel:
    """A command's streams, a `tui.script.streams.Streams`.

    Output waits for a slow reader; input is held back when nobody takes it.
    """

    def __init__(self, write: _Write, hold: Callable[[bool], None]) -> None:
        self._write = write
        self._hold = hold
        self._input: deque[bytes] = deque()
        self._input_bytes = 0
        self._held = False
        self._eof = False
        self._news = asyncio.Event()
        self._output: list[bytes] = []
        self._output_bytes = 0
        self._writable = asyncio.Event()
        self._writable.set()
        self.finishing = False
        """Whether the command has its last word still to say, and ends by itself at once."""
        self.host = ""
        """The address that the person comes from."""
        self.terminal_size: Callable[[], tuple[int, int] | None] = lambda: None
        """Columns and rows of the terminal at which somebody sits there, if one does."""
        self.hide: Callable[[bool], None] = lambda hidden: None
        """Has what is typed at that terminal hidden, or shown again."""
        self.had_enough = False
        """Whether whoever read our output has had enough: nothing has gone wrong then."""
        self.stopped = asyncio.Event()
        """Set when the other side has gone or wants the command to end."""

    # --- from the channel ---------------------------------------------------------------------------------------------

    def received(self, data: bytes) -> None:
        self._input.append(data)
        self._input_bytes += len(data)
        if self._input_bytes > INPUT_HOLD and not self._held:
            self._held = True
            self._hold(True)
        self._news.set()

    def ended(self) -> None:
        self._eof = True
        self._news.set()

    def closed(self) -> None:
        self.ended()
        self.interrupted()

    def unread(self) -> None:
        """Nobody reads the output any more, as that of `ssh ... tail | head`."""
        self.had_enough = True
        self.interrupted()

    def interrupted(self) -> None:
        self.stopped.set()
        self._news.set()
        self._writable.set()

    def pause(self) -> None:
        if not self.stopped.is_set():
            self._writable.clear()

    def resume(self) -> None:
        self._writable.set()

    # --- for the command ----------------------------------------------------------------------------------------------

    @property
    def screen(self) -> tuple[int, int] | None:
        return self.terminal_size()

    @property
    def interactive(self) -> bool:
        """Whether somebody sits at a terminal there."""
        return self.screen is not None

    async def put(self, line: str) -> None:
        """Write a line of data, joined with others of this turn of the event loop.

        Raises OutputClosed when nobody reads any more.
        """
        await self._writable.wait()
        if self.stopped.is_set():
            raise OutputClosed
        if not self._output:
            asyncio.get_running_loop().call_soon(self.flush)
        self._output.append(f"{line}\n".encode("utf-8", "replace"))
        self._output_bytes += len(self._output[-1])
        if self._output_bytes >= JOINED_MAX:
            self.flush()

    def flush(self) -> None:
        """Write what waits to be joined with more."""
        if self._output:
            data = b"".join(self._output)
            self._output.clear()
            self._output_bytes = 0
            self._write(data)

    def say(self, sentence: str) -> None:
        """Narrate a line."""
        self.flush()
        self._write(f"activity-tui: {sentence}\n".encode("utf-8", "replace"), error=True)

    def prompt(self, words: str) -> None:
        """Ask for a line."""
        self.flush()
        if self.interactive:
            self._write(words.encode("utf-8", "replace"), error=True)

    def take(self) -> bytes:
        """What has come in and nobody has taken."""
        data = b"".join(self._input)
        self._input.clear()
        self._input_bytes = 0
        if self._held:
            self._held = False
            self._hold(False)
        return data

    async def lines(self, longest: int) -> AsyncGenerator[bytes, None]:
        """Lines of input, until its end. A line longer than `longest` bytes comes as that many and one more.

        Raises OutputClosed when the other side has gone, or wants the command to end.
        """
        cutter = LineCutter(longest)
        while True:
            while not self._input and not self._eof and not self.stopped.is_set():
                self._news.clear()
                await self._news.wait()
            if self.stopped.is_set():
                raise OutputClosed
            if not self._input:
                for line in cutter.end():
                    yield line
                return
            data = self._input.popleft()
            self._input_bytes -= len(data)
            if self._held and self._input_bytes < INPUT_HOLD // 2:
                self._held = False
                self._hold(False)
            for line in cutter.feed(data):
                yield line
