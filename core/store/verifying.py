"""Reads all of a database, and says what of it is not what was written.

Checked are the structure of the file, the checksum of each row, each record's digests, signature and place in its
chain, and everything that follows the records against them.
"""

from __future__ import annotations

import contextlib
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from core.store import archive, seal, witness
from core.store.data_directory import DATABASE
from core.store.files import kind_of
from core.store.holding import WITH_RECORDS, Blank, held_in
from core.store.loss import has_log, lacking
from core.store.schema import APPLICATION_ID, CURRENT, migrate, pragma
from core.store.store_errors import BackupDamaged, StoreError, StoreUnreadable
from core.store.table_checks import Damage, TableChecks, Verification
from core.store.witness import Witness
from core.wire.ed25519 import Ed25519Verifier
from core.wire.signing import Verifier

STRUCTURE_TOLD_MAX: Final = 20
"""Most sentences about the structure of one file: one damaged page makes many."""


def verify(path: Path) -> Verification:
    """Read a database, which a server may be running on, or a backup; nothing of it is changed.

    Raises StoreUnreadable when the file cannot be read at all.
    """
    found = Verification(path)
    with contextlib.suppress(StoreError):
        handle = seal.open_backup(path)
        with open(handle, "rb") as file:
            file.seek(max(0, path.stat().st_size - seal.TRAILER_BYTES))
            found.backup = file.read(len(seal.MARK)) == seal.MARK
    if found.backup or archive.is_named(path):
        found.backup = True
        try:
            seal.check_backup(path)
        except BackupDamaged as error:
            found.damage.append(Damage(error.sentence))
    else:
        _require_file(path)
    # Before what it is compared with: a server that runs goes on meanwhile.
    known = None if found.backup or path.name != DATABASE else witness.read(path.parent)
    try:
        with reading(path, immutable=found.backup) as connection:
            found.damage += examine(connection, found, Ed25519Verifier())
            if known is not None:
                found.damage += _lacking(connection, found, known)
    except OSError as error:
        raise StoreUnreadable(f"{path} cannot be read: {error.strerror or error}") from error
    except sqlite3.OperationalError as error:
        if "malformed" not in str(error):
            raise StoreUnreadable(f"{path} cannot be read: {error}") from error
        found.damage.append(Damage(f"the file cannot be opened as a database: {error}"))
    except sqlite3.Error as error:
        found.damage.append(Damage(f"the file cannot be opened as a database: {error}"))
    return found


def _require_file(path: Path) -> None:
    """Raises StoreUnreadable for what is no file, such as a pipe, which never ends."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise StoreUnreadable(f"{path} cannot be read: {error.strerror or error}") from error
    if not stat.S_ISREG(mode):
        raise StoreUnreadable(f"{path} is {kind_of(mode)}, not a node's database; move it away")


def _lacking(connection: sqlite3.Connection, found: Verification, known: Witness) -> Iterator[Damage]:
    """What the witness knows of, and the database beside it does not: nothing else shows that its log is cut."""
    with contextlib.suppress(sqlite3.Error, ValueError, TypeError, OverflowError):
        holding = held_in(connection)
        what = lacking(found.path, known, holding)
        after = witness.read(found.path.parent)
        # Otherwise another database was put in its place meanwhile, with a witness of its own.
        if what and after is not None and lacking(found.path, after, holding):
            node = None if isinstance(holding, Blank) else holding.node
            goes_on = has_log(found.path, known, node) or (node == known.node and not known.open)
            found.refused = not goes_on
            yield Damage(what)


@contextlib.contextmanager
def reading(path: Path, *, immutable: bool = False) -> Iterator[sqlite3.Connection]:
    """A connection that changes nothing, and sees one moment. Raises sqlite3.Error, OSError."""
    log, shared = Path(f"{path}-wal"), Path(f"{path}-shm")
    path.stat()
    there = log.exists(), shared.exists()
    # Without a log nobody has it open, and nothing has to be made beside it.
    mode = "immutable=1" if immutable or not there[0] else "mode=ro"
    uri = f"{path.absolute().as_uri()}?{mode}" + ("" if mode == "mode=ro" else "&mode=ro")
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=10)) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("BEGIN")
            yield connection
    finally:
        if not there[1] and there[0] and log.exists() and log.stat().st_size:
            shared.unlink(missing_ok=True)


def examine(
    connection: sqlite3.Connection,
    found: Verification,
    verifier: Verifier | None = None,
    *,
    structure_only: bool = False,
) -> Iterator[Damage]:
    """What is damaged, one by one; whoever takes the first only does not wait for the rest.

    Without a `verifier` signatures are not looked at.
    """
    for step in (_header, lambda connection, _: structure(connection)):
        try:
            for damage in step(connection, found):
                found.structure_whole = False
                yield damage
        except (sqlite3.Error, ValueError, TypeError) as error:
            found.structure_whole = False
            yield Damage(f"the file cannot be read as a database: {error}")
            return
    if found.schema < WITH_RECORDS and found.schema and not found.same_tables:
        with contextlib.suppress(sqlite3.Error, ValueError):
            ((found.node, found.incarnation),) = connection.execute("SELECT id, incarnation FROM node")
        return
    if structure_only:
        return
    found.with_records = True
    tables = TableChecks(connection, found, verifier)
    # What follows the records is made anew when data of an earlier version is brought up.
    follows = () if 0 < found.schema < CURRENT.version and not found.same_tables else (tables.behind,)
    for part in (tables.small, tables.records, *follows):
        try:
            yield from part()
        except (sqlite3.Error, ValueError, TypeError, OverflowError) as error:
            # What is said of the structure says this too.
            if found.structure_whole:
                yield Damage(str(error))


def _header(connection: sqlite3.Connection, found: Verification) -> Iterator[Damage]:
    found.schema = pragma(connection, "user_version")
    found.same_tables = schema_of(connection) == current_schema()
    if pragma(connection, "application_id") != APPLICATION_ID:
        yield Damage("its header does not say that it is a node's data")
    if found.same_tables and found.schema != CURRENT.version:
        yield Damage("its header names another version than its tables are of")
    if found.schema == CURRENT.version and not found.same_tables:
        yield Damage("its tables are not those of its version")


def schema_of(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    """The names and definitions of all tables and indexes. Raises sqlite3.Error."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
    return {(str(name), " ".join(str(sql).replace('"', "").split())) for name, sql in rows}


def current_schema() -> set[tuple[str, str]]:
    """What `schema_of` says of whole data of the current version."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection, CURRENT, 0)
        return schema_of(connection)


def structure(connection: sqlite3.Connection) -> Iterator[Damage]:
    """What SQLite finds wrong with its file. Raises sqlite3.Error."""
    for (verdict,) in connection.execute(f"PRAGMA integrity_check({STRUCTURE_TOLD_MAX})"):
        if verdict != "ok":
            for line in str(verdict).splitlines():
                if not line.startswith("***"):
                    yield Damage(f"the structure of the file is damaged: {line}")
