"""What a node's database holds, told from outside of it."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Final, NamedTuple

from core.store.held import Held
from core.store.held_rows import read_held
from core.store.schema import pragma
from core.wire.entries import Stream

WITH_RECORDS: Final = 4
"""From this version of the schema on there are records; before, each entry was a row."""


class Holding(NamedTuple):
    """Whose database it is, the number of the node's last start, and what it has received of each stream."""

    node: str
    incarnation: int
    held: Held
    followed: Held
    """The same as far as all has followed the records."""

    @property
    def received(self) -> int:
        """How many numbers of all streams: it never gets less."""
        return self.held.received


class Blank:
    """A database without a node, as a first start leaves it that was killed half way."""


def look_into(database: str) -> Holding | Blank | None:
    """What a database holds; `database` is an SQLite URI. None if it is not a node's, or cannot be read."""
    with (
        contextlib.suppress(sqlite3.Error, ValueError, TypeError, OverflowError),
        contextlib.closing(sqlite3.connect(database, uri=True, isolation_level=None, timeout=10)) as connection,
    ):
        connection.execute("PRAGMA trusted_schema = OFF")
        return held_in(connection)
    return None


def held_in(connection: sqlite3.Connection) -> Holding | Blank:
    """What the database of a connection holds. Raises sqlite3.Error, ValueError, TypeError, OverflowError."""
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
        return Blank()
    nodes = connection.execute("SELECT id, incarnation FROM node").fetchall()
    if not nodes:
        return Blank()
    ((node, incarnation),) = nodes
    has_records = pragma(connection, "user_version") >= WITH_RECORDS
    followed = read_held(connection) if has_records else _held_before(connection)
    return Holding(
        str(node), int(incarnation), _with_records(connection, followed) if has_records else followed, followed
    )


def _with_records(connection: sqlite3.Connection, followed: Held) -> Held:
    held = followed.copy()
    # Records that nothing has followed yet; whether they can be read is not looked at.
    rows = connection.execute(
        "SELECT node, incarnation, first, count FROM records JOIN streams ON streams.no = records.stream"
        " WHERE records.no > (SELECT upto FROM behind)"
    )
    for node, incarnation, first, count in rows:
        held.add(Stream(node, incarnation), first, first + count - 1)
    return held


def _held_before(connection: sqlite3.Connection) -> Held:
    held = Held()
    for node, incarnation, first, last in connection.execute("SELECT node, incarnation, first, last FROM runs"):
        held.add(Stream(str(node), int(incarnation)), int(first), int(last))
    return held


def holding_of(database: str) -> Holding | None:
    """What a node's database holds; None if it is not one, or has no node yet, or cannot be read."""
    found = look_into(database)
    return found if isinstance(found, Holding) else None
