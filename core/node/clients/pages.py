"""A page of the past, in an order in which a client may read it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from core.wire.entries import Entry, EntryId


def in_senders_order(entries: Sequence[Entry]) -> Sequence[Entry]:
    """Entries in the order of their stamps, but none before its sender's previous one, if that is among them.

    A server follows no clock that is far ahead of its own, so what somebody wrote at one whose clock is far behind may
    bear an earlier stamp than what it follows. What names one another in a circle, as only a liar's does, stays behind.
    """
    place = {entry.id: number for number, entry in enumerate(entries)}
    if all(place.get(entry.previous, -1) < number for number, entry in enumerate(entries) if entry.previous):
        return entries
    ordered: dict[EntryId, Entry] = {}
    waiting: dict[EntryId, list[Entry]] = {}
    for entry in entries:
        previous = entry.previous
        if previous is not None and previous in place and previous not in ordered:
            waiting.setdefault(previous, []).append(entry)
            continue
        ready = deque([entry])
        while ready:
            following = ready.popleft()
            ordered[following.id] = following
            ready.extend(waiting.pop(following.id, ()))
    for entry in entries:
        ordered.setdefault(entry.id, entry)
    return list(ordered.values())
