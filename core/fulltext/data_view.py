"""The data as the index and the search read it: over a connection of its own that cannot write.

Records are there as soon as they are committed; where they stand in time follows a moment later (`core.store.behind`).
So what is new is read by the numbers of records, and what is older by time.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import msgspec

from core.fulltext.found_page import SearchPlace
from core.store.behind import ACTIVITIES, read_totals
from core.store.contents import Position
from core.store.record_rows import RECORD_COLUMNS, DamagedRecord, RecordRow, record_of
from core.store.sqlite_shelf import SqliteShelf
from core.store.stream_numbers import StreamNumbers
from core.store.time_index import TimeIndex
from core.wire.entries import Entry, EntryId
from core.wire.records import as_it_lies

_BYTES_OF_ONE: Final = 1024
"""A record of so many bytes takes as long to look through as one entry more."""
CACHE_KIB: Final = 4 * 1024


class DataFile(msgspec.Struct, frozen=True):
    """Which file it is: another one has other numbers of its records."""

    device: int = 0
    inode: int = 0


class TailRecord(msgspec.Struct, frozen=True):
    """The activities of a record."""

    no: int
    entries: tuple[Entry, ...]


class DataReplaced(Exception):
    """There is another database where this one stood."""


class DataView:
    """One connection. What is read in one `reading` is of one moment. Raises sqlite3.Error."""

    def __init__(self, database: Path) -> None:
        """Raises OSError as well."""
        self._path = str(database)
        self.file = _file(self._path)
        self._connection = sqlite3.connect(
            f"{database.absolute().as_uri()}?mode=ro",
            uri=True,
            isolation_level=None,
            timeout=10,
            check_same_thread=False,
        )
        self._connection.execute("PRAGMA trusted_schema = OFF")
        self._connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        # With this it has its log open.
        self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        self._log = _log(self._path)
        self._streams = StreamNumbers(self._connection)
        self._index = TimeIndex(self._connection, self._streams)
        self._shelf = SqliteShelf(self._connection, self._streams, self._index, _no_matter)

    def close(self) -> None:
        self._connection.close()

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Raises DataReplaced, OSError."""
        if _file(self._path) != self.file or _log(self._path) != self._log:
            raise DataReplaced(self._path)
        self._connection.execute("BEGIN")
        try:
            # What was read before may have been written anew: entries are left out of records.
            self._shelf.forget()
            yield
        finally:
            self._connection.execute("ROLLBACK")

    @property
    def last(self) -> int:
        """The number of the last record."""
        return self._connection.execute("SELECT max(no) FROM records").fetchone()[0] or 0

    @property
    def followed(self) -> int:
        """Up to which record it is known where activities stand in time. Raises DamagedRow."""
        return read_totals(self._connection).upto

    @property
    def newest(self) -> int:
        """No activity of those has a larger stamp. Raises DamagedRow."""
        return read_totals(self._connection).stamp

    @property
    def activities(self) -> int:
        """How many are kept. Raises DamagedRow."""
        return read_totals(self._connection).activities

    def records(self, after: int, upto: int, most: int) -> Generator[TailRecord, None, None]:
        """Records by their numbers, the oldest first; what is damaged is left out: others see to it."""
        rows = self._connection.execute(
            f"SELECT {RECORD_COLUMNS} FROM records WHERE no > ? AND no <= ? ORDER BY no LIMIT ?", (after, upto, most)
        )
        try:
            for values in rows:
                row = RecordRow._make(values)
                try:
                    record = record_of(row, self._streams.of(row.stream))
                except DamagedRecord:
                    continue
                yield TailRecord(row.no, tuple(entry for entry in record.entries if entry.kind == "activity"))
        finally:
            rows.close()

    def entries_behind(self, no: int, most: int) -> int:
        """How many entries there are in the records behind one, about, up to so many and some; a long one counts as
        several."""
        (count,) = self._connection.execute(
            f"SELECT coalesce(sum(count + length(line) / {_BYTES_OF_ONE}), 0)"
            " FROM (SELECT count, line FROM records WHERE no > ? ORDER BY no LIMIT ?)",
            (no, most),
        ).fetchone()
        return int(count)

    def before(self, place: SearchPlace) -> Generator[Entry, None, None]:
        """Activities that stand before a place, as far as that is known, the newest first."""
        return self._shelf.activities_before(Position(place.stamp, place.id))

    def ids_between(self, low: int, high: int) -> Generator[tuple[int, EntryId], None, None]:
        """The stamps and ids of activities from one stamp on and before another, in no order within a moment."""
        found = self._index.ascending(ACTIVITIES | low, ACTIVITIES | high)
        try:
            for items in found:
                for place, stream, seq in items:
                    yield place - ACTIVITIES, EntryId(*self._streams.of(stream), seq)
        finally:
            found.close()

    def entry(self, entry_id: EntryId) -> Entry | None:
        """An activity that is kept; None if it is not."""
        kept = self._shelf.kept(entry_id.stream, entry_id.seq, entry_id.seq, descending=True, reading=as_it_lies)
        try:
            for one in kept:
                entry = one.record.alone(entry_id.seq)
                if entry is not None:
                    return entry
        finally:
            kept.close()
        return None


def _file(path: str) -> DataFile:
    status = os.stat(path)
    return DataFile(status.st_dev, status.st_ino)


def _log(path: str) -> int:
    """The log beside a database: who has another one open reads what was."""
    try:
        return os.stat(f"{path}-wal").st_ino
    except FileNotFoundError:
        return 0


def _no_matter(damage: DamagedRecord) -> None:
    pass
