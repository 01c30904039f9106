"""What somebody has of each stream: all up to a number, and runs beyond gaps.

Parker et al., "Detection of Mutual Inconsistency in Distributed Systems", 1983. A gap may stay for good: who comes to a
network whose servers have dropped what is old never gets the first numbers of a long stream. So what lies beyond a gap
costs by its runs, and is known exactly.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

from core.wire.entries import EntryId, Stream
from core.wire.entry_runs import EntryRuns, Spans, spans_without
from core.wire.packed_streams import PackedStreams, StreamsOver

NOTHING_PACKED: Final = PackedStreams()


class VersionVector:
    """What a node or client has of each stream.

    `runs_max` bounds the runs beyond gaps over all streams; past it the oldest of the stream that has had a gap for
    longest is forgotten, which costs a duplicate transfer but never a loss.
    """

    __slots__ = ("_beyond", "_over", "_packed", "_runs", "_runs_max")

    def __init__(
        self,
        contiguous: Mapping[Stream, int] = {},
        beyond: EntryRuns | Iterable[EntryId] = (),
        *,
        runs_max: int = 100_000,
    ) -> None:
        """`contiguous` is copied, but for what is packed in it."""
        self._packed = NOTHING_PACKED
        if isinstance(contiguous, StreamsOver):
            self._packed, contiguous = contiguous.parts
        self._over: dict[Stream, int] = dict(contiguous)
        self._beyond: dict[Stream, tuple[list[int], list[int]]] = {}
        """The first and the last number of each run beyond a gap."""
        self._runs = 0
        self._runs_max = runs_max
        if isinstance(beyond, Mapping):
            for stream, spans in beyond.items():
                for first, last in spans:
                    self._put(stream, first, last)
        else:
            for entry_id in beyond:
                self.add(entry_id)

    def __contains__(self, entry_id: EntryId) -> bool:
        stream = Stream(entry_id.node, entry_id.incarnation)
        if entry_id.seq <= self.upto(stream):
            return True
        beyond = self._beyond.get(stream)
        if beyond is None:
            return False
        index = bisect_right(beyond[0], entry_id.seq) - 1
        return index >= 0 and entry_id.seq <= beyond[1][index]

    def has_up_to(self, stream: Stream, number: int) -> bool:
        """Whether nothing of a stream is missing up to a number: so that whoever asks need not look at any further."""
        return number <= self.upto(stream)

    def lacking(self, runs: EntryRuns) -> dict[Stream, Spans]:
        """Those of some entries that are not here. Costs by runs, not by entries."""
        found = {stream: spans_without(spans, self._around(stream, spans)) for stream, spans in runs.items() if spans}
        return {stream: spans for stream, spans in found.items() if spans}

    def _around(self, stream: Stream, spans: Spans) -> Iterator[tuple[int, int]]:
        """What is here among the numbers of some spans, and perhaps some more."""
        yield 0, self.upto(stream)
        firsts, lasts = self._beyond.get(stream, ([], []))
        begin = max(0, bisect_right(firsts, spans[0][0]) - 1)
        yield from zip(firsts[begin : bisect_right(firsts, spans[-1][1])], lasts[begin:], strict=False)

    def add(self, entry_id: EntryId) -> bool:
        """Record an entry; whether it was new."""
        stream = Stream(entry_id.node, entry_id.incarnation)
        upto = self.upto(stream)
        if entry_id.seq == upto + 1:
            self._over[stream] = entry_id.seq
            if stream in self._beyond:
                self._close_gap(stream)
            return True
        if entry_id in self:
            return False
        self._put(stream, entry_id.seq, entry_id.seq)
        return True

    def add_spans(self, stream: Stream, spans: Spans) -> Spans:
        """Record entries of one stream; those that were new."""
        new = self.lacking({stream: spans}).get(stream, ())
        for first, last in new:
            if first == self.upto(stream) + 1:
                self._over[stream] = last
                if stream in self._beyond:
                    self._close_gap(stream)
            else:
                self._put(stream, first, last)
        return new

    def _put(self, stream: Stream, first: int, last: int) -> None:
        """Numbers beyond a gap, none of which is there; what they touch becomes one run with them."""
        firsts, lasts = self._beyond.setdefault(stream, ([], []))
        index = bisect_right(firsts, first)
        self._runs += 1
        firsts.insert(index, first)
        lasts.insert(index, last)
        if index + 1 < len(firsts) and firsts[index + 1] == last + 1:
            self._join(firsts, lasts, index)
        if index and lasts[index - 1] == first - 1:
            self._join(firsts, lasts, index - 1)
        if self._runs > self._runs_max:
            self._forget_one()

    def _join(self, firsts: list[int], lasts: list[int], index: int) -> None:
        del firsts[index + 1], lasts[index]
        self._runs -= 1

    def _forget_one(self) -> None:
        stream = next(iter(self._beyond))
        firsts, lasts = self._beyond[stream]
        del firsts[0], lasts[0]
        self._runs -= 1
        if not firsts:
            del self._beyond[stream]

    def raise_to(self, stream: Stream, upto: int) -> bool:
        """Record that nothing up to `upto` is missing; whether that was news."""
        if upto <= self.upto(stream):
            return False
        self._over[stream] = upto
        if stream in self._beyond:
            self._close_gap(stream)
        return True

    def remove_run(self, stream: Stream, first: int, last: int) -> None:
        """The numbers from `first` to `last`, as far as they are there, are not there any more."""
        spans = self.spans(stream)
        left = [
            part
            for begin, end in spans
            for part in ((begin, min(end, first - 1)), (max(begin, last + 1), end))
            if part[0] <= part[1]
        ]
        if left == spans:
            return
        firsts, _ = self._beyond.pop(stream, ([], []))
        self._runs -= len(firsts)
        upto = left.pop(0)[1] if left and left[0][0] == 1 else 0
        if upto or stream in self._packed:
            self._over[stream] = upto
        else:
            self._over.pop(stream, None)
        for begin, end in left:
            self._put(stream, begin, end)

    def add_span(self, stream: Stream, first: int, last: int) -> None:
        """The numbers from `first` to `last` are there."""
        self.remove_run(stream, first, last)
        upto = self.upto(stream)
        if first == upto + 1:
            self._over[stream] = last
            if stream in self._beyond:
                self._close_gap(stream)
        else:
            self._put(stream, first, last)

    def __bool__(self) -> bool:
        """Whether anything is there."""
        return bool(self._over or self._beyond or self._packed)

    @property
    def runs(self) -> EntryRuns:
        """All that is there; of packed streams nothing is unpacked."""
        return {stream: tuple(self.spans(stream)) for stream in sorted({*self._over, *self._beyond})}

    def spans(self, stream: Stream) -> list[tuple[int, int]]:
        """The first and the last number of each run that is there of a stream."""
        upto = self.upto(stream)
        firsts, lasts = self._beyond.get(stream, ([], []))
        return [*([(1, upto)] if upto else []), *zip(firsts, lasts, strict=True)]

    def _close_gap(self, stream: Stream) -> None:
        firsts, lasts = self._beyond[stream]
        upto = self._over[stream]
        closed = 0
        while closed < len(firsts) and firsts[closed] <= upto + 1:
            upto = max(upto, lasts[closed])
            closed += 1
        self._over[stream] = upto
        del firsts[:closed], lasts[:closed]
        self._runs -= closed
        if not firsts:
            del self._beyond[stream]

    def upto(self, stream: Stream) -> int:
        """The number up to which nothing of `stream` is missing; 0 when nothing is known of it."""
        upto = self._over.get(stream)
        return self._packed.get(stream, 0) if upto is None else upto

    def gap_before(self, entry_id: EntryId) -> tuple[int, int] | None:
        """The first and the last of the numbers missing before an entry that is the first of its run; None if it is
        not, or nothing is missing before it."""
        stream = Stream(entry_id.node, entry_id.incarnation)
        firsts, lasts = self._beyond.get(stream, ([], []))
        index = bisect_right(firsts, entry_id.seq) - 1
        if index < 0 or firsts[index] != entry_id.seq:
            return None
        return (lasts[index - 1] if index else self.upto(stream)) + 1, entry_id.seq - 1

    def end_of_run(self, entry_id: EntryId) -> int:
        """The number up to which nothing is missing behind an entry that is here."""
        stream = Stream(entry_id.node, entry_id.incarnation)
        firsts, lasts = self._beyond.get(stream, ([], []))
        index = bisect_right(firsts, entry_id.seq) - 1
        return lasts[index] if index >= 0 else self.upto(stream)

    def has_gap(self, stream: Stream, behind: int = 0) -> bool:
        """Whether something of `stream` is here beyond something that is not, of the numbers behind one."""
        beyond = self._beyond.get(stream)
        return beyond is not None and beyond[0][-1] - 1 > behind

    def gaps(self) -> bool:
        """Whether anything at all is here beyond something that is not."""
        return bool(self._beyond)

    def missing(self, most: int) -> EntryRuns:
        """What is missing in front of something that is here, in at most so many runs."""
        found: dict[Stream, tuple[tuple[int, int], ...]] = {}
        for stream, (firsts, lasts) in self._beyond.items():
            spans = tuple(
                (before + 1, first - 1) for before, first in zip((self.upto(stream), *lasts), firsts, strict=False)
            )[:most]
            if spans:
                found[stream] = spans
                most -= len(spans)
        return found

    @property
    def contiguous(self) -> Mapping[Stream, int]:
        """For each stream `upto`; to be looked at, and not to be kept."""
        return StreamsOver(self._packed, self._over) if self._packed else self._over

    @property
    def beyond(self) -> EntryRuns:
        """What is here beyond gaps."""
        return {stream: tuple(zip(*runs, strict=True)) for stream, runs in self._beyond.items()}

    def newest_beyond(self, most: int) -> list[EntryId]:
        """Of each stream with a gap the last so many entries beyond it."""
        found: list[EntryId] = []
        for stream, (firsts, lasts) in self._beyond.items():
            numbers = (
                number
                for first, last in zip(reversed(firsts), reversed(lasts), strict=True)
                for number in range(last, first - 1, -1)
            )
            last_of_all = [EntryId(stream.node, stream.incarnation, number) for number in islice(numbers, most)]
            found += reversed(last_of_all)
        return found

    def copy(self) -> VersionVector:
        twin = VersionVector(self.contiguous, runs_max=self._runs_max)
        twin._beyond = {stream: (list(firsts), list(lasts)) for stream, (firsts, lasts) in self._beyond.items()}
        twin._runs = self._runs
        return twin

    def lacks(self, other: Mapping[Stream, int]) -> bool:
        """Whether `other` covers something that this vector does not."""
        return any(upto > self.upto(stream) for stream, upto in other.items())
