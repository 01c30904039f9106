"""Spans of numbers that wait, by stream: entries that came together in a record are noted, and forgotten, together."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator

from core.wire.entries import EntryId, Stream
from core.wire.entry_runs import Spans


class PendingSpans:
    """Spans that do not overlap, of any number of streams."""

    def __init__(self) -> None:
        self._spans: dict[Stream, list[tuple[int, int]]] = {}
        self._count = 0

    def __len__(self) -> int:
        """How many numbers there are."""
        return self._count

    def __contains__(self, entry_id: EntryId) -> bool:
        spans = self._spans.get(entry_id.stream) if self._spans else None
        if spans is None:
            return False
        index = bisect_right(spans, (entry_id.seq + 1,)) - 1
        return index >= 0 and spans[index][0] <= entry_id.seq <= spans[index][1]

    def __iter__(self) -> Iterator[EntryId]:
        for (node, incarnation), spans in self._spans.items():
            for first, last in spans:
                for number in range(first, last + 1):
                    yield EntryId(node, incarnation, number)

    def add(self, stream: Stream, spans: Spans) -> None:
        """Numbers that are not here yet."""
        known = self._spans.setdefault(stream, [])
        for first, last in spans:
            self._count += last - first + 1
            if known and known[-1][1] == first - 1:
                # A server's own ones go on where those before them end.
                known[-1] = (known[-1][0], last)
            else:
                insort(known, (first, last))

    def remove(self, stream: Stream, spans: Spans) -> None:
        """All of these were added."""
        known = self._spans[stream]
        for first, last in spans:
            place = bisect_right(known, (first + 1,)) - 1
            begin, end = known[place]
            known[place : place + 1] = [one for one in ((begin, first - 1), (last + 1, end)) if one[0] <= one[1]]
            self._count -= last - first + 1
        if not known:
            del self._spans[stream]

    def lowest(self, stream: Stream) -> int | None:
        """The smallest number of a stream that is here."""
        spans = self._spans.get(stream)
        return spans[0][0] if spans else None
