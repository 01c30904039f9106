"""Pages: what somebody with a given version vector lacks, a bounded piece at a time.

The streams that somebody lacks something of are merged by the stamps of their next entries, so a page costs what it
holds and one look at each such stream, however much is stored that is not lacking. A node's stamps increase with its
numbers, so the pages together come in the order of stamps too; should a peer's not, then at least each stream comes
in its own order, and every page raises the vector.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from core.store.contents import Position, position
from core.store.held import Held
from core.store.sequence_runs import Runs
from core.wire.entries import Entry, Fetch, Kind, Page, Stream, Wanted
from core.wire.entry_runs import EntryRuns, runs_of

SCAN_FACTOR: Final = 4
SCAN_LEAST: Final = 256
"""The newest n are looked for among the newest SCAN_FACTOR · n + SCAN_LEAST at first."""
KEPT_MAX: Final = 2_000
HELD_FACTOR: Final = 8
"""So many times the bytes of a page are held while one is put together of entries that are wanted."""


class Shelf(Protocol):
    """Where entries are read from. Iterators are closed when they are not read to their end."""

    def known_streams(self) -> Iterable[Stream]:
        """Those of which something may be here."""

    def entries(
        self, stream: Stream, first: int, last: int, kinds: Sequence[Kind], *, descending: bool = False
    ) -> Iterator[Entry]:
        """The stream's entries of `kinds` with numbers from `first` to `last`, in the order of numbers."""

    def newest_activities(self, most: int) -> Iterator[Position]:
        """The newest `most` activities, the newest first."""


def read_page(shelf: Shelf, held: Held, query: Fetch) -> Page:
    """Answer `query` from entries on `shelf`, of which those in `held` have been received."""
    lacking = held.beyond(query.seen, shelf.known_streams())
    complete = {stream: runs.complete_from(query.seen.get(stream, 0)) for stream, runs in lacking.items()}
    newest = _Newest(shelf, lacking, query) if query.newest is not None else None

    covered: list[StreamSource] = []
    loose: list[StreamSource] = []
    entries: list[Entry] = []
    behind: dict[Stream, int] = {}
    try:
        for stream, end in complete.items():
            covered += _sources(shelf, query, newest, stream, query.seen.get(stream, 0) + 1, end)
        page = PageRoom(query.entries_max, query.bytes_max)
        exhausted = page.fill(entries, covered)
        more = not exhausted
        if exhausted:
            for stream, runs in lacking.items():
                first = max(complete[stream], query.behind.get(stream, 0)) + 1
                loose += _sources(shelf, query, newest, stream, first, runs.top)
            advanced = bool(entries)
            if not page.fill(entries, loose):
                more = advanced
                behind = {stream: runs.top for stream, runs in lacking.items()}
                for source in loose:
                    if source.head is not None:
                        behind[source.stream] = min(behind[source.stream], source.head.id.seq - 1)
    finally:
        for source in (*covered, *loose):
            source.close()

    upto = dict(complete)
    for source in covered:
        if source.head is not None:
            upto[source.stream] = min(upto[source.stream], source.head.id.seq - 1)
    entries.sort(key=position)
    return Page(
        tuple(entries),
        held.claims(query.seen, upto),
        more,
        behind=behind,
    )


def wanted_page(shelf: Shelf, wanted: Wanted) -> Page:
    """Those of the wanted entries that are on `shelf`, the oldest first, as many as have room."""
    found: list[tuple[Position, Entry | None]] = []
    held = 0
    for stream, spans in wanted.runs.items():
        for first, last in spans:
            for entry in shelf.entries(stream, first, last, ("activity", "account")):
                held += len(entry.body)
                # What is far too much for a page is read again for the next one, and not held.
                found.append((position(entry), entry if held <= HELD_FACTOR * wanted.bytes_max else None))
    found.sort(key=lambda one: one[0])
    page: list[Entry] = []
    room = wanted.bytes_max
    for place, known in found:
        number = place.id.seq
        entry = known or next(shelf.entries(place.id.stream, number, number, ("activity", "account")))
        room -= len(entry.body)
        if room < 0 and page:
            break
        page.append(entry)
    return Page(tuple(page), {}, False, left=runs_of(place.id for place, _ in found[len(page) :]))


def dropped_of(shelf: Shelf, held: Held, asked: EntryRuns) -> EntryRuns:
    """Which of these entries have been received, and are not on `shelf` any more.

    Of a stream it tells up to where `KEPT_MAX` entries have been seen that are there: so much work it is at most.
    """
    found: dict[Stream, tuple[tuple[int, int], ...]] = {}
    for stream, spans in asked.items():
        runs = held.get(stream)
        gone = [] if runs is None else list(_gone(shelf, stream, runs, spans))
        if gone:
            found[stream] = tuple(gone)
    return found


