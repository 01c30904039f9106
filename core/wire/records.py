"""Records: what one server accepted in one group commit, sealed; the same line on the wire and on the disk.

A record is a run of entries of one stream. The server that accepted them signs the root of a hash tree over them. So
entries can be left out, by retention or because somebody has them, and the signature still fits what is there. Each
record names the digest of the one before it in its stream: one signature that fits proves all records that stand
before it in the chain, their signatures included (Haber and Stornetta, "How to Time-Stamp a Digital Document", 1991;
Schneier and Kelsey, "Secure Audit Logs to Support Computer Forensics", 1999).

A record without a signature is *loose*: a run of entries as they came, of a server or from a time without keys. Nothing
proves it.

Digests are BLAKE2b with 256 bits (RFC 7693):

- a leaf of the tree (`core.wire.merkle`) is an entry: the bytes of its JSON array as they stand in the line;
- the *content*, which is signed, is the digest of the JSON array `["activity-tui record",version,node,incarnation,
  first,count,stamp,before,key,root]` without blanks, with the tree's root in base 64;
- a record's digest is that of its content's digest, followed by the signature.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from core.wire.entries import COUNTER_MAX, Entry, EntryId, Stream
from core.wire.entry_columns import EntryColumns
from core.wire.entry_runs import Spans
from core.wire.limits import RECORD_BODIES_BYTES_MAX, RECORD_ENTRIES_MAX, SERVER_LINE_BYTES_MAX
from core.wire.merkle import Part, joined, pruned, root, root_of_leaves
from core.wire.messages import Record
from core.wire.sealed_entries import check, decoded, encoded, is_entry, raws, sealed, unsealed, unsealed_alone
from core.wire.signing import KEY_BYTES, SIGNATURE_BYTES, Signer, Verifier

RECORD_VERSION: Final = 1
DIGEST_BYTES: Final = 32

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Record)


class ReadOut(NamedTuple):
    """What a record's line says beyond its fields."""

    parts: Sequence[Part]
    content: bytes
    columns: EntryColumns
    """The entries that are not left out, with the stamps that are signed."""


