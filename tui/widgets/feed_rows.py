"""The rows of a feed as a list: those of its window that are to be seen, and below them those on their way."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterator, Sequence
from datetime import tzinfo
from typing import Final

from rich.cells import cell_len
from textual.strip import Strip

from core.query import EVERYTHING, Query
from tui.feed.activities import compact
from tui.feed.feed import Feed
from tui.feed.feed_item import PENDING_SERIAL, FeedItem
from tui.text.clock_times import clock_time, same_day
from tui.text.fitting import fit
from tui.text.safe_text import neutralise_name
from tui.widgets.activity_lines import ActivityLines
from tui.widgets.feed_matches import FeedMatches
from tui.widgets.hidden_runs import SHOWN, HiddenRun, HiddenRuns, Reason
from tui.widgets.row_view import RowView

EMPTY: Final = "Nothing here yet. Write the first line below."
NEW: Final = "new since you left"


class FeedRows(RowView):
    """The rows of a `Feed`: of those that one line stands for, what is at the first of them stands there."""

    follows = True

    def __init__(
        self,
        feed: Feed,
        *,
        zone: tzinfo | None = None,
        clock: Callable[[], float] = time.time,
        empty: Callable[[], str] = lambda: EMPTY,
        older: Callable[[], bool] = lambda: False,
        reader: Callable[[], str | None] = lambda: None,
        answers_reader: Callable[[bytes], bool] = lambda body: False,
        new_from: Callable[[], Hashable] = lambda: None,
        muted: Callable[[], Query] = lambda: EVERYTHING,
        beginning: Callable[[], float | None] = lambda: None,
        widget_id: str | None = None,
    ) -> None:
        """`clock`: seconds since 1970. `empty`: what to say while there are no rows. `older`: whether more may come.
        `reader`: the name of who reads this, if the network knows it. `new_from`: the `key` of the row
        from which on all is new to them. `muted`: what finds the rows
        of which they want to see no more than that they are there, if it finds not everything. `beginning`: when the
        first activity of all was written, once that is known."""
        super().__init__(widget_id=widget_id)
        self.feed = feed
        self._zone = zone
        self._clock = clock
        self._empty = empty
        self._older = older
        self._reader = reader
        self._new_from = new_from
        self._muted = muted
        self._beginning = beginning
        self._activity_lines = ActivityLines(feed, zone=zone, reader=reader, answers_reader=answers_reader)
        self._hidden = HiddenRuns(self._entry, self._why_hidden)
        self._matches = FeedMatches(feed)
        self._with_rest = False
        self._run = feed.runs
        self._pending: tuple[FeedItem, ...] = ()
        self._end = feed.end_serial
        """Up to where the feed is shown: what arrives while a frame is prepared is for the next one."""

    # --- what there is -----------------------------------------------------------------------------------------------

    def _take(self) -> None:
        """Take what has come since the last time."""
        feed = self.feed
        self._pending = tuple(one for one in feed.pending() if not one.folded) if feed.attached else ()
        if self._run != feed.runs:
            self._run = feed.runs
            self._begin_run()
        self._end = feed.end_serial
        self._matches.take(self._end)

    def _begin_run(self) -> None:
        """The window is at another place."""
        self._hidden.close_all()
        self._activity_lines.close_all()

    @property
    def filter(self) -> Query:
        return self._matches.query

    @property
    def showing_rest(self) -> bool:
        """Whether rows that do not match are shown as well."""
        return self._with_rest

    @property
    def hides_some(self) -> bool:
        """Whether rows that do not match a filter are not shown."""
        return bool(self.filter) and not self._with_rest

    @property
    def _settled(self) -> int:
        if not self.hides_some:
            return max(0, min(self._end, self.feed.end_serial) - self.feed.first_serial)
        self._matches.forget_left()
        return len(self._matches)

    def visible_entries(self) -> list[FeedItem]:
        """What is on the screen."""
        return [self._entry(index) for index in self.visible_rows if index < self.row_count()]

    def entry(self, index: int) -> FeedItem:
        """The row's activity, as it is now."""
        return self.feed.answers.as_it_is(self._entry(index))

    def _entry(self, index: int) -> FeedItem:
        settled = self._settled
        if index >= settled:
            return self._pending[index - settled]
        serial = self._matches.serials[index] if self.hides_some else self.feed.first_serial + index
        entry = self.feed.by_serial(serial)
        if entry is None:
            raise IndexError(index)
        return entry

    # --- RowView -----------------------------------------------------------------------------------------------------

    def row_count(self) -> int:
        return self._settled + len(self._pending)

    def row_key(self, index: int) -> Hashable:
        settled = self._settled
        if index >= settled:
            return self._pending[index - settled].serial
        return self._matches.serials[index] if self.hides_some else self.feed.first_serial + index

    def row_index(self, key: Hashable) -> int | None:
        assert isinstance(key, int)
        settled = self._settled
        if key >= PENDING_SERIAL:
            place = next((place for place, entry in enumerate(self._pending) if entry.serial >= key), None)
            return settled + place if place is not None else max(0, self.row_count() - 1)
        if self.hides_some:
            return bisect_left(self._matches.serials, key)
        return max(0, key - self.feed.first_serial)

    def row_version(self, index: int) -> Hashable:
        settled, entry = self._settled, self._entry(index)
        state = self._pending[index - settled].state if index >= settled else None
        return (
            # What was let go of may come again with another one in its place.
            entry.id,
            self._matches.generation,
            self.feed.removals,
            state,
            self._headings(index),
            self._reader(),
            self._muted(),
            self._hidden_words(index),
            self.feed.answers.of(entry),
            self._activity_lines.is_opened(entry),
        )

    def row_shared(self, index: int) -> Hashable | None:
        entry = self._entry(index)
        look = (
            self.filter,
            self._headings(index),
            self._hidden_words(index),
            self._activity_lines.depends_on(entry),
        )
        return (entry.body, entry.sender, entry.at, entry.state, entry.own, entry.late, entry.why, look)

    def row_strips(self, index: int, width: int) -> Sequence[Strip]:
        rules = [self._rule(words, width) for words in self._headings(index)]
        entry, (words, hidden) = self._entry(index), self._hidden_words(index)
        if words:
            when = self._activity_lines.when(entry, width)
            line = f"{when} \N{BLACK RIGHT-POINTING SMALL TRIANGLE} {words}; Enter shows"
            return [*rules, self.strip_of([(fit(line, width), "dim")])]
        if entry.state == "mark":
            return [*rules, self._rule(self.feed.sentence(entry).text, width)]
        lines = self._activity_lines.lines(entry, width, self.filter.words, hidden)
        return [*rules, *map(self.strip_of, lines)]

    def _rule(self, text: str, width: int) -> Strip:
        words = f" {text} "
        dashes = max(0, width - cell_len(words))
        line = "\N{BOX DRAWINGS LIGHT HORIZONTAL}"
        return self.strip_of([(fit(line * (dashes // 2) + words + line * (dashes - dashes // 2), width), "mark")])

    def row_copy(self, index: int) -> str | None:
        entry = self.entry(index)
        return None if entry.state == "mark" else compact(entry.body)

    # --- what stands above a row -------------------------------------------------------------------------------------

    def heading_lines(self, index: int) -> int:
        return len(self._headings(index))

    def _headings(self, index: int) -> tuple[str, ...]:
        """The lines of the application's own above a row."""
        entry, new_from = self._entry(index), self._new_from()
        is_new = new_from is not None and new_from == entry.key and entry.state != "mark"
        run = self._hidden_run(index)
        shown = (
            f"{run.words}; \N{LEFTWARDS ARROW} hides"
            if run is not None and run.opened and index == run.rows.start
            else ""
        )
        return tuple(words for words in (self._new_day(index), NEW if is_new else "", shown) if words)

    def _new_day(self, index: int) -> str:
        """The date, where it is another one than above; at the top, where it is not today's.

        Lines of the application's own count for nothing: their time is this machine's, the others' are the network's.
        """
        entry = self._entry(index)
        if entry.state == "mark":
            return ""
        above = map(self._entry, self._above(index))
        at, before = entry.at, next((one.at for one in above if one.state != "mark"), self._clock())
        return "" if same_day(at, before, self._zone) else clock_time(at, self._zone, "%A %d %B %Y")

    def _above(self, index: int) -> Iterator[int]:
        """The rows above one, the nearest first; of those for which one line stands, the first."""
        while index > 0:
            index = self.together(index - 1).start
            yield index

    # --- what is hidden ----------------------------------------------------------------------------------------------

    def _why_hidden(self, entry: FeedItem) -> Reason:
        if entry.state == "mark":
            return (entry.why, "") if entry.why else SHOWN
        muted = self._muted()
        if not muted or entry.own or entry.folded:
            return SHOWN
        for term in (term for terms in muted.wanted for term in terms):
            if self.feed.is_wanted(entry, Query(((term,),))):
                whom = entry.sender if term.kind == "from" else f"#{term.words[0]}"
                return "muted", neutralise_name(whom)
        return SHOWN

    def _hidden_run(self, index: int) -> HiddenRun | None:
        """The run of hidden rows that a row is in, if it is."""
        feed, settled = self.feed, self._settled
        if index >= settled or not (self._muted() or feed.removals):
            return None
        self._hidden.follow(
            (self._muted(), feed.removals, feed.runs),
            (feed.first_serial, settled, self._matches.generation, self._with_rest, len(self._matches)),
        )
        return self._hidden.at(index, settled)

    def _hidden_words(self, index: int) -> tuple[str, str]:
        """What is said in the place of a row and those that stand with it, or behind one shown though hidden."""
        run = self._hidden_run(index)
        if run is None:
            return "", ""
        return ("", self._hidden.why(index)[0]) if run.opened else (run.words, "")

    def together(self, index: int) -> range:
        begin = index
        while self._is_folded(begin):
            begin -= 1
        run = self._hidden_run(begin)
        rows = super().together(begin) if run is None or run.opened else run.rows
        end = rows.stop
        while end < self._settled and self._is_folded(end):
            end += 1
        return range(rows.start, end)

    def _is_folded(self, index: int) -> bool:
        """Whether a row has no line of its own: it stands beside another one. What a filter finds has one."""
        return 0 < index < self._settled and not self.filter and self._entry(index).folded
