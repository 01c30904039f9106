"""Still counted: entries that were damaged and taken out, of which nobody knows any more who wrote them, or how much.

So what is kept of each writer goes on counting them, and does not count them a second time when they have come again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from core.store.runs_setting import read_runs, write_runs_setting
from core.wire.entries import EntryId
from core.wire.entry_runs import EntryRuns
from core.wire.version_vector import VersionVector

SETTING: Final = "still_counted"


def read_still_counted(connection: sqlite3.Connection) -> VersionVector:
    """What is still counted, by number. Raises DamagedRow, sqlite3.Error."""
    counted = VersionVector()
    for stream, spans in read_runs(connection, SETTING).items():
        for first, last in spans:
            counted.add_span(stream, first, last)
    return counted


def write_still_counted(connection: sqlite3.Connection, entries: EntryRuns) -> None:
    """Within a transaction. Raises sqlite3.Error."""
    write_runs_setting(connection, SETTING, entries)


def without(counted: VersionVector, entry_ids: Iterable[EntryId]) -> VersionVector:
    """What is left of it when these have come again."""
    left = counted.copy()
    for node, incarnation, seq in entry_ids:
        left.remove_run(EntryId(node, incarnation, seq).stream, seq, seq)
    return left
