"""A damaged database made anew from what can still be read of it, of the newest backup, and of what stands beside it.

Rows are believed by their checksums, whatever led to them (`damaged_file`); what follows the records is made of them.
Numbers whose entries are not there count as never received, so that neighbours are asked for them. The damaged file is
moved aside, where a person finds it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from core.store import archive, data_directory, identity_copy, still_counted
from core.store.behind import Behind, Kept, Totals, write_runs
from core.store.checksums import DamagedRow, checksum, packed_checksum
from core.store.damaged_file import Cell, DamagedFile, page_sizes
from core.store.data_directory import DataDirectory
from core.store.database import transaction
from core.store.document_rows import document_of, write_documents
from core.store.files import discard_database, open_private, sync_directory
from core.store.held import Held
from core.store.identity import KEY_SETTING
from core.store.loss import KnownPast
from core.store.not_again import note_not_again
from core.store.own_starts import STARTS_SETTING
from core.store.past_starts import unpacked
from core.store.record_rows import RECORD_COLUMNS, RecordRow, corrected_record, record_of, row_of, salvaged_record
from core.store.record_tables import begin_behind
from core.store.runs_setting import parse_runs
from core.store.schema import Schema, migrate
from core.store.sequence_runs import Runs
from core.store.store_errors import NotSalvageable
from core.store.stream_numbers import StreamNumbers
from core.store.time_blocks import Block
from core.wire.account_documents import DocumentVersion
from core.wire.address import Address
from core.wire.entries import EntryId, Stream
from core.wire.entry_runs import NO_ENTRIES, EntryRuns
from core.wire.records import LogRecord
from core.wire.server_keys import is_certified

_BATCH: Final = 500


class Salvaged(msgspec.Struct):
    """What was found."""

    nodes: dict[str, int] = {}
    settings: dict[str, tuple[str, int]] = {}
    streams: dict[int, Stream] = {}
    runs: dict[int, list[tuple[int, int]]] = {}
    past: dict[Stream, int] = {}
    items: set[tuple[int, int]] = set()
    """Numbers of streams and of their entries that the index names as kept."""
    server_keys: dict[str, tuple[object, ...]] = {}
    documents: dict[str, DocumentVersion] = {}
    peers: dict[str, tuple[object, ...]] = {}
    rows: int = 0
    """How many rows were believed."""


def _take_document(version: DocumentVersion, found: Salvaged) -> None:
    """Of an account's documents the latest: the file may have older ones where it is not used any more."""
    known = found.documents.get(version.claim)
    if known is None or (known.stamp, known.node) < (version.stamp, version.node):
        found.documents[version.claim] = version


class SalvageOutcome(msgspec.Struct):
    """What came of it."""

    aside: Path | None
    """Where the damaged file is."""
    entries: int
    received: int
    """How many numbers count as received."""
    missing: int
    """How many entries are known to have been there and are not."""
    own: dict[Stream, Runs]
    """Of these the ones that this server had accepted itself."""
    backup: Path | None
    """What helped."""


