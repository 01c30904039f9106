"""Old gaps: entries that are missing here, and that a neighbour has had and dropped.

Who comes to a network whose servers drop what is old never gets the first numbers of a long stream. Nobody declares
them gone: should somebody turn up who has them, they are asked for. But a client that logs in here need not wait for
them, or it would be sent the rest of the stream again each time it comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from core.node.log.replication import Replication
from core.wire.entries import EntryId, Stream
from core.wire.entry_runs import EntryRuns

STREAMS_MAX: Final = 10_000
"""Streams with an old gap that are remembered."""


class OldGaps:
    """Streams of which no neighbour keeps what is missing at first: one alone may lie."""

    def __init__(self, replication: Replication, compared: Callable[[], Iterable[int]]) -> None:
        """`compared`: the links with neighbours that can say what they have dropped."""
        self._vector = replication.vector
        self._compared = compared
        self._firsts: dict[Stream, dict[int, int]] = {}
        """The first number behind the last old gap, as each neighbour tells, by its link."""
        replication.behind_old_gaps = self.behind

    def link_closed(self, conn: int) -> None:
        """A link is over; what was told over it counts no more."""
        for stream in [stream for stream, firsts in self._firsts.items() if firsts.pop(conn, None) and not firsts]:
            del self._firsts[stream]

    def dropped(self, conn: int, gaps: EntryRuns, dropped: EntryRuns) -> None:
        """Of these gaps the neighbour at the other end of a link has had and dropped these entries."""
        for stream, spans in gaps.items():
            gone = dropped.get(stream, ())
            for first, last in spans:
                if not any(begin <= first and last <= end for begin, end in gone):
                    break
                firsts = self._firsts.pop(stream, {})
                firsts[conn] = last + 1
                self._firsts[stream] = firsts
        while len(self._firsts) > STREAMS_MAX:
            del self._firsts[next(iter(self._firsts))]

    def behind(self) -> Iterator[tuple[Stream, int]]:
        """Streams with an old gap, each with the number up to which nothing is missing behind it."""
        compared = tuple(self._compared())
        for stream, firsts in self._firsts.items():
            if all(conn in firsts for conn in compared):
                yield stream, self._vector.end_of_run(EntryId(*stream, min(firsts.values())))
