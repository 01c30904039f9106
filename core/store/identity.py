"""A node's identity, its private key, and the number of each of its starts."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Callable
from typing import Final, NamedTuple

from core.store.checksums import check, checksum
from core.store.store_errors import DataDirectoryUnusable
from core.wire.entries import (
    IDENTIFIER_CHARACTERS_MAX,
    INCARNATION_EPOCH,
    INCARNATION_MAX,
    INCARNATIONS_A_SECOND,
)
from core.wire.server_keys import is_certified

NODE_ID_CHARACTERS: Final = 12
LEAP_MAX: Final = INCARNATIONS_A_SECOND
"""Below this are an incarnation's random digits, and how far it leaps where the clock does not help."""
_SECOND_MAX: Final = INCARNATION_MAX // INCARNATIONS_A_SECOND - 2**26
"""What a clock says beyond that, which comes in 2051, is taken for it: sixty million starts are left behind it."""

KEY_SETTING: Final = "identity_key"
"""Where the private key is: among the settings, and in backups, because a backup is the server."""

SIGNS_FROM_SETTING: Final = "signs_from"
"""Where the first incarnation is of which all own entries are signed; beside the key."""


class NewIdentity(NamedTuple):
    """A key that was just made: the id that a new node has by it, and the private key as a setting keeps it."""

    node: str
    private: str


def node_id(entropy: bytes) -> str:
    """A node's id made of 8 or more random bytes: 12 characters of lower-case base32, 60 bits.

    Raises ValueError for fewer bytes.
    """
    if len(entropy) < 8:
        raise ValueError("a node id needs 8 random bytes")
    return base64.b32encode(entropy)[:NODE_ID_CHARACTERS].decode("ascii").lower()


def check_node_id(identifier: str) -> str:
    """Return `identifier`. Raises ValueError if no entry could be named with it."""
    if not 0 < len(identifier) <= IDENTIFIER_CHARACTERS_MAX or "." in identifier:
        raise ValueError(f"{identifier!r} is not a node id: it has 1 to 64 characters and no dot")
    return identifier


def identify(connection: sqlite3.Connection, node: str | None, new_identity: Callable[[], NewIdentity]) -> str:
    """The id of a node that has none yet (None), by a key that is made for it; one from before keys keeps its id and
    gets a key. Within a transaction: no id is ever without its key.

    Raises DataDirectoryUnusable when an id is made of a key that is not there, and sqlite3.Error.
    """
    kept = connection.execute("SELECT value FROM settings WHERE name = ?", (KEY_SETTING,)).fetchone()
    if node is not None and kept is not None:
        return node
    if node is not None and is_certified(node):
        raise DataDirectoryUnusable(
            f"the key of the server {node} is missing from its data, and nobody can be that server without it;"
            " restore a backup, or choose another data directory"
        )
    made = new_identity()
    keep_once(connection, KEY_SETTING, made.private)
    return made.node if node is None else node


def check_settings(connection: sqlite3.Connection) -> None:
    """Look at the checksums of all settings: what reads one of them later could do nothing. Raises sqlite3.Error."""
    for name, value, backed_up, expected in connection.execute("SELECT name, value, backed_up, sum FROM settings"):
        check("settings", expected, checksum(name, value, backed_up))


def keep_once(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Have a setting kept, in backups too, unless there is one of that name. Raises sqlite3.Error."""
    values = (name, value, 1)
    connection.execute("INSERT OR IGNORE INTO settings VALUES (?, ?, ?, ?)", (*values, checksum(*values)))


def next_incarnation(last: int, wall: float, leap: int) -> int:
    """The incarnation of a start at `wall`, seconds since 1970, after the one numbered `last`.

    It is the second, counted from 2020, and below it `leap`, a random number below `LEAP_MAX`; or `last + 1 + leap`
    where that is not beyond `last`. Each of the three is there for somebody:

    - Counting starts alone would not do for a node that was put back to an older state, with all that it remembers. It
      does not know of the starts after it, and would give new entries the identities of others that the network
      remembers. By the clock a start has another number than all in the seconds before it, whichever of them the data
      remembers.
    - The clock alone would not do for two copies of one directory that are started together, as an orchestrator does
      that resumes a snapshot twice; nor where it stands still (a machine without a battery begins at the same moment
      every time). One in 262,144 such pairs takes the same number, however close they are together; what becomes of
      them is said in `core.node.servers.same_start`. A finer clock would not help two starts at the same moment, so all
      digits that are left are random.
    - Later starts that the data knows of have larger numbers, whatever the clock says.

    A clock that was once wrong by decades takes no server beyond `INCARNATION_MAX`, where nobody would believe it any
    more, not even once the clock is right again.
    """
    by_clock = min(int(wall - INCARNATION_EPOCH), _SECOND_MAX) * INCARNATIONS_A_SECOND + leap
    return by_clock if by_clock > last else last + 1 + leap
