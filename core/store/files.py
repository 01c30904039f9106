"""Files and directories for their owner alone, and what makes their names durable."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path


def open_private(path: Path, flags: int = 0) -> int:
    """Open a file for reading and writing, made if it is not there; only its owner may, whatever the umask.

    Raises OSError, also when it is something else than a file.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | flags, 0o600)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(f"{path} is {kind_of(os.fstat(handle).st_mode)} and no file")
        os.fchmod(handle, 0o600)
    except BaseException:
        os.close(handle)
        raise
    return handle


def sync_directory(path: Path) -> None:
    """Make durable which names a directory has. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def discard_database(path: Path) -> None:
    """Remove a database that was not made to its end, if it is there, and what SQLite has put beside it."""
    for suffix in ("", "-journal"):
        with contextlib.suppress(OSError):
            os.unlink(f"{path}{suffix}")


def kind_of(mode: int) -> str:
    """What `st_mode` says that something is, with its article."""
    for holds, kind in (
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    ):
        if holds(mode):
            return kind
    return "a file"
