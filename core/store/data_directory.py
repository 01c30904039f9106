"""The data directory: private to its owner, and one process's at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from core.store.errors import DataDirectoryInUse, DataDirectoryUnusable

DATABASE: Final = "node.db"
BACKUPS: Final = "backups"
LOCK: Final = "lock"
RESTORED: Final = "node.db.restored"
"""A verified backup on its way to become the database. Once this name is there, the restoration is decided."""


class DataDirectory:
    """A data directory that this process has locked."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.database = path / DATABASE
        self.backups = path / BACKUPS
        self._lock: int | None = lock

    def release(self) -> None:
        """Let others have it; a second call does nothing."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def claim(path: Path) -> DataDirectory:
    """Make the directory if it is not there, lock it, and complete a restoration that was interrupted.

    Raises DataDirectoryInUse, DataDirectoryUnusable.
    """
    path = path.absolute()
    try:
        make_private_directory(path)
        lock = _lock(path)
    except OSError as error:
        raise unusable(path, error) from error
    directory = DataDirectory(path, lock)
    try:
        finish_restoration(directory)
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.chmod(f"{directory.database}{suffix}", 0o600)
    except OSError as error:
        directory.release()
        raise unusable(path, error) from error
    return directory


def unusable(path: Path, error: Exception) -> DataDirectoryUnusable:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return DataDirectoryUnusable(
        f"the data directory {path} cannot be used: {reason}; check that it is a directory of yours on a disk with"
        " room, or choose another"
    )


def make_private_directory(path: Path) -> None:
    """Make a directory that only its owner can enter, or make one that is there so.

    One that holds other things, or that several people share, is left as it is. Raises OSError.
    """
    try:
        path.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        status = path.stat()
        shared = status.st_uid != os.geteuid() or bool(status.st_mode & stat.S_ISVTX)
        with os.scandir(path) as found:
            names = {entry.name for entry in found}
        if shared or (names and DATABASE not in names):
            return
    if stat.S_IMODE(path.stat().st_mode) != 0o700:
        path.chmod(0o700)


def open_private(path: Path, flags: int = 0) -> int:
    """Open a file for reading and writing, made if it is not there; only its owner may, whatever the umask."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | flags, 0o600)
    try:
        os.fchmod(handle, 0o600)
    except BaseException:
        os.close(handle)
        raise
    return handle


def utc(milliseconds: int) -> str:
    """A moment, in milliseconds since 1970, as part of a file's name that sorts by time."""
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment:%Y%m%dT%H%M%S}.{milliseconds % 1000:03d}Z"


def sync_directory(path: Path) -> None:
    """Make durable which names a directory has. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _lock(path: Path) -> int:
    handle = open_private(path / LOCK)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError as error:
        holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
        os.close(handle)
        raise DataDirectoryInUse(
            f"the data directory {path} is in use by process {holder or '(unknown)'}; end that one, or choose another"
            " directory"
        ) from error
    except OSError:
        os.close(handle)
        raise
    return handle


def finish_restoration(directory: DataDirectory) -> Path | None:
    """Put a restored database in its place; where the old one went, if there was one. Raises OSError.

    Every step can be interrupted, and is taken up again by whoever claims the directory next.
    """
    restored = directory.path / RESTORED
    try:
        named_for = restored.stat().st_mtime_ns
    except FileNotFoundError:
        return None
    # Derived from the restored file, so that an interrupted move goes on to the same place.
    aside = directory.path / f"replaced-{utc(named_for // 1_000_000)}"
    for suffix in ("", "-wal", "-shm"):
        old = Path(f"{directory.database}{suffix}")
        if old.exists():
            make_private_directory(aside)
            old.rename(aside / old.name)
    if aside.exists():
        sync_directory(aside)
    # No name of the old database may survive beside the new one: its log would be taken for the new one's.
    sync_directory(directory.path)
    restored.rename(directory.database)
    sync_directory(directory.path)
    return aside if aside.exists() else None
