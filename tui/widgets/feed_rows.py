"""The rows of a feed as a list: those of its window, and beneath activities of which the thread is open what answers
them."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from datetime import tzinfo
from typing import Final

from msgspec.structs import replace
from rich.cells import cell_len
from textual.strip import Strip

from core.query import EVERYTHING, Query
from tui.feed.activities import compact
from tui.feed.feed import Feed
from tui.feed.feed_item import UNPLACED_SERIAL, FeedItem
from tui.feed.thread_search import ThreadSearch
from tui.text.fitting import fit
from tui.widgets.activity_lines import ActivityLines
from tui.widgets.opened_threads import OpenedThread, OpenedThreads, ThreadAnswer
from tui.widgets.row_view import RowView
from tui.widgets.window_rows import WindowRows

EMPTY: Final = "Nothing here yet. Write the first line below."
NOT_SHOWN: Final = "an activity that is not shown here"


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
        muted_thread: Callable[[FeedItem], str] = lambda item: "",
        muted_threads: Callable[[], tuple[Hashable, ...]] = tuple,
        beginning: Callable[[], float | None] = lambda: None,
        answers_to: Callable[[FeedItem], ThreadSearch],
        widget_id: str | None = None,
    ) -> None:
        """`clock`: seconds since 1970. `empty`: what to say while there are no rows. `older`: whether more may come.
        `reader`: the name of who reads this, if the network knows it. `new_from`: the `key` of the row
        from which on all is new to them. `muted`: what finds the rows
        of which they want to see no more than that they are there, if it finds not everything; `muted_thread`: whose
        thread an activity is of that is muted, in words, or none; `muted_threads`: what that depends on. `beginning`:
        when the first activity of all was written, once that is known. `answers_to`: looks for what answers an
        activity."""
        super().__init__(widget_id=widget_id)
        self.feed = feed
        self._zone = zone
        self._clock = clock
        self._empty = empty
        self._older = older
        self._reader = reader
        self._beginning = beginning
        self._answers_to = answers_to
        self._window = WindowRows(
            feed,
            zone=zone,
            clock=clock,
            new_from=new_from,
            muted=muted,
            muted_thread=muted_thread,
            muted_threads=muted_threads,
        )
        self._matches = self._window.matches
        self._activity_lines = ActivityLines(feed, zone=zone, reader=reader, answers_reader=answers_reader)
        self._threads = OpenedThreads(feed, self._window)

    # --- what there is -----------------------------------------------------------------------------------------------

    def _take(self) -> None:
        """Take what has come since the last time."""
        if self._window.take():
            self._begin_run()
        self._threads.take()

    def _begin_run(self) -> None:
        """The window is at another place."""
        self._window.hidden.close_all()
        self._threads.follow_window()

    @property
    def filter(self) -> Query:
        return self._matches.query

    @property
    def showing_rest(self) -> bool:
        """Whether rows that do not match are shown as well."""
        return self._window.with_rest

    @property
    def hides_some(self) -> bool:
        """Whether rows that do not match a filter are not shown."""
        return self._window.hides_some

    def visible_entries(self) -> list[FeedItem]:
        """What is on the screen."""
        return [self._entry(index) for index in self.visible_rows if index < self.row_count()]

    def entry(self, index: int) -> FeedItem:
        """The row's activity, as it is now."""
        return self.feed.answers.as_it_is(self._entry(index))

    def _entry(self, index: int) -> FeedItem:
        place, thread = self._threads.at(index)
        return self._window.entry(place) if thread is None else self._entry_of(thread.rows[place])

    @staticmethod
    def _entry_of(answer: ThreadAnswer) -> FeedItem:
        if answer.item is None:
            return FeedItem(UNPLACED_SERIAL, (answer.words or NOT_SHOWN).encode(), "", 0.0, "mark")
        return replace(answer.item, serial=UNPLACED_SERIAL)

    def serial_at(self, index: int) -> int:
        """The serial of the window's row; of what stands beneath an activity, that of the activity."""
        place, thread = self._threads.at(index)
        return self._window.serial(place) if thread is None else thread.root

    def thread_at(self, index: int) -> OpenedThread | None:
        """The thread of which a row stands beneath its activity."""
        return self._threads.at(index)[1]

    # --- RowView -----------------------------------------------------------------------------------------------------

    def row_count(self) -> int:
        return len(self._window) + self._threads.rows

    def row_key(self, index: int) -> Hashable:
        place, thread = self._threads.at(index)
        return self._window.serial(place) if thread is None else (thread.key, thread.rows[place].reference)

    def row_index(self, key: Hashable) -> int | None:
        if isinstance(key, int):
            return self._threads.among(self._window.index_of(key))
        return self._threads.find(key)

    def row_version(self, index: int) -> Hashable:
        place, thread = self._threads.at(index)
        if thread is None:
            entry, stands = self._window.entry(place), self._window.version(place)
        else:
            answer = thread.rows[place]
            entry, stands = self._entry_of(answer), (answer.depth, answer.item, answer.words)
        answers, lines = self.feed.answers.of(entry), self._activity_lines
        return (stands, self._reader(), answers, lines.is_opened(entry), self._shows_thread(index))

    def _shows_thread(self, index: int) -> bool:
        """Whether the thread of an activity is open beneath it."""
        place, thread = self._threads.at(index)
        return thread is None and self._threads.of(self._window.serial(place)) is not None

    def row_shared(self, index: int) -> Hashable | None:
        place, thread = self._threads.at(index)
        if thread is not None:
            return None
        entry = self._window.entry(place)
        above = (self._window.headings(place), self._window.hidden_words(place))
        look = (self.filter, above, self._activity_lines.depends_on(entry), self._shows_thread(index))
        return (entry.body, entry.sender, entry.at, entry.state, entry.own, entry.late, entry.why, look)

    def row_strips(self, index: int, width: int) -> Sequence[Strip]:
        place, thread = self._threads.at(index)
        if thread is not None:
            return self._answer_strips(thread, thread.rows[place], width)
        rules = [self._rule(words, width) for words in self._window.headings(place)]
        entry, (words, hidden) = self._window.entry(place), self._window.hidden_words(place)
        if words:
            when = self._activity_lines.when(entry, width)
            line = f"{when} \N{BLACK RIGHT-POINTING SMALL TRIANGLE} {words}; Enter shows"
            return [*rules, self.strip_of([(fit(line, width), "dim")])]
        if entry.state == "mark":
            return [*rules, self._rule(self.feed.sentence(entry).text, width)]
        shown = self._shows_thread(index)
        lines = self._activity_lines.lines(entry, width, self.filter.words, hidden, opened=shown)
        return [*rules, *map(self.strip_of, lines)]

    def _answer_strips(self, thread: OpenedThread, answer: ThreadAnswer, width: int) -> list[Strip]:
        root = self.feed.by_serial(thread.root)
        since = root.at if root is not None else 0.0
        entry = self._entry_of(answer)
        lines = self._activity_lines.answer_lines(entry, width, answer.depth, since, self.filter.words)
        return [self.strip_of(line) for line in lines]

    def _rule(self, text: str, width: int) -> Strip:
        words = f" {text} "
        dashes = max(0, width - cell_len(words))
        line = "\N{BOX DRAWINGS LIGHT HORIZONTAL}"
        return self.strip_of([(fit(line * (dashes // 2) + words + line * (dashes - dashes // 2), width), "mark")])

    def row_copy(self, index: int) -> str | None:
        entry = self.entry(index)
        return None if entry.state == "mark" else compact(entry.body)

    def heading_lines(self, index: int) -> int:
        place, thread = self._threads.at(index)
        return len(self._window.headings(place)) if thread is None else 0

    def together(self, index: int) -> range:
        place, thread = self._threads.at(index)
        if thread is not None:
            return range(index, index + 1)
        rows = self._window.together(place)
        first = index - (place - rows.start)
        return range(first, first + len(rows))
