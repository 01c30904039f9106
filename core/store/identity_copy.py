"""A second copy of what makes a server that server: its id, its key and its other small settings; and whom it knows.

All else that a damaged database loses others have, or nobody. The copy stands beside the
database, is as private as that, and is written only when something of it has changed.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import zlib
from pathlib import Path
from typing import Final

import msgspec

from core.store.checksums import checksum
from core.store.files import open_private, sync_directory

FILE: Final = "node.identity"
_BYTES_MAX: Final = 1024 * 1024
_VALUE_CHARACTERS_MAX: Final = 1024
_PEERS_MAX: Final = 20


class IdentityCopy(msgspec.Struct, frozen=True):
    """Whose they are, and rows of its tables."""

    node: str
    settings: tuple[tuple[str, str, int], ...]
    """Name, value, and whether it is in backups."""
    peers: tuple[tuple[str, str, int, str, float, str], ...] = ()
    """The servers that were seen last."""


def read(path: Path) -> IdentityCopy | None:
    """The copy in a data directory; None if there is none, or it cannot be read."""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        handle = os.open(path / FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            data = os.read(handle, _BYTES_MAX)
        finally:
            os.close(handle)
        text, _, sum_of_it = data.strip().rpartition(b" ")
        if sum_of_it == b"%08x" % zlib.crc32(text):
            return msgspec.json.decode(text, type=IdentityCopy)
    return None


def keep(path: Path, node: str, connection: sqlite3.Connection) -> None:
    """Have the copy say what the database says. Raises OSError, sqlite3.Error."""
    rows = connection.execute("SELECT name, value, backed_up, sum FROM settings ORDER BY name").fetchall()
    settings = tuple(
        (name, value, backed_up)
        for name, value, backed_up, expected in rows
        if len(value) <= _VALUE_CHARACTERS_MAX and checksum(name, value, backed_up) == expected
    )
    peers = connection.execute(
        "SELECT id, hostname, port, name, seen_at, others FROM peers ORDER BY seen_at DESC LIMIT ?", (_PEERS_MAX,)
    )
    copy = IdentityCopy(node, settings, tuple(peers))
    if read(path) == copy:
        return
    text = msgspec.json.encode(copy)
    temporary = path / f"{FILE}.tmp"
    handle = open_private(temporary, os.O_TRUNC)
    try:
        os.write(handle, text + b" %08x\n" % zlib.crc32(text))
        os.fsync(handle)
    finally:
        os.close(handle)
    temporary.replace(path / FILE)
    sync_directory(path)
