"""Damaged data of before records: its rows have no checksums, so nothing but what is no entry at all shows damage.

What is none is left out before the upgrade, and counts as never received. Where the structure of the file is damaged,
nobody knows what else is: it is not brought up.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from core.store.database import transaction
from core.store.grouping import as_kept
from core.store.retention import ROW_BYTES
from core.wire.entries import Entry, EntryId, Stream, parse_entry_id
from core.wire.entry_runs import EntryRuns, runs_of
from core.wire.records import decode, loose

_ROWS: Final = 256


def leave_out_damaged(connection: sqlite3.Connection) -> EntryRuns:
    """Take out of data of version 3 what no record could have; which entries that were. Raises sqlite3.Error."""
    gone: list[tuple[int, EntryId]] = []
    run = connection.execute
    # Texts as they lie: one that is damaged may be none.
    factory, connection.text_factory = connection.text_factory, bytes
    try:
        last = 0
        while rows := run(
            "SELECT rowid, node, incarnation, seq, kind, stamp, sender, previous, ref, body FROM entries"
            " WHERE rowid > ? ORDER BY rowid LIMIT ?",
            (last, _ROWS),
        ).fetchall():
            gone += [(row[0], _id_of(row)) for row in rows if not _is_entry(row)]
            last = rows[-1][0]
    finally:
        connection.text_factory = factory
    if not gone:
        return {}
    with transaction(connection):
        for rowid, entry_id in gone:
            run(
                "UPDATE usage SET activities = activities - 1, bytes = bytes - ? -"
                " (SELECT length(body) FROM entries WHERE rowid = ?)"
                " WHERE sender = (SELECT sender FROM entries WHERE rowid = ? AND kind = 'activity')",
                (ROW_BYTES, rowid, rowid),
            )
            run("DELETE FROM entries WHERE rowid = ?", (rowid,))
            _forget(connection, entry_id)
    return runs_of(entry_id for _, entry_id in gone)


def _is_entry(row: tuple[object, ...]) -> bool:
    """Whether a row is an entry that a record can have and be read again with."""
    _, node, incarnation, seq, kind, stamp, sender, previous, ref, body = row
    try:
        texts = [None if text is None else bytes(text).decode() for text in (node, kind, sender, previous, ref)]  # type: ignore[call-overload]
        entry = Entry(
            EntryId(texts[0] or "", int(incarnation), int(seq)),  # type: ignore[call-overload]
            texts[1],  # type: ignore[arg-type]
            int(stamp),  # type: ignore[call-overload]
            bytes(body),  # type: ignore[call-overload]
            texts[2] or "",
            None if texts[3] is None else parse_entry_id(texts[3]),
            texts[4],
        )
        kept = as_kept(entry)
        return kept is not None and len(decode(loose([kept])[0].line).entries) == 1
    except (ValueError, TypeError, OverflowError):
        return False


def _id_of(row: tuple[object, ...]) -> EntryId:
    node = row[1].decode(errors="replace") if isinstance(row[1], bytes) else str(row[1])
    numbers = [one if isinstance(one, int) else 0 for one in row[2:4]]
    return EntryId(node, *numbers)


def _forget(connection: sqlite3.Connection, entry_id: EntryId) -> None:
    """Have a number count as never received."""
    stream, seq = Stream(entry_id.node, entry_id.incarnation), entry_id.seq
    for first, last in connection.execute(
        "SELECT first, last FROM runs WHERE node = ? AND incarnation = ? AND first <= ? AND last >= ?",
        (*stream, seq, seq),
    ).fetchall():
        connection.execute("DELETE FROM runs WHERE node = ? AND incarnation = ? AND first = ?", (*stream, first))
        for part in ((first, seq - 1), (seq + 1, last)):
            if part[0] <= part[1]:
                connection.execute("INSERT INTO runs VALUES (?, ?, ?, ?)", (*stream, *part))
