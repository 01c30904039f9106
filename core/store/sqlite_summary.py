"""The summary of a database: sums in memory of its table of items, made at the first question and kept up after it.

It is made in steps, in the order of items, so that commits go on meanwhile: what comes to stand before the place at
which the making has come is added at once, and what comes behind it is found there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from core.reconciliation.item_order import ACCOUNTS, ACTIVITIES, END, ItemKey, bound, bound_at, item_key
from core.reconciliation.radix_summary import MemoryRows, RadixSummary
from core.reconciliation.summary_queries import SummaryAnswer, SumQuery, answer_of
from core.store.stream_numbers import StreamNumbers
from core.wire.entries import Entry, EntryId

STEP: Final = 5_000
"""Most items that are added at once, or a few more of one stamp."""
HORIZON_SETTING: Final = "retention_horizon"
"""The stamp from which on no activity was dropped for its age."""

_NOTHING: Final = bound(ACCOUNTS)
_ITEMS = "SELECT place, stream, seq FROM items WHERE place BETWEEN ? AND ? ORDER BY place, stream, seq"


class SqliteSummary:
    """Sums of what a database has received. Every method may raise sqlite3.Error."""

    def __init__(self) -> None:
        self._source = _Items()
        self._sums = RadixSummary(MemoryRows(), self._source)

    def use(self, connection: sqlite3.Connection, streams: StreamNumbers) -> None:
        """From now on the items are read so."""
        self._source.connection, self._source.streams = connection, streams

    def prepare(self) -> bool:
        """Do a step; whether all is done."""
        source = self._source
        found: list[ItemKey] = []
        for key in source.between_all(source.upto, END):
            if len(found) >= STEP and key.place > found[-1].place:
                source.upto = bound_at(key.place)
                break
            found.append(key)
        else:
            source.upto = END
        self._sums.add(found)
        return source.upto >= END

    def add(self, entries: Iterable[Entry]) -> None:
        """Entries are in the table now."""
        if self._source.upto == _NOTHING:
            return
        keys = (item_key(entry.kind, entry.stamp, entry.id) for entry in entries)
        self._sums.add(key for key in keys if key < self._source.upto)

    def forget(self, horizon: int) -> None:
        """Let go of the sums of what is older than the horizon."""
        self._sums.forget(bound(ACTIVITIES), bound(ACTIVITIES, horizon))

    def answer(self, query: SumQuery, horizon: int) -> SummaryAnswer:
        """Answer a query, once everything is prepared."""
        return answer_of(self._sums, horizon, query)


class _Items:
    """The items in the database that are before the place at which the summary has come."""

    def __init__(self) -> None:
        self.connection: sqlite3.Connection
        self.streams: StreamNumbers
        self.upto = _NOTHING

    def between(self, lower: ItemKey, upper: ItemKey) -> Iterator[ItemKey]:
        """See ItemSource."""
        return self.between_all(lower, min(upper, self.upto))

    def between_all(self, lower: ItemKey, upper: ItemKey) -> Iterator[ItemKey]:
        """The same, whether the summary has come so far or not."""
        if lower >= upper:
            return
        rows = self.connection.execute(_ITEMS, (lower.place, upper.place))
        try:
            for place, group in groupby(rows, key=_place):
                keys = [ItemKey(place, EntryId(*self.streams.of(stream), seq)) for _, stream, seq in group]
                if len(keys) > 1:
                    # The table has them by numbers of streams, which are this database's own.
                    keys.sort()
                yield from (key for key in keys if lower <= key < upper)
        finally:
            # A statement left open would keep the write-ahead log from being cleared.
            rows.close()


def _place(row: tuple[int, int, int]) -> int:
    return row[0]
