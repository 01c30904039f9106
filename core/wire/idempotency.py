"""How copies of one activity are known: by what their sender called it, and by what is in it.

A client that never saw its acknowledgement says the same again, under the same ref, perhaps at another server. A ref
alone would be enough among honest servers; but any server can say that somebody wrote something under any ref. So the
content counts as well: two activities with one ref and different content are two. The IETF's draft on the
Idempotency-Key header field (draft-ietf-httpapi-idempotency-key-header) calls the second part a fingerprint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from core.wire.names import ANONYMOUS, original_name

if TYPE_CHECKING:
    from hashlib import blake2b

FINGERPRINT_BYTES: Final = 16
SENDERS_CACHED: Final = 2048
REMEMBERED_MAX: Final = 4096
REMEMBERED_BYTES_MAX: Final = 1024
"""The fingerprints of so many activities are remembered, with bodies of up to so many bytes: 5 MB at most. A node asks
for one when an activity comes and when it is noted, and its store when it is kept."""

_encoder = msgspec.json.Encoder()


def idempotency_fingerprint(sender: str, ref: str, body: bytes) -> bytes:
    """128 bits of BLAKE2b (RFC 7693) that all copies of a processed activity have in common, and nothing else has.

    `sender` is the account's name when a copy was accepted, empty for `anonymous`; another name that the account got
    meanwhile makes no other activity of it.
    """
    key = (sender, ref, body)
    found = _remembered.get(key)
    if found is None:
        found = _hashed(sender, ref, body)
        if len(body) <= REMEMBERED_BYTES_MAX:
            if len(_remembered) >= REMEMBERED_MAX:
                _remembered.clear()
            _remembered[key] = found
    return found


def fingerprint_of(sender: str, ref: str, body: bytes) -> bytes:
    """The same where nobody asks for it a second time."""
    return _hashed(sender, ref, body)


def last_fingerprints(activities: Iterable[tuple[str, str, bytes]]) -> list[bytes]:
    """Those of several, each a sender, a ref and a body, for who asks last, and so need not have them remembered: the
    store, of what the node has asked for."""
    take = _remembered.pop
    return [take(one, b"") or _hashed(*one) for one in activities]


def fingerprints_of(senders: Sequence[str], refs: Sequence[str | None], bodies: Sequence[bytes]) -> list[bytes | None]:
    """The same of many, none of which is remembered; None for what has no ref."""
    begun = _begun()
    found: list[bytes | None] = []
    for sender, ref, body in zip(senders, refs, bodies, strict=True):
        if ref is None:
            found.append(None)
            continue
        user, name = _of_sender(sender)
        hasher = begun()
        named = ref.encode() if ref.isascii() else _encoded(ref)
        hasher.update(b"%b%b\x00%b" % (name, named, body.replace(user, b"\x00")))
        found.append(hasher.digest())
    return found


def _hashed(sender: str, ref: str, body: bytes) -> bytes:
    user, name = _of_sender(sender)
    hasher = _begun()()
    hasher.update(b"%b%b\x00%b" % (name, _encoded(ref), body.replace(user, b"\x00")))
    return hasher.digest()


def _encoded(ref: str) -> bytes:
    try:
        return ref.encode()
    except UnicodeEncodeError:
        return ref.encode("utf-8", "surrogatepass")


_remembered: Final[dict[tuple[str, str, bytes], bytes]] = {}


@lru_cache(SENDERS_CACHED)
def _of_sender(sender: str) -> tuple[bytes, bytes]:
    """What says who wrote it in a body, and what stands before a ref."""
    user = b'"authenticated_user":' + _encoder.encode(sender or ANONYMOUS)
    return user, f"{original_name(sender)}\x00".encode("utf-8", "surrogatepass")


@lru_cache(1)
def _begun() -> Callable[[], blake2b]:
    """A hash that has begun: to copy it takes less than to begin another one."""
    from hashlib import blake2b  # Not all who know the wire need it, and it takes a while.

    return blake2b(digest_size=FINGERPRINT_BYTES).copy
