"""What a client has of each stream, as servers want to know it that do not show `place`: a version vector."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final

from core.wire.entries import EntryId, Stream, encode_vector, started_at
from core.wire.holdings import Holdings
from core.wire.version_vector import VersionVector

VECTOR_BYTES_MAX: Final = 40 * 1024
"""Most that a vector may add to a login: a server limits a client's line to 64 KiB."""
NUMBER_BYTES: Final = 24
"""What a number and the marks around it may take beside a stream's name."""
MARGIN: Final = 600 * 1_000_000
"""Microseconds by which a start may seem to be older than it is, because clocks differ."""


class SeenVector:
    """The vector, and in which order its streams were heard of."""

    def __init__(self, seen: Mapping[Stream, int] | None, streams_max: int) -> None:
        self._vector = VersionVector(seen or {})
        self._touched: OrderedDict[Stream, None] = OrderedDict.fromkeys(self._vector.contiguous)
        self._streams_max = streams_max
        self._baseline: Mapping[Stream, int] | None = None
        self._beyond: Iterable[EntryId] = ()
        self.resumable = seen is not None
        """Whether the vector says what this client has, so that a server can send what it missed."""

    def __contains__(self, entry_id: EntryId) -> bool:
        return entry_id in self._vector

    def add(self, entry_id: EntryId) -> None:
        self._vector.add(entry_id)
        self._touch(entry_id.stream)

    def _touch(self, stream: Stream) -> None:
        self._touched[stream] = None
        self._touched.move_to_end(stream)
        if len(self._touched) > 2 * self._streams_max:
            self._touched.popitem(last=False)

    def knows_any(self, streams: Iterable[Stream]) -> bool:
        """Whether the client has something of one of these streams, or has heard of it."""
        return any(stream in self._vector.contiguous for stream in streams)

    def told(self, vector: Mapping[Stream, int], beyond: Iterable[EntryId]) -> None:
        """A server says what this client need not expect, once it has caught up: `beyond` is what comes after gaps."""
        self._baseline = vector
        self._beyond = beyond

    @property
    def was_told(self) -> bool:
        return self._baseline is not None

    def begin(self) -> None:
        """What was told counts from now on."""
        if self._baseline is not None:
            for stream, upto in self._baseline.items():
                if self._vector.raise_to(stream, upto):
                    self._touch(stream)
            for entry_id in self._beyond:
                self._vector.add(entry_id)
                self._touch(entry_id.stream)
            self._baseline = None
            self._beyond = ()
        self.resumable = True

    def contiguous(self) -> dict[Stream, int] | None:
        """The vector to resume from; None when there is nothing to resume."""
        if not self.resumable:
            return None
        contiguous = self._vector.contiguous
        size = 0
        newest: list[Stream] = []
        for stream in reversed(self._touched):
            size += len(str(stream).encode()) + NUMBER_BYTES
            if len(newest) >= self._streams_max or size > VECTOR_BYTES_MAX:
                break
            newest.append(stream)
        return {stream: contiguous[stream] for stream in reversed(newest) if stream in contiguous}

    def encoded(self) -> dict[str, int] | None:
        """The same as it travels."""
        seen = self.contiguous()
        return None if seen is None else encode_vector(seen)


def vector_of(holdings: Holdings, known: Mapping[Stream, int]) -> dict[Stream, int]:
    """What somebody has, as a vector, of the streams that a server knows: it has nothing of those that seem to have
    begun later than `holdings.since`, and everything of others that it has not heard of."""
    found = {stream: part.lasts[0] for stream, part in holdings.streams.items() if part.lasts[0]}
    found |= {
        stream: upto
        for stream, upto in known.items()
        if stream not in holdings.streams and started_at(stream.incarnation) < holdings.since - MARGIN
    }
    return dict(sorted(found.items(), key=lambda one: (one[0] in holdings.streams, started_at(one[0].incarnation))))
