"""What a start reads: the records that nothing has followed yet, and what its node is handed."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable, Mapping, Sequence

import msgspec

from core.store.behind import CHANGES, REGISTRATIONS, Behind, Kept, fact_part
from core.store.contents import ORDER_RECOVERED, REFS_RECOVERED, Position, disordered, recent_streams
from core.store.database import transaction
from core.store.document_rows import read_documents
from core.store.held import Held
from core.store.own_starts import OwnStarts
from core.store.record_rows import RECORD_COLUMNS, DamagedRecord, RecordRow, record_of
from core.store.server_key_rows import read_keys
from core.store.sqlite_shelf import SqliteShelf
from core.store.stream_numbers import StreamNumbers
from core.wire.address import Address
from core.wire.entries import Entry, EntryId, PeerRecord, Stream
from core.wire.entry_runs import EntryRuns, count_of
from core.wire.packed_facts import PackedFacts
from core.wire.packed_latest import PackedLatest
from core.wire.packed_refs import REF_BYTES, PackedRefs, RefsOfRecord
from core.wire.recovered import Recovered


def catch_up(
    connection: sqlite3.Connection, behind: Behind, held: Held, damaged: Callable[[DamagedRecord], None]
) -> None:
    """Have all follow the records that it has not followed: some of the last ones, after a crash.

    Raises sqlite3.Error.
    """
    streams = StreamNumbers(connection)
    rows = connection.execute(
        f"SELECT {RECORD_COLUMNS} FROM records WHERE no > ? ORDER BY no", (behind.totals.upto,)
    ).fetchall()
    for row in map(RecordRow._make, rows):
        try:
            record = record_of(row, streams.of(row.stream))
        except DamagedRecord as damage:
            damaged(damage)
            continue
        for entry in record.entries:
            held.add(record.stream, entry.id.seq, entry.id.seq)
        behind.push([Kept(row.no, row.stream, record)])
    while behind.pending:
        with transaction(connection):
            written = behind.write()
        behind.done(written)


def recovered(
    connection: sqlite3.Connection,
    node: str,
    incarnation: int,
    held: Held,
    behind: Behind,
    starts: OwnStarts,
    not_again: EntryRuns,
    damaged: Callable[[DamagedRecord], None],
) -> Recovered:
    """What a node is handed. Raises sqlite3.Error, msgspec.MsgspecError, ValueError."""
    shelf = SqliteShelf(connection, StreamNumbers(connection), behind.index, damaged)
    newest = [*shelf.newest_activities(ORDER_RECOVERED)]
    return Recovered(
        node=node,
        incarnation=incarnation,
        stamp=behind.totals.stamp,
        streams=held.streams(),
        beyond=held.beyond_gaps(),
        damaged=not_again,
        accounts=_facts(connection, REGISTRATIONS),
        account_changes=_facts(connection, CHANGES),
        last_by_sender=_latest(connection),
        recent_refs=_recent_refs(connection),
        disordered=_disordered(shelf, held, newest),
        recent_streams=recent_streams(newest),
        peers=tuple(_peers(connection)),
        activities=max(0, behind.totals.activities - count_of(behind.counted.runs)),
        server_keys=read_keys(connection),
        documents=tuple(read_documents(connection)),
        starts=starts,
    )


def _facts(connection: sqlite3.Connection, table: str) -> PackedFacts:
    rows = connection.execute(f"SELECT no, texts, marks, sum FROM {table} ORDER BY no")
    return PackedFacts(fact_part(row) for row in rows)


def _latest(connection: sqlite3.Connection) -> Mapping[str, EntryId]:
    # As one text for each column: a hundred thousand rows are read in the time of a few.
    names, places, numbers = (
        msgspec.json.decode(column)
        for column in connection.execute(
            "SELECT json_group_array(sender), json_group_array(stream), json_group_array(seq)"
            " FROM (SELECT sender, stream, seq FROM senders WHERE sender != '' ORDER BY sender)"
        ).fetchone()
    )
    streams = StreamNumbers(connection)
    return PackedLatest(names, array("q", places), array("q", numbers), {no: streams.of(no) for no in set(places)})


def _recent_refs(connection: sqlite3.Connection) -> PackedRefs:
    streams = StreamNumbers(connection)
    found: list[RefsOfRecord] = []
    count = 0
    rows = connection.execute(
        "SELECT stream, first, packed FROM refs JOIN records ON records.no = refs.record ORDER BY record DESC"
    )
    for stream, first, packed in rows:
        found.append(RefsOfRecord(streams.of(stream), first, packed))
        count += len(packed) // REF_BYTES
        if count >= REFS_RECOVERED:
            break
    rows.close()
    found.reverse()
    return PackedRefs(found)


def _disordered(shelf: SqliteShelf, held: Held, newest: Sequence[Position]) -> tuple[Entry, ...]:
    found: list[Entry] = []
    at_hand: dict[Stream, dict[int, Entry]] = {}
    """What the record has of which the last one was, by stream: as a rule the next one is there as well."""
    for place in newest:
        stream, seq = place.id.stream, place.id.seq
        if seq not in at_hand.get(stream, ()):
            looked_up = shelf.find(place.id)
            if looked_up is None:
                continue
            at_hand[stream] = {entry.id.seq: entry for entry in looked_up[0].record.entries}
        found.append(at_hand[stream][seq])
    there = {entry.id: entry for entry in reversed(found)}
    return tuple(there[one] for one in disordered(held, ((entry.id, entry.previous) for entry in there.values())))


def _peers(connection: sqlite3.Connection) -> list[PeerRecord]:
    return [
        PeerRecord(peer, host, port, name, seen_at, msgspec.json.decode(others, type=tuple[Address, ...]))
        for peer, host, port, name, seen_at, others in connection.execute(
            "SELECT id, hostname, port, name, seen_at, others FROM peers ORDER BY id"
        )
    ]
