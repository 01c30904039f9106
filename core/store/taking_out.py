"""Damaged records are taken out of a database that is open: what they held counts as never received from then on."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from core.store.behind import write_runs
from core.store.checksums import DamagedRow
from core.store.files import open_private
from core.store.held import Held
from core.store.past_starts import write_past
from core.store.record_rows import (
    RECORD_COLUMNS,
    DamagedRecord,
    RecordRow,
    arrival_of,
    corrected_record,
    record_of,
    row_of,
)
from core.store.sequence_runs import Runs
from core.store.still_counted import write_still_counted
from core.store.stream_numbers import StreamNumbers
from core.store.time_blocks import ItemPlace
from core.store.time_index import TimeIndex
from core.wire.entries import EntryId, Stream
from core.wire.entry_runs import EntryRuns, runs_of
from core.wire.limits import RECORD_ENTRIES_MAX
from core.wire.packed_streams import PackedStreams
from core.wire.records import LogRecord
from core.wire.version_vector import VersionVector

ASIDE: Final = "node.damaged-records"
"""A file that gets what was taken out."""
ASIDE_BYTES_MAX: Final = 64 * 1024 * 1024

_OVERLAPPING: Final = (
    f"SELECT {RECORD_COLUMNS} FROM records WHERE stream = ? AND first BETWEEN ? AND ? AND first + count > ? AND no != ?"
)


class TakenOut(NamedTuple):
    """What a damaged row held."""

    no: int
    stream: Stream
    items: tuple[ItemPlace, ...]
    line: bytes
    """What lies in it."""


class Taking(NamedTuple):
    """What comes of it, once the transaction is committed."""

    lost: EntryRuns
    held: Held
    counted: VersionVector


def find(
    connection: sqlite3.Connection, streams: StreamNumbers, index: TimeIndex, rows: Iterable[int]
) -> list[TakenOut]:
    """What the index of time says that these rows held, those among them that are damaged still.

    Everything has to have followed the records. Raises DamagedRow if a row's own numbers are damaged, sqlite3.Error.
    """
    numbers: dict[int, tuple[Stream, int, set[int]]] = {}
    lines: dict[int, bytes] = {}
    for no in rows:
        values = connection.execute(f"SELECT {RECORD_COLUMNS} FROM records WHERE no = ?", (no,)).fetchone()
        row = None if values is None else RecordRow._make(values)
        if row is not None and _is_damaged(row, streams.of(row.stream)):
            lines[no] = row.line if type(row.line) is bytes else b""
            numbers[no] = (streams.of(row.stream), row.stream, _numbers_of(connection, row, streams.of(row.stream)))
    holders = {(number, seq): no for no, (_, number, seqs) in numbers.items() for seq in seqs}
    items: dict[int, list[ItemPlace]] = {no: [] for no in numbers}
    if holders:
        # Nothing leads from a number to its place: once in a disk's life all places are looked at.
        for block in index.blocks():
            for item in block.items:
                holder = holders.get(item[1:])
                if holder is not None:
                    items[holder].append(item)
    for no, (_, _, seqs) in numbers.items():
        if seqs and not items[no]:
            raise DamagedRow(f"nobody knows what record {no} held")
    return [TakenOut(no, stream, tuple(items[no]), lines[no]) for no, (stream, _, _) in numbers.items()]


def put_right(connection: sqlite3.Connection, streams: StreamNumbers, no: int) -> LogRecord | None:
    """Have a damaged row be what it was, within a transaction; what that is, or None where nobody knows.

    Raises sqlite3.Error.
    """
    values = connection.execute(f"SELECT {RECORD_COLUMNS} FROM records WHERE no = ?", (no,)).fetchone()
    row = None if values is None else RecordRow._make(values)
    record = None if row is None else corrected_record(row)
    if row is None or record is None or streams.find(record.stream) != row.stream:
        return None
    connection.execute(
        "UPDATE records SET stream = ?, first = ?, count = ?, flags = ?, sum = ?, line = ? WHERE no = ?",
        (*row_of(no, row.stream, record, arrival_of(row))[1:], no),
    )
    return record


def _numbers_of(connection: sqlite3.Connection, row: RecordRow, stream: Stream) -> set[int]:
    """The numbers that a damaged record may have held: those that no whole one has."""
    last = row.first + row.numbers - 1
    if not 0 < row.first <= last < row.first + RECORD_ENTRIES_MAX:
        raise DamagedRow(f"nobody knows what record {row.no} held")
    numbers = set(range(row.first, last + 1))
    overlapping = connection.execute(
        _OVERLAPPING, (row.stream, row.first - RECORD_ENTRIES_MAX + 1, last, row.first, row.no)
    ).fetchall()
    for other in map(RecordRow._make, overlapping):
        if not _is_damaged(other, stream):
            numbers.difference_update(entry.id.seq for entry in record_of(other, stream).entries)
    return numbers


def _is_damaged(row: RecordRow, stream: Stream) -> bool:
    try:
        record_of(row, stream)
    except DamagedRecord:
        return True
    return False


def set_aside(file: Path, found: Iterable[TakenOut]) -> bool:
    """Append what lies in damaged rows to a file, for a person: most of it may be whole. Whether there was room for it.

    Raises OSError.
    """
    handle = open_private(file, os.O_APPEND)
    try:
        lines = b"".join(one.line + b"\n" for one in found)
        if os.fstat(handle).st_size + len(lines) > ASIDE_BYTES_MAX:
            return False
        os.write(handle, lines)
        os.fsync(handle)
    finally:
        os.close(handle)
    return True


def take_out(
    connection: sqlite3.Connection, index: TimeIndex, found: Iterable[TakenOut], held: Held, counted: VersionVector
) -> Taking:
    """Take rows out, and what leads to them; within a transaction. Neither `held` nor `counted` is changed.

    Raises sqlite3.Error.
    """
    run = connection.execute
    held, counted = held.copy(), counted.copy()
    items: list[ItemPlace] = []
    lost: list[EntryId] = []
    touched: dict[Stream, int] = {}
    for one in found:
        run("DELETE FROM records WHERE no = ?", (one.no,))
        run("DELETE FROM refs WHERE record = ?", (one.no,))
        items += one.items
        for _, number, seq in one.items:
            lost.append(EntryId(*one.stream, seq))
            held.remove(one.stream, seq, seq)
            counted.add(lost[-1])
            touched[one.stream] = number
    index.take_out(items, received=False)
    for stream, number in touched.items():
        run("DELETE FROM runs WHERE stream = ?", (number,))
        write_runs(connection, [(number, first, last) for first, last in held.get(stream) or Runs()])
    held.packed = _without(connection, held.packed, touched)
    write_still_counted(connection, counted.runs)
    return Taking(runs_of(lost), held, counted)


def _without(connection: sqlite3.Connection, packed: PackedStreams, streams: Iterable[Stream]) -> PackedStreams:
    """Packed streams without some, which stand in the table of runs now."""
    gone = {stream for stream in streams if stream in packed}
    if not gone:
        return packed
    fewer = PackedStreams.of(item for item in packed.items() if item[0] not in gone)
    write_past(connection, fewer, {stream.node for stream in gone})
    return fewer
