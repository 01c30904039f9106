"""Standard input and output of a command, wherever it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Protocol


class Streams(Protocol):
    """What a command reads and writes. Output is data, what is said is narration."""

    @property
    def stopped(self) -> asyncio.Event:
        """Set when nobody reads the output any more, or wants the command to go on. Watched from the first look on."""
        ...

    @property
    def screen(self) -> tuple[int, int] | None:
        """Columns and rows of the terminal that shows the output; None where it goes elsewhere."""
        ...

    async def put(self, line: str) -> None:
        """Write a line of data. Raises OutputClosed when nobody reads any more."""
        ...

    def say(self, sentence: str) -> None:
        """Narrate a line."""
        ...

    def lines(self, longest: int) -> AsyncGenerator[bytes, None]:
        """Lines of input, until its end. A line longer than `longest` bytes comes as that many and one more."""
        ...


class LineCutter:
    """Cuts input into lines, which end with LF, CR LF or CR.

    What a line has beyond `longest` bytes and one more is not kept.
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._partial = bytearray()
        self._after_cr = False

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, without their ends."""
        if not data:
            return []
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
        self._after_cr = data.endswith(b"\r")
        *whole, rest = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        lines = []
        for line in whole:
            self._keep(line)
            lines += [bytes(self._partial)]
            self._partial.clear()
        self._keep(rest)
        return lines

    def end(self) -> list[bytes]:
        """The last line, if it has no end of its own."""
        last = bytes(self._partial)
        self._partial.clear()
        return [last] if last else []

    def _keep(self, data: bytes) -> None:
        self._partial += data[: self._longest + 1 - len(self._partial)]
