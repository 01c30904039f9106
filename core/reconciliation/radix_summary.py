"""A summary of a set that answers for any range: sums in a radix tree over stamps, the items themselves elsewhere.

A row (level, bucket) has the count and the sum of all items whose places are `bucket` when their lowest 4·level bits
are cut off. A row of more than `LEAF_MAX` items is *divided*: the 16 below it have rows of their own. So there is one
row for some 20 to 200 items, however dense or scattered their stamps are; adding, removing and asking for a range look
at a path of rows, and at the items of one undivided row at each end.

Rows say what has been *received*. Who drops an item (retention) leaves its row as it is: what is asked for is decided
by the numbers that somebody knows, not by sums, and so two servers of which each has dropped other items agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, Protocol

from core.reconciliation.item_order import MODULUS, NOTHING, Fingerprint, ItemKey, bound_at, item_hash
from core.wire.entry_runs import EntryRuns

LEAF_MAX: Final = 256
"""Most items of a row that is not divided, unless they all have one stamp."""
BITS: Final = 4
"""Of a place, for each level."""
FAN_OUT: Final = 1 << BITS
ROOT_LEVEL: Final = 15
"""Its row covers 60 bits: places have 58."""
FINER: Final = 4
"""Ranges are cut at pieces that are so much smaller than the parts."""


class SummaryRow(NamedTuple):
    """What is known of one bucket."""

    size: int
    sum: int
    divided: bool

    @property
    def fingerprint(self) -> Fingerprint:
        return Fingerprint(self.size, self.sum)


class SummaryRows(Protocol):
    """Where rows are kept."""

    def get(self, level: int, bucket: int) -> SummaryRow | None:
        """What is known of a bucket; None if nothing has been received in it."""

    def is_divided(self, level: int, bucket: int) -> bool | None:
        """Whether there are rows below, without its sum; None if nothing has been received in it."""


class ItemSource(Protocol):
    """Where items are kept."""

    def between(self, lower: ItemKey, upper: ItemKey) -> Iterator[ItemKey]:
        """The items from `lower` on, and before `upper`, in their order."""

    def fingerprint(self, lower: ItemKey, upper: ItemKey) -> Fingerprint:
        """Their count and sum."""

    def listed(self, lower: ItemKey, upper: ItemKey, most: int) -> Iterator[tuple[EntryRuns, ItemKey | None]]:
        """They in lists of so many, at least one list, each with the first item that stands behind it."""


class MemoryRows:
    """Rows in memory: some 300 bytes each."""

    def __init__(self) -> None:
        self._rows: dict[tuple[int, int], SummaryRow] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, level: int, bucket: int) -> SummaryRow | None:
        return self._rows.get((level, bucket))

    def is_divided(self, level: int, bucket: int) -> bool | None:
        """Whether there are rows below; None if nothing has been received in it."""
        row = self._rows.get((level, bucket))
        return None if row is None else row.divided

    def put(self, level: int, bucket: int, row: SummaryRow) -> None:
        self._rows[level, bucket] = row

    def drop(self, level: int, bucket: int) -> None:
        self._rows.pop((level, bucket), None)

    def all(self) -> Iterator[tuple[int, int, SummaryRow]]:
        """Every row, as a table would have it: level, bucket, and what is known."""
        for (level, bucket), row in self._rows.items():
            yield level, bucket, row


class RadixSums:
    """The sums of all ranges of a set: what can be asked."""

    def __init__(self, rows: SummaryRows, source: ItemSource) -> None:
        self._rows = rows
        self._source = source

    def fingerprint(self, lower: ItemKey, upper: ItemKey) -> Fingerprint:
        """Count and sum of the items from `lower` on, and before `upper`."""
        return self._sum(ROOT_LEVEL, 0, lower, upper)

    def _sum(self, level: int, bucket: int, lower: ItemKey, upper: ItemKey) -> Fingerprint:
        begin, end = span(level, bucket)
        if upper <= begin or end <= lower:
            return NOTHING
        if lower <= begin and end <= upper:
            row = self._rows.get(level, bucket)
            return NOTHING if row is None else row.fingerprint
        # Of what lies around a range no sums are needed.
        is_divided = self._rows.is_divided(level, bucket)
        if is_divided is None:
            return NOTHING
        if not is_divided:
            return self._source.fingerprint(max(lower, begin), min(upper, end))
        found = NOTHING
        for child in _children(level, bucket, lower, upper):
            found = found.plus(self._sum(level - 1, child, lower, upper))
        return found

    def items(self, lower: ItemKey, upper: ItemKey) -> Iterator[ItemKey]:
        """The items themselves, those that have been dropped left out."""
        return self._source.between(lower, upper)

    def listed(self, lower: ItemKey, upper: ItemKey, most: int) -> Iterator[tuple[EntryRuns, ItemKey | None]]:
        """The same as lists of so many entries, at least one list, each with the first item that stands behind it."""
        return self._source.listed(lower, upper, most)

    def cuts(self, lower: ItemKey, upper: ItemKey, parts: int) -> list[ItemKey]:
        """Bounds, ascending, that cut a range into at most so many parts with about as many items each.

        There is one at least where there are two items.
        """
        total = self.fingerprint(lower, upper).size
        fine = max(1, total // (FINER * parts))
        found: list[ItemKey] = []
        gathered = 0
        for begin, count in self._pieces(ROOT_LEVEL, 0, lower, upper, fine):
            if gathered * parts >= total * (len(found) + 1) and lower < begin:
                found.append(begin)
            gathered += count
        return found[: parts - 1]

    def _pieces(
        self, level: int, bucket: int, lower: ItemKey, upper: ItemKey, fine: int
    ) -> Iterator[tuple[ItemKey, int]]:
        """Where pieces of at most `fine` items begin, and how many each has."""
        begin, end = span(level, bucket)
        if upper <= begin or end <= lower:
            return
        if lower <= begin and end <= upper:
            row = self._rows.get(level, bucket)
            if row is not None and row.size <= fine:
                yield begin, row.size
                return
            is_divided = None if row is None else row.divided
        else:
            is_divided = self._rows.is_divided(level, bucket)
        if is_divided is None:
            return
        if is_divided:
            for child in _children(level, bucket, lower, upper):
                yield from self._pieces(level - 1, child, lower, upper, fine)
        else:
            before = begin.place - 1
            for key in self._source.between(max(lower, begin), min(upper, end)):
                # Between different stamps a bound needs no identity.
                yield (bound_at(key.place) if key.place > before else key), 1
                before = key.place


class RadixSummary(RadixSums):
    """The same of a set in memory, and how it changes."""

    def __init__(self, rows: MemoryRows, source: ItemSource) -> None:
        super().__init__(rows, source)
        self._rows: MemoryRows = rows

    def add(self, keys: Iterable[ItemKey]) -> None:
        """Items are new. The source has them already."""
        batch = sorted((key, item_hash(key)) for key in keys)
        if batch:
            self._add(ROOT_LEVEL, 0, batch, _total(batch))

    def _add(self, level: int, bucket: int, batch: list[tuple[ItemKey, int]], added: int) -> None:
        row = self._rows.get(level, bucket) or SummaryRow(0, 0, False)
        count = row.size + len(batch)
        total = (row.sum + added) % MODULUS
        divides = not row.divided and count > LEAF_MAX and level > 0
        self._rows.put(level, bucket, SummaryRow(count, total, row.divided or divides))
        if divides:
            self._divide(level, bucket)
        elif row.divided:
            for child, part in _by_child(level, batch):
                self._add(level - 1, child, part, added if part is batch else _total(part))

    def _divide(self, level: int, bucket: int) -> None:
        items = [(key, item_hash(key)) for key in self._source.between(*span(level, bucket))]
        self._fill(level, items)

    def _fill(self, level: int, items: list[tuple[ItemKey, int]]) -> None:
        for child, part in _by_child(level, items):
            divides = len(part) > LEAF_MAX and level > 1
            self._rows.put(level - 1, child, SummaryRow(len(part), _total(part) % MODULUS, divides))
            if divides:
                self._fill(level - 1, part)

    def remove(self, keys: Iterable[ItemKey]) -> None:
        """Items are to count as not received: they are damaged, and asked for again. All were added before."""
        for key in keys:
            number = item_hash(key)
            for level in range(ROOT_LEVEL, -1, -1):
                bucket = key.place >> (BITS * level)
                row = self._rows.get(level, bucket)
                if row is None:
                    break
                self._rows.put(level, bucket, SummaryRow(row.size - 1, (row.sum - number) % MODULUS, row.divided))
                if not row.divided:
                    break

    def forget(self, lower: ItemKey, upper: ItemKey) -> None:
        """Let go of the sums of a range that nobody asks for any more, as far as whole rows lie in it."""
        self._forget(ROOT_LEVEL, 0, lower, upper)

    def _forget(self, level: int, bucket: int, lower: ItemKey, upper: ItemKey) -> Fingerprint:
        row = self._rows.get(level, bucket)
        begin, end = span(level, bucket)
        if row is None or upper <= begin or end <= lower:
            return NOTHING
        whole = lower <= begin and end <= upper
        if not whole and not row.divided:
            return NOTHING
        gone = NOTHING
        if row.divided:
            for child in range(bucket * FAN_OUT, (bucket + 1) * FAN_OUT):
                gone = gone.plus(self._forget(level - 1, child, lower, upper))
        if whole:
            self._rows.drop(level, bucket)
            return row.fingerprint
        left = row.fingerprint.minus(gone)
        self._rows.put(level, bucket, SummaryRow(left.size, left.sum, True))
        return gone


def _total(batch: list[tuple[ItemKey, int]]) -> int:
    return sum([number for _, number in batch])


def span(level: int, bucket: int) -> tuple[ItemKey, ItemKey]:
    """Bounds of the items of a bucket."""
    return bound_at(bucket << (BITS * level)), bound_at((bucket + 1) << (BITS * level))


def _children(level: int, bucket: int, lower: ItemKey, upper: ItemKey) -> range:
    """The buckets below one that a range may have items in."""
    shift = BITS * (level - 1)
    first, last = max(bucket * FAN_OUT, lower.place >> shift), min((bucket + 1) * FAN_OUT - 1, upper.place >> shift)
    return range(first, last + 1)


def _by_child(level: int, batch: list[tuple[ItemKey, int]]) -> Iterator[tuple[int, list[tuple[ItemKey, int]]]]:
    """Ascending items by the bucket below."""
    shift = BITS * (level - 1)
    begin = 0
    if batch and batch[0][0].place >> shift == batch[-1][0].place >> shift:
        # What comes together is mostly from one time: far up there is one bucket for all.
        yield batch[0][0].place >> shift, batch
        return
    for index, (key, _) in enumerate(batch):
        if key.place >> shift != batch[begin][0].place >> shift:
            yield batch[begin][0].place >> shift, batch[begin:index]
            begin = index
    yield batch[begin][0].place >> shift, batch[begin:]


def level_apart(place: int, other: int) -> int:
    """The highest level at which two different places are in different buckets."""
    return ((place ^ other).bit_length() - 1) // BITS
