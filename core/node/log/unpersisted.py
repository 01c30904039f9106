"""What the disk has not taken: others' entries are passed on all the same, and kept once it works again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final

from core.wire.entries import Entry, EntryId, Fetch, Page, Stream, StreamMark
from core.wire.keepables import Keepable
from core.wire.records import LogRecord

UNPERSISTED_MAX: Final = 100_000
"""Others' entries that wait in memory for a disk to work again. Of more, the oldest are missing on this node until its
next start, when it finds out and asks for them."""


class Unpersisted:
    """Records that this node has and would lose in a crash, for as long as its disk fails."""

    def __init__(self, own_stream: Stream) -> None:
        self._own_stream = own_stream
        self._entries: OrderedDict[EntryId, Entry] = OrderedDict()
        """Others' entries that were passed on although the disk did not take them."""
        self._records: dict[str, Keepable] = {}
        """The same for what is no entry, by what it is about: only the last of each counts."""

    def remember(self, records: Iterable[Keepable]) -> None:
        """The disk has not taken these; of this node's own entries nothing is left."""
        for record in records:
            match record:
                case Entry():
                    self._remember_entry(record)
                case LogRecord():
                    for entry in record.entries:
                        self._remember_entry(entry)
                case StreamMark():
                    self._records[f"mark {record.stream}"] = record
                case _:
                    self._records[f"peer {record.id}"] = record

    def _remember_entry(self, entry: Entry) -> None:
        if entry.id.stream != self._own_stream:
            self._entries[entry.id] = entry
            if len(self._entries) > UNPERSISTED_MAX:
                self._entries.popitem(last=False)

    def kept(self, records: Iterable[Keepable]) -> None:
        """The disk has taken these."""
        if self._entries:
            for record in records:
                if isinstance(record, Entry):
                    self._entries.pop(record.id, None)

    def to_be_kept(self) -> list[Keepable]:
        """The disk takes writes again: what is to be tried now. Entries stay here until they are `kept`."""
        records = [*self._entries.values(), *self._records.values()]
        self._records.clear()
        return records

    @property
    def entry_ids(self) -> Iterable[EntryId]:
        """Entries that only the memory has."""
        return self._entries

    def completed(self, page: Page, query: Fetch) -> Sequence[Entry]:
        """The entries of the last page that the store has for a query, with those that the disk has not taken."""
        if not self._entries:
            return page.entries
        entries = {entry.id: entry for entry in page.entries}
        for entry in self._entries.values():
            if entry.kind in query.kinds and entry.id.seq > query.seen.get(entry.id.stream, 0):
                entries[entry.id] = entry
        return sorted(entries.values(), key=lambda entry: (entry.stamp, entry.id))
