"""Which numbers of a stream have been received: all up to one, and runs beyond it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

from core.wire.entry_runs import Spans


class Runs:
    """A set of counters as runs of successive ones, ascending; no two of them touch.

    0 is always in it, as the number before a stream's first: the first run is what has been received without a gap.
    """

    __slots__ = ("_firsts", "_lasts")

    def __init__(self, runs: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts = [0]
        self._lasts = [0]
        for first, last in runs:
            self.add(first, last)

    def __contains__(self, number: int) -> bool:
        index = bisect_right(self._firsts, number) - 1
        return index >= 0 and number <= self._lasts[index]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._firsts, self._lasts, strict=True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Runs) and self._firsts == other._firsts and self._lasts == other._lasts

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Runs({list(self)})"

    def add(self, first: int, last: int) -> int:
        """Put in all from `first` to `last`; how many of them were new."""
        if first == self._lasts[-1] + 1:
            # What comes in order.
            self._lasts[-1] = last
            return last - first + 1
        begin = bisect_left(self._lasts, first - 1)
        end = bisect_right(self._firsts, last + 1)
        there = 0
        if begin < end:
            first = min(first, self._firsts[begin])
            last = max(last, self._lasts[end - 1])
            there = sum(self._lasts[index] - self._firsts[index] + 1 for index in range(begin, end))
        new = last - first + 1 - there
        if new:
            self._firsts[begin:end] = [first]
            self._lasts[begin:end] = [last]
        return new

    def remove(self, first: int, last: int) -> int:
        """Take out all from `first`, 1 or more, to `last`; how many of them were there."""
        before = self.count
        left = [
            part
            for begin, end in self
            for part in ((begin, min(end, first - 1)), (max(begin, last + 1), end))
            if part[0] <= part[1]
        ]
        self._firsts = [begin for begin, _ in left]
        self._lasts = [end for _, end in left]
        return before - self.count

    def around(self, number: int) -> tuple[int, int]:
        """The run in which a number is that is there."""
        index = bisect_right(self._firsts, number) - 1
        return self._firsts[index], self._lasts[index]

    def within(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The runs that have a number from `first` to `last`."""
        begin = bisect_left(self._lasts, first)
        end = bisect_right(self._firsts, last)
        return zip(self._firsts[begin:end], self._lasts[begin:end], strict=True)

    @property
    def spans(self) -> Spans:
        """The runs without 0."""
        return tuple((max(first, 1), last) for first, last in self if last)

    @property
    def upto(self) -> int:
        """The number up to which nothing is missing."""
        return self._lasts[0]

    @property
    def top(self) -> int:
        """The largest number that is there."""
        return self._lasts[-1]

    @property
    def count(self) -> int:
        """How many numbers are there, 0 not counted."""
        return sum(self._lasts) - sum(self._firsts) + len(self._lasts) - 1

    def lacks(self, other: Runs) -> int:
        """How many numbers are in the other and not here."""
        both = self.copy()
        for first, last in other:
            both.add(first, last)
        return both.count - self.count

    def complete_from(self, number: int) -> int:
        """How far one has everything who has all up to `number` and gets everything that is here beyond it."""
        index = bisect_right(self._firsts, number + 1) - 1
        return max(number, self._lasts[index])

    def copy(self) -> Runs:
        twin = Runs()
        twin._firsts = self._firsts.copy()
        twin._lasts = self._lasts.copy()
        return twin
