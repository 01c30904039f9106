"""What operators have removed, and copies of it: bodies are left out of records, and overwritten in the file.

They count as received, as what retention drops does, and go on counting in sums.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable

from core.store.behind import ACTIVITIES, Kept, Totals
from core.store.retention import ROW_BYTES, Usage
from core.store.sqlite_shelf import SqliteShelf
from core.store.stream_numbers import StreamNumbers
from core.store.trimming import Trimming
from core.wire.entries import Entry, EntryId
from core.wire.packed_refs import PLACE_BYTES, REF_BYTES


class Removing:
    """One removal, within a transaction. Raises sqlite3.Error."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        shelf: SqliteShelf,
        streams: StreamNumbers,
        trimming: Trimming,
        usage_of: Callable[[str], Usage],
    ) -> None:
        self._connection = connection
        self._shelf = shelf
        self._streams = streams
        self._trimming = trimming
        self._usage_of = usage_of
        self.usage: dict[str, Usage] = {}
        """What is left of each writer who loses something."""
        self.removed = 0
        """How many activities were here."""

    def choose(self, entries: Iterable[EntryId], fingerprints: Collection[bytes]) -> None:
        """Find them, as far as they are here."""
        for entry_id in dict.fromkeys([*entries, *self._copies(fingerprints)]):
            found = self._shelf.find(entry_id)
            if found is not None and found[1].kind == "activity":
                self._choose(*found)

    def _choose(self, holder: Kept, entry: Entry) -> None:
        left = self.usage.get(entry.sender) or self._usage_of(entry.sender)
        size = len(entry.body) + ROW_BYTES
        self.usage[entry.sender] = Usage(max(0, left.activities - 1), max(0, left.bytes - size))
        self._trimming.choose((ACTIVITIES | entry.stamp, holder.stream, entry.id.seq), holder, len(entry.body))
        self.removed += 1

    def _copies(self, fingerprints: Collection[bytes]) -> list[EntryId]:
        """The activities that have one of the fingerprints, of the newest that have names."""
        if not fingerprints:
            return []
        found: list[tuple[int, int]] = []
        for no, packed in self._connection.execute("SELECT record, packed FROM refs"):
            if any(one in packed for one in fingerprints):
                found += [
                    (no, int.from_bytes(packed[at : at + PLACE_BYTES], "big"))
                    for at in range(0, len(packed), REF_BYTES)
                    if packed[at + PLACE_BYTES : at + REF_BYTES] in fingerprints
                ]
        copies: list[EntryId] = []
        for no, place in found:
            row = self._connection.execute("SELECT stream, first FROM records WHERE no = ?", (no,)).fetchone()
            if row is not None:
                copies.append(EntryId(*self._streams.of(row[0]), row[1] + place))
        return copies

    def write(self, totals: Totals) -> Totals:
        """Leave them out; what is known of all records then."""
        return self._trimming.write(self.usage, totals)
