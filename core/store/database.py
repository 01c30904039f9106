"""Connections to a node's database: write-ahead log, synced commits, nothing trusted that the file says of itself."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import Final

from core.store.data_directory import DataDirectory
from core.store.schema import Schema, version_of
from core.store.store_errors import DataDirectoryUnusable

WAL_BYTES_KEPT: Final = 64 * 1024 * 1024
"""To what the write-ahead log is cut back after it had to grow, while a backup was read for instance."""
CACHE_KIB: Final = 16 * 1024
PAGE_BYTES: Final = 8192
WAL_BYTES: Final = 4 * 1024 * 1024


def connect(directory: DataDirectory, schema: Schema) -> sqlite3.Connection:
    """Open the database of a data directory. Raises DataDirectoryUnusable, SchemaTooNew, sqlite3.Error."""
    connection = sqlite3.connect(directory.database, isolation_level=None, timeout=10)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        # Before anything is changed in a file that may not be ours.
        version_of(connection, schema, str(directory.database))
        # Of a new file only. A record is longer than most rows: fewer pages are written for it, and looked at.
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise DataDirectoryUnusable(
                f"the disk of {directory.path} does not support a write-ahead log; choose a directory on a local disk"
            )
        connection.execute("PRAGMA synchronous = FULL")
        # On macOS only these reach the medium; elsewhere they do nothing.
        connection.execute("PRAGMA fullfsync = ON")
        connection.execute("PRAGMA checkpoint_fullfsync = ON")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES_KEPT}")
        # A checkpoint after as many bytes as with SQLite's own pages and default.
        connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_BYTES // PAGE_BYTES}")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute("PRAGMA temp_store = MEMORY")
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """What is written in the block is kept whole, synced at its end, or not at all. Raises sqlite3.Error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk may have ended the transaction already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
