"""Records as rows, and the one place where a row becomes a record again: checked, or not at all."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final, NamedTuple

from core.store.checksums import DamagedRow
from core.store.error_correction import corrected
from core.wire.ed25519 import Ed25519Verifier
from core.wire.entries import Stream
from core.wire.records import LogRecord, decode
from core.wire.server_keys import certified_id, is_certified

RECORD_COLUMNS: Final = "no, stream, first, count, flags, sum, line"
SIGNED: Final = 1
"""A flag of a row: its record has a signature."""
WITH_ACCOUNTS: Final = 2
"""A flag of a row: an entry of its record is an account."""
PARTIAL: Final = 4
"""A flag of a row: its record leaves entries out, which another one may have."""
_ARRIVAL_SHIFT: Final = 8
"""Above the flags stands the number under which a row's entries came, where that is not the row's own."""


class RecordRow(NamedTuple):
    """A row of `records`; `stream` is a number of `streams`."""

    no: int
    stream: int
    first: int
    numbers: int
    flags: int
    sum: int
    line: bytes


class DamagedRecord(DamagedRow):
    """A row of `records` is not what was written: which one, as far as it can still be told."""

    def __init__(self, row: RecordRow, what: str) -> None:
        super().__init__(f"record {row.no} is damaged: {what}")
        self.row = row
        self.what = what


def arrival_of(row: RecordRow) -> int:
    """The number under which a row's entries came."""
    return arrived_as(row.no, row.flags)


def arrived_as(no: int, flags: int) -> int:
    """The same of a row's number and flags."""
    return flags >> _ARRIVAL_SHIFT or no


def row_of(no: int, stream: int, record: LogRecord, arrival: int = 0) -> RecordRow:
    """The row of a record; `arrival` is the number under which its entries came, if that is not `no`."""
    flags = SIGNED if record.signature else 0
    if arrival not in (0, no):
        flags |= arrival << _ARRIVAL_SHIFT
    if record.signed_columns.has_accounts:
        flags |= WITH_ACCOUNTS
    first, count = record.first, record.last - record.first + 1
    if not record.is_whole:
        flags |= PARTIAL
    return RecordRow(no, stream, first, count, flags, _sum(stream, first, count, flags, record.line), record.line)


def record_of(row: RecordRow, owner: Stream, reading: Callable[[bytes], LogRecord] = decode) -> LogRecord:
    """The record of a row; `owner` is the stream that its number stands for. Raises DamagedRecord.

    `reading` is `as_it_lies` where it is enough that the row is what was written.
    """
    _, stream, first, count, flags, expected, line = row
    if type(line) is not bytes or _sum(stream, first, count, flags, line) != expected:
        raise DamagedRecord(row, "its checksum does not fit")
    try:
        record = reading(line)
    except ValueError as error:
        raise DamagedRecord(row, str(error)) from error
    if record.stream != owner or record.first != first or record.last != first + count - 1:
        raise DamagedRecord(row, "it stands in another one's place")
    return record


def salvaged_record(row: RecordRow) -> LogRecord | None:
    """The record of a row that was found somewhere in a damaged file, whose stream its line tells; None if it is none.

    What else stands in the row may be damaged, where a line proves itself.
    """
    *_, stream, first, count, flags, expected, line = row
    try:
        record = decode(line)
    except ValueError:
        return None
    fits = _sum(stream, first, count, flags, line) == expected
    return record if fits or (record.is_signed(Ed25519Verifier()) and _is_own(record)) else None


def corrected_record(row: RecordRow) -> LogRecord | None:
    """What a damaged row was, where no more than one byte of its line is damaged and the signature fits again, or where
    the line is whole and proves itself; None otherwise.

    What is damaged beyond that costs the whole record: an entry's digest is made of the entry, and without it nothing
    proves the others.
    """
    *_, stream, first, count, flags, expected, line = row
    if type(line) is not bytes or not all(type(value) is int for value in (stream, first, count, flags, expected)):
        return None
    before = zlib.crc32(b"%d %d %d %d" % (stream, first, count, flags))
    found = corrected(line, expected, before)
    try:
        record = decode(line if found is None else found)
    except ValueError:
        return None
    if not record.is_signed(Ed25519Verifier()):
        return None
    # By how much its server's clock was off no signature says.
    return record if found is not None or (_is_own(record) and not record.dated) else None


def _is_own(record: LogRecord) -> bool:
    return is_certified(record.stream.node) and certified_id(record.key) == record.stream.node


def _sum(stream: int, first: int, count: int, flags: int, line: bytes) -> int:
    return zlib.crc32(line, zlib.crc32(b"%d %d %d %d" % (stream, first, count, flags)))
