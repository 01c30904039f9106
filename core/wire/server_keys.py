"""The keys of servers: which ids are made of one, how a key is shown to people, and what both ends of a link sign.

A server's identity is a signing key (Ed25519, RFC 8032). An id that is a hash of its public key certifies itself
(Mazières et al., "Separating key management from file system security", SOSP 1999): whoever has the id can tell which
key is that server's, and needs nobody's word for it. Ids from before keys are bound to the first key that they come
with.
"""

from __future__ import annotations

import base64
import re
from functools import lru_cache
from typing import Annotated, Final

import msgspec

from core.wire.signing import KEY_BYTES, SIGNATURE_BYTES

NONCE_BYTES: Final = 16
CERTIFIED_ID_CHARACTERS: Final = 24
"""Of an id that is a hash of a key: 120 bits, in which nobody finds another key for a given id."""
IDS_CACHED: Final = 1024
"""Each record that comes shows its server's key."""

PublicKey = Annotated[bytes, msgspec.Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]
Signature = Annotated[bytes, msgspec.Meta(min_length=1, max_length=SIGNATURE_BYTES)]
Nonce = Annotated[bytes, msgspec.Meta(min_length=NONCE_BYTES, max_length=SIGNATURE_BYTES)]

_CERTIFIED: Final = re.compile(r"[a-z2-7]{24}\Z")


class ServerKey(msgspec.Struct, frozen=True):
    """Which key the server with an id from before keys has: the first that the id came with, for ever."""

    id: str
    key: bytes
    bound_at: float = 0.0
    """Wall-clock seconds since 1970."""
    signs_from: int | None = None
    """The first incarnation of which the server signs all entries, as it has said itself; None: it has not."""


@lru_cache(IDS_CACHED)
def certified_id(key: bytes) -> str:
    """The id of a server with this public key: 24 characters of lower-case base32."""
    import hashlib  # Not all who know the wire need it, and it takes a while.

    digest = hashlib.blake2b(key, digest_size=CERTIFIED_ID_CHARACTERS * 5 // 8, person=b"activity-tui id")
    return base64.b32encode(digest.digest()).decode("ascii").lower()


def is_certified(node: str) -> bool:
    """Whether an id has the form of those that are made of a key: it belongs to that key or to nobody."""
    return _CERTIFIED.match(node) is not None


def fingerprint(key: bytes) -> str:
    """A key as people compare it: the id that is made of it, in groups of four."""
    text = certified_id(key)
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


class ShownEnd(msgspec.Struct, frozen=True, array_like=True):
    """What one end of a link has shown of itself."""

    id: str
    incarnation: int
    key: bytes
    nonce: bytes


def link_digest(signer: ShownEnd, other: ShownEnd, *, dialled: bool) -> bytes:
    """What an end of a link signs to prove its key: who both are, what each has drawn for this link, and whether it has
    dialled.

    The other end is in it, so that what somebody is shown proves nothing to a third one; both nonces, so that no proof
    serves twice (mutual authentication in three passes, ISO/IEC 9798-3).
    """
    import hashlib

    text = msgspec.json.encode(["activity-tui link", "dials" if dialled else "answers", signer, other])
    return hashlib.blake2b(text, digest_size=32).digest()
