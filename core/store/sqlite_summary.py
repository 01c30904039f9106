"""The summary of a database: the sums of its index of time, as questions about ranges need them."""

from __future__ import annotations

from collections.abc import Iterator
from operator import lt
from typing import Final

from core.reconciliation.item_order import NOTHING, Fingerprint, ItemKey
from core.reconciliation.radix_summary import RadixSums, SummaryRow
from core.reconciliation.range_comparison import ItemRange
from core.reconciliation.summary_queries import SummaryAnswer, SumQuery, answer_of
from core.store.stream_numbers import StreamNumbers
from core.store.time_blocks import Columns, ItemPlace
from core.store.time_index import SumsUnfinished, TimeIndex
from core.wire.entries import EntryId
from core.wire.entry_runs import EntryRuns, spans_of

FRESH_STEP: Final = 2_000
"""About how many items are summed up in one transaction: some two milliseconds."""
BLOCKS_STEP: Final = 400
"""About how many blocks are read at once."""
HORIZON_SETTING: Final = "retention_horizon"
"""The stamp from which on no activity was dropped for its age."""


class SqliteSummary:
    """Sums of what a database has received. Every method may raise sqlite3.Error."""

    def __init__(self, index: TimeIndex, streams: StreamNumbers) -> None:
        self._index = index
        self._items = _Items(index, streams)
        self.sums = RadixSums(_Rows(index), self._items)

    def is_summed_up(self, within: ItemRange) -> bool:
        """Whether the sums in the table are of all that was received in a range."""
        return self._index.is_summed_up(*_places(within))

    def sum_up(self, within: ItemRange) -> bool:
        """Bring some of them up, within a transaction; whether that was so much that others have their turn first."""
        return self._index.sum_up(FRESH_STEP, *_places(within)) > FRESH_STEP // 4

    def prepare(self, within: ItemRange) -> bool:
        """Read some more of what questions about a range need; whether that is all."""
        try:
            RadixSums(_Rows(self._index, [BLOCKS_STEP]), self._items).fingerprint(*within)
        except SumsUnfinished:
            return False
        return True

    def answer(self, query: SumQuery, horizon: int) -> SummaryAnswer:
        """Answer a query: in a few hundredths of a second once everything is prepared."""
        return answer_of(self.sums, horizon, query)


class _Rows:
    """See SummaryRows."""

    def __init__(self, index: TimeIndex, room: list[int] | None = None) -> None:
        """`room`: how many blocks may be read for sums that are remembered, less those that are. `get` raises
        SumsUnfinished then."""
        self._index = index
        self._room = room

    def get(self, level: int, bucket: int) -> SummaryRow | None:
        if self._room is None or not self._index.is_divided(level, bucket):
            return self._index.sum_of(level, bucket)
        return self._index.sum_of(level, bucket, self._room)

    def is_divided(self, level: int, bucket: int) -> bool | None:
        return self._index.is_divided(level, bucket)


class _Items:
    """See ItemSource."""

    def __init__(self, index: TimeIndex, streams: StreamNumbers) -> None:
        self._index = index
        self._streams = streams

    def between(self, lower: ItemKey, upper: ItemKey) -> Iterator[ItemKey]:
        for items in self._blocks(lower, upper):
            yield from map(self._key, items)

    def fingerprint(self, lower: ItemKey, upper: ItemKey) -> Fingerprint:
        found = NOTHING
        for items in self._blocks(lower, upper):
            found = found.plus(Columns.of(items).fingerprint(self._streams.name))
        return found

    def listed(self, lower: ItemKey, upper: ItemKey, most: int) -> Iterator[tuple[EntryRuns, ItemKey | None]]:
        gathered: list[ItemPlace] = []
        for items in self._blocks(lower, upper):
            gathered += items
            while len(gathered) > most:
                yield self._runs(gathered[:most]), self._key(gathered[most])
                del gathered[:most]
        yield self._runs(gathered), None

    def _blocks(self, lower: ItemKey, upper: ItemKey) -> Iterator[list[ItemPlace]]:
        """Items in the order of their keys: all of one place stand in one list."""
        found = self._index.ascending(lower.place, upper.place + 1)
        try:
            for items in found:
                places = [*map(_place, items)]
                if not all(map(lt, places, places[1:])):
                    # The table has them by numbers of streams, which are this database's own.
                    items.sort(key=self._key)
                if places[0] == lower.place or places[-1] == upper.place:
                    items = [one for one in items if lower <= self._key(one) < upper]
                if items:
                    yield items
        finally:
            found.close()

    def _key(self, item: ItemPlace) -> ItemKey:
        place, stream, seq = item
        return ItemKey(place, EntryId(*self._streams.of(stream), seq))

    def _runs(self, items: list[ItemPlace]) -> EntryRuns:
        numbers: dict[int, list[int]] = {}
        for _, stream, seq in items:
            numbers.setdefault(stream, []).append(seq)
        named = {self._streams.of(stream): spans_of(sorted(found)) for stream, found in numbers.items()}
        return {stream: named[stream] for stream in sorted(named)}


def _place(item: ItemPlace) -> int:
    return item[0]


def _places(within: ItemRange) -> tuple[int, int]:
    """The first place that a range may have items at, and the first behind it."""
    return within.lower.place, within.upper.place + 1