class LogRecord:
    """A record that is well formed. Whether it is its server's word is another question: `is_signed`, `proved`.

    Records are equal when their lines are.
    """

    __slots__ = ("_columns", "_fields", "_whole", "before", "key", "line", "read_out", "signature", "stream")

    def __init__(self, line: bytes, fields: Record, read_out: ReadOut | None) -> None:
        """For the functions of this module, which know that all of these fit together; without `read_out` it is read
        of `fields` when it is asked for."""
        self.line: Final = line
        """The record as it travels and as it is kept, without a line's end."""
        self.before: Final = _bytes(fields.before, DIGEST_BYTES)
        """The digest of the record before it in its stream; empty for the first, and for a loose one."""
        self.key: Final = _bytes(fields.key, KEY_BYTES)
        """The public key that the signature claims to fit; empty for a loose one."""
        self.signature: Final = _bytes(fields.signature, SIGNATURE_BYTES)
        self.stream: Final = Stream(fields.node, fields.incarnation)
        self._fields = fields
        self._whole: bool | None = None
        self._columns: EntryColumns | None = None
        self.read_out = read_out

    @property
    def _read(self) -> ReadOut:
        if self.read_out is None:
            self.read_out = _read_out(self._fields)
        return self.read_out

    @property
    def message(self) -> Record:
        """What the line says."""
        return self._fields

    @property
    def first(self) -> int:
        """The number of its first entry."""
        return self._fields.first

    @property
    def last(self) -> int:
        """The number of its last entry."""
        return self._fields.first + self._fields.count - 1

    @property
    def dated(self) -> int:
        """Microseconds by which its entries count as later than the stamps that are signed. No signature covers it."""
        return self._fields.dated

    @property
    def digest(self) -> bytes:
        """Names the record, with its signature, whichever entries are left out and however it is dated."""
        return _digest(self._read.content + self.signature)

    @property
    def columns(self) -> EntryColumns:
        """The entries that are not left out, at the time that they count as written."""
        if self._columns is None:
            self._columns = self._read.columns.dated_by(self._fields.dated)
        return self._columns

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The same one by one, in the order of their numbers."""
        return self.columns.entries

    def alone(self, number: int) -> Entry | None:
        """The entry with a number; None if it is left out, or of another record. Of a record that was kept as it lies
        the others are not read. Raises ValueError when it cannot be read."""
        fields = self._fields
        if not self.first <= number <= self.last:
            return None
        first = EntryId(fields.node, fields.incarnation, fields.first)
        try:
            found = unsealed_alone(fields.entries, first, fields.stamp, number)
        except msgspec.DecodeError as error:
            raise ValueError(f"an entry in the record is none: {error}") from None
        return None if found is None else found.dated_by(fields.dated).entries[0]

    @property
    def signed_columns(self) -> EntryColumns:
        """The entries that are not left out, with the stamps that are signed."""
        return self._read.columns

    @property
    def stamp(self) -> int:
        """Its first entry's, as it is signed."""
        return self._fields.stamp

    @property
    def is_whole(self) -> bool:
        """Whether no entry is left out."""
        if self._whole is None:
            if self.read_out is not None:
                self._whole = len(self.read_out.columns) == self._fields.count
            else:
                raws = self._fields.entries
                self._whole = len(raws) == self._fields.count and all(map(is_entry, raws))
        return self._whole

    @property
    def spans(self) -> Spans:
        """The numbers of the entries that are not left out."""
        return ((self.first, self.last),) if self.is_whole else self._read.columns.spans

    @property
    def left_out(self) -> tuple[int, ...]:
        """The numbers of the entries that are left out."""
        here = set(self._read.columns.numbers)
        return tuple(number for number in range(self.first, self.last + 1) if number not in here)

    def is_signed(self, verifier: Verifier) -> bool:
        """Whether its own signature fits: whoever has `key` has said what this record says, but for `dated`."""
        return bool(self.signature) and verifier.fits(self.signature, self.key, self._read.content)

    def without(self, numbers: Collection[int]) -> LogRecord:
        """The same record without the entries of these numbers; hashes take their places."""
        read_out = self._read
        kept = read_out.columns.without(numbers)
        if kept is read_out.columns:
            return self
        parts = pruned(read_out.parts, frozenset(number - self.first for number in numbers))
        fields = msgspec.structs.replace(self._fields, entries=raws(parts))
        return LogRecord(_encoder.encode(fields), fields, ReadOut(parts, read_out.content, kept))

    def joined(self, other: LogRecord) -> LogRecord:
        """The same record with the entries of both, dated as this one. Raises ValueError if they are not the same."""
        if other.digest != self.digest:
            raise ValueError(f"{other} is not {self}")
        if not self.left_out:
            return self
        parts = joined(self._read.parts, other._read.parts)
        if parts == list(self._read.parts):
            return self
        return read(msgspec.structs.replace(self._fields, entries=raws(parts)))

    def dated_by(self, microseconds: int) -> LogRecord:
        """The same record, whose entries count as so much later than they were signed."""
        if microseconds == self.dated:
            return self
        fields = msgspec.structs.replace(self._fields, dated=microseconds)
        return LogRecord(_encoder.encode(fields), fields, self._read)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LogRecord) and other.line == self.line

    def __hash__(self) -> int:
        return hash(self.line)

    def __repr__(self) -> str:
        return f"LogRecord({self.stream}, {self.first} to {self.last})"


class RecordPage(msgspec.Struct, frozen=True):
    """An answer from the store as `core.wire.entries.Page` is one, in records as they lie on the disk.

    Those of one stream are in the order of their numbers. Each has an entry that was asked for, and may have others.
    """

    records: tuple[LogRecord, ...]
    upto: Mapping[Stream, int]
    more: bool
    left: Mapping[Stream, tuple[tuple[int, int], ...]] = {}


