"""Signatures for simulated worlds: a keyed hash, a hundredth of the cost of real ones, behind the same protocols.

A public key is all that it takes to make one, which nobody in a simulated world does: who lies there signs with a key
of its own. Where strangers are real, `core.wire.ed25519` stands in its place.
"""

from __future__ import annotations

import hashlib

from core.wire.signing import KEY_BYTES, SIGNATURE_BYTES


class HashSigner:
    """See `core.wire.signing.Signer`. Of each seed there is one key."""

    __slots__ = ("key",)

    def __init__(self, seed: bytes) -> None:
        self.key = hashlib.blake2b(seed, digest_size=KEY_BYTES).digest()

    def sign(self, data: bytes) -> bytes:
        return _signature(self.key, data)


class HashVerifier:
    """See `core.wire.signing.Verifier`."""

    __slots__ = ()

    def fits(self, signature: bytes, key: bytes, data: bytes) -> bool:
        return len(key) == KEY_BYTES and signature == _signature(key, data)


def _signature(key: bytes, data: bytes) -> bytes:
    return hashlib.blake2b(data, key=key, digest_size=SIGNATURE_BYTES).digest()
