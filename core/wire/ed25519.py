"""Ed25519 (RFC 8032): a server's identity key, its signatures, and whether another's fit.

`cryptography` is loaded by the first key or signature, so that a command that only talks to a server does without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from core.wire.signing import KEY_BYTES, SIGNATURE_BYTES

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SEED_BYTES: Final = 32
"""Length of a private key."""
KEYS_MAX: Final = 1024
"""Public keys that are kept ready for use; to make one ready again takes a third as long as to verify."""


class Ed25519Signer:
    """Signs with a private key of SEED_BYTES secret random bytes. See `core.wire.signing.Signer`.

    Raises ValueError when there are more or fewer.
    """

    __slots__ = ("_private", "key")

    def __init__(self, seed: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        if len(seed) != SEED_BYTES:
            raise ValueError(f"a private key has {SEED_BYTES} bytes, not {len(seed)}")
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.key = self._private.public_key().public_bytes_raw()

    def sign(self, data: bytes) -> bytes:
        return self._private.sign(data)


class Ed25519Verifier:
    """See `core.wire.signing.Verifier`."""

    __slots__ = ("_ready",)

    def __init__(self) -> None:
        self._ready: dict[bytes, Ed25519PublicKey] = {}

    def fits(self, signature: bytes, key: bytes, data: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature

        if len(signature) != SIGNATURE_BYTES or len(key) != KEY_BYTES:
            return False
        try:
            self._public(key).verify(signature, data)
        except (InvalidSignature, ValueError):
            return False
        return True

    def _public(self, key: bytes) -> Ed25519PublicKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        ready = self._ready.get(key)
        if ready is None:
            ready = self._ready[key] = Ed25519PublicKey.from_public_bytes(key)
            if len(self._ready) > KEYS_MAX:
                del self._ready[next(iter(self._ready))]
        return ready
