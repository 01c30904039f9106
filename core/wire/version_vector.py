"""Version vectors: what somebody has of each stream (Parker et al., 1983; see `core.wire.entries`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from core.wire.entries import EntryId, Stream
from core.wire.packed_streams import PackedStreams, StreamsOver

NOTHING_PACKED: Final = PackedStreams()


class VersionVector:
    """What a node or client has of each stream: all up to a number, and some beyond it.

    `sparse_max` bounds what is remembered beyond gaps over all streams; past it the oldest of the stream that has had a
    gap for longest is forgotten, which costs a duplicate transfer but never a loss.
    """

    __slots__ = ("_contiguous", "_packed", "_sparse", "_sparse_count", "_sparse_max")

    def __init__(
        self, contiguous: Mapping[Stream, int] = {}, sparse: Iterable[EntryId] = (), *, sparse_max: int = 100_000
    ) -> None:
        """`contiguous` is copied, but for what is packed in it."""
        self._packed = NOTHING_PACKED
        if isinstance(contiguous, StreamsOver):
            self._packed, contiguous = contiguous.parts
        self._contiguous = dict(contiguous)
        self._sparse: dict[Stream, dict[int, None]] = {}
        self._sparse_count = 0
        self._sparse_max = sparse_max
        for entry_id in sparse:
            self.add(entry_id)

    def __contains__(self, entry_id: EntryId) -> bool:
        stream = Stream(entry_id.node, entry_id.incarnation)
        if entry_id.seq <= self.upto(stream):
            return True
        beyond = self._sparse.get(stream)
        return beyond is not None and entry_id.seq in beyond

    def add(self, entry_id: EntryId) -> bool:
        """Record an entry; whether it was new."""
        stream = Stream(entry_id.node, entry_id.incarnation)
        upto = self.upto(stream)
        if entry_id.seq == upto + 1:
            self._contiguous[stream] = entry_id.seq
            if stream in self._sparse:
                self._close_gap(stream)
            return True
        if entry_id.seq <= upto:
            return False
        beyond = self._sparse.setdefault(stream, {})
        if entry_id.seq in beyond:
            return False
        beyond[entry_id.seq] = None
        self._sparse_count += 1
        if self._sparse_count > self._sparse_max:
            self._forget_one()
        return True

    def add_run(self, stream: Stream, numbers: Sequence[int]) -> Sequence[int]:
        """Record entries of one stream, in the order of their numbers; those that were new."""
        upto = self.upto(stream)
        if stream not in self._sparse and numbers and numbers[0] == upto + 1 and numbers[-1] == upto + len(numbers):
            self._contiguous[stream] = numbers[-1]
            return numbers
        return [number for number in numbers if self.add(EntryId(stream.node, stream.incarnation, number))]

    def _forget_one(self) -> None:
        stream = next(iter(self._sparse))
        beyond = self._sparse[stream]
        del beyond[next(iter(beyond))]
        self._sparse_count -= 1
        if not beyond:
            del self._sparse[stream]

    def raise_to(self, stream: Stream, upto: int) -> bool:
        """Record that nothing up to `upto` is missing; whether that was news."""
        if upto <= self.upto(stream):
            return False
        self._contiguous[stream] = upto
        if stream in self._sparse:
            self._close_gap(stream)
        return True

    def _close_gap(self, stream: Stream) -> None:
        beyond = self._sparse[stream]
        upto = self._contiguous[stream]
        for seq in [seq for seq in beyond if seq <= upto]:
            del beyond[seq]
            self._sparse_count -= 1
        while upto + 1 in beyond:
            upto += 1
            del beyond[upto]
            self._sparse_count -= 1
        self._contiguous[stream] = upto
        if not beyond:
            del self._sparse[stream]

    def upto(self, stream: Stream) -> int:
        """The number up to which nothing of `stream` is missing; 0 when nothing is known of it."""
        upto = self._contiguous.get(stream)
        return self._packed.get(stream, 0) if upto is None else upto

    def highest(self, stream: Stream) -> int:
        """The highest number of `stream` that has come, whatever is missing before it; 0 when none has."""
        return max(self._sparse.get(stream, ()), default=self.upto(stream))

    def has_gap(self, stream: Stream) -> bool:
        """Whether something of `stream` is here beyond something that is not."""
        return stream in self._sparse

    def gaps(self) -> bool:
        """Whether anything at all is here beyond something that is not."""
        return bool(self._sparse)

    @property
    def contiguous(self) -> Mapping[Stream, int]:
        """For each stream `upto`; to be looked at, and not to be kept."""
        return StreamsOver(self._packed, self._contiguous) if self._packed else self._contiguous

    def beyond(self) -> list[EntryId]:
        """What is here beyond something that is not."""
        return [
            EntryId(stream.node, stream.incarnation, number)
            for stream, numbers in self._sparse.items()
            for number in numbers
        ]

    def copy(self) -> VersionVector:
        twin = VersionVector(self.contiguous, sparse_max=self._sparse_max)
        twin._sparse = {stream: dict(beyond) for stream, beyond in self._sparse.items()}
        twin._sparse_count = self._sparse_count
        return twin

    def lacks(self, other: Mapping[Stream, int]) -> bool:
        """Whether `other` covers something that this vector does not."""
        return any(upto > self.upto(stream) for stream, upto in other.items())
