"""Signing: how a server proves that something is its own word. The means are handed in; see `core.wire.ed25519`.

What is signed always begins, before it is hashed, with words that say what it is, so that no signature under one thing
fits another.
"""

from __future__ import annotations

from typing import Final, Protocol

KEY_BYTES: Final = 32
"""Length of a public key of Ed25519."""
SIGNATURE_BYTES: Final = 64
"""Length of a signature of Ed25519."""


class Signer(Protocol):
    """One server's private key."""

    @property
    def key(self) -> bytes:
        """The public key that goes with it: KEY_BYTES bytes."""

    def sign(self, data: bytes) -> bytes:
        """The signature of `data`: SIGNATURE_BYTES bytes, the same ones each time."""


class Verifier(Protocol):
    """Knows whether a signature fits."""

    def fits(self, signature: bytes, key: bytes, data: bytes) -> bool:
        """Whether the private key that goes with the public `key` has signed `data`.

        Never raises, whatever the bytes are: what is no key and what is no signature fit nothing.
        """
