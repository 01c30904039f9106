"""Records in memory, and their entries by number and by time."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Generator, Iterable, Iterator, Sequence

from core.store.contents import Position, position, record_overhead
from core.wire.entries import Entry, EntryId, Kind, Stream
from core.wire.records import LogRecord


class MemoryShelf:
    """See `core.store.paging.Shelf`."""

    def __init__(self) -> None:
        self.streams: dict[Stream, dict[int, Entry]] = {}
        self.numbers: dict[Stream, list[int]] = {}
        self.activities: list[Position] = []
        self._records: dict[Stream, list[LogRecord]] = {}
        """By first number, then as they came."""

    def put(self, record: LogRecord) -> None:
        insort(self._records.setdefault(record.stream, []), record, key=_first)
        found = self.streams.setdefault(record.stream, {})
        numbers = self.numbers.setdefault(record.stream, [])
        for entry in record.entries:
            found[entry.id.seq] = entry
            insort(numbers, entry.id.seq)
            if entry.kind == "activity":
                insort(self.activities, position(entry))

    def take_away(self, record: LogRecord) -> None:
        """Undo a `put`."""
        self._records[record.stream].remove(record)
        for entry in record.entries:
            self._remove(entry)

    def replace(self, record: LogRecord, other: LogRecord) -> None:
        """Have something else lie in a record's place."""
        self.take_away(record)
        self.put(other)

    def leave_out(self, dropped: Iterable[EntryId]) -> int:
        """Leave entries out of records, and drop those of which nothing is left; how much `record_overhead` grows."""
        overhead = 0
        by_stream: dict[Stream, set[int]] = {}
        for entry_id in dropped:
            self._remove(self.streams[entry_id.stream][entry_id.seq])
            by_stream.setdefault(entry_id.stream, set()).add(entry_id.seq)
        for stream, numbers in by_stream.items():
            left: list[LogRecord] = []
            for record in self._records[stream]:
                here = [entry.id.seq for entry in record.entries if entry.id.seq in numbers]
                if not here:
                    left.append(record)
                    continue
                overhead -= record_overhead(record)
                if len(here) < len(record.entries):
                    left.append(record.without(here))
                    overhead += record_overhead(left[-1])
            self._records[stream] = left
        return overhead

    def _remove(self, entry: Entry) -> None:
        stream = entry.id.stream
        del self.streams[stream][entry.id.seq]
        numbers = self.numbers[stream]
        del numbers[bisect_left(numbers, entry.id.seq)]
        if entry.kind == "activity":
            del self.activities[bisect_left(self.activities, position(entry))]

    # --- reading ------------------------------------------------------------------------------------------------------

    def known_streams(self) -> Iterable[Stream]:
        """See `core.store.paging.Shelf`."""
        return self._records.keys()

    def entries(
        self, stream: Stream, first: int, last: int, kinds: Sequence[Kind], *, descending: bool = False
    ) -> Iterator[Entry]:
        numbers = self.numbers.get(stream, [])
        span = range(bisect_left(numbers, first), bisect_left(numbers, last + 1))
        found = self.streams.get(stream, {})
        for index in reversed(span) if descending else span:
            entry = found[numbers[index]]
            if entry.kind in kinds:
                yield entry

    def records(self, stream: Stream, first: int, last: int) -> Generator[LogRecord, None, None]:
        """See `core.store.record_paging.RecordShelf`."""
        return (one for one in self._records.get(stream, ()) if one.first <= last and one.last >= first)

    def newest_activities(self, most: int) -> Iterator[Position]:
        return iter(self.activities[: -most - 1 : -1])

    def activities_before(self, before: Position | None) -> Iterator[Entry]:
        end = len(self.activities) if before is None else bisect_left(self.activities, before)
        for place in reversed(self.activities[:end]):
            yield self.entry(place.id)

    def entry(self, entry_id: EntryId) -> Entry:
        """Raises KeyError."""
        return self.streams[entry_id.stream][entry_id.seq]

    def accounts(self) -> list[Entry]:
        """All of them, the oldest first."""
        accounts = [entry for found in self.streams.values() for entry in found.values() if entry.kind == "account"]
        return sorted(accounts, key=position)

    def copy(self) -> MemoryShelf:
        twin = MemoryShelf()
        twin.streams = {stream: dict(found) for stream, found in self.streams.items()}
        twin.numbers = {stream: list(numbers) for stream, numbers in self.numbers.items()}
        twin.activities = list(self.activities)
        twin._records = {stream: list(records) for stream, records in self._records.items()}
        return twin


def _first(record: LogRecord) -> int:
    return record.first
