"""The table of what was received in the order of time, and its sums: blocks, each of a bucket of the radix tree.

Of the rows of that tree (`core.reconciliation.radix_summary`) only those that are not divided are kept, with their
items. Sums of the others are made of these when they are asked for, and remembered until something changes in them.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Generator, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final

from core.reconciliation import radix_summary
from core.reconciliation.item_order import ACTIVITIES, END, NOTHING, SET_BITS, Fingerprint, bound
from core.reconciliation.radix_summary import BITS, FAN_OUT, ROOT_LEVEL, SummaryRow, level_apart
from core.store.stream_numbers import StreamNumbers
from core.store.time_blocks import BLOCK_COLUMNS, PART_BITS, PARTS_MAX, Block, Columns, ItemPlace, joined

LATEST: Final = END.place
"""No item has this place, or a larger one."""
WIDEST_LEVEL: Final = SET_BITS // BITS
"""No block has both accounts, which are kept for ever, and activities."""
REPEATED_MAX: Final = 4096
"""Among so many items of one place repetitions are looked for: entries are not told twice but by a damaged database."""
BLOCKS_READ_LEVEL: Final = 2
BLOCKS_READ: Final = FAN_OUT**BLOCKS_READ_LEVEL
"""So many blocks are read to sum up a bucket; with more in it, those below it are summed up first. At this level there
are no more, but for parts of a few."""
SUMS_REMEMBERED: Final = 50_000
"""There is one for each 16 blocks or more, which is for some 1,000 items."""

_SELECT: Final = f"SELECT {BLOCK_COLUMNS} FROM time_index"
_FRESH: Final = "WHERE fresh > 0 AND no >= ? AND no < ?"


class SumsUnfinished(Exception):
    """As much has been read as was allowed. What was summed up is remembered."""


class TimeIndex:
    """The table `time_index`. What changes it is within a transaction. Raises sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection, streams: StreamNumbers) -> None:
        self.use(connection, streams)
        self._sums: dict[tuple[int, int], SummaryRow | None] = {}

    def use(self, connection: sqlite3.Connection, streams: StreamNumbers) -> None:
        """From now on the table is reached so."""
        self._connection = connection
        self._streams = streams

    # --- changes ------------------------------------------------------------------------------------------------------

    def add(self, received: Columns) -> None:
        """Items have been received. What is there already counts once."""
        received = received.in_order()
        places = received.places
        begin = 0
        while begin < len(places):
            parts = self._parts_for(places[begin])
            end = bisect_left(places, parts[0].end, begin)
            self._add(parts, received.part(begin, end))
            begin = end

    def _add(self, parts: list[Block], fresh: Columns) -> None:
        block = parts[0]
        most = radix_summary.LEAF_MAX
        if len(parts) > 1 or (not block.level and len(block) >= most):
            if sum(map(len, parts)) <= REPEATED_MAX:
                there = {one for part in parts for one in part.items}
                fresh = Columns.of([one for one in fresh.items if one not in there])
            gone, whole = joined(parts, fresh)
            self._delete(gone)
            self._write([whole])
            return
        block.add(fresh)
        if len(block) > most and block.level:
            self._delete([block])
            self._write(block.divided(self._streams.name))
        else:
            self._write([block])

    def _parts_for(self, place: int) -> list[Block]:
        """The block that a place is in: all its parts, or a new one in the largest bucket in which there is none."""
        parts = self._parts_at(place)
        if parts:
            return parts
        run = self._connection.execute
        around = (
            run("SELECT max(no) FROM time_index WHERE no < ?", (place << PART_BITS,)).fetchone()[0],
            run("SELECT min(no) FROM time_index WHERE no >= ?", (place << PART_BITS,)).fetchone()[0],
        )
        level = min((level_apart(place, no >> PART_BITS) for no in around if no is not None), default=WIDEST_LEVEL)
        return [Block((place >> BITS * level << BITS * level) << PART_BITS, level)]

    def _parts_at(self, place: int) -> list[Block]:
        row = self._connection.execute(
            f"{_SELECT} WHERE no < ? ORDER BY no DESC LIMIT 1", ((place + 1) << PART_BITS,)
        ).fetchone()
        if row is None:
            return []
        block = Block.of(row)
        if block.end <= place:
            return []
        if block.level or not block.no % PARTS_MAX:
            return [block]
        begin = block.begin << PART_BITS
        return self._read(begin, begin + PARTS_MAX)

    def take_out(self, items: Iterable[ItemPlace], *, received: bool) -> None:
        """Take items out: retention has dropped them (`received`), or they count as never received."""
        left = sorted(items)
        while left:
            parts = self._parts_at(left[0][0])
            end = bisect_left(left, (parts[0].end,)) if parts else 1
            gone = set(left[:end])
            self._write([part for part in parts if part.take_out(gone, self._streams.name, received=received)])
            left = left[end:]

    def forget(self, horizon: int) -> None:
        """Let go of the sums of activities older than a stamp, where whole blocks are older and nothing is kept."""
        begin, end = bound(ACTIVITIES).place, bound(ACTIVITIES, horizon).place
        rows = self._connection.execute(
            "SELECT no, level FROM time_index WHERE no >= ? AND no < ? AND length(packed) = 0"
            f" AND (no >> {PART_BITS}) + (1 << ({BITS} * level)) <= ?",
            (begin << PART_BITS, end << PART_BITS, end),
        ).fetchall()
        self._delete([Block(no, level) for no, level in rows])

    def _delete(self, blocks: Sequence[Block]) -> None:
        self._connection.executemany("DELETE FROM time_index WHERE no = ?", [(block.no,) for block in blocks])
        self._changed(blocks)

    def _write(self, blocks: Sequence[Block]) -> None:
        self._connection.executemany(
            f"INSERT INTO time_index ({BLOCK_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (no) DO UPDATE SET"
            " level = excluded.level, size = excluded.size, fresh = excluded.fresh, checksum = excluded.checksum,"
            " sum = excluded.sum, packed = excluded.packed",
            [block.row for block in blocks],
        )
        self._changed(blocks)

    def _changed(self, blocks: Sequence[Block]) -> None:
        if self._sums:
            for block in blocks:
                for level in range(block.level, ROOT_LEVEL + 1):
                    self._sums.pop((level, block.begin >> BITS * level), None)

    # --- items --------------------------------------------------------------------------------------------------------

    def ascending(self, lowest: int, upper: int) -> Generator[list[ItemPlace], None, None]:
        """Items from a place on and before another, by the block, the oldest first."""
        (first,) = self._connection.execute(
            "SELECT max(no) FROM time_index WHERE no <= ?", (lowest << PART_BITS,)
        ).fetchone()
        rows = self._connection.execute(
            f"{_SELECT} WHERE no >= ? AND no < ? ORDER BY no", (first or 0, upper << PART_BITS)
        )
        try:
            for _, parts in groupby(map(Block.of, rows), key=_begin):
                yield from _within([*parts], lowest, upper)
        finally:
            # A statement left open would keep the write-ahead log from being cleared.
            rows.close()

    def descending(self, lowest: int, upper: int) -> Generator[list[ItemPlace], None, None]:
        """The same, the newest first; those of a block ascend."""
        rows = self._connection.execute(f"{_SELECT} WHERE no < ? ORDER BY no DESC", (upper << PART_BITS,))
        try:
            for _, group in groupby(map(Block.of, rows), key=_begin):
                parts = [*group]
                if parts[0].end <= lowest:
                    return
                yield from _within(parts, lowest, upper)
        finally:
            rows.close()

    # --- sums ---------------------------------------------------------------------------------------------------------

    def is_summed_up(self, lowest: int, upper: int) -> bool:
        """Whether no items are fresh in blocks that begin at a place or later, and before another."""
        row = self._connection.execute(f"SELECT 1 FROM time_index {_FRESH} LIMIT 1", _numbers(lowest, upper)).fetchone()
        return row is None

    def sum_up(self, most: int, lowest: int, upper: int) -> int:
        """Bring the sums of some such blocks up, of about so many fresh items; of how many it was."""
        rows = self._connection.execute(f"{_SELECT} {_FRESH}", _numbers(lowest, upper))
        blocks: list[Block] = []
        fresh = 0
        for row in rows:
            if fresh >= most:
                break
            blocks.append(Block.of(row))
            fresh += blocks[-1].fresh
        rows.close()
        for block in blocks:
            block.sum_up(self._streams.name)
        self._write(blocks)
        return fresh

    def sum_of(self, level: int, bucket: int, room: list[int] | None = None) -> SummaryRow | None:
        """What was received in a bucket: see `SummaryRows.get`.

        `room`: how many blocks may be read for that, less those that are. Raises SumsUnfinished.
        """
        if (level, bucket) in self._sums:
            return self._sums[level, bucket]
        begin, end = (min(one << BITS * level, LATEST) << PART_BITS for one in (bucket, bucket + 1))
        if level > BLOCKS_READ_LEVEL and self._has_more_than(BLOCKS_READ, begin, end):
            total = NOTHING
            for child in range(bucket * FAN_OUT, (bucket + 1) * FAN_OUT):
                below = self.sum_of(level - 1, child, room)
                if below is not None:
                    total = total.plus(below.fingerprint)
            found = SummaryRow(*total, divided=True)
            self._remember({(level, bucket): found})
            return found
        if room is not None and room[0] <= 0:
            raise SumsUnfinished
        blocks = self._read(begin, end)
        if room is not None:
            room[0] -= len(blocks) + 1
        if not blocks:
            self._remember({(level, bucket): None})
            return None
        if blocks[0].level >= level:
            total = NOTHING
            for block in blocks:
                total = total.plus(block.whole(self._streams.name))
            return SummaryRow(*total, divided=False)
        # All that is below is seen on the way: who asks for a bucket asks for those below it.
        totals: dict[tuple[int, int], Fingerprint] = {}
        for block in blocks:
            whole = block.whole(self._streams.name)
            for above in range(block.level + 1, level + 1):
                key = above, block.begin >> BITS * above
                totals[key] = totals.get(key, NOTHING).plus(whole)
        rows = {key: SummaryRow(*total, divided=True) for key, total in totals.items()}
        self._remember(rows)
        return rows[level, bucket]

    def is_divided(self, level: int, bucket: int) -> bool | None:
        """See `SummaryRows.is_divided`."""
        if (level, bucket) in self._sums:
            row = self._sums[level, bucket]
            return None if row is None else row.divided
        begin, end = (min(one << BITS * level, LATEST) << PART_BITS for one in (bucket, bucket + 1))
        last = self._connection.execute(
            "SELECT level FROM time_index WHERE no >= ? AND no < ? ORDER BY no DESC LIMIT 1", (begin, end)
        ).fetchone()
        return None if last is None else last[0] < level

    def _has_more_than(self, count: int, begin: int, end: int) -> bool:
        """Whether there are more rows than that from one number to another."""
        row = self._connection.execute(
            "SELECT 1 FROM time_index WHERE no >= ? AND no < ? LIMIT 1 OFFSET ?", (begin, end, count)
        ).fetchone()
        return row is not None

    def _remember(self, rows: Mapping[tuple[int, int], SummaryRow | None]) -> None:
        """Note buckets that are divided, or in which there is nothing."""
        if len(self._sums) + len(rows) > SUMS_REMEMBERED:
            self._sums.clear()
        self._sums.update(rows)

    def blocks(self) -> Generator[Block, None, None]:
        """All of them, the oldest first."""
        rows = self._connection.execute(f"{_SELECT} ORDER BY no")
        try:
            yield from map(Block.of, rows)
        finally:
            rows.close()

    def _read(self, begin: int, end: int) -> list[Block]:
        rows = self._connection.execute(f"{_SELECT} WHERE no >= ? AND no < ? ORDER BY no", (begin, end))
        return [Block.of(row) for row in rows]


def _numbers(lowest: int, upper: int) -> tuple[int, int]:
    """From which on, and before which, rows have their numbers."""
    return lowest << PART_BITS, min(upper, LATEST) << PART_BITS


def _begin(block: Block) -> int:
    return block.begin


def _within(parts: Sequence[Block], lowest: int, upper: int) -> Iterable[list[ItemPlace]]:
    """The items of a block, ascending, if any are from a place on and before another."""
    items = sorted([one for part in parts for one in part.items])
    if items and (items[0][0] < lowest or items[-1][0] >= upper):
        items = items[bisect_left(items, (lowest,)) : bisect_left(items, (upper,))]
    if items:
        yield items
