"""What follows behind the records: where activities stand in time, accounts, senders, refs, and the numbers received.

A commit syncs records and nothing else. All of this is made of them afterwards, of many at once, in transactions that
wait for no disk: the mark `upto` says up to which record, and is part of each. After a crash a start goes on there.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

import msgspec

from core.store.checksums import DamagedRow, check, checksum, packed_checksum
from core.store.contents import REFS_RECOVERED, record_overhead
from core.store.heavy_writers import HeavyWriters
from core.store.held import Held
from core.store.retention import ROW_BYTES, Usage
from core.store.sequence_runs import Runs
from core.store.still_counted import read_still_counted, without, write_still_counted
from core.store.stream_numbers import StreamNumbers
from core.store.time_blocks import Columns
from core.store.time_index import TimeIndex
from core.wire.account_votes import counted
from core.wire.entries import AccountFact, Entry, EntryId, Stream
from core.wire.entry_runs import Spans
from core.wire.idempotency import last_fingerprint
from core.wire.packed_facts import PART_FACTS_MAX, FactPart
from core.wire.packed_refs import PLACES, REF_BYTES
from core.wire.records import LogRecord
from core.wire.version_vector import VersionVector

ACTIVITIES: Final = 1 << 56
"""The place of an activity among all entries in time is this and its stamp; an account's is its stamp alone."""
REGISTRATIONS: Final = "accounts"
CHANGES: Final = "account_changes"
FOLLOW_ENTRIES: Final = 4096
"""About how many entries follow in one transaction: some ten milliseconds between two commits."""
BEHIND_ENTRIES_MAX: Final = 2 * FOLLOW_ENTRIES
"""With more entries behind, they follow although there is something else to do: a start has to read them."""

_decoder = msgspec.json.Decoder(AccountFact)


class Kept(NamedTuple):
    """A record that is kept: its number, that of its stream, and itself."""

    no: int
    stream: int
    record: LogRecord


@dataclass(slots=True)
class Totals:
    """What is known of all records up to one."""

    upto: int = 0
    """The number of the last record that all of this has followed."""
    stamp: int = 0
    """The largest stamp that an entry has had."""
    activities: int = 0
    bytes: int = 0
    """What the activities take, each with ROW_BYTES."""
    overhead: int = 0
    """What records take beyond that: see `overhead_of`."""