def _gone(
    shelf: Shelf, stream: Stream, held: Iterable[tuple[int, int]], spans: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    room = KEPT_MAX
    for first, last in spans:
        for begin, end in held:
            begin, end = max(begin, first, 1), min(end, last)
            if begin > end:
                continue
            for entry in shelf.entries(stream, begin, end, ("activity", "account")):
                if begin < entry.id.seq:
                    yield begin, entry.id.seq - 1
                begin = entry.id.seq + 1
                room -= 1
                if room <= 0:
                    return
            if begin <= end:
                yield begin, end


def newest_within(newest_first: Iterable[Entry], most: int, bytes_max: int) -> tuple[Entry, ...]:
    """The first `most` entries, or as many as have `bytes_max` bytes of bodies together, the oldest first."""
    found: list[Entry] = []
    for entry in itertools.islice(newest_first, most):
        bytes_max -= len(entry.body)
        if bytes_max < 0 and found:
            break
        found.append(entry)
    return tuple(reversed(found))


class StreamSource:
    """Entries of one stream, in the order of numbers; `head` is the next one."""

    __slots__ = ("_entries", "head", "stream")

    def __init__(self, stream: Stream, entries: Iterator[Entry]) -> None:
        self.stream = stream
        self._entries = entries
        self.head = next(entries, None)

    def advance(self) -> None:
        self.head = next(self._entries, None)

    def close(self) -> None:
        _close(self._entries)


def _close(iterator: Iterator[object]) -> None:
    close = getattr(iterator, "close", None)
    if close is not None:
        close()


def _sources(
    shelf: Shelf, query: Fetch, newest: _Newest | None, stream: Stream, first: int, last: int
) -> list[StreamSource]:
    if first > last:
        return []
    if newest is None:
        return [StreamSource(stream, shelf.entries(stream, first, last, query.kinds))]
    sources: list[StreamSource] = []
    if "account" in query.kinds:
        sources.append(StreamSource(stream, shelf.entries(stream, first, last, ("account",))))
    if stream in newest.floors:
        activities = shelf.entries(stream, max(first, newest.floors[stream]), last, ("activity",))
        sources.append(StreamSource(stream, newest.only(activities)))
    return sources


class PageRoom:
    """How much more a page takes."""

    def __init__(self, entries_max: int, bytes_max: int) -> None:
        self._entries = max(1, entries_max)
        self._bytes = bytes_max
        self._empty = True

    def fill(self, entries: list[Entry], sources: list[StreamSource]) -> bool:
        """Move entries from sources to a page, by stamps; whether all went in."""
        heap = [
            (position(source.head), index, source) for index, source in enumerate(sources) if source.head is not None
        ]
        heapq.heapify(heap)
        while heap:
            _, index, source = heap[0]
            head = source.head
            assert head is not None
            if not self.takes(head):
                return False
            entries.append(head)
            source.advance()
            if source.head is None:
                heapq.heappop(heap)
            else:
                heapq.heapreplace(heap, (position(source.head), index, source))
        return True

    def takes(self, entry: Entry) -> bool:
        """Whether there is room for an entry, which has it then; the first one always has."""
        if not self._empty and (self._entries < 1 or len(entry.body) > self._bytes):
            return False
        self._empty = False
        self._entries -= 1
        self._bytes -= len(entry.body)
        return True


class _Newest:
    """The newest activities that somebody lacks. `floors` has the smallest number of them in each stream."""

    def __init__(self, shelf: Shelf, lacking: Mapping[Stream, Runs], query: Fetch) -> None:
        self._count = query.newest or 0
        self.floors: dict[Stream, int] = {}
        self._oldest: Position | None = None
        if self._count < 1 or "activity" not in query.kinds:
            return
        found = self._scan(shelf, query.seen)
        if found is None:
            found = self._merge(shelf, lacking, query.seen)
        self._oldest = min(found, default=None)
        for place in found:
            stream = place.id.stream
            self.floors[stream] = min(place.id.seq, self.floors.get(stream, place.id.seq))

    def only(self, activities: Iterator[Entry]) -> Iterator[Entry]:
        oldest = self._oldest
        try:
            for entry in activities:
                if oldest is not None and position(entry) >= oldest:
                    yield entry
        finally:
            _close(activities)

    def _scan(self, shelf: Shelf, seen: Mapping[Stream, int]) -> list[Position] | None:
        """Look among the newest of all; None when that was not far enough."""
        most = SCAN_FACTOR * self._count + SCAN_LEAST
        found: list[Position] = []
        examined = 0
        places = shelf.newest_activities(most)
        try:
            for place in places:
                examined += 1
                if place.id.seq > seen.get(place.id.stream, 0):
                    found.append(place)
                    if len(found) == self._count:
                        return found
        finally:
            _close(places)
        return found if examined < most else None

    def _merge(self, shelf: Shelf, lacking: Mapping[Stream, Runs], seen: Mapping[Stream, int]) -> list[Position]:
        """Look at the newest of each stream that something is lacking of."""
        streams = [
            shelf.entries(stream, seen.get(stream, 0) + 1, runs.top, ("activity",), descending=True)
            for stream, runs in lacking.items()
        ]
        try:
            merged = heapq.merge(*streams, key=position, reverse=True)
            return [position(entry) for entry in itertools.islice(merged, self._count)]
        finally:
            for entries in streams:
                _close(entries)
