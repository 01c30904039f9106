"""A list of rows of any height, of which only the visible ones are ever laid out or painted.

A hundred thousand rows cost as much as thirty. What is painted is kept line by line, and only lines that differ are
painted again. The rows' lines are the affair of `row_lines`, the position and the selection of `row_position`.
"""

from __future__ import annotations

from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.actions import SkipAction
from textual.geometry import Offset, Region, Size
from textual.message import Message
from textual.strip import Strip

from tui.text.fitting import fit
from tui.user_actions.action_registry import bindings
from tui.widgets.roles import ROLE_CLASSES, ROLE_CSS
from tui.widgets.row_position import AnchoredRows

WHEEL_LINES: Final = 3
CURSOR_MARK: Final = "\N{LEFT HALF BLOCK}"


class RowView(AnchoredRows, can_focus=True):
    """Base of the panes' lists: paints the visible rows, and does what keys and mouse ask for."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar = bindings("rows")
    COMPONENT_CLASSES: ClassVar = ROLE_CLASSES
    DEFAULT_CSS = ROLE_CSS
    idle_keys: ClassVar[frozenset[str]] = frozenset({"rows.sort"})

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
        super().__init__(widget_id=widget_id, classes=classes)
        self._lines: list[Strip] = []
        self._dragging = False

    # --- painting --------------------------------------------------------------------------------------------------

    def _paint(self) -> None:
        lines = self._compose_lines()
        old = self._lines
        self._lines = lines
        if len(old) != len(lines):
            self.refresh()
            return
        width = self.size.width
        differing = [
            y for y, (one, other) in enumerate(zip(old, lines, strict=True)) if one is not other and one != other
        ]
        # Lines that lie together are painted together.
        runs: list[Region] = []
        for y in differing:
            if runs and runs[-1].bottom == y:
                runs[-1] = Region(0, runs[-1].y, width, runs[-1].height + 1)
            else:
                runs.append(Region(0, y, width, 1))
        if runs:
            self.refresh(*runs)

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

    @property
    def cursor_offset(self) -> Offset:
        """Where on the screen the selected row begins, or the list where none is in sight."""
        selected = self.selected if self.shows_cursor else None
        for place, (index, line) in enumerate(self._visible):
            if index == selected and line >= self.heading_lines(index):
                return self.content_region.offset + (1, self.header_lines + place)
        return self.content_region.offset

    def _scrollbar(self, height: int) -> list[Segment]:
        thumb = self._thumb(height)
        if not thumb:
            return [Segment(" ", self.style_of("text"))] * height
        on = Segment("\N{RIGHT HALF BLOCK}", self.style_of("thumb"))
        off = Segment("\N{BOX DRAWINGS LIGHT VERTICAL}", self.style_of("bar"))
        return [on if y in thumb else off for y in range(height)]

    def _thumb(self, height: int) -> range:
        """Which lines of the scrollbar stand for what is on the screen; none where that is everything."""
        visible = self.visible_rows
        count = self.row_count()
        if len(visible) >= count and len(self._visible) < height + (1 if count else 0):
            first, last = (self._visible[0], self._visible[-1]) if self._visible else ((0, 0), (0, 0))
            if first == (0, 0) and (not count or self.together(last[0]).stop == count):
                return range(0)
        thumb = max(1, min(height, round(height * len(visible) / max(1, count))))
        hidden = max(1, count - len(visible))
        start = min(height - thumb, round((height - thumb) * (visible.start / hidden)))
        if self._follow:
            start = height - thumb
        return range(start, start + thumb)

    # --- Textual ---------------------------------------------------------------------------------------------------

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return container.width

    def render_line(self, y: int) -> Strip:
        if y < len(self._lines):
            return self._lines[y]
        return Strip.blank(self.size.width, self.style_of("text"))

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines as they are: nothing stands around them, and what they are on a terminal is kept with each."""
        if self.get_line_filters() or self.opacity != 1.0 or self.styles.tint.a or self.styles.text_opacity != 1.0:
            return super().render_lines(crop)
        lines = [self.render_line(y) for y in crop.line_range]
        if crop.column_span != (0, self.size.width):
            lines = [line.crop(*crop.column_span) for line in lines]
        return lines

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
            self.dropped()

    def dropped(self) -> None:
        """The scrollbar was let go."""

    def _drag_to(self, y: int) -> None:
        count = self.row_count()
        if not count:
            return
        share = (y - self.header_lines) / max(1, self._row_height - 1)
        hidden = count - len(self.visible_rows)
        before = self.visible_rows.start
        self._set_top(max(0, min(count - 1, round(share * hidden))), 0)
        self.changed()
        self.moved(-1 if self.visible_rows.start <= before else 1)

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
        while lines > 0:
            rows = self.together(index)
            beyond = rows.stop if step > 0 else rows.start - 1
            if not 0 <= beyond < self.row_count():
                break
            lines -= len(self._strips(index, self._row_width))
            index = self.together(beyond).start
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
        else:
            self._say_nothing_is_here()

    def action_copy_row(self) -> None:
        if not self.shows_cursor:
            raise SkipAction
        selected = self.selected
        words = self.row_copy(selected) if selected is not None else None
        if words is not None:
            self.app.copy_to_clipboard(words)
            self.app.notify("Copied the selected row.", markup=False, timeout=3)
        elif selected is None:
            self._say_nothing_is_here()
        else:
            self.app.notify("There is nothing to copy in this row.", markup=False, timeout=3)

    def _say_nothing_is_here(self) -> None:
        self.app.notify("There is no row here yet.", markup=False, timeout=3)

    def action_sort(self) -> None:
        """Only tables sort."""
        self.app.notify("This list stands in the order of time; tables can be sorted.", markup=False, timeout=3)
