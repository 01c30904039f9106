"""Which rows of a feed match a filter: those that were there are looked through in slices, others as they come."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Final

from core.query import EVERYTHING, Query
from tui.feed.feed import Feed
from tui.feed.feed_item import FeedItem

SCAN_SLICE: Final = 0.006
"""Seconds that a search through old rows may take before everything else has its turn."""


class FeedMatches:
    """The matches of one filter after the other, by their serials."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.query = EVERYTHING
        self.wanted = False
        """Whether there is a filter."""
        self.generation = 0
        """Counts the searches."""
        self.searching = False
        """Whether rows that were there have yet to be looked through."""
        self.serials: deque[int] = deque()
        self._tested_from = self._tested_to = feed.end_serial

    def __len__(self) -> int:
        return len(self.serials)

    def begin(self, query: Query, tell: Callable[[], object]) -> Callable[[], Awaitable[None]]:
        """Look for another query from here on. What comes is looked at as it comes; what is returned looks through
        what is there, if there is a query, and may begin later: another one may be wanted by then. `tell` is called
        after each slice, and at the end."""
        self.query = query
        self.wanted = bool(query)
        self.generation += 1
        self.look_at_nothing()
        self.searching = bool(query)
        return partial(self._search, query, self.generation, self._tested_to, tell)

    def look_at_nothing(self) -> None:
        """Nothing that is there has been looked at: the query is another one, or the window is at another place. What
        is between the serials of one place and those of another is no row."""
        self.serials.clear()
        self._tested_from = self._tested_to = self._feed.end_serial

    async def _search(self, query: Query, generation: int, until: int, tell: Callable[[], object]) -> None:
        """Test the rows that were there before the filter, those before `until`, newest first, in slices.

        Later ones are tested as they come, which they may do before this begins.
        """
        begun = time.monotonic()
        for entry in self._feed.newest_first():
            if entry.serial < until:
                self._tested_from = entry.serial
                if self._feed.is_wanted(entry, query):
                    self.serials.appendleft(entry.serial)
            if time.monotonic() - begun > SCAN_SLICE:
                tell()
                await asyncio.sleep(SCAN_SLICE)
                if generation != self.generation:
                    return
                begun = time.monotonic()
        self.searching = False
        tell()

    def take(self, end: int) -> None:
        """Look at what has come since the last time, up to a serial."""
        if not self.query:
            return
        while self.serials and self.serials[-1] >= end:
            self.serials.pop()
        self._tested_to = min(self._tested_to, end)
        while self._tested_to < end:
            if self._matches(self._tested_to):
                self.serials.append(self._tested_to)
            self._tested_to += 1
        # Those that were put on top of the feed since; while a search is under way it comes to them itself.
        while not self.searching and self._tested_from > self._feed.first_serial:
            self._tested_from -= 1
            if self._matches(self._tested_from):
                self.serials.appendleft(self._tested_from)
        self.forget_left()

    def _matches(self, serial: int) -> bool:
        entry = self._feed.by_serial(serial)
        return entry is not None and self._feed.is_wanted(entry, self.query)

    def forget_left(self) -> None:
        """The oldest rows leave whenever something arrives: between two frames, and between the steps of one."""
        while self.serials and self.serials[0] < self._feed.first_serial:
            self.serials.popleft()

    def newest_first(self) -> Iterator[FeedItem]:
        for serial in reversed(tuple(self.serials)):
            entry = self._feed.by_serial(serial)
            if entry is not None:
                yield entry

    def beside(self, serial: int, step: int) -> int | None:
        """The serial of the next (1) or previous (-1) match from a row on; None if there is none."""
        place = bisect_left(self.serials, serial)
        if step > 0 and place < len(self.serials) and self.serials[place] == serial:
            place += 1
        elif step < 0:
            place -= 1
        return self.serials[place] if 0 <= place < len(self.serials) else None
