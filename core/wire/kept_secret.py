"""A secret of the network's that was made for it, as its servers keep it and hand it to each other."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

import msgspec

from core.wire.limits import SECRET_CHARACTERS_MAX
from core.wire.secret_keeping import KeepsSecret

BLIND_BYTES: Final = 32
COMMITMENT_CHARACTERS: Final = 64


class KeptSecret(KeepsSecret, frozen=True):
    """A secret, and the random bytes that are in its commitment; none of those: it is from before any order."""

    unprinted: ClassVar[frozenset[str]] = frozenset({"secret", "blind"})

    secret: Annotated[str, msgspec.Meta(max_length=SECRET_CHARACTERS_MAX)]
    blind: Annotated[bytes, msgspec.Meta(max_length=BLIND_BYTES)] = b""

    @property
    def commitment(self) -> str:
        """What an order names it by."""
        import hashlib  # Not all who know the wire need it, and it takes a while.

        digest = hashlib.blake2b(self.secret.encode(), key=self.blind, digest_size=32, person=b"activity secret")
        return digest.hexdigest()
