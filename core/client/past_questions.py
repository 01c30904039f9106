"""Pages of the past that a client asks its server for: one question at a time, by the place that they stand next to."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from core.client.questions import NotConnected, OutcomeUnknown
from core.wire.entries import COUNTER_MAX, EntryId, parse_entry_id
from core.wire.messages import PastActivity, PastDone, PastRequest
from core.wire.past_query import PAST_ENTRIES_MAX

PAST_LIMIT: Final = 30.0
"""Seconds within which there is a page."""


class PastPlace(msgspec.Struct, frozen=True):
    """A place in the order of all activities: that of one, or, without an id, before all that have the stamp. That
    counts microseconds since 1970."""

    stamp: int
    id: EntryId | None = None

    @property
    def key(self) -> tuple[int, str, int, int]:
        """By which places are compared."""
        return (self.stamp, *(self.id or ("", 0, 0)))

    @property
    def before(self) -> PastPlace:
        """The place right before that of an activity: what stands behind it includes that one."""
        if self.id is None or self.id.seq == 0:
            return self
        return PastPlace(self.stamp, self.id._replace(seq=self.id.seq - 1))

    @property
    def behind(self) -> PastPlace:
        """The place right behind that of an activity: what stands before it includes that one."""
        if self.id is None:
            return self
        return PastPlace(self.stamp, self.id._replace(seq=min(self.id.seq + 1, COUNTER_MAX)))


class PastEntry(msgspec.Struct, frozen=True):
    """An activity of the past. `body` is its JSON as the server sent it; `sender` is empty where nobody vouches for
    one. `stamp` counts microseconds since 1970."""

    body: bytes
    sender: str
    id: str
    stamp: int


class PastPage(msgspec.Struct, frozen=True):
    """What stands next to a place, in the order of stamps and ids."""

    entries: tuple[PastEntry, ...]
    more: bool
    """Whether there is more that way."""
    reached: PastPlace | None = None
    """Up to where the page goes; None for no further than the place that was asked for. It may have fewer activities
    than stand there: some are not to be seen, or not looked for."""
    unindexed: int | None = None
    """Where something was looked for: how many activities are not in the server's index yet, about. None: it has none,
    and looks at each."""


class PastNotShown(Exception):
    """The server shows no more of the past than what it sends of its own accord; the text is a clause that says why."""


class PastUnreadable(Exception):
    """There is no page this time; the text is a clause that says why."""


class PageInParts:
    """The page that is being sent: the machine's part. No socket, no clock."""

    def __init__(self) -> None:
        self._number = 0
        self._asked: PastRequest | None = None
        self._entries: list[PastEntry] = []

    def ask(
        self, place: PastPlace | None, *, backward: bool, most: int = PAST_ENTRIES_MAX, query: str = ""
    ) -> PastRequest:
        """A question, in the place of the one before."""
        self._number += 1
        self._entries = []
        stamp = None if place is None else place.stamp
        at = None if place is None or place.id is None else str(place.id)
        self._asked = PastRequest(self._number, backward, stamp, at, most, query)
        return self._asked

    def forget(self) -> None:
        """Nothing more comes of it."""
        self._asked = None
        self._entries = []

    def add(self, message: PastActivity) -> None:
        """A part has come. Raises ValueError when the server sends more than was asked for."""
        if self._asked is None or message.number != self._asked.number:
            return
        if len(self._entries) >= self._asked.most:
            raise ValueError(f"more than {self._asked.most} activities")
        self._entries.append(PastEntry(bytes(message.activity), message.sender, message.id, message.stamp))

    def done(self, message: PastDone) -> PastPage | str | None:
        """The page, or why there is none; None if it is not the one that was asked for. Raises ValueError."""
        if self._asked is None or message.number != self._asked.number:
            return None
        entries = tuple(self._entries)
        self.forget()
        if message.info:
            return message.info
        reached = None
        if message.stamp is not None:
            reached = PastPlace(message.stamp, parse_entry_id(message.id) if message.id is not None else None)
        if message.more and reached is None:
            raise ValueError("there is more, and nobody says from where on")
        return PastPage(entries, message.more, reached, message.unindexed)


class PastQuestions:
    """Who waits for a page, and who waits for their turn to ask."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self._answer: asyncio.Future[PastPage] | None = None

    async def answered(self) -> PastPage:
        """The page that has just been asked for. Raises PastUnreadable, NotConnected when the connection ends before
        it, and OutcomeUnknown when none comes."""
        self._answer = asyncio.get_running_loop().create_future()
        try:
            return await asyncio.wait_for(self._answer, PAST_LIMIT)
        except TimeoutError:
            raise OutcomeUnknown(f"there was no answer within {PAST_LIMIT:g} seconds") from None
        finally:
            self._answer = None

    def arrived(self, page: PastPage | None, info: str) -> None:
        if self._answer is None or self._answer.done():
            return
        if page is not None:
            self._answer.set_result(page)
        else:
            self._answer.set_exception(PastUnreadable(info))

    def connection_lost(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(NotConnected("the connection ended before the server answered"))
