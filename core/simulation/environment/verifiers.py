"""What stands for the slow salted hashes of secrets: as hard to guess as a test needs, and quick."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

HASH_SECONDS: Final = 0.03


def verifier_of(secret: str, salt: str) -> str:
    """Stands for a slow salted hash."""
    digest = hashlib.blake2b(secret.encode(errors="surrogatepass"), key=salt.encode()[:16], digest_size=12).hexdigest()
    return f"$argon2id$v=0$simulated${salt}${digest}"


def matches(secret: str, verifier: str | None) -> bool:
    """Whether `verifier` was made from `secret`."""
    if verifier is None:
        return False
    salt = verifier.split("$")[-2]
    return verifier_of(secret, salt) == verifier


@dataclass
class SecretHashing:
    """How the servers of a network hash secrets."""

    seconds: float = HASH_SECONDS
    """What hashing or checking one takes."""

    def verifier_of(self, secret: str, salt: str) -> str:
        return verifier_of(secret, salt)

    def matches(self, secret: str, verifier: str | None) -> bool:
        return matches(secret, verifier)
