"""Records in memory, and their entries by number and by time."""

from __future__ import annotations

import zlib
from bisect import bisect_left, insort
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import NamedTuple

from core.store.agreed_ranges import left_over
from core.store.contents import Position, position, record_overhead
from core.wire.entries import COUNTER_MAX, Entry, EntryId, Kind, Stream
from core.wire.missing import FindDated
from core.wire.past_query import PastQuery
from core.wire.records import LogRecord


class ShelvedRow(NamedTuple):
    """A record, and the checksum that was written with it."""

    record: LogRecord
    sum: int

    @property
    def is_whole(self) -> bool:
        return zlib.crc32(self.record.line) == self.sum


class MemoryShelf:
    """See `core.store.paging.Shelf`. What is damaged is told of, and left out of what is read."""

    def __init__(self, damaged: Callable[[ShelvedRow], None]) -> None:
        """`damaged` is told of each row that is read and does not fit its checksum."""
        self._damaged = damaged
        self._entries: dict[Stream, dict[int, tuple[Entry, ShelvedRow]]] = {}
        self._numbers: dict[Stream, list[int]] = {}
        self.activities: list[Position] = []
        self._rows: dict[Stream, list[ShelvedRow]] = {}
        """By first number, then as they came."""

    def put(self, record: LogRecord) -> None:
        self._put(ShelvedRow(record, zlib.crc32(record.line)))

    def _put(self, row: ShelvedRow) -> None:
        record = row.record
        insort(self._rows.setdefault(record.stream, []), row, key=_first)
        found = self._entries.setdefault(record.stream, {})
        numbers = self._numbers.setdefault(record.stream, [])
        for entry in record.entries:
            found[entry.id.seq] = (entry, row)
            insort(numbers, entry.id.seq)
            if entry.kind == "activity":
                insort(self.activities, position(entry))

    def take_away(self, record: LogRecord) -> None:
        """Undo a `put`."""
        self.take_row(next(row for row in self._rows[record.stream] if row.record is record))

    def take_row(self, row: ShelvedRow) -> None:
        """Have a row, and what is in it, not be there any more."""
        self._rows[row.record.stream].remove(row)
        for entry in row.record.entries:
            self._remove(entry)

    def loose_rows(self, record: LogRecord) -> list[ShelvedRow]:
        """Rows without a signature that have some of a record's numbers."""
        return [
            row
            for row in self._rows.get(record.stream, ())
            if not row.record.signature and row.record.first <= record.last and row.record.last >= record.first
        ]

    def all_loose(self) -> list[ShelvedRow]:
        """All rows without a signature."""
        return [row for rows in self._rows.values() for row in rows if not row.record.signature]

    def damage(self, row: ShelvedRow, record: LogRecord) -> None:
        """Have something else lie in a row, whose checksum stays what it was."""
        self.take_row(row)
        self._put(ShelvedRow(record, row.sum))

    def row_of(self, entry_id: EntryId) -> ShelvedRow:
        """The row with an entry, however damaged. Raises KeyError."""
        return self._entries[entry_id.stream][entry_id.seq][1]

    def look(self) -> None:
        """Read all rows."""
        for rows in self._rows.values():
            for row in rows:
                self._read(row)

    def _read(self, row: ShelvedRow) -> bool:
        whole = row.is_whole
        if not whole:
            self._damaged(row)
        return whole

    def leave_out(self, dropped: Iterable[EntryId]) -> int:
        """Leave entries out of records, and drop those of which nothing is left; how much `record_overhead` grows."""
        overhead = 0
        by_stream: dict[Stream, set[int]] = {}
        for entry_id in dropped:
            self._remove(self._entries[entry_id.stream][entry_id.seq][0])
            by_stream.setdefault(entry_id.stream, set()).add(entry_id.seq)
        for stream, numbers in by_stream.items():
            left: list[ShelvedRow] = []
            for row in self._rows[stream]:
                record = row.record
                here = [entry.id.seq for entry in record.entries if entry.id.seq in numbers]
                if not here:
                    left.append(row)
                    continue
                overhead -= record_overhead(record)
                if len(here) < len(record.entries):
                    fewer = record.without(here)
                    left.append(ShelvedRow(fewer, zlib.crc32(fewer.line)))
                    self._entries[stream].update((entry.id.seq, (entry, left[-1])) for entry in fewer.entries)
                    overhead += record_overhead(fewer)
            self._rows[stream] = left
        return overhead

    def _remove(self, entry: Entry) -> None:
        stream = entry.id.stream
        del self._entries[stream][entry.id.seq]
        numbers = self._numbers[stream]
        del numbers[bisect_left(numbers, entry.id.seq)]
        if entry.kind == "activity":
            del self.activities[bisect_left(self.activities, position(entry))]

    # --- reading ------------------------------------------------------------------------------------------------------

    def known_streams(self) -> Iterable[Stream]:
        """See `core.store.paging.Shelf`."""
        return self._rows.keys()

    def entries(
        self, stream: Stream, first: int, last: int, kinds: Sequence[Kind], *, descending: bool = False
    ) -> Iterator[Entry]:
        numbers = self._numbers.get(stream, [])
        span = range(bisect_left(numbers, first), bisect_left(numbers, last + 1))
        found = self._entries.get(stream, {})
        for index in reversed(span) if descending else span:
            entry, row = found[numbers[index]]
            if entry.kind in kinds and self._read(row):
                yield entry

    def records(self, stream: Stream, first: int, last: int) -> Generator[LogRecord, None, None]:
        """See `core.store.record_paging.RecordShelf`."""
        return (
            row.record
            for row in self._rows.get(stream, ())
            if row.record.first <= last and row.record.last >= first and self._read(row)
        )

    def newest_activities(self, most: int) -> Iterator[Position]:
        return iter(self.activities[: -most - 1 : -1])

    def dated(self, query: FindDated) -> Iterator[EntryId]:
        """See `core.wire.missing.FindDated`."""
        for begin, until in left_over(query.since, COUNTER_MAX + 1, query.agreed):
            first, last = (bisect_left(self.activities, (stamp,)) for stamp in (begin, until))
            for _, entry_id in self.activities[first:last]:
                floor = query.floors.get(entry_id.stream)
                if floor is None or entry_id.seq <= floor:
                    yield entry_id

    def activities_before(self, before: Position | None) -> Iterator[Entry]:
        end = len(self.activities) if before is None else bisect_left(self.activities, before)
        for place in reversed(self.activities[:end]):
            entry = self.entry(place.id)
            if entry is not None:
                yield entry

    def activities_beside(self, query: PastQuery) -> Generator[Entry, None, None]:
        """See `core.store.past_pages.PastShelf`."""
        known = self.activities
        if query.stamp is None:
            at = len(known) if query.backward else 0
        else:
            at = bisect_left(known, (query.stamp,) if query.id is None else (query.stamp, query.id))
        for number in range(at - 1, -1, -1) if query.backward else range(at, len(known)):
            if query.has(*known[number]) and (entry := self.entry(known[number].id)) is not None:
                yield entry

    def entry(self, entry_id: EntryId) -> Entry | None:
        """None if it is damaged. Raises KeyError if it is not here."""
        entry, row = self._entries[entry_id.stream][entry_id.seq]
        return entry if self._read(row) else None

    def accounts(self) -> list[Entry]:
        """All of them, the oldest first."""
        accounts = [
            entry
            for found in self._entries.values()
            for entry, row in found.values()
            if entry.kind == "account" and self._read(row)
        ]
        return sorted(accounts, key=position)

    def copy(self, damaged: Callable[[ShelvedRow], None]) -> MemoryShelf:
        """The same things as they lie, damaged or not."""
        twin = MemoryShelf(damaged)
        twin._entries = {stream: dict(found) for stream, found in self._entries.items()}
        twin._numbers = {stream: list(numbers) for stream, numbers in self._numbers.items()}
        twin.activities = list(self.activities)
        twin._rows = {stream: list(rows) for stream, rows in self._rows.items()}
        return twin


def _first(row: ShelvedRow) -> int:
    return row.record.first
