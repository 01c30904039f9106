"""Each row of a database against its checksum, and what follows the records against them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from core.store.behind import ACTIVITIES, CHANGES, REGISTRATIONS, fact_of, fact_part, read_totals
from core.store.checksums import DamagedRow, checksum
from core.store.document_rows import WITH_DOCUMENTS, read_documents
from core.store.held import Held
from core.store.held_rows import read_held
from core.store.past_starts import read_past
from core.store.record_rows import RECORD_COLUMNS, DamagedRecord, RecordRow, record_of
from core.store.retention import ROW_BYTES
from core.store.server_key_rows import read_keys
from core.store.still_counted import read_still_counted
from core.store.stream_numbers import StreamNumbers
from core.store.time_index import TimeIndex
from core.wire.address import Address
from core.wire.entries import EntryId, Stream
from core.wire.entry_runs import EntryRuns, count_of, named
from core.wire.packed_refs import REF_BYTES, packed_ref, packed_ref_of_any_content
from core.wire.records import LogRecord
from core.wire.server_keys import certified_id, is_certified
from core.wire.signing import Verifier

_MASK: Final = (1 << 64) - 1


class Damage(msgspec.Struct, frozen=True):
    """Something that is not what was written."""

    what: str
    """A sentence, without its end."""
    node: str = ""
    incarnation: int = 0
    first: int = 0
    last: int = 0
    """Of a record, as far as it can be told: whose, and which numbers."""


class Verification(msgspec.Struct):
    """What was read, and what of it is damaged."""

    path: Path
    backup: bool = False
    schema: int = 0
    node: str = ""
    incarnation: int = 0
    streams: int = 0
    records: int = 0
    signed: int = 0
    """How many records have a signature that fits; the others have none."""
    activities: int = 0
    accounts: int = 0
    missing: EntryRuns = {}
    """What was damaged and taken out while its server ran, and has not come again."""
    damage: list[Damage] = []
    structure_whole: bool = True
    """Whether SQLite finds nothing wrong with the file."""
    with_records: bool = False
    """Whether it is of a version that has records; of an older one the structure alone is looked at."""
    refused: bool = False
    """Whether a start refuses it until a person has chosen how to go on."""
    same_tables: bool = False
    """Whether its tables are those of the current version."""

    @property
    def missing_names(self) -> str:
        """That, as a person can look for it."""
        return named(self.missing)


class TableChecks:
    """The rows."""

    def __init__(self, connection: sqlite3.Connection, found: Verification, verifier: Verifier | None) -> None:
        self._connection = connection
        self._found = found
        self._verifier = verifier
        self._bound: dict[str, bytes] = {}
        self._held = Held()
        self._upto = 0
        self._items = [0, 0]
        """How many entries records have, and the sum of the hashes of their places."""
        self._facts = 0
        self._senders: dict[str, list[int]] = {}
        """Of each how many activities there are, their bytes, and the stamp of the newest."""
        self._newest: dict[str, set[tuple[int, int]]] = {}
        """Of each the streams and numbers of the activities with that stamp."""
        self._overlaps = False
        self._bytes = 0

    def small(self) -> Iterator[Damage]:
        """Tables of which each row has its own checksum, and little to be compared with."""
        run = self._connection.execute
        nodes = run("SELECT id, incarnation, sum FROM node").fetchall()
        if len(nodes) != 1 or checksum(*nodes[0][:2]) != nodes[0][2]:
            yield Damage("the row that says whose data it is is damaged or missing")
        else:
            self._found.node, self._found.incarnation, _ = nodes[0]
        for name, value, backed_up, expected in run("SELECT name, value, backed_up, sum FROM settings"):
            if checksum(name, value, backed_up) != expected:
                yield Damage(f"the setting {name!r} is damaged")
        for no, node, incarnation, expected in run("SELECT no, node, incarnation, sum FROM streams"):
            self._found.streams += 1
            if checksum(no, node, incarnation) != expected:
                yield Damage(f"the row of the stream {node}.{incarnation} is damaged")
        for step in (self._keys, self._documents, self._read_held, self._peers, self._totals, self._read_missing):
            try:
                step()
            except (sqlite3.Error, ValueError, TypeError, OverflowError) as error:
                yield Damage(str(error))

    def _keys(self) -> None:
        self._bound = {one.id: one.key for one in read_keys(self._connection)}

    def _documents(self) -> None:
        if 0 < self._found.schema < WITH_DOCUMENTS:
            return
        for _ in read_documents(self._connection):
            pass

    def _read_held(self) -> None:
        self._found.streams += len(read_past(self._connection))
        self._held = read_held(self._connection)

    def _totals(self) -> None:
        self._upto = read_totals(self._connection).upto

    def _read_missing(self) -> None:
        self._found.missing = read_still_counted(self._connection).runs

    def _peers(self) -> None:
        for peer, host, port, name, seen_at, others in self._connection.execute(
            "SELECT id, hostname, port, name, seen_at, others FROM peers"
        ):
            texts = all(isinstance(text, str) for text in (peer, host, name, others))
            if not texts or not isinstance(port, int) or not 0 <= port < 1 << 16 or not isinstance(seen_at, float):
                raise ValueError(f"the row of the known server {peer!r} is damaged")
            try:
                msgspec.json.decode(others, type=tuple[Address, ...])
            except msgspec.MsgspecError:
                raise ValueError(f"the addresses of the known server {peer!r} are damaged") from None

    def records(self) -> Iterator[Damage]:
        """Each record: its row, its digests, its signature and its place in the chain."""
        streams = StreamNumbers(self._connection)
        before: LogRecord | None = None
        last = 0
        for row in map(
            RecordRow._make,
            self._connection.execute(f"SELECT {RECORD_COLUMNS} FROM records ORDER BY stream, first, no"),
        ):
            self._found.records += 1
            try:
                owner = streams.of(row.stream)
                record = record_of(row, owner)
            except DamagedRecord as damage:
                yield _damage_of(row, streams, damage.what)
                before = None
                continue
            except (sqlite3.Error, ValueError, TypeError) as error:
                yield _damage_of(row, streams, str(error))
                before = None
                continue
            # Two records overlap only where a neighbour told single entries before their record came.
            if before is not None and before.stream == owner and row.first <= last:
                self._overlaps = True
            what = self._proof(record, before)
            if what:
                yield _damage_of(row, streams, what)
            before, last = record, record.last
            yield from self._entries(row, record)

    def _proof(self, record: LogRecord, before: LogRecord | None) -> str:
        """What is wrong with its signature or its place, in words; nothing if nothing is."""
        if not record.signature:
            return ""
        node = record.stream.node
        if is_certified(node):
            right = certified_id(record.key) == node
        else:
            right = self._bound.get(node, record.key) == record.key
        if not right:
            return "it is signed with another server's key"
        if self._verifier is not None:
            if not record.is_signed(self._verifier):
                return "its signature does not fit"
            self._found.signed += 1
        follows = before is not None and before.stream == record.stream and before.last + 1 == record.first
        if follows and before is not None and before.signature and record.before and record.before != before.digest:
            return "it does not name the record that stands before it in its chain"
        return ""

    def _entries(self, row: RecordRow, record: LogRecord) -> Iterator[Damage]:
        missing = False
        items = self._items
        followed = row.no <= self._upto
        for entry in record.entries:
            seq = entry.id.seq
            is_activity = entry.kind == "activity"
            if is_activity:
                self._found.activities += 1
            else:
                self._found.accounts += 1
            if not followed:
                continue
            items[0] += 1
            place = ACTIVITIES | entry.stamp if is_activity else entry.stamp
            items[1] = items[1] + hash((place, row.stream, seq)) & _MASK
            missing = missing or not self._held.holds(entry.id)
            if is_activity:
                size = len(entry.body) + ROW_BYTES
                written = self._senders.setdefault(entry.sender, [0, 0, 0])
                written[0] += 1
                written[1] += size
                if entry.stamp > written[2] or entry.sender not in self._newest:
                    self._newest[entry.sender] = {(row.stream, seq)}
                elif entry.stamp == written[2]:
                    self._newest[entry.sender].add((row.stream, seq))
                written[2] = max(written[2], entry.stamp)
                self._bytes += size
            elif fact_of(entry) is not None:
                self._facts += 1
        if missing:
            yield Damage(
                f"what has been received of the stream {record.stream.node}.{record.stream.incarnation} does not name"
                f" all of its numbers {record.first} to {record.last}, which are kept",
                *record.stream,
                record.first,
                record.last,
            )

    def behind(self) -> Iterator[Damage]:
        """What follows the records, against them."""
        if self._overlaps:
            # Then one entry stands in several records, and is counted in one.
            yield from self._accounts()
            return
        count, total, hidden = 0, 0, 0
        streams = StreamNumbers(self._connection)
        for block in TimeIndex(self._connection, streams).blocks():
            count += len(block)
            hidden += block.hidden
            for item in block.items:
                total = total + hash(item) & _MASK
            if not block.is_summed_rightly(streams.name):
                yield Damage(f"the sum of what was received from the place {block.begin} on does not fit it")
        if [count, total] != self._items:
            yield Damage(
                f"the index of entries by time does not fit the records ({count} places, {self._items[0]} entries)"
            )
        if count + hidden > self._held.received:
            yield Damage(f"sums are of {count + hidden} entries, and {self._held.received} have been received")
        yield from self._counts()
        yield from self._latest()
        yield from self._refs()
        yield from self._accounts()

    def _counts(self) -> Iterator[Damage]:
        """What is counted of activities. That counts what is missing, too, whoever has written it."""
        totals = read_totals(self._connection)
        kept = sum(written[0] for written in self._senders.values())
        missing = count_of(self._found.missing)
        fits = (totals.activities, totals.bytes) == (kept, self._bytes) or (
            kept <= totals.activities <= kept + missing and totals.bytes >= self._bytes and missing
        )
        if not fits:
            yield Damage(
                f"the sums of what is kept do not fit the records ({totals.activities} activities, not {kept})"
            )
        for sender, stamp, stream, seq, activities, taken in self._connection.execute(
            "SELECT sender, stamp, stream, seq, activities, bytes FROM senders"
        ):
            written = self._senders.pop(sender, [0, 0, stamp])
            newest = not activities or stamp == written[2] or (stamp > written[2] and self._is_dropped(stream, seq))
            fits = [activities, taken] == written[:2] and newest
            if not fits and missing and written[0] <= activities and written[1] <= taken:
                missing -= activities - written[0]
                fits = missing >= 0
            if not fits or stamp < written[2]:
                yield Damage(
                    f"what is kept of the activities of {sender or 'anonymous people'!r} does not fit the records"
                )
        for sender in self._senders:
            yield Damage(f"the row of the writer {sender!r} is missing")

    def _latest(self) -> Iterator[Damage]:
        streams = StreamNumbers(self._connection)
        rows = self._connection.execute("SELECT sender, stream, seq FROM senders WHERE activities > 0")
        for sender, stream, seq in rows:
            if (stream, seq) in self._newest.get(sender, ()) or self._is_dropped(stream, seq):
                continue
            missing = self._found.missing and self._found.missing.get(streams.of(stream), ())
            if not missing or not any(first <= seq <= last for first, last in missing):
                yield Damage(f"the newest activity of {sender or 'anonymous people'!r} is not {seq} of stream {stream}")

    def _is_dropped(self, stream: int, seq: int) -> bool:
        """Whether a number has been received, and no record has it: what an operator removes may be the newest."""
        try:
            owner = StreamNumbers(self._connection).of(stream)
            if not self._held.holds(EntryId(*owner, seq)):
                return False
            rows = self._connection.execute(
                f"SELECT {RECORD_COLUMNS} FROM records WHERE stream = ? AND first <= ? AND first + count > ?",
                (stream, seq, seq),
            )
            records = [record_of(RecordRow._make(row), owner) for row in rows]
        except DamagedRow:
            return False
        return not any(entry.id.seq == seq for record in records for entry in record.entries)

    def _refs(self) -> Iterator[Damage]:
        streams = StreamNumbers(self._connection)
        (first,) = self._connection.execute("SELECT min(record) FROM refs").fetchone()
        if first is None:
            first = self._upto + 1 if self._found.activities else 0
        packed_of = self._connection.execute(
            f"SELECT {', '.join('records.' + name for name in RECORD_COLUMNS.split(', '))}, packed FROM records"
            " LEFT JOIN refs ON refs.record = records.no WHERE records.no BETWEEN ? AND ? ORDER BY records.no",
            (first, self._upto),
        )
        for *values, packed in packed_of:
            row = RecordRow._make(values)
            try:
                record = record_of(row, streams.of(row.stream))
            except (sqlite3.Error, ValueError):
                continue
            if not _fit(record, packed or b""):
                yield Damage(f"the names that senders have given their activities do not fit record {row.no}")
        rows = self._connection.execute("SELECT record FROM refs WHERE record NOT IN (SELECT no FROM records)")
        for (no,) in rows:
            yield Damage(f"there are names of activities of a record {no} that is not there")

    def _accounts(self) -> Iterator[Damage]:
        count = 0
        for table in (REGISTRATIONS, CHANGES):
            for row in self._connection.execute(f"SELECT no, texts, marks, sum FROM {table} ORDER BY no"):
                count += len(fact_part(row))
        if count < self._facts:
            yield Damage(f"the tables of accounts lack {self._facts - count} that the records have")


def _fit(record: LogRecord, packed: bytes) -> bool:
    """Whether what is kept of the refs of a record's activities is what follows from them."""
    named = [
        (entry.id.seq - record.first, entry.sender, entry.ref, entry.body)
        for entry in record.entries
        if entry.kind == "activity" and entry.ref is not None
    ]
    have = {packed[at : at + REF_BYTES] for at in range(0, len(packed), REF_BYTES)}
    return any(
        have.issuperset(expected) and (record.left_out or len(have) == len(expected))
        for expected in (
            {packed_ref(*one) for one in named},
            {packed_ref_of_any_content(place, sender, ref) for place, sender, ref, _ in named},
        )
    )


def _damage_of(row: RecordRow, streams: StreamNumbers, what: str) -> Damage:
    try:
        owner = streams.of(row.stream)
    except (sqlite3.Error, ValueError, TypeError):
        owner = Stream("", 0)
    last = row.first + row.numbers - 1
    name = f"{owner.node}.{owner.incarnation}" if owner.node else f"of number {row.stream}"
    return Damage(
        f"record {row.no}, numbers {row.first} to {last} of the stream {name}, is damaged: {what}",
        *owner,
        row.first,
        last,
    )
