"""Not again: entries that were received, then damaged and taken out, and have not come again.

They count as never received, and are asked for. But they were delivered once, so a node is told of them at its start:
see `core.node.log.damaged_entries`.
"""

from __future__ import annotations

import sqlite3
from itertools import chain, islice, repeat
from typing import Final

from core.store.held import Held
from core.store.runs_setting import read_runs, write_runs_setting
from core.wire.entries import Stream
from core.wire.entry_runs import EntryRuns, union

SETTING: Final = "not_again"
RUNS_MAX: Final = 10_000
"""Of more runs the rest counts as never received: what comes again of that is delivered a second time."""


def note_not_again(connection: sqlite3.Connection, held: Held, *lost: EntryRuns) -> EntryRuns:
    """Have entries noted that are `lost`; all that were and have not come again. Within a transaction.

    Raises DamagedRow, sqlite3.Error, ValueError, msgspec.MsgspecError.
    """
    missing = _bounded(held.missing_of(union(read_runs(connection, SETTING), *lost)))
    write_runs_setting(connection, SETTING, missing)
    return missing


def _bounded(entries: EntryRuns) -> EntryRuns:
    runs = chain.from_iterable(zip(repeat(stream), spans) for stream, spans in entries.items())
    bounded: dict[Stream, list[tuple[int, int]]] = {}
    for stream, span in islice(runs, RUNS_MAX):
        bounded.setdefault(stream, []).append(span)
    return {stream: tuple(spans) for stream, spans in bounded.items()}
