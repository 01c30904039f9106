"""Old gaps: entries that are missing here, and that a neighbour has had and dropped.

Who comes to a network whose servers drop what is old never gets the first numbers of a long stream. Nobody declares
them gone: should somebody turn up who has them, they are asked for. But a client that logs in here need not wait for
them, or it would be sent the rest of the stream again each time it comes back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from core.node.log.replication import Replication
from core.wire.entries import EntryId, Stream
from core.wire.entry_runs import EntryRuns

STREAMS_MAX: Final = 10_000
"""Streams with an old gap that are remembered."""


class OldGaps:
    """Streams of which nobody keeps what is missing at first."""

    def __init__(self, replication: Replication) -> None:
        self._vector = replication.vector
        self._firsts: dict[Stream, int] = {}
        """The first number behind the last old gap."""
        replication.behind_old_gaps = self.behind

    def dropped(self, gaps: EntryRuns, dropped: EntryRuns) -> None:
        """Of these gaps a neighbour has had and dropped these entries."""
        for stream, spans in gaps.items():
            gone = dropped.get(stream, ())
            for first, last in spans:
                if not any(begin <= first and last <= end for begin, end in gone):
                    break
                self._firsts.pop(stream, None)
                self._firsts[stream] = last + 1
        while len(self._firsts) > STREAMS_MAX:
            del self._firsts[next(iter(self._firsts))]

    def behind(self) -> Iterator[tuple[Stream, int]]:
        """Streams with an old gap, each with the number up to which nothing is missing behind it."""
        for stream, first in self._firsts.items():
            yield stream, self._vector.end_of_run(EntryId(*stream, first))
