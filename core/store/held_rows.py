"""What has been received, as rows: runs of numbers, and past starts packed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

from core.store.checksums import check, checksums
from core.store.held import Held
from core.store.past_starts import Packing, read_past, write_past
from core.wire.entries import Stream

LOOSE_MAX: Final = 4096
"""With more streams without a gap in the table of runs, they are packed."""
_ROWS: Final = 512
"""How many rows are in memory at a time: with more of them it takes longer, as they leave the processor's cache."""
_WHOLE: Final = "first = 0 AND last > 0 AND stream NOT IN (SELECT stream FROM runs WHERE first > 0)"
_OTHERS: Final = f"({_WHOLE}) IS NOT TRUE"

_Columns = tuple[tuple[int, ...], tuple[str, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]


def read_held(connection: sqlite3.Connection) -> Held:
    """What has been received, as far as all follows the records; what `pack_past` would pack is packed in memory.

    However many streams there are, some thousand are in memory beside those that are packed. Raises sqlite3.Error.
    """
    past = read_past(connection)
    is_many = _are_many(connection)
    if is_many:
        packing = Packing(past)
        for _, nodes, incarnations, _, lasts in _rows(connection, _WHOLE):
            packing.add(nodes, incarnations, lasts)
        past = packing.packed
    held = Held(past)
    for _, nodes, incarnations, firsts, lasts in _rows(connection, _OTHERS if is_many else "true"):
        for node, incarnation, first, last in zip(nodes, incarnations, firsts, lasts, strict=True):
            held.add(Stream(node, incarnation), first, last)
    return held


def pack_past(connection: sqlite3.Connection, held: Held) -> None:
    """Pack streams without gaps when there are many: `held` is what `read_held` found. Within a transaction.

    Raises sqlite3.Error.
    """
    if not _are_many(connection):
        return
    known = read_past(connection).by_node
    write_past(connection, held.packed, [node for node, past in held.packed.by_node.items() if known.get(node) != past])
    _keep(connection, "runs", _OTHERS)
    # Streams that nothing names any more go.
    _keep(
        connection,
        "streams",
        "no IN (SELECT stream FROM records UNION SELECT stream FROM runs UNION SELECT stream FROM senders)",
    )


def _are_many(connection: sqlite3.Connection) -> bool:
    rows = connection.execute(f"SELECT 1 FROM runs WHERE {_WHOLE} LIMIT 1 OFFSET ?", (LOOSE_MAX,))
    return rows.fetchone() is not None


def _rows(connection: sqlite3.Connection, condition: str) -> Iterator[_Columns]:
    """Runs for which a condition holds, in columns of some thousand, checked: number of the stream, node, incarnation,
    first and last."""
    rows = connection.execute(
        "SELECT stream, first, last, runs.sum, node, incarnation, streams.sum FROM runs"
        f" LEFT JOIN streams ON streams.no = runs.stream WHERE {condition}"
    )
    while some := rows.fetchmany(_ROWS):
        numbers, firsts, lasts, sums, nodes, incarnations, of_streams = zip(*some, strict=True)
        check("runs", True, checksums(zip(numbers, firsts, lasts, strict=True)) == [*sums])
        check("streams", True, checksums(zip(numbers, nodes, incarnations, strict=True)) == [*of_streams])
        yield numbers, nodes, incarnations, firsts, lasts


def _keep(connection: sqlite3.Connection, table: str, condition: str) -> None:
    """Delete all rows but those for which a condition holds, of which there are few: all at once, as SQLite deletes a
    whole table without a look at its rows."""
    run = connection.execute
    (is_secure,) = run("PRAGMA secure_delete").fetchone()
    run(f"CREATE TEMP TABLE kept AS SELECT * FROM main.{table} WHERE {condition}")
    try:
        # What is in these says nothing of anybody, and need not be written over.
        run("PRAGMA secure_delete = FAST")
        run(f"DELETE FROM main.{table}")
        run(f"INSERT INTO main.{table} SELECT * FROM kept")
    finally:
        run("DROP TABLE kept")
        run(f"PRAGMA secure_delete = {is_secure}")
