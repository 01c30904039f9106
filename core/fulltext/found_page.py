"""What is found when activities are looked for, a bounded piece at a time, the newest first."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from core.wire.entries import COUNTER_MAX, Entry, EntryId, Page
from core.wire.past_query import PastQuery

NO_ID: Final = EntryId("", 0, 0)
"""Before every other one."""


class SearchPlace(NamedTuple):
    """Up to where in the order of all activities was looked: what stands before it is left to look at."""

    stamp: int
    """Microseconds since 1970."""
    id: EntryId


def place_of(query: PastQuery) -> SearchPlace | None:
    """From where on somebody looks back; None: from the end of all."""
    return None if query.stamp is None else SearchPlace(query.stamp, query.id or NO_ID)


class SearchPage(msgspec.Struct, frozen=True):
    """The newest activities that match before a place, the newest first, and up to where was looked for them.

    `place` is None when there is nothing older to look at. `unindexed` is how many activities the index has not come to
    yet, about; None: there is no index. With `waits` nothing was looked at: much is new, and is indexed first.
    """

    entries: tuple[Entry, ...] = ()
    place: SearchPlace | None = None
    unindexed: int | None = None
    waits: bool = False

    @property
    def page(self) -> Page:
        """The same as it is answered."""
        place = self.place
        # The end of all is behind every stamp that can be told.
        reached = None if place is None else (min(place.stamp, COUNTER_MAX), place.id if place.id.node else None)
        return Page(self.entries[::-1], {}, place is not None, reached=reached, unindexed=self.unindexed)
