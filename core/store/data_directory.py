"""The data directory: private to its owner, and one process's at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from core.store import witness
from core.store.files import open_private, sync_directory
from core.store.holding import holding_of
from core.store.store_errors import DataDirectoryInUse, DataDirectoryUnusable

DATABASE: Final = "node.db"
BACKUPS: Final = "backups"
LOCK: Final = "lock"
REPLACED: Final = "replaced-"
"""How the name of a directory begins in which a database is that gave way to another one."""
RESTORED: Final = "node.db.restored"
"""A verified backup on its way to become the database. Once this name is there, the restoration is decided."""

_OURS: Final = ("node.", LOCK, BACKUPS, REPLACED)
BESIDE: Final = ("network-secret", "ssh-host-key", "person.", "taste.json", "log", "dumps", "fault-reports")
"""How the names of what who runs a node keeps in its data directory begin."""


class DataDirectory:
    """A data directory that this process has locked."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.database = path / DATABASE
        self.backups = path / BACKUPS
        self.findings: list[str] = []
        """What was found, and mended, that its owner should know."""
        self._lock: int | None = lock
        self._looking = threading.Lock()
        self._places: list[_Place] = []
        self._writable = str(path)
        self.database_bytes = 0
        """Of the database's file, without its log, when it was looked at last."""

    def remember(self) -> None:
        """Take what stands in the directory for what has to stand there from now on. Raises OSError."""
        database = str(self.database)
        self._places = [
            _Place(path, noun, *_identity(path))
            for path, noun in (
                (str(self.path), ""),
                (database, "database"),
                (f"{database}-wal", "database's log"),
                (str(self.path / LOCK), "lock"),
            )
        ]

    def log_is_lost(self) -> bool:
        """Whether the database stands where it stood, but its log does not."""
        directory, database, log, _ = (not place.reason() for place in self._places)
        return directory and database and not log

    def displaced(self) -> str:
        """What no longer stands where it stood, in words with what to do; nothing when all does. From any thread."""
        for place in self._places:
            # Each commit comes by here.
            try:
                status = os.stat(place.path)
            except OSError:
                break
            if status.st_ino != place.inode or status.st_dev != place.device:
                break
            if place.noun == "database":
                self.database_bytes = status.st_size
        else:
            return ""
        with self._looking:
            return self._displaced()

    def _displaced(self) -> str:
        for place in self._places:
            reason = place.reason()
            if not reason or (place.noun == "lock" and self._lock_anew()):
                continue
            what = f"{place.noun} of the data directory" if place.noun else "data directory"
            return (
                f"the {what} {self.path} is lost ({reason}); put it back in its place, and this server goes on by"
                " itself, or end the server and restore a backup"
            )
        return ""

    def read_only(self) -> str:
        """Why nobody may write into the directory, in words; nothing if one may."""
        if os.access(self._writable, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            return ""
        return f"the data directory {self.path} may not be written; change its mode, or its disk's, back"

    def _lock_anew(self) -> bool:
        """The lock's file is not the one that is locked; whether there is one again, and nobody else has it."""
        try:
            lock = _lock(self.path)
        except (DataDirectoryInUse, OSError):
            return False
        if self._lock is not None:
            os.close(self._lock)
        self._lock = lock
        path = str(self.path / LOCK)
        self._places[-1] = _Place(path, "lock", *_identity(path))
        return True

    def release(self) -> None:
        """Let others have it; a second call does nothing."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


class _Place(NamedTuple):
    """Where a file or directory has to stand, and which one it is."""

    path: str
    noun: str
    """What it is in the data directory; empty for that one itself."""
    device: int
    inode: int

    def reason(self) -> str:
        """Why it does not stand there, in words; nothing when it does."""
        try:
            if _identity(self.path) == (self.device, self.inode):
                return ""
        except FileNotFoundError:
            return "it was deleted, moved or unmounted"
        except OSError as error:
            return error.strerror or str(error)
        return f"there is another {'file' if self.noun else 'directory'} in its place"


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def claim(path: Path) -> DataDirectory:
    """Make the directory if it is not there, lock it, and complete a restoration that was interrupted.

    Raises DataDirectoryInUse, DataDirectoryUnusable.
    """
    path = path.absolute()
    try:
        before = _mode(path)
        make_private_directory(path)
        lock = _lock(path)
    except OSError as error:
        raise unusable(path, error) from error
    directory = DataDirectory(path, lock)
    try:
        finish_restoration(directory)
        _tell_of_modes(directory, before)
    except OSError as error:
        directory.release()
        raise unusable(path, error) from error
    return directory


def _mode(path: Path) -> int | None:
    """The mode of a directory that is there and not empty, or None."""
    try:
        with os.scandir(path) as found:
            return stat.S_IMODE(os.stat(path).st_mode) if any(found) else None
    except FileNotFoundError:
        return None


def _tell_of_modes(directory: DataDirectory, before: int | None) -> None:
    """Make files private that others could read, and tell of that, and of who may replace them. Raises OSError."""
    path = directory.path
    status = os.stat(path)
    if before is not None and before & ~status.st_mode & 0o077:
        directory.findings.append(
            f"others could enter the data directory {path} (mode {before:04o}): it is private now"
        )
    elif status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX:
        directory.findings.append(
            f"others may write into the data directory {path} (mode {stat.S_IMODE(status.st_mode):04o}), and replace"
            f" what is in it: `chmod go-w {path}`, or choose a directory of your own"
        )
    if status.st_uid not in (os.geteuid(), 0):
        directory.findings.append(
            f"the data directory {path} belongs to another user (number {status.st_uid}), who can replace what is in"
            " it: choose a directory of your own"
        )
    loose = []
    files = [Path(f"{directory.database}{suffix}") for suffix in ("", "-wal", "-shm")]
    with contextlib.suppress(OSError):
        files += [file for file in directory.backups.iterdir() if file.suffix == ".db"]
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            mode = os.stat(file).st_mode
            if stat.S_ISREG(mode) and mode & 0o077:
                os.chmod(file, 0o600)
                loose.append(f"{file} (mode {stat.S_IMODE(mode):04o})")
    if loose:
        more = f" and {len(loose) - 1} more" if loose[1:] else ""
        directory.findings.append(f"others could read {loose[0]}{more}: private now, as only its owner should read it")


def unusable(path: Path, error: Exception) -> DataDirectoryUnusable:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    within = str(error.filename) if isinstance(error, OSError) and error.filename else ""
    if within.startswith(f"{path}{os.sep}"):
        return DataDirectoryUnusable(
            f"the data directory {path} cannot be used: {within}: {reason}; give it to the user that runs the server,"
            " or move what is there in its place away"
        )
    return DataDirectoryUnusable(
        f"the data directory {path} cannot be used: {reason}; check that it is a directory of yours on a disk with"
        " room, or choose another"
    )


def make_private_directory(path: Path) -> None:
    """Make a directory that only its owner can enter, or make one that is there so.

    One that several people share is left as it is, and so is one that holds what others may use: it would be taken
    from them. Raises OSError.
    """
    try:
        path.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        status = path.stat()
        shared = status.st_uid != os.geteuid() or bool(status.st_mode & stat.S_ISVTX)
        if not shared and status.st_mode & 0o077 and not _holds_others_things(path):
            path.chmod(status.st_mode & 0o700)
    else:
        # Whatever the umask has left.
        path.chmod(0o700)


def _holds_others_things(path: Path) -> bool:
    """Whether a directory has something in it that is not a node's and that others may use. Raises OSError."""
    with os.scandir(path) as found:
        for entry in found:
            if entry.name.removeprefix(".").startswith((*_OURS, *BESIDE)):
                continue
            with contextlib.suppress(FileNotFoundError):
                if entry.stat().st_mode & 0o077:
                    return True
    return False


def utc(milliseconds: int) -> str:
    """A moment, in milliseconds since 1970, as part of a file's name that sorts by time."""
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment:%Y%m%dT%H%M%S}.{milliseconds % 1000:03d}Z"


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
    aside = directory.path / f"{REPLACED}{utc(named_for // 1_000_000)}"
    move_aside(directory, aside)
    # No name of the old database may survive beside the new one: its log would be taken for the new one's.
    sync_directory(directory.path)
    _witness_restored(directory.path, restored)
    restored.rename(directory.database)
    sync_directory(directory.path)
    return aside if aside.exists() else None


def move_aside(directory: DataDirectory, aside: Path) -> None:
    """Move the database and its log, as far as they are there, into a directory of their own. Raises OSError."""
    for suffix in ("", "-wal", "-shm"):
        old = Path(f"{directory.database}{suffix}")
        if os.path.lexists(old):
            make_private_directory(aside)
            old.rename(aside / old.name)
    if aside.exists():
        sync_directory(aside)


def _witness_restored(path: Path, restored: Path) -> None:
    """From here on the restored database is the node's, whatever was known of another one. Raises OSError."""
    holding = holding_of(f"{restored.as_uri()}?mode=ro&immutable=1")
    if holding is not None:
        known = witness.Witness(
            holding.node, holding.incarnation, holding.received, restored.stat().st_size, open=False
        )
        witness.establish(path, known)
