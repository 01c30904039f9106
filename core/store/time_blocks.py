"""Blocks of what was received in a bucket of time: packed items, and what is known of their sum.

A block has up to `LEAF_MAX` items of one bucket of the radix tree (`core.reconciliation.radix_summary`), in the order
in which they came, and the sum of all that was ever received there but for the last ones: those are *fresh*. A sum is
made when it is asked for.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from operator import lt
from typing import Any, Final, NamedTuple, Self

from core.reconciliation import radix_summary
from core.reconciliation.item_order import NOTHING, Fingerprint, fingerprint_at
from core.reconciliation.radix_summary import BITS
from core.store.checksums import check, packed_checksum
from core.wire.packed_arrays import packed_array, unpacked_array

ItemPlace = tuple[int, int, int]
"""Place in time, number of the stream in this database, and number of an entry."""
BLOCK_COLUMNS: Final = "no, level, size, fresh, checksum, sum, packed"
PART_BITS: Final = 5
"""A row's number is that of the first place in its bucket, and behind that its part: see `joined`."""
PARTS_MAX: Final = 1 << PART_BITS
ITEM_BYTES: Final = 20
"""What an item takes."""
_SUM_BYTES: Final = 32


class Columns(NamedTuple):
    """Items by what they have."""

    places: array[int]
    streams: array[int]
    seqs: array[int]

    @classmethod
    def of(cls, items: Sequence[ItemPlace] = ()) -> Self:
        if not items:
            return cls(array("q"), array("i"), array("q"))
        places, streams, seqs = zip(*items, strict=True)
        return cls(array("q", places), array("i", streams), array("q", seqs))

    @classmethod
    def unpacked(cls, packed: bytes) -> Self:
        """Raises ValueError when it ends amid an item."""
        count, rest = divmod(len(packed), ITEM_BYTES)
        if rest:
            raise ValueError("a block ends amid an item")
        return cls(
            unpacked_array("q", packed[: 8 * count]),
            unpacked_array("i", packed[8 * count : 12 * count]),
            unpacked_array("q", packed[12 * count :]),
        )

    @property
    def packed(self) -> bytes:
        return b"".join(map(packed_array, self))

    @property
    def items(self) -> list[ItemPlace]:
        return list(zip(*self, strict=True))

    def part(self, begin: int, end: int | None = None) -> Columns:
        return Columns(self.places[begin:end], self.streams[begin:end], self.seqs[begin:end])

    def extend(self, others: Columns) -> None:
        for mine, other in zip(self, others, strict=True):
            mine.extend(other)

    def in_order(self) -> Columns:
        """The same by place, each once."""
        places = self.places
        if all(map(lt, places, islice(places, 1, None))):
            # As nearly all that comes is.
            return self
        return Columns.of(sorted(set(self.items)))

    def fingerprint(self, name_of: Callable[[int], bytes]) -> Fingerprint:
        """`name_of` is the text of a stream's number: see `fingerprint_at`."""
        names = {number: name_of(number) for number in set(self.streams)}
        return fingerprint_at(self.places, map(names.__getitem__, self.streams), self.seqs)


