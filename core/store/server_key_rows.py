"""What ids of servers are bound to, as rows."""

from __future__ import annotations

import sqlite3
from typing import Final

from core.store.checksums import check, packed_checksum
from core.wire.server_keys import ServerKey

_UNKNOWN: Final = -1
_MILLISECONDS: Final = 1000


def key_row(one: ServerKey) -> tuple[str, bytes, int, int, int]:
    """The row of a binding."""
    bound_at = int(one.bound_at * _MILLISECONDS)
    signs_from = _UNKNOWN if one.signs_from is None else one.signs_from
    return one.id, one.key, bound_at, signs_from, packed_checksum([one.key], one.id, bound_at, signs_from)


def read_keys(connection: sqlite3.Connection) -> tuple[ServerKey, ...]:
    """All bindings, by id. Raises sqlite3.Error."""
    found = []
    rows = connection.execute("SELECT id, key, bound_at, signs_from, sum FROM server_keys ORDER BY id")
    for node, key, bound_at, signs_from, expected in rows:
        check("server_keys", expected, packed_checksum([key], node, bound_at, signs_from))
        found.append(ServerKey(node, key, bound_at / _MILLISECONDS, None if signs_from == _UNKNOWN else signs_from))
    return tuple(found)
