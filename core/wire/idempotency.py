"""How copies of one activity are known: by what their sender called it, and by what is in it.

A client that never saw its acknowledgement says the same again, under the same ref, perhaps at another server. A ref
alone would be enough among honest servers; but any server can say that somebody wrote something under any ref. So the
content counts as well: two activities with one ref and different content are two. The IETF's draft on the
Idempotency-Key header field (draft-ietf-httpapi-idempotency-key-header) calls the second part a fingerprint.
"""

from __future__ import annotations

from typing import Final

import msgspec

from core.wire.names import ANONYMOUS, original_name

FINGERPRINT_BYTES: Final = 16

_encoder = msgspec.json.Encoder()


def idempotency_fingerprint(sender: str, ref: str, body: bytes) -> bytes:
    """128 bits of BLAKE2b (RFC 7693) that all copies of a processed activity have in common, and nothing else has.

    `sender` is the account's name when a copy was accepted, empty for `anonymous`; another name that the account got
    meanwhile makes no other activity of it.
    """
    from hashlib import blake2b  # Not all who know the wire need it, and it takes a while.

    user = b'"authenticated_user":' + _encoder.encode(sender or ANONYMOUS)
    name = f"{original_name(sender)}\x00{ref}\x00".encode("utf-8", "surrogatepass")
    return blake2b(name + body.replace(user, b"\x00"), digest_size=FINGERPRINT_BYTES).digest()
