"""The feed on the screen: what a person does to its rows, which are filtered, and opened and closed in place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from textual.message import Message

from core.query import Query
from tui.feed.feed_item import FeedItem
from tui.widgets.feed_places import Bookmark, FeedPlaces


class FeedView(FeedPlaces):
    """The rows of a `Feed`."""

    class FilterProgress(Message):
        """The search for what matches a filter has got further, or is done."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """As of `FeedRows`."""
        super().__init__(*arguments, **options)
        self._before_filter: Bookmark | None = None

    # --- the filter --------------------------------------------------------------------------------------------------

    @property
    def matches(self) -> int:
        return len(self._matches)

    @property
    def searching(self) -> bool:
        return self._matches.searching

    def apply_filter(self, wanted: Query) -> None:
        """Show what matches; an empty filter shows everything, where one was before."""
        if wanted == self.filter:
            return
        if not self.filter:
            self._before_filter = self.bookmark()
        self.feed.keeps_all = bool(wanted)
        self._search_anew(wanted)
        if not wanted and self._before_filter is not None:
            self.return_to(self._before_filter)
            self.feed.shrink()
        self.changed()

    def _begin_run(self) -> None:
        super()._begin_run()
        if self.filter:
            self._search_anew(self.filter)

    def _search_anew(self, wanted: Query) -> None:
        search: Any = self._matches.begin(wanted, self._tell_progress)
        self._to_end()
        if wanted:
            # Not begun before it is its turn: another filter may be typed by then.
            self.run_worker(search, group="search", exclusive=True)

    def _tell_progress(self) -> None:
        self.changed()
        self.post_message(self.FilterProgress())

    def toggle_rest(self) -> None:
        """Hide or show what does not match."""
        selected = self.selected
        key = self.row_key(selected) if selected is not None else None
        self._with_rest = not self._with_rest
        self.changed()
        if key is not None and (index := self.row_index(key)) is not None:
            self.select(index)

    def matching(self, wanted: Query) -> Iterator[FeedItem]:
        """The matches of the filter, the newest first; those of another one are not known, and there are none."""
        return self._matches.newest_first() if wanted == self.filter else iter(())

    def move_match(self, step: int) -> bool:
        """Select the next (1) or previous (-1) match; whether there is one."""
        self._matches.forget_left()
        selected = self.selected
        serial = self._matches.beside(self._entry(selected).serial if selected is not None else 0, step)
        index = self.row_index(serial) if self.filter and serial is not None else None
        if index is None:
            return False
        self.select(index)
        return True

    def empty_words(self) -> str:
        if self.filter:
            further = "; g looks further back" if self._older() else ""
            return "Searching\N{HORIZONTAL ELLIPSIS}" if self.searching else f"Nothing matches the filter{further}."
        return self._empty()

    # --- what opens in place -----------------------------------------------------------------------------------------

    def open_hidden(self, *, wanted: bool) -> bool:
        """Show the rows for which the selected line stands, or have one line stand for them again; whether it can."""
        selected = self.selected
        run = self._hidden_run(selected) if selected is not None else None
        if selected is None or run is None or run.opened == wanted:
            return False
        if wanted:
            top = self.visible_rows.start
            self._stop_following(selected)
            self._hidden.open(run)
            if selected == top:
                self._anchor(selected, 0)
        else:
            self._cursor_key = self.row_key(run.rows.start)
            self._hidden.close(run)
            self._bring_into_view(run.rows.start)
        self.changed()
        return True

    def open_folded(self, *, wanted: bool) -> bool:
        """Show all lines of the selected activity, or its first ones again; whether there are others."""
        selected = self.selected
        entry = self._entry(selected) if selected is not None else None
        if selected is None or entry is None or entry.state == "mark":
            return False
        if not (self._activity_lines.open(entry) if wanted else self._activity_lines.close(entry)):
            return False
        self._stop_following(selected)
        self._bring_into_view(selected)
        self.changed()
        return True

    def _stop_following(self, selected: int) -> None:
        """Stay where the view is, with this row selected, though it was at the end: a row becomes higher."""
        self._cursor_key = self.row_key(selected)
        if self._follow and self.is_laid_out:
            self._anchor(*self._end_anchor())
            self._follow = False

    def action_inspect(self) -> None:
        if not self.open_hidden(wanted=True):
            super().action_inspect()

    # --- rows of many lines ------------------------------------------------------------------------------------------

    def action_cursor(self, rows: int) -> None:
        if not self._reads_on(rows):
            super().action_cursor(rows)

    def action_page(self, pages: float) -> None:
        if not self._reads_on(int(pages * max(1, self._row_height - 1))):
            super().action_page(pages)

    def _reads_on(self, lines: int) -> bool:
        """Move the view within the selected activity, where the end of it that one goes to is not in sight."""
        selected = self.selected
        if selected is None or not self._visible:
            return False
        index, line = self._visible[-1 if lines > 0 else 0]
        last = len(self._strips(index, self._row_width)) - 1 if lines > 0 else 0
        if self.together(selected).start != index or line == last or last < 0:
            return False
        self.scroll_lines(lines)
        return True
