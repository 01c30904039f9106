"""The file of the index, beside the database: made, opened, and made anew where it is lost or damaged."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from core.fulltext.data_view import DataFile, DataView
from core.fulltext.parts import END, TABLES, Parts
from core.store.files import open_private

log = logging.getLogger(__name__)

INDEX: Final = "node.search.db"
VERSION: Final = 3
"""Of the tables, and of what is taken for a word: with another one the index is made anew."""
CACHE_KIB: Final = 4 * 1024


class IndexState(msgspec.Struct):
    """What is known of the index as a whole."""

    version: int = VERSION
    file: DataFile = DataFile()
    """Of which database it is."""
    upto: int = 0
    """The number of the last record that was taken in. Older activities are in parts, or in holes."""
    is_compared: bool = True
    """Whether all that has been dropped from the data is dropped here."""


class WordIndex:
    """An index that is open. Every method raises sqlite3.Error."""

    def __init__(self, path: Path) -> None:
        """Raises OSError, sqlite3.Error, ValueError when there is no such index."""
        self.path = path
        self._connection = _connect(path)
        try:
            text = self._connection.execute("SELECT json FROM state").fetchone()[0]
            self.state = msgspec.json.decode(text, type=IndexState)
            self.parts = Parts(self._connection)
        except BaseException:
            self._connection.close()
            raise

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """What is changed in the block is kept with the state, whole or not at all; nobody waits for the disk."""
        run = self._connection.execute
        before = msgspec.structs.replace(self.state)
        run("BEGIN IMMEDIATE")
        try:
            yield
            run("UPDATE state SET json = ?", (msgspec.json.encode(self.state).decode(),))
            run("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                run("ROLLBACK")
            self.state = before
            self.parts.read_again()
            raise

    def let_go(self) -> None:
        """Have nothing of what was dropped stand in a log."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    @property
    def bytes(self) -> int:
        """What its files take."""
        total = 0
        for suffix in ("", "-wal"):
            with contextlib.suppress(OSError):
                total += os.stat(f"{self.path}{suffix}").st_size
        return total

    def close(self) -> None:
        self._connection.close()


def open_index(path: Path, data: DataView) -> WordIndex:
    """Open the index of a database; make it, where there is none that is that one's.

    Raises OSError, sqlite3.Error, DataReplaced, DamagedRow.
    """
    with data.reading():
        last, followed, newest = data.last, data.followed, data.newest
    try:
        index = WordIndex(path)
    except FileNotFoundError:
        pass
    except (sqlite3.Error, ValueError, TypeError, OSError) as error:
        log.warning("the index of words %s is made anew: %s", path, error)
    else:
        state = index.state
        if state.version == VERSION and state.file == data.file and state.upto <= last:
            return index
        index.close()
        log.info("the index of words %s is made anew: it is another database's, or an older version's", path)
    # What has not been followed may be newer than `newest`: it is taken in by its record.
    return _make_index(path, data.file, followed, newest)


def _make_index(path: Path, file: DataFile, followed: int, newest: int) -> WordIndex:
    """Make an index anew: all that there is is one hole, and what comes from now on is taken in as it comes."""
    discard_index(path)
    os.close(open_private(path))
    connection = _connect(path)
    try:
        connection.execute("BEGIN IMMEDIATE")
        for statement in TABLES:
            connection.execute(statement)
        state = IndexState(file=file, upto=followed)
        connection.execute("INSERT INTO state VALUES (?)", (msgspec.json.encode(state).decode(),))
        Parts(connection).make(newest + 1, END)
        connection.execute("COMMIT")
    finally:
        connection.close()
    return WordIndex(path)


def discard_index(path: Path) -> None:
    """Delete an index, if there is one. Raises OSError."""
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{path}{suffix}")


def has_fts() -> bool:
    """Whether SQLite was built with a full-text index."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE VIRTUAL TABLE tried USING fts5(words)")
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return True


def _connect(path: Path) -> sqlite3.Connection:
    os.stat(path)
    connection = sqlite3.connect(path, isolation_level=None, timeout=10, check_same_thread=False)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        # What a crash of the machine takes from the index is made again.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute("PRAGMA journal_size_limit = 16777216")
    except BaseException:
        connection.close()
        raise
    return connection
