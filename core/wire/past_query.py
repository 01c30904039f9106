"""A question to a store about the past as people read it: a page of activities on one side of a place.

A page is asked for by a place and not by a count of rows, so that what comes in between, or is gone, moves nothing
(keyset pagination; M. Winand, "We need tool support for keyset pagination", 2013).
"""

from __future__ import annotations

import msgspec

from core.wire.entries import EntryId

PAST_ENTRIES_MAX = 500
"""Activities of a page at most."""
QUERY_CHARACTERS_MAX = 2_000
"""Characters of a query in writing."""
PAST_BYTES_MAX = 256 * 1024
"""Bytes of bodies of a page at most, about."""


class PastQuery(msgspec.Struct, frozen=True):
    """Which activities stand next to a place, in the order of (stamp, id)? Answer: a page, in that order too.

    `more` of the page: there are others beyond it. A page has one activity at least if there is any.
    """

    backward: bool
    """Whether those before the place are asked for; else those behind it."""
    stamp: int | None = None
    """Microseconds since 1970. None: the end of all, or the beginning where those behind it are asked for."""
    id: EntryId | None = None
    """The activity at the place, which is not in the page. None: the place is before all that have the stamp."""
    entries_max: int = PAST_ENTRIES_MAX
    bytes_max: int = PAST_BYTES_MAX
    query: str = ""
    """Only activities that match this are wanted (`core.query`), backward. The page may have none although there is
    more: it says up to where was looked."""

    def has(self, stamp: int, entry_id: EntryId) -> bool:
        """Whether an activity stands on the side that is asked for."""
        if self.stamp is None:
            return True
        if self.id is None:
            return (stamp < self.stamp) is self.backward
        place, other = (stamp, entry_id), (self.stamp, self.id)
        return place < other if self.backward else place > other