class Behind:
    """The tables that follow. Every method but `push` and `gather` raises sqlite3.Error."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        held: Held,
        heavy: HeavyWriters | None = None,
        streams: StreamNumbers | None = None,
    ) -> None:
        """`heavy` is told of what each transaction adds to whose activities."""
        self._connection = connection
        self.index = TimeIndex(connection, StreamNumbers(connection) if streams is None else streams)
        self._held = held
        self._heavy = heavy
        self.totals = read_totals(connection)
        self.counted = read_still_counted(connection)
        """What was damaged, and is not counted once more when it comes again."""
        self._pending: deque[Kept] = deque()
        self._gathered: deque[_Adding] = deque()
        self.entries = 0
        """How many entries are to follow."""
        self._refs_written = 0

    def use(self, connection: sqlite3.Connection, streams: StreamNumbers) -> None:
        """From now on the database is reached over another connection."""
        self._connection = connection
        self.index.use(connection, streams)

    def push(self, kept: Iterable[Kept]) -> None:
        """These records are synced, and numbers of theirs are in `held`."""
        for one in kept:
            self._pending.append(one)
            self.entries += len(one.record.entries)

    @property
    def pending(self) -> bool:
        return bool(self._pending or self._gathered)

    def gather(self) -> None:
        """See what records add to the tables: soon after they were written they are at hand, and it takes less."""
        gathered = self._gathered
        while self._pending:
            if not gathered or gathered[-1].entries >= FOLLOW_ENTRIES:
                gathered.append(_Adding(self.counted))
            gathered[-1].add(self._pending[0])
            self._pending.popleft()

    def write(self) -> Written:
        """Bring the tables up by some records; within a transaction, which `done` settles."""
        return self._write(self.totals, 1)

    def write_all(self) -> Written:
        """The same by all that there are."""
        self.gather()
        return self._write(self.totals, len(self._gathered))

    def _write(self, totals: Totals, parts: int) -> Written:
        self.gather()
        usage: list[dict[str, Usage]] = []
        again: list[EntryId] = []
        entries = 0
        for adding in islice(self._gathered, parts):
            self._write_some(adding)
            totals = adding.added_to(totals)
            entries += adding.entries
            usage.append({sender: Usage(one.activities, one.bytes) for sender, one in adding.written.items()})
            again += adding.again
        write_totals(self._connection, totals)
        counted = self.counted
        if again:
            counted = without(counted, again)
            write_still_counted(self._connection, counted.runs)
        if self._refs_written > REFS_RECOVERED:
            self._forget_old_refs()
            self._refs_written = 0
        return Written(totals, len(usage), entries, usage, counted)

    def _write_some(self, adding: _Adding) -> None:
        run = self._connection.executemany
        self.index.add(adding.items)
        run(
            "INSERT INTO senders VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (sender) DO UPDATE SET"
            " activities = activities + excluded.activities, bytes = bytes + excluded.bytes,"
            " stream = iif(excluded.stamp > stamp, excluded.stream, stream),"
            " seq = iif(excluded.stamp > stamp, excluded.seq, seq), stamp = max(stamp, excluded.stamp)",
            [(sender, *adding.written[sender].row) for sender in sorted(adding.written)],
        )
        run("INSERT OR REPLACE INTO refs VALUES (?, ?)", adding.refs)
        for table, facts in adding.facts.items():
            if facts:
                self._write_facts(table, facts)
        self._write_runs(adding.spans)
        self._refs_written += sum([len(packed) for _, packed in adding.refs]) // REF_BYTES

    def done(self, written: Written) -> None:
        """The transaction of `write` is committed."""
        self.totals = written.totals
        self.counted = written.counted
        for _ in range(written.parts):
            self._gathered.popleft()
        self.entries -= written.entries
        if self._heavy is not None:
            for usage in written.usage:
                self._heavy.added(usage)

    # --- the tables ---------------------------------------------------------------------------------------------------

    def _write_runs(self, spans: Sequence[tuple[int, Stream, Spans]]) -> None:
        touched: dict[tuple[int, int], int] = {}
        for stream, named, received in spans:
            runs = self._held.get(named) or Runs()
            for begin, end in received:
                for first, last in runs.within(begin, end):
                    touched[stream, first] = last
        write_runs(self._connection, [(stream, first, last) for (stream, first), last in touched.items()])

    def _write_facts(self, table: str, facts: list[AccountFact]) -> None:
        """Put accounts behind the last ones. A part that is not much larger than what comes is joined with it, so there
        are few parts, and each fact is written anew some ten times (the logarithmic method, Bentley and Saxe, 1980)."""
        rows = self._connection.execute(f"SELECT no, texts, marks, sum FROM {table} ORDER BY no DESC")
        next_no = 1
        for row in rows:
            part = fact_part(row)
            next_no = row[0] + 1
            if len(part) >= 2 * len(facts) or len(part) + len(facts) > PART_FACTS_MAX:
                break
            facts = [*part, *facts]
            next_no = row[0]
        rows.close()
        self._connection.execute(f"DELETE FROM {table} WHERE no >= ?", (next_no,))
        write_facts(self._connection, table, next_no, facts)

    def _forget_old_refs(self) -> None:
        count = 0
        rows = self._connection.execute("SELECT record, length(packed) FROM refs ORDER BY record DESC")
        for record, size in rows:
            count += size // REF_BYTES
            if count >= REFS_RECOVERED:
                rows.close()
                self._connection.execute("DELETE FROM refs WHERE record < ?", (record,))
                return


class Written(NamedTuple):
    """What a transaction has brought up, once it is committed."""

    totals: Totals
    parts: int
    entries: int
    usage: Sequence[dict[str, Usage]]
    counted: VersionVector


class _OfSender:
    """What is written of one sender's activities."""

    __slots__ = ("activities", "bytes", "seq", "stamp", "stream")

    def __init__(self) -> None:
        self.stamp = -1
        """Of the newest one, whose stream and number these are."""
        self.stream = self.seq = 0
        self.activities = 0
        self.bytes = 0

    @property
    def row(self) -> tuple[int, int, int, int, int]:
        return self.stamp, self.stream, self.seq, self.activities, self.bytes


