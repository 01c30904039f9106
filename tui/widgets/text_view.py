"""Text over many lines, wrapped and scrolled, with the same keys as every list."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from textual.actions import SkipAction
from textual.strip import Strip

from tui.widgets.roles import Piece
from tui.widgets.row_view import RowView
from tui.widgets.wrapping import wrap

LINE_LINES_MAX = 400


class TextView(RowView):
    """Lines of safe text; each line is a row."""

    idle_keys: ClassVar[frozenset[str]] = frozenset({"rows.sort", "feed.inspect", "feed.copy"})
    follows: ClassVar[bool] = False
    shows_cursor: ClassVar[bool] = False

    def __init__(self, lines: Sequence[Sequence[Piece]], *, indent: int = 0, widget_id: str | None = None) -> None:
        """`indent`: by how many cells the continuation of a line that stands in and is wrapped does so."""
        super().__init__(widget_id=widget_id)
        self._texts = lines
        self._indent = indent

    def show(self, lines: Sequence[Sequence[Piece]]) -> None:
        """Other lines, from the first on."""
        self._texts = lines
        self.changed()
        self.action_top()

    def row_count(self) -> int:
        return len(self._texts)

    def row_key(self, index: int) -> Hashable:
        return index

    def row_version(self, index: int) -> Hashable:
        return tuple(self._texts[index])

    def row_index(self, key: Hashable) -> int | None:
        assert isinstance(key, int)
        return key

    def row_strips(self, index: int, width: int) -> Sequence[Strip]:
        indent = self._indent if width >= 2 * self._indent else min(self._indent, 2)
        if not self._texts[index] or not self._texts[index][0][0].startswith(" "):
            indent = 0
        lines = wrap(self._texts[index], width, LINE_LINES_MAX, indent)
        return [
            self.strip_of(line if place == 0 else [(" " * indent, "text"), *line]) for place, line in enumerate(lines)
        ]

    def lines_at(self, width: int, limit: int) -> int:
        """How many lines there are at a width; some number from `limit` on when they are that many."""
        lines = 0
        for index in range(len(self._texts)):
            if lines >= limit:
                break
            lines += len(self.row_strips(index, max(1, width)))
        return lines

    def row_copy(self, index: int) -> str | None:
        return "".join(text for text, _ in self._texts[index])

    def action_sort(self) -> None:
        raise SkipAction
