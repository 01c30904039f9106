"""The store that a node has by default: one SQLite file in its data directory.

A commit is synced (write-ahead log, `synchronous=FULL`), and whole or not at all: the records of what was accepted, as
rows. Everything else follows behind (`behind`). One connection writes and reads, from the thread that opened the store
(`opening`); backups read through another.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import msgspec
from msgspec.structs import replace

from core.reconciliation.range_comparison import ItemRange
from core.reconciliation.summary_queries import (
    DroppedFound,
    DroppedWanted,
    SummaryAnswer,
    SummaryQuery,
    UnprovedWanted,
    summed_range,
)
from core.store import archive, backup, identity_copy, taking_out, witness
from core.store.agreed_ranges import asked_about, compared
from core.store.behind import (
    ACTIVITIES,
    BEHIND_ENTRIES,
    BEHIND_ENTRIES_MAX,
    FOLLOW_ENTRIES,
    Behind,
    Kept,
    Totals,
    write_runs,
    write_totals,
)
from core.store.checksums import DamagedRow, check, checksum
from core.store.contents import Position
from core.store.data_directory import DataDirectory
from core.store.document_rows import write_documents
from core.store.found_damage import FoundDamage
from core.store.gone import Gone
from core.store.grouping import Chain, Group, group_of
from core.store.heavy_writers import HeavyWriters
from core.store.held import Held
from core.store.held_rows import read_held
from core.store.loss import KnownPast
from core.store.mending import mark, mend
from core.store.missing_pages import missing_page
from core.store.not_again import note_not_again
from core.store.open_database import OpenDatabase
from core.store.paging import dropped_of, newest_within, read_page, wanted_page
from core.store.past_pages import past_page
from core.store.proofs import put_proof, unproved
from core.store.record_paging import read_record_page, wanted_record_page
from core.store.record_rows import row_of
from core.store.removing import Removing
from core.store.retention import Dropping, Retention, Usage
from core.store.schema import Schema
from core.store.sequence_runs import Runs
from core.store.server_key_rows import key_row
from core.store.sqlite_shelf import SqliteShelf
from core.store.sqlite_summary import HORIZON_SETTING, SqliteSummary
from core.store.store_errors import NotSalvageable, StoreError, StoreUnmendable, StoreUnreadable, StoreUnwritable
from core.store.time_blocks import Columns, ItemPlace
from core.store.trimming import BEGIN, Trimming
from core.wire.entries import Entry, EntryId, Fetch, Page, Wanted
from core.wire.entry_runs import NO_ENTRIES, EntryRuns
from core.wire.keepables import Keepable
from core.wire.missing import FindArrived, FindDated, FoundRuns, Missing
from core.wire.past_query import PastQuery
from core.wire.records import LogRecord, RecordPage
from core.wire.server_keys import is_certified
from core.wire.signing import Signer


class SqliteStore:
    """See `core.store.store_interface.Store`; opened by `open_store`."""

    def __init__(
        self,
        directory: DataDirectory,
        connection: sqlite3.Connection,
        held: Held,
        retention: Retention,
        chain: Chain,
        notes: witness.Notes,
        schema: Schema,
    ) -> None:
        """`held` is what has been received, and all that follows records has followed them."""
        self.findings: Sequence[str] = tuple(dict.fromkeys(directory.findings))
        self.ended_badly = False
        self.rescued: Path | None = None
        self._found = FoundDamage(directory.database)
        self.discoveries = self._found.discoveries
        self.gone = Gone()
        self._notes = notes
        self._schema = schema
        self._directory = directory
        self._database = OpenDatabase(directory, connection, schema, self._found)
        self._writing = self._database.writing
        self._held = held
        self._retention = retention
        self._chain = chain
        self._scanned: dict[str, ItemPlace] = {}
        """For writers who have too much, up to where everything of theirs has been dropped."""
        self._backing_up = threading.Lock()
        self._closed = False
        share = retention.share
        share_of_all = Usage(int(share * (retention.activities or 0)), int(share * (retention.bytes or 0)))
        self._heavy = HeavyWriters(connection, share_of_all)
        self._behind = Behind(connection, held, self._heavy)
        self._horizon: int | None = None
        """As in the settings; None until it is asked for."""
        self._next_no = self._behind.totals.upto + 1
        self._is_renumbered = False
        """Whether the database was made anew in this start, with other numbers of its records."""
        self._use_database()
        self._database.on_opened = self._use_database

    def _use_database(self) -> None:
        connection = self._connection = self._database.connection
        self._heavy.use(connection)
        self._streams = self._database.streams
        self._behind.use(connection, self._streams)
        self._index = self._behind.index
        self._shelf = SqliteShelf(connection, self._streams, self._index, self._found.note_record)
        self._summary = SqliteSummary(self._index, self._streams)

    def note_damage(self, records: Sequence[int], otherwise: str) -> None:
        self._found.note(records, otherwise)
        # What is in memory of them is whole, and hides it.
        self._shelf.forget()
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA shrink_memory")

    # --- mending ------------------------------------------------------------------------------------------------------

    @property
    def is_damaged(self) -> bool:
        return bool(self._found)

    @property
    def damage(self) -> str:
        return self._found.otherwise

    def mend(self) -> EntryRuns:
        if not self._found.otherwise and self._found.records:
            try:
                return self._take_out()
            except (DamagedRow, ValueError, TypeError, OverflowError) as error:
                self._found.otherwise = str(error)
        if not self._found.otherwise:
            return NO_ENTRIES
        return self._make_anew(self._found.otherwise)

    def _take_out(self) -> EntryRuns:
        """Damaged records are taken out, and all else goes on."""
        self._follow_all()
        self._put_right()
        rows = dict(self._found.records)
        if not rows:
            return NO_ENTRIES
        try:
            found = taking_out.find(self._connection, self._streams, self._index, rows)
            aside = self._directory.path / taking_out.ASIDE
            is_aside = taking_out.set_aside(aside, found)
            # A witness of what is not there any more would have the next start refused.
            lacking = sum(len(one.items) for one in found)
            self._notes.note(self._held.received - lacking, self._directory.database_bytes)
            with self._writing():
                taking = taking_out.take_out(self._connection, self._index, found, self._held, self._behind.counted)
        except (sqlite3.OperationalError, OSError) as error:
            raise StoreUnwritable(f"nothing can be changed in {self._directory.path}: {error}") from error
        self._held.become(taking.held)
        self._behind.counted = taking.counted
        self._shelf.forget()
        self._found.mended(rows)
        for one in found:
            where = f"what lies there is in {aside}" if is_aside else f"there is no room for it in {aside}"
            self._found.tell(f"{self._directory.database} is damaged: {rows[one.no]}; it is taken out, and {where}")
        return taking.lost

    def _put_right(self) -> None:
        """Damaged records of which it is known what they were are that again."""
        put_right = taking_out.put_right
        with self._writing():
            found = {
                no: what for no, what in self._found.records.items() if put_right(self._connection, self._streams, no)
            }
        self._found.mended(found)
        for what in found.values():
            shown = "its checksum and its signature show what it was, and it is that again"
            self._found.tell(f"{self._directory.database} is damaged: {what}; {shown}")
        self._shelf.forget()

    def _make_anew(self, what: str) -> EntryRuns:
        """The database is made anew of what is whole in it, as at a start; the server goes on with that one."""
        directory, node = self._directory, self._chain.stream.node
        with contextlib.suppress(OSError):
            mark(directory.path, what)
        try:
            self._database.stay()
            past = KnownPast(
                directory, witness.read(directory.path), "it runs", tuple(archive.holdings_in(directory.backups))
            )
            self._database.close()
            told = len(directory.findings)
            with_key = self.signer is not None or is_certified(node)
            mend(directory, past, self._schema, with_key=with_key, alone=False, what=what)
            self._database.open_again()
        except (NotSalvageable, sqlite3.Error, OSError, StoreError) as error:
            raise self._unmendable(what, error) from error
        held = read_held(self._connection)
        lost = self._held.without(held)
        self._held.become(held)
        self._behind = Behind(self._connection, self._held, self._heavy)
        self._heavy.forget()
        self._horizon = None
        self._scanned.clear()
        self._next_no = self._behind.totals.upto + 1
        self._is_renumbered = True
        self._use_database()
        with contextlib.suppress(StoreError), self._writing():
            # On a disk that takes no writes the next start knows less of it.
            note_not_again(self._connection, held, lost)
        directory.remember()
        self._notes.begin_anew(directory.path, held.received, directory.database_bytes)
        self._found.settled()
        for text in directory.findings[told:]:
            self._found.tell(text)
        return lost

    def _unmendable(self, what: str, error: Exception) -> StoreUnmendable:
        """The server goes on with what there is; a person is told what to do, once."""
        directory = self._directory
        self._found.settled()
        sentence = (
            f"{directory.database} is damaged ({what}) and could not be made anew while the server runs ({error}): end"
            f" the server and start it again; if that is refused, restore a backup of {directory.backups}"
        )
        self._found.tell(sentence)
        with contextlib.suppress(sqlite3.Error, OSError, StoreError):
            self._database.open_again()
        return StoreUnmendable(sentence)

    # --- writing ------------------------------------------------------------------------------------------------------

    @property
    def signer(self) -> Signer | None:
        return self._chain.signer

    @signer.setter
    def signer(self, signer: Signer | None) -> None:
        self._chain.signer = signer

    def commit(self, keepables: Sequence[Keepable]) -> Sequence[LogRecord]:
        if not keepables:
            return ()
        group = group_of(keepables, self._held, self._chain)
        if group.proofs:
            # What is replaced has to stand in no queue.
            self._follow_all()
        with self._writing():
            totals = self._put_proofs(group.proofs) if group.proofs else None
            kept = self._write(group, self._next_no if totals is None else totals.upto + 1)
        if totals is not None:
            self._behind.totals = totals
            self._next_no = totals.upto + 1
            self._shelf.forget()
        for stream, runs in group.received.items():
            for first, last in runs:
                self._held.add(stream, first, last)
        self._chain.before = group.before
        self._next_no += len(kept)
        self._behind.push(kept)
        self._notes.note(self._held.received, self._directory.database_bytes)
        return group.answer

    def _put_proofs(self, records: Sequence[LogRecord]) -> Totals:
        """Have signed records take the place of what they prove; what is known of all records then."""
        totals = self._behind.totals
        for record in records:
            overhead = put_proof(self._connection, self._streams, self._behind, record, totals.upto + 1)
            # A number that no row has got is no matter.
            totals = replace(totals, upto=totals.upto + 1, overhead=totals.overhead + overhead)
        write_totals(self._connection, totals)
        return totals

    def _write(self, group: Group, next_no: int) -> list[Kept]:
        """Write a group's records from a number on, and what else waits for the disk."""
        run = self._connection.executemany
        kept = [Kept(no, self._streams.make(record.stream), record) for no, record in enumerate(group.records, next_no)]
        run("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)", [row_of(*one) for one in kept])
        if group.marked:
            self._write_marks(group)
        if group.removed:
            self._write_removed(group)
        if group.peers:
            run("DELETE FROM peers WHERE id = ?", [(peer,) for peer in group.peers])
            run(
                "INSERT INTO peers VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (one.id, one.hostname, one.port, one.name, one.seen_at, msgspec.json.encode(one.others).decode())
                    for one in group.peers.values()
                    if one is not None
                ],
            )
        if group.server_keys:
            run("INSERT OR REPLACE INTO server_keys VALUES (?, ?, ?, ?, ?)", map(key_row, group.server_keys.values()))
        if group.documents:
            write_documents(self._connection, group.documents)
        return kept

    def _write_marks(self, group: Group) -> None:
        rows: list[tuple[int, int, int]] = []
        for stream in group.marked:
            known = self._held.get(stream)
            runs = Runs() if known is None else known.copy()
            for first, last in group.received[stream]:
                runs.add(first, last)
            rows.append((self._streams.make(stream), *runs.around(0)))
        write_runs(self._connection, rows)

    def _write_removed(self, group: Group) -> None:
        """What operators have removed before it came counts as received, and is not kept."""
        rows: list[tuple[int, int, int]] = []
        items: list[ItemPlace] = []
        for one in group.removed:
            stream, seq = one.id.stream, one.id.seq
            known = self._held.get(stream)
            runs = Runs() if known is None else known.copy()
            for first, last in group.received[stream]:
                runs.add(first, last)
            number = self._streams.make(stream)
            rows.append((number, *runs.around(seq)))
            items.append((ACTIVITIES | one.stamp, number, seq))
        write_runs(self._connection, rows)
        self._index.add(Columns.of(items))
        self._index.take_out(items, received=True)

    def follow(self, *, idle: bool) -> bool:
        behind = self._behind
        if not idle and behind.entries <= BEHIND_ENTRIES:
            behind.gather()
            return behind.pending
        while behind.pending and (idle or behind.entries > BEHIND_ENTRIES):
            with self._writing(synced=False):
                written = behind.write()
            behind.done(written)
            if behind.entries <= BEHIND_ENTRIES_MAX:
                break
        return behind.pending

    def _follow_all(self) -> None:
        while self._behind.pending:
            self.follow(idle=True)

    def check(self) -> None:
        self._database.check()

    def usage(self) -> Usage:
        self._follow_all()
        totals = self._behind.totals
        return Usage(totals.activities, totals.bytes)

    def trim(self, wall: float) -> int:
        self._follow_all()
        totals = self._behind.totals
        dropping = Dropping(
            self._retention,
            self._heavy.usage_of,
            lambda: self._heavy.usage,
            Usage(totals.activities, totals.bytes),
            wall,
            totals.overhead,
        )
        if not dropping.over and not dropping.horizon:
            return 0
        sender = dropping.sender
        with self._writing():
            trimming = Trimming(self._connection, self._shelf, self._streams, self._index)
            trimming.scan(dropping, BEGIN if sender is None else self._scanned.get(sender, BEGIN))
            newest = trimming.newest_dropped(None if sender is None else dropping.horizon)
            left = trimming.write(dropping.usage, totals)
            horizon = None if newest is None or newest < self._read_horizon() else newest + 1
            if horizon is not None:
                self._index.forget(horizon)
                self._put_setting(HORIZON_SETTING, str(horizon), backed_up=True)
        self._shelf.forget()
        if horizon is not None:
            self._horizon = horizon
        if sender is not None:
            # What stands before is others', or has gone: the next search begins behind it, and from the beginning when
            # nothing was left behind it.
            self._scanned[sender] = BEGIN if trimming.is_at_end else trimming.last
        self._behind.totals = left
        self._heavy.left(dropping.usage)
        if self.gone.is_wanted:
            self.gone.note(trimming.gone)
        return dropping.dropped

    def remove(self, entries: Collection[EntryId], fingerprints: Collection[bytes]) -> int:
        self._follow_all()
        run = self._connection.execute
        (is_secure,) = run("PRAGMA secure_delete").fetchone()
        run("PRAGMA secure_delete = ON")
        try:
            with self._writing():
                trimming = Trimming(self._connection, self._shelf, self._streams, self._index)
                removing = Removing(self._connection, self._shelf, self._streams, trimming, self._heavy.usage_of)
                removing.choose(entries, fingerprints)
                left = removing.write(self._behind.totals)
            if removing.removed:
                # What was written before would stand in the write-ahead log until that is begun anew.
                with contextlib.suppress(sqlite3.Error):
                    run("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            with contextlib.suppress(sqlite3.Error):
                run(f"PRAGMA secure_delete = {is_secure}")
        self._shelf.forget()
        self._behind.totals = left
        self._heavy.left(removing.usage)
        if self.gone.is_wanted:
            self.gone.note(trimming.gone, is_secret=True)
        return removing.removed

    def set_setting(self, name: str, value: str, *, backed_up: bool = False) -> None:
        with self._writing():
            self._put_setting(name, value, backed_up=backed_up)

    def _put_setting(self, name: str, value: str, *, backed_up: bool) -> None:
        values = (name, value, int(backed_up))
        self._connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?, ?, ?)", (*values, checksum(*values)))

    # --- reading ------------------------------------------------------------------------------------------------------

    def get_setting(self, name: str) -> str | None:
        with self._reading():
            row = self._connection.execute(
                "SELECT name, value, backed_up, sum FROM settings WHERE name = ?", (name,)
            ).fetchone()
            if row is None:
                return None
            *values, expected = row
            check("settings", expected, checksum(*values))
            return str(row[1])

    def fetch(self, query: Fetch) -> Page:
        with self._reading(behind=query.newest is not None):
            return read_page(self._shelf, self._held, query)

    @property
    def arrived(self) -> int:
        return self._next_no - 1

    def find(self, query: FindArrived | FindDated) -> FoundRuns:
        if isinstance(query, FindArrived):
            if self._is_renumbered:
                return FoundRuns({}, None, is_known=False)
            with self._reading():
                return self._shelf.arrived(query)
        if not query.sums:
            with self._reading(behind=True):
                return self._shelf.dated(query)
        within = asked_about(query)
        # On a disk that takes no writes they are summed up for each question.
        with contextlib.suppress(StoreUnreadable):
            if self._sum_up(within):
                return FoundRuns({}, query)
        with self._reading(behind=True):
            return FoundRuns({}, compared(self._summary.sums, query) if self._summary.prepare(within) else query)

    def fetch_missing(self, query: Missing) -> Page:
        with self._reading():
            return missing_page(self._shelf, query)

    def fetch_wanted(self, wanted: Wanted) -> Page:
        with self._reading():
            return wanted_page(self._shelf, wanted)

    def prepare_summary(self, query: SummaryQuery) -> bool:
        if self._behind.entries > FOLLOW_ENTRIES:
            # A commit that waits has its turn first.
            self._follow_to_read(some=True)
            return False
        self._follow_to_read()
        within = summed_range(query)
        if within is None:
            return True
        if self._sum_up(within):
            return False
        with self._reading():
            # However fast others come: the last ones are few, and summed up by who asks.
            return self._summary.is_summed_up(within) and self._summary.prepare(within)

    def _sum_up(self, within: ItemRange) -> bool:
        """Bring some of the sums up that are needed; whether that was so much that others have their turn first."""
        with self._reading():
            if self._summary.is_summed_up(within):
                return False
        try:
            with self._writing(synced=False):
                return self._summary.sum_up(within)
        except StoreUnwritable as error:
            raise StoreUnreadable(str(error)) from error

    def ask_summary(self, query: SummaryQuery) -> SummaryAnswer:
        self._follow_to_read()
        with self._reading():
            if isinstance(query, DroppedWanted):
                return DroppedFound(dropped_of(self._shelf, self._held, query.entries))
            if isinstance(query, UnprovedWanted):
                return unproved(self._connection, self._streams, query)
            return self._summary.answer(query, self._read_horizon())

    def _follow_to_read(self, *, some: bool = False) -> None:
        try:
            if some:
                self.follow(idle=True)
            else:
                self._follow_all()
        except StoreUnwritable as error:
            raise StoreUnreadable(str(error)) from error

    def _read_horizon(self) -> int:
        if self._horizon is None:
            self._horizon = int(self.get_setting(HORIZON_SETTING) or 0)
        return self._horizon

    def fetch_records(self, query: Fetch | Wanted) -> RecordPage:
        with self._reading():
            if isinstance(query, Wanted):
                return wanted_record_page(self._shelf, query)
            return read_record_page(self._shelf, self._held, query)

    def activities_before(self, before: Position | None, most: int, bytes_max: int) -> tuple[Entry, ...]:
        with (
            self._reading(behind=True),
            contextlib.closing(self._shelf.activities_before(before)) as found,
        ):
            return newest_within(found, most, bytes_max)

    def fetch_past(self, query: PastQuery) -> Page:
        with self._reading(behind=True):
            return past_page(self._shelf, query)

    @contextlib.contextmanager
    def _reading(self, *, behind: bool = False) -> Iterator[None]:
        """`behind`: what follows records is read, so it follows first; for the time of reading if the disk is full."""
        with self._database.reading(), self._following() if behind and self._behind.pending else nullcontext():
            yield

    @contextlib.contextmanager
    def _following(self) -> Iterator[None]:
        run = self._connection.execute
        run("PRAGMA synchronous = NORMAL")
        run("BEGIN IMMEDIATE")
        try:
            written = self._behind.write_all()
            yield
            # Nothing has reached the disk before.
            with contextlib.suppress(sqlite3.Error):
                run("COMMIT")
                self._behind.done(written)
        finally:
            if self._connection.in_transaction:
                run("ROLLBACK")
            run("PRAGMA synchronous = FULL")

    # --- the rest -----------------------------------------------------------------------------------------------------

    def backup(self, directory: Path, keep: int) -> Path:
        with self._backing_up:
            if self._closed:
                raise StoreUnwritable("the store is closed")
            self._database.stay()
            node = self._chain.stream.node
            path = backup.write_backup(self._directory.database, directory, node=node)
            archive.prune(directory, keep, path, node)
            return path

    def close(self) -> None:
        with self._backing_up:
            if self._closed:
                return
            self._closed = True
            if self.is_damaged:
                with contextlib.suppress(OSError):
                    mark(self._directory.path, self._found.what)
            try:
                with contextlib.suppress(StoreError):
                    self._follow_all()
                if self._directory.displaced():
                    self._rescue()
                else:
                    with contextlib.suppress(sqlite3.Error, OSError):
                        identity_copy.keep(self._directory.path, self._chain.stream.node, self._connection)
                self._notes.close(self._directory.database_bytes if self._database.is_settled() else None)
                self._connection.close()
            finally:
                self._directory.release()

    def _rescue(self) -> None:
        """What is open can still be read, and by nobody else."""
        path = self._directory.path
        with contextlib.suppress(StoreError):
            self.rescued = backup.write_backup(
                self._connection, path.parent, backup.rescue_prefix(path), node=self._chain.stream.node
            )
