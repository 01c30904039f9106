"""Lines that are shown again and again: in the same place on a terminal, one below the other elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.cells import set_cell_size

from tui.script.streams import Streams

HOME: Final = "\x1b[H"
CLEAR_LINE: Final = "\x1b[K"
CLEAR_BELOW: Final = "\x1b[J"
"""Control sequences (ECMA-48) that every terminal knows: what stays the same does not flicker, as after a clearing."""
CLEAR: Final = "\x1b[2J"


class Screenfuls:
    """Shows lines in the place of those before."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._shown = False

    async def show(self, lines: Sequence[str]) -> None:
        """Show `lines`; of those that find no room on the terminal the last one tells. Raises OutputClosed."""
        screen = self._streams.screen
        if screen is None:
            for line in [""] * self._shown + list(lines):
                await self._streams.put(line)
        else:
            columns, rows = screen
            room = max(2, rows - 1)
            fitting = lines if len(lines) <= room else [*lines[: room - 1], f"… {len(lines) - room + 1} more lines"]
            cleared = "\n".join(f"{set_cell_size(line, columns).rstrip()}{CLEAR_LINE}" for line in fitting)
            begin = HOME if self._shown else CLEAR + HOME
            await self._streams.put(f"{begin}{cleared}{CLEAR_BELOW}")
        self._shown = True
