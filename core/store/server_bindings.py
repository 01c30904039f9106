"""Which keys the ids of other servers are bound to, as whoever runs a server looks at them and takes one back.

An id from before keys is bound to the first key that it comes with, for ever. If that was somebody else's key, the
right server is refused: OpenSSH's known hosts have the same, and `ssh-keygen -R` for it.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from core.store import data_directory, loss
from core.store.database import connect, transaction
from core.store.schema import CURRENT, version_of
from core.store.server_key_rows import read_keys
from core.store.store_errors import DataDirectoryUnusable, StoreUnreadable
from core.store.verifying import reading
from core.wire.server_keys import ServerKey


def known_servers(data_dir: Path) -> tuple[ServerKey, ...]:
    """The bindings in a data directory, by id; its server may be running. Raises DataDirectoryUnusable,
    StoreUnreadable."""
    database = _database(data_dir)
    try:
        with reading(database) as connection:
            _check_version(connection, database)
            return read_keys(connection)
    except (sqlite3.Error, OSError) as error:
        raise StoreUnreadable(f"{database} cannot be read: {error}") from error


def forget_known_server(data_dir: Path, node: str) -> ServerKey | None:
    """Take back which key an id is bound to; the binding as it was, or None if there is none.

    Raises DataDirectoryInUse while the server runs, DataDirectoryUnusable, DataLost.
    """
    database = _database(data_dir)
    directory = data_directory.claim(data_dir)
    try:
        past = loss.examine(directory, "refuse")
        if past.unread:
            raise past.lost(past.unread, remains=True)
        with contextlib.closing(connect(directory, CURRENT)) as connection:
            _check_version(connection, database)
            found = next((one for one in read_keys(connection) if one.id == node), None)
            if found is not None:
                with transaction(connection):
                    connection.execute("DELETE FROM server_keys WHERE id = ?", (node,))
            return found
    except (sqlite3.Error, OSError) as error:
        raise data_directory.unusable(directory.path, error) from error
    finally:
        directory.release()


def _database(data_dir: Path) -> Path:
    database = data_dir / data_directory.DATABASE
    if not database.exists():
        raise DataDirectoryUnusable(f"there is no server's data in {data_dir}; name its data directory")
    return database


def _check_version(connection: sqlite3.Connection, database: Path) -> None:
    version = version_of(connection, CURRENT, str(database))
    if version != CURRENT.version:
        raise DataDirectoryUnusable(
            f"{database} is of version {version}, which knows no keys; the next start of its server brings it up"
        )
