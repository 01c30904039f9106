"""Records and entries as they are read from a database, for pages of them (`paging`)."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from itertools import groupby
from typing import Final

from core.store.agreed_ranges import left_over
from core.store.behind import ACTIVITIES, Kept
from core.store.contents import Position
from core.store.record_rows import PARTIAL, RECORD_COLUMNS, DamagedRecord, RecordRow, arrived_as, record_of
from core.store.stream_numbers import StreamNumbers
from core.store.time_blocks import ItemPlace
from core.store.time_index import LATEST, TimeIndex
from core.wire.entries import Entry, EntryId, Kind, Stream
from core.wire.entry_runs import union
from core.wire.limits import RECORD_ENTRIES_MAX
from core.wire.missing import FindArrived, FindDated, FoundRuns
from core.wire.past_query import PastQuery
from core.wire.records import LogRecord, as_it_lies, decode

FOUND_AT_ONCE: Final = 10_000
"""So many rows are looked at for one answer about what somebody lacks: some hundredths of a second."""
CACHED_RECORDS: Final = 32
"""Records that were read last, for entries that are read one by one: some MiB at most."""

# Records may overlap, and none has more than RECORD_ENTRIES_MAX numbers: the index alone says which ones meet a range.
_RANGE = f"SELECT {RECORD_COLUMNS} FROM records WHERE stream = ? AND first BETWEEN ? AND ? AND first + count > ?"
_ARRIVED = "SELECT no, stream, first, count, flags FROM records WHERE no > ? ORDER BY no LIMIT ?"


class SqliteShelf:
    """See `core.store.paging.Shelf` and `core.store.record_paging.RecordShelf`. Raises sqlite3.Error."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        streams: StreamNumbers,
        index: TimeIndex,
        damaged: Callable[[DamagedRecord], None],
    ) -> None:
        """`damaged` is told of each record that does not fit its checksum; it is left out of what is read."""
        self._connection = connection
        self._streams = streams
        self._index = index
        self._damaged = damaged
        self._cache: OrderedDict[int, Kept] = OrderedDict()

    # --- by number ----------------------------------------------------------------------------------------------------

    def known_streams(self) -> list[Stream]:
        """See `core.store.paging.Shelf`: of packed streams without records most have no number."""
        return [Stream(*row) for row in self._connection.execute("SELECT node, incarnation FROM streams")]

    def kept(
        self,
        stream: Stream,
        first: int,
        last: int,
        *,
        with_accounts: bool = False,
        descending: bool = False,
        reading: Callable[[bytes], LogRecord] = decode,
    ) -> Generator[Kept, None, None]:
        """The stream's records with any number from `first` to `last`, by their first numbers."""
        number = self._streams.find(stream)
        if number is None:
            return
        # Written out, so that the planner sees that the index of records with accounts will do.
        query = _RANGE + (" AND flags & 2" if with_accounts else "") + " ORDER BY first"
        query += " DESC, no DESC" if descending else ", no"
        rows = self._connection.execute(query, (number, first - RECORD_ENTRIES_MAX + 1, last, first))
        try:
            for values in rows:
                row = RecordRow._make(values)
                record = self._read(row, stream, reading)
                if record is not None:
                    yield Kept(row.no, row.stream, record)
        finally:
            # A statement left open would keep the write-ahead log from being cleared.
            rows.close()

    def _read(self, row: RecordRow, stream: Stream, reading: Callable[[bytes], LogRecord]) -> LogRecord | None:
        try:
            return record_of(row, stream, reading)
        except DamagedRecord as damage:
            self._damaged(damage)
            return None

    def records(self, stream: Stream, first: int, last: int) -> Generator[LogRecord, None, None]:
        kept = self.kept(stream, first, last, reading=as_it_lies)
        try:
            for one in kept:
                yield one.record
        finally:
            kept.close()

    def entries(
        self, stream: Stream, first: int, last: int, kinds: Sequence[Kind], *, descending: bool = False
    ) -> Iterator[Entry]:
        """See `core.store.paging.Shelf`. Descending, entries of records that overlap come record by record."""
        kept = self.kept(stream, first, last, with_accounts="activity" not in kinds, descending=descending)
        waiting: list[Entry] = []
        try:
            for one in kept:
                entries = [
                    entry for entry in one.record.entries if first <= entry.id.seq <= last and entry.kind in kinds
                ]
                if descending:
                    yield from reversed(entries)
                    continue
                ready = bisect_left(waiting, one.record.first, key=_number)
                yield from waiting[:ready]
                waiting = sorted([*waiting[ready:], *entries], key=_number) if ready < len(waiting) else entries
            yield from waiting
        finally:
            kept.close()

    # --- what somebody lacks ------------------------------------------------------------------------------------------

    def arrived(self, query: FindArrived) -> FoundRuns:
        """See `core.wire.missing.FindArrived`."""
        rows = self._connection.execute(_ARRIVED, (query.after, FOUND_AT_ONCE)).fetchall()
        found: dict[int, list[tuple[int, int]]] = {}
        for no, stream, first, count, flags in rows:
            if arrived_as(no, flags) <= query.after:
                continue
            spans = [(first, first + count - 1)] if not flags & PARTIAL else self._numbers_of(no, stream)
            found.setdefault(stream, []).extend(spans)
        runs = union(*({self._streams.of(stream): tuple(spans)} for stream, spans in found.items() if spans))
        return FoundRuns(runs, FindArrived(rows[-1][0]) if len(rows) == FOUND_AT_ONCE else None)

    def _numbers_of(self, no: int, stream: int) -> list[tuple[int, int]]:
        values = self._connection.execute(f"SELECT {RECORD_COLUMNS} FROM records WHERE no = ?", (no,)).fetchone()
        record = self._read(RecordRow._make(values), self._streams.of(stream), decode)
        return [] if record is None else [(entry.id.seq, entry.id.seq) for entry in record.entries]

    def dated(self, query: FindDated) -> FoundRuns:
        """See `core.wire.missing.FindDated`."""
        first = ACTIVITIES | query.since
        behind = (first, -1, 0)
        if query.behind is not None:
            behind = (first, self._streams.find(query.behind.stream) or -1, query.behind.seq)
        found: dict[int, list[tuple[int, int]]] = {}
        floors: dict[int, int | None] = {}
        left = FOUND_AT_ONCE
        for place, stream, seq in self._dated_items(query, behind):
            if not left:
                at = EntryId(*self._streams.of(behind[1]), behind[2])
                rest = FindDated(behind[0] - ACTIVITIES, query.floors, at, agreed=query.agreed)
                break
            left -= 1
            behind = (place, stream, seq)
            if stream not in floors:
                floors[stream] = query.floors.get(self._streams.of(stream))
            floor = floors[stream]
            if floor is None or seq <= floor:
                found.setdefault(stream, []).append((seq, seq))
        else:
            rest = None
        return FoundRuns(union(*({self._streams.of(stream): tuple(spans)} for stream, spans in found.items())), rest)

    def _dated_items(self, query: FindDated, behind: ItemPlace) -> Iterator[ItemPlace]:
        for begin, until in left_over(query.since, LATEST - ACTIVITIES, query.agreed):
            blocks = self._index.ascending(ACTIVITIES + begin, ACTIVITIES + until)
            try:
                yield from (item for block in blocks for item in block if item > behind)
            finally:
                blocks.close()

    # --- by time ------------------------------------------------------------------------------------------------------

    def newest_activities(self, most: int) -> Iterator[Position]:
        places = self._places(LATEST)
        try:
            for count, place in enumerate(places):
                if count == most:
                    return
                yield place
        finally:
            places.close()

    def activities_before(self, before: Position | None) -> Generator[Entry, None, None]:
        """Activities that stand before a position, the newest first."""
        places = self._places(LATEST if before is None else (ACTIVITIES | before.stamp) + 1)
        try:
            for place in places:
                if before is not None and place >= before:
                    continue
                entry = self.entry(place.id)
                if entry is not None:
                    yield entry
        finally:
            places.close()

    def activities_beside(self, query: PastQuery) -> Generator[Entry, None, None]:
        """See `core.store.past_pages.PastShelf`."""
        at = query.stamp
        if query.backward:
            places = self._places(LATEST if at is None else ACTIVITIES + at + (query.id is not None))
        else:
            places = self._places(LATEST, ACTIVITIES + (at or 0), ascending=True)
        with closing(places):
            for place in places:
                if query.has(*place) and (entry := self.entry(place.id)) is not None:
                    yield entry

    def _places(
        self, upper: int, lowest: int = ACTIVITIES, *, ascending: bool = False
    ) -> Generator[Position, None, None]:
        """Where activities from a place on and before another stand, the newest first or last; of those with one stamp
        in the order of identities."""
        found = (self._index.ascending if ascending else self._index.descending)(lowest, upper)
        with closing(found):
            for items in found:
                for place, group in groupby(items if ascending else reversed(items), key=_place):
                    ids = [EntryId(*self._streams.of(stream), seq) for _, stream, seq in group]
                    if len(ids) > 1:
                        ids.sort(reverse=not ascending)
                    for entry_id in ids:
                        yield Position(place - ACTIVITIES, entry_id)

    # --- one by one ---------------------------------------------------------------------------------------------------

    def forget(self) -> None:
        """Records were written anew: those that were read before do not count any more."""
        self._cache.clear()

    def entry(self, entry_id: EntryId) -> Entry | None:
        """An entry whose body is here; None if it is not."""
        found = self.find(entry_id)
        return None if found is None else found[1]

    def find(self, entry_id: EntryId) -> tuple[Kept, Entry] | None:
        """An entry whose body is here, and the record that has it."""
        stream, seq = entry_id.stream, entry_id.seq
        for no in reversed(self._cache):
            one = self._cache[no]
            entry = _entry_in(one.record, seq) if one.record.stream == stream else None
            if entry is not None:
                self._cache.move_to_end(no)
                return one, entry
        found = self.kept(stream, seq, seq, descending=True)
        try:
            for one in found:
                entry = _entry_in(one.record, seq)
                if entry is not None:
                    self._cache[one.no] = one
                    if len(self._cache) > CACHED_RECORDS:
                        self._cache.popitem(last=False)
                    return one, entry
        finally:
            found.close()
        return None


def _entry_in(record: LogRecord, seq: int) -> Entry | None:
    if not record.first <= seq <= record.last:
        return None
    entries = record.entries
    index = bisect_left(entries, seq, key=_number)
    return entries[index] if index < len(entries) and entries[index].id.seq == seq else None


def _number(entry: Entry) -> int:
    return entry.id.seq


def _place(item: ItemPlace) -> int:
    return item[0]
