"""Damaged entries: what this node had kept, delivered and passed on, until its disk damaged it.

They are missing, and asked for as all that is missing. But nobody is handed them a second time when they come again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from core.wire.entries import Entry, EntryId, Stream
from core.wire.entry_columns import EntryColumns
from core.wire.entry_runs import NO_ENTRIES, EntryRuns, count_of
from core.wire.version_vector import VersionVector


class DamagedEntries:
    """Which entries they are, from when the store tells of them until they are durable again."""

    def __init__(self, vector: VersionVector, before: EntryRuns = NO_ENTRIES) -> None:
        """`vector`: what is here; `before`: what was damaged before this start."""
        self._vector = vector
        self._missing = VersionVector()
        self._unheard = VersionVector()
        """Those of which this start has not heard more than the number."""
        self._being_kept: dict[EntryId, None] = {}
        self.on_kept: Callable[[Sequence[Entry]], None] = lambda entries: None
        """Told of those that are durable again, or only wait for a disk that fails."""
        for stream, spans in before.items():
            for first, last in spans:
                self._unheard.add_span(stream, first, last)
        self.lose(before)

    def __contains__(self, entry_id: EntryId) -> bool:
        return entry_id in self._missing

    def among(self, columns: EntryColumns) -> tuple[Entry, ...]:
        """Those of some entries that are missing because they were damaged."""
        return tuple(entry for entry in columns.entries if entry.id in self._missing) if self._missing else ()

    def behind(self) -> Iterator[tuple[Stream, int]]:
        """Streams of which some are missing, with the number up to which nothing else is."""
        for stream, spans in self.missing.items():
            upto = 0
            for first, last in sorted((*spans, *self._vector.spans(stream))):
                if first > upto + 1:
                    break
                upto = last
            yield stream, upto

    @property
    def missing(self) -> EntryRuns:
        """Those that have not come again."""
        return self._missing.runs if self._missing else {}

    @property
    def count(self) -> int:
        """How many are not durable again."""
        return count_of(self.missing) + len(self._being_kept)

    @property
    def being_kept(self) -> Iterable[EntryId]:
        """Those that have come again, and are not durable yet."""
        return self._being_kept

    def is_being_kept(self, entry_id: EntryId) -> bool:
        """Whether it has come again, and is not durable yet."""
        return entry_id in self._being_kept

    @property
    def are_whole(self) -> bool:
        """Whether all of them are durable again."""
        return not self._being_kept and not self._missing

    def lose(self, entries: EntryRuns) -> None:
        """The disk has damaged these."""
        for stream, spans in entries.items():
            for first, last in spans:
                self._vector.remove_run(stream, first, last)
                self._missing.add_span(stream, first, last)

    def never_comes(self, entry_id: EntryId) -> None:
        """It counts as received, and nobody has it any more."""
        for one in (self._missing, self._unheard):
            one.remove_run(entry_id.stream, entry_id.seq, entry_id.seq)
        self._vector.add(entry_id)
        self.on_kept(())

    def before(self, stream: Stream, upto: int) -> int:
        """The number before the first one of a stream that is missing, or `upto`.

        Who says that nothing is missing up to a number may leave out what has just gone over a link.
        """
        spans = self._missing.spans(stream)
        return min(upto, spans[0][0] - 1) if spans else upto

    def take(self, entries: Iterable[Entry]) -> tuple[Entry, ...]:
        """These have come again, and are to be kept; those of them that were damaged before this start, and of which it
        knows no more than that."""
        unheard: list[Entry] = []
        for entry in entries:
            if entry.id in self._unheard:
                self._unheard.remove_run(entry.id.stream, entry.id.seq, entry.id.seq)
                unheard.append(entry)
            self._missing.remove_run(entry.id.stream, entry.id.seq, entry.id.seq)
            self._vector.add(entry.id)
            self._being_kept[entry.id] = None
        return tuple(unheard)

    def kept(self, entries: Sequence[Entry]) -> None:
        """These are durable."""
        for entry in entries:
            self._being_kept.pop(entry.id, None)
        self.on_kept(entries)

    def not_kept(self, entries: Iterable[Entry], own: Stream) -> None:
        """The disk has not taken these. What is of this start is missing again; the rest waits for it in memory."""
        waiting: list[Entry] = []
        for entry in entries:
            self._being_kept.pop(entry.id, None)
            if entry.id.stream == own:
                self.lose({own: ((entry.id.seq, entry.id.seq),)})
            else:
                waiting.append(entry)
        self.on_kept(waiting)
