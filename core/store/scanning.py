"""Finding what somebody looks for in a store that has no index: one by one."""

from __future__ import annotations

from typing import Final, Protocol

from core.query import document, matches, parse
from core.store.contents import Position, position
from core.wire.entries import Entry, EntryId, Page
from core.wire.past_query import PastQuery
from core.wire.references import entries_named

SCANNED_MAX: Final = 500
"""Activities that are looked at for one page."""
SCANNED_BYTES_MAX: Final = 4 * 1024 * 1024
_NO_ID: Final = EntryId("", 0, 0)


class Activities(Protocol):
    """What is looked through: see `core.store.store_interface.Store`."""

    def activities_before(self, before: Position | None, most: int, bytes_max: int) -> tuple[Entry, ...]: ...


def scan_past(store: Activities, query: PastQuery) -> Page:
    """The newest activities that match and stand before a place; with the place up to which was looked, when there is
    more. Raises what the store does, and QueryError."""
    wanted = parse(query.query, now=0.0)
    place = None if query.stamp is None else Position(query.stamp, query.id or _NO_ID)
    if wanted.until is not None and (place is None or wanted.until <= place.stamp):
        place = Position(wanted.until, _NO_ID)
    looked_at = store.activities_before(place, SCANNED_MAX, SCANNED_BYTES_MAX)
    if not looked_at:
        return Page((), {}, False)
    # Entries do not say what they are called.
    named = entries_named(wanted.references)
    found: list[Entry] = []
    size = 0
    for entry in reversed(looked_at):
        if not matches(wanted, document(entry.sender, entry.body, entry.stamp, named.get(entry.id, ""))):
            continue
        size += len(entry.body)
        if found and (len(found) == query.entries_max or size > query.bytes_max):
            return Page(tuple(reversed(found)), {}, True, reached=position(found[-1]))
        found.append(entry)
    oldest = looked_at[0]
    is_over = wanted.since is not None and oldest.stamp < wanted.since
    return Page(tuple(reversed(found)), {}, not is_over, reached=None if is_over else position(oldest))
