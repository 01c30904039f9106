"""Sums of what has come to a client, by ranges of stamps: by them another server sees where it has the same.

The ranges are those of range-based set reconciliation (A. Meyer, 2023; `core.reconciliation`), of which a client tells
its own, and the server looks through those in which it has something else.
"""

from __future__ import annotations

import base64
from bisect import bisect_right
from typing import Final

from core.reconciliation.item_order import MODULUS, Fingerprint, item_hash, item_key
from core.wire.entries import EntryId

RANGES: Final = 12
"""Of more, two that have few activities become one."""


class ReceivedSums:
    """Count and sum of activities from a stamp on, in ranges."""

    def __init__(self, begin: int, range_items: int) -> None:
        """`range_items`: so many activities are in a range before the next one begins."""
        self._range_items = range_items
        self._begins = [begin]
        self._sums = [Fingerprint(0, 0)]
        self._newest = begin

    def add(self, entry_id: EntryId, stamp: int) -> None:
        """An activity has come that had not come before."""
        index = bisect_right(self._begins, stamp) - 1
        if index < 0:
            return
        size, total = self._sums[index]
        self._sums[index] = Fingerprint(size + 1, (total + item_hash(item_key("activity", stamp, entry_id))) % MODULUS)
        self._newest = max(stamp, self._newest)
        if self._sums[-1].size >= self._range_items:
            self._begins.append(self._newest + 1)
            self._sums.append(Fingerprint(0, 0))
            if len(self._sums) > RANGES:
                self._merge()

    def _merge(self) -> None:
        """Make one range of the two neighbours that have fewest together; the newest stay, to which more may come."""
        sizes = [one.size + other.size for one, other in zip(self._sums[:-3], self._sums[1:-2], strict=True)]
        index = sizes.index(min(sizes))
        self._sums[index : index + 2] = [self._sums[index].plus(self._sums[index + 1])]
        del self._begins[index + 1]

    def forget(self, since: int) -> None:
        """What is older than a stamp is of no interest any more."""
        while len(self._begins) > 1 and self._begins[1] <= since:
            del self._begins[0], self._sums[0]

    def told(self) -> tuple[list[tuple[int, int, str]], int]:
        """The ranges as they travel, and where the last one ends."""
        ranges = [
            (begin, one.size, base64.b64encode(one.print).decode("ascii"))
            for begin, one in zip(self._begins, self._sums, strict=True)
        ]
        return ranges, max(self._newest, self._begins[-1]) + 1
