"""What follows behind the records: where activities stand in time, accounts, senders, refs, and the numbers received.

A commit syncs records and nothing else. All of this is made of them afterwards, of many at once, in transactions that
wait for no disk: the mark `upto` says up to which record, and is part of each. After a crash a start goes on there.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import compress, islice
from operator import lt, or_
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
from core.wire.entry_columns import EntryColumns
from core.wire.entry_runs import Spans, ids_in
from core.wire.packed_facts import PART_FACTS_MAX, FactPart
from core.wire.packed_refs import PLACES, REF_BYTES, packed_ref
from core.wire.records import LogRecord
from core.wire.version_vector import VersionVector

ACTIVITIES: Final = 1 << 56
"""The place of an activity among all entries in time is this and its stamp; an account's is its stamp alone."""
REGISTRATIONS: Final = "accounts"
CHANGES: Final = "account_changes"
FOLLOW_ENTRIES: Final = 2048
"""About how many entries follow in one transaction: some five milliseconds between two commits."""
BEHIND_ENTRIES: Final = 4 * FOLLOW_ENTRIES
"""With more entries behind, they follow although there is something else to do, a part between two commits."""
BEHIND_ENTRIES_MAX: Final = 2 * BEHIND_ENTRIES
"""With more than that they follow at once: a start has to read them."""

_ONE: Final = 1 << 40
"""One activity, in a number that counts them and their bytes: one look for both of them."""
_ONE_ROW: Final = _ONE + ROW_BYTES

_decoder = msgspec.json.Decoder(AccountFact)


class Kept(NamedTuple):
    """A record that is kept: its number, that of its stream, and itself."""

    no: int
    stream: int
    record: LogRecord


class Totals(msgspec.Struct):
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
            self.entries += len(one.record.signed_columns)

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

    @property
    def is_gathered(self) -> bool:
        """Whether a transaction's part is gathered, or all there is."""
        return bool(self._gathered) and (not self._pending or self._gathered[0].entries >= FOLLOW_ENTRIES)

    def write(self) -> Written:
        """Bring the tables up by some records; within a transaction, which `done` settles."""
        if not self.is_gathered:
            self.gather()
        return self._write(self.totals, 1)

    def write_all(self) -> Written:
        """The same by all that there are."""
        self.gather()
        return self._write(self.totals, len(self._gathered))

    def _write(self, totals: Totals, parts: int) -> Written:
        again: list[EntryId] = []
        entries = count = 0
        for adding in islice(self._gathered, parts):
            self._write_some(adding)
            totals = adding.added_to(totals)
            entries += adding.entries
            count += 1
            again += adding.again
        write_totals(self._connection, totals)
        counted = self.counted
        if again:
            counted = without(counted, again)
            write_still_counted(self._connection, counted.runs)
        if self._refs_written > REFS_RECOVERED:
            self._forget_old_refs()
            self._refs_written = 0
        return Written(totals, count, entries, counted)

    def _write_some(self, adding: _Adding) -> None:
        run = self._connection.executemany
        self.index.add(adding.items)
        run(
            "INSERT INTO senders VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (sender) DO UPDATE SET"
            " activities = activities + excluded.activities, bytes = bytes + excluded.bytes,"
            " stream = iif(excluded.stamp > stamp, excluded.stream, stream),"
            " seq = iif(excluded.stamp > stamp, excluded.seq, seq), stamp = max(stamp, excluded.stamp)",
            adding.senders,
        )
        run("INSERT OR REPLACE INTO refs VALUES (?, ?)", adding.refs)
        for table, facts in adding.facts.items():
            if facts:
                self.write_facts_behind(table, facts)
        self._write_runs(adding.spans)
        self._refs_written += sum([len(packed) for _, packed in adding.refs]) // REF_BYTES

    def done(self, written: Written) -> None:
        """The transaction of `write` is committed."""
        self.totals = written.totals
        self.counted = written.counted
        self.entries -= written.entries
        for _ in range(written.parts):
            adding = self._gathered.popleft()
            if self._heavy is not None and self._heavy.is_watching:
                self._heavy.added(adding.usage)

    # --- the tables ---------------------------------------------------------------------------------------------------

    def _write_runs(self, spans: Sequence[tuple[int, Stream, Spans]]) -> None:
        touched: dict[tuple[int, int], int] = {}
        for stream, named, received in spans:
            runs = self._held.get(named) or Runs()
            for begin, end in received:
                for first, last in runs.within(begin, end):
                    touched[stream, first] = last
        write_runs(self._connection, [(stream, first, last) for (stream, first), last in touched.items()])

    def write_facts_behind(self, table: str, facts: list[AccountFact]) -> None:
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
    counted: VersionVector


