"""Items in memory, in their order: for simulated disks, and for what is small."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator

from core.reconciliation.item_order import ItemKey


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
