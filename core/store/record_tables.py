"""Schema version 4: records as rows, and all else behind them; and the way there from version 3, and back to it.

Version 3 kept each entry as a row. What was kept so has no seal: it goes into loose records.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any, Final

import msgspec

from core.store import not_again, still_counted
from core.store.behind import CHANGES, REGISTRATIONS, Totals, table_of, write_facts, write_totals
from core.store.checksums import checksum
from core.store.contents import REFS_RECOVERED
from core.store.document_rows import DOCUMENTS_TABLE
from core.store.grouping import as_kept
from core.store.identity import SIGNS_FROM_SETTING
from core.store.own_starts import STARTS_SETTING
from core.store.past_starts import read_past
from core.store.record_rows import RECORD_COLUMNS, RecordRow, record_of, row_of
from core.store.retention import ROW_BYTES
from core.wire.account_votes import counted
from core.wire.entries import AccountFact, Entry, EntryId, Stream, parse_entry_id
from core.wire.packed_refs import packed_ref
from core.wire.records import LogRecord, loose

_TABLES: Final = """
CREATE TABLE node (id TEXT NOT NULL, incarnation INTEGER NOT NULL, sum INTEGER NOT NULL);

CREATE TABLE settings (
    name TEXT PRIMARY KEY, value TEXT NOT NULL, backed_up INTEGER NOT NULL, sum INTEGER NOT NULL
) WITHOUT ROWID;

-- Streams of which there are records, or numbers that are not in past_starts. Other tables name them by number.
CREATE TABLE streams (
    no INTEGER PRIMARY KEY, node TEXT NOT NULL, incarnation INTEGER NOT NULL, sum INTEGER NOT NULL,
    UNIQUE (node, incarnation)
);

-- What is synced: lines as they travel, in the order in which they came.
CREATE TABLE records (
    no INTEGER PRIMARY KEY, stream INTEGER NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL,
    flags INTEGER NOT NULL, sum INTEGER NOT NULL, line BLOB NOT NULL
);
CREATE INDEX records_by_number ON records (stream, first, count);
CREATE INDEX records_with_accounts ON records (stream, first, count) WHERE flags & 2;

-- Which numbers of a stream have been received, as runs: the one without a gap begins at 0.
CREATE TABLE runs (
    stream INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, sum INTEGER NOT NULL,
    PRIMARY KEY (stream, first)
) WITHOUT ROWID;

-- The same of streams without a gap, packed: a node's incarnations, then the last number of each.
CREATE TABLE past_starts (
    no INTEGER PRIMARY KEY, node TEXT NOT NULL, packed BLOB NOT NULL, sum INTEGER NOT NULL
);

-- All that follows has followed the records up to one.
CREATE TABLE behind (
    upto INTEGER NOT NULL, stamp INTEGER NOT NULL,
    activities INTEGER NOT NULL, bytes INTEGER NOT NULL, overhead INTEGER NOT NULL, sum INTEGER NOT NULL
);

-- Where entries stand in time. Activities stand behind all accounts, by one bit of the place.
CREATE TABLE items (
    place INTEGER NOT NULL, stream INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (place, stream, seq)
) WITHOUT ROWID;

