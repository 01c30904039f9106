"""Where an entry stands among all, and what a store without tables knows by heart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec

from core.store.held import Held
from core.store.retention import ROW_BYTES, Usage, overhead_of
from core.wire.account_documents import DocumentVersion
from core.wire.entries import Entry, EntryId, PeerRecord, Stream
from core.wire.records import LogRecord
from core.wire.server_keys import ServerKey

REFS_RECOVERED: Final = 100_000
"""Among how many of the newest activities repetitions are recognised after a restart."""
ORDER_RECOVERED: Final = 5_000
"""Among how many of the newest activities a sender's order is looked after across a restart: more than come in the
seconds for which an activity waits for the one before it."""


class Position(NamedTuple):
    """Where an entry stands in the order of all entries."""

    stamp: int
    id: EntryId


def position(entry: Entry) -> Position:
    return Position(entry.stamp, entry.id)


def disordered(held: Held, activities: Iterable[tuple[EntryId, EntryId | None]]) -> list[EntryId]:
    """Of activities and their senders' previous ones, oldest first, those before which one is missing."""
    missing_before: dict[EntryId, None] = {}
    for entry_id, previous in activities:
        if previous is not None and (previous in missing_before or not held.holds(previous)):
            missing_before[entry_id] = None
    return list(missing_before)


def recent_streams(newest: Iterable[Position]) -> dict[Stream, int]:
    """The streams of the newest activities, the newest first, as a node is handed them."""
    found: dict[Stream, int] = {}
    for stamp, entry_id in newest:
        found.setdefault(entry_id.stream, stamp)
    return dict(reversed(found.items()))


def record_overhead(record: LogRecord) -> int:
    """See `overhead_of`."""
    columns = record.signed_columns
    return overhead_of(len(record.line), len(columns), sum(map(len, columns.bodies)))


class Contents(msgspec.Struct):
    """What is kept besides records. `latest` is each sender's newest activity, also when retention dropped it."""

    held: Held = msgspec.field(default_factory=Held)
    latest: dict[str, Position] = {}
    peers: dict[str, PeerRecord] = {}
    server_keys: dict[str, ServerKey] = {}
    documents: dict[str, DocumentVersion] = {}
    usage: dict[str, Usage] = {}
    """What is kept of each writer's activities; anonymous people are one, without a name."""
    total: Usage = msgspec.field(default_factory=Usage)
    """What is kept of all activities."""
    overhead: int = 0
    """What records take beyond that: see `overhead_of`."""
    stamp: int = 0

    def add(self, record: LogRecord) -> None:
        """A record is kept."""
        activities, taken = self.total
        for entry in record.entries:
            self.stamp = max(self.stamp, entry.stamp)
            if entry.kind != "activity":
                continue
            size = len(entry.body) + ROW_BYTES
            before = self.usage.get(entry.sender, Usage())
            self.usage[entry.sender] = Usage(before.activities + 1, before.bytes + size)
            activities, taken = activities + 1, taken + size
            here = position(entry)
            if entry.sender and self.latest.get(entry.sender, here) <= here:
                self.latest[entry.sender] = here
        self.total = Usage(activities, taken)
        self.overhead += record_overhead(record)

    def remove(self, record: LogRecord) -> None:
        """A record is damaged: nothing of it counts as received. Each sender's newest stays what it is."""
        activities, taken = self.total
        for entry in record.entries:
            self.held.remove(record.stream, entry.id.seq, entry.id.seq)
            if entry.kind == "activity":
                size = len(entry.body) + ROW_BYTES
                before = self.usage[entry.sender]
                self.usage[entry.sender] = Usage(before.activities - 1, before.bytes - size)
                activities, taken = activities - 1, taken - size
        self.total = Usage(activities, taken)
        self.overhead -= record_overhead(record)

    def trimmed(self, left: Mapping[str, Usage]) -> None:
        """So much is left to some writers."""
        activities, taken = self.total
        for sender, usage in left.items():
            before = self.usage[sender]
            activities += usage.activities - before.activities
            taken += usage.bytes - before.bytes
            if usage.activities:
                self.usage[sender] = usage
            else:
                del self.usage[sender]
        self.total = Usage(activities, taken)

    def copy(self) -> Contents:
        return Contents(
            self.held.copy(),
            dict(self.latest),
            dict(self.peers),
            dict(self.server_keys),
            dict(self.documents),
            dict(self.usage),
            self.total,
            self.overhead,
            self.stamp,
        )
