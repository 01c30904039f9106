"""The store that a node has by default: one SQLite file in its data directory.

Commits are synced (write-ahead log, `synchronous=FULL`), and whole or not at all. One connection writes and reads, from
the thread that opened the store; backups read through another.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from core.store import archive, backup, data_directory, loss, witness
from core.store.contents import Changes, Contents, Position
from core.store.data_directory import DataDirectory
from core.store.database import connect, transaction
from core.store.files import open_private, sync_directory
from core.store.identity import LEAP_MAX, check_node_id, next_incarnation
from core.store.loss import KnownPast, OnLoss, check_whole
from core.store.paging import newest_within, read_page
from core.store.retention import KEEP_EVERYTHING, SCAN_STEP, Dropping, Retention, Usage
from core.store.rows import COLUMNS, accounts, disordered, entry_of, load, recent_refs, row_of
from core.store.schema import CURRENT, Schema, migrate, version_of
from core.store.store_errors import DataDirectoryUnusable, StoreDisplaced, StoreError, StoreUnreadable, StoreUnwritable
from core.wire.entries import (
    Entry,
    EntryId,
    Fetch,
    Kind,
    Page,
    Record,
    Recovered,
    Stream,
)

log = logging.getLogger(__name__)

_INSERT = f"INSERT INTO entries ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_RANGE = f"SELECT {COLUMNS} FROM entries WHERE node = ? AND incarnation = ? AND seq BETWEEN ? AND ?"
_ACTIVITIES = f"SELECT {COLUMNS} FROM entries WHERE kind = 'activity'"
_OLDEST = (
    "SELECT rowid, sender, length(body), stamp, node, incarnation, seq FROM entries WHERE kind = 'activity'"
    " AND (stamp, node, incarnation, seq) > (?, ?, ?, ?) ORDER BY stamp, node, incarnation, seq LIMIT ?"
)
_BEGIN: Final[tuple[Any, ...]] = (-1, "", 0, 0)
_BEFORE = " AND (stamp, node, incarnation, seq) < (?, ?, ?, ?)"
_NEWEST_FIRST = " ORDER BY stamp DESC, node DESC, incarnation DESC, seq DESC"
_OF_KIND: Final[dict[tuple[Kind, ...], str]] = {
    # Written out, so that the planner sees that the index of accounts will do.
    ("account",): " AND kind = 'account'",
    ("activity",): " AND kind = 'activity'",
}


def open_store(
    data_dir: Path,
    *,
    node_id_factory: Callable[[], str],
    wall: float,
    retention: Retention = KEEP_EVERYTHING,
    schema: Schema = CURRENT,
    on_loss: OnLoss = "refuse",
) -> tuple[SqliteStore, Recovered]:
    """Open the store in `data_dir`, made if it is not there, for a new start of its node.

    `node_id_factory` names a node that has no identity yet (see `node_id`). `wall` is seconds since 1970. The new
    incarnation is synced when this returns. Data of an older schema is migrated, after a backup into `backups/`. What
    is to be told to a person is in the store's `findings`.

    Raises DataLost unless `on_loss` says otherwise, DataDirectoryInUse, DataDirectoryUnusable, SchemaTooNew, and what
    `node_id_factory` does.
    """
    directory = data_directory.claim(data_dir)
    connection: sqlite3.Connection | None = None
    past: KnownPast | None = None
    try:
        past = loss.examine(directory, on_loss)
        existed = directory.database.exists()
        os.close(open_private(directory.database))
        if not existed:
            sync_directory(directory.path)
        connection = connect(directory, schema)
        if existed and past.is_suspect():
            check_whole(connection)
        _upgrade(connection, directory, schema, past, on_loss)
        node, incarnation = _begin(connection, node_id_factory, wall, past, on_loss)
        contents = load(connection)
        past.tell_of_backups(node, contents)
        recovered = contents.recovered(
            node, incarnation, accounts(connection), recent_refs(connection), disordered(connection, contents)
        )
        directory.remember()
        size = os.stat(directory.database).st_size
        notes = witness.Notes.begin(
            directory.path, witness.Witness(node, incarnation, contents.received, size, open=True)
        )
        return SqliteStore(directory, connection, contents, retention, node, notes, schema), recovered
    except BaseException as error:
        if connection is not None:
            connection.close()
        directory.release()
        if isinstance(error, OSError):
            raise data_directory.unusable(directory.path, error) from error
        if isinstance(error, sqlite3.Error | msgspec.MsgspecError):
            raise _refused(directory, error, past) from error
        raise


def _refused(directory: DataDirectory, error: Exception, past: KnownPast | None) -> DataDirectoryUnusable:
    if isinstance(error, sqlite3.OperationalError) or past is None:
        return data_directory.unusable(directory.path, error)
    what = f"the data in {directory.database} is damaged or not a node's ({error})"
    if past.trace:
        return past.lost(f"{what}; restore one of the backups", remains=False)
    return DataDirectoryUnusable(
        f"{what}; restore one of the backups in {directory.backups}, or choose another data directory"
    )


def _upgrade(
    connection: sqlite3.Connection, directory: DataDirectory, schema: Schema, past: KnownPast, on_loss: OnLoss
) -> None:
    version = version_of(connection, schema, str(directory.database))
    if version == schema.version:
        return
    if not version:
        past.require_new(on_loss)
    if version:
        try:
            backup.write_backup(directory.database, directory.backups, f"before-schema-{schema.version}")
        except StoreError as error:
            raise DataDirectoryUnusable(
                f"the data in {directory.path} is of an older version and is not changed without a backup:"
                f" {error.sentence}"
            ) from error
    migrate(connection, schema, version)


def _begin(
    connection: sqlite3.Connection, node_id_factory: Callable[[], str], wall: float, past: KnownPast, on_loss: OnLoss
) -> tuple[str, int]:
    leap = secrets.randbelow(LEAP_MAX)
    with transaction(connection):
        row = connection.execute("SELECT id, incarnation FROM node").fetchone()
        if row is None:
            past.require_new(on_loss)
            node, incarnation = check_node_id(node_id_factory()), next_incarnation(0, wall, leap)
            connection.execute("INSERT INTO node VALUES (?, ?, 0)", (node, incarnation))
        else:
            node, last = row
            incarnation = next_incarnation(max(last, past.incarnation_of(node)), wall, leap)
            connection.execute("UPDATE node SET incarnation = ?", (incarnation,))
    return node, incarnation


class SqliteStore:
    """See `core.store.interface.Store`; opened by `open_store`."""

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

    def commit(self, records: Sequence[Record]) -> None:
        if not records:
            return
        changes = self._contents.changes(records)
        with self._writing():
            self._write(changes)
        self._contents.apply(changes)
        self._notes.note(self._contents.received, self._directory.database_bytes)

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
            return read_page(_Shelf(self._connection), self._contents.held, query)

    def activities_before(self, before: Position | None, most: int, bytes_max: int) -> tuple[Entry, ...]:
        with self._reading(), contextlib.closing(_Shelf(self._connection).activities_before(before)) as found:
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


class _Shelf:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def entries(
        self, stream: Stream, first: int, last: int, kinds: Sequence[Kind], *, descending: bool = False
    ) -> Iterator[Entry]:
        of_kind = "" if len(set(kinds)) == 2 else _OF_KIND.get(tuple(dict.fromkeys(kinds)), " AND 0")
        order = " ORDER BY seq DESC" if descending else " ORDER BY seq"
        rows = self._connection.execute(_RANGE + of_kind + order, (*stream, first, last))
        try:
            for row in rows:
                yield entry_of(row)
        finally:
            # A statement left open would keep the write-ahead log from being cleared.
            rows.close()

    def newest_activities(self, most: int) -> Iterator[Position]:
        rows = self._connection.execute(
            f"SELECT stamp, node, incarnation, seq FROM entries WHERE kind = 'activity'{_NEWEST_FIRST} LIMIT ?",
            (most,),
        )
        try:
            for stamp, *identity in rows:
                yield Position(stamp, EntryId(*identity))
        finally:
            rows.close()

    def activities_before(self, before: Position | None) -> Generator[Entry, None, None]:
        """Activities that stand before a position, the newest first."""
        where, values = ("", ()) if before is None else (_BEFORE, (before.stamp, *before.id))
        rows = self._connection.execute(_ACTIVITIES + where + _NEWEST_FIRST, values)
        try:
            for row in rows:
                yield entry_of(row)
        finally:
            rows.close()
