"""Documents of accounts as rows: schema version 6 has a table of them, one row for each account that has one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any, Final

from core.store.checksums import DamagedRow, check, packed_checksum
from core.wire.account_documents import DocumentVersion

DOCUMENTS_TABLE: Final = "documents"
WITH_DOCUMENTS: Final = 6
"""The first version of the schema that has it."""
_COLUMNS: Final = "claim, stamp, node, body, key, signature, sum"
_TABLE: Final = """
CREATE TABLE documents (
    claim TEXT NOT NULL UNIQUE, stamp INTEGER NOT NULL, node TEXT NOT NULL,
    body BLOB NOT NULL, key BLOB NOT NULL, signature BLOB NOT NULL, sum INTEGER NOT NULL
)
"""


def add_documents(connection: sqlite3.Connection) -> None:
    """The step from version 5 to version 6. Raises sqlite3.Error."""
    connection.execute(_TABLE)


def write_documents(connection: sqlite3.Connection, documents: Mapping[str, DocumentVersion | None]) -> None:
    """Have accounts have these documents; None: none any more. Raises sqlite3.Error."""
    gone = [(claim,) for claim, version in documents.items() if version is None]
    connection.executemany("DELETE FROM documents WHERE claim = ?", gone)
    kept = [_row(version) for version in documents.values() if version is not None]
    connection.executemany("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?, ?, ?)", kept)


def read_documents(connection: sqlite3.Connection) -> Iterator[DocumentVersion]:
    """All of them. Raises DamagedRow, sqlite3.Error."""
    return map(document_of, connection.execute(f"SELECT {_COLUMNS} FROM documents"))


def document_of(row: tuple[Any, ...]) -> DocumentVersion:
    """The version of a row. Raises DamagedRow."""
    claim, stamp, node, body, key, signature, expected = row
    if not all(isinstance(one, bytes) for one in (body, key, signature)):
        raise DamagedRow(f"a row of its table {DOCUMENTS_TABLE} is damaged")
    check(DOCUMENTS_TABLE, expected, packed_checksum((body, key, signature), claim, stamp, node))
    return DocumentVersion(claim, stamp, node, body, key or None, signature or None)


def _row(version: DocumentVersion) -> tuple[str, int, str, bytes, bytes, bytes, int]:
    packed = (version.body, version.key or b"", version.signature or b"")
    named = (version.claim, version.stamp, version.node)
    return (*named, *packed, packed_checksum(packed, *named))
