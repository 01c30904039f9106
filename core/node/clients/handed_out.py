"""The latest activities that went to all of this node's clients, as columns of numbers.

As objects they are seven for each, which live for as long as ten thousand more come: 6 MB for them, and in all memory
that was in use meanwhile one or another of them, so that none of it can be given back.
"""

from __future__ import annotations

import bisect
from array import array
from collections.abc import Iterator, Sequence
from operator import le
from typing import Final

from core.wire.entries import EntryId, Stream

_INTEGERS: Final = "q"
"""Everything here is one: numbers and stamps are at most 2^53."""
_NUMBER_BITS: Final = 53


class HandedOut:
    """So many of the latest activities, in the order in which they were handed out, and by time.

    Times and stamps are hybrid logical times. By time there are up to twice as many: those that come early are let go
    of together, because to move ten thousand costs more than all else that is done for one.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._streams: list[Stream] = []
        self._numbers: dict[Stream, int] = {}
        """Where each stream stands in that list; the columns name it by this."""
        self._stream = array(_INTEGERS)
        self._seq = array(_INTEGERS)
        self._stamp = array(_INTEGERS)
        self._size = array(_INTEGERS)
        self._time = array(_INTEGERS)
        self._time_stream = array(_INTEGERS)
        self._time_seq = array(_INTEGERS)
        self._times: dict[int, int] | None = None
        """The times by `_key`; None until somebody asks for one: it takes ten times as much as all columns."""

    def note(self, stream: Stream, seq: int, stamp: int, size: int, at: int) -> None:
        """An activity is handed out, with a line of so many bytes; others may have had it from `at` on."""
        number = self._numbers.get(stream)
        if number is None or len(self._seq) == 2 * self._most:
            number = self._make_room(stream)
        self._stream.append(number)
        self._seq.append(seq)
        self._stamp.append(stamp)
        self._size.append(size)
        if self._times is not None:
            self._times[_key(number, seq)] = at
        times = self._time
        if not times or times[-1] <= at:
            times.append(at)
            self._time_stream.append(number)
            self._time_seq.append(seq)
        else:
            place = bisect.bisect_right(times, at)
            times.insert(place, at)
            self._time_stream.insert(place, number)
            self._time_seq.insert(place, seq)

    def note_all(
        self,
        stream: Stream,
        numbers: Sequence[int],
        stamps: Sequence[int],
        sizes: Sequence[int],
        times: Sequence[int],
    ) -> None:
        """The same of several activities of one stream, each of which others may have had from one of `times` on."""
        begin = 0
        while begin < len(numbers):
            end = begin + 2 * self._most - len(self._seq) % (2 * self._most)
            some = slice(begin, end)
            self._note_some(stream, numbers[some], stamps[some], sizes[some], times[some])
            begin = end

    def _note_some(
        self,
        stream: Stream,
        numbers: Sequence[int],
        stamps: Sequence[int],
        sizes: Sequence[int],
        times: Sequence[int],
    ) -> None:
        place = bisect.bisect_right(self._time, times[0])
        is_one_piece = (place == len(self._time) or times[-1] < self._time[place]) and all(map(le, times, times[1:]))
        if not is_one_piece:
            for number, stamp, size, at in zip(numbers, stamps, sizes, times, strict=True):
                self.note(stream, number, stamp, size, at)
            return
        known = self._numbers.get(stream)
        if known is None or len(self._seq) == 2 * self._most:
            known = self._make_room(stream)
            place = bisect.bisect_right(self._time, times[0])
        streams = array(_INTEGERS, [known]) * len(numbers)
        self._stream += streams
        self._seq.extend(numbers)
        self._stamp.extend(stamps)
        self._size.extend(sizes)
        self._time[place:place] = array(_INTEGERS, times)
        self._time_stream[place:place] = streams
        self._time_seq[place:place] = array(_INTEGERS, numbers)
        if self._times is not None:
            self._times.update(zip(map(_key(known, 0).__or__, numbers), times, strict=True))

    def latest(self) -> Iterator[tuple[EntryId, int, int]]:
        """The identity, stamp and size of each, the one that was handed out last first."""
        end = len(self._seq)
        for place in range(end - 1, max(-1, end - 1 - self._most), -1):
            stream = self._streams[self._stream[place]]
            yield EntryId(*stream, self._seq[place]), self._stamp[place], self._size[place]

    def later_than(self, at: int) -> Iterator[tuple[int, EntryId]]:
        """Those that others may have had only after a time, each with its time."""
        for place in range(bisect.bisect_right(self._time, at), len(self._time)):
            stream = self._streams[self._time_stream[place]]
            yield self._time[place], EntryId(*stream, self._time_seq[place])

    def time_of(self, entry_id: EntryId) -> int:
        """From when on others may have had an activity; 0 where that is not known any more."""
        number = self._numbers.get(entry_id.stream)
        if number is None:
            return 0
        if self._times is None:
            self._times = dict(zip(map(_key, self._time_stream, self._time_seq), self._time, strict=True))
        return self._times.get(_key(number, entry_id.seq), 0)

    def _make_room(self, stream: Stream) -> int:
        """Let go of the oldest ones if there are too many, and of streams that none is left of; a stream's number."""
        if len(self._seq) == 2 * self._most:
            for column in (self._stream, self._seq, self._stamp, self._size):
                del column[: self._most]
            for column in (self._time, self._time_stream, self._time_seq):
                del column[: self._most]
            self._times = None
            left = sorted({*self._stream, *self._time_stream})
            if len(left) < len(self._streams):
                self._renumber(left)
        if stream not in self._numbers:
            self._numbers[stream] = len(self._streams)
            self._streams.append(stream)
        return self._numbers[stream]

    def _renumber(self, left: Sequence[int]) -> None:
        """Only these streams are left of those that have a number."""
        renumbered = {before: number for number, before in enumerate(left)}
        self._streams = [self._streams[before] for before in left]
        self._numbers = {one: number for number, one in enumerate(self._streams)}
        self._stream = array(_INTEGERS, map(renumbered.__getitem__, self._stream))
        self._time_stream = array(_INTEGERS, map(renumbered.__getitem__, self._time_stream))


def _key(stream: int, seq: int) -> int:
    """What names an activity, by where its stream stands in the list."""
    return stream << _NUMBER_BITS | seq
