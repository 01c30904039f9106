"""A table: rows of cells under a header, sorted by one column, painted on `RowView`."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip

from tui.text.fitting import fit
from tui.widgets.row_view import RowView

GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. `rank` says which columns go first when there is no room: the highest."""

    title: str
    rank: int = 0
    align: Literal["left", "right"] = "left"
    most: int = 40
    """Largest width in cells."""
    least: int = 4
    """Smallest useful width in cells."""
    descending: bool = False
    """Whether sorting by it begins with the largest."""
    optional: bool = False
    """Left out while no row has anything in it."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row: safe texts, one a column, the role that colours each, and what each sorts by."""

    key: Hashable
    cells: tuple[str, ...]
    roles: tuple[str, ...]
    sort: tuple[object, ...]
    detail: str = ""
    """Everything about the row, safe, for the inspector and the clipboard."""


class TableView(RowView):
    """A table of immutable rows. `show` replaces all of them; the selection stays with its row."""

    idle_keys: ClassVar[frozenset[str]] = frozenset()
    header_lines: ClassVar[int] = 1
    columns: ClassVar[tuple[Column, ...]] = ()

    def __init__(self, *, empty: str = "", widget_id: str | None = None) -> None:
        super().__init__(widget_id=widget_id)
        self._rows: tuple[Row, ...] = ()
        self._places: dict[Hashable, int] = {}
        self._sort_column: int | None = None
        self._widths: tuple[int, ...] = ()
        self._empty = empty

    @property
    def rows(self) -> tuple[Row, ...]:
        return self._rows

    def show(self, rows: Sequence[Row]) -> None:
        rows = self._sorted(rows)
        if rows == self._rows:
            return
        selected = self._cursor_key
        if selected is not None and selected in self._places and all(row.key != selected for row in rows):
            place = min(self._places[selected], len(rows) - 1)
            self._cursor_key = rows[place].key if rows else None
        self._rows = rows
        self._places = {row.key: place for place, row in enumerate(rows)}
        self.changed()

    def say_when_empty(self, words: str) -> None:
        """What stands there while there are no rows."""
        if words != self._empty:
            self._empty = words
            self.changed()

    def _sorted(self, rows: Sequence[Row]) -> tuple[Row, ...]:
        column = self._sort_column
        if column is None:
            return tuple(rows)
        # None and numbers do not compare, so what is missing sorts last in either direction.
        known = [row for row in rows if row.sort[column] is not None]
        missing = [row for row in rows if row.sort[column] is None]
        known.sort(key=lambda row: row.sort[column], reverse=self.columns[column].descending)  # type: ignore[arg-type, return-value]
        return (*known, *missing)

    # --- RowView ---------------------------------------------------------------------------------------------------

    def row_count(self) -> int:
        return len(self._rows)

    def row_key(self, index: int) -> Hashable:
        return self._rows[index].key

    def row_index(self, key: Hashable) -> int | None:
        return self._places.get(key)

    def row_version(self, index: int) -> Hashable:
        return self._rows[index], self._widths

    def row_strips(self, index: int, width: int) -> Sequence[Strip]:
        row = self._rows[index]
        segments: list[Segment] = []
        for place, column_width in enumerate(self._widths):
            if not column_width:
                continue
            text = row.cells[place]
            if self.columns[place].align == "right":
                text = " " * max(0, column_width - cell_len(text)) + text
            segments.append(Segment(fit(text, column_width) + " " * GAP, self.style_of(row.roles[place])))
        return [Strip(segments).crop(0, width)]

    def header_strip(self, width: int) -> Strip:
        parts: list[str] = []
        for place, column_width in enumerate(self._widths):
            if not column_width:
                continue
            title = self.columns[place].title
            if place == self._sort_column:
                title += "\N{BLACK DOWN-POINTING SMALL TRIANGLE}"
            if self.columns[place].align == "right":
                title = " " * max(0, column_width - cell_len(title)) + title
            parts.append(fit(title, column_width) + " " * GAP)
        return Strip([Segment("".join(parts), self.style_of("header"))]).crop(0, width)

    def row_copy(self, index: int) -> str | None:
        row = self._rows[index]
        return row.detail or "  ".join(cell for cell in row.cells if cell)

    def empty_words(self) -> str:
        return self._empty

    def changed(self) -> None:
        if self.is_attached:
            self._widths = self._fit_columns(self._row_width)
        super().changed()

    def _fit_columns(self, room: int) -> tuple[int, ...]:
        """The width of each column, 0 for those left out."""
        # The arrow needs a cell where it stands.
        titles = [cell_len(one.title) + (place == self._sort_column) for place, one in enumerate(self.columns)]
        wanted = [
            min(column.most, max(titles[place], *(cell_len(row.cells[place]) for row in self._rows), 0))
            if self._rows
            else titles[place]
            for place, column in enumerate(self.columns)
        ]
        widths = [
            0 if column.optional and not any(row.cells[place] for row in self._rows) else wanted[place]
            for place, column in enumerate(self.columns)
        ]
        order = sorted(range(len(self.columns)), key=lambda place: -self.columns[place].rank)
        for place in order:
            over = sum(width + GAP for width in widths if width) - GAP - room
            if over <= 0:
                break
            if not widths[place]:
                continue
            column = self.columns[place]
            if column.rank == 0 or widths[place] - over >= column.least:
                widths[place] = max(column.least, widths[place] - over)
            else:
                widths[place] = 0
        return tuple(widths)

    # --- sorting ---------------------------------------------------------------------------------------------------

    def sort_by(self, column: int | None) -> None:
        """Sort by a column, or in the order in which the rows were shown."""
        self._sort_column = column
        rows, self._rows = self._rows, ()
        self._cache.clear()
        self.show(rows)
        self.changed()

    def action_sort(self) -> None:
        column = self._sort_column
        self.sort_by(0 if column is None else column + 1 if column + 1 < len(self.columns) else None)

    def clicked_header(self, x: int) -> None:
        for place, width in enumerate(self._widths):
            if not width:
                continue
            if x < width + GAP:
                self.sort_by(None if place == self._sort_column else place)
                return
            x -= width + GAP
