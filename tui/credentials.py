"""Who somebody was the last time, so that the next start logs in by itself.

One small JSON file in the node's data directory (or the user's, for a client only), readable by its owner alone. The
secret is in it only if the person asked for that.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from tui import private_file

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
    private_file.write(directory / FILE_NAME, msgspec.json.encode(remembered))


def forget(directory: Path) -> None:
    """Forget who it was. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        (directory / FILE_NAME).unlink()
