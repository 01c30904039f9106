"""The mark and the checksum at a backup's end.

A backup is an SQLite database (which SQLite's tools can read as it is), then 8 bytes that mark it as a backup, then the
SHA-256 of all that stands before the mark. SQLite's own integrity check finds damage to its structure, but not to
what is stored in it.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from core.store.files import kind_of
from core.store.schema import APPLICATION_ID
from core.store.store_errors import BackupDamaged, BackupForeign, BackupUnreadable

MARK: Final = b"ACTYBKP1"
TRAILER_BYTES: Final = len(MARK) + hashlib.sha256().digest_size
_SQLITE_MAGIC: Final = b"SQLite format 3\0"
_APPLICATION_ID_OFFSET: Final = 68
_CHUNK: Final = 1024 * 1024


def open_backup(file: Path) -> int:
    """Open a backup for reading. Raises BackupUnreadable, also for pipes and devices: they may have no end."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        raise BackupUnreadable(f"the backup {file} cannot be read: {error.strerror}") from error
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        raise BackupUnreadable(f"{file} is {kind_of(mode)}, and a backup is a file: name one in a node's backups/")
    return handle


def check_backup(file: Path) -> None:
    """Read a backup to its end. Raises BackupUnreadable, BackupForeign, BackupDamaged."""
    source = open_backup(file)
    try:
        check_seal(source, file)
    finally:
        os.close(source)


def check_seal(source: int, file: Path) -> None:
    """Read an open backup to its end; `file` names it. Raises BackupUnreadable, BackupForeign, BackupDamaged."""
    try:
        _verify(source, file)
    except OSError as error:
        raise BackupUnreadable(f"the backup {file} cannot be read: {error.strerror}") from error


def _verify(source: int, file: Path) -> None:
    size = os.fstat(source).st_size
    head = os.pread(source, 100, 0)
    trailer = os.pread(source, TRAILER_BYTES, max(0, size - TRAILER_BYTES))
    marked = len(trailer) == TRAILER_BYTES and trailer.startswith(MARK)
    identifier = int.from_bytes(head[_APPLICATION_ID_OFFSET : _APPLICATION_ID_OFFSET + 4], "big")
    ours = _SQLITE_MAGIC.startswith(head[: len(_SQLITE_MAGIC)]) and (len(head) < 100 or identifier == APPLICATION_ID)
    if not marked and not ours:
        raise BackupForeign(f"{file} is not a backup of a node; backups are in the data directory's backups/")
    digest = hashlib.sha256()
    for chunk in chunks(source, size - TRAILER_BYTES):
        digest.update(chunk)
    if not marked or MARK + digest.digest() != trailer:
        raise BackupDamaged(f"the backup {file} is damaged or was not written to its end; use another one")


def seal(handle: int) -> None:
    """Append mark and checksum, and sync."""
    digest = hashlib.sha256()
    for chunk in chunks(handle, os.fstat(handle).st_size):
        digest.update(chunk)
    os.lseek(handle, 0, os.SEEK_END)
    write(handle, MARK + digest.digest())
    os.fsync(handle)


def chunks(handle: int, size: int) -> Iterator[bytes]:
    """The first `size` bytes of a file. Raises OSError."""
    at = 0
    while at < size:
        chunk = os.pread(handle, min(_CHUNK, size - at), at)
        if not chunk:
            return
        at += len(chunk)
        yield chunk


def write(handle: int, data: bytes) -> None:
    """Write all of `data`. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
