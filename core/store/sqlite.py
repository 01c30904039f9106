"""The store that a node has by default: one SQLite file in its data directory.

Commits are synced (write-ahead log, `synchronous=FULL`), and whole or not at all. One connection writes and reads, from
the thread that opened the store; backups read through another.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from core.store import backup, data_directory
from core.store.contents import ORDER_RECOVERED, REFS_RECOVERED, Changes, Contents, Position
from core.store.data_directory import DataDirectory
from core.store.errors import DataDirectoryUnusable, StoreError, StoreUnreadable, StoreUnwritable
from core.store.identity import check_node_id, next_incarnation
from core.store.interface import KEEP_EVERYTHING, TRIM_STEP, Retention
from core.store.paging import newest_within, read_page
from core.store.runs import Runs
from core.store.schema import CURRENT, Schema, migrate, version_of
from core.wire.entries import (
    AccountFact,
    Entry,
    EntryId,
    Fetch,
    Kind,
    Page,
    PeerRecord,
    Record,
    Recovered,
    Stream,
    parse_entry_id,
)

WAL_BYTES_KEPT: Final = 64 * 1024 * 1024
"""To what the write-ahead log is cut back after it had to grow, while a backup was read for instance."""
CACHE_KIB: Final = 16 * 1024

_ENTRY = "node, incarnation, seq, kind, stamp, sender, previous, ref, body"
_INSERT = f"INSERT INTO entries ({_ENTRY}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_RANGE = f"SELECT {_ENTRY} FROM entries WHERE node = ? AND incarnation = ? AND seq BETWEEN ? AND ?"
_ACTIVITIES = f"SELECT {_ENTRY} FROM entries WHERE kind = 'activity'"
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
) -> tuple[SqliteStore, Recovered]:
    """Open the store in `data_dir`, made if it is not there, for a new start of its node.

    `node_id_factory` names a node that has no identity yet (see `node_id`). `wall` is seconds since 1970. The new
    incarnation is synced when this returns. Data of an older schema is migrated, after a backup into `backups/`.

    Raises DataDirectoryInUse, DataDirectoryUnusable, SchemaTooNew, and what `node_id_factory` does.
    """
    directory = data_directory.claim(data_dir)
    connection: sqlite3.Connection | None = None
    try:
        existed = directory.database.exists()
        os.close(data_directory.open_private(directory.database))
        if not existed:
            data_directory.sync_directory(directory.path)
        connection = _connect(directory, schema)
        _upgrade(connection, directory, schema)
        node, incarnation = _begin(connection, node_id_factory, wall)
        contents = _load(connection, node)
        recovered = contents.recovered(
            node, incarnation, _accounts(connection), _recent_refs(connection), _disordered(connection, contents)
        )
        return SqliteStore(directory, connection, contents, retention), recovered
    except BaseException as error:
        if connection is not None:
            connection.close()
        directory.release()
        if isinstance(error, OSError):
            raise data_directory.unusable(directory.path, error) from error
        if isinstance(error, sqlite3.Error | msgspec.MsgspecError):
            raise _refused(directory, error) from error
        raise


def _refused(directory: DataDirectory, error: Exception) -> DataDirectoryUnusable:
    if isinstance(error, sqlite3.OperationalError):
        return data_directory.unusable(directory.path, error)
    return DataDirectoryUnusable(
        f"the data in {directory.database} is damaged or not a node's ({error}); restore one of the backups in"
        f" {directory.backups}, or choose another data directory"
    )


def _connect(directory: DataDirectory, schema: Schema) -> sqlite3.Connection:
    connection = sqlite3.connect(directory.database, isolation_level=None, timeout=10)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        # Before anything is changed in a file that may not be ours.
        version_of(connection, schema, str(directory.database))
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise DataDirectoryUnusable(
                f"the disk of {directory.path} does not support a write-ahead log; choose a directory on a local disk"
            )
        connection.execute("PRAGMA synchronous = FULL")
        # On macOS only these reach the medium; elsewhere they do nothing.
        connection.execute("PRAGMA fullfsync = ON")
        connection.execute("PRAGMA checkpoint_fullfsync = ON")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES_KEPT}")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute("PRAGMA temp_store = MEMORY")
    except BaseException:
        connection.close()
        raise
    return connection


def _upgrade(connection: sqlite3.Connection, directory: DataDirectory, schema: Schema) -> None:
    version = version_of(connection, schema, str(directory.database))
    if version == schema.version:
        return
    if version:
        try:
            backup.write_backup(directory.database, directory.backups, f"before-schema-{schema.version}")
        except StoreError as error:
            raise DataDirectoryUnusable(
                f"the data in {directory.path} is of an older version and is not changed without a backup:"
                f" {error.sentence}"
            ) from error
    migrate(connection, schema, version)


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk may have ended the transaction already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _begin(connection: sqlite3.Connection, node_id_factory: Callable[[], str], wall: float) -> tuple[str, int]:
    with _transaction(connection):
        row = connection.execute("SELECT id, incarnation FROM node").fetchone()
        if row is None:
            node, incarnation = check_node_id(node_id_factory()), next_incarnation(0, wall)
            connection.execute("INSERT INTO node VALUES (?, ?, 0)", (node, incarnation))
        else:
            node, incarnation = row[0], next_incarnation(row[1], wall)
            connection.execute("UPDATE node SET incarnation = ?", (incarnation,))
    return node, incarnation


def _load(connection: sqlite3.Connection, node: str) -> Contents:
    contents = Contents()
    query = "SELECT node, incarnation, first, last FROM runs ORDER BY node, incarnation, first"
    for origin, incarnation, first, last in connection.execute(query):
        contents.held.setdefault(Stream(origin, incarnation), Runs()).add(first, last)
    for sender, stamp, *identity in connection.execute("SELECT sender, stamp, node, incarnation, seq FROM senders"):
        contents.latest[sender] = Position(stamp, EntryId(*identity))
    for row in connection.execute("SELECT id, hostname, port, name, seen_at FROM peers ORDER BY id"):
        contents.peers[row[0]] = PeerRecord(*row)
    (contents.activities,) = connection.execute("SELECT count(*) FROM entries WHERE kind = 'activity'").fetchone()
    # One maximum for each index, where one over both kinds would read every entry.
    stamps = connection.execute(
        "SELECT stamp FROM node"
        " UNION ALL SELECT max(stamp) FROM entries WHERE kind = 'activity'"
        " UNION ALL SELECT max(stamp) FROM entries WHERE kind = 'account'"
    )
    contents.stamp = max(stamp or 0 for (stamp,) in stamps)
    return contents


def _accounts(connection: sqlite3.Connection) -> list[AccountFact]:
    decoder = msgspec.json.Decoder(AccountFact)
    bodies = connection.execute(
        "SELECT body FROM entries WHERE kind = 'account' ORDER BY stamp, node, incarnation, seq"
    )
    return [decoder.decode(body) for (body,) in bodies]


def _recent_refs(connection: sqlite3.Connection) -> list[tuple[str, str, EntryId]]:
    newest = connection.execute(
        "SELECT sender, ref, node, incarnation, seq FROM entries WHERE kind = 'activity'"
        " ORDER BY stamp DESC, node DESC, incarnation DESC, seq DESC LIMIT ?",
        (REFS_RECOVERED,),
    )
    refs = [(sender, ref, EntryId(*identity)) for sender, ref, *identity in newest if ref is not None]
    refs.reverse()
    return refs


def _disordered(connection: sqlite3.Connection, contents: Contents) -> list[Entry]:
    newest = connection.execute(
        "SELECT previous, node, incarnation, seq FROM entries WHERE kind = 'activity'"
        " ORDER BY stamp DESC, node DESC, incarnation DESC, seq DESC LIMIT ?",
        (ORDER_RECOVERED,),
    ).fetchall()
    activities = (
        (EntryId(*identity), None if previous is None else parse_entry_id(previous))
        for previous, *identity in reversed(newest)
    )
    by_id = f"SELECT {_ENTRY} FROM entries WHERE node = ? AND incarnation = ? AND seq = ?"
    return [_entry(connection.execute(by_id, found).fetchone()) for found in contents.disordered(activities)]


class SqliteStore:
    """See `core.store.interface.Store`; opened by `open_store`."""

    def __init__(
        self, directory: DataDirectory, connection: sqlite3.Connection, contents: Contents, retention: Retention
    ) -> None:
        self._directory = directory
        self._connection = connection
        self._contents = contents
        self._retention = retention
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

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with _transaction(self._connection):
                yield
        except (sqlite3.Error, OSError) as error:
            raise StoreUnwritable(
                f"nothing can be kept in {self._directory.path}: {error}; check the disk and its free space"
            ) from error

    def _write(self, changes: Changes) -> None:
        run = self._connection.executemany
        run(_INSERT, map(_row, changes.entries))
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
        run("DELETE FROM peers WHERE id = ?", [(peer,) for peer in changes.peers])
        run(
            "INSERT INTO peers VALUES (?, ?, ?, ?, ?)",
            [
                (peer.id, peer.hostname, peer.port, peer.name, peer.seen_at)
                for peer in changes.peers.values()
                if peer is not None
            ],
        )

    def trim(self, wall: float) -> int:
        excess = 0
        if self._retention.activities is not None:
            excess = self._contents.activities - self._retention.activities
        horizon = 0
        if self._retention.seconds is not None:
            horizon = int((wall - self._retention.seconds) * 1_000_000)
        with self._writing():
            oldest = self._connection.execute(
                "SELECT rowid, stamp FROM entries WHERE kind = 'activity'"
                " ORDER BY stamp, node, incarnation, seq LIMIT ?",
                (TRIM_STEP if horizon > 0 else max(0, min(excess, TRIM_STEP)),),
            ).fetchall()
            dropped = [row for index, row in enumerate(oldest) if index < excess or row[1] < horizon]
            if not dropped:
                return 0
            self._connection.executemany("DELETE FROM entries WHERE rowid = ?", [(rowid,) for rowid, _ in dropped])
            self._connection.execute("UPDATE node SET stamp = max(stamp, ?)", (dropped[-1][1],))
        self._contents.activities -= len(dropped)
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
            path = backup.write_backup(self._directory.database, directory)
            backup.prune(directory, keep, path)
            return path

    def close(self) -> None:
        with self._backing_up:
            if self._closed:
                return
            self._closed = True
            try:
                self._connection.close()
            finally:
                self._directory.release()


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
                yield _entry(row)
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
                yield _entry(row)
        finally:
            rows.close()


def _row(entry: Entry) -> tuple[Any, ...]:
    previous = None if entry.previous is None else str(entry.previous)
    return (*entry.id, entry.kind, entry.stamp, entry.sender, previous, entry.ref, entry.body)


def _entry(row: tuple[Any, ...]) -> Entry:
    node, incarnation, seq, kind, stamp, sender, previous, ref, body = row
    return Entry(
        EntryId(node, incarnation, seq),
        kind,
        stamp,
        body,
        sender,
        None if previous is None else parse_entry_id(previous),
        ref,
    )
