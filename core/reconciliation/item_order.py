"""Items: what is compared, in which order, and what their sums are."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Final, Literal, NamedTuple

from core.wire.entries import COUNTER_MAX, EntryId, Kind, parse_entry_id

MODULUS: Final = 2**256
SET_BITS: Final = 56
"""A place is a number: the set, and below it the stamp. `COUNTER_MAX` bounds stamps."""
_STAMPS: Final = (1 << SET_BITS) - 1
PRINT_BYTES: Final = 16
_HASH_BYTES: Final = 32

ItemSet = Literal[0, 1]
ACCOUNTS: Final[ItemSet] = 0
"""Accounts, which are kept for ever; they come first, so that who catches up knows whose activities follow."""
ACTIVITIES: Final[ItemSet] = 1
_LAST: Final = 2
_NO_ID: Final = EntryId("", 0, 0)


class ItemKey(NamedTuple):
    """Where an item stands in the order of all: by set, stamp, then identity. Also a bound between two."""

    place: int
    id: EntryId


def item_key(kind: Kind, stamp: int, entry_id: EntryId) -> ItemKey:
    """The key of an entry."""
    return ItemKey((stamp | ACTIVITIES << SET_BITS) if kind == "activity" else stamp, entry_id)


def bound(item_set: ItemSet, stamp: int = 0) -> ItemKey:
    """What stands before all items of a set from a stamp on."""
    return bound_at(stamp | item_set << SET_BITS)


def bound_at(place: int) -> ItemKey:
    """What stands before all items from a place on."""
    return ItemKey(place, _NO_ID)


END: Final = bound_at(_LAST << SET_BITS)
"""What stands behind all items."""


def encode_bound(key: ItemKey) -> str:
    """A bound as it travels: `SET.STAMP`, and `.NODE.INCARNATION.NUMBER` where it stands between two of one stamp."""
    text = f"{key.place >> SET_BITS}.{key.place & _STAMPS}"
    return text if key.id == _NO_ID else f"{text}.{key.id}"


def decode_bound(text: str) -> ItemKey:
    """Read a bound. Raises ValueError."""
    item_set, _, rest = text.partition(".")
    stamp, _, entry_id = rest.partition(".")
    if item_set not in ("0", "1", "2") or not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 16):
        raise ValueError("not a bound: expected SET.STAMP")
    place = int(stamp) | int(item_set) << SET_BITS
    if int(stamp) > COUNTER_MAX or place > END.place:
        raise ValueError("not a bound: out of range")
    return ItemKey(place, parse_entry_id(entry_id)) if entry_id else bound_at(place)


def item_hash(key: ItemKey) -> int:
    """A number below `MODULUS`: BLAKE2b-256 of `SET STAMP NODE.INCARNATION.NUMBER` in ASCII, the highest byte first.

    Nodes choose their ids and stamps, so a hash of less would let somebody make up sums.
    """
    place, (node, incarnation, seq) = key
    text = f"{place >> SET_BITS} {place & _STAMPS} {node}.{incarnation}.{seq}"
    return int.from_bytes(blake2b(text.encode(), digest_size=32).digest(), "big")


def _hash(place: int, stream: bytes, seq: int) -> int:
    text = b"%d %d %b.%d" % (place >> SET_BITS, place & _STAMPS, stream, seq)
    return int.from_bytes(blake2b(text, digest_size=_HASH_BYTES).digest(), "big")


class Fingerprint(NamedTuple):
    """How many items there are, and the sum of their hashes modulo 2^256."""

    size: int
    sum: int

    def plus(self, other: Fingerprint) -> Fingerprint:
        return Fingerprint(self.size + other.size, (self.sum + other.sum) % MODULUS)

    def minus(self, other: Fingerprint) -> Fingerprint:
        """What is more here; a size below 0 where there is less."""
        return Fingerprint(self.size - other.size, (self.sum - other.sum) % MODULUS)

    @property
    def print(self) -> bytes:
        """`PRINT_BYTES` bytes that say the same of a sum, for messages."""
        return blake2b(self.sum.to_bytes(32, "big") + self.size.to_bytes(8, "big"), digest_size=PRINT_BYTES).digest()


NOTHING: Final = Fingerprint(0, 0)


def fingerprint_of(keys: Iterable[ItemKey]) -> Fingerprint:
    """The fingerprint of these items."""
    count = total = 0
    for key in keys:
        count += 1
        total += item_hash(key)
    return Fingerprint(count, total % MODULUS)


def fingerprint_at(places: Sequence[int], streams: Iterable[bytes], numbers: Iterable[int]) -> Fingerprint:
    """The same of items that are there in columns: their places, `NODE.INCARNATION`, and their numbers."""
    # `_hash` written out, with a hash that has begun: to begin one, and to call it, takes a quarter.
    begun = blake2b(digest_size=_HASH_BYTES).copy
    digests: list[bytes] = []
    for place, stream, seq in zip(places, streams, numbers, strict=True):
        hasher = begun()
        hasher.update(b"%d %d %b.%d" % (place >> SET_BITS, place & _STAMPS, stream, seq))
        digests.append(hasher.digest())
    return Fingerprint(len(places), sum([int.from_bytes(one, "big") for one in digests]) % MODULUS)


def encode_sum(total: int) -> str:
    """A sum as it travels: 32 bytes in base 64."""
    return base64.b64encode(total.to_bytes(32, "big")).decode("ascii")


def decode_sum(text: str) -> int:
    """Read a sum. Raises ValueError."""
    data = base64.b64decode(text, validate=True)
    if len(data) != 32:
        raise ValueError("not a sum: expected 32 bytes in base 64")
    return int.from_bytes(data, "big")