class Block:
    """One row. `no` is its number."""

    __slots__ = ("_packed", "_unpacked", "fresh", "level", "no", "summed")

    def __init__(self, no: int, level: int, fresh: Columns | None = None, summed: Fingerprint = NOTHING) -> None:
        """`summed` was received, and is not there any more."""
        self.no = no
        self.level = level
        self.summed = summed
        """What the sum is of: items that retention has dropped count in it."""
        self._unpacked: Columns | None = Columns.of() if fresh is None else fresh
        self._packed: bytes | None = None
        """As the row has them, as long as that is known."""
        self.fresh = len(self)
        """How many of the items, the last ones, are not in it yet."""

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Block:
        """The block of a row. Raises DamagedRow."""
        no, level, size, fresh, expected, total, packed = row
        intact = (
            type(total) is bytes
            and type(packed) is bytes
            and len(packed) % ITEM_BYTES == 0
            and packed_checksum((total, packed), no, level, size, fresh) == expected
        )
        check("time_index", intact, True)
        block = cls(no, level, None, Fingerprint(size, int.from_bytes(total, "big")))
        # Most blocks are read for their sums alone.
        block._unpacked, block._packed = None, packed
        block.fresh = fresh
        return block

    @property
    def _columns(self) -> Columns:
        if self._unpacked is None:
            assert self._packed is not None, "a block has its items in one of two forms"
            self._unpacked = Columns.unpacked(self._packed)
        return self._unpacked

    @_columns.setter
    def _columns(self, columns: Columns) -> None:
        self._unpacked, self._packed = columns, None

    @property
    def row(self) -> tuple[int, int, int, int, int, bytes, bytes]:
        total = self.summed.sum.to_bytes(_SUM_BYTES, "big")
        packed = self._packed if self._packed is not None else self._columns.packed
        expected = packed_checksum((total, packed), self.no, self.level, self.summed.size, self.fresh)
        return self.no, self.level, self.summed.size, self.fresh, expected, total, packed

    def __len__(self) -> int:
        """How many items are there."""
        if self._packed is not None:
            return len(self._packed) // ITEM_BYTES
        return len(self._columns.places)

    @property
    def begin(self) -> int:
        """The first place in its bucket."""
        return self.no >> PART_BITS

    @property
    def end(self) -> int:
        """The first place behind it."""
        return self.begin + (1 << BITS * self.level)

    @property
    def items(self) -> list[ItemPlace]:
        """In the order in which they came."""
        return self._columns.items

    @property
    def old(self) -> Columns:
        """Those that are not fresh."""
        return self._columns.part(0, len(self) - self.fresh)

    @property
    def new(self) -> Columns:
        """Those that are."""
        return self._columns.part(len(self) - self.fresh)

    @property
    def hidden(self) -> int:
        """How many items the sum has that are not there any more."""
        return self.summed.size - (len(self) - self.fresh)

    def is_summed_rightly(self, name_of: Callable[[int], bytes]) -> bool:
        """Whether its sum is that of its items, as far as they are all there."""
        return self.hidden > 0 or self.summed == self.old.fingerprint(name_of)

    # --- changes ------------------------------------------------------------------------------------------------------

    def add(self, fresh: Columns) -> None:
        """Ascending items have come, some of which may be there already."""
        if len(self) and fresh.places[0] <= max(self._columns.places):
            there = set(self.items)
            fresh = Columns.of([one for one in fresh.items if one not in there])
        columns = self._columns
        columns.extend(fresh)
        self._columns = columns
        self.fresh += len(fresh.places)

    def whole(self, name_of: Callable[[int], bytes]) -> Fingerprint:
        """What was received here."""
        return self.summed.plus(self.new.fingerprint(name_of)) if self.fresh else self.summed

    def sum_up(self, name_of: Callable[[int], bytes]) -> None:
        """Bring the sum up to the last item."""
        self.summed = self.whole(name_of)
        self.fresh = 0

    def take_out(self, gone: set[ItemPlace], name_of: Callable[[int], bytes], *, received: bool) -> int:
        """Take items out, of those that are here; how many. They still count as received, or never have been."""
        old, new = self.old.items, self.new.items
        gone_old = Columns.of([one for one in old if one in gone])
        gone_new = Columns.of([one for one in new if one in gone])
        if received:
            self.summed = self.summed.plus(gone_new.fingerprint(name_of))
        else:
            self.summed = self.summed.minus(gone_old.fingerprint(name_of))
        self._columns = Columns.of([one for one in (*old, *new) if one not in gone])
        self.fresh -= len(gone_new.places)
        return len(gone_old.places) + len(gone_new.places)

    def divided(self, name_of: Callable[[int], bytes]) -> list[Block]:
        """The blocks that take its place when it has too many items, in smaller buckets each.

        What the sum has beyond the items cannot be told apart any more: it stays with the first of them, and so in the
        sum of all.
        """
        blocks = list(_divided(self.level, self._columns.in_order()))
        if self.hidden:
            blocks[0].summed = self.summed.minus(self.old.fingerprint(name_of))
        return blocks


def _divided(level: int, columns: Columns) -> Iterator[Block]:
    """Blocks of ascending items of one bucket of a level, in buckets below it."""
    width = 1 << BITS * (level - 1)
    places = columns.places
    begin = 0
    while begin < len(places):
        first = places[begin] // width * width
        end = bisect_left(places, first + width, begin)
        part = columns.part(begin, end)
        if end - begin > radix_summary.LEAF_MAX and level > 1:
            yield from _divided(level - 1, part)
        else:
            yield Block(first << PART_BITS, level - 1, part)
        begin = end


def joined(parts: Sequence[Block], fresh: Columns) -> tuple[list[Block], Block]:
    """What becomes of the parts in which the many items of one place are, when more come: which parts go, and the one
    that is written.

    A part that is not much larger than what comes is joined with it, so there are few parts, and each item is written
    anew some ten times (the logarithmic method, Bentley and Saxe, 1980).
    """
    gone: list[Block] = []
    coming = len(fresh.places)
    full = parts[-1].no % PARTS_MAX == PARTS_MAX - 1
    for part in reversed(parts):
        if len(part) >= 2 * coming and not full:
            break
        gone.insert(0, part)
        coming += len(part)
    old, new = Columns.of(), Columns.of()
    summed = NOTHING
    for part in gone:
        old.extend(part.old)
        new.extend(part.new)
        summed = summed.plus(part.summed)
    new.extend(fresh)
    old.extend(new)
    whole = Block(gone[0].no if gone else parts[-1].no + 1, 0, old, summed)
    whole.fresh = len(new.places)
    return gone, whole
