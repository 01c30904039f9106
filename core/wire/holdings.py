"""What a client has had of a network's activities: exactly of the streams that it has heard of, by a stamp of others.

A version vector names every start of every server that there has ever been. A client need not: of a stream of which it
has never heard, what is older than its own beginning is none of its business. So it keeps runs of numbers for the
streams that it has got something of, and one stamp, `since`, for all the rest.

Of a stream that is listed, each number is had or missing, but for those up to its *floor*, which came before what the
client was told of it: for them, and for streams that are not listed, the stamp decides. What is older counts as had.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from core.wire.entries import COUNTER_MAX, EntryId, Stream, parse_stream

MARKS: Final = 512
"""Into so many parts the latest activities are divided, to know from where on there are at most so many."""
EVICTED_SHARE: Final = 8
"""One part in so many of the streams goes at once: to look for the one that is quiet for longest costs all of them."""


class StreamHoldings:
    """What is had of one stream: runs of numbers, the first of which begins behind the floor."""

    __slots__ = ("firsts", "last_stamp", "lasts")

    def __init__(self, floor: int, last_stamp: int = 0) -> None:
        self.firsts = array("q", [floor])
        """The floor, then the first number of each run beyond a gap."""
        self.lasts = array("q", [floor])
        self.last_stamp = last_stamp
        """No number that is listed has a later one."""

    @property
    def floor(self) -> int:
        return self.firsts[0]

    def __contains__(self, number: int) -> bool:
        index = bisect_right(self.firsts, number) - 1
        return index >= 0 and self.firsts[0] < number <= self.lasts[index]

    def add(self, first: int, last: int) -> None:
        """All from `first` to `last` is had."""
        if first == self.lasts[-1] + 1:
            self.lasts[-1] = last
            return
        if first <= self.floor:
            self._lower_to(first - 1)
        begin = bisect_left(self.lasts, first - 1)
        end = bisect_right(self.firsts, last + 1)
        if begin < end:
            first = min(first, self.firsts[begin])
            last = max(last, self.lasts[end - 1])
        self.firsts[begin:end] = array("q", [first])
        self.lasts[begin:end] = array("q", [last])

    def _lower_to(self, floor: int) -> None:
        before = self.floor
        if self.lasts[0] > before:
            self.firsts[0] = before + 1
            self.firsts.insert(0, floor)
            self.lasts.insert(0, floor)
        else:
            self.firsts[0] = self.lasts[0] = floor

    def missing_of(self, runs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """What is in ascending runs, behind the floor, and not had."""
        for begin, end in runs:
            begin = max(begin, self.floor + 1)
            index = max(0, bisect_right(self.firsts, begin) - 1)
            while begin <= end:
                if index < len(self.firsts) and self.firsts[index] <= begin <= self.lasts[index]:
                    begin = self.lasts[index] + 1
                following = self.firsts[index + 1] if index + 1 < len(self.firsts) else COUNTER_MAX + 1
                if begin <= min(end, following - 1):
                    yield begin, min(end, following - 1)
                begin = max(begin, following)
                index += 1


class Holdings:
    """What is had of all streams. At most `runs_max` runs are listed: of more, the streams that have been quiet for
    longest are not listed any more, and `since` is raised beyond them. It is raised, too, so that at most
    `activities_max` activities are later than it."""

    def __init__(self, since: int = 0, *, runs_max: int | None = None, activities_max: int | None = None) -> None:
        self.since = since
        """What is older than this stamp counts as had, of streams that are not listed, and up to floors."""
        self.streams: dict[Stream, StreamHoldings] = {}
        self._runs_max = runs_max
        self._runs = 0
        self._step = max(1, activities_max // MARKS) if activities_max is not None else None
        self._steps = max(1, activities_max // self._step) if activities_max and self._step else None
        self._marks: deque[int] = deque()
        self._newest = 0
        self._came = 0

    def __len__(self) -> int:
        """How many runs are listed."""
        return self._runs

    def lists(self, entry_id: EntryId) -> bool:
        """Whether an entry is listed as had."""
        part = self.streams.get(Stream(entry_id.node, entry_id.incarnation))
        return part is not None and entry_id.seq in part

    def covers(self, entry_id: EntryId, stamp: int) -> bool:
        """Whether an entry is had, or counts as such."""
        part = self.streams.get(Stream(entry_id.node, entry_id.incarnation))
        if part is None or entry_id.seq <= part.floor:
            return stamp < self.since
        return entry_id.seq in part

    def add(self, entry_id: EntryId, stamp: int) -> None:
        """An activity has come."""
        stream = Stream(entry_id.node, entry_id.incarnation)
        part = self.streams.get(stream)
        if part is None:
            part = self.streams[stream] = StreamHoldings(entry_id.seq - 1)
            self._runs += 1
        before = len(part.firsts)
        part.add(entry_id.seq, entry_id.seq)
        part.last_stamp = max(stamp, part.last_stamp)
        self._runs += len(part.firsts) - before
        self._count(stamp)
        self._evict()

    def put(self, stream: Stream, numbers: Sequence[int], stamp: int) -> None:
        """So much of a stream is had, as `encoded` has it, none of it later than a stamp."""
        part = self.streams.get(stream)
        if part is None:
            part = self.streams[stream] = StreamHoldings(numbers[0])
            self._runs += 1
        before = len(part.firsts)
        for first, last in zip(numbers[::2], numbers[1::2], strict=True):
            if first == numbers[0]:
                if first < part.floor:
                    part._lower_to(first)
                first += 1
            if first <= last:
                part.add(first, last)
        part.last_stamp = max(stamp, part.last_stamp)
        self._runs += len(part.firsts) - before

    def settle(self) -> None:
        """What was put in is all: see that it is not too much."""
        self._evict()

    def _count(self, stamp: int) -> None:
        if self._step is None or self._steps is None:
            return
        self._newest = max(stamp, self._newest)
        self._came += 1
        if self._came % self._step == 0:
            self._marks.append(self._newest)
            if len(self._marks) > self._steps:
                self.since = max(self.since, self._marks.popleft())

    def _evict(self) -> None:
        if self._runs_max is None or self._runs <= self._runs_max:
            return
        quiet = sorted(self.streams, key=lambda stream: (self.streams[stream].last_stamp, stream))
        for stream in quiet[: max(1, len(quiet) // EVICTED_SHARE)]:
            part = self.streams.pop(stream)
            self._runs -= len(part.firsts)
            self.since = max(self.since, part.last_stamp + 1)

    # --- as it travels ------------------------------------------------------------------------------------------------

    def encoded(self) -> dict[str, list[int]]:
        """For each stream its floor and the end of the run behind it, then the first and last number of each run."""
        return {
            str(stream): [number for span in zip(part.firsts, part.lasts, strict=True) for number in span]
            for stream, part in self.streams.items()
        }


def decode_holdings(raw: Mapping[str, Sequence[int]]) -> Iterator[tuple[Stream, Sequence[int]]]:
    """Read what somebody has. Raises ValueError."""
    for text, numbers in raw.items():
        if not numbers or len(numbers) % 2:
            raise ValueError("not runs of numbers: expected a first and a last one of each")
        before = -1
        for index, number in enumerate(numbers):
            if number > COUNTER_MAX or (number < before if index % 2 else number <= before):
                raise ValueError("not runs of numbers: they do not ascend")
            before = number
        yield parse_stream(text), numbers


def encoded_size(entries: Mapping[str, Sequence[int]]) -> int:
    """About how many bytes a list takes in a message."""
    return sum(len(stream) + 6 + sum(len(str(number)) + 1 for number in numbers) for stream, numbers in entries.items())
