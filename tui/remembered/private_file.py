"""Small files of ours that only their owner may read: read with care, written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path


class NotOurs(OSError):
    """Where the file should be is something else, or a file that we would never have written."""


class NotPrivate(OSError):
    """A file is not its owner's alone, and it cannot be made so; the text says what to do."""


def read(path: Path, most: int) -> bytes:
    """A file's content, at most `most` bytes.

    Somebody may have put anything in its place: a pipe, which never ends; a device; something huge. Raises NotOurs for
    these, OSError.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise NotOurs(errno.EINVAL, "it is no file", str(path))
        if status.st_size > most:
            raise NotOurs(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
        return os.read(handle, most)
    finally:
        os.close(handle)


def mend_mode(path: Path) -> str:
    """Make a file its owner's alone, as OpenSSH asks of keys; what was wrong, in words, or nothing.

    What is no file is left as it is. Raises NotPrivate if it belongs to somebody else, OSError.
    """
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        # A link to /dev/null is a usual way to have nothing remembered: the mode would become the machine's device's.
        return ""
    if status.st_uid not in (os.geteuid(), 0):
        raise NotPrivate(
            f"{path} belongs to another user (number {status.st_uid}), who can read and change it: give it to the user"
            " that runs the server (`chown`), or move it away"
        )
    if not status.st_mode & 0o077:
        return ""
    os.chmod(path, 0o600)
    return f"others could use {path} (mode {stat.S_IMODE(status.st_mode):04o}): it is private now (0600)"


def write(path: Path, content: bytes) -> None:
    """Put a file in the place of the one that is there, mode 0600, synced. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # As tempfile.mkstemp would, with its prefix: what it is in loads a dozen modules that no command needs.
    name = path.parent / f".{path.name}.{os.urandom(8).hex()}"
    handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
