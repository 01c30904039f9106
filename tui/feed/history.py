"""What is older than the feed's first row: read from the store of the node here, a page at a time.

A client is sent the newest activities when it logs in. Whoever scrolls to the top of those wants the ones before them,
and the node in this process has them. The feed may only grow upwards while it holds everything below: once it was full
and has dropped its oldest rows, there is no going back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal, Protocol

from core.wire import Entry, EntryId, idempotency_fingerprint, parse_entry_id
from tui.feed.activities import sentence
from tui.feed.feed import Feed, Older

PAGE: Final = 500
"""Activities read at a time."""
LATE_KEPT: Final = 10_000
"""Activities that arrived late, and are remembered so that they are not shown twice."""
MICROSECONDS: Final = 1_000_000

BEGINNING: Final = "nothing older is kept here"
FULL: Final = "older ones are kept, but the feed is full"

HistoryPosition = tuple[int, EntryId]
"""Where an activity stands in the order of all: its stamp (microseconds since 1970) and its id."""


class Archive(Protocol):
    """Who has the past; `core.engine.Server` is one."""

    async def activities_before(self, before: HistoryPosition | None, most: int) -> Sequence[Entry]: ...


class History:
    """Grows a feed at its top. Not thread-safe: everything happens on the event loop."""

    def __init__(self, feed: Feed, archive: Archive, is_own: Callable[[str], bool]) -> None:
        self.state: Literal["unknown", "more", "all"] = "unknown"
        """Whether there is more to be had: unknown until somebody has logged in and been sent what is newest."""
        self.loading = False
        self._feed = feed
        self._archive = archive
        self._is_own = is_own
        self._oldest: HistoryPosition | None = None
        self._late: dict[EntryId, None] = {}

    def arrived(self, entry_id: str | None, stamp: int | None) -> None:
        """An activity was added to the feed."""
        if entry_id is None or stamp is None:
            return
        if self.state != "unknown" and (self._oldest is None or stamp > self._oldest[0]):
            # It is newer, as nearly all are.
            return
        try:
            place = (stamp, parse_entry_id(entry_id))
        except ValueError:
            return
        if self.state == "unknown":
            self._oldest = place if self._oldest is None else min(place, self._oldest)
        elif self._oldest is not None and place < self._oldest and len(self._late) < LATE_KEPT:
            self._late[place[1]] = None

    def caught_up(self) -> None:
        """What is newest has come; whatever else comes is no longer the beginning of the feed."""
        if self.state == "unknown":
            self.state = "more" if self._oldest is not None else "all"

    async def load(self) -> bool:
        """Put a page of older activities on top of the feed, or say there that it begins here; whether some came.

        Does nothing while it is at it, or when there is no more. Raises what the archive does.
        """
        if self.loading or self.state != "more":
            return False
        self.loading = True
        try:
            found = await self._archive.activities_before(self._oldest, PAGE)
        finally:
            self.loading = False
        # One row is left for the line that says why there are no more.
        room = self._feed.room_above - 1
        if not found or room < 1:
            self.state = "all"
            self._feed.mark_beginning(FULL if found else BEGINNING)
            return False
        kept = found[-room:]
        self._oldest = (kept[0].stamp, kept[0].id)
        self._feed.prepend([self._row(entry) for entry in self._once(kept)])
        return True

    def _once(self, entries: Sequence[Entry]) -> list[Entry]:
        """Without those that are shown already, and without repetitions after a crash."""
        known: set[bytes] = set()
        result: list[Entry] = []
        for entry in entries:
            name = idempotency_fingerprint(entry.sender, entry.ref, entry.body) if entry.ref is not None else None
            if entry.id in self._late or name in known:
                continue
            if name is not None:
                known.add(name)
            result.append(entry)
        return result

    def _row(self, entry: Entry) -> Older:
        sender = entry.sender or sentence(entry.body).sender
        return Older(entry.body, sender, entry.stamp / MICROSECONDS, self._is_own(sender), str(entry.id))
