"""A store without a disk, for simulated worlds: what is written is lost in a crash until it is synced."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from core.store.contents import ORDER_RECOVERED, REFS_RECOVERED, Changes, Contents, Position, position
from core.store.identity import check_node_id, next_incarnation
from core.store.paging import newest_within, read_page
from core.store.retention import KEEP_EVERYTHING, Dropping, Retention, Usage
from core.store.store_errors import BackupUnreadable, StoreUnwritable
from core.wire.entries import AccountFact, Entry, EntryId, Fetch, Kind, Page, PeerRecord, Recovered, Stream
from core.wire.keepables import Keepable
from core.wire.records import LogRecord, RecordPage, loose, seal
from core.wire.signing import Signer


class MemoryStore:
    """See `core.store.store_interface.Store`. It stands for a disk: it outlives the crashes of its node.

    `commit` is `write` and `sync`. Who wants to know what a crash in between does calls them apart. While `failure` is
    set, whatever writes raises StoreUnwritable with it.
    """

    def __init__(self, node: str, *, retention: Retention = KEEP_EVERYTHING, signer: Signer | None = None) -> None:
        """`signer` is the node's key: with it, what the node accepts is sealed."""
        self.node = check_node_id(node)
        self._signer = signer
        self._before = b""
        """The digest of this start's last record."""
        self._records: dict[EntryId, LogRecord] = {}
        """What entries were sealed in."""
        self.incarnation = 0
        self.leap = 0
        """See `next_incarnation`."""
        self.failure: str | None = None
        self.backups: dict[Path, MemoryStore] = {}
        self._retention = retention
        self._contents = Contents()
        self._shelf = _Shelf()
        self._settings: dict[str, tuple[str, bool]] = {}
        self._unsynced: list[Callable[[], None]] = []
        self._backups_made = 0

    def start(self, wall: float) -> Recovered:
        """Begin a new start of the node at `wall`, seconds since 1970; its incarnation is synced.

        Raises StoreUnwritable.
        """
        self._check()
        self.sync()
        self.incarnation = next_incarnation(self.incarnation, wall, self.leap)
        self._before = b""
        decoder = msgspec.json.Decoder(AccountFact)
        return self._contents.recovered(
            self.node,
            self.incarnation,
            [decoder.decode(entry.body) for entry in self._shelf.accounts()],
            self._shelf.recent_refs(),
            self._shelf.disordered(self._contents),
        )

    # --- writing ------------------------------------------------------------------------------------------------------

    def commit(self, keepables: Sequence[Keepable]) -> Sequence[LogRecord]:
        records = self.write(keepables)
        self.sync()
        return records

    def write(self, keepables: Sequence[Keepable]) -> Sequence[LogRecord]:
        """Take a commit up, visible but not synced. Raises StoreUnwritable."""
        self._check()
        changes = self._contents.changes(keepables)
        self._unsynced.append(self._undoing(changes))
        self._contents.apply(changes)
        for entry in changes.entries:
            self._shelf.put(entry)
        new = {entry.id for entry in changes.entries}
        records = [
            keepable
            for keepable in keepables
            if isinstance(keepable, LogRecord) and any(entry.id in new for entry in keepable.signed_entries)
        ]
        in_records = {entry.id for record in records for entry in record.signed_entries}
        bare = sorted((entry for entry in changes.entries if entry.id not in in_records), key=lambda entry: entry.id)
        records += self._sealed([entry for entry in bare if entry.id[:2] == (self.node, self.incarnation)])
        records += loose([entry for entry in bare if entry.id[:2] != (self.node, self.incarnation)])
        for record in records:
            for entry in record.signed_entries:
                if entry.id in new:
                    self._records[entry.id] = record
        return records

    def _sealed(self, entries: Sequence[Entry]) -> list[LogRecord]:
        if self._signer is None or not entries:
            return loose(entries)
        records = seal(entries, self._before, self._signer)
        self._before = records[-1].digest
        return records

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
    def is_without_gaps(self) -> bool:
        """Whether of each stream everything is there, or dropped, up to the newest."""
        return all(runs.upto == runs.top for runs in self._contents.held.values())

    @property
    def unsynced(self) -> int:
        """How many writes a crash could lose."""
        return len(self._unsynced)

    def _check(self) -> None:
        if self.failure is not None:
            raise StoreUnwritable(self.failure)

    def _undoing(self, changes: Changes) -> Callable[[], None]:
        contents = self._contents
        held = {stream: contents.held.get(stream) for stream in changes.runs}
        latest = {sender: contents.latest.get(sender) for sender in changes.latest}
        peers = {peer: contents.peers.get(peer) for peer in changes.peers}
        usage = {sender: contents.usage.get(sender) for sender in changes.usage}
        activities, taken = contents.activities, contents.bytes
        stamp, received = contents.stamp, contents.received
        before = self._before

        def undo() -> None:
            self._before = before
            for stream, runs in held.items():
                _put_back(contents.held, stream, runs)
            for sender, place in latest.items():
                _put_back(contents.latest, sender, place)
            for peer, record in peers.items():
                _put_back(contents.peers, peer, record)
            for sender, kept in usage.items():
                _put_back(contents.usage, sender, kept)
            contents.activities, contents.bytes = activities, taken
            contents.stamp, contents.received = stamp, received
            for entry in changes.entries:
                self._remove(entry)

        return undo

    def _remove(self, entry: Entry) -> None:
        self._shelf.remove(entry)
        self._records.pop(entry.id, None)

    def usage(self) -> Usage:
        return self._contents.total

    def trim(self, wall: float) -> int:
        self.sync()
        dropping = Dropping(self._retention, self._contents.usage, self._contents.total, wall)
        found = [self._shelf.streams[place.id.stream][place.id.seq] for place in self._shelf.activities]
        for entry in found:
            if dropping.drops(entry.sender, entry.stamp, len(entry.body)):
                self._remove(entry)
        self._contents.trimmed(dropping.usage)
        return dropping.dropped

    def set_setting(self, name: str, value: str, *, backed_up: bool = False) -> None:
        self.sync()
        self._settings[name] = (value, backed_up)

    # --- reading ------------------------------------------------------------------------------------------------------

    def get_setting(self, name: str) -> str | None:
        found = self._settings.get(name)
        return None if found is None else found[0]

    def fetch(self, query: Fetch) -> Page:
        return read_page(self._shelf, self._contents.held, query)

    def fetch_records(self, query: Fetch) -> RecordPage:
        page = self.fetch(query)
        records = [
            record.without([entry.id.seq for entry in record.signed_entries if self._records.get(entry.id) != record])
            for record in dict.fromkeys(self._records[entry.id] for entry in page.entries)
        ]
        records.sort(key=lambda record: (record.stream, record.first))
        return RecordPage(tuple(records), page.upto, page.more)

    def activities_before(self, before: Position | None, most: int, bytes_max: int) -> tuple[Entry, ...]:
        return newest_within(self._shelf.activities_before(before), most, bytes_max)

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
        twin = type(self)(self.node, retention=self._retention, signer=self._signer)
        twin._records = dict(self._records)
        twin.incarnation = self.incarnation
        twin._contents = Contents(
            {stream: runs.copy() for stream, runs in self._contents.held.items()},
            dict(self._contents.latest),
            dict(self._contents.peers),
            dict(self._contents.usage),
            self._contents.activities,
            self._contents.bytes,
            self._contents.stamp,
            self._contents.received,
        )
        twin._shelf = self._shelf.copy()
        twin._settings = {name: kept for name, kept in self._settings.items() if kept[1]}
        return twin

    findings: Sequence[str] = ()
    rescued: Path | None = None

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


