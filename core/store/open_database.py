"""A node's open database: its transactions, and what becomes of it when its files are taken away."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Callable, Iterator

from core.store.data_directory import DataDirectory
from core.store.database import connect, transaction
from core.store.found_damage import FoundDamage
from core.store.schema import Schema
from core.store.store_errors import StoreDisplaced, StoreError, StoreUnreadable, StoreUnwritable
from core.store.stream_numbers import StreamNumbers

log = logging.getLogger(__name__)


class OpenDatabase:
    """One connection, which others take its place of when it has to be opened again."""

    def __init__(
        self, directory: DataDirectory, connection: sqlite3.Connection, schema: Schema, damage: FoundDamage
    ) -> None:
        """`damage` is told what reading and writing come upon."""
        self._directory = directory
        self._schema = schema
        self._damage = damage
        self._is_open = True
        self.connection = connection
        self.streams = StreamNumbers(connection)
        self.on_opened: Callable[[], None] = _nobody
        """Called when there is another connection."""

    @contextlib.contextmanager
    def writing(self, *, synced: bool = True) -> Iterator[None]:
        """What is not synced becomes durable with the next commit that is, never without those before it.

        Raises StoreUnwritable, StoreDisplaced.
        """
        kept = False
        try:
            if not synced:
                self.connection.execute("PRAGMA synchronous = NORMAL")
            with transaction(self.connection):
                yield
                # An open file takes writes although nobody will find it again.
                self.stay()
            kept = True
        except (sqlite3.Error, OSError) as error:
            self._damage.note_error(error)
            raise StoreUnwritable(
                f"nothing can be kept in {self._directory.path}: {error}; check the disk and its free space"
            ) from error
        finally:
            self.streams.settled(kept=kept)
            if not synced:
                self.connection.execute("PRAGMA synchronous = FULL")

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Raises StoreUnreadable."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            self._damage.note_error(error)
            raise StoreUnreadable(f"the data in {self._directory.path} cannot be read: {error}") from error

    def stay(self) -> None:
        """Raises StoreDisplaced when what is open does not stand where it stood."""
        displaced = self._directory.displaced() or self._directory.read_only()
        if displaced:
            raise StoreDisplaced(displaced)

    def check(self) -> None:
        """The same, after a log that was taken away has been begun anew. Raises StoreUnwritable as well."""
        if self._directory.log_is_lost():
            self._begin_log_anew()
        self.stay()

    def _begin_log_anew(self) -> None:
        """The log has lost its name, but it can be read as long as it is open: bring it home, and begin another one."""
        try:
            if self._is_open:
                (busy, *_) = self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if busy:
                    return
                self.close()
            self.open_again()
            self._directory.remember()
        except (sqlite3.Error, OSError, StoreError) as error:
            raise StoreUnwritable(f"nothing can be kept in {self._directory.path}: {error}") from error
        log.warning(
            "the log of %s was deleted or replaced; nothing is lost, there is a new one", self._directory.database
        )

    def close(self) -> None:
        """Close the connection, if it is open. Raises sqlite3.Error."""
        if self._is_open:
            self._is_open = False
            self.connection.close()

    def open_again(self) -> None:
        """Open the database, if it is closed. Raises sqlite3.Error, OSError, StoreError."""
        if not self._is_open:
            self.connection = connect(self._directory, self._schema)
            self.streams = StreamNumbers(self.connection)
            self._is_open = True
            self.on_opened()

    def is_settled(self) -> bool:
        """Bring everything from the log into the database; whether that could be done."""
        try:
            (busy, *_) = self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error:
            return False
        return not busy and not self._directory.displaced()


def _nobody() -> None:
    pass
