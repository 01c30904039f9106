"""Backups: the database as one file with a checksum at its end (see `core.store.seal`), and back."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from core.store import data_directory, witness
from core.store.archive import TEMPORARY, holdings_in
from core.store.checksums import checksum
from core.store.data_directory import DataDirectory, make_private_directory
from core.store.files import discard_database, open_private, sync_directory
from core.store.holding import WITH_RECORDS
from core.store.schema import APPLICATION_ID, CURRENT, Schema, pragma, too_new
from core.store.seal import TRAILER_BYTES, check_seal, chunks, open_backup, seal, write
from core.store.store_errors import (
    BackupDamaged,
    BackupForeign,
    DataExists,
    StoreUnwritable,
)


def write_backup(
    database: Path | sqlite3.Connection, directory: Path, prefix: str = "backup", *, node: str | None = None
) -> Path:
    """Copy what is committed in `database` to a new file in `directory`, whole or not at all.

    A path is read through a connection of its own, which in WAL mode neither waits for a writer nor holds one up; what
    a connection has open may have lost its path. Settings that are not to be backed up are left out, and with them
    every trace of what was deleted. Raises StoreUnwritable, also when the database is not `node`'s: another file may
    have been put in its place.
    """
    import tempfile  # It brings a generator of random numbers along, and no start writes a backup.

    try:
        if isinstance(database, Path):
            make_private_directory(directory)
        handle, name = tempfile.mkstemp(prefix=TEMPORARY, suffix=".tmp", dir=directory)
    except OSError as error:
        raise _unwritten(directory, error) from error
    temporary = Path(name)
    try:
        os.fchmod(handle, 0o600)
        if isinstance(database, Path):
            # Never made anew if it is gone.
            existing = f"{database.absolute().as_uri()}?mode=rw"
            with contextlib.closing(
                sqlite3.connect(existing, uri=True, isolation_level=None, timeout=10)
            ) as connection:
                connection.execute("VACUUM INTO ?", (name,))
        else:
            database.execute("VACUUM INTO ?", (name,))
        _prepare(temporary, node)
        seal(handle)
        path = _free_name(directory, prefix, os.fstat(handle).st_mtime)
        temporary.rename(path)
        sync_directory(directory)
    except (OSError, sqlite3.Error) as error:
        raise _unwritten(directory, error) from error
    finally:
        os.close(handle)
        discard_database(temporary)
    return path


def _unwritten(directory: Path, error: Exception) -> StoreUnwritable:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return StoreUnwritable(f"no backup could be written to {directory}: {reason}; check the disk and its free space")


def _prepare(target: Path, node: str | None) -> None:
    """Leave out of a copy what is not to be backed up, and check the rest."""
    with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as copy:
        # The file is synced as a whole before it gets its name.
        copy.execute("PRAGMA synchronous = OFF")
        copy.execute("PRAGMA journal_mode = MEMORY")
        copy.execute("PRAGMA secure_delete = ON")
        copy.execute("DELETE FROM settings WHERE NOT backed_up")
        if node is not None and copy.execute("SELECT id FROM node").fetchall() != [(node,)]:
            raise sqlite3.DatabaseError("its file is another node's by now")
        problem = _problem(copy)
        if problem:
            raise sqlite3.DatabaseError(f"the copy is damaged ({problem})")


def _problem(connection: sqlite3.Connection) -> str:
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    return "" if verdict == "ok" else str(verdict)


def _free_name(directory: Path, prefix: str, wall: float) -> Path:
    milliseconds = int(wall * 1000)
    while True:
        path = directory / f"{prefix}-{data_directory.utc(milliseconds)}.db"
        if not path.exists():
            return path
        milliseconds += 1


def restore_backup(file: Path, data_dir: Path, *, force: bool = False, schema: Schema = CURRENT) -> Path | None:
    """Rebuild the data of a node from a backup.

    With `force`, data that is there is moved aside, into a directory within `data_dir` whose path is returned. The node
    keeps its id; its next start gets a new incarnation, see `next_incarnation`. Interrupted at any moment, the old data
    or the restored data is there when the directory is used next.

    Raises BackupUnreadable, BackupForeign, BackupDamaged, SchemaTooNew, DataExists, DataDirectoryInUse,
    DataDirectoryUnusable.
    """
    with contextlib.ExitStack() as stack:
        source = open_backup(file)
        stack.callback(os.close, source)
        check_seal(source, file)
        directory = data_directory.claim(data_dir)
        stack.callback(directory.release)
        if holds_data(directory) and not force:
            raise DataExists(
                f"the data directory {directory.path} holds data already; choose an empty one, or force the"
                " restoration, which moves that data aside"
            )
        temporary = directory.path / f"{data_directory.RESTORED}.tmp"
        # The journal of an attempt that was interrupted would be taken for the new file's.
        discard_database(temporary)
        try:
            _unpack(source, temporary)
            _admit(temporary, file, directory, schema)
            temporary.rename(directory.path / data_directory.RESTORED)
            sync_directory(directory.path)
            return data_directory.finish_restoration(directory)
        except OSError as error:
            raise data_directory.unusable(directory.path, error) from error
        finally:
            discard_database(temporary)


def rescue_prefix(data_dir: Path) -> str:
    """How backups are called that stand beside a data directory because it was lost under a running node."""
    return f"{data_dir.name}-rescued"


def holds_data(directory: DataDirectory) -> bool:
    """Whether there is a database that is worth asking for. An empty file is what a start leaves that was killed."""
    for suffix in ("", "-wal"):
        path = f"{directory.database}{suffix}"
        if os.path.lexists(path) and (not os.path.isfile(path) or os.path.getsize(path)):
            return True
    return False


def _unpack(source: int, target: Path) -> None:
    handle = open_private(target, os.O_TRUNC)
    try:
        for chunk in chunks(source, os.fstat(source).st_size - TRAILER_BYTES):
            write(handle, chunk)
    finally:
        os.close(handle)


def _admit(restored: Path, file: Path, directory: DataDirectory, schema: Schema) -> None:
    """Check an unpacked database, tell it what is known of the node's later starts, and sync it."""
    try:
        with contextlib.closing(sqlite3.connect(restored, isolation_level=None)) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA synchronous = FULL")
            if pragma(connection, "application_id") != APPLICATION_ID:
                raise BackupForeign(f"{file} is not a backup of a node")
            version = pragma(connection, "user_version")
            if version > schema.version:
                raise too_new(f"the backup {file}", version, schema)
            problem = _problem(connection)
            ((node, incarnation),) = connection.execute("SELECT id, incarnation FROM node").fetchall()
            later = _latest_incarnation(directory, node)
            if later > incarnation:
                connection.execute("UPDATE node SET incarnation = ?", (later,))
                if version >= WITH_RECORDS:
                    connection.execute("UPDATE node SET sum = ?", (checksum(node, later),))
    except (sqlite3.Error, ValueError) as error:
        problem = str(error)
    if problem:
        raise BackupDamaged(f"the backup {file} is damaged ({problem}); use another one")
    handle = os.open(restored, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _latest_incarnation(directory: DataDirectory, node: str) -> int:
    """The last incarnation that anything in a data directory knows of a node; 0 if nothing does."""
    known = [_incarnation_of(directory.database, node)]
    known += [holding.incarnation for _, holding in holdings_in(directory.backups) if holding.node == node]
    seen = witness.read(directory.path)
    if seen is not None and seen.node == node:
        known.append(seen.incarnation)
    return max(known)


def _incarnation_of(database: Path, node: str) -> int:
    """The last incarnation in data that is about to be replaced; 0 if it is another node's, or cannot be read."""
    if not database.is_file():
        return 0
    # Whoever restores may do so because that data is damaged. It is moved aside as it is found: a connection that may
    # write would clear its log.
    with (
        contextlib.suppress(sqlite3.Error, TypeError, ValueError),
        contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection,
    ):
        for identifier, incarnation in connection.execute("SELECT id, incarnation FROM node"):
            if identifier == node:
                return int(incarnation)
    return 0
