"""Which rows of a feed's window are to be seen, what stands above each, and for which of them one line stands.

A row is known by its index among those that are to be seen. Below what has arrived stand those on their way.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterator
from datetime import tzinfo
from typing import Final

from core.query import Query
from tui.feed.feed import Feed
from tui.feed.feed_item import PENDING_SERIAL, FeedItem
from tui.text.clock_times import clock_time, same_day
from tui.text.safe_text import neutralise_name
from tui.widgets.feed_matches import FeedMatches
from tui.widgets.hidden_runs import SHOWN, HiddenRun, HiddenRuns, Reason

NEW: Final = "new since you left"


class WindowRows:
    """The rows of a `Feed`, as far as a filter shows them."""

    def __init__(
        self,
        feed: Feed,
        *,
        zone: tzinfo | None,
        clock: Callable[[], float],
        new_from: Callable[[], Hashable],
        muted: Callable[[], Query],
        muted_thread: Callable[[FeedItem], str],
        muted_threads: Callable[[], tuple[Hashable, ...]],
    ) -> None:
        """`clock`, `new_from`, `muted`, `muted_thread` and `muted_threads`: as of `FeedRows`."""
        self._feed = feed
        self._zone = zone
        self._clock = clock
        self._new_from = new_from
        self._muted = muted
        self._muted_thread = muted_thread
        self._muted_threads = muted_threads
        self.matches = FeedMatches(feed)
        self.with_rest = False
        """Whether rows that do not match the filter are shown as well."""
        self.hidden = HiddenRuns(self.entry, self._why_hidden)
        self._pending: tuple[FeedItem, ...] = ()
        self._end = feed.end_serial
        """Up to where the feed is shown: what arrives while a frame is prepared is for the next one."""
        self._run = feed.runs

    def take(self) -> bool:
        """Take what has come since the last time. Whether the window is at another place since: whoever has a filter
        has the matches `begin` anew, nothing there has been looked at."""
        feed = self._feed
        self._pending = tuple(one for one in feed.pending() if not one.folded) if feed.attached else ()
        self._end = feed.end_serial
        is_elsewhere, self._run = self._run != feed.runs, feed.runs
        if is_elsewhere:
            self.matches.look_at_nothing()
        else:
            self.matches.take(self._end)
        return is_elsewhere

    # --- what there is -----------------------------------------------------------------------------------------------

    @property
    def hides_some(self) -> bool:
        """Whether rows that do not match a filter are not shown."""
        return self.matches.wanted and not self.with_rest

    @property
    def settled(self) -> int:
        """How many of the rows have arrived."""
        if not self.hides_some:
            return max(0, min(self._end, self._feed.end_serial) - self._feed.first_serial)
        self.matches.forget_left()
        return len(self.matches)

    def __len__(self) -> int:
        return self.settled + len(self._pending)

    @property
    def stand(self) -> Hashable:
        """What the indices of the rows depend on between two times that is taken what has come."""
        feed, matches = self._feed, self.matches
        return (
            feed.first_serial,
            feed.end_serial,
            self._end,
            matches.generation,
            len(matches.serials),
            self.with_rest,
            self.hidden.changes,
        )

    def entry(self, index: int) -> FeedItem:
        """Raises IndexError."""
        # Asked for dozens of times a row and frame.
        if not self.hides_some:
            serial = self._feed.first_serial + index
            entry = self._feed.by_serial(serial) if serial < self._end else None
            return self._pending[index - self.settled] if entry is None else entry
        settled = self.settled
        if index >= settled:
            return self._pending[index - settled]
        entry = self._feed.by_serial(self.matches.serials[index])
        if entry is None:
            raise IndexError(index)
        return entry

    def serial(self, index: int) -> int:
        settled = self.settled
        if index >= settled:
            return self._pending[index - settled].serial
        return self.matches.serials[index] if self.hides_some else self._feed.first_serial + index

    def index_of(self, serial: int) -> int:
        """Where a row is, or where the next one is if it is gone."""
        settled = self.settled
        if serial >= PENDING_SERIAL:
            place = next((place for place, entry in enumerate(self._pending) if entry.serial >= serial), None)
            return settled + place if place is not None else max(0, len(self) - 1)
        if self.hides_some:
            return bisect_left(self.matches.serials, serial)
        return max(0, serial - self._feed.first_serial)

    def find(self, serial: int) -> int | None:
        """Where a row that has arrived is; None if it is not to be seen."""
        index = self.index_of(serial)
        return index if index < self.settled and self.serial(index) == serial else None

    def version(self, index: int) -> Hashable:
        """Changes whenever another row stands there, or another line stands for it."""
        entry = self.entry(index)
        # What was let go of may come again with another one in its place.
        row = (entry.id, entry.state if index >= self.settled else None)
        return (row, self.matches.generation, self.hides(), self.headings(index), self.hidden_words(index))

    # --- what stands above a row -------------------------------------------------------------------------------------

    def headings(self, index: int) -> tuple[str, ...]:
        """The lines of the application's own above a row."""
        entry, new_from = self.entry(index), self._new_from()
        is_new = new_from is not None and new_from == entry.key and entry.state != "mark"
        run = self.hidden_run(index)
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
        entry = self.entry(index)
        if entry.state == "mark":
            return ""
        above = map(self.entry, self._above(index))
        at, before = entry.at, next((one.at for one in above if one.state != "mark"), self._clock())
        return "" if same_day(at, before, self._zone) else clock_time(at, self._zone, "%A %d %B %Y")

    def _above(self, index: int) -> Iterator[int]:
        """The rows above one, the nearest first; of those for which one line stands, the first."""
        while index > 0:
            index = self.together(index - 1).start
            yield index

    # --- what is hidden ----------------------------------------------------------------------------------------------

    def hides(self) -> tuple[Hashable, ...]:
        """What it depends on which rows are hidden."""
        return (self._muted(), self._muted_threads(), self._feed.removals, self._feed.runs)

    def _why_hidden(self, entry: FeedItem) -> Reason:
        if entry.state == "mark":
            return (entry.why, "") if entry.why else SHOWN
        if entry.own or entry.folded:
            return SHOWN
        if (muted := self._why_muted(entry)) != SHOWN:
            return muted
        thread = self._muted_thread(entry)
        return ("muted", thread) if thread else SHOWN

    def is_muted(self, entry: FeedItem) -> bool:
        """Whether the reader wants to hear nothing of who has written this, or of what it is about."""
        return not entry.own and self._why_muted(entry) != SHOWN

    def _why_muted(self, entry: FeedItem) -> Reason:
        muted = self._muted()
        if not muted:
            return SHOWN
        for term in (term for terms in muted.wanted for term in terms):
            if self._feed.is_wanted(entry, Query(((term,),))):
                whom = entry.sender if term.kind == "from" else f"#{term.words[0]}"
                return "muted", neutralise_name(whom)
        return SHOWN

    def hidden_run(self, index: int) -> HiddenRun | None:
        """The run of hidden rows that a row is in, if it is."""
        feed = self._feed
        if not (self._muted() or feed.removals or self._muted_threads()):
            return None
        settled = self.settled
        if index >= settled:
            return None
        self.hidden.follow(
            self.hides(),
            (feed.first_serial, settled, self.matches.generation, self.with_rest, len(self.matches)),
        )
        return self.hidden.at(index, settled)

    def hidden_words(self, index: int) -> tuple[str, str]:
        """What is said in the place of a row and those that stand with it, or behind one shown though hidden."""
        run = self.hidden_run(index)
        if run is None:
            return "", ""
        return ("", self.hidden.why(index)[0]) if run.opened else (run.words, "")

    def together(self, index: int) -> range:
        """The rows that one line stands for: what is at the first of them stands there."""
        begin = index
        while self._is_folded(begin):
            begin -= 1
        run = self.hidden_run(begin)
        rows = range(begin, begin + 1) if run is None or run.opened else run.rows
        end, settled = rows.stop, self.settled
        while end < settled and self._is_folded(end):
            end += 1
        return range(rows.start, end)

    def _is_folded(self, index: int) -> bool:
        """Whether a row has no line of its own: it stands beside another one. What a filter finds has one."""
        return index > 0 and not self.matches.wanted and self.entry(index).folded
