"""Who somebody was the last time, so that the next start logs in by itself.

One small JSON file in the node's data directory (or the user's, for a client only), readable by its owner alone. The
secret is in it only if the person asked for that.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import msgspec

FILE_NAME = "person.json"


class Remembered(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept between starts. `secret` is None when the person did not want it kept."""

    username: str
    secret: str | None = None

    def __repr__(self) -> str:
        return f"Remembered({self.username!r})"


def load(directory: Path) -> Remembered | None:
    """Who it was, or None: also when the file cannot be read or is not ours, for then the person is asked."""
    try:
        return msgspec.json.decode((directory / FILE_NAME).read_bytes(), type=Remembered)
    except (OSError, msgspec.DecodeError):
        return None


def save(directory: Path, remembered: Remembered) -> None:
    """Keep it, whole or not at all, mode 0600. Raises OSError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=FILE_NAME, dir=directory)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(remembered))
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, directory / FILE_NAME)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def forget(directory: Path) -> None:
    """Forget who it was. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        (directory / FILE_NAME).unlink()
