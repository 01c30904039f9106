"""The fewest bytes that turn what a row of a terminal shows into something else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from operator import ne
from typing import Final, NamedTuple

from tui.terminal.cell_styles import blank, change
from tui.terminal.written_cells import CLUSTER, REST, UNKNOWN, also_forgotten, is_cluster, is_letter, is_spread, written

CHANGE_COST: Final = 16
"""Bytes of moves and styles in what is sent for a row, about."""
CHANGES_MAX: Final = 1024
"""Changes that are remembered: of screens that show the same feed they are the same."""
GAP_MAX: Final = 4
"""Cells that have not changed and are written again between two that have: a move takes as many bytes."""
_CHANGED: Final = re.compile(b"\1+")
_LINES: Final = "\u2500-\u259f"
_TEXTS: Final = re.compile(f"([{_LINES}]+|(?:[^ {_LINES}]| (?![ {_LINES}]))*)( *)")
"""What stands together, and the blanks behind it. Lines and blocks of borders stand for themselves."""


class CellRow(NamedTuple):
    """A row of cells, as two strings of one length."""

    text: str
    styles: str

    def with_cells(self, column: int, text: str, styles: str) -> CellRow:
        """The row with other cells from a column on."""
        end = column + len(text)
        row = self._cut(column)._cut(end)
        return CellRow(row.text[:column] + text + row.text[end:], row.styles[:column] + styles + row.styles[end:])

    def _cut(self, column: int) -> CellRow:
        """The row with blanks instead of a wide character that a column goes through: a terminal shows no halves."""
        text, styles = self
        if text[column : column + 1] != REST:
            return self
        start, end = column, column + 1
        while text[start] == REST:
            start -= 1
        while end < len(text) and text[end] == REST:
            end += 1
        blanks = blank(styles[start]) * (end - start)
        return CellRow(text[:start] + " " * (end - start) + text[end:], styles[:start] + blanks + styles[end:])


class RowChange(NamedTuple):
    """What is written to a row from one of its columns on."""

    column: int
    style: str
    """In which it begins."""
    output: str
    end: int
    """Where the cursor stands behind it."""
    end_style: str


@lru_cache(CHANGES_MAX)
def row_change(old: CellRow, new: CellRow) -> RowChange | None:
    """What turns one row into another; None if nothing is to be written. Cells of the new one that nobody knows stay
    as they are."""
    spans = list(_spans(old, new))
    if not spans:
        return None
    spread = _spread_from(old, new)
    if spread is not None and spans[-1][1] > spread:
        start, end = _all_from(spread, spans, new)
        # What nobody knows parts it from what stands behind that.
        spans = [*(one for one in spans if one[1] <= spread), (start, end), *(one for one in spans if one[0] >= end)]
    column = here = spans[0][0]
    first = _first_style(new, *spans[0])
    writing = _Writing(new, first)
    for start, end in spans:
        if start != here:
            writing.output.append(f"\x1b[{start - here}C")
        if spread is not None and end > spread:
            writing.texts(start, end)
        else:
            writing.cells(start, end)
        here = end
    return RowChange(column, first, "".join(writing.output), here, writing.style)


def _spread_from(old: CellRow, new: CellRow) -> int | None:
    """From which column on a terminal may show letters elsewhere than it was told to; None: from nowhere."""
    columns = [
        cell.start()
        for text in (old.text, new.text)
        for cell in CLUSTER.finditer(text)
        if is_spread(text[cell.start()])
    ]
    return min(columns, default=None)


def _all_from(column: int, spans: list[tuple[int, int]], new: CellRow) -> tuple[int, int]:
    """What is to be written of a row when letters behind a column may stand anywhere there."""
    start = min(column, *(start for start, end in spans if end > column))
    while new.text[start] == REST:
        start -= 1
    end = new.text.find(UNKNOWN, start)
    return start, len(new.text) if end < 0 else end


class _Writing:
    """Has a terminal show cells of a row."""

    def __init__(self, row: CellRow, style: str) -> None:
        self._row = row
        self._is_clustered = CLUSTER.search(row.text) is not None
        self.output: list[str] = []
        self.style = style
        """In which it writes now."""

    def cells(self, start: int, end: int, *, as_they_come: bool = False) -> None:
        """Write cells from where the cursor is on. `as_they_come`: what terminals show in more cells than others has
        them, and the cursor is wherever it is then."""
        text, styles = self._row
        here = start
        while here < end:
            wanted = styles[here]
            rest = styles[here:end].lstrip(wanted)
            cells = text[here : end - len(rest)]
            if wanted != self.style and (blank(self.style) != wanted or cells.strip(" ")):
                self.output.append(change(self.style, wanted))
                self.style = wanted
            if self._is_clustered:
                self.output.append(_with_clusters(cells, here, as_they_come=as_they_come))
            else:
                self.output.append(cells.replace(REST, ""))
            here += len(cells)

    def texts(self, start: int, end: int) -> None:
        """Write cells that may take more room than they have: what stands together goes on over the blanks behind it,
        and no further."""
        for found in _TEXTS.finditer(self._row.text, start, end):
            first, over = found.span()
            last = found.end(1)
            if not any(is_spread(cell) for cell in found[1]):
                self.cells(first, over)
                continue
            if over > last:
                self.output.append(f"\x1b[{last + 1}G")
                self.cells(last, over)
                self.output.append(f"\x1b[{first + 1}G")
            self.cells(first, last, as_they_come=True)
            self.output.append(f"\x1b[{over + 1}G")


also_forgotten.append(row_change.cache_clear)


def _with_clusters(cells: str, column: int, *, as_they_come: bool) -> str:
    """What has a terminal show cells from a column on, wherever it takes what is in them to end; with `as_they_come`
    letters go on from there."""
    output: list[str] = []
    for start, cell in enumerate(cells):
        if as_they_come and is_letter(cell):
            output.append(written(cell))
        elif is_cluster(cell):
            width = len(cells) - start - len(cells[start + 1 :].lstrip(REST))
            behind = f"\x1b[{column + start + width + 1}G"
            if width > 1:
                # Where a terminal takes it for narrower, what was there before is not to be seen beside it.
                output.append(" " * width + f"\x1b[{column + start + 1}G")
            output.append(written(cell) + behind)
        elif cell != REST:
            output.append(cell)
    return "".join(output)


def _spans(old: CellRow, new: CellRow) -> Iterator[tuple[int, int]]:
    """From where to where something is written."""
    start = end = -1
    for run in _CHANGED.finditer(_changed(old, new)):
        first, last = run.span()
        # Whole characters.
        while new.text[first] == REST:
            first -= 1
        while new.text[last : last + 1] == REST:
            last += 1
        if start < 0:
            start, end = first, last
        elif first <= end or (
            first - end <= GAP_MAX and UNKNOWN not in new.text[end:first] and _is_alike(new, end, first)
        ):
            end = max(end, last)
        else:
            yield start, end
            start, end = first, last
    if start >= 0:
        yield start, end


def _is_alike(row: CellRow, start: int, end: int) -> bool:
    """Whether what is between two spans is written in the style of the cell before it, or in that of the one behind."""
    between = set(row.styles[start:end])
    return any(between <= {style, blank(style)} for style in (row.styles[start - 1], row.styles[end]))


def _first_style(row: CellRow, start: int, end: int) -> str:
    """The style to begin a span in: blanks are written in that of the letters behind them, where it looks the same."""
    here = row.styles[start]
    for cell, style in zip(row.text[start:end], row.styles[start:end], strict=True):
        if style != here:
            return style if blank(style) == here else here
        if cell != " ":
            break
    return here


def _changed(old: CellRow, new: CellRow) -> bytes:
    """For each column, whether its cell is to be written: 1, or 0."""
    changed = bytes(map(ne, old.text, new.text))
    if old.styles != new.styles:
        styled = bytes(map(ne, old.styles, new.styles))
        changed = (int.from_bytes(changed) | int.from_bytes(styled)).to_bytes(len(changed))
    clusters = sorted(one.span() for text in (old.text, new.text) for one in CLUSTER.finditer(text))
    if not clusters and UNKNOWN not in new.text:
        return changed
    wanted = bytearray(changed)
    for start, end in clusters:
        # Terminals may differ about where these end: they are written whole, and what stands behind them, too.
        if any(wanted[start:end]):
            wanted[start : end + 1] = b"\1" * len(wanted[start : end + 1])
    for column, cell in enumerate(new.text):
        if cell == UNKNOWN:
            wanted[column] = 0
    return bytes(wanted)


def cost(old: CellRow, new: CellRow) -> int:
    """About how many bytes take one row to another: the cells that differ, and some for moves and styles."""
    if old == new:
        return 0
    changed = bytes(map(ne, old.text, new.text))
    return changed.count(1) + CHANGE_COST
