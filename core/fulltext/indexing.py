"""Bringing the index up: what is new, what was dropped, and the past, a bounded piece at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Final

from core.fulltext.data_view import DataView
from core.fulltext.found_page import NO_ID, SearchPlace
from core.fulltext.index_file import WordIndex
from core.fulltext.parts import END, PART_MAX, Fresh, Indexed, IndexPart
from core.query import document
from core.store.gone import Gone
from core.wire.entries import Entry

PIECE: Final = 500
"""Activities taken in at once: about ten milliseconds."""
PIECE_BYTES: Final = 512 * 1024
"""Of their bodies, about: long ones take longer, and who looks for something waits for a piece."""
RECORDS_MAX: Final = 64
FILL_PIECE: Final = 1_000
COMPARED_AT_ONCE: Final = 5_000
REBUILD_FROM: Final = 0.75
"""When so much of a part is not kept any more, it is made anew."""


class Indexing:
    """Does one piece after the other; who calls says when. Every method raises sqlite3.Error and what the data does."""

    def __init__(self, data: DataView, index: WordIndex, gone: Gone) -> None:
        """`gone` is told what is dropped from the data."""
        self._data = data
        self.index = self._index = index
        self.drops = 0
        """How often something was dropped from the data."""
        self._gone = gone
        self._compared_from: int | None = 0
        """Up to which stamp it was looked whether all that is named here is there; None: for all."""
        if index.state.is_compared:
            self._compared_from = None
        # What is dropped from now on is told; what was dropped before the process ended may not have been.
        gone.take()
        with index.writing():
            index.state.is_compared = False

    def step(self) -> bool:
        """Do the next piece; whether there may be more to do."""
        return self.drop_gone() or self.take_new() or self._compare() or self.fill()

    def end(self) -> None:
        """Nothing more will be dropped: whether all that was is dropped here as well, the next start finds written."""
        while self.drop_gone():
            pass
        if self._compared_from is None:
            with self._index.writing():
                self._index.state.is_compared = True

    @property
    def unindexed(self) -> int:
        """How many activities there are that the index has not come to, about."""
        return max(0, self._data.activities - self._index.parts.size)

    # --- what was dropped ---------------------------------------------------------------------------------------------

    def drop_gone(self) -> bool:
        """Take out what the data has dropped; whether there was something."""
        gone = self._gone.take()
        if not gone:
            return False
        self.drops += 1
        parts = self._index.parts
        with self._index.writing():
            for part in list(parts.all):
                of_part = [Indexed(*one) for one in gone.items if part.low <= one[0] < part.high]
                if of_part and gone.is_secret:
                    parts.drop(part)
                elif of_part:
                    self._forget(part, of_part)
        if not gone.is_complete:
            self._compared_from = 0
        if gone.is_secret:
            if not gone.is_complete:
                self._drop_all()
            self._index.let_go()
        return True

    def _drop_all(self) -> None:
        """Something has to go, and nobody knows where it was."""
        with self._index.writing():
            for part in list(self._index.parts.all):
                self._index.parts.drop(part)

    def _forget(self, part: IndexPart, gone: Sequence[Indexed]) -> None:
        parts = self._index.parts
        parts.forget(part, gone)
        is_over = part.dropped >= part.size and part.high != END
        if is_over or (part.size >= PART_MAX and part.dropped > REBUILD_FROM * part.size):
            parts.drop(part)

    # --- what is new --------------------------------------------------------------------------------------------------

    def take_new(self) -> bool:
        """Take in some of what has come since the last time; whether there was something."""
        state = self._index.state
        with self._data.reading():
            followed = self._data.followed
            if state.upto >= followed:
                return False
            entries: list[Entry] = []
            size, upto = 0, followed
            for count, record in enumerate(self._data.records(state.upto, followed, RECORDS_MAX), 1):
                entries += record.entries
                size += sum(len(entry.body) for entry in record.entries)
                if len(entries) >= PIECE or size >= PIECE_BYTES or count == RECORDS_MAX:
                    upto = record.no
                    break
        with self._index.writing():
            self._add(entries)
            state.upto = upto
        return True

    def _add(self, entries: Iterable[Entry]) -> None:
        """Index activities that are in a part's span. What is in a hole is taken in when that is filled."""
        parts = self._index.parts
        top = parts.all[-1]
        if top.size >= PART_MAX:
            behind = parts.behind(top)
            if behind < top.high:
                top.high = behind
                parts.keep(top)
                parts.make(behind, END)
        of_part: dict[int, list[Fresh]] = {}
        for entry in entries:
            part = parts.at(entry.stamp)
            if part is not None:
                of_part.setdefault(part.no, []).append(_fresh(entry))
        for part in list(parts.all):
            if part.no in of_part:
                parts.add(part, of_part[part.no])

    # --- the past -----------------------------------------------------------------------------------------------------

    def fill(self) -> bool:
        """Take in some of the newest part of the past that is not indexed; whether there was something."""
        parts = self._index.parts
        hole = parts.hole
        if hole is None:
            return False
        low, high = hole
        entries: list[Entry] = []
        size, end = 0, low
        with self._data.reading():
            found = self._data.before(SearchPlace(high, NO_ID))
            for entry in found:
                if entry.stamp < low:
                    break
                is_full = len(entries) >= FILL_PIECE or size >= PIECE_BYTES
                if is_full and entry.stamp != entries[-1].stamp:
                    end = entries[-1].stamp
                    break
                entries.append(entry)
                size += len(entry.body)
            found.close()
        with self._index.writing():
            part = next((one for one in parts.all if one.low == high), None)
            if part is None or (part.size >= PART_MAX and entries):
                part = parts.make(high, high)
            parts.add(part, [_fresh(entry) for entry in entries])
            part.low = end
            parts.keep(part)
        return True

    # --- whether it fits ----------------------------------------------------------------------------------------------

    def _compare(self) -> bool:
        """Look whether what some of the index names is there, and nothing else is; whether there was something left."""
        since = self._compared_from
        if since is None:
            return False
        parts = self._index.parts
        part = next((one for one in parts.all if one.high > since and one.low < one.high), None)
        if part is None:
            self._compared_from = None
            return True
        since = max(since, part.low)
        named = set(itertools.islice(parts.of(part, since), COMPARED_AT_ONCE))
        until = max(one.stamp for one in named) + 1 if len(named) == COMPARED_AT_ONCE else part.high
        named |= set(parts.of(part, until - 1, until)) if until < part.high else set()
        with self._data.reading():
            is_behind = self._index.state.upto < self._data.followed
            there = {Indexed(*one) for one in self._data.ids_between(since, min(until, END - 1))}
        with self._index.writing():
            if there - named and not is_behind:
                parts.drop(part)
            else:
                self._forget(part, [*named - there])
        self._compared_from = until if until < END else None
        return True


def _fresh(entry: Entry) -> Fresh:
    return Fresh(entry.stamp, entry.id, document(entry.sender, entry.body))
