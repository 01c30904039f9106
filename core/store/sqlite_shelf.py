"""Entries as they are read from a database, for pages of them (`paging`)."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator, Sequence
from typing import Final

from core.store.contents import Position
from core.store.rows import COLUMNS, entry_of
from core.wire.entries import Entry, EntryId, Kind, Stream

_RANGE = f"SELECT {COLUMNS} FROM entries WHERE node = ? AND incarnation = ? AND seq BETWEEN ? AND ?"
_ACTIVITIES = f"SELECT {COLUMNS} FROM entries WHERE kind = 'activity'"
_BEFORE = " AND (stamp, node, incarnation, seq) < (?, ?, ?, ?)"
_NEWEST_FIRST = " ORDER BY stamp DESC, node DESC, incarnation DESC, seq DESC"
_OF_KIND: Final[dict[tuple[Kind, ...], str]] = {
    # Written out, so that the planner sees that the index of accounts will do.
    ("account",): " AND kind = 'account'",
    ("activity",): " AND kind = 'activity'",
}


class SqliteShelf:
    """See `core.store.paging.Shelf`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def entries(
        self, stream: Stream, first: int, last: int, kinds: Sequence[Kind], *, descending: bool = False
    ) -> Iterator[Entry]:
        of_kind = "" if len(set(kinds)) == 2 else _OF_KIND.get(tuple(dict.fromkeys(kinds)), " AND 0")
        order = " ORDER BY seq DESC" if descending else " ORDER BY seq"
        rows = self._connection.execute(_RANGE + of_kind + order, (*stream, first, last))
        try:
            for row in rows:
                yield entry_of(row)
        finally:
            # A statement left open would keep the write-ahead log from being cleared.
            rows.close()

    def newest_activities(self, most: int) -> Iterator[Position]:
        rows = self._connection.execute(
            f"SELECT stamp, node, incarnation, seq FROM entries WHERE kind = 'activity'{_NEWEST_FIRST} LIMIT ?",
            (most,),
        )
        try:
            for stamp, *identity in rows:
                yield Position(stamp, EntryId(*identity))
        finally:
            rows.close()

    def activities_before(self, before: Position | None) -> Generator[Entry, None, None]:
        """Activities that stand before a position, the newest first."""
        where, values = ("", ()) if before is None else (_BEFORE, (before.stamp, *before.id))
        rows = self._connection.execute(_ACTIVITIES + where + _NEWEST_FIRST, values)
        try:
            for row in rows:
                yield entry_of(row)
        finally:
            rows.close()
