"""Schema version 5: what stands in time, in blocks with their sums; and the way there from version 4.

Version 4 had a row for each entry. Its sums were in memory only: here all is fresh, and summed up when it is asked for.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from core.store.stream_numbers import StreamNumbers
from core.store.time_blocks import Columns
from core.store.time_index import TimeIndex

_TABLES: Final = """
-- What has been received, in the order of time. Activities stand behind all accounts, by one bit of the place.
CREATE TABLE time_index (
    no INTEGER PRIMARY KEY, level INTEGER NOT NULL, size INTEGER NOT NULL, fresh INTEGER NOT NULL,
    checksum INTEGER NOT NULL, sum BLOB NOT NULL, packed BLOB NOT NULL
);
CREATE INDEX fresh_blocks ON time_index (no) WHERE fresh > 0
"""
_ROWS: Final = 20_000
"""How many rows are in memory at a time."""


def blocks_from_items(connection: sqlite3.Connection) -> None:
    """The step from version 4 to version 5. Raises sqlite3.Error."""
    for statement in _TABLES.split(";"):
        connection.execute(statement)
    index = TimeIndex(connection, StreamNumbers(connection))
    rows = connection.execute("SELECT place, stream, seq FROM items ORDER BY place, stream, seq")
    while items := rows.fetchmany(_ROWS):
        index.add(Columns.of(items))
    connection.execute("DROP TABLE items")
