"""The summary of a store without a disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from core.reconciliation.item_order import ACCOUNTS, ACTIVITIES, END, Fingerprint, ItemKey, bound, item_key
from core.reconciliation.radix_summary import MemoryRows, RadixSummary
from core.reconciliation.sorted_items import SortedItems
from core.reconciliation.summary_queries import SummaryAnswer, SumQuery, answer_of
from core.wire.entries import Entry, EntryId
from core.wire.entry_runs import EntryRuns


class MemorySummary:
    """What was received, in sums, and what is kept of it."""

    def __init__(self) -> None:
        self._items = SortedItems()
        self._sums = RadixSummary(MemoryRows(), self._items)
        self.horizon = 0
        """The stamp from which on nothing was dropped for its age."""

    def add(self, entries: Iterable[Entry]) -> None:
        keys = [self._key(entry) for entry in entries]
        for key in keys:
            self._items.put(key)
        self._sums.add(keys)

    def remove(self, entries: Iterable[Entry]) -> None:
        """These have never been received."""
        keys = [self._key(entry) for entry in entries]
        for key in keys:
            self._items.remove(key)
        self._sums.remove(keys)

    def receive_dropped(self, entry_id: EntryId, stamp: int) -> None:
        """An activity counts as received, and is not kept."""
        key = item_key("activity", stamp, entry_id)
        self._items.put(key)
        self._sums.add([key])
        self._items.remove(key)

    def never_received(self, entry_id: EntryId, stamp: int) -> None:
        """It does not any more."""
        key = item_key("activity", stamp, entry_id)
        self._items.put(key)
        self._items.remove(key)
        self._sums.remove([key])

    def drop(self, entry: Entry, *, oldest: bool) -> None:
        """Retention has dropped one: because it was among the oldest, or because its writer had too much."""
        self._items.remove(self._key(entry))
        if oldest:
            self.horizon = max(self.horizon, entry.stamp + 1)

    def forget(self) -> None:
        """Let go of the sums of what is older than the horizon."""
        if self.horizon:
            self._sums.forget(bound(ACTIVITIES), bound(ACTIVITIES, self.horizon))

    def _key(self, entry: Entry) -> ItemKey:
        return item_key(entry.kind, entry.stamp, entry.id)

    def fingerprint(self, lower: ItemKey, upper: ItemKey) -> Fingerprint:
        """See `core.reconciliation.range_comparison.RangeSummary`."""
        return self._sums.fingerprint(lower, upper)

    def listed(self, lower: ItemKey, upper: ItemKey, most: int) -> Iterator[tuple[EntryRuns, ItemKey | None]]:
        return self._sums.listed(lower, upper, most)

    def cuts(self, lower: ItemKey, upper: ItemKey, parts: int) -> list[ItemKey]:
        return self._sums.cuts(lower, upper, parts)

    def answer(self, query: SumQuery) -> SummaryAnswer:
        return answer_of(self._sums, self.horizon, query)

    def copy(self) -> MemorySummary:
        twin = MemorySummary()
        twin.horizon = self.horizon
        keys = list(self._items.between(bound(ACCOUNTS), END))
        twin._items = SortedItems(keys)
        twin._sums = RadixSummary(MemoryRows(), twin._items)
        twin._sums.add(keys)
        return twin
