"""Checksums of rows: whatever is read of a database is looked at here before it is believed.

SQLite finds damage to the structure of its file, and not to what is stored in it: one flipped bit makes another body,
number or name of one. CRC-32 (ISO 3309) finds each damage of up to 32 successive bits, and all others but one in 2^32.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable


class DamagedRow(sqlite3.DatabaseError):
    """What a row holds does not fit its checksum."""


def checksum(*values: str | int) -> int:
    """The checksum of a row of a small table."""
    return zlib.crc32(repr(values).encode())


def checksums(rows: Iterable[tuple[str | int, ...]]) -> list[int]:
    """The checksum of each of many rows, in a third of the time."""
    return [*map(zlib.crc32, map(str.encode, map(repr, rows)))]


def packed_checksum(packed: Iterable[bytes], *values: str | int) -> int:
    """The checksum of a row that holds packed values beside a few others."""
    found = checksum(*values)
    for one in packed:
        found = zlib.crc32(one, found)
    return found


def check(table: str, expected: int, found: int) -> None:
    """Raises DamagedRow unless both are the same."""
    if expected != found:
        raise DamagedRow(f"a row of its table {table} is damaged")
