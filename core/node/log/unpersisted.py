"""What the disk has not taken: others' entries are passed on all the same, and kept once it works again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from core.node.log.removed import RemovedActivities
from core.wire.account_documents import DocumentVersion
from core.wire.entries import Entry, EntryId, Fetch, Page, Stream, StreamMark
from core.wire.entry_columns import EntryColumns
from core.wire.entry_runs import EntryRuns, ids_in
from core.wire.keepables import DocumentGone, Keepable, Proof, RemovedEntry, entries_in
from core.wire.records import LogRecord

UNPERSISTED_MAX: Final = 100_000
"""Others' entries that wait in memory for a disk to work again. Of more, the oldest are missing on this node until its
next start, when it finds out and asks for them."""


class Unpersisted:
    """What this node has and would lose in a crash, for as long as its disk fails."""

    def __init__(self, own_stream: Stream, removed: RemovedActivities) -> None:
        """`removed`: what operators have removed; nothing of it is kept here, nor in a record that is."""
        self._own_stream = own_stream
        self._removed = removed
        self._entries: OrderedDict[EntryId, tuple[Entry, LogRecord | None]] = OrderedDict()
        """Others' entries that were passed on although the disk did not take them, and the records that have them."""
        self._facts: dict[str, Keepable] = {}
        """The same for what is no entry, by what it is about: only the last of each counts."""

    def remember(self, keepables: Iterable[Keepable]) -> None:
        """The disk has not taken these; of this node's own entries nothing is left."""
        for keepable in keepables:
            match keepable:
                case EntryColumns():
                    continue
                case Entry():
                    self._remember(keepable, None)
                case LogRecord():
                    record = self._removed.pruned(keepable)
                    for entry in keepable.entries:
                        self._remember(entry, record)
                case StreamMark():
                    self._facts[f"mark {keepable.stream}"] = keepable
                case RemovedEntry():
                    self._facts[f"removed {keepable.id}"] = keepable
                case Proof():
                    # It is asked for again in the next start.
                    continue
                case DocumentVersion():
                    # Neighbours are asked for it again, and whoever brought it here knows that it is not kept.
                    continue
                case DocumentGone():
                    self._facts[f"document {keepable.claim}"] = keepable
                case _:
                    self._facts[f"peer {keepable.id}"] = keepable

    def _remember(self, entry: Entry, record: LogRecord | None) -> None:
        if entry.id.stream == self._own_stream:
            return
        if entry.id in self._removed:
            self._never_comes(entry)
        else:
            self._entries[entry.id] = (entry, record)
            if len(self._entries) > UNPERSISTED_MAX:
                self._entries.popitem(last=False)

    def forget(self, entries: Iterable[EntryId]) -> None:
        """Operators have removed these: they are not to be kept any more, nor are their records as they came."""
        gone = [found for entry_id in entries if (found := self._entries.pop(entry_id, None)) is not None]
        records = {record: self._removed.pruned(record) for _, record in gone if record is not None}
        for entry, _ in gone:
            self._never_comes(entry)
        if records:
            for entry_id, (entry, record) in self._entries.items():
                if record in records:
                    self._entries[entry_id] = (entry, records[record])

    def _never_comes(self, entry: Entry) -> None:
        """What operators have removed counts as received, and there is nothing of it."""
        self._facts[f"removed {entry.id}"] = RemovedEntry(entry.id, entry.stamp)

    def kept(self, keepables: Iterable[Keepable]) -> None:
        """The disk has taken these."""
        if self._entries:
            for entry in entries_in(keepables):
                self._entries.pop(entry.id, None)

    def to_be_kept(self) -> list[Keepable]:
        """The disk takes writes again: what is to be tried now. Entries stay here until they are `kept`."""
        as_they_came = dict.fromkeys(entry if record is None else record for entry, record in self._entries.values())
        keepables: list[Keepable] = [*as_they_came, *self._facts.values()]
        self._facts.clear()
        return keepables

    @property
    def entry_ids(self) -> Iterable[EntryId]:
        """Entries that only the memory has."""
        return self._entries

    def among(self, entries: Sequence[Entry], runs: EntryRuns) -> Sequence[Entry]:
        """Entries of the store, with those of `runs` that the disk has not taken."""
        if not self._entries:
            return entries
        found = {entry.id: entry for entry in entries}
        found |= {entry_id: self._entries[entry_id][0] for entry_id in ids_in(runs) if entry_id in self._entries}
        return sorted(found.values(), key=lambda entry: (entry.stamp, entry.id))

    def as_they_came(self, runs: EntryRuns) -> tuple[list[LogRecord], list[Entry]]:
        """Entries of `runs` that the disk has not taken: in records, and those that are in none."""
        if not self._entries:
            return [], []
        found = [self._entries[entry_id] for entry_id in ids_in(runs) if entry_id in self._entries]
        records = dict.fromkeys(record for _, record in found if record is not None)
        return list(records), [entry for entry, record in found if record is None]

    def beyond_vector(self, query: Fetch) -> list[Entry]:
        """Entries that only the memory has, of those that a query is for, in the order of stamps."""
        found = (
            entry
            for entry, _ in self._entries.values()
            if entry.kind in query.kinds and entry.id.seq > query.seen.get(entry.id.stream, 0)
        )
        return sorted(found, key=lambda entry: (entry.stamp, entry.id))

    def completed(self, page: Page, query: Fetch) -> Sequence[Entry]:
        """The entries of the last page that the store has for a query, with those that the disk has not taken."""
        if not self._entries:
            return page.entries
        entries = {entry.id: entry for entry in (*page.entries, *self.beyond_vector(query))}
        return sorted(entries.values(), key=lambda entry: (entry.stamp, entry.id))

    def activities(self) -> list[Entry]:
        """Activities that only the memory has, in the order of stamps."""
        found = (entry for entry, _ in self._entries.values() if entry.kind == "activity")
        return sorted(found, key=lambda entry: (entry.stamp, entry.id))

    def beyond(self, seen: Mapping[Stream, int]) -> tuple[list[LogRecord], list[Entry]]:
        """What the disk has not taken and a version vector does not cover: records, and entries that are in none."""
        records: dict[LogRecord, None] = {}
        entries: list[Entry] = []
        for entry, record in self._entries.values():
            if entry.id.seq > seen.get(entry.id.stream, 0):
                if record is None:
                    entries.append(entry)
                else:
                    records[record] = None
        return list(records), entries
