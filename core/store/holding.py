"""What a node's database holds, told from outside of it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping
from typing import NamedTuple

from core.store.sequence_runs import Runs
from core.wire.entries import Stream


class Holding(NamedTuple):
    """Whose database it is, the number of the node's last start, and what it has received of each stream."""

    node: str
    incarnation: int
    runs: Mapping[Stream, Runs]

    @property
    def received(self) -> int:
        """As `Contents.received`."""
        return sum(runs.count for runs in self.runs.values())

    def beyond(self, held: Mapping[Stream, Runs]) -> int:
        """How much this holds that `held` does not."""
        nothing = Runs()
        return sum(held.get(stream, nothing).lacks(runs) for stream, runs in self.runs.items())


class Blank:
    """A database without a node, as a first start leaves it that was killed half way."""


def look_into(database: str) -> Holding | Blank | None:
    """What a database holds; `database` is an SQLite URI. None if it is not a node's, or cannot be read."""
    with (
        contextlib.suppress(sqlite3.Error, ValueError, TypeError, OverflowError),
        contextlib.closing(sqlite3.connect(database, uri=True, isolation_level=None, timeout=10)) as connection,
    ):
        connection.execute("PRAGMA trusted_schema = OFF")
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            return Blank()
        nodes = connection.execute("SELECT id, incarnation FROM node").fetchall()
        if not nodes:
            return Blank()
        ((node, incarnation),) = nodes
        runs: dict[Stream, Runs] = {}
        for origin, number, first, last in connection.execute("SELECT node, incarnation, first, last FROM runs"):
            runs.setdefault(Stream(str(origin), int(number)), Runs()).add(int(first), int(last))
        return Holding(str(node), int(incarnation), runs)
    return None


def holding_of(database: str) -> Holding | None:
    """What a node's database holds; None if it is not one, or has no node yet, or cannot be read."""
    found = look_into(database)
    return found if isinstance(found, Holding) else None
