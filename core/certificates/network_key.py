"""The network's key, and its fingerprint: what people compare, and what a client knows a network by.

The key is an Ed25519 pair (RFC 8032). Each server of the network has it, keeps it private, and hands it on only over a
link that has proved itself. It signs two things: the certificates of servers (`core.certificates.leaf`), and that
another key takes its place (`core.certificates.succession`).
"""

from __future__ import annotations

import base64
import re
from functools import lru_cache
from typing import Final

from core.wire.ed25519 import Ed25519Signer

FINGERPRINT_CHARACTERS: Final = 26
_FINGERPRINT_BYTES: Final = 16
_FINGERPRINT: Final = re.compile(r"[a-z2-7]{26}\Z")


class NetworkKey:
    """The pair, made of 32 secret random bytes. Raises ValueError when there are more or fewer."""

    __slots__ = ("_signer", "seed")

    def __init__(self, seed: bytes) -> None:
        self._signer = Ed25519Signer(seed)
        self.seed = seed

    def __repr__(self) -> str:
        return f"NetworkKey({self.fingerprint})"

    @property
    def public(self) -> bytes:
        """The public half."""
        return self._signer.key

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.public)

    def sign(self, data: bytes) -> bytes:
        return self._signer.sign(data)


@lru_cache(64)
def fingerprint(public: bytes) -> str:
    """A network's public key as people compare it: 26 characters of lower-case base 32, which stand for 128 bits."""
    import hashlib  # Not all who know the room need it, and it takes a while.

    digest = hashlib.blake2b(public, digest_size=_FINGERPRINT_BYTES, person=b"activity-tui net").digest()
    return base64.b32encode(digest).decode("ascii").lower()[:FINGERPRINT_CHARACTERS]


def is_fingerprint(text: str) -> bool:
    """Whether a text has the form of a network's fingerprint."""
    return _FINGERPRINT.match(text) is not None
