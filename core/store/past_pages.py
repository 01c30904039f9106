"""Pages of the past as people read it: what stands next to a place, in the order of stamps and ids."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Protocol

from core.store.paging import PageRoom
from core.wire.entries import Entry, Page
from core.wire.past_query import PastQuery


class PastShelf(Protocol):
    """Where activities are read from in the order of time. Iterators are closed when they are not read to their end."""

    def activities_beside(self, query: PastQuery) -> Generator[Entry, None, None]:
        """Activities on the side of a place that is asked for, the nearest first."""


def past_page(shelf: PastShelf, query: PastQuery) -> Page:
    """Answer `query`; what it costs is what the page holds."""
    entries: list[Entry] = []
    room = PageRoom(query.entries_max, query.bytes_max)
    more = False
    with closing(shelf.activities_beside(query)) as found:
        for entry in found:
            if not room.takes(entry):
                more = True
                break
            entries.append(entry)
    if query.backward:
        entries.reverse()
    return Page(tuple(entries), {}, more)
