"""A list of entries among the settings: runs of numbers, under a name."""

from __future__ import annotations

import sqlite3

import msgspec

from core.store.checksums import check, checksum
from core.wire.entry_runs import NO_ENTRIES, EntryRuns, decode_runs, encode_runs


def read_runs(connection: sqlite3.Connection, name: str) -> EntryRuns:
    """Nothing if there is no such setting. Raises DamagedRow, sqlite3.Error, and what `parse_runs` does."""
    row = connection.execute("SELECT name, value, backed_up, sum FROM settings WHERE name = ?", (name,)).fetchone()
    if row is None:
        return NO_ENTRIES
    *values, expected = row
    check("settings", expected, checksum(*values))
    return parse_runs(row[1])


def parse_runs(value: str) -> EntryRuns:
    """What the value of such a setting says. Raises ValueError, msgspec.MsgspecError."""
    return decode_runs(msgspec.json.decode(value, type=dict[str, list[int]]))


def write_runs_setting(connection: sqlite3.Connection, name: str, entries: EntryRuns) -> None:
    """Put them in the place of those that are there. Within a transaction. Raises sqlite3.Error."""
    if not entries:
        connection.execute("DELETE FROM settings WHERE name = ?", (name,))
        return
    values = (name, msgspec.json.encode(encode_runs(entries)).decode(), 1)
    connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?, ?, ?)", (*values, checksum(*values)))