# --- made -------------------------------------------------------------------------------------------------------------


def seal(entries: Sequence[Entry], before: bytes, signer: Signer) -> list[LogRecord]:
    """Records of a run of entries of one stream, each signed, the first of them behind the one with digest `before`.

    The next run's `before` is the last one's digest. Raises ValueError when the entries are no run, or one of them is
    none that every server could read.
    """
    records: list[LogRecord] = []
    for part in _parts(entries):
        if records and part[0].id != EntryId(*records[-1].stream, records[-1].last + 1):
            raise ValueError(f"{part[0].id} does not follow {records[-1].last} in its stream")
        record = _record(EntryColumns.of(part), before, signer)
        records.append(record)
        before = record.digest
    return records


def seal_columns(columns: EntryColumns, before: bytes, signer: Signer) -> list[LogRecord]:
    """As `seal`, of a run that is at hand as columns: its numbers leave none out. Raises ValueError as that does."""
    records: list[LogRecord] = []
    for part in _parts_of(columns):
        record = _record(part, before, signer)
        records.append(record)
        before = record.digest
    return records


def loose(entries: Sequence[Entry]) -> list[LogRecord]:
    """Unsigned records of entries as they came, in their order: a new one wherever an entry does not follow.

    Raises ValueError when one of them is none that every server could read.
    """
    return [_record(EntryColumns.of(part), b"", None) for part in _parts(entries)]


def _parts_of(columns: EntryColumns) -> Iterator[EntryColumns]:
    """Parts of a run that are each small enough for one record."""
    sizes = [*map(len, columns.bodies)]
    if len(sizes) <= RECORD_ENTRIES_MAX and sum(sizes) <= RECORD_BODIES_BYTES_MAX:
        yield columns
        return
    numbers = columns.numbers
    begin = size = 0
    for place, one in enumerate(sizes):
        size += one
        if place > begin and (place - begin == RECORD_ENTRIES_MAX or size > RECORD_BODIES_BYTES_MAX):
            yield columns.between(numbers[begin], numbers[place - 1])
            begin, size = place, one
    yield columns.between(numbers[begin], numbers[-1])


