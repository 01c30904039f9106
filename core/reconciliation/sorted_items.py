"""Items in memory, in their order: for simulated disks, and for what is small."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator

from core.reconciliation.item_order import Fingerprint, ItemKey, fingerprint_of
from core.wire.entry_runs import EntryRuns, runs_of


class SortedItems:
    """A sorted list of items."""

    def __init__(self, keys: Iterable[ItemKey] = ()) -> None:
        self._keys = sorted(keys)

    def __len__(self) -> int:
        return len(self._keys)

    def put(self, key: ItemKey) -> None:
        insort(self._keys, key)

    def remove(self, key: ItemKey) -> None:
        del self._keys[bisect_left(self._keys, key)]

    def between(self, lower: ItemKey, upper: ItemKey) -> Iterator[ItemKey]:
        keys = self._keys
        for index in range(bisect_left(keys, lower), bisect_left(keys, upper)):
            yield keys[index]

    def fingerprint(self, lower: ItemKey, upper: ItemKey) -> Fingerprint:
        return fingerprint_of(self.between(lower, upper))

    def listed(self, lower: ItemKey, upper: ItemKey, most: int) -> Iterator[tuple[EntryRuns, ItemKey | None]]:
        keys = self._keys[bisect_left(self._keys, lower) : bisect_left(self._keys, upper)]
        for begin in range(0, max(1, len(keys)), most):
            behind = keys[begin + most] if begin + most < len(keys) else None
            yield runs_of(key.id for key in keys[begin : begin + most]), behind
