"""Finding what matches, a page at a time: through the index where it has been, one by one where it has not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from core.fulltext.data_view import DataView, TailRecord
from core.fulltext.found_page import NO_ID, SearchPage, SearchPlace
from core.fulltext.fts_query import match_of
from core.fulltext.index_file import WordIndex
from core.fulltext.indexing import Indexing
from core.fulltext.parts import END, Indexed, IndexPart
from core.query import Query, document, matches
from core.store.contents import position
from core.wire.entries import Entry
from core.wire.past_query import PAST_BYTES_MAX
from core.wire.references import entries_named

NAMED_AT_ONCE: Final = 100
"""So many activities that the index names are looked at before it is asked for more."""
SCANNED_AT_ONCE: Final = 200
INDEX_SECONDS: Final = 0.2
"""For so long the index is asked for one page: some phrases of frequent words take it minutes. Then activities are
looked at one by one for as long."""
TAIL_MAX: Final = 5_000
"""So many new activities are looked through in memory. With more, some are indexed first."""
TAIL_BYTES_MAX: Final = 8 * 1024 * 1024
"""What of their bodies is kept in memory; what is beyond that is read each time."""
_MICROSECOND: Final = 1


class _Piece(NamedTuple):
    """What was found in a piece of time: all of it down to a place; None: there is nothing older."""

    found: list[Entry]
    place: SearchPlace | None


class Tail:
    """The activities of the last records, which the index has not taken in: in memory, as far as they were read."""

    def __init__(self, data: DataView) -> None:
        self._data = data
        self._records: list[TailRecord] = []
        self._upto = 0
        self._bytes = 0

    def read(self, after: int) -> Iterator[Entry]:
        """The activities of all records behind one; within a `reading`."""
        if self._upto < after:
            self.forget()
            self._upto = after
        for record in self._records:
            if record.no > after:
                yield from record.entries
        for record in self._data.records(self._upto, self._data.last, -1):
            if self._bytes < TAIL_BYTES_MAX:
                self._records.append(record)
                self._upto = record.no
                self._bytes += sum(len(entry.body) for entry in record.entries)
            yield from record.entries

    def forget(self) -> None:
        """What was read does not count any more."""
        self._records.clear()
        self._upto = self._bytes = 0


class ActivitySearch:
    """Every method raises sqlite3.Error, and what the data does."""

    def __init__(self, data: DataView, indexing: Indexing | None, clock: Callable[[], float]) -> None:
        """`indexing`: what brings the index up; None where there is none. `clock`: seconds, of any beginning."""
        self._data = data
        self._indexing = indexing
        self._index = None if indexing is None else indexing.index
        self._clock = clock
        self._tail = Tail(data)
        self._drops = 0
        self.is_filling = True
        """Whether more may be indexed for who looks for something."""

    def page(self, query: Query, before: SearchPlace | None, most: int, seconds: float) -> SearchPage:
        """The newest activities that match and stand before a place (None: of all), at most so many.

        Fewer, with the place up to which was looked, when so many seconds have gone by.
        """
        until = self._clock() + seconds
        indexing = self._indexing
        if indexing is None:
            self._tail.forget()
            with self._data.reading():
                return self._page(query, before, most, until, None)
        while indexing.drop_gone():
            pass
        if indexing.drops != self._drops:
            self._tail.forget()
            self._drops = indexing.drops
        if not self._is_caught_up(indexing, until):
            return SearchPage(place=before or SearchPlace(END, NO_ID), unindexed=indexing.unindexed, waits=True)
        if before is not None and match_of(query) is not None:
            # It takes less to index activities than to look at each, and is of use once more.
            while self._is_above_hole(indexing, before) and self._clock() < until:
                indexing.fill()
        with self._data.reading():
            return self._page(query, before, most, until, indexing.unindexed)

    def _is_above_hole(self, indexing: Indexing, place: SearchPlace) -> bool:
        hole = indexing.index.parts.hole
        return self.is_filling and hole is not None and hole[1] == place.stamp + (place.id != NO_ID)

    def _is_caught_up(self, indexing: Indexing, until: float) -> bool:
        """Have the index take in what has come, if that is too much to look through each time; whether it has."""
        while True:
            with self._data.reading():
                behind = self._data.entries_behind(indexing.index.state.upto, TAIL_MAX)
            if behind < TAIL_MAX or not indexing.take_new():
                return True
            if self._clock() >= until:
                return False

    def _page(
        self, query: Query, before: SearchPlace | None, most: int, until: float, unindexed: int | None
    ) -> SearchPage:
        place: SearchPlace | None = before or SearchPlace(END, NO_ID)
        assert place is not None
        if query.until is not None and query.until <= place.stamp:
            place = SearchPlace(query.until, NO_ID)
        lowest = query.since or 0
        followed = self._data.followed
        after = followed if self._index is None else min(followed, self._index.state.upto)
        # Entries do not say what they are called.
        named = filter(None, map(self._data.entry, entries_named(query.references)))
        tail = [
            one
            for one in (*self._tail.read(after), *named)
            if SearchPlace(*position(one)) < place and self._fits(query, one)
        ]
        match = None if self._index is None else match_of(query)
        found: dict[SearchPlace, Entry] = {}
        while True:
            piece = self._piece(query, match, before, place, lowest, most)
            if piece is None:
                break
            found.update((SearchPlace(*position(entry)), entry) for entry in piece.found)
            place = piece.place
            if place is not None and place <= SearchPlace(lowest, NO_ID):
                place = None
            if place is None or len(found) >= most or self._clock() >= until:
                break
        found.update((at, entry) for entry in tail if (at := SearchPlace(*position(entry))) >= (place or at))
        return _cut(found, place, most, unindexed)

    def _piece(
        self, query: Query, match: str | None, before: SearchPlace | None, place: SearchPlace, lowest: int, most: int
    ) -> _Piece | None:
        """What matches right before a place; None where something is to be indexed first. `before`: where the page
        began."""
        if match is None or self._index is None:
            return self._scanned(query, place, lowest, most)
        # Of those that have the place's own stamp some may stand before it.
        upper = place.stamp + (place.id != NO_ID)
        part, low = self._index.parts.below(upper)
        lowest = max(low, lowest)
        if part is None:
            if place != before and self._indexing is not None and self._is_above_hole(self._indexing, place):
                return None
            return self._scanned(query, place, lowest, most)
        return self._named(self._index, part, query, match, place, upper, lowest, most)

    def _named(
        self,
        index: WordIndex,
        part: IndexPart,
        query: Query,
        match: str,
        place: SearchPlace,
        upper: int,
        lowest: int,
        most: int,
    ) -> _Piece:
        """The same by the index."""
        at_once = max(NAMED_AT_ONCE, most)
        until = self._clock() + INDEX_SECONDS

        def is_over() -> bool:
            return self._clock() >= until

        rows = index.parts.find(part, match, upper, lowest, at_once, is_over)
        end = SearchPlace(lowest, NO_ID)
        if rows is not None and len(rows) == at_once:
            # Of those with one stamp all or none: their order is another one.
            last = rows[-1].stamp
            if rows[0].stamp != last:
                rows = [one for one in rows if one.stamp != last]
                end = SearchPlace(last + _MICROSECOND, NO_ID)
            else:
                rows = index.parts.find(part, match, last + _MICROSECOND, last, -1, is_over)
                end = SearchPlace(last, NO_ID)
        if rows is None:
            return self._scanned(query, place, lowest, most)
        found: list[Entry] = []
        looked_at: Indexed | None = None
        for one in rows:
            if looked_at is not None and one.stamp != looked_at.stamp and is_over():
                return _Piece(found, SearchPlace(looked_at.stamp, NO_ID))
            looked_at = one
            if (one.stamp, one.id) >= place:
                continue
            entry = self._data.entry(one.id)
            if entry is not None and entry.stamp == one.stamp and self._fits(query, entry):
                found.append(entry)
        return _Piece(found, end if end.stamp > 0 else None)

    def _scanned(self, query: Query, place: SearchPlace, lowest: int, most: int) -> _Piece:
        """The same one by one."""
        found: list[Entry] = []
        count = 0
        until = self._clock() + INDEX_SECONDS
        entries = self._data.before(place)
        try:
            for entry in entries:
                if entry.stamp < lowest:
                    return _Piece(found, SearchPlace(lowest, NO_ID))
                if self._fits(query, entry):
                    found.append(entry)
                count += 1
                if count == SCANNED_AT_ONCE or len(found) > most or self._clock() >= until:
                    return _Piece(found, SearchPlace(*position(entry)))
        finally:
            entries.close()
        # Whatever stands before is not there.
        return _Piece(found, None if lowest == 0 else SearchPlace(lowest, NO_ID))

    @staticmethod
    def _fits(query: Query, entry: Entry) -> bool:
        called = entries_named(query.references).get(entry.id, "") if query.references else ""
        return query.includes(entry.stamp) and matches(query, document(entry.sender, entry.body, entry.stamp, called))


def _cut(found: dict[SearchPlace, Entry], place: SearchPlace | None, most: int, unindexed: int | None) -> SearchPage:
    """Of what was found the newest: as many, and as many bytes, as go into a page."""
    entries: list[Entry] = []
    size = 0
    for at in sorted(found, reverse=True):
        entry = found[at]
        size += len(entry.body)
        if entries and (len(entries) == most or size > PAST_BYTES_MAX):
            return SearchPage(tuple(entries), SearchPlace(*position(entries[-1])), unindexed)
        entries.append(entry)
    return SearchPage(tuple(entries), place, unindexed)
