"""The summary of a database: the sums of its index of time, as questions about ranges need them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from core.reconciliation.item_order import ItemKey
from core.reconciliation.radix_summary import ROOT_LEVEL, RadixSums, SummaryRow
from core.reconciliation.summary_queries import SummaryAnswer, SumQuery, answer_of
from core.store.stream_numbers import StreamNumbers
from core.store.time_blocks import ItemPlace
from core.store.time_index import SumsUnfinished, TimeIndex
from core.wire.entries import EntryId

FRESH_STEP: Final = 5_000
"""About how many items are summed up in one transaction."""
BLOCKS_STEP: Final = 2_000
"""About how many blocks are read at once."""
HORIZON_SETTING: Final = "retention_horizon"
"""The stamp from which on no activity was dropped for its age."""


class SqliteSummary:
    """Sums of what a database has received. Every method may raise sqlite3.Error."""

    def __init__(self, index: TimeIndex, streams: StreamNumbers) -> None:
        self._index = index
        self.sums = RadixSums(_Rows(index), _Items(index, streams))

    @property
    def is_summed_up(self) -> bool:
        """Whether the sums in the table are of all that was received."""
        return self._index.is_summed_up

    def sum_up(self) -> None:
        """Bring some of them up, within a transaction."""
        self._index.sum_up(FRESH_STEP)

    def prepare(self) -> bool:
        """Read some more of what questions need; whether that is all."""
        try:
            self._index.sum_of(ROOT_LEVEL, 0, [BLOCKS_STEP])
        except SumsUnfinished:
            return False
        return True

    def answer(self, query: SumQuery, horizon: int) -> SummaryAnswer:
        """Answer a query: in a few hundredths of a second once everything is prepared."""
        return answer_of(self.sums, horizon, query)


class _Rows:
    """See SummaryRows."""

    def __init__(self, index: TimeIndex) -> None:
        self._index = index

    def get(self, level: int, bucket: int) -> SummaryRow | None:
        return self._index.sum_of(level, bucket)


class _Items:
    """See ItemSource."""

    def __init__(self, index: TimeIndex, streams: StreamNumbers) -> None:
        self._index = index
        self._streams = streams

    def between(self, lower: ItemKey, upper: ItemKey) -> Iterator[ItemKey]:
        found = self._index.ascending(lower.place, upper.place + 1)
        try:
            for items in found:
                for place, group in groupby(items, key=_place):
                    keys = [ItemKey(place, EntryId(*self._streams.of(stream), seq)) for _, stream, seq in group]
                    if len(keys) > 1:
                        # The table has them by numbers of streams, which are this database's own.
                        keys.sort()
                    yield from (key for key in keys if lower <= key < upper)
        finally:
            found.close()


def _place(item: ItemPlace) -> int:
    return item[0]
