"""A list of rows of any height, of which only the visible ones are ever laid out or painted.

The position is an *anchor*: the key of the topmost row and a line within it. Rows that arrive below, leave above or
change their height elsewhere move nothing on the screen, so nobody who reads is disturbed, and a hundred thousand rows
cost as much as thirty. What is painted is kept line by line, and only lines that differ are painted again.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.actions import SkipAction
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.actions import bindings
from tui.safe_text import fit
from tui.widgets.line_pool import LinePool
from tui.widgets.roles import ROLE_CLASSES, ROLE_CSS, Piece

WHEEL_LINES: Final = 3
CURSOR_MARK: Final = "\N{LEFT HALF BLOCK}"


class RowView(Widget, can_focus=True):
    """Base of the panes' lists. Subclasses say what the rows are; this class scrolls, selects and paints."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar = bindings("rows")
    COMPONENT_CLASSES: ClassVar = ROLE_CLASSES
    DEFAULT_CSS = ROLE_CSS

    follows: ClassVar[bool] = False
    """Whether the view stays at the end when it is there and rows arrive."""
    header_lines: ClassVar[int] = 0
    shows_cursor: ClassVar[bool] = True
    """Whether a row is selected; without, the keys move the view."""

    class Inspected(Message):
        """A person wants to see the whole of a row."""

        def __init__(self, view: RowView, index: int) -> None:
            super().__init__()
            self.view = view
            self.index = index

        @property
        def control(self) -> RowView:
            return self.view

    def __init__(self, *, widget_id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=widget_id, classes=classes)
        self._follow = self.follows
        self._top_key: Hashable | None = None
        self._top_line = 0
        self._cursor_key: Hashable | None = None
        self._visible: list[tuple[int, int]] = []
        self._lines: list[Strip] = []
        self._cache: LRUCache[Hashable, Sequence[Strip]] = LRUCache(512)
        self._styles_by_role: dict[str, Style] = {}
        self._dragging = False
        self._own_pool: LinePool | None = None

    # --- what subclasses say ---------------------------------------------------------------------------------------

    def row_count(self) -> int:
        raise NotImplementedError

    def row_key(self, index: int) -> Hashable:
        """The identity of a row, stable while rows arrive and leave."""
        raise NotImplementedError

    def row_index(self, key: Hashable) -> int | None:
        """Where the row is now, or where the next one is if it is gone; None if that cannot be said."""
        raise NotImplementedError

    def row_version(self, index: int) -> Hashable:
        """Changes whenever a row is to be painted differently."""
        return None

    def row_strips(self, index: int, width: int) -> Sequence[Strip]:
        """The row's lines, at least one, none wider than `width`."""
        raise NotImplementedError

    def row_shared(self, index: int) -> Hashable | None:
        """Everything but width and styles that the row's lines depend on, if others may show the same; else None."""
        return None

    def header_strip(self, width: int) -> Strip:
        raise NotImplementedError

    def marker(self) -> str:
        """Words to lay over the last line, such as how much is new below; empty for none."""
        return ""

    def row_copy(self, index: int) -> str | None:
        """What copying the row copies."""
        return None

    def reached_end(self) -> None:
        """The end has come into view, and the view follows from here."""

    def reached_top(self) -> None:
        """A person has moved to the first row, or tried to move beyond it."""

    def heading_lines(self, index: int) -> int:
        """How many of the row's first lines stand above it, such as a date, and are not selected with it."""
        return 0

    def empty_words(self) -> str:
        """What to say when there are no rows."""
        return ""

    # --- for subclasses --------------------------------------------------------------------------------------------

    def style_of(self, role: str) -> Style:
        style = self._styles_by_role.get(role)
        if style is None:
            name = f"rows--{role}"
            found = name if name in self.COMPONENT_CLASSES else "rows--text"
            style = self._styles_by_role[role] = self.get_component_rich_style(found)
        return style

    def strip_of(self, pieces: Iterable[Piece]) -> Strip:
        return Strip([Segment(text, self.style_of(role)) for text, role in pieces if text])

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
            return count - 1 if self.follows else 0
        index = self.row_index(self._cursor_key)
        return min(index, count - 1) if index is not None else count - 1

    @property
    def visible_rows(self) -> range:
        """The indices of the rows of which something is on the screen."""
        return range(self._visible[0][0], self._visible[-1][0] + 1) if self._visible else range(0)

    def changed(self) -> None:
        """The rows have changed: lay out again and paint what differs."""
        if self.is_attached and self.size.width > 1 and self.size.height > self.header_lines:
            self._lay_out()

    def select(self, index: int) -> None:
        """Select a row and bring it into view."""
        if not self.shows_cursor:
            self.scroll_to_row(index)
            return
        count = self.row_count()
        if not count:
            self.reached_top()
            return
        index = max(0, min(index, count - 1))
        if self.follows and index == count - 1:
            self._to_end()
        else:
            self._cursor_key = self.row_key(index)
            self._follow = False
            self._bring_into_view(index)
        self.changed()
        if index == 0:
            self.reached_top()

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
            index -= 1
            line += len(self._strips(index, width))
        while index < count - 1 and line >= (height := len(self._strips(index, width))):
            line -= height
            index += 1
        self._set_top(index, max(0, line))
        self.changed()
        visible, selected = self.visible_rows, self.selected
        if visible and selected is not None and not self._follow and selected not in visible:
            self._cursor_key = self.row_key(visible[0] if selected < visible[0] else visible[-1])
            self.changed()
        if lines < 0 and self._visible and self._visible[0] == (0, 0):
            self.reached_top()

    # --- laying out ------------------------------------------------------------------------------------------------

    @property
    def _row_width(self) -> int:
        return max(1, self.size.width - 2)

    @property
    def _row_height(self) -> int:
        return max(1, self.size.height - self.header_lines)

    def _strips(self, index: int, width: int) -> Sequence[Strip]:
        key = (self.row_key(index), self.row_version(index), width)
        strips = self._cache.get(key)
        if strips is None:
            strips = self._cache[key] = self._shared_strips(index, width)
        return strips

    def _shared_strips(self, index: int, width: int) -> Sequence[Strip]:
        base, shared = self.style_of("text"), self.row_shared(index)
        if shared is None:
            return tuple(strip.extend_cell_length(width, base) for strip in self.row_strips(index, width))
        key = (shared, width, base, self.style_of("dim"), self.style_of("own"), self.app.console.color_system)
        strips = self._pool.row(key)
        if strips is None:
            strips = tuple(strip.extend_cell_length(width, base) for strip in self.row_strips(index, width))
            self._pool.keep_row(key, strips)
        return strips

    @property
    def _pool(self) -> LinePool:
        """The application's; one of its own for a list elsewhere."""
        pool = getattr(self.app, "line_pool", None)
        if not isinstance(pool, LinePool):
            pool = self._own_pool = self._own_pool or LinePool()
        return pool

    def _end_anchor(self, last: int | None = None) -> tuple[int, int]:
        """The anchor at which the row `last` ends on the last line of the view."""
        index = self.row_count() - 1 if last is None else last
        room, width = self._row_height, self._row_width
        while True:
            room -= len(self._strips(index, width))
            if room <= 0:
                return index, -room
            if index == 0:
                return 0, 0
            index -= 1

    def _set_top(self, index: int, line: int) -> None:
        end = self._end_anchor()
        if (index, line) >= end:
            index, line = end
            if self.follows:
                self._to_end()
                return
        self._follow = False
        if self.follows and self._cursor_key is None:
            self._cursor_key = self.row_key(self.row_count() - 1)
        self._top_key, self._top_line = self.row_key(index), line

    def _to_end(self) -> None:
        self._follow = True
        self._cursor_key = None
        self._top_key = None
        self.reached_end()

    def _bring_into_view(self, index: int) -> None:
        lowest = self._end_anchor(index)
        top = self._top()
        if (index, 0) < top:
            self._top_key, self._top_line = self.row_key(index), 0
        elif top < lowest:
            self._top_key, self._top_line = self.row_key(lowest[0]), lowest[1]
        else:
            self._top_key, self._top_line = self.row_key(top[0]), top[1]

    def _top(self) -> tuple[int, int]:
        if self._follow:
            return self._end_anchor()
        index = self.row_index(self._top_key) if self._top_key is not None else 0
        if index is None:
            return 0, 0
        index = min(index, self.row_count() - 1)
        line = self._top_line if self.row_key(index) == self._top_key else 0
        return index, min(line, len(self._strips(index, self._row_width)) - 1)

    def _lay_out(self) -> None:
        count, width, height = self.row_count(), self._row_width, self._row_height
        self._visible = []
        if count:
            top = self._top()
            if top > (end := self._end_anchor()):
                top = end
            index, line = top
            while len(self._visible) < height and index < count:
                if line >= len(self._strips(index, width)):
                    index, line = index + 1, 0
                    continue
                self._visible.append((index, line))
                line += 1
        self._paint()

    def _paint(self) -> None:
        lines = self._compose_lines()
        old = self._lines
        self._lines = lines
        if len(old) != len(lines):
            self.refresh()
            return
        width = self.size.width
        differing = [
            Region(0, y, width, 1)
            for y, (one, other) in enumerate(zip(old, lines, strict=True))
            if one is not other and one != other
        ]
        if differing:
            self.refresh(*differing)

    def _compose_lines(self) -> list[Strip]:
        width, height = self.size.width, self._row_height
        base = self.style_of("text")
        selected = self.selected if self.has_focus and self.shows_cursor else None
        bar = self._scrollbar(height)
        lines: list[Strip] = []
        pool, plain = self._pool, Segment(" ", base)
        if self.header_lines:
            header = self.header_strip(self._row_width).extend_cell_length(self._row_width, base)
            lines.append(Strip([Segment(" ", base), *header, Segment(" ", base)], width))
        for y in range(height):
            if y < len(self._visible):
                index, line = self._visible[y]
                strip = self._strips(index, self._row_width)[line]
                if index != selected or line < self.heading_lines(index):
                    lines.append(pool.line(plain, strip, bar[y], width))
                else:
                    over = Style(bgcolor=self.style_of("cursor").bgcolor, reverse=self.style_of("cursor").reverse)
                    # What has a ground of its own, such as a match, keeps it: its colour was chosen for that.
                    body = [
                        Segment(
                            text, over if style is None else style if style.bgcolor != base.bgcolor else style + over
                        )
                        for text, style, _ in strip
                    ]
                    gutter = Segment(CURSOR_MARK, self.style_of("thumb") + over)
                    lines.append(Strip([gutter, *body, bar[y]], width))
            elif y == 0 and (words := self.empty_words()):
                lines.append(Strip([Segment(" " + fit(words, width - 1), self.style_of("dim"))], width))
            else:
                lines.append(Strip.blank(width, base))
        if words := self.marker():
            lines[-1] = Strip([Segment(fit(f"  {words}", width), self.style_of("marker"))], width)
        return lines

    def _scrollbar(self, height: int) -> list[Segment]:
        blank = Segment(" ", self.style_of("text"))
        visible = self.visible_rows
        count = self.row_count()
        if len(visible) >= count and len(self._visible) < height + (1 if count else 0):
            first, last = (self._visible[0], self._visible[-1]) if self._visible else ((0, 0), (0, 0))
            if first == (0, 0) and (not count or last[0] == count - 1):
                return [blank] * height
        thumb = max(1, min(height, round(height * len(visible) / max(1, count))))
        hidden = max(1, count - len(visible))
        start = min(height - thumb, round((height - thumb) * (visible.start / hidden)))
        if self._follow:
            start = height - thumb
        on = Segment("\N{RIGHT HALF BLOCK}", self.style_of("thumb"))
        off = Segment("\N{BOX DRAWINGS LIGHT VERTICAL}", self.style_of("bar"))
        return [on if start <= y < start + thumb else off for y in range(height)]

    # --- Textual ---------------------------------------------------------------------------------------------------

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return container.width

    def render_line(self, y: int) -> Strip:
        if y < len(self._lines):
            return self._lines[y]
        return Strip.blank(self.size.width, self.style_of("text"))

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles_by_role.clear()
        self._cache.clear()
        self._lines = []
        self.call_later(self.changed)

    def on_resize(self) -> None:
        self.changed()

    def on_show(self) -> None:
        self.changed()

    def on_focus(self) -> None:
        self.changed()

    def on_blur(self) -> None:
        self.changed()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.scroll_lines(WHEEL_LINES)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.scroll_lines(-WHEEL_LINES)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and offset.x == self.size.width - 1 and offset.y >= self.header_lines:
            self._dragging = True
            self.capture_mouse()
            self._drag_to(offset.y)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragging:
            self._drag_to(event.y)

    def on_mouse_up(self) -> None:
        if self._dragging:
            self._dragging = False
            self.release_mouse()

    def _drag_to(self, y: int) -> None:
        count = self.row_count()
        if not count:
            return
        share = (y - self.header_lines) / max(1, self._row_height - 1)
        hidden = count - len(self.visible_rows)
        self._set_top(max(0, min(count - 1, round(share * hidden))), 0)
        self.changed()
        if self._visible and self._visible[0] == (0, 0):
            self.reached_top()

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or offset.x == self.size.width - 1:
            return
        y = offset.y - self.header_lines
        if y < 0:
            self.clicked_header(offset.x - 1)
        elif y == self._row_height - 1 and self.marker():
            self.action_end()
        elif y < len(self._visible):
            index = self._visible[y][0]
            if self.shows_cursor:
                self.select(index)
            if event.chain == 2 and self.shows_cursor:
                self.post_message(self.Inspected(self, index))

    def clicked_header(self, x: int) -> None:
        """The header was clicked in this column."""

    # --- actions ---------------------------------------------------------------------------------------------------

    def action_cursor(self, rows: int) -> None:
        if not self.shows_cursor:
            self.scroll_lines(rows)
            return
        selected = self.selected
        if selected is not None:
            self.select(selected + rows)

    def action_page(self, pages: float) -> None:
        if not self.shows_cursor:
            self.scroll_lines(int(pages * max(1, self._row_height - 1)))
            return
        selected = self.selected
        if selected is None:
            return
        lines = max(1, int(self._row_height * abs(pages)))
        step = 1 if pages > 0 else -1
        index = selected
        while lines > 0 and 0 <= index + step < self.row_count():
            lines -= len(self._strips(index, self._row_width))
            index += step
        self.select(index)

    def action_top(self) -> None:
        self.select(0)

    def action_end(self) -> None:
        self.select(self.row_count() - 1)

    def action_inspect(self) -> None:
        if not self.shows_cursor:
            raise SkipAction
        selected = self.selected
        if selected is not None:
            self.post_message(self.Inspected(self, selected))

    def action_copy_row(self) -> None:
        if not self.shows_cursor:
            raise SkipAction
        selected = self.selected
        words = self.row_copy(selected) if selected is not None else None
        if words is not None:
            self.app.copy_to_clipboard(words)
            self.app.notify("Copied the selected row.", markup=False, timeout=3)

    def action_sort(self) -> None:
        """Only tables sort."""
