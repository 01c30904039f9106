"""The store that a node has by default: one SQLite file in its data directory.

Commits are synced (write-ahead log, `synchronous=FULL`), and whole or not at all. One connection writes and reads, from
the thread that opened the store (`opening`); backups read through another.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from core.store import archive, backup, witness
from core.store.contents import Changes, Contents, Position
from core.store.data_directory import DataDirectory
from core.store.database import connect, transaction
from core.store.paging import newest_within, read_page
from core.store.retention import SCAN_STEP, Dropping, Retention, Usage
from core.store.rows import COLUMNS, row_of
from core.store.schema import Schema
from core.store.sqlite_shelf import SqliteShelf
from core.store.store_errors import StoreDisplaced, StoreError, StoreUnreadable, StoreUnwritable
from core.wire.entries import (
    Entry,
    Fetch,
    Page,
)
from core.wire.keepables import Keepable
from core.wire.records import LogRecord, RecordPage, loose

log = logging.getLogger(__name__)

_INSERT = f"INSERT INTO entries ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_OLDEST = (
    "SELECT rowid, sender, length(body), stamp, node, incarnation, seq FROM entries WHERE kind = 'activity'"
    " AND (stamp, node, incarnation, seq) > (?, ?, ?, ?) ORDER BY stamp, node, incarnation, seq LIMIT ?"
)
_BEGIN: Final[tuple[Any, ...]] = (-1, "", 0, 0)


class SqliteStore:
    """See `core.store.store_interface.Store`; opened by `open_store`."""

    def __init__(
        self,
        directory: DataDirectory,
        connection: sqlite3.Connection,
        contents: Contents,
        retention: Retention,
        node: str,
        notes: witness.Notes,
        schema: Schema,
    ) -> None:
        self.findings: Sequence[str] = tuple(dict.fromkeys(directory.findings))
        self.rescued: Path | None = None
        self._node = node
        self._notes = notes
        self._schema = schema
        self._connected = True
        self._directory = directory
        self._connection = connection
        self._contents = contents
        self._retention = retention
        self._scanned: dict[str, tuple[Any, ...]] = {}
        """For writers who have too much, up to where everything of theirs has been dropped."""
        self._backing_up = threading.Lock()
        self._closed = False

    # --- writing ------------------------------------------------------------------------------------------------------

    def commit(self, keepables: Sequence[Keepable]) -> Sequence[LogRecord]:
        if not keepables:
            return ()
        changes = self._contents.changes(keepables)
        with self._writing():
            self._write(changes)
        self._contents.apply(changes)
        self._notes.note(self._contents.received, self._directory.database_bytes)
        return ()

    def check(self) -> None:
        if self._directory.log_is_lost():
            self._begin_log_anew()
        self._stay()

    def _stay(self) -> None:
        displaced = self._directory.displaced() or self._directory.read_only()
        if displaced:
            raise StoreDisplaced(displaced)

    def _begin_log_anew(self) -> None:
        """The log has lost its name, but it can be read as long as it is open: bring it home, and begin another one."""
        try:
            if self._connected:
                (busy, *_) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if busy:
                    return
                self._connected = False
                self._connection.close()
            self._connection = connect(self._directory, self._schema)
            self._connected = True
            self._directory.remember()
        except (sqlite3.Error, OSError, StoreError) as error:
            raise StoreUnwritable(f"nothing can be kept in {self._directory.path}: {error}") from error
        log.warning(
            "the log of %s was deleted or replaced; nothing is lost, there is a new one", self._directory.database
        )

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with transaction(self._connection):
                yield
                # An open file takes writes although nobody will find it again.
                self._stay()
        except (sqlite3.Error, OSError) as error:
            raise StoreUnwritable(
                f"nothing can be kept in {self._directory.path}: {error}; check the disk and its free space"
            ) from error

    def _write(self, changes: Changes) -> None:
        run = self._connection.executemany
        run(_INSERT, map(row_of, changes.entries))
        for stream, runs in changes.runs.items():
            known = self._contents.held.get(stream)
            before = {} if known is None else dict(known)
            after = dict(runs)
            run(
                "DELETE FROM runs WHERE node = ? AND incarnation = ? AND first = ?",
                [(*stream, first) for first in before if first not in after],
            )
            run(
                "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?)",
                [(*stream, first, last) for first, last in after.items() if before.get(first) != last],
            )
        run(
            "INSERT OR REPLACE INTO senders VALUES (?, ?, ?, ?, ?)",
            [(sender, latest.stamp, *latest.id) for sender, latest in changes.latest.items()],
        )
        run(
            "INSERT OR REPLACE INTO usage VALUES (?, ?, ?)", [(sender, *kept) for sender, kept in changes.usage.items()]
        )
        run("DELETE FROM peers WHERE id = ?", [(peer,) for peer in changes.peers])
        run(
            "INSERT INTO peers VALUES (?, ?, ?, ?, ?, ?)",
            [
                (peer.id, peer.hostname, peer.port, peer.name, peer.seen_at, msgspec.json.encode(peer.others).decode())
                for peer in changes.peers.values()
                if peer is not None
            ],
        )

    def usage(self) -> Usage:
        return self._contents.total

    def trim(self, wall: float) -> int:
        dropping = Dropping(self._retention, self._contents.usage, self._contents.total, wall)
        if not dropping.over and not dropping.horizon:
            return 0
        begin = self._scanned.get(dropping.sender, _BEGIN) if dropping.sender is not None else _BEGIN
        dropped: list[int] = []
        last = begin
        with self._writing():
            rows = self._connection.execute(_OLDEST, (*begin, SCAN_STEP)).fetchall()
            for rowid, sender, size, *place in rows:
                if dropping.drops(sender, place[0], size):
                    dropped.append(rowid)
                elif dropping.full or dropping.sender in (sender, None):
                    # Enough has gone: what follows is newer.
                    break
                last = tuple(place)
            if dropped:
                self._connection.executemany("DELETE FROM entries WHERE rowid = ?", [(rowid,) for rowid in dropped])
                self._connection.execute("UPDATE node SET stamp = max(stamp, ?)", (last[0],))
                self._connection.executemany(
                    "INSERT OR REPLACE INTO usage VALUES (?, ?, ?)",
                    [(sender, *left) for sender, left in dropping.usage.items()],
                )
        if dropping.sender is not None:
            # What stands before is others', or has gone: the next search begins behind it, and from the beginning when
            # nothing was left behind it.
            self._scanned[dropping.sender] = last if len(rows) == SCAN_STEP or dropping.full else _BEGIN
        self._contents.trimmed(dropping.usage)
        return len(dropped)

    def set_setting(self, name: str, value: str, *, backed_up: bool = False) -> None:
        with self._writing():
            self._connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?, ?)", (name, value, backed_up))

    # --- reading ------------------------------------------------------------------------------------------------------

    def get_setting(self, name: str) -> str | None:
        with self._reading():
            row = self._connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def fetch(self, query: Fetch) -> Page:
        with self._reading():
            return read_page(SqliteShelf(self._connection), self._contents.held, query)

    def fetch_records(self, query: Fetch) -> RecordPage:
        page = self.fetch(query)
        return RecordPage(tuple(loose(sorted(page.entries, key=lambda entry: entry.id))), page.upto, page.more)

    def activities_before(self, before: Position | None, most: int, bytes_max: int) -> tuple[Entry, ...]:
        with self._reading(), contextlib.closing(SqliteShelf(self._connection).activities_before(before)) as found:
            return newest_within(found, most, bytes_max)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreUnreadable(f"the data in {self._directory.path} cannot be read: {error}") from error

    # --- the rest -----------------------------------------------------------------------------------------------------

    def backup(self, directory: Path, keep: int) -> Path:
        with self._backing_up:
            if self._closed:
                raise StoreUnwritable("the store is closed")
            self._stay()
            path = backup.write_backup(self._directory.database, directory, node=self._node)
            archive.prune(directory, keep, path, self._node)
            return path

    def close(self) -> None:
        with self._backing_up:
            if self._closed:
                return
            self._closed = True
            try:
                if self._directory.displaced():
                    self._rescue()
                self._notes.close(self._directory.database_bytes if self._is_settled() else None)
                self._connection.close()
            finally:
                self._directory.release()

    def _is_settled(self) -> bool:
        """Bring everything from the log into the database; whether that could be done."""
        try:
            (busy, *_) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error:
            return False
        return not busy and not self._directory.displaced()

    def _rescue(self) -> None:
        """What is open can still be read, and by nobody else."""
        path = self._directory.path
        with contextlib.suppress(StoreError):
            self.rescued = backup.write_backup(
                self._connection, path.parent, backup.rescue_prefix(path), node=self._node
            )
