"""Activities that operators have removed: wherever one stands or comes, it is not handed out, shown or passed on.

What is here of one is left out of its record, as retention does it. One that has not come counts as received from then
on, so that nobody asks for it. Copies of it, which are known by their fingerprints, go with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from core.wire.entries import Entry, EntryId, Page, Stream
from core.wire.entry_columns import EntryColumns
from core.wire.entry_runs import EntryRuns, is_in
from core.wire.idempotency import idempotency_fingerprint
from core.wire.records import LogRecord, RecordPage


class RemovedActivities:
    """Which ones they are."""

    def __init__(self) -> None:
        self._numbers: dict[Stream, set[int]] = {}
        self._stamps: Mapping[EntryId, int] = {}
        self.fingerprints: frozenset[bytes] = frozenset()
        self._hidden: Mapping[str, int] = {}
        """Servers whose activities from a stamp on are kept and passed on, and not shown."""

    def hide(self, servers: Mapping[str, int]) -> None:
        """From here on the activities of these servers are not shown, each from a stamp on."""
        self._hidden = servers

    def hides(self, entry: Entry) -> bool:
        """Whether an activity is kept, and not shown."""
        if not self._hidden:
            return False
        since = self._hidden.get(entry.id.node)
        return since is not None and entry.stamp >= since

    def hides_some_of(self, columns: EntryColumns) -> bool:
        """Whether some activities may be among those that are not shown."""
        return bool(self._hidden) and columns.stream.node in self._hidden

    def is_seen(self, entry: Entry) -> bool:
        """Whether people may see an activity."""
        return not (self.hides(entry) or self.has(entry))

    def seen(self, entries: Iterable[Entry]) -> list[Entry]:
        """Those of some activities that people may see."""
        return [entry for entry in entries if self.is_seen(entry)]

    def __contains__(self, entry_id: EntryId) -> bool:
        return bool(self._numbers) and entry_id.seq in self._numbers.get(entry_id.stream, ())

    def become(self, stamps: Mapping[EntryId, int], fingerprints: frozenset[bytes]) -> None:
        """From now on these are, with their stamps."""
        self._numbers = {}
        self._stamps = stamps
        for entry_id in stamps:
            self._numbers.setdefault(entry_id.stream, set()).add(entry_id.seq)
        self.fingerprints = fingerprints

    def has(self, entry: Entry) -> bool:
        """Whether an activity is one of them, or a copy of one."""
        if not self._numbers or entry.kind != "activity":
            return False
        if entry.id in self or entry.ref is None or not self.fingerprints:
            return entry.id in self
        return idempotency_fingerprint(entry.sender, entry.ref, entry.body) in self.fingerprints

    def among(self, columns: EntryColumns) -> list[int]:
        """The numbers of those of some entries that are, or are copies of one."""
        if not self._numbers:
            return []
        numbers = self._numbers.get(columns.stream, ())
        prints = self.fingerprints
        rows = zip(columns.numbers, columns.fingerprints, strict=True)
        return [number for number, one in rows if number in numbers or (one is not None and one in prints)]

    def within(self, runs: EntryRuns) -> dict[EntryId, int]:
        """Those that are among some entries, with their stamps."""
        return {one: stamp for one, stamp in self._stamps.items() if is_in(runs, one)}

    def pruned(self, record: LogRecord) -> LogRecord:
        """A record without them; their copies are not looked for."""
        numbers = self._numbers.get(record.stream) if self._numbers else None
        return record.without([one for one in record.columns.numbers if one in numbers]) if numbers else record

    # --- pages --------------------------------------------------------------------------------------------------------

    def page_for_people(self, page: Page) -> Page:
        """A page as clients may have it."""
        if not self._hidden and not self._numbers:
            return page
        return msgspec.structs.replace(page, entries=tuple(self.seen(page.entries)))

    def page_for_servers(self, page: Page) -> Page:
        """A page without them; their copies are not looked for."""
        if not self._numbers or not any(entry.id in self for entry in page.entries):
            return page
        return msgspec.structs.replace(page, entries=tuple(entry for entry in page.entries if entry.id not in self))

    def records_for_servers(self, page: RecordPage) -> RecordPage:
        """A page of records without them; what has nothing left is left out."""
        if not self._numbers:
            return page
        return msgspec.structs.replace(
            page, records=tuple(one for one in map(self.pruned, page.records) if one.columns)
        )
