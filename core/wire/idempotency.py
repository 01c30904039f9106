"""How copies of one activity are known: by what their sender called it, and by what is in it.

A client that never saw its acknowledgement says the same again, under the same ref, perhaps at another server. A ref
alone would be enough among honest servers; but any server can say that somebody wrote something under any ref. So the
content counts as well: two activities with one ref and different content are two. The IETF's draft on the
Idempotency-Key header field (draft-ietf-httpapi-idempotency-key-header) calls the second part a fingerprint.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec

from core.wire.names import ANONYMOUS, original_name

FINGERPRINT_BYTES: Final = 16
SENDERS_CACHED: Final = 2048

_encoder = msgspec.json.Encoder()


def idempotency_fingerprint(sender: str, ref: str, body: bytes) -> bytes:
    """128 bits of BLAKE2b (RFC 7693) that all copies of a processed activity have in common, and nothing else has.

    `sender` is the account's name when a copy was accepted, empty for `anonymous`; another name that the account got
    meanwhile makes no other activity of it.
    """
    return fingerprinting(sender).of(ref, body)


class Fingerprinting:
    """The same for activities of one sender."""

    __slots__ = ("_hash", "_name", "_user")

    def __init__(self, sender: str) -> None:
        from hashlib import blake2b  # Not all who know the wire need it, and it takes a while.

        self._hash = blake2b
        self._user = b'"authenticated_user":' + _encoder.encode(sender or ANONYMOUS)
        self._name = f"{original_name(sender)}\x00".encode("utf-8", "surrogatepass")

    def of(self, ref: str, body: bytes) -> bytes:
        try:
            named = ref.encode()
        except UnicodeEncodeError:
            named = ref.encode("utf-8", "surrogatepass")
        text = b"%b%b\x00%b" % (self._name, named, body.replace(self._user, b"\x00"))
        return self._hash(text, digest_size=FINGERPRINT_BYTES).digest()


fingerprinting = lru_cache(SENDERS_CACHED)(Fingerprinting)
"""That of a sender, remembered."""
