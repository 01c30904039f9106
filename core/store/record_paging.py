"""Pages of records: what somebody with a given version vector lacks, as it lies on the disk."""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterable, Iterator
from typing import Final, Protocol

from core.store.held import Held
from core.store.paging import HELD_FACTOR
from core.wire.entries import Fetch, Stream, Wanted
from core.wire.entry_runs import EntryRuns, Spans, common_spans, difference, union
from core.wire.records import LogRecord, RecordPage

CUT_SHARE: Final = 4
"""One of so many records of a page, at most, is left for the next one: each page brings most of what is wanted."""


class RecordShelf(Protocol):
    """Where records are read from. Iterators are closed when they are not read to their end."""

    def known_streams(self) -> Iterable[Stream]:
        """Those of which something may be here."""

    def records(self, stream: Stream, first: int, last: int) -> Generator[LogRecord, None, None]:
        """The stream's records with any number from `first` to `last`, by their first numbers."""


def read_record_page(shelf: RecordShelf, held: Held, query: Fetch) -> RecordPage:
    """Answer a query for all of the past with records; `kinds` and `newest` are not looked at.

    A page ends after about `entries_max` entries, or `bytes_max` bytes of lines.
    """
    lacking = held.beyond(query.seen, shelf.known_streams())
    complete = {stream: runs.complete_from(query.seen.get(stream, 0)) for stream, runs in lacking.items()}
    covered: list[_Source] = []
    loose: list[_Source] = []
    found: list[LogRecord] = []
    room = _Room(query.entries_max, query.bytes_max)
    try:
        for stream, end in complete.items():
            seen = query.seen.get(stream, 0)
            if end > seen:
                covered.append(_Source(stream, shelf.records(stream, seen + 1, end)))
        more = not _fill(found, covered, room)
        if not more:
            for stream, runs in lacking.items():
                if runs.top > complete[stream]:
                    loose.append(_Source(stream, shelf.records(stream, complete[stream] + 1, runs.top)))
            advanced = bool(found)
            more = not _fill(found, loose, room) and advanced
    finally:
        for source in (*covered, *loose):
            source.records.close()
    upto = dict(complete)
    for source in covered:
        if source.head is not None:
            upto[source.stream] = min(upto[source.stream], source.head.first - 1)
    return RecordPage(tuple(found), held.claims(query.seen, upto), more)


def wanted_record_page(shelf: RecordShelf, wanted: Wanted) -> RecordPage:
    """Those of the wanted entries that are on `shelf`, in their records, the oldest first, as many as have room.

    Of a record what is not wanted is left out: who asks has it. A few records of which the beginning is wanted, and
    nothing behind it, are left for the next page, which goes on there most of the time: to cut one takes as long as to
    read ten.
    """
    found: dict[LogRecord, list[Spans]] = {}
    unread: dict[Stream, Spans] = {}
    held = 0
    for stream, spans in wanted.runs.items():
        for first, last in spans:
            records = shelf.records(stream, first, last)
            while held <= HELD_FACTOR * wanted.bytes_max and (record := next(records, None)) is not None:
                here = common_spans(record.spans, ((first, last),))
                if here:
                    held += 0 if record in found else len(record.line)
                    found.setdefault(record, []).append(here)
            records.close()
            if held > HELD_FACTOR * wanted.bytes_max:
                # Far too much for a page: nobody knows yet whether the rest is there.
                unread[stream] = (*unread.get(stream, ()), (first, last))
    page: list[LogRecord] = []
    left: list[EntryRuns] = []
    room = wanted.bytes_max
    parts = {record: union(*({record.stream: spans} for spans in found[record])) for record in found}
    cut = [record for record, here in parts.items() if _goes_on(record, here, wanted.runs)]
    if len(cut) <= len(parts) // CUT_SHARE:
        left += [parts.pop(record) for record in cut]
    for record in sorted(parts, key=_stamp):
        (here,) = parts[record].values()
        if room < 0 and page:
            left.append({record.stream: here})
            continue
        page.append(_only(record, here))
        room -= len(page[-1].line)
    page.sort(key=lambda record: (record.stream, record.first))
    sent = union(*({record.stream: record.spans} for record in page))
    return RecordPage(tuple(page), {}, False, union(*left, difference(unread, sent)))


def _goes_on(record: LogRecord, here: EntryRuns, wanted: EntryRuns) -> bool:
    """Whether all of a record is wanted up to the last number of its stream that is, and the record goes on behind."""
    last = wanted[record.stream][-1][1]
    if record.last <= last:
        return False
    spans = common_spans(record.spans, ((record.first, last),))
    return here == {record.stream: spans} and spans != record.spans


def _only(record: LogRecord, spans: Spans) -> LogRecord:
    if spans == record.spans:
        return record
    wanted = {number for first, last in spans for number in range(first, last + 1)}
    return record.without([number for number in range(record.first, record.last + 1) if number not in wanted])


class _Source:
    """Records of one stream; `head` is the next one."""

    __slots__ = ("head", "records", "stream", "taken_upto")

    def __init__(self, stream: Stream, records: Generator[LogRecord, None, None]) -> None:
        self.stream = stream
        self.records = records
        self.taken_upto = 0
        self.head = next(records, None)

    def take(self) -> LogRecord:
        record = self.head
        assert record is not None
        self.taken_upto = max(self.taken_upto, record.last)
        self.head = next(self.records, None)
        return record

    @property
    def overlaps(self) -> bool:
        """Whether the next record has numbers of those that were taken: between the two a page cannot end."""
        return self.head is not None and self.head.first <= self.taken_upto


class _Room:
    """How much more a page takes."""

    def __init__(self, entries: int, size: int) -> None:
        self.entries = max(1, entries)
        self.size = max(1, size)

    def take(self, record: LogRecord) -> None:
        self.entries -= record.last - record.first + 1
        self.size -= len(record.line)

    @property
    def is_full(self) -> bool:
        return self.entries <= 0 or self.size <= 0


def _fill(found: list[LogRecord], sources: list[_Source], room: _Room) -> bool:
    """Move records to a page, by stamps; whether all went in."""
    heap = [(_stamp(source.head), index) for index, source in enumerate(sources) if source.head is not None]
    heapq.heapify(heap)
    while heap and not room.is_full:
        _, index = heap[0]
        source = sources[index]
        for record in _taken(source):
            found.append(record)
            room.take(record)
        if source.head is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (_stamp(source.head), index))
    return not heap


def _taken(source: _Source) -> Iterator[LogRecord]:
    yield source.take()
    while source.overlaps:
        yield source.take()


def _stamp(record: LogRecord) -> int:
    return record.stamp
