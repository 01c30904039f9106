"""A person who hears a terminal: what a screen reader speaks of it, from the cursor and the lines that change alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rich.cells import cell_len

from tests.ssh.tmux import Tmux

LOOK = 0.05
"""Seconds between two looks."""
QUIET = 0.4
"""Seconds without a change after which everything has been said."""


class ScreenReader:
    """Speaks, as Orca and Speakup do, the text at the cursor when that moves, and lines that become others.

    It knows neither colours nor which part of the screen is which.
    """

    def __init__(self, tmux: Tmux) -> None:
        self._tmux = tmux
        self._lines: list[str] = []
        self._cursor = (0, 0)
        self.focus = ""
        """The text from the cursor on, as it was spoken last."""
        self.news: list[str] = []
        """Lines that have become others, in the order in which they were spoken."""

    async def look(self) -> bool:
        """Look once; whether there was something to say."""
        cursor, lines = await self._tmux.seen()
        moved = cursor != self._cursor
        changed = [line for place, line in enumerate(lines) if line.strip() and line != self._line(place)]
        self.news += [line.strip() for line in changed]
        self._lines, self._cursor = lines, cursor
        column, row = cursor
        self.focus = _from(self._line(row), column)
        return moved or bool(changed)

    def _line(self, place: int) -> str:
        return self._lines[place] if place < len(self._lines) else ""

    async def listen(self, limit: float = 15.0) -> None:
        """Listen until nothing more is said. Raises AssertionError where it goes on and on."""
        loop = asyncio.get_running_loop()
        end, quiet_at = loop.time() + limit, loop.time() + QUIET
        while (now := loop.time()) < quiet_at:
            assert now < end, f"it does not cease to talk: {self.news[-10:]}"
            if await self.look():
                quiet_at = loop.time() + QUIET
            await asyncio.sleep(LOOK)

    async def hears(self, words: str, limit: float = 20.0) -> None:
        """Wait until a line is spoken that has these words."""
        await self._until(lambda: any(words in line for line in self.news), f"no line with {words!r}", limit)

    async def is_at(self, words: str, limit: float = 20.0) -> None:
        """Wait until the text at the cursor begins with these words, but for signs that stand before them."""
        await self._until(lambda: words in self.focus[: len(words) + 30], f"{words!r} is not at the cursor", limit)

    async def _until(self, condition: Callable[[], bool], problem: str, limit: float) -> None:
        try:
            async with asyncio.timeout(limit):
                while not condition():
                    await self.look()
                    await asyncio.sleep(LOOK)
        except TimeoutError:
            screen = "\n".join(self._lines)
            raise AssertionError(f"{problem}, but {self.focus!r}; heard {self.news[-12:]}; on\n{screen}") from None

    async def presses(self, *keys: str) -> list[str]:
        """Press keys, and listen; the lines that were spoken."""
        self.news = []
        await self._tmux.keys(*keys)
        await self.listen()
        return self.news

    async def says_nothing(self, seconds: float) -> None:
        """Fails if anything is spoken within the time."""
        await self.listen()
        self.news, begun = [], self._cursor
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            await self.look()
            await asyncio.sleep(LOOK)
        assert self.news == [] and self._cursor == begun, f"spoken without news: {self.news}"


def _from(line: str, column: int) -> str:
    """What stands in a line from a column on; of characters of two cells the terminal counts both."""
    cells = 0
    for place, char in enumerate(line):
        if cells >= column:
            return line[place:].strip()
        cells += cell_len(char)
    return ""