-- Each sender's newest activity, which retention may have dropped, and what is kept of theirs.
CREATE TABLE senders (
    sender TEXT PRIMARY KEY, stamp INTEGER NOT NULL, stream INTEGER NOT NULL, seq INTEGER NOT NULL,
    activities INTEGER NOT NULL, bytes INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE accounts (no INTEGER PRIMARY KEY, texts BLOB NOT NULL, marks BLOB NOT NULL, sum INTEGER NOT NULL);
CREATE TABLE account_changes (no INTEGER PRIMARY KEY, texts BLOB NOT NULL, marks BLOB NOT NULL, sum INTEGER NOT NULL);

CREATE TABLE refs (record INTEGER PRIMARY KEY, packed BLOB NOT NULL);

-- Which keys servers' ids from before keys are bound to: since when, in milliseconds since 1970, and from which
-- incarnation on the server signs all entries, or -1.
CREATE TABLE server_keys (
    id TEXT PRIMARY KEY, key BLOB NOT NULL, bound_at INTEGER NOT NULL, signs_from INTEGER NOT NULL,
    sum INTEGER NOT NULL
) WITHOUT ROWID;
"""
_OLD: Final = ("node", "settings", "entries", "runs", "senders", "usage")
_NEW: Final = (
    "node",
    "settings",
    "streams",
    "records",
    "runs",
    "past_starts",
    "behind",
    "time_index",
    "senders",
    "accounts",
    "account_changes",
    "refs",
    "server_keys",
    "peers",
)


def records_from_entries(connection: sqlite3.Connection) -> None:
    """The step from version 3 to version 4. Raises sqlite3.Error."""
    run = connection.execute
    # Its name is another table's now, and the others' go with the table.
    run("DROP INDEX accounts")
    for table in _OLD:
        run(f"ALTER TABLE {table} RENAME TO {table}_3")
    for statement in _TABLES.split(";"):
        run(statement)
    for node, incarnation in run("SELECT id, incarnation FROM node_3").fetchall():
        run("INSERT INTO node VALUES (?, ?, ?)", (node, incarnation, checksum(node, incarnation)))
    for name, value, backed_up in run("SELECT name, value, backed_up FROM settings_3").fetchall():
        values = (name, value, backed_up)
        run("INSERT INTO settings VALUES (?, ?, ?, ?)", (*values, checksum(*values)))
    streams = run("SELECT node, incarnation FROM runs_3 UNION SELECT node, incarnation FROM entries_3")
    numbered = [(no, *stream) for no, stream in enumerate(streams.fetchall(), 1)]
    connection.executemany(
        "INSERT INTO streams VALUES (?, ?, ?, ?)", ((*values, checksum(*values)) for values in numbered)
    )
    numbers = {Stream(node, incarnation): no for no, node, incarnation in numbered}
    runs = run("SELECT node, incarnation, first, last FROM runs_3").fetchall()
    connection.executemany(
        "INSERT INTO runs VALUES (?, ?, ?, ?)",
        (
            (*values, checksum(*values))
            for values in ((numbers[Stream(node, number)], first, last) for node, number, first, last in runs)
        ),
    )
    upto = _write_records(connection, numbers)
    run(
        "INSERT INTO items SELECT (kind = 'activity') << 56 | stamp, streams.no, seq FROM entries_3"
        " JOIN streams USING (node, incarnation) ORDER BY 1, 2, 3"
    )
    # Anonymous people had no row for their newest activity.
    run(
        "INSERT INTO senders_3 SELECT sender, max(stamp), node, incarnation, seq FROM entries_3 WHERE kind = 'activity'"
        " AND sender NOT IN (SELECT sender FROM senders_3) GROUP BY sender"
    )
    run(
        "INSERT INTO senders SELECT sender, coalesce(stamp, 0), coalesce(streams.no, 0), coalesce(seq, 0),"
        " coalesce(activities, 0), coalesce(bytes, 0)"
        " FROM (SELECT sender FROM senders_3 UNION SELECT sender FROM usage_3)"
        " LEFT JOIN senders_3 USING (sender) LEFT JOIN usage_3 USING (sender)"
        " LEFT JOIN streams ON streams.node = senders_3.node AND streams.incarnation = senders_3.incarnation"
        " ORDER BY sender"
    )
    decoder = msgspec.json.Decoder(AccountFact)
    bodies = run("SELECT body FROM entries_3 WHERE kind = 'account' ORDER BY stamp, node, incarnation, seq")
    facts = [counted(decoder.decode(body)) for (body,) in bodies]
    for table in (REGISTRATIONS, CHANGES):
        write_facts(connection, table, 1, [fact for fact in facts if table_of(fact) == table])
    (stamp,) = run(
        "SELECT max(stamp) FROM (SELECT stamp FROM node_3 UNION ALL SELECT max(stamp) FROM entries_3)"
    ).fetchone()
    activities, taken = run("SELECT sum(activities), sum(bytes) FROM usage_3").fetchone()
    begin_behind(connection, Totals(upto, stamp or 0, activities or 0, taken or 0))
    for table in _OLD:
        run(f"DROP TABLE {table}_3")


def begin_behind(connection: sqlite3.Connection, totals: Totals) -> None:
    """Make the one row of `behind`."""
    connection.execute("INSERT INTO behind VALUES (0, 0, 0, 0, 0, 0)")
    write_totals(connection, totals)


def _write_records(connection: sqlite3.Connection, numbers: dict[Stream, int]) -> int:
    """Write entries as records, stream by stream; the number of the last one."""
    newest = connection.execute(
        "SELECT stamp FROM entries_3 WHERE kind = 'activity' ORDER BY stamp DESC, node DESC, incarnation DESC, seq DESC"
        " LIMIT 1 OFFSET ?",
        (REFS_RECOVERED,),
    ).fetchone()
    refs_from = 0 if newest is None else newest[0]
    rows = connection.execute(
        "SELECT node, incarnation, seq, kind, stamp, sender, previous, ref, body FROM entries_3"
        " ORDER BY node, incarnation, seq"
    )
    no = 0
    for stream, entries in groupby(map(_entry_of, rows), key=_stream_of):
        for record in _loose_records(entries):
            no += 1
            connection.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)", row_of(no, numbers[stream], record))
            refs = [
                packed_ref(entry.id.seq - record.first, entry.sender, entry.ref, entry.body)
                for entry in record.entries
                if entry.ref is not None and entry.stamp >= refs_from
            ]
            if refs:
                connection.execute("INSERT INTO refs VALUES (?, ?)", (no, b"".join(refs)))
    return no


def _loose_records(entries: Iterable[Entry]) -> Iterator[LogRecord]:
    """Records of one stream's entries, some hundreds of which are in memory at a time."""
    part: list[Entry] = []
    size = 0
    for entry in entries:
        if part and (len(part) == _PART_ENTRIES or size > _PART_BYTES):
            yield from _loose(part)
            part, size = [], 0
        part.append(entry)
        size += len(entry.body)
    if part:
        yield from _loose(part)


def _loose(entries: list[Entry]) -> list[LogRecord]:
    try:
        return loose(entries)
    except ValueError:
        possible = (as_kept(entry) for entry in entries)
        return loose([entry for entry in possible if entry is not None])


_PART_ENTRIES: Final = 4096
_PART_BYTES: Final = 4 * 1024 * 1024


def _entry_of(row: tuple[Any, ...]) -> Entry:
    node, incarnation, seq, kind, stamp, sender, previous, ref, body = row
    before = None if previous is None else parse_entry_id(previous)
    return Entry(EntryId(node, incarnation, seq), kind, stamp, body, sender, before, ref)


def _stream_of(entry: Entry) -> Stream:
    return entry.id.stream


# --- and back ---------------------------------------------------------------------------------------------------------


def entries_from_records(connection: sqlite3.Connection, steps: Iterable[Callable[[sqlite3.Connection], None]]) -> None:
    """The steps from version 6 back to version 3, whose tables `steps` make. All has to have followed the records.

    What is lost is what version 3 does not know: seals, which keys servers have, and accounts' documents. Raises
    sqlite3.Error.
    """
    run = connection.execute
    for index in ("records_by_number", "records_with_accounts"):
        run(f"DROP INDEX {index}")
    for table in _NEW:
        run(f"ALTER TABLE {table} RENAME TO {table}_4")
    for step in steps:
        step(connection)
    streams = {no: Stream(*stream) for no, *stream in run("SELECT no, node, incarnation FROM streams_4")}
    usage: dict[str, list[int]] = {}
    for row in map(RecordRow._make, run(f"SELECT {RECORD_COLUMNS} FROM records_4 ORDER BY no")):
        entries = record_of(row, streams[row.stream]).entries
        connection.executemany("INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", map(_row, entries))
        for one in entries:
            if one.kind == "activity":
                kept = usage.setdefault(one.sender, [0, 0])
                kept[0] += 1
                kept[1] += len(one.body) + ROW_BYTES
    connection.executemany("INSERT INTO usage VALUES (?, ?, ?)", ((sender, *kept) for sender, kept in usage.items()))
    run("INSERT INTO runs SELECT node, incarnation, first, last FROM runs_4 JOIN streams_4 ON no = stream")
    connection.executemany(
        "INSERT OR IGNORE INTO runs VALUES (?, ?, 0, ?)",
        ((*stream, upto) for stream, upto in read_past(connection, "past_starts_4").items()),
    )
    run(
        "INSERT INTO senders SELECT sender, stamp, node, incarnation, seq FROM senders_4 JOIN streams_4 ON no = stream"
        " WHERE sender != ''"
    )
    run("INSERT INTO peers SELECT id, hostname, port, name, seen_at, others FROM peers_4")
    run("INSERT INTO node SELECT id, incarnation, (SELECT stamp FROM behind_4) FROM node_4")
    # What is accepted from here on is not signed: when the node comes to version 4 again, it says so.
    run(
        "INSERT INTO settings SELECT name, value, backed_up FROM settings_4 WHERE name NOT IN (?, ?, ?, ?)",
        (SIGNS_FROM_SETTING, still_counted.SETTING, not_again.SETTING, STARTS_SETTING),
    )
    for table in _NEW:
        run(f"DROP TABLE {table}_4")
    run(f"DROP TABLE {DOCUMENTS_TABLE}")


def _row(entry: Entry) -> tuple[Any, ...]:
    """As version 3 had it."""
    previous = None if entry.previous is None else str(entry.previous)
    return (*entry.id, entry.kind, entry.stamp, entry.sender, previous, entry.ref, entry.body)
