"""What a terminal has to be sent so that it shows what an application has painted: only what is not there already.

Textual paints whole lines of whatever has changed, and a list that has moved on by a line is nothing but other lines.
Here is known what the terminal shows, cell by cell. What it shows already is not written again, what has moved is moved
by the terminal itself (a scrolling region, DECSTBM of the VT100), and styles are changed only where cells need it: what
curses does (Gosling, "A redisplay algorithm", 1981, is where it begins). What changes nothing takes no byte at all.

Whatever output is not understood here goes out as it is, and from then on nothing is known of the screen until it is
painted anew.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from tui.terminal import written_cells
from tui.terminal.cell_styles import NO_STYLE, change
from tui.terminal.row_changes import CellRow, cost, row_change
from tui.terminal.written_cells import UNKNOWN, read

SYNC_START: Final = "\x1b[?2026h"
SYNC_END: Final = "\x1b[?2026l"
SCROLLED_MIN: Final = 3
"""Rows that have to have moved before the terminal is told to move them."""
SCROLL_COST: Final = 30
"""Cells that could be written instead of telling it."""
_MOVE: Final = re.compile(r"\x1b\[(\d+);(\d+)H")


class ScreenChanges:
    """Knows what a terminal shows."""

    def __init__(self, width: int, height: int, *, can_scroll: bool) -> None:
        self._can_scroll = can_scroll
        self._in_sync = False
        self.resized(width, height)

    def resized(self, width: int, height: int) -> None:
        self._size = (width, height)
        self.forget()

    def forget(self) -> None:
        """Nothing is known of the screen: others may have written to it."""
        width, height = self._size
        self._generation = written_cells.generation()
        self._rows = [CellRow(UNKNOWN * width, NO_STYLE * width)] * height
        self._cursor: tuple[int, int] | None = None
        """CellRow and column, if they are known."""

    def update(self, output: str) -> str:
        """What is to be written instead of some output that begins and ends in no style."""
        if self._generation != written_cells.generation():
            self.forget()
        before, *moved = _MOVE.split(output)
        beside: list[str] = []
        rows: dict[int, CellRow] = {}
        piece = read(before)
        is_known = piece is not None and not piece.text
        if piece is not None:
            beside += piece.beside
        at = self._cursor
        for line, place, written in zip(moved[::3], moved[1::3], moved[2::3], strict=True):
            if not is_known:
                break
            row, column = int(line) - 1, int(place) - 1
            piece = read(written)
            # A line feed in the last row would move them all.
            moves = written.endswith("\n") and row + 1 >= self._size[1]
            if piece is None or moves or not self._has_room(row, column, len(piece.text)):
                is_known = False
                break
            beside += piece.beside
            if piece.text:
                rows[row] = rows.get(row, self._rows[row]).with_cells(column, piece.text, piece.styles)
                at = None
            else:
                at = (row, column)
        if not is_known:
            self.forget()
            self._in_sync = output.rfind(SYNC_START) > output.rfind(SYNC_END)
            return output
        return self._framed(beside, self._painted(rows), at)

    def _has_room(self, row: int, column: int, length: int) -> bool:
        width, height = self._size
        return 0 <= row < height and column >= 0 and column + length <= width

    def _framed(self, beside: list[str], painted: list[str], at: tuple[int, int] | None) -> str:
        """What was painted, with what else is said around it, and the cursor where it belongs."""
        if at is not None and at != self._cursor:
            painted.append(f"\x1b[{at[0] + 1};{at[1] + 1}H")
            self._cursor = at
        starts, ends = SYNC_START in beside, SYNC_END in beside
        said = [each for each in beside if each not in (SYNC_START, SYNC_END)]
        if painted and starts and not self._in_sync:
            said.append(SYNC_START)
            self._in_sync = True
        said += painted
        if ends and self._in_sync:
            said.append(SYNC_END)
            self._in_sync = False
        return "".join(said)

    def _painted(self, rows: dict[int, CellRow]) -> list[str]:
        """Have these rows shown. Ends in no style."""
        changed = {number: row for number, row in sorted(rows.items()) if row != self._rows[number]}
        if not changed:
            return []
        # Whoever else has written to the terminal has moved it.
        self._cursor = None
        output: list[str] = []
        if self._can_scroll and len(changed) > SCROLLED_MIN:
            self._scroll(changed, output)
        style = NO_STYLE
        for number, row in changed.items():
            found = row_change(self._rows[number], row)
            self._rows[number] = row
            if found is not None:
                output += (self._move(number, found.column), change(style, found.style), found.output)
                style = found.end_style
                self._cursor = (number, found.end) if found.end < self._size[0] else None
        output.append(change(style, NO_STYLE))
        return output

    def _move(self, row: int, column: int) -> str:
        if self._cursor == (row, column):
            return ""
        return f"\x1b[{row + 1};{column + 1}H" if column else f"\x1b[{row + 1}H"

    # --- what has moved -----------------------------------------------------------------------------------------------

    def _scroll(self, changed: dict[int, CellRow], output: list[str]) -> None:
        """Have the terminal move what has moved, if that leaves less to write; `changed` are all rows then that differ
        from what it shows."""
        found = self._moved(changed)
        if found is None:
            return
        distance, top, bottom = found
        wanted = {number: changed.get(number, self._rows[number]) for number in range(top, bottom + 1)}
        if any(UNKNOWN in row.text for row in (*wanted.values(), *self._rows[top : bottom + 1])):
            # What moves has to be put back where it stays, and stand where it is thought to be.
            return
        width = self._size[0]
        unknown = CellRow(UNKNOWN * width, NO_STYLE * width)
        shown = {
            number: self._rows[number + distance] if top <= number + distance <= bottom else unknown
            for number in range(top, bottom + 1)
        }
        if 2 * sum(shown[number] == row for number, row in wanted.items()) < len(wanted):
            # What lies beside it, and stays, would have to be written again.
            return
        saved = sum(cost(self._rows[number], row) - cost(shown[number], row) for number, row in wanted.items())
        if saved <= SCROLL_COST:
            return
        if distance > 0:
            output.append(f"\x1b[{top + 1};{bottom + 1}r\x1b[{bottom + 1}H" + "\n" * distance + "\x1b[r")
        else:
            output.append(f"\x1b[{top + 1};{bottom + 1}r" + f"\x1b[{top + 1}H" + "\x1bM" * -distance + "\x1b[r")
        self._cursor = (0, 0)
        for number, row in shown.items():
            self._rows[number] = row
            if wanted[number] != row:
                changed[number] = wanted[number]
            else:
                changed.pop(number, None)
        for number in sorted(changed):
            changed[number] = changed.pop(number)

    def _moved(self, changed: dict[int, CellRow]) -> tuple[int, int, int] | None:
        """By how many rows most of what has changed has moved up, and from where to where."""
        # What lies beside it stays where it is.
        half = self._size[0] // 2
        places: dict[str, list[int]] = {}
        for number in range(min(changed), max(changed) + 1):
            places.setdefault(self._rows[number].text[:half], []).append(number)
        distances: Counter[int] = Counter()
        moved: dict[int, list[int]] = {}
        for number, row in changed.items():
            for place in places.get(row.text[:half], ())[:2]:
                if place != number:
                    distances[place - number] += 1
                    moved.setdefault(place - number, []).append(number)
        if not distances:
            return None
        distance, count = distances.most_common(1)[0]
        if count < SCROLLED_MIN:
            return None
        numbers = moved[distance]
        top, bottom = numbers[0] + min(distance, 0), numbers[-1] + max(distance, 0)
        return (distance, top, bottom) if abs(distance) <= (bottom - top) // 2 else None
