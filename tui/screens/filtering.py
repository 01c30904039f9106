"""What a person does to the feed as a whole: filter it, and go from match to match."""

from __future__ import annotations

import time
from typing import Final

from textual import on
from textual.widgets import Input

from core.query import EVERYTHING, Query, parse
from tui.screens.searching_past import SearchingScreen
from tui.widgets.composer import Composer
from tui.widgets.feed_view import FeedView

OF_MATCHES: Final = frozenset({"feed.next_match", "feed.previous_match", "feed.hits"})
"""Actions that need a filter."""


class FilteringScreen(SearchingScreen):
    """The panes, with a filter over the feed."""

    @property
    def near_keys(self) -> frozenset[str]:
        """Keys that belong to what a person is doing, and stay where there is little room."""
        return OF_MATCHES | {"feed.leave"}

    @property
    def idle_keys(self) -> frozenset[str]:
        """Keys that do nothing now but say why."""
        if not self.painted:
            return OF_MATCHES
        idle = frozenset() if self.feed.filter else OF_MATCHES
        return idle if self._leaves_something else idle | {"feed.leave"}

    @property
    def _leaves_something(self) -> bool:
        """Whether Esc leads out of something."""
        return isinstance(self.focused, Input) or bool(self.feed.filter) or self.feed.came_from or self.zoomed

    _idle: frozenset[str] = OF_MATCHES

    def show_bars(self) -> None:
        super().show_bars()
        if self._idle != (idle := self.idle_keys):
            self._idle = idle
            self.refresh_bindings()

    def action_filter(self) -> None:
        self.action_show_pane("feed")
        self.query_one("#filter-bar").add_class("-open")
        self.filter_input.focus()

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        try:
            wanted = self._understood(event.value)
        except ValueError as error:
            self._filter_problem = f"\N{BALLOT X} {error}"
        else:
            self._filter_problem = ""
            if wanted != self.feed.filter:
                self.stop_finding()
            self.feed.apply_filter(wanted)
        self.show_bars()

    @on(Input.Submitted, "#filter")
    def _filter_submitted(self) -> None:
        if not self.filter_input.value.strip():
            self._close_filter()
        elif self.feed.filter:
            self.find_any()
        self.feed.focus()

    @on(FeedView.FilterProgress)
    @on(FeedView.PositionChanged)
    def _feed_moved(self) -> None:
        self.show_bars()

    def _set_filter(self, text: str) -> None:
        """Set a filter that is written to its end. Raises ValueError with a sentence for a person."""
        parse(text, now=time.time(), zone=self._zone)
        self.query_one("#filter-bar").set_class(bool(text), "-open")
        # The blank says that the last word is whole.
        self.filter_input.value = f"{text.rstrip()} " if text.strip() else ""

    def _understood(self, text: str) -> Query:
        return parse(text, now=time.time(), zone=self._zone, unfinished=True)

    def _close_filter(self) -> None:
        self.stop_finding()
        self.filter_input.value = ""
        self.query_one("#filter-bar").remove_class("-open")
        self.feed.apply_filter(EVERYTHING)

    def action_next_match(self) -> None:
        self._move_match(1)

    def action_previous_match(self) -> None:
        self._move_match(-1)

    def _move_match(self, step: int) -> None:
        if not self.feed.filter:
            self._say_there_is_no_filter()
        elif self.feed.move_match(step):
            return
        elif step < 0 and self._more_above():
            self.find_older()
        elif step < 0 or not self.find_newer():
            self.notify("No more matches this way.", markup=False, timeout=2)

    def action_toggle_rest(self) -> None:
        if self.feed.filter:
            self.feed.toggle_rest()
            self.show_bars()
        else:
            self._say_there_is_no_filter()

    def action_leave_field(self) -> None:
        if self.focused is self.filter_input or (self.focused is self.feed and self.feed.filter):
            self._close_filter()
        elif self.focused is self.feed and self.feed.came_from:
            self.feed.go_back()
        elif self.zoomed and not isinstance(self.focused, Input | Composer):
            self.action_zoom()
        self.current_list.focus()