class _Adding:
    """What some records add to the tables."""

    def __init__(self, counted: VersionVector) -> None:
        self._counted = counted
        self.again: list[EntryId] = []
        """Those of their entries that are still counted."""
        self.items = Columns.of()
        self.written: dict[str, _OfSender] = {}
        self.refs: list[tuple[int, bytes]] = []
        self.facts: dict[str, list[AccountFact]] = {REGISTRATIONS: [], CHANGES: []}
        self.spans: list[tuple[int, Stream, Spans]] = []
        """Which numbers of which stream there are."""
        self.upto = 0
        self.stamp = 0
        self.entries = 0
        self.overhead = 0

    def added_to(self, totals: Totals) -> Totals:
        """What is known of all records up to the last of these."""
        return Totals(
            upto=self.upto,
            stamp=max(totals.stamp, self.stamp),
            activities=totals.activities + sum(one.activities for one in self.written.values()),
            bytes=totals.bytes + sum(one.bytes for one in self.written.values()),
            overhead=totals.overhead + self.overhead,
        )

    def add(self, kept: Kept) -> None:
        no, stream, record = kept
        entries = record.entries
        first = record.first
        refs: list[bytes] = []
        places: list[int] = []
        # How far each number is behind the first.
        offsets = range(len(entries)) if record.is_whole else [entry.id.seq - first for entry in entries]
        written = self.written
        again = {entry.id.seq for entry in entries if entry.id in self._counted} if self._counted else ()
        if again:
            self.again += (entry.id for entry in entries if entry.id.seq in again)
        for offset, entry in zip(offsets, entries, strict=True):
            stamp = entry.stamp
            if entry.kind != "activity":
                places.append(stamp)
                self.stamp = max(self.stamp, stamp)
                fact = fact_of(entry)
                if fact is not None and first + offset not in again:
                    self.facts[table_of(fact)].append(fact)
                continue
            places.append(ACTIVITIES | stamp)
            sender, ref, body = entry.sender, entry.ref, entry.body
            known = written.get(sender)
            if known is None:
                known = written[sender] = _OfSender()
            if stamp > known.stamp:
                known.stamp, known.stream, known.seq = stamp, stream, first + offset
            if not again or first + offset not in again:
                known.activities += 1
                known.bytes += len(body) + ROW_BYTES
            if ref is not None:
                refs += (PLACES[offset], last_fingerprint(sender, ref, body))
        self.items.places.extend(places)
        self.items.streams.extend([stream] * len(entries))
        self.items.seqs.extend([first + offset for offset in offsets])
        self.stamp = max(self.stamp, max(places, default=0) - ACTIVITIES)
        if refs:
            self.refs.append((no, b"".join(refs)))
        self.spans.append((stream, record.stream, record.spans))
        self.upto = no
        self.entries += len(entries)
        if len(again) < len(entries):
            self.overhead += record_overhead(record)


def fact_of(entry: Entry) -> AccountFact | None:
    """What an account's entry says; None for what is none, which a liar may have sealed."""
    try:
        return counted(_decoder.decode(entry.body), entry.id.node)
    except (msgspec.MsgspecError, RecursionError):
        return None


# --- rows -------------------------------------------------------------------------------------------------------------


def read_totals(connection: sqlite3.Connection) -> Totals:
    """Raises DamagedRow, sqlite3.Error."""
    row = connection.execute("SELECT upto, stamp, activities, bytes, overhead, sum FROM behind").fetchone()
    check("behind", row is not None, True)
    *values, expected = row
    check("behind", expected, checksum(*values))
    return Totals(*values)


def write_totals(connection: sqlite3.Connection, totals: Totals) -> None:
    values = (totals.upto, totals.stamp, totals.activities, totals.bytes, totals.overhead)
    connection.execute(
        "UPDATE behind SET upto = ?, stamp = ?, activities = ?, bytes = ?, overhead = ?, sum = ?",
        (*values, checksum(*values)),
    )


def write_runs(connection: sqlite3.Connection, runs: Sequence[tuple[int, int, int]]) -> None:
    """Put (stream, first, last) in the place of all runs that they hold."""
    connection.executemany("DELETE FROM runs WHERE stream = ? AND first BETWEEN ? AND ?", runs)
    connection.executemany("INSERT INTO runs VALUES (?, ?, ?, ?)", [(*run, checksum(*run)) for run in runs])


def table_of(fact: AccountFact) -> str:
    """Which of the two tables of facts has it."""
    return REGISTRATIONS if fact.key is None else CHANGES


def write_facts(connection: sqlite3.Connection, table: str, no: int, facts: Sequence[AccountFact]) -> None:
    """Put facts into parts from a number on."""
    for begin in range(0, len(facts), PART_FACTS_MAX):
        part = FactPart.of(facts[begin : begin + PART_FACTS_MAX])
        marks = part.marks
        connection.execute(
            f"INSERT INTO {table} VALUES (?, ?, ?, ?)",
            (no, part.texts, marks, packed_checksum((part.texts, marks), no)),
        )
        no += 1


def fact_part(row: tuple[int, bytes, bytes, int]) -> FactPart:
    """The part of a row. Raises DamagedRow."""
    no, texts, marks, expected = row
    check("accounts", expected, packed_checksum((texts, marks), no))
    try:
        return FactPart(texts, marks)
    except ValueError as error:
        raise DamagedRow(str(error)) from error