def _parts(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """Runs that are each small enough for one record."""
    if len(entries) <= RECORD_ENTRIES_MAX and sum([len(entry.body) for entry in entries]) <= RECORD_BODIES_BYTES_MAX:
        ids = [entry.id for entry in entries]
        if len({entry_id[:2] for entry_id in ids}) == 1 and _are_successive([entry_id[2] for entry_id in ids]):
            # As nearly all commits are.
            yield entries
            return
    part: list[Entry] = []
    size = 0
    for entry in entries:
        size += len(entry.body)
        if part and (
            len(part) == RECORD_ENTRIES_MAX or size > RECORD_BODIES_BYTES_MAX or not _follows(entry, part[-1])
        ):
            yield part
            part, size = [], len(entry.body)
        part.append(entry)
    if part:
        yield part


def _are_successive(numbers: Sequence[int]) -> bool:
    return numbers == [*range(numbers[0], numbers[0] + len(numbers))]


def _follows(entry: Entry, before: Entry) -> bool:
    here, there = entry.id, before.id
    return here.seq == there.seq + 1 and here.incarnation == there.incarnation and here.node == there.node


def _record(columns: EntryColumns, before: bytes, signer: Signer | None) -> LogRecord:
    check(columns)
    node, incarnation = columns.stream
    stamp = columns.stamps[0]
    leaves = sealed(columns, stamp)
    fields = Record(
        version=RECORD_VERSION,
        node=node,
        incarnation=incarnation,
        first=columns.numbers[0],
        count=len(leaves),
        stamp=stamp,
        before=encoded(before),
        entries=[*map(msgspec.Raw, leaves)],
        key="" if signer is None else encoded(signer.key),
    )
    content = _content(fields, root_of_leaves(leaves))
    if signer is not None:
        fields = msgspec.structs.replace(fields, signature=encoded(signer.sign(content)))
    line = _encoder.encode(fields)
    if b"\n" in line or b"\r" in line:
        first = EntryId(node, incarnation, columns.numbers[0])
        raise ValueError(f"{first}: its body, or one behind it, is not in one line")
    return LogRecord(line, fields, ReadOut(leaves, content, columns))


# --- read -------------------------------------------------------------------------------------------------------------


def decode(line: bytes) -> LogRecord:
    """Read a line without its end. Raises ValueError, with a sentence, and nothing else, whatever the bytes are.

    Each record has one line: what would mean the same, written otherwise, is refused.
    """
    if len(line) > SERVER_LINE_BYTES_MAX:
        raise ValueError(f"the record is longer than {SERVER_LINE_BYTES_MAX} bytes")
    if b"\n" in line or b"\r" in line:
        raise ValueError("the record has several lines")
    try:
        if not line.isascii():
            line.decode()
        record = read(_decoder.decode(line))
    except UnicodeDecodeError:
        raise ValueError("the record is not UTF-8") from None
    except RecursionError:
        raise ValueError("the record is nested too deeply") from None
    except msgspec.DecodeError as error:
        raise ValueError(f"not a record: {error}") from None
    if record.line != line:
        raise ValueError("the record is not written in the one way in which records are")
    return record


def read(message: Record) -> LogRecord:
    """Read a record that came as a message, without what its line may have had beyond that.

    Raises ValueError with a sentence.
    """
    read_out = _read_out(message)
    return LogRecord(_encoder.encode(message), message, read_out)


def as_it_lies(line: bytes) -> LogRecord:
    """A record of a line that `decode` has read before, or that was made here, as a checksum shows: most are passed on
    as they lie, and nobody asks for their entries. Raises ValueError, then or when they are asked for, for others."""
    try:
        return LogRecord(line, _decoder.decode(line), None)
    except msgspec.DecodeError as error:
        raise ValueError(f"not a record: {error}") from None


def _read_out(message: Record) -> ReadOut:
    if bool(message.key) != bool(message.signature):
        raise ValueError("the record has a key or a signature, and not both")
    if message.before and not message.key:
        raise ValueError("the record stands in a chain and is not signed")
    first = EntryId(message.node, message.incarnation, message.first)
    try:
        parts, columns, count = unsealed(message.entries, first, message.stamp)
    except msgspec.DecodeError as error:
        raise ValueError(f"an entry in the record is none: {error}") from None
    if count != message.count or message.first + count - 1 > COUNTER_MAX:
        raise ValueError(f"the record does not have {message.count} entries")
    leaves = [part for part in parts if isinstance(part, bytes)]
    top = root_of_leaves(leaves) if len(leaves) == len(parts) else root(parts)
    return ReadOut(parts, _content(message, top), columns)


# --- proved -----------------------------------------------------------------------------------------------------------


def proved(records: Sequence[LogRecord], verifier: Verifier) -> list[bool]:
    """Of each record whether its key's owner has signed it. Those of one stream are in their order.

    One that a proved one of its key names as the one before it needs no look at its own signature.
    """
    answers = [False] * len(records)
    followers: dict[Stream, LogRecord] = {}
    for place in range(len(records) - 1, -1, -1):
        record = records[place]
        follower = followers.get(record.stream)
        named = follower is not None and follower.key == record.key and follower.before == record.digest
        answers[place] = named or record.is_signed(verifier)
        if answers[place]:
            followers[record.stream] = record
    return answers


# --- digests ----------------------------------------------------------------------------------------------------------


def _content(fields: Record, top: bytes) -> bytes:
    said = (
        *("activity-tui record", fields.version, fields.node, fields.incarnation, fields.first, fields.count),
        *(fields.stamp, fields.before, fields.key, encoded(top)),
    )
    return _digest(_encoder.encode(said))


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()


def _bytes(text: str, length: int) -> bytes:
    return decoded(text, length) if text else b""
