"""How copies of one activity are known: by what their sender called it, and by what is in it.

A client that never saw its acknowledgement says the same again, under the same ref, perhaps at another server. A ref
alone would be enough among honest servers; but any server can say that somebody wrote something under any ref. So the
content counts as well: two activities with one ref and different content are two. The IETF's draft on the
Idempotency-Key header field (draft-ietf-httpapi-idempotency-key-header) calls the second part a fingerprint.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from core.wire.names import ANONYMOUS, original_name

if TYPE_CHECKING:
    from hashlib import blake2b

FINGERPRINT_BYTES: Final = 16
SENDERS_CACHED: Final = 2048

_encoder = msgspec.json.Encoder()


def idempotency_fingerprint(sender: str, ref: str, body: bytes) -> bytes:
    """128 bits of BLAKE2b (RFC 7693) that all copies of a processed activity have in common, and nothing else has.

    `sender` is the account's name when a copy was accepted, empty for `anonymous`; another name that the account got
    meanwhile makes no other activity of it.
    """
    user, name = _of_sender(sender)
    text = name + ref.encode("utf-8", "surrogatepass") + b"\x00" + body.replace(user, b"\x00")
    return _blake2b()(text, digest_size=FINGERPRINT_BYTES).digest()


@lru_cache(SENDERS_CACHED)
def _of_sender(sender: str) -> tuple[bytes, bytes]:
    """What says who wrote it in a body, and what stands before a ref."""
    user = b'"authenticated_user":' + _encoder.encode(sender or ANONYMOUS)
    return user, f"{original_name(sender)}\x00".encode("utf-8", "surrogatepass")


@cache
def _blake2b() -> Callable[..., blake2b]:
    from hashlib import blake2b  # Not all who know the wire need it, and it takes a while.

    return blake2b
