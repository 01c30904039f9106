"""The past, for a feed: read from the server a page at a time, on top of its rows, below them, or at another place.

The feed is a window. A page is read where somebody comes near one of its edges, and far from there rows are let go: so
all of the past can be read in the memory of a window.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Literal

from core.client import PastEntry, PastNotShown, PastPage, PastPlace
from tui.feed.activities import sentence
from tui.feed.feed import Feed, PastRow
from tui.feed.feed_item import FeedItem, place_of

HIDDEN_PAGES_MAX: Final = 20
"""Pages in a row of which nothing is to be seen, before who reads is asked to go on."""
MICROSECONDS: Final = 1_000_000

BEGINNING: Final = "nothing older is kept here"
UNSHOWN: Final = "further back than this server shows"

ReadPage = Callable[[PastPlace | None, bool], Awaitable[PastPage]]
"""Reads what stands before a place (true) or behind it (false); None: the end of all, or the beginning."""


Above = Literal["unknown", "more", "all", "unshown"]


class History:
    """Moves a feed through the past. Not thread-safe: everything happens on the event loop.

    Its methods raise PastUnreadable, NotConnected and OutcomeUnknown when there is no page this time, and PastNotShown.
    """

    def __init__(self, feed: Feed, read: ReadPage, is_own: Callable[[str], bool]) -> None:
        self._above: Above = "unknown"
        self._seen = (feed.runs, feed.gone_above)
        """The window that this is about, and how often it had let go of its oldest rows."""
        self.loading = False
        self.beginning: float | None = None
        """When the first activity that is kept was written, in seconds since 1970; None while nobody has asked."""
        self._feed = feed
        self._read = read
        self._is_own = is_own
        self._turn = asyncio.Lock()

    @property
    def above(self) -> Above:
        """Whether there is more to be had above the feed's first row: unknown until somebody has logged in and been
        sent what is newest; unshown where the server does not show it."""
        feed = self._feed
        was, self._seen = self._seen, (feed.runs, feed.gone_above)
        is_another = was[0] != feed.runs or (was != self._seen and feed.lets_go)
        if is_another and self._above in ("all", "unshown"):
            self._above = "more"
        return self._above

    def _found(self, above: Above) -> None:
        self._above = above
        self._seen = (self._feed.runs, self._feed.gone_above)

    def arrived(self, row: FeedItem) -> None:
        """An activity was added to the feed."""
        if self.above == "unknown":
            self._feed.begins_before(row)

    def caught_up(self, *, shows: bool) -> None:
        """What is newest has come; whatever else comes is no longer the beginning of the feed. `shows`: whether the
        server shows what was before."""
        self._feed.lets_go = shows
        if self.above == "unknown" and self._feed.floor is None:
            # Nothing is kept, or it is a base server's, which nobody can ask for more.
            self._found("all")
        elif self.above in ("unknown", "unshown"):
            self._found("more")

    async def load_older(self) -> int:
        """Put a page of older activities on top of the feed, or say there why there are none; how many came.

        Does nothing while a page is being read, or when there is no more.
        """
        feed = self._feed
        if self.loading or self.above != "more" or not feed.room_above:
            return 0
        count = 0
        async with self._loading():
            for _ in range(HIDDEN_PAGES_MAX):
                runs = feed.runs
                try:
                    page = await self._read(feed.floor, True)
                except PastNotShown:
                    if runs == feed.runs:
                        self._found("unshown")
                        feed.mark_top(UNSHOWN)
                    return 0
                if runs != feed.runs or (count := self._put_above(page)) or not page.more:
                    return count
        return count

    def _put_above(self, page: PastPage) -> int:
        feed = self._feed
        found = self._rows(page)
        rows = found[-feed.room_above :]
        cut = (
            place_of(page.entries[-len(rows)].id, page.entries[-len(rows)].stamp)
            if len(rows) < len(found) and rows
            else page.reached
        )
        before = feed.first_serial
        feed.prepend(rows, cut)
        if not page.more and len(rows) == len(found):
            self._mark_beginning()
        return before - feed.first_serial

    async def learn_beginning(self) -> None:
        """Ask once when the first activity was written, if that is further back than what is loaded."""
        if self.beginning is None and self.above == "more":
            page = await self._read_shown(None, backward=False)
            if page.entries:
                self.beginning = page.entries[0].stamp / MICROSECONDS

    def _mark_beginning(self) -> None:
        first = self._feed.by_serial(self._feed.first_serial)
        self.beginning = first.at if first is not None else self.beginning
        self._feed.mark_top(BEGINNING)
        self._found("all")

    async def load_newer(self) -> bool:
        """Put a page of newer activities at the feed's end, if that is not the present; whether something came."""
        feed = self._feed
        if self.loading or feed.attached:
            return False
        async with self._loading():
            for _ in range(HIDDEN_PAGES_MAX):
                runs, end = feed.runs, feed.end_serial
                page = await self._read(feed.ceiling, False)
                if runs != feed.runs:
                    return True
                feed.extend(self._rows(page), page.reached if page.more else None)
                if feed.end_serial != end or feed.attached:
                    return True
        return False

    # --- elsewhere -------------------------------------------------------------------------------------------------

    async def go_to_beginning(self) -> int | None:
        """Have the feed begin with the first activity that is kept; the serial of its first row, None without one."""
        async with self._loading():
            if self.above == "all":
                return self._feed.first_serial
            page = await self._read_shown(None, backward=False)
            if not page.entries:
                return None
            self._feed.show(self._rows(page), None, page.reached if page.more else None)
            first = self._feed.first_serial
            self._mark_beginning()
            return first

    async def go_to(self, place: PastPlace) -> int | None:
        """Have the feed at a place; the serial of the first row that stands there or behind it, None if none does."""
        async with self._loading():
            behind = await self._read_shown(place, backward=False)
            if not behind.entries:
                return None
            before = await self._read_shown(place, backward=True)
            rows = [*self._rows(before), *self._rows(behind)]
            gone = self._feed.gone_above
            ceiling = behind.reached if behind.more else None
            self._feed.show(rows, before.reached or place, ceiling, len(before.entries))
            self._found("more")
            if not before.more and gone == self._feed.gone_above:
                self._mark_beginning()
            return self._feed.serial_of(behind.entries[0].id)

    async def _read_shown(self, place: PastPlace | None, *, backward: bool) -> PastPage:
        """The first page from a place on of which something is to be seen."""
        for _ in range(HIDDEN_PAGES_MAX):
            page = await self._read(place, backward)
            if page.entries or not page.more:
                break
            place = page.reached
        return page

    def _loading(self) -> _Loading:
        return _Loading(self, self._turn)

    def _rows(self, page: PastPage) -> list[PastRow]:
        return [self._row(entry) for entry in page.entries]

    def _row(self, entry: PastEntry) -> PastRow:
        sender = entry.sender or sentence(entry.body).sender
        at = entry.stamp / MICROSECONDS
        return PastRow(entry.body, sender, at, self._is_own(sender), entry.id, entry.stamp)


class _Loading:
    """One thing at a time, and meanwhile it is told that something is read."""

    def __init__(self, history: History, turn: asyncio.Lock) -> None:
        self._history = history
        self._turn = turn

    async def __aenter__(self) -> None:
        await self._turn.acquire()
        self._history.loading = True

    async def __aexit__(self, *_: object) -> None:
        self._history.loading = False
        self._turn.release()
