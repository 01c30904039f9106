"""That another key has taken the place of a network's: who knew the network by the old one follows without a question.

Two networks that become one keep one key, and the other one signs this. So does a key that is changed.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from core.certificates.network_key import NetworkKey, fingerprint
from core.wire.ed25519 import Ed25519Verifier
from core.wire.kept_network import SUCCESSIONS_MAX, Succession
from core.wire.signing import Verifier


def succeed(old: NetworkKey, new: bytes) -> Succession:
    """Have another public key take the place of a network's."""
    return Succession(old.public, new, old.sign(succession_digest(old.public, new)))


def is_signed(succession: Succession, verifier: Verifier | None = None) -> bool:
    """Whether the old key has signed it."""
    data = succession_digest(succession.old, succession.new)
    return (verifier or Ed25519Verifier()).fits(succession.signature, succession.old, data)


def succeeds(network: bytes, known: str, successions: Iterable[Succession], verifier: Verifier | None = None) -> bool:
    """Whether the network with this public key is the one with a known fingerprint, or has taken its place."""
    led_here = {network}
    there = list(successions)[-SUCCESSIONS_MAX:]
    for _ in range(len(there) + 1):
        if any(fingerprint(one) == known for one in led_here):
            return True
        led_here |= {one.old for one in there if one.new in led_here and is_signed(one, verifier)}
    return False


def succession_digest(old: bytes, new: bytes) -> bytes:
    """What the old key signs."""
    import hashlib

    text = msgspec.json.encode(["activity-tui network succession", old, new])
    return hashlib.blake2b(text, digest_size=32).digest()
