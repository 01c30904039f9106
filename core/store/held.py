"""What has been received of each stream: packed where nothing is missing, as it is of nearly all past starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from core.store.sequence_runs import Runs
from core.wire.entries import EntryId, Stream
from core.wire.entry_runs import EntryRuns, difference
from core.wire.packed_streams import PackedStreams, StreamsOver

RUNS_RECOVERED: Final = 100_000
"""How many runs of entries beyond gaps a node is told of at its start: as many as its vector takes."""


class Held:
    """Runs of received numbers by stream. What is changed is unpacked first."""

    def __init__(self, packed: PackedStreams | None = None) -> None:
        self.packed = PackedStreams() if packed is None else packed
        """Up to which numbers nothing is missing of streams that are not in `loose`, or had come so far before."""
        self.loose: dict[Stream, Runs] = {}
        self.received = self.packed.total
        """How many numbers of all streams there are."""

    def get(self, stream: Stream) -> Runs | None:
        """Not to be changed; None if nothing is known of the stream."""
        runs = self.loose.get(stream)
        if runs is None:
            upto = self.packed.get(stream)
            if upto is not None:
                runs = Runs([(0, upto)])
        return runs

    def upto(self, stream: Stream) -> int:
        """The number up to which nothing is missing."""
        runs = self.loose.get(stream)
        return self.packed.get(stream, 0) if runs is None else runs.upto

    def holds(self, entry_id: EntryId) -> bool:
        runs = self.get(entry_id.stream)
        return runs is not None and entry_id.seq in runs

    def add(self, stream: Stream, first: int, last: int) -> int:
        """Numbers have been received; how many of them had not been before."""
        runs = self.loose.get(stream)
        if runs is None:
            runs = self.loose[stream] = self.get(stream) or Runs()
        new = runs.add(first, last)
        self.received += new
        return new

    def remove(self, stream: Stream, first: int, last: int) -> int:
        """Numbers count as never received; how many of them had been."""
        runs = self.loose.get(stream)
        if runs is None:
            runs = self.loose[stream] = self.get(stream) or Runs()
        gone = runs.remove(first, last)
        self.received -= gone
        return gone

    def put_back(self, stream: Stream, runs: Runs | None) -> None:
        """A stream is to be as it was: what `get` gave, copied, before it was changed."""
        known = self.get(stream)
        self.received += (0 if runs is None else runs.count) - (0 if known is None else known.count)
        if runs is None:
            self.loose.pop(stream, None)
        else:
            self.loose[stream] = runs

    def become(self, other: Held) -> None:
        """Be what the other one is."""
        self.packed, self.loose, self.received = other.packed, other.loose, other.received

    def items(self) -> Iterator[tuple[Stream, Runs]]:
        yield from self.loose.items()
        for stream, upto in self.packed.items():
            if stream not in self.loose:
                yield stream, Runs([(0, upto)])

    def beyond(self, seen: Mapping[Stream, int], kept: Iterable[Stream]) -> dict[Stream, Runs]:
        """The streams of which there is more than up to the numbers of `seen`, but for packed ones that are not among
        those of which something is `kept`: see `claims`."""
        found = {stream: runs for stream, runs in self.loose.items() if runs.top > seen.get(stream, 0)}
        for stream in kept:
            upto = self.packed.get(stream, 0)
            if stream not in self.loose and upto > seen.get(stream, 0):
                found[stream] = Runs([(0, upto)])
        return found

    def claims(self, seen: Mapping[Stream, int], upto: Mapping[Stream, int]) -> Mapping[Stream, int]:
        """How far somebody is complete beyond `seen`: `upto` of what `beyond` found, and all packed streams beside.

        Costs a look at what is seen and found, however many streams are packed.
        """
        raised = {stream: number for stream, number in upto.items() if number > seen.get(stream, 0)}
        if not self.packed:
            return raised
        hidden = {stream for stream, number in seen.items() if self.packed.get(stream, 0) <= number}
        hidden.update(self.loose, upto)
        hidden.difference_update(raised)
        return StreamsOver(self.packed, raised, hidden)

    def lacks(self, other: Held) -> int:
        """How many numbers are in the other one and not here."""
        nothing = Runs()
        lacking = sum((self.get(stream) or nothing).lacks(runs) for stream, runs in other.loose.items())
        mine = self.packed.by_node
        for node, packed in other.packed.by_node.items():
            if mine.get(node) == packed:
                # The same starts of a node, as far: the usual case, found without a look at each.
                continue
            for incarnation, upto in zip(*packed, strict=True):
                stream = Stream(node, incarnation)
                if stream not in other.loose and upto > self.upto(stream):
                    lacking += (self.get(stream) or nothing).lacks(Runs([(0, upto)]))
        return lacking

    def missing_of(self, entries: EntryRuns) -> EntryRuns:
        """Those of some entries that are not here."""
        return difference(entries, {stream: runs.spans for stream in entries if (runs := self.get(stream)) is not None})

    def without(self, other: Held) -> EntryRuns:
        """What is here and not in the other one."""
        found: dict[Stream, tuple[tuple[int, int], ...]] = {}
        theirs = other.packed.by_node
        same = {node for node, packed in self.packed.by_node.items() if theirs.get(node) == packed}
        for stream, runs in self.items():
            if stream.node in same and stream not in self.loose and stream not in other.loose:
                continue
            left = runs.copy()
            for first, last in other.get(stream) or ():
                left.remove(max(first, 1), last)
            if left.spans:
                found[stream] = left.spans
        return found

    def streams(self) -> Mapping[Stream, int]:
        """For each stream the number up to which nothing is missing, where it is not 0; packed ones stay packed."""
        over = {stream: runs.upto for stream, runs in sorted(self.loose.items(), key=lambda item: item[0])}
        if not len(self.packed):
            return {stream: upto for stream, upto in over.items() if upto}
        return StreamsOver(self.packed, over)

    def beyond_gaps(self) -> EntryRuns:
        """What there is beyond gaps, as much of it as a node remembers."""
        beyond: dict[Stream, tuple[tuple[int, int], ...]] = {}
        room = RUNS_RECOVERED
        for stream, runs in sorted(self.loose.items(), key=lambda item: item[0]):
            behind_gaps = tuple(run for run in runs if run[0])[:room]
            if behind_gaps:
                beyond[stream] = behind_gaps
                room -= len(behind_gaps)
        return beyond

    @property
    def is_without_gaps(self) -> bool:
        """Whether of each stream everything is there up to the newest number."""
        return all(runs.upto == runs.top for runs in self.loose.values())

    def copy(self) -> Held:
        twin = Held(self.packed)
        twin.loose = {stream: runs.copy() for stream, runs in self.loose.items()}
        twin.received = self.received
        return twin
