"""The tables, their version, and the way from one version to the next.

The file says what it is: `application_id` in its header marks it as a node's data, `user_version` is its schema's
version (https://www.sqlite.org/pragma.html#pragma_application_id).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final

import msgspec

from core.store.document_rows import add_documents
from core.store.record_tables import records_from_entries
from core.store.retention import ROW_BYTES
from core.store.store_errors import DataDirectoryUnusable, SchemaTooNew
from core.store.time_tables import blocks_from_items

APPLICATION_ID: Final = 0x41435459
"""ACTY"""

Step = Callable[[sqlite3.Connection], None]
"""Changes a schema of one version to the next, within a transaction that is open already."""

_TABLES: Final = """
CREATE TABLE node (id TEXT NOT NULL, incarnation INTEGER NOT NULL, stamp INTEGER NOT NULL);

CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL, backed_up INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE entries (
    node TEXT NOT NULL, incarnation INTEGER NOT NULL, seq INTEGER NOT NULL,
    kind TEXT NOT NULL, stamp INTEGER NOT NULL, sender TEXT NOT NULL, previous TEXT, ref TEXT, body BLOB NOT NULL
);
CREATE UNIQUE INDEX entries_by_id ON entries (node, incarnation, seq);
CREATE INDEX activities_by_stamp ON entries (stamp, node, incarnation, seq) WHERE kind = 'activity';
CREATE INDEX accounts ON entries (node, incarnation, seq) WHERE kind = 'account';

-- Which numbers of a stream have been received, as runs: the one without a gap begins at 0.
CREATE TABLE runs (
    node TEXT NOT NULL, incarnation INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (node, incarnation, first)
) WITHOUT ROWID;

-- Each sender's newest activity, which retention may have dropped.
CREATE TABLE senders (
    sender TEXT PRIMARY KEY,
    stamp INTEGER NOT NULL, node TEXT NOT NULL, incarnation INTEGER NOT NULL, seq INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE peers (
    id TEXT PRIMARY KEY,
    hostname TEXT NOT NULL, port INTEGER NOT NULL, name TEXT NOT NULL, seen_at REAL NOT NULL
) WITHOUT ROWID;
"""


def _create(connection: sqlite3.Connection) -> None:
    # Not executescript, which commits the open transaction first.
    for statement in _TABLES.split(";"):
        connection.execute(statement)


def _add_addresses(connection: sqlite3.Connection) -> None:
    """A peer's other addresses, as JSON: lists of a host and a port."""
    connection.execute("ALTER TABLE peers ADD COLUMN others TEXT NOT NULL DEFAULT '[]'")


def _add_usage(connection: sqlite3.Connection) -> None:
    """What is kept of each writer's activities: retention has to know without reading them."""
    connection.execute(
        "CREATE TABLE usage (sender TEXT PRIMARY KEY, activities INTEGER NOT NULL, bytes INTEGER NOT NULL)"
        " WITHOUT ROWID"
    )
    connection.execute(
        "INSERT INTO usage SELECT sender, count(*), sum(length(body) + ?) FROM entries WHERE kind = 'activity'"
        " GROUP BY sender",
        (ROW_BYTES,),
    )


class Schema(msgspec.Struct, frozen=True):
    """`steps[n]` leads from version n to n + 1; version 0 is an empty file."""

    steps: tuple[Step, ...]

    @property
    def version(self) -> int:
        return len(self.steps)


VERSION_BEFORE: Final = 3
"""Which version `core.store.downgrade` leads to: the last one without records."""
CURRENT: Final = Schema((_create, _add_addresses, _add_usage, records_from_entries, blocks_from_items, add_documents))


def pragma(connection: sqlite3.Connection, name: str) -> int:
    """A pragma that is a number."""
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)


def version_of(connection: sqlite3.Connection, schema: Schema, what: str) -> int:
    """The version of a file's schema, 0 for an empty one. `what` names the file for a person.

    Raises DataDirectoryUnusable if the file is not ours, SchemaTooNew if `schema` is older, sqlite3.Error.
    """
    application, version = pragma(connection, "application_id"), pragma(connection, "user_version")
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application == 0 and version == 0 and objects == 0:
        return 0
    if application != APPLICATION_ID or version < 1:
        raise DataDirectoryUnusable(f"{what} is not a node's data; choose another data directory")
    if version > schema.version:
        raise too_new(what, version, schema)
    return version


def too_new(what: str, version: int, schema: Schema) -> SchemaTooNew:
    return SchemaTooNew(
        f"{what} was written by a newer version of this program (its schema is {version}, this one knows up to"
        f" {schema.version}); use that version or a newer one"
    )


def migrate(connection: sqlite3.Connection, schema: Schema, version: int) -> None:
    """Bring a file from `version` to the newest, each step whole or not at all. Raises what a step does."""
    for number, step in enumerate(schema.steps[version:], version + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            step(connection)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
