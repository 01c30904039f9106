"""Retention in the tables: bodies are left out of records, and records of which nothing is left go."""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Mapping
from itertools import groupby
from typing import Final

from msgspec.structs import replace

from core.store.behind import ACTIVITIES, Kept, Totals, write_totals
from core.store.contents import record_overhead
from core.store.record_rows import arrived_as, row_of
from core.store.retention import ROW_BYTES, SCAN_STEP, Dropping, Usage
from core.store.sqlite_shelf import SqliteShelf
from core.store.stream_numbers import StreamNumbers
from core.store.time_blocks import ItemPlace
from core.store.time_index import LATEST, TimeIndex
from core.wire.entries import EntryId

BEGIN: Final[ItemPlace] = (ACTIVITIES, -1, 0)


class Trimming:
    """One step of a trim, within a transaction. Raises sqlite3.Error."""

    def __init__(
        self, connection: sqlite3.Connection, shelf: SqliteShelf, streams: StreamNumbers, index: TimeIndex
    ) -> None:
        self._connection = connection
        self._index = index
        self._shelf = shelf
        self._streams = streams
        self._dropped: list[ItemPlace] = []
        self._bytes = 0
        self._holders: dict[int, tuple[Kept, set[int]]] = {}
        """Records, and the numbers whose bodies go."""
        self.last = BEGIN
        """Up to where was looked."""
        self.is_at_end = False
        """Whether nothing of what was looked at is left behind it."""

    def scan(self, dropping: Dropping, begin: ItemPlace) -> None:
        """Look at activities behind a place, the oldest first, for those that go."""
        self.last = begin
        rows = self._behind(begin)
        for _, group in groupby(rows, key=_position):
            places = list(group)
            if not all(self._look(dropping, place) for place in self._by_identity(places)):
                break
            self.last = places[-1]
        self.is_at_end = len(rows) < SCAN_STEP and not dropping.full

    def _behind(self, begin: ItemPlace) -> list[ItemPlace]:
        """The next items behind a place: SCAN_STEP, or all up to the last one."""
        found: list[ItemPlace] = []
        blocks = self._index.ascending(begin[0], LATEST)
        try:
            for items in blocks:
                found += items[bisect_right(items, begin) :]
                if len(found) >= SCAN_STEP:
                    break
        finally:
            blocks.close()
        return found[:SCAN_STEP]

    def _by_identity(self, places: list[ItemPlace]) -> list[ItemPlace]:
        """Of those with one stamp the order is that of their identities."""
        return places if len(places) == 1 else sorted(places, key=lambda one: (self._streams.of(one[1]), one[2]))

    def _look(self, dropping: Dropping, place: ItemPlace) -> bool:
        """See whether an activity goes; whether to look further."""
        position, stream, seq = place
        found = self._shelf.find(EntryId(*self._streams.of(stream), seq))
        if found is None:
            return True
        holder, entry = found
        if dropping.drops(entry.sender, position - ACTIVITIES, len(entry.body)):
            self._dropped.append(place)
            self._bytes += len(entry.body) + ROW_BYTES
            self._holders.setdefault(holder.no, (holder, set()))[1].add(seq)
            return True
        # Otherwise enough has gone: what follows is newer.
        return not (dropping.full or dropping.sender in (entry.sender, None))

    def choose(self, place: ItemPlace, holder: Kept, body_bytes: int) -> None:
        """An activity goes, whatever retention says of it."""
        self._dropped.append(place)
        self._bytes += body_bytes + ROW_BYTES
        self._holders.setdefault(holder.no, (holder, set()))[1].add(place[2])

    def newest_dropped(self, before: int | None) -> int | None:
        """The stamp of the newest activity that goes, of those older than a stamp; None if there is none."""
        stamps = (place - ACTIVITIES for place, _, _ in self._dropped)
        return max((stamp for stamp in stamps if before is None or stamp < before), default=None)

    @property
    def gone(self) -> list[tuple[int, EntryId]]:
        """What goes, by stamps and ids."""
        return [(place - ACTIVITIES, EntryId(*self._streams.of(stream), seq)) for place, stream, seq in self._dropped]

    def write(self, usage: Mapping[str, Usage], totals: Totals) -> Totals:
        """Drop what was found; what is left. `usage` is what is left of each writer who loses something."""
        if not self._dropped:
            return totals
        overhead = totals.overhead
        for holder, numbers in self._holders.values():
            no, stream, record = holder
            overhead -= record_overhead(record)
            if len(numbers) == len(record.entries):
                self._connection.execute("DELETE FROM records WHERE no = ?", (no,))
                self._connection.execute("DELETE FROM refs WHERE record = ?", (no,))
            else:
                fewer = record.without(numbers)
                overhead += record_overhead(fewer)
                row = row_of(no, stream, fewer, self._arrival(no))
                self._connection.execute(
                    "UPDATE records SET flags = ?, sum = ?, line = ? WHERE no = ?", (row.flags, row.sum, row.line, no)
                )
        self._index.take_out(self._dropped, received=True)
        self._connection.executemany(
            "UPDATE senders SET activities = ?, bytes = ? WHERE sender = ?",
            [(*left, sender) for sender, left in usage.items()],
        )
        remaining = replace(
            totals,
            activities=totals.activities - len(self._dropped),
            bytes=totals.bytes - self._bytes,
            overhead=overhead,
        )
        write_totals(self._connection, remaining)
        return remaining

    def _arrival(self, no: int) -> int:
        """See `core.store.record_rows.arrival_of`."""
        (flags,) = self._connection.execute("SELECT flags FROM records WHERE no = ?", (no,)).fetchone()
        return arrived_as(no, flags)


def _position(place: ItemPlace) -> int:
    return place[0]
