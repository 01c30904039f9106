"""Which numbers records got in which start of their server: a number means something only within its own.

A server whose data was put back to an older state, or copied, gives numbers anew that it had given before, to other
records. So who names a record by its number names the start in which it got that, too; and a start that is over is
known by the number with which the next one began.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

import msgspec

from core.store.checksums import checksum

STARTS_SETTING: Final = "own_starts"
"""Where they are: among the settings, and in backups, where numbers are what they were. Data that is made anew begins
without, because its records are numbered anew."""
STARTS_MAX: Final = 64
"""So many are known, the latest."""

OwnStarts = tuple[tuple[int, int], ...]
"""For each start its incarnation, and the number of its first record; ascending."""


def starts_with(before: Sequence[tuple[int, int]], last: int, incarnation: int, first: int) -> OwnStarts:
    """Those that are known, and one that begins now. `last` is the incarnation before: if it is not the last of those
    that are known, a version that does not note them has been here, and nothing is known of its numbers."""
    known = [*before] if before and before[-1][0] == last else []
    return (*known[1 - STARTS_MAX :], (incarnation, first))


def note_start(connection: sqlite3.Connection, last: int, incarnation: int, first: int) -> OwnStarts:
    """Have a start noted; those that are known then. Within a transaction. Raises sqlite3.Error, msgspec errors."""
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (STARTS_SETTING,)).fetchone()
    before = () if row is None else msgspec.json.decode(row[0], type=OwnStarts)
    starts = starts_with(before, last, incarnation, first)
    values = (STARTS_SETTING, msgspec.json.encode(starts).decode(), 1)
    connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?, ?, ?)", (*values, checksum(*values)))
    return starts
