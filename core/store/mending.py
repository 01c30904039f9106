"""A start with a damaged database: it is found out, made anew, and told.

What is small is read through at each start. What is large is where something has shown that it is damaged: it cannot be
opened, the witness knows of more, or the last run has come upon it.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from core.store.data_directory import DataDirectory
from core.store.files import open_private
from core.store.holding import WITH_RECORDS
from core.store.loss import KnownPast
from core.store.schema import Schema
from core.store.sequence_runs import Runs
from core.store.store_errors import NotSalvageable
from core.wire.entries import Stream
from core.wire.entry_runs import named

if TYPE_CHECKING:
    from core.store.salvage import SalvageOutcome

READ_AT_START_BYTES: Final = 2 * 1024 * 1024
"""A database up to this size is read through at each start: some tenths of a second at most."""
MARK: Final = "node.damaged"
"""A file that says that the next start has to read all of the database; why is in it."""


class _Found(NamedTuple):
    what: str
    whole: bool
    """Whether it is not the structure of the file that is damaged."""


def mend(
    directory: DataDirectory, past: KnownPast, schema: Schema, *, with_key: bool, alone: bool, what: str = ""
) -> bool:
    """Put a database that was made anew in the place of a damaged one, and have that told; whether one was damaged.

    `what` is what is known to be damaged, in words: else it is looked for. Raises NotSalvageable, OSError.
    """
    found = _Found(what, False) if what else _look(directory, past, schema)
    if not found.what:
        return False
    if 0 < version_in(directory.database) < WITH_RECORDS:
        raise NotSalvageable(
            f"{found.what}; it is of a version without checksums, so nobody can tell what of it is whole; a new node"
            " (--new-node) would get from the other servers what they have"
        )
    from core.store.salvage import salvage  # Here and below: most starts find nothing to look at closely.

    try:
        outcome = salvage(directory, past, schema, with_key=with_key, whole=found.whole, alone=alone)
    except sqlite3.Error as error:
        raise NotSalvageable(f"{found.what}; it could not be made anew ({error})") from error
    except NotSalvageable as error:
        raise NotSalvageable(f"{found.what}; {error}") from error
    directory.findings += _told(outcome, found.what, directory.database, past)
    (directory.path / MARK).unlink(missing_ok=True)
    return True


def version_in(database: Path) -> int:
    """What the header of a database says of its version, however damaged the rest is. Raises OSError."""
    with open(database, "rb") as file:
        return int.from_bytes(file.read(64)[60:64], "big")


def is_damage(error: Exception) -> bool:
    """Whether it says that the data is damaged: otherwise its disk fails, or somebody has locked it."""
    ours = sqlite3.OperationalError | sqlite3.ProgrammingError
    return not isinstance(error, ours) or "malformed" in str(error) or "decode" in str(error)


def mark(directory: Path, why: str) -> None:
    """Have the next start read all of the database. Raises OSError."""
    handle = open_private(directory / MARK, os.O_TRUNC)
    try:
        os.write(handle, f"{why}\n".encode())
    finally:
        os.close(handle)


def _look(directory: DataDirectory, past: KnownPast, schema: Schema) -> _Found:
    """Raises OSError."""
    marked = (directory.path / MARK).exists()
    try:
        size = os.stat(directory.database).st_size
    except FileNotFoundError:
        return _Found("", True)
    if not size:
        return _Found("", True)
    from core.store.table_checks import Verification
    from core.store.verifying import examine, reading

    report = Verification(directory.database)
    try:
        with reading(directory.database) as connection:
            small = marked or size <= READ_AT_START_BYTES
            if not small and not past.is_suspect():
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                return _Found("", True)
            if not past.trace and _has_no_node(connection):
                # A first start was killed half way.
                return _Found("", True)
            damage = next(examine(connection, report, structure_only=not small), None)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        if not is_damage(error):
            # Its disk, or somebody who has locked it: opening it tells.
            return _Found("", True)
        return _Found(str(error), False)
    if damage is None:
        (directory.path / MARK).unlink(missing_ok=True)
        return _Found("", True)
    if 0 < report.schema < schema.version and not report.same_tables:
        # Of an older version, of which there is no way back but a backup: opening it tells what is wrong.
        return _Found("", True)
    if report.schema > schema.version and not report.same_tables:
        return _Found("", True)
    return _Found(damage.what, report.structure_whole)


def _has_no_node(connection: sqlite3.Connection) -> bool:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return not tables or (
        {"node", "records"} <= tables
        and not any(connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in ("node", "records"))
    )


def _told(outcome: SalvageOutcome, what: str, database: Path, past: KnownPast) -> list[str]:
    """What a person should know, a sentence each."""
    helped = f", and of the backup {outcome.backup}" if outcome.backup is not None else ""
    remains = f"it was made anew of what could be read of it{helped}, {outcome.entries} entries"
    texts = [f"{database} was damaged ({what}): {remains}; the damaged file is in {outcome.aside}"]
    if outcome.missing:
        texts.append(
            f"{outcome.missing} entries that were in the damaged {database.name} could not be read; the other servers"
            " are asked for them"
        )
    if outcome.own:
        texts.append(
            f"of what this server has accepted itself these could not be read: {_named(outcome.own)}; what no other"
            " server has of them is lost"
        )
    lacking = (past.witness.received if past.witness is not None else 0) - outcome.received
    if lacking > outcome.missing:
        texts.append(
            f"{lacking} of the entries that this server has received are not there now; the other servers are asked for"
            " them, and what none of them has is lost"
        )
    return texts


def _named(streams: dict[Stream, Runs]) -> str:
    return named({stream: runs.spans for stream, runs in streams.items()})
