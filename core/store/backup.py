"""Backups: the database as one file with a checksum at its end, and back.

A backup is an SQLite database (which SQLite's tools can read as it is), then 8 bytes that mark it as a backup, then the
SHA-256 of all that stands before the mark. SQLite's own integrity check finds damage to its structure, but not to
what is stored in it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from core.store import data_directory
from core.store.data_directory import DataDirectory, make_private_directory, open_private, sync_directory
from core.store.errors import (
    BackupDamaged,
    BackupForeign,
    BackupUnreadable,
    DataExists,
    StoreUnwritable,
)
from core.store.schema import APPLICATION_ID, CURRENT, Schema, pragma, too_new

MARK: Final = b"ACTYBKP1"
_TRAILER_BYTES: Final = len(MARK) + hashlib.sha256().digest_size
_SQLITE_MAGIC: Final = b"SQLite format 3\0"
_APPLICATION_ID_OFFSET: Final = 68
_CHUNK: Final = 1024 * 1024
_TEMPORARY: Final = ".backup-"
_ABANDONED_SECONDS: Final = 24 * 3600.0


def write_backup(database: Path, directory: Path, prefix: str = "backup") -> Path:
    """Copy what is committed in `database` to a new file in `directory`, whole or not at all.

    Reads through a connection of its own, which in WAL mode neither waits for a writer nor holds one up. Settings that
    are not to be backed up are left out, and with them every trace of what was deleted. Raises StoreUnwritable.
    """
    try:
        make_private_directory(directory)
        handle, name = tempfile.mkstemp(prefix=_TEMPORARY, suffix=".tmp", dir=directory)
    except OSError as error:
        raise _unwritten(directory, error) from error
    temporary = Path(name)
    try:
        os.fchmod(handle, 0o600)
        _copy(database, temporary)
        _seal(handle)
        path = _free_name(directory, prefix, os.fstat(handle).st_mtime)
        temporary.rename(path)
        sync_directory(directory)
    except (OSError, sqlite3.Error) as error:
        raise _unwritten(directory, error) from error
    finally:
        os.close(handle)
        _discard(temporary)
    return path


def _unwritten(directory: Path, error: Exception) -> StoreUnwritable:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return StoreUnwritable(f"no backup could be written to {directory}: {reason}; check the disk and its free space")


def _copy(database: Path, target: Path) -> None:
    with contextlib.closing(sqlite3.connect(database, isolation_level=None, timeout=10)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))
    with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as copy:
        # The file is synced as a whole before it gets its name.
        copy.execute("PRAGMA synchronous = OFF")
        copy.execute("PRAGMA journal_mode = MEMORY")
        copy.execute("PRAGMA secure_delete = ON")
        copy.execute("DELETE FROM settings WHERE NOT backed_up")
        problem = _problem(copy)
        if problem:
            raise sqlite3.DatabaseError(f"the copy is damaged ({problem})")


def _problem(connection: sqlite3.Connection) -> str:
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    return "" if verdict == "ok" else str(verdict)


def _seal(handle: int) -> None:
    """Append mark and checksum, and sync."""
    digest = hashlib.sha256()
    for chunk in _chunks(handle, os.fstat(handle).st_size):
        digest.update(chunk)
    os.lseek(handle, 0, os.SEEK_END)
    _write(handle, MARK + digest.digest())
    os.fsync(handle)


def _chunks(handle: int, size: int) -> Iterator[bytes]:
    at = 0
    while at < size:
        chunk = os.pread(handle, min(_CHUNK, size - at), at)
        if not chunk:
            return
        at += len(chunk)
        yield chunk


def _write(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _free_name(directory: Path, prefix: str, wall: float) -> Path:
    milliseconds = int(wall * 1000)
    while True:
        path = directory / f"{prefix}-{data_directory.utc(milliseconds)}.db"
        if not path.exists():
            return path
        milliseconds += 1


def prune(directory: Path, keep: int, spare: Path) -> None:
    """Of the backups in `directory` leave the newest `keep`, `spare` among them. Raises StoreUnwritable."""
    pattern = re.compile(r"backup-\d{8}T\d{6}\.\d{3}Z\.db")
    try:
        others = sorted(
            path for path in directory.iterdir() if pattern.fullmatch(path.name) and path.name != spare.name
        )
        for path in others[: len(others) - max(0, keep - 1)]:
            path.unlink(missing_ok=True)
        written = spare.stat().st_mtime
        for path in directory.glob(f"{_TEMPORARY}*.tmp*"):
            if path.stat().st_mtime < written - _ABANDONED_SECONDS:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreUnwritable(f"old backups in {directory} could not be removed: {error.strerror}") from error


def restore_backup(file: Path, data_dir: Path, *, force: bool = False, schema: Schema = CURRENT) -> Path | None:
    """Rebuild the data of a node from a backup.

    With `force`, data that is there is moved aside, into a directory within `data_dir` whose path is returned. The node
    keeps its id; its next start gets a new incarnation, see `next_incarnation`. Interrupted at any moment, the old data
    or the restored data is there when the directory is used next.

    Raises BackupUnreadable, BackupForeign, BackupDamaged, SchemaTooNew, DataExists, DataDirectoryInUse,
    DataDirectoryUnusable.
    """
    with contextlib.ExitStack() as stack:
        try:
            source = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, source)
            _check_seal(source, file)
        except OSError as error:
            raise BackupUnreadable(f"the backup {file} cannot be read: {error.strerror}") from error
        directory = data_directory.claim(data_dir)
        stack.callback(directory.release)
        if directory.database.exists() and not force:
            raise DataExists(
                f"the data directory {directory.path} holds data already; choose an empty one, or force the"
                " restoration, which moves that data aside"
            )
        temporary = directory.path / f"{data_directory.RESTORED}.tmp"
        # The journal of an attempt that was interrupted would be taken for the new file's.
        _discard(temporary)
        try:
            _unpack(source, temporary)
            _admit(temporary, file, directory, schema)
            temporary.rename(directory.path / data_directory.RESTORED)
            sync_directory(directory.path)
            return data_directory.finish_restoration(directory)
        except OSError as error:
            raise data_directory.unusable(directory.path, error) from error
        finally:
            _discard(temporary)


def _discard(temporary: Path) -> None:
    for suffix in ("", "-journal"):
        with contextlib.suppress(OSError):
            os.unlink(f"{temporary}{suffix}")


def _check_seal(source: int, file: Path) -> None:
    size = os.fstat(source).st_size
    head = os.pread(source, 100, 0)
    trailer = os.pread(source, _TRAILER_BYTES, max(0, size - _TRAILER_BYTES))
    marked = len(trailer) == _TRAILER_BYTES and trailer.startswith(MARK)
    identifier = int.from_bytes(head[_APPLICATION_ID_OFFSET : _APPLICATION_ID_OFFSET + 4], "big")
    ours = _SQLITE_MAGIC.startswith(head[: len(_SQLITE_MAGIC)]) and (len(head) < 100 or identifier == APPLICATION_ID)
    if not marked and not ours:
        raise BackupForeign(f"{file} is not a backup of a node; backups are in the data directory's backups/")
    digest = hashlib.sha256()
    for chunk in _chunks(source, size - _TRAILER_BYTES):
        digest.update(chunk)
    if not marked or MARK + digest.digest() != trailer:
        raise BackupDamaged(f"the backup {file} is damaged or was not written to its end; use another one")


def _unpack(source: int, target: Path) -> None:
    handle = open_private(target, os.O_TRUNC)
    try:
        for chunk in _chunks(source, os.fstat(source).st_size - _TRAILER_BYTES):
            _write(handle, chunk)
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
            later = _incarnation_of(directory.database, node)
            if later > incarnation:
                connection.execute("UPDATE node SET incarnation = ?", (later,))
    except (sqlite3.Error, ValueError) as error:
        problem = str(error)
    if problem:
        raise BackupDamaged(f"the backup {file} is damaged ({problem}); use another one")
    handle = os.open(restored, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _incarnation_of(database: Path, node: str) -> int:
    """The last incarnation in data that is about to be replaced; 0 if it is another node's, or cannot be read."""
    if not database.exists():
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