class _Adding:
    """What some records add to the tables."""

    def __init__(self, counted: VersionVector) -> None:
        self._counted = counted
        self.again: list[EntryId] = []
        """Those of their entries that are still counted."""
        self.items = Columns.of()
        self._newest: dict[str, int] = {}
        """Where each sender's newest activity stands in `items`."""
        self._last = -1
        """The largest stamp among those."""
        self._taken = defaultdict[str, int](int)
        """What each sender's activities take, as bytes, and so many times `_ONE`."""
        self.refs: list[tuple[int, bytes]] = []
        self.facts: dict[str, list[AccountFact]] = {REGISTRATIONS: [], CHANGES: []}
        self.spans: list[tuple[int, Stream, Spans]] = []
        """Which numbers of which stream there are."""
        self.upto = 0
        self.stamp = 0
        self.entries = 0
        self.overhead = 0

    @property
    def senders(self) -> Iterator[tuple[str | int, ...]]:
        """A row for each."""
        places, streams, numbers = self.items
        for sender, at in sorted(self._newest.items()):
            count, taken = divmod(self._taken[sender], _ONE)
            yield sender, places[at] - ACTIVITIES, streams[at], numbers[at], count, taken

    @property
    def usage(self) -> dict[str, Usage]:
        """How much of each sender there is."""
        return {sender: Usage(*divmod(taken, _ONE)) for sender, taken in self._taken.items()}

    def added_to(self, totals: Totals) -> Totals:
        """What is known of all records up to the last of these."""
        count, taken = divmod(sum(self._taken.values()), _ONE)
        return Totals(
            upto=self.upto,
            stamp=max(totals.stamp, self.stamp),
            activities=totals.activities + count,
            bytes=totals.bytes + taken,
            overhead=totals.overhead + self.overhead,
        )

    def add(self, kept: Kept) -> None:
        no, stream, record = kept
        columns = record.columns
        again = set[int]()
        if self._counted:
            known = [one for one in ids_in({columns.stream: columns.spans}) if one in self._counted]
            self.again += known
            again.update(one.seq for one in known)
        if columns:
            self._add_entries(kept, columns, again)
        self.spans.append((stream, record.stream, record.spans))
        self.upto = no
        self.entries += len(columns)
        if len(again) < len(columns):
            self.overhead += record_overhead(record)

    # Column by column: of each of these much comes, and a column takes a fraction of what its entries take one by one.
    def _add_entries(self, kept: Kept, columns: EntryColumns, again: Collection[int]) -> None:
        stamps = columns.stamps
        self.stamp = max(self.stamp, *stamps)
        places, streams, seqs = self.items
        at: Sequence[int] = range(len(places), len(places) + len(columns))
        streams.extend(array("i", (kept.stream,)) * len(columns))
        seqs.extend(columns.numbers)
        if columns.has_accounts:
            sets = [ACTIVITIES * (not account) for account in columns.accounts]
            places.fromlist([*map(or_, sets, stamps)])
            self._add_facts(
                entry for entry in columns.entries if entry.kind != "activity" and entry.id.seq not in again
            )
            columns, at = columns.at([*compress(range(len(columns)), sets)]), [*compress(at, sets)]
        else:
            places.fromlist([ACTIVITIES | stamp for stamp in stamps])
        if columns:
            self._add_activities(columns, at, again)
            packed = _packed_refs(columns, kept.record.first)
            if packed:
                self.refs.append((kept.no, packed))

    def _add_activities(self, columns: EntryColumns, at: Sequence[int], again: Collection[int]) -> None:
        """`at`: where they stand in `items`."""
        senders, stamps = columns.senders, columns.stamps
        newest = self._newest
        if stamps[0] > self._last and all(map(lt, stamps, islice(stamps, 1, None))):
            # As a server's own are.
            newest.update(zip(senders, at, strict=True))
            self._last = stamps[-1]
        else:
            places = self.items.places
            for sender, here in zip(senders, at, strict=True):
                known = newest.setdefault(sender, here)
                if places[here] > places[known]:
                    newest[sender] = here
            self._last = max(self._last, *stamps)
        taken = self._taken
        if again:
            columns = columns.without(again)
        for sender, body in zip(columns.senders, columns.bodies, strict=True):
            taken[sender] += len(body) + _ONE_ROW

    def _add_facts(self, accounts: Iterable[Entry]) -> None:
        for entry in accounts:
            fact = fact_of(entry)
            if fact is not None:
                self.facts[table_of(fact)].append(fact)


def _packed_refs(columns: EntryColumns, first: int) -> bytes:
    """The refs of activities of a record with this first number."""
    numbers = columns.numbers
    begin = numbers[0] - first
    places = PLACES[begin : begin + len(numbers)]
    if not isinstance(numbers, range):
        places = [PLACES[number - first] for number in numbers]
    rows = zip(places, columns.fingerprints, strict=True)
    return b"".join([place + fingerprint for place, fingerprint in rows if fingerprint is not None])


def packed_refs_of(record: LogRecord) -> bytes:
    """The row of `refs` for a record; empty if its entries have none."""
    return b"".join(
        packed_ref(entry.id.seq - record.first, entry.sender, entry.ref, entry.body)
        for entry in record.entries
        if entry.kind == "activity" and entry.ref is not None
    )


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
