"""A node's identity, and the number of each of its starts."""

from __future__ import annotations

import base64
from typing import Final

from core.wire.entries import IDENTIFIER_CHARACTERS_MAX

NODE_ID_CHARACTERS: Final = 12
INCARNATION_EPOCH: Final = 1_577_836_800
"""2020-01-01T00:00:00Z, seconds since 1970."""
LEAP_MAX: Final = 2**20
"""Below this is how far an incarnation leaps where the clock does not help: in milliseconds, a quarter of an hour."""


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


def next_incarnation(last: int, wall: float, leap: int = 0) -> int:
    """The incarnation of a start at `wall`, seconds since 1970, after the one numbered `last`.

    It is the milliseconds since 2020, or `last + 1 + leap` where the clock is not beyond `last`. Counting starts alone
    would not do: a node that was put back to an older state, with all that it remembers, does not know of the starts
    after it, and would give new entries the identities of others that the network remembers. No start takes less than
    a millisecond, so a later start has another number than all before it, whichever of them the data remembers.

    A clock that stands still (a machine without a battery begins at the same moment every time) would defeat that:
    with an older state it counts from the same number again. `leap`, a random number below `LEAP_MAX`, makes it
    land elsewhere.
    """
    beyond = int((wall - INCARNATION_EPOCH) * 1000)
    return beyond if beyond > last else last + 1 + leap
