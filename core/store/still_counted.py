"""Still counted: entries that were damaged and taken out, of which nobody knows any more who wrote them, or how much.

So what is kept of each writer goes on counting them, and does not count them a second time when they have come again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

import msgspec

from core.store.checksums import check, checksum
from core.wire.entries import EntryId
from core.wire.entry_runs import EntryRuns, decode_runs, encode_runs
from core.wire.version_vector import VersionVector

SETTING: Final = "still_counted"


def read_still_counted(connection: sqlite3.Connection) -> VersionVector:
    """What is still counted, by number. Raises DamagedRow, sqlite3.Error."""
    row = connection.execute("SELECT name, value, backed_up, sum FROM settings WHERE name = ?", (SETTING,)).fetchone()
    if row is None:
        return VersionVector()
    *values, expected = row
    check("settings", expected, checksum(*values))
    counted = VersionVector()
    for stream, spans in decode_runs(msgspec.json.decode(row[1], type=dict[str, list[int]])).items():
        for first, last in spans:
            counted.add_span(stream, first, last)
    return counted


def write_still_counted(connection: sqlite3.Connection, entries: EntryRuns) -> None:
    """Within a transaction. Raises sqlite3.Error."""
    if not entries:
        connection.execute("DELETE FROM settings WHERE name = ?", (SETTING,))
        return
    values = (SETTING, msgspec.json.encode(encode_runs(entries)).decode(), 1)
    connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?, ?, ?)", (*values, checksum(*values)))


def without(counted: VersionVector, entry_ids: Iterable[EntryId]) -> VersionVector:
    """What is left of it when these have come again."""
    left = counted.copy()
    for node, incarnation, seq in entry_ids:
        left.remove_run(EntryId(node, incarnation, seq).stream, seq, seq)
    return left
