"""What a store knows by heart: everything but the entries themselves, and what a commit changes about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from core.store.retention import ROW_BYTES, Usage
from core.store.sequence_runs import Runs
from core.wire.entries import (
    AccountFact,
    Entry,
    EntryId,
    PeerForgotten,
    PeerRecord,
    Recovered,
    Stream,
    StreamMark,
)
from core.wire.keepables import Keepable
from core.wire.records import LogRecord

REFS_RECOVERED: Final = 100_000
"""Among how many of the newest activities repetitions are recognised after a restart."""
ORDER_RECOVERED: Final = 5_000
"""Among how many of the newest activities a sender's order is looked after across a restart: more than come in the
seconds for which an activity waits for the one before it."""
SPARSE_RECOVERED: Final = 100_000
"""How many entries beyond gaps a node is told of at its start: as many as its vector takes."""


class Position(NamedTuple):
    """Where an entry stands in the order of all entries."""

    stamp: int
    id: EntryId


def position(entry: Entry) -> Position:
    return Position(entry.stamp, entry.id)


@dataclass(slots=True)
class Changes:
    """What a commit makes new. Each value replaces the one that was there."""

    entries: list[Entry] = field(default_factory=list)
    runs: dict[Stream, Runs] = field(default_factory=dict)
    latest: dict[str, Position] = field(default_factory=dict)
    peers: dict[str, PeerRecord | None] = field(default_factory=dict)
    written: dict[str, list[int]] = field(default_factory=dict)
    """How many activities of each writer, and how many bytes they take."""
    usage: dict[str, Usage] = field(default_factory=dict)
    """What is kept of theirs then."""
    activities: int = 0
    bytes: int = 0
    received: int = 0
    """How many more numbers of streams."""


@dataclass(slots=True)
class Contents:
    """What is kept besides entries. `latest` is each sender's newest activity, also when retention dropped it."""

    held: dict[Stream, Runs] = field(default_factory=dict)
    latest: dict[str, Position] = field(default_factory=dict)
    peers: dict[str, PeerRecord] = field(default_factory=dict)
    usage: dict[str, Usage] = field(default_factory=dict)
    """What is kept of each writer's activities; anonymous people are one, without a name."""
    activities: int = 0
    bytes: int = 0
    """What the activities take."""
    stamp: int = 0
    received: int = 0
    """How many numbers of all streams have been received: it never gets less."""

    def changes(self, records: Iterable[Keepable]) -> Changes:
        """What keeping `records` would change; nothing is changed yet."""
        changes = Changes()
        for record in records:
            if isinstance(record, Entry):
                self._receive(record, changes)
            elif isinstance(record, LogRecord):
                for entry in record.entries:
                    self._receive(entry, changes)
            elif isinstance(record, StreamMark):
                self._runs(record.stream, changes).add(0, record.upto)
            elif isinstance(record, PeerRecord):
                changes.peers[record.id] = record
            else:
                assert isinstance(record, PeerForgotten)
                changes.peers[record.id] = None
        for stream, runs in changes.runs.items():
            known = self.held.get(stream)
            changes.received += runs.count - (0 if known is None else known.count)
        for sender, (activities, size) in changes.written.items():
            before = self.usage.get(sender, Usage())
            changes.usage[sender] = Usage(before.activities + activities, before.bytes + size)
            changes.activities += activities
            changes.bytes += size
        return changes

    def _receive(self, entry: Entry, changes: Changes) -> None:
        if not self._runs(entry.id.stream, changes).add(entry.id.seq, entry.id.seq):
            return
        changes.entries.append(entry)
        if entry.kind != "activity":
            return
        written = changes.written.get(entry.sender)
        if written is None:
            written = changes.written[entry.sender] = [0, 0]
        written[0] += 1
        written[1] += len(entry.body) + ROW_BYTES
        if entry.sender:
            here = position(entry)
            last = changes.latest.get(entry.sender) or self.latest.get(entry.sender)
            if last is None or last < here:
                changes.latest[entry.sender] = here

    def _runs(self, stream: Stream, changes: Changes) -> Runs:
        runs = changes.runs.get(stream)
        if runs is None:
            known = self.held.get(stream)
            runs = changes.runs[stream] = Runs() if known is None else known.copy()
        return runs

    def apply(self, changes: Changes) -> None:
        """Make the changes of a commit that succeeded."""
        self.held.update(changes.runs)
        self.latest.update(changes.latest)
        for peer, record in changes.peers.items():
            if record is None:
                self.peers.pop(peer, None)
            else:
                self.peers[peer] = record
        self.usage.update(changes.usage)
        self.activities += changes.activities
        self.bytes += changes.bytes
        self.received += changes.received
        self.stamp = max(self.stamp, max((entry.stamp for entry in changes.entries), default=0))

    @property
    def total(self) -> Usage:
        """What is kept of all activities."""
        return Usage(self.activities, self.bytes)

    def trimmed(self, left: Mapping[str, Usage]) -> None:
        """Make the change of a trim that succeeded: what is left to some writers."""
        for sender, usage in left.items():
            before = self.usage[sender]
            self.activities += usage.activities - before.activities
            self.bytes += usage.bytes - before.bytes
            if usage.activities:
                self.usage[sender] = usage
            else:
                del self.usage[sender]

    def recovered(
        self,
        node: str,
        incarnation: int,
        accounts: Iterable[AccountFact],
        recent_refs: Iterable[tuple[str, str, EntryId]],
        disordered: Iterable[Entry],
    ) -> Recovered:
        """What a node is handed at its start."""
        return Recovered(
            node=node,
            incarnation=incarnation,
            stamp=self.stamp,
            streams={
                stream: runs.upto for stream, runs in sorted(self.held.items(), key=lambda item: item[0]) if runs.upto
            },
            sparse=tuple(self._sparse()),
            accounts=tuple(accounts),
            last_by_sender={sender: latest.id for sender, latest in self.latest.items()},
            recent_refs=tuple(recent_refs),
            disordered=tuple(disordered),
            peers=tuple(sorted(self.peers.values(), key=lambda peer: peer.id)),
            activities=self.activities,
        )

    def disordered(self, activities: Iterable[tuple[EntryId, EntryId | None]]) -> list[EntryId]:
        """Of activities and their senders' previous ones, oldest first, those before which one is missing."""
        missing_before: dict[EntryId, None] = {}
        for entry_id, previous in activities:
            if previous is not None and (previous in missing_before or not self._has_received(previous)):
                missing_before[entry_id] = None
        return list(missing_before)

    def _has_received(self, entry_id: EntryId) -> bool:
        runs = self.held.get(entry_id.stream)
        return runs is not None and entry_id.seq in runs

    def _sparse(self) -> Sequence[EntryId]:
        sparse: list[EntryId] = []
        for stream, runs in sorted(self.held.items(), key=lambda item: item[0]):
            for first, last in runs:
                if first:
                    last = min(last, first + SPARSE_RECOVERED - len(sparse) - 1)
                    sparse.extend(EntryId(stream.node, stream.incarnation, seq) for seq in range(first, last + 1))
        return sparse
