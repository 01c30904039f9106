"""Back to the version before: a server's data as the program before this one reads it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from core.store import backup, data_directory, loss, witness
from core.store.behind import Behind
from core.store.database import connect, transaction
from core.store.held_rows import read_held
from core.store.mending import is_damage
from core.store.record_rows import DamagedRecord
from core.store.record_tables import entries_from_records
from core.store.recovery import catch_up
from core.store.schema import CURRENT, VERSION_BEFORE, version_of
from core.store.store_errors import DataDirectoryUnusable, StoreError


def downgrade_store(data_dir: Path) -> Path:
    """Write the data in `data_dir` as the version before kept it; the backup of what it was, which is made first.

    Everything that is kept stays, but for what that version does not know: signatures, keys, and accounts' documents.
    Interrupted at any moment, the data is of one version or of the other. Raises DataLost, DataDirectoryInUse,
    DataDirectoryUnusable, SchemaTooNew.
    """
    if not (data_dir / data_directory.DATABASE).exists():
        raise DataDirectoryUnusable(f"there is no server's data in {data_dir}; name its data directory")
    directory = data_directory.claim(data_dir)
    try:
        past = loss.examine(directory, "refuse")
        if past.unread:
            raise past.lost(past.unread, remains=True)
        with contextlib.closing(connect(directory, CURRENT)) as connection:
            version = version_of(connection, CURRENT, str(directory.database))
            if version != CURRENT.version:
                raise DataDirectoryUnusable(
                    f"the data in {directory.path} is of version {version}, which an earlier program reads as it is"
                )
            saved = backup.write_backup(directory.database, directory.backups, f"before-schema-{VERSION_BEFORE}")
            _write_back(connection, directory)
        return saved
    except (sqlite3.Error, OSError, StoreError) as error:
        if isinstance(error, DataDirectoryUnusable):
            raise
        if isinstance(error, sqlite3.Error) and is_damage(error):
            raise DataDirectoryUnusable(
                f"the data in {directory.path} is damaged ({error}): start this version's server once, which makes it"
                " anew of what is whole"
            ) from error
        raise data_directory.unusable(directory.path, error) from error
    finally:
        directory.release()


def _write_back(connection: sqlite3.Connection, directory: data_directory.DataDirectory) -> None:
    held = read_held(connection)
    catch_up(connection, Behind(connection, held), held, _refuse)
    node, incarnation = connection.execute("SELECT id, incarnation FROM node").fetchone()
    with transaction(connection):
        entries_from_records(connection, CURRENT.steps[:VERSION_BEFORE])
        connection.execute(f"PRAGMA user_version = {VERSION_BEFORE}")
    # The pages that the records were in are given back.
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = os.stat(directory.database).st_size
    witness.establish(directory.path, witness.Witness(node, incarnation, held.received, size, open=False))


def _refuse(damage: DamagedRecord) -> None:
    raise damage