def salvage(
    directory: DataDirectory, past: KnownPast, schema: Schema, *, with_key: bool, whole: bool, alone: bool
) -> SalvageOutcome:
    """Put a database that was made anew in the place of a damaged one.

    `with_key`: its server has a key, and cannot be itself without it. `whole`: the structure of the file is, so what it
    says was received is believed but for what is missing. `alone`: nobody else has been named who could be asked, so
    all of it is. Interrupted at any moment, the damaged database or the new one is there at the next start. Raises
    NotSalvageable, OSError, sqlite3.Error.
    """
    temporary = directory.path / f"{data_directory.RESTORED}.tmp"
    discard_database(temporary)
    os.close(open_private(temporary))
    try:
        with contextlib.closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
            # The file is synced as a whole before it gets its name.
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA journal_mode = MEMORY")
            migrate(connection, schema, 0)
            outcome = _Making(connection, directory, past, with_key=with_key, whole=whole, alone=alone).make()
        handle = os.open(temporary, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        temporary.rename(directory.path / data_directory.RESTORED)
        sync_directory(directory.path)
        outcome.aside = data_directory.finish_restoration(directory)
        return outcome
    finally:
        discard_database(temporary)


class _Making:
    """A database that is being made."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        directory: DataDirectory,
        past: KnownPast,
        *,
        with_key: bool,
        whole: bool,
        alone: bool,
    ) -> None:
        self._connection = connection
        self._directory = directory
        self._past = past
        self._with_key = with_key
        self._whole = whole
        self._alone = alone
        self._streams = StreamNumbers(connection)
        self._known: dict[bytes, int] = {}
        """Digests of the records that are there, and their numbers."""
        self._taken: set[int] = set()
        self._not_again: EntryRuns = NO_ENTRIES
        """What had been taken out before, and has not come again."""
        self._later: list[LogRecord] = []
        """Records whose numbers others have."""

    def make(self) -> SalvageOutcome:
        found = Salvaged()
        with transaction(self._connection):
            self._take_file(self._directory.database, found)
            node = self._whose(found)
            backup = self._newest_backup(node)
            if backup is not None:
                self._take_file(backup, Salvaged() if found.rows else found, found)
            self._identify(node, found)
            for no, record in enumerate(self._later, max(self._taken, default=0) + 1):
                self._write(no, record)
            begin_behind(self._connection, Totals())
        held, lost, entries = self._follow(found)
        own = {stream: runs for stream, runs in lost.items() if stream.node == node}
        missing = sum(runs.count for runs in lost.values())
        return SalvageOutcome(None, entries, held.received, missing, own, backup)

    # --- reading ------------------------------------------------------------------------------------------------------

    def _take_file(self, path: Path, found: Salvaged, merged: Salvaged | None = None) -> None:
        """Take what a file has; of one beside `merged` the records, and what that one has not."""
        for page_size in page_sizes(path):
            for cell in DamagedFile(path, page_size).cells():
                self._take(cell, found)
        if merged is not None and merged is not found:
            for name, setting in found.settings.items():
                merged.settings.setdefault(name, setting)
            for node, incarnation in found.nodes.items():
                merged.nodes[node] = max(incarnation, merged.nodes.get(node, 0))
            for peer, row in found.peers.items():
                merged.peers.setdefault(peer, row)
            for node, row in found.server_keys.items():
                merged.server_keys.setdefault(node, row)
            for document in found.documents.values():
                _take_document(document, merged)
            for stream, upto in found.past.items():
                merged.past[stream] = max(upto, merged.past.get(stream, 0))

    def _take(self, cell: Cell, found: Salvaged) -> None:
        """See which table's row this is: by its shape, and by its checksum."""
        match cell.values:
            case (None, int(), int(), int(), int(), int(), bytes()) if cell.rowid is not None:
                row = RecordRow._make((cell.rowid, *cell.values[1:]))
                record = salvaged_record(row) or corrected_record(row)
                if record is not None:
                    found.rows += 1
                    self._keep(row.no, record)
            case (str(node), int(incarnation), int(expected)) if checksum(node, incarnation) == expected:
                found.rows += 1
                found.nodes[node] = max(incarnation, found.nodes.get(node, 0))
            case (str(name), str(value), int(backed_up), int(expected)) if checksum(name, value, backed_up) == expected:
                found.rows += 1
                found.settings.setdefault(name, (value, backed_up))
            case (None, str(node), int(incarnation), int(expected)) if cell.rowid is not None:
                if checksum(cell.rowid, node, incarnation) == expected:
                    found.rows += 1
                    found.streams.setdefault(cell.rowid, Stream(node, incarnation))
            case (int(stream), int(first), int(last), int(expected)) if checksum(stream, first, last) == expected:
                found.rows += 1
                found.runs.setdefault(stream, []).append((first, last))
            case (None, int(), int(), int(), int(), bytes(), bytes()) if cell.rowid is not None:
                with contextlib.suppress(DamagedRow):
                    block = Block.of((cell.rowid, *cell.values[1:]))
                    found.rows += 1
                    found.items.update((stream, seq) for _, stream, seq in block.items)
            case (None, str(node), bytes(packed), int(expected)) if cell.rowid is not None:
                if packed_checksum([packed], cell.rowid, node) == expected:
                    found.rows += 1
                    found.past.update((Stream(node, one), upto) for one, upto in unpacked(packed))
            case (str(node), bytes(key), int(bound_at), int(signs_from), int(expected)) if (
                packed_checksum([key], node, bound_at, signs_from) == expected
            ):
                found.rows += 1
                found.server_keys.setdefault(node, cell.values)
            case (str(), int(), str(), bytes(), bytes(), bytes(), int()):
                with contextlib.suppress(DamagedRow):
                    _take_document(document_of(cell.values), found)
                    found.rows += 1
            case (str(peer), str(), int(port), str(), float() | int(), str(others)) if 0 <= port < 1 << 16 and peer:
                with contextlib.suppress(msgspec.MsgspecError):
                    msgspec.json.decode(others, type=tuple[Address, ...])
                    found.peers.setdefault(peer, cell.values)

    def _keep(self, no: int, record: LogRecord) -> None:
        known = self._known.get(record.digest)
        if known is not None:
            # An older version of the row, or a backup's, may have what retention has left out since.
            return
        if no in self._taken or no < 1:
            self._known[record.digest] = 0
            self._later.append(record)
        else:
            self._write(no, record)

    def _write(self, no: int, record: LogRecord) -> None:
        self._known[record.digest] = no
        self._taken.add(no)
        row = row_of(no, self._streams.make(record.stream), record)
        self._connection.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def _newest_backup(self, node: str) -> Path | None:
        return archive.newest_good(archive.names_in(self._directory.backups), node)

    # --- who it is ----------------------------------------------------------------------------------------------------

    def _whose(self, found: Salvaged) -> str:
        """Whose data it is. Raises NotSalvageable."""
        known = self._past.witness
        copy = identity_copy.read(self._directory.path)
        owners = {one.node for _, one in self._past.backups}
        candidates: list[str] = [
            *([known.node] if known is not None else []),
            *(found.nodes if len(found.nodes) == 1 else ()),
            *([copy.node] if copy is not None else []),
            *(owners if len(owners) == 1 else ()),
        ]
        if not candidates:
            raise NotSalvageable("nothing that can be read says which server this was")
        node = candidates[0]
        if found.nodes and node not in found.nodes:
            raise NotSalvageable(f"what can be read is another server's than {node}'s, which was here")
        return node

    def _identify(self, node: str, found: Salvaged) -> None:
        """Write who it is, with all that is known of it. Raises NotSalvageable."""
        copy = identity_copy.read(self._directory.path)
        if copy is not None and copy.node == node:
            for name, value, backed_up in copy.settings:
                found.settings.setdefault(name, (value, backed_up))
            for peer in copy.peers:
                found.peers.setdefault(peer[0], peer)
        if KEY_SETTING not in found.settings and (self._with_key or is_certified(node)):
            raise NotSalvageable(
                f"the key of the server {node} cannot be read, and nobody can be that server without it"
            )
        own = [stream.incarnation for stream in found.streams.values() if stream.node == node]
        own += [stream.incarnation for stream in found.past if stream.node == node]
        own += [one for (one,) in self._connection.execute("SELECT incarnation FROM streams WHERE node = ?", (node,))]
        incarnation = max(found.nodes.get(node, 0), self._past.incarnation_of(node), *own, 0)
        run = self._connection.execute
        run("INSERT INTO node VALUES (?, ?, ?)", (node, incarnation, checksum(node, incarnation)))
        # All is counted anew.
        counted = found.settings.pop(still_counted.SETTING, None)
        if counted is not None:
            with contextlib.suppress(ValueError):
                self._not_again = parse_runs(counted[0])
        for name, (value, backed_up) in found.settings.items():
            if name == STARTS_SETTING:
                continue
            values = (name, value, backed_up)
            run("INSERT INTO settings VALUES (?, ?, ?, ?)", (*values, checksum(*values)))
        for row in found.server_keys.values():
            run("INSERT INTO server_keys VALUES (?, ?, ?, ?, ?)", row)
        write_documents(self._connection, found.documents)
        for row in found.peers.values():
            run("INSERT INTO peers VALUES (?, ?, ?, ?, ?, ?)", row)

    # --- what follows -------------------------------------------------------------------------------------------------

    def _follow(self, found: Salvaged) -> tuple[Held, dict[Stream, Runs], int]:
        """Make all that follows the records; what is known to be missing, and how many entries there are."""
        held = Held()
        behind = Behind(self._connection, held)
        entries = 0
        here: set[tuple[int, int]] = set()
        numbers = {stream: no for no, stream in found.streams.items()}
        with transaction(self._connection):
            for kept in self._kept():
                for entry in kept.record.entries:
                    held.add(kept.record.stream, entry.id.seq, entry.id.seq)
                    entries += 1
                    if kept.record.stream in numbers:
                        here.add((numbers[kept.record.stream], entry.id.seq))
                behind.push([kept])
                if behind.entries > _BATCH:
                    behind.done(behind.write_all())
            if behind.pending:
                behind.done(behind.write_all())
            lost = self._lost(found, held)
            trusted = self._whole and here <= found.items
            alone = self._alone and not found.peers
            if trusted or alone:
                self._believe(found, held, {} if alone else lost)
            known_lost = {stream: runs.spans for stream, runs in lost.items()}
            note_not_again(self._connection, held, self._not_again, known_lost)
        return held, lost, entries

    def _kept(self) -> Iterator[Kept]:
        last = 0
        while True:
            rows = self._connection.execute(
                f"SELECT {RECORD_COLUMNS} FROM records WHERE no > ? ORDER BY no LIMIT ?", (last, _BATCH)
            ).fetchall()
            if not rows:
                return
            for row in map(RecordRow._make, rows):
                yield Kept(row.no, row.stream, record_of(row, self._streams.of(row.stream)))
            last = rows[-1][0]

    def _lost(self, found: Salvaged, held: Held) -> dict[Stream, Runs]:
        """What the index or a run of what was received shows to have been there."""
        lost: dict[Stream, Runs] = {}
        for number, seq in found.items:
            stream = found.streams.get(number)
            received = found.runs.get(number, ())
            if stream is None or held.holds(EntryId(*stream, seq)):
                continue
            if _in(received, seq) or seq <= found.past.get(stream, 0):
                lost.setdefault(stream, Runs()).add(seq, seq)
        return lost

    def _believe(self, found: Salvaged, held: Held, lost: dict[Stream, Runs]) -> None:
        """What was received counts as received, but for what is lost."""
        runs: dict[Stream, Runs] = {}
        for number, ranges in found.runs.items():
            stream = found.streams.get(number)
            if stream is not None:
                for first, last in ranges:
                    runs.setdefault(stream, Runs()).add(first, last)
        for stream, upto in found.past.items():
            runs.setdefault(stream, Runs()).add(0, upto)
        for stream, known in runs.items():
            missing = lost.get(stream, Runs())
            for first, last in known:
                for begin, end in _without(max(first, 1), last, missing):
                    held.add(stream, begin, end)
        rows = [
            (self._streams.make(stream), first, last) for stream, known in held.items() for first, last in known if last
        ]
        self._connection.execute("DELETE FROM runs")
        write_runs(self._connection, rows)


def _in(ranges: Iterable[tuple[int, int]], number: int) -> bool:
    return any(first <= number <= last for first, last in ranges)


def _without(first: int, last: int, missing: Runs) -> Iterator[tuple[int, int]]:
    """Ranges from `first` to `last` without those that are missing; 0 is missing of none."""
    for begin, end in missing:
        begin = max(begin, 1)
        if end < first or begin > end:
            continue
        if begin > last:
            break
        if begin > first:
            yield first, begin - 1
        first = end + 1
    if first <= last:
        yield first, last
