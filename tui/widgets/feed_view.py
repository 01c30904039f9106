"""The feed on the screen: what a person does to its rows, which are filtered, and may be of many lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from textual.message import Message

from core.query import Query
from tui.feed.feed_item import FeedItem
from tui.widgets.feed_opening import FeedOpening
from tui.widgets.feed_places import Bookmark


class FeedView(FeedOpening):
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
        self._window.with_rest = not self._window.with_rest
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
        serial = self._matches.beside(self.serial_at(selected) if selected is not None else 0, step)
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
