"""Proofs that come later: what is kept without its server's signature gets it, and stands where it stood.

A server of the version before got entries one by one, and kept them so. Once it is upgraded it asks its neighbours for
the signed records of them (`core.node.log.proving`). Such a record takes the place of the loose rows whose entries it
has, with the number of the last of them: for who asks what has come since, nothing has.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from core.reconciliation.summary_queries import UnprovedFound, UnprovedWanted
from core.store.behind import CHANGES, REGISTRATIONS, Behind, fact_of, packed_refs_of, table_of
from core.store.contents import record_overhead
from core.store.proved_entries import only, signs, split
from core.store.record_rows import (
    PARTIAL,
    RECORD_COLUMNS,
    SIGNED,
    DamagedRecord,
    RecordRow,
    arrival_of,
    record_of,
    row_of,
)
from core.store.stream_numbers import StreamNumbers
from core.wire.entries import Stream
from core.wire.entry_runs import EntryRuns, Spans, union
from core.wire.limits import RECORD_ENTRIES_MAX
from core.wire.records import LogRecord

ROWS_AT_ONCE: Final = 2_000
"""Rows that are looked at for one answer: some milliseconds."""

_LOOSE = (
    f"SELECT {RECORD_COLUMNS} FROM records WHERE stream = ? AND first BETWEEN ? AND ? AND first + count > ?"
    f" AND NOT flags & {SIGNED} ORDER BY no"
)


def put_proof(
    connection: sqlite3.Connection, streams: StreamNumbers, behind: Behind, signed: LogRecord, no: int
) -> int:
    """Have a signed record take the place of what it proves, within a transaction, when all has followed the records;
    by how much the overhead of all records grows. It gets the number `no` if no loose row is proved as a whole.

    Raises sqlite3.Error.
    """
    stream = streams.find(signed.stream)
    if stream is None:
        return 0
    run = connection.execute
    overhead, proved = 0, set[int]()
    whole: list[RecordRow] = []
    arrival = 0
    first, last = signed.first, signed.last
    for row in map(RecordRow._make, run(_LOOSE, (stream, first - RECORD_ENTRIES_MAX + 1, last, first)).fetchall()):
        try:
            loose = record_of(row, signed.stream)
        except DamagedRecord:
            continue
        found = split(loose, signed)
        if not found.proved:
            continue
        proved |= found.proved
        arrival = max(arrival, arrival_of(row))
        overhead -= record_overhead(loose)
        if found.rest is None:
            whole.append(row)
            continue
        overhead += record_overhead(found.rest)
        _update(connection, row_of(row.no, stream, found.rest, arrival_of(row)))
    if not proved:
        return 0
    for row in whole:
        run("DELETE FROM records WHERE no = ?", (row.no,))
        run("DELETE FROM refs WHERE record = ?", (row.no,))
    kept = only(signed, proved)
    # In its own place nothing need be said of when it came.
    place = whole[-1].no if whole and arrival_of(whole[-1]) == arrival else no
    run(
        "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)",
        row_of(place, stream, kept, 0 if place == arrival else arrival),
    )
    refs = packed_refs_of(kept)
    if refs:
        run("INSERT OR REPLACE INTO refs VALUES (?, ?)", (place, refs))
    for table in (REGISTRATIONS, CHANGES):
        facts = [fact for fact in map(fact_of, kept.entries) if fact is not None and table_of(fact) == table]
        if facts:
            behind.write_facts_behind(table, facts)
    return overhead + record_overhead(kept)


def _update(connection: sqlite3.Connection, row: RecordRow) -> None:
    connection.execute(
        "UPDATE records SET flags = ?, sum = ?, line = ? WHERE no = ?", (row.flags, row.sum, row.line, row.no)
    )


# --- what is to be proved ---------------------------------------------------------------------------------------------


def unproved(connection: sqlite3.Connection, streams: StreamNumbers, query: UnprovedWanted) -> UnprovedFound:
    """Answer a query. Raises sqlite3.Error."""
    rows = connection.execute(
        "SELECT no, stream, first, count, flags FROM records WHERE no > ? AND no <= ? ORDER BY no LIMIT ?",
        (query.after, query.upto, ROWS_AT_ONCE),
    ).fetchall()
    found: list[EntryRuns] = []
    left = query.entries_max
    signing: dict[int, bool] = {}
    for no, stream, first, count, flags in rows:
        if flags & SIGNED:
            continue
        named = streams.of(stream)
        if not signing.setdefault(stream, signs(named, query.since)):
            continue
        spans = ((first, first + count - 1),) if not flags & PARTIAL else _spans(connection, no, named)
        found.append({named: spans})
        left -= sum(end - begin + 1 for begin, end in spans)
        if left <= 0:
            return UnprovedFound(union(*found), no)
    return UnprovedFound(union(*found), rows[-1][0] if len(rows) == ROWS_AT_ONCE else None)


def _spans(connection: sqlite3.Connection, no: int, stream: Stream) -> Spans:
    row = RecordRow._make(connection.execute(f"SELECT {RECORD_COLUMNS} FROM records WHERE no = ?", (no,)).fetchone())
    try:
        return record_of(row, stream).spans
    except DamagedRecord:
        return ()