class _Shelf:
    """The entries: each stream's by number, and where the activities stand among all."""

    def __init__(self) -> None:
        self.streams: dict[Stream, dict[int, Entry]] = {}
        self.numbers: dict[Stream, list[int]] = {}
        self.activities: list[Position] = []

    def put(self, entry: Entry) -> None:
        stream = entry.id.stream
        kept = entry if entry.since is None else msgspec.structs.replace(entry, since=None)
        self.streams.setdefault(stream, {})[entry.id.seq] = kept
        insort(self.numbers.setdefault(stream, []), entry.id.seq)
        if entry.kind == "activity":
            insort(self.activities, position(entry))

    def remove(self, entry: Entry) -> None:
        stream = entry.id.stream
        del self.streams[stream][entry.id.seq]
        numbers = self.numbers[stream]
        del numbers[bisect_left(numbers, entry.id.seq)]
        if entry.kind == "activity":
            del self.activities[bisect_left(self.activities, position(entry))]

    def entries(
        self, stream: Stream, first: int, last: int, kinds: Sequence[Kind], *, descending: bool = False
    ) -> Iterator[Entry]:
        numbers = self.numbers.get(stream, [])
        span = range(bisect_left(numbers, first), bisect_left(numbers, last + 1))
        found = self.streams.get(stream, {})
        for index in reversed(span) if descending else span:
            entry = found[numbers[index]]
            if entry.kind in kinds:
                yield entry

    def newest_activities(self, most: int) -> Iterator[Position]:
        return iter(self.activities[: -most - 1 : -1])

    def activities_before(self, before: Position | None) -> Iterator[Entry]:
        end = len(self.activities) if before is None else bisect_left(self.activities, before)
        for place in reversed(self.activities[:end]):
            yield self.streams[place.id.stream][place.id.seq]

    def accounts(self) -> list[Entry]:
        accounts = [entry for found in self.streams.values() for entry in found.values() if entry.kind == "account"]
        return sorted(accounts, key=position)

    def recent_refs(self) -> list[tuple[str, str, EntryId]]:
        newest = (self.streams[place.id.stream][place.id.seq] for place in self.activities[-REFS_RECOVERED:])
        return [(entry.sender, entry.ref, entry.id) for entry in newest if entry.ref is not None]

    def disordered(self, contents: Contents) -> list[Entry]:
        newest = {place.id: self.streams[place.id.stream][place.id.seq] for place in self.activities[-ORDER_RECOVERED:]}
        return [newest[found] for found in contents.disordered((one.id, one.previous) for one in newest.values())]

    def copy(self) -> _Shelf:
        twin = _Shelf()
        twin.streams = {stream: dict(found) for stream, found in self.streams.items()}
        twin.numbers = {stream: list(numbers) for stream, numbers in self.numbers.items()}
        twin.activities = list(self.activities)
        return twin
