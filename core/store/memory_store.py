"""A store without a disk, for simulated worlds: what is written is lost in a crash until it is synced."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from core.reconciliation.summary_queries import (
    DroppedFound,
    DroppedWanted,
    SummaryAnswer,
    SummaryQuery,
    UnprovedFound,
    UnprovedWanted,
)
from core.store.agreed_ranges import compared
from core.store.contents import (
    ORDER_RECOVERED,
    REFS_RECOVERED,
    Contents,
    Position,
    disordered,
    recent_streams,
    record_overhead,
)
from core.store.grouping import Chain, Group, group_of
from core.store.identity import check_node_id, next_incarnation
from core.store.memory_shelf import MemoryShelf, ShelvedRow
from core.store.memory_summary import MemorySummary
from core.store.missing_pages import missing_page
from core.store.own_starts import OwnStarts, starts_with
from core.store.paging import dropped_of, newest_within, read_page, wanted_page
from core.store.past_pages import past_page
from core.store.proved_entries import Split, only, signs, split
from core.store.record_paging import read_record_page, wanted_record_page
from core.store.retention import KEEP_EVERYTHING, ROW_BYTES, Dropping, Retention, Usage
from core.store.store_errors import BackupUnreadable, StoreUnwritable
from core.wire.account_documents import DocumentVersion
from core.wire.account_votes import counted
from core.wire.entries import AccountFact, Entry, EntryId, Fetch, Page, PeerRecord, Stream, Wanted
from core.wire.entry_runs import NO_ENTRIES, EntryRuns, intersection, runs_of, union
from core.wire.idempotency import idempotency_fingerprint
from core.wire.keepables import Keepable
from core.wire.missing import FindArrived, FindDated, FoundRuns, Missing
from core.wire.packed_facts import PackedFacts
from core.wire.packed_refs import PackedRefs, RefsOfRecord, packed_ref
from core.wire.past_query import PastQuery
from core.wire.records import LogRecord, RecordPage, decode
from core.wire.recovered import Recovered
from core.wire.signing import Signer


class MemoryStore:
    """See `core.store.store_interface.Store`. It stands for a disk: it outlives the crashes of its node.

    `commit` is `write` and `sync`. Who wants to know what a crash in between does calls them apart. While `failure` is
    set, whatever writes raises StoreUnwritable with it.
    """

    def __init__(self, node: str, *, retention: Retention = KEEP_EVERYTHING, signer: Signer | None = None) -> None:
        self.node = check_node_id(node)
        self.incarnation = 0
        self.failure: str | None = None
        self.backups: dict[Path, MemoryStore] = {}
        self._retention = retention
        self._chain = Chain(Stream(node, 0), signer)
        self._contents = Contents()
        self._shelf = MemoryShelf(self._note_damage)
        self._damaged: dict[int, ShelvedRow] = {}
        """Rows that were found to be damaged, by who they are."""
        self.discoveries: deque[str] = deque()
        self._summary = MemorySummary()
        self._settings: dict[str, tuple[str, bool]] = {}
        self._unsynced: list[Callable[[], None]] = []
        self._backups_made = 0
        self._arrived: list[EntryRuns] = []
        """What came in each record, as they came."""
        self._starts: OwnStarts = ()
        self._not_again: EntryRuns = NO_ENTRIES
        """What was damaged and taken out, and had not come again when this start began."""

    def start(self, wall: float, leap: int = 0) -> Recovered:
        """Begin a new start of the node at `wall`, seconds since 1970; its incarnation is synced. `leap`: see
        `next_incarnation`.

        Raises StoreUnwritable.
        """
        self._check()
        self.sync()
        self.look()
        self.mend()
        self.incarnation = next_incarnation(self.incarnation, wall, leap)
        last = self._starts[-1][0] if self._starts else 0
        self._starts = starts_with(self._starts, last, self.incarnation, self.arrived + 1)
        self._chain = Chain(Stream(self.node, self.incarnation), self._chain.signer)
        contents = self._contents
        self._not_again = contents.held.missing_of(self._not_again)
        decoder = msgspec.json.Decoder(AccountFact)
        facts = [counted(decoder.decode(entry.body), entry.id.node) for entry in self._shelf.accounts()]
        return Recovered(
            node=self.node,
            incarnation=self.incarnation,
            stamp=contents.stamp,
            streams=contents.held.streams(),
            beyond=contents.held.beyond_gaps(),
            damaged=self._not_again,
            accounts=PackedFacts.of(fact for fact in facts if fact.key is None),
            account_changes=PackedFacts.of(fact for fact in facts if fact.key is not None),
            last_by_sender={sender: latest.id for sender, latest in contents.latest.items()},
            recent_refs=PackedRefs(self._refs()),
            disordered=tuple(self._disordered()),
            recent_streams=recent_streams(self._shelf.newest_activities(ORDER_RECOVERED)),
            peers=tuple(sorted(contents.peers.values(), key=lambda peer: peer.id)),
            activities=contents.total.activities,
            server_keys=tuple(sorted(contents.server_keys.values(), key=lambda one: one.id)),
            documents=tuple(sorted(contents.documents.values(), key=lambda one: one.claim)),
            starts=self._starts,
        )

    def _refs(self) -> list[RefsOfRecord]:
        return [
            RefsOfRecord(entry.id.stream, entry.id.seq, packed_ref(0, entry.sender, entry.ref, entry.body))
            for entry in self._newest(REFS_RECOVERED)
            if entry.ref is not None
        ]

    def _newest(self, most: int) -> list[Entry]:
        """The newest activities, the oldest first."""
        found = [self._shelf.entry(place.id) for place in self._shelf.activities[-most:]]
        return [entry for entry in found if entry is not None]

    def _disordered(self) -> list[Entry]:
        newest = {entry.id: entry for entry in self._newest(ORDER_RECOVERED)}
        found = disordered(self._contents.held, ((one.id, one.previous) for one in newest.values()))
        return [newest[entry_id] for entry_id in found]

    # --- writing ------------------------------------------------------------------------------------------------------

    @property
    def signer(self) -> Signer | None:
        return self._chain.signer

    @signer.setter
    def signer(self, signer: Signer | None) -> None:
        self._chain.signer = signer

    def commit(self, keepables: Sequence[Keepable]) -> Sequence[LogRecord]:
        records = self.write(keepables)
        self.sync()
        return records

    def write(self, keepables: Sequence[Keepable]) -> Sequence[LogRecord]:
        """Take a commit up, visible but not synced; what `commit` returns. Raises StoreUnwritable."""
        self._check()
        group = group_of(keepables, self._contents.held, self._chain)
        self._unsynced.append(self._undoing(group))
        held = self._contents.held
        for stream, runs in group.received.items():
            for first, last in runs:
                held.add(stream, first, last)
        for peer, record in group.peers.items():
            _put_back(self._contents.peers, peer, record)
        self._contents.server_keys.update(group.server_keys)
        for claim, version in group.documents.items():
            _put_back(self._contents.documents, claim, version)
        for one in group.records:
            self._contents.add(one)
            self._shelf.put(one)
            self._summary.add(one.entries)
            self._arrived.append(runs_of(entry.id for entry in one.entries))
        for removed in group.removed:
            self._summary.receive_dropped(removed.id, removed.stamp)
        self._chain.before = group.before
        for signed in group.proofs:
            self._put_proof(signed)
        return group.answer

    def _put_proof(self, signed: LogRecord) -> None:
        """See `core.store.proofs.put_proof`; it is synced at once, as is what damage is mended by."""
        self.sync()
        proved: set[int] = set()
        for row in self._shelf.loose_rows(signed):
            found = split(row.record, signed) if row.is_whole else Split(frozenset(), None)
            if not found.proved:
                continue
            proved |= found.proved
            self._shelf.take_row(row)
            self._contents.overhead -= record_overhead(row.record)
            if found.rest is not None:
                self._shelf.put(found.rest)
                self._contents.overhead += record_overhead(found.rest)
        if proved:
            kept = only(signed, proved)
            self._shelf.put(kept)
            self._contents.overhead += record_overhead(kept)

    def _unproved(self, query: UnprovedWanted) -> UnprovedFound:
        """All at once: a simulated store is small."""
        upto = union(*self._arrived[: query.upto])
        loose = union(
            *(
                {row.record.stream: row.record.spans}
                for row in self._shelf.all_loose()
                if signs(row.record.stream, query.since)
            )
        )
        return UnprovedFound(intersection(loose, upto), None)

    def sync(self) -> None:
        """Make everything written so far survive a crash. Raises StoreUnwritable."""
        self._check()
        self._unsynced.clear()

    def crash(self, keep: int = 0) -> None:
        """Lose what was written since the last sync, but for the first `keep` of those writes."""
        while len(self._unsynced) > keep:
            self._unsynced.pop()()
        self._unsynced.clear()

    @property
    def peers(self) -> Mapping[str, PeerRecord]:
        """The servers that are remembered, by id."""
        return self._contents.peers

    @property
    def documents(self) -> Mapping[str, DocumentVersion]:
        """The documents of accounts, by their claims."""
        return self._contents.documents

    @property
    def is_without_gaps(self) -> bool:
        """Whether of each stream everything is there, or dropped, up to the newest."""
        return self._contents.held.is_without_gaps

    @property
    def unsynced(self) -> int:
        """How many writes a crash could lose."""
        return len(self._unsynced)

    def _check(self) -> None:
        if self.failure is not None:
            raise StoreUnwritable(self.failure)

    def _undoing(self, group: Group) -> Callable[[], None]:
        contents, chain, before = self._contents, self._chain, self._chain.before
        senders = {entry.sender for record in group.records for entry in record.entries if entry.kind == "activity"}
        held = {
            stream: None if (runs := contents.held.get(stream)) is None else runs.copy() for stream in group.received
        }
        latest = {sender: contents.latest.get(sender) for sender in senders}
        usage = {sender: contents.usage.get(sender) for sender in senders}
        peers = {peer: contents.peers.get(peer) for peer in group.peers}
        server_keys = {node: contents.server_keys.get(node) for node in group.server_keys}
        documents = {claim: contents.documents.get(claim) for claim in group.documents}
        total, overhead, stamp = contents.total, contents.overhead, contents.stamp

        def undo() -> None:
            for stream, runs in held.items():
                contents.held.put_back(stream, runs)
            for sender, place in latest.items():
                _put_back(contents.latest, sender, place)
            for sender, kept in usage.items():
                _put_back(contents.usage, sender, kept)
            for peer, known_peer in peers.items():
                _put_back(contents.peers, peer, known_peer)
            for node, known_key in server_keys.items():
                _put_back(contents.server_keys, node, known_key)
            for claim, known_document in documents.items():
                _put_back(contents.documents, claim, known_document)
            contents.total, contents.overhead, contents.stamp = total, overhead, stamp
            chain.before = before
            if group.records:
                del self._arrived[-len(group.records) :]
            for removed in group.removed:
                self._summary.never_received(removed.id, removed.stamp)
            for record in group.records:
                self._shelf.take_away(record)
                self._summary.remove(record.entries)

        return undo

    def usage(self) -> Usage:
        return self._contents.total

    def trim(self, wall: float) -> int:
        self.sync()
        contents = self._contents
        dropping = Dropping(
            self._retention,
            lambda sender: contents.usage.get(sender, Usage()),
            lambda: contents.usage,
            contents.total,
            wall,
            contents.overhead,
        )
        found = filter(None, [self._shelf.entry(place.id) for place in self._shelf.activities])
        dropped = [entry for entry in found if dropping.drops(entry.sender, entry.stamp, len(entry.body))]
        contents.overhead += self._shelf.leave_out([entry.id for entry in dropped])
        for entry in dropped:
            self._summary.drop(entry, oldest=dropping.sender is None or entry.stamp < dropping.horizon)
        self._summary.forget()
        contents.trimmed(dropping.usage)
        return dropping.dropped

    def remove(self, entries: Collection[EntryId], fingerprints: Collection[bytes]) -> int:
        self.sync()
        contents = self._contents
        wanted = frozenset(entries)
        found = filter(None, [self._shelf.entry(place.id) for place in self._shelf.activities])
        removed = [
            entry
            for entry in found
            if entry.id in wanted
            or (
                entry.ref is not None
                and fingerprints
                and idempotency_fingerprint(entry.sender, entry.ref, entry.body) in fingerprints
            )
        ]
        usage: dict[str, Usage] = {}
        for entry in removed:
            left = usage.get(entry.sender) or contents.usage.get(entry.sender, Usage())
            usage[entry.sender] = Usage(left.activities - 1, left.bytes - len(entry.body) - ROW_BYTES)
            self._summary.drop(entry, oldest=False)
        contents.overhead += self._shelf.leave_out([entry.id for entry in removed])
        contents.trimmed(usage)
        return len(removed)

    def follow(self, *, idle: bool) -> bool:
        return False

    def set_setting(self, name: str, value: str, *, backed_up: bool = False) -> None:
        self.sync()
        self._settings[name] = (value, backed_up)

    # --- reading ------------------------------------------------------------------------------------------------------

    def get_setting(self, name: str) -> str | None:
        found = self._settings.get(name)
        return None if found is None else found[0]

    def fetch(self, query: Fetch) -> Page:
        return read_page(self._shelf, self._contents.held, query)

    def fetch_records(self, query: Fetch | Wanted) -> RecordPage:
        if isinstance(query, Wanted):
            return wanted_record_page(self._shelf, query)
        return read_record_page(self._shelf, self._contents.held, query)

    @property
    def arrived(self) -> int:
        return len(self._arrived)

    def find(self, query: FindArrived | FindDated) -> FoundRuns:
        if isinstance(query, FindArrived):
            return FoundRuns(union(*self._arrived[query.after :]), None)
        if query.sums:
            return FoundRuns({}, compared(self._summary, query))
        return FoundRuns(runs_of(self._shelf.dated(query)), None)

    def fetch_missing(self, query: Missing) -> Page:
        return missing_page(self._shelf, query)

    def fetch_wanted(self, wanted: Wanted) -> Page:
        return wanted_page(self._shelf, wanted)

    def prepare_summary(self, query: SummaryQuery) -> bool:
        return True

    def ask_summary(self, query: SummaryQuery) -> SummaryAnswer:
        if isinstance(query, DroppedWanted):
            return DroppedFound(dropped_of(self._shelf, self._contents.held, query.entries))
        if isinstance(query, UnprovedWanted):
            return self._unproved(query)
        return self._summary.answer(query)

    def activities_before(self, before: Position | None, most: int, bytes_max: int) -> tuple[Entry, ...]:
        return newest_within(self._shelf.activities_before(before), most, bytes_max)

    def fetch_past(self, query: PastQuery) -> Page:
        return past_page(self._shelf, query)

    # --- the rest -----------------------------------------------------------------------------------------------------

    def backup(self, directory: Path, keep: int) -> Path:
        """Keep a copy under a path in `directory`, which names no file; see `restored`."""
        self.sync()
        self._backups_made += 1
        path = directory / f"backup-{self._backups_made:09d}"
        self.backups[path] = self._copy()
        here = [one for one in self.backups if one.parent == directory]
        for old in here[: max(0, len(here) - max(1, keep))]:
            del self.backups[old]
        return path

    def restored(self, path: Path) -> MemoryStore:
        """The disk of a node that is rebuilt from the backup at `path`. Raises BackupUnreadable."""
        if path not in self.backups:
            raise BackupUnreadable(f"the backup {path} cannot be read: there is none of that name")
        return self.backups[path]._copy()

    def _copy(self) -> MemoryStore:
        twin = type(self)(self.node, retention=self._retention)
        twin.incarnation = self.incarnation
        twin._chain = Chain(self._chain.stream, self._chain.signer, self._chain.before)
        twin._contents = self._contents.copy()
        twin._shelf = self._shelf.copy(twin._note_damage)
        twin._summary = self._summary.copy()
        twin._settings = {name: kept for name, kept in self._settings.items() if kept[1]}
        twin._arrived = list(self._arrived)
        twin._starts = self._starts
        twin._not_again = self._not_again
        return twin

    # --- damage -------------------------------------------------------------------------------------------------------

    def flip(self, entry_id: EntryId) -> bool:
        """Have one bit of an entry's body be another from now on, so that it still reads as an entry; False if there is
        none to be had. A disk does so by itself now and then, and says nothing."""
        row = self._shelf.row_of(entry_id)
        body = next(entry.body for entry in row.record.entries if entry.id == entry_id)
        digits = [place for place, byte in enumerate(body) if byte in b"0123456789"]
        if not digits:
            return False
        flipped = bytearray(body)
        flipped[digits[-1]] ^= 1
        self._shelf.damage(row, decode(row.record.line.replace(body, bytes(flipped), 1)))
        return True

    def recorded_with(self, entry_id: EntryId) -> Sequence[Entry]:
        """All entries of the row that an entry is in. Raises KeyError."""
        return self._shelf.row_of(entry_id).record.entries

    def _note_damage(self, row: ShelvedRow) -> None:
        self._damaged[id(row)] = row

    @property
    def is_damaged(self) -> bool:
        return bool(self._damaged)

    damage: str = ""

    def note_damage(self, records: Sequence[int], otherwise: str) -> None:
        """Nobody reads this store's file: it has none."""

    def look(self) -> None:
        """Read all that is kept."""
        self._shelf.look()

    def mend(self) -> EntryRuns:
        if not self._damaged:
            return {}
        self.sync()
        lost: list[EntryId] = []
        for row in self._damaged.values():
            self._shelf.take_row(row)
            self._summary.remove(row.record.entries)
            self._contents.remove(row.record)
            lost += (entry.id for entry in row.record.entries)
        self._damaged.clear()
        self._not_again = union(self._not_again, runs_of(lost))
        return runs_of(lost)

    findings: Sequence[str] = ()
    rescued: Path | None = None
    ended_badly: bool = False

    def check(self) -> None:
        self._check()

    def close(self) -> None:
        """Nothing is held: the store goes on to stand for a disk."""


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def _put_back(mapping: dict[_Key, _Value], key: _Key, value: _Value | None) -> None:
    if value is None:
        mapping.pop(key, None)
    else:
        mapping[key] = value
