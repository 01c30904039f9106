"""Painted lines, kept for whoever shows the same again: the next frame, or another application in this process.

A line that is the same object as before is neither compared cell by cell nor rendered to escape codes again: Textual
keeps on a `Strip` what it was cut and rendered to. Codes depend on how many colours a terminal has, so that is part of
what lines are kept under.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final

from rich.segment import Segment
from textual.cache import LRUCache
from textual.strip import Strip

SHARED_MAX: Final = 2_000
"""Rows, where many applications show what is alike."""
OWN_MAX: Final = 256
"""Rows, where there is one application: what is on a large screen, and a page around it."""
LINES_OF_A_ROW: Final = 3


class LinePool:
    """Rows as strips, by everything that they depend on; and whole lines, with gutter and scroll bar."""

    def __init__(self, rows_max: int = OWN_MAX) -> None:
        """A painted line takes some kilobytes."""
        self._rows: LRUCache[Hashable, Sequence[Strip]] = LRUCache(rows_max)
        self._lines: LRUCache[tuple[int, str, int], tuple[Strip, Strip]] = LRUCache(rows_max * LINES_OF_A_ROW)

    def row(self, key: Hashable) -> Sequence[Strip] | None:
        return self._rows.get(key)

    def keep_row(self, key: Hashable, strips: Sequence[Strip]) -> None:
        self._rows[key] = strips

    def line(self, gutter: Segment, body: Strip, bar: Segment, width: int) -> Strip:
        """The body between a gutter and a piece of a scroll bar that are painted in the same colours as it is."""
        key = (id(body), bar.text, width)
        known = self._lines.get(key)
        if known is not None and known[0] is body:
            return known[1]
        line = Strip([gutter, *body, bar], width)
        self._lines[key] = (body, line)
        return line
