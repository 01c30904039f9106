"""Where a list stands, and which of its rows is selected.

The position is an *anchor*: the key of the topmost row and a line within it. Rows that arrive below, come on top, leave
above or change their height elsewhere move nothing on the screen, so nobody who reads is disturbed.
"""

from __future__ import annotations

from collections.abc import Hashable

from textual.widget import Widget

from tui.widgets.row_lines import Rows


class AnchoredRows(Rows):
    """Rows with a position and a selection; what is visible of them is laid out."""

    def __init__(self, *, widget_id: str | None = None, classes: str | None = None) -> None:
        super().__init__(widget_id=widget_id, classes=classes)
        self._follow = self.follows
        self._top_key: Hashable | None = None
        self._top_line = 0
        self._cursor_key: Hashable | None = None
        self._visible: list[tuple[int, int]] = []

    # --- state -----------------------------------------------------------------------------------------------------

    @property
    def following(self) -> bool:
        return self._follow

    @property
    def selected(self) -> int | None:
        """The index of the selected row."""
        count = self.row_count()
        if not count:
            return None
        if self._cursor_key is None:
            index: int | None = count - 1 if self.follows else 0
        else:
            index = self.row_index(self._cursor_key)
        return self.together(min(index, count - 1) if index is not None else count - 1).start

    @property
    def visible_rows(self) -> range:
        """The indices of the rows of which something is on the screen."""
        if not self._visible:
            return range(0)
        return range(self._visible[0][0], self.together(self._visible[-1][0]).stop)

    def changed(self) -> None:
        """The rows have changed: lay out again and paint what differs; nothing while nobody sees them."""
        if self.is_laid_out:
            self._lay_out()

    @property
    def is_laid_out(self) -> bool:
        """Whether it has room: where panes are shown one at a time, the others are laid out when they are shown."""
        return (
            self.is_attached
            and self.size.width > 1
            and self.size.height > self.header_lines
            and all(node.display for node in self.ancestors_with_self if isinstance(node, Widget))
        )

    def select(self, index: int) -> None:
        """Select a row and bring it into view."""
        if not self.shows_cursor:
            self.scroll_to_row(index)
            return
        count = self.row_count()
        if not count:
            self.moved(-1)
            return
        before = self.selected or 0
        step = -1 if index <= 0 or index < before else 1
        index = max(0, min(index, count - 1))
        rows = self.together(index)
        if index > before == rows.start and rows.stop < count:
            rows = self.together(rows.stop)
        index = rows.start
        if self.may_follow and rows.stop == count:
            self._to_end()
        else:
            if self._follow and self.is_laid_out:
                self._anchor(*self._end_anchor())
            self._cursor_key = self.row_key(index)
            self._follow = False
            self._bring_into_view(index)
        self.changed()
        self.moved(step)

    def scroll_to_row(self, index: int) -> None:
        """Bring a row to the top of the view, or as near as the end allows."""
        count = self.row_count()
        if count:
            self._set_top(max(0, min(index, count - 1)), 0)
            self.changed()

    def scroll_lines(self, lines: int) -> None:
        """Move the view by so many lines; the selection comes along when it would leave the screen."""
        if not self._visible:
            return
        index, line = self._visible[0]
        line += lines
        count, width = self.row_count(), self._row_width
        while line < 0 and index > 0:
            index = self.together(index - 1).start
            line += len(self._strips(index, width))
        while (below := self.together(index).stop) < count and line >= (height := len(self._strips(index, width))):
            line -= height
            index = below
        self._set_top(index, max(0, line))
        self.changed()
        visible, selected = self.visible_rows, self.selected
        if visible and selected is not None and not self._follow and selected not in visible:
            self._cursor_key = self.row_key(visible[0] if selected < visible[0] else visible[-1])
            self.changed()
        self.moved(-1 if lines < 0 else 1)

    # --- laying out ------------------------------------------------------------------------------------------------

    def _end_anchor(self, last: int | None = None) -> tuple[int, int]:
        """The anchor at which the row `last` ends on the last line of the view."""
        index = self.together(self.row_count() - 1 if last is None else last).start
        room, width = self._row_height, self._row_width
        while True:
            room -= len(self._strips(index, width))
            if room <= 0:
                return index, -room
            if index == 0:
                return 0, 0
            index = self.together(index - 1).start

    def _set_top(self, index: int, line: int) -> None:
        end = self._end_anchor()
        if (index, line) >= end:
            index, line = end
            if self.may_follow:
                self._to_end()
                return
        self._follow = False
        if self.follows and self._cursor_key is None:
            self._cursor_key = self.row_key(self.row_count() - 1)
        self._anchor(index, line)

    def _anchor(self, index: int, line: int) -> None:
        """The view begins with a line of a row, counted from behind what stands above it, which may come and go."""
        self._top_key, self._top_line = self.row_key(index), line - self.heading_lines(index)

    def _to_end(self) -> None:
        self._follow = True
        self._cursor_key = None
        self._top_key = None
        self.reached_end()

    def _bring_into_view(self, index: int) -> None:
        lowest = self._end_anchor(index)
        top = self._top()
        if (index, 0) < top:
            self._anchor(index, 0)
        elif top < lowest:
            self._anchor(*lowest)
        else:
            self._anchor(*top)

    def _top(self) -> tuple[int, int]:
        if self._follow:
            return self._end_anchor()
        index = self.row_index(self._top_key) if self._top_key is not None else 0
        if index is None:
            return 0, 0
        index = min(index, self.row_count() - 1)
        first = self.together(index).start
        if self.row_key(index) != self._top_key or first != index:
            return first, 0
        width = self._row_width
        line = self._top_line + self.heading_lines(index)
        while line < 0 and index > 0:
            index = self.together(index - 1).start
            line += len(self._strips(index, width))
        return index, max(0, min(line, len(self._strips(index, width)) - 1))

    def _lay_out(self) -> None:
        count = self.row_count()
        with self.one_pass():
            self._visible = []
            if count:
                top = self._top()
                self._visible = self._lines_from(*top)
                if len(self._visible) < self._row_height and top != (0, 0) and top > (end := self._end_anchor()):
                    self._visible = self._lines_from(*end)
            self._paint()

    def _lines_from(self, index: int, line: int) -> list[tuple[int, int]]:
        """The lines that are visible from this anchor on."""
        count, width, height = self.row_count(), self._row_width, self._row_height
        found: list[tuple[int, int]] = []
        while len(found) < height and index < count:
            below = min(len(self._strips(index, width)), line + height - len(found))
            found += [(index, each) for each in range(line, below)]
            index, line = self.together(index).stop, 0
        return found

    def _paint(self) -> None:
        """Show what is visible now."""
        raise NotImplementedError
