"""Admission: what two servers say to each other that both know a secret and have no certificate of one network yet.

They agree on a key by a balanced PAKE (SPAKE2, RFC 9382): who only listens learns nothing of the secret, and who takes
part tests one guess at it. Both identities are in that key, the answering one as it shows in its certificate, so that
somebody in the middle, who has another certificate, gets none that fits. Then each shows that it has the key.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from core.wire.signing import KEY_BYTES

PROOF_BYTES: Final = 32
SHARE_BYTES_MAX: Final = 64

Share = Annotated[bytes, msgspec.Meta(min_length=1, max_length=SHARE_BYTES_MAX)]
"""What one side contributes to the key."""
KeyProof = Annotated[bytes, msgspec.Meta(min_length=PROOF_BYTES, max_length=PROOF_BYTES)]


class AnswerersWord(msgspec.Struct, frozen=True, array_like=True):
    """What the answering server says of its own network, proved by the agreed key."""

    network: bytes
    """The public key."""
    founded: float | None


class DiallersWord(msgspec.Struct, frozen=True, array_like=True):
    """The same of the dialling server."""

    network: bytes
    """The public key."""
    founded: float | None
    seed: bytes | None
    """The private key, if that network stays."""
    ssh: bytes | None = None
    """With it, the one that certifies its hosts for SSH."""

    def __repr__(self) -> str:
        return f"DiallersWord({self.founded})"


def dialling_identity(server: bytes) -> bytes:
    """Who asks for admission, as it goes into the agreed key: a server by its public key."""
    return b"activity-tui dials" + server[:KEY_BYTES]


def answering_identity(server: bytes) -> bytes:
    """Who answers: a server by the public key in its certificate."""
    return b"activity-tui answers" + server[:KEY_BYTES]


def returning_digest(server: bytes, answering: bytes, share: bytes) -> bytes:
    """What a server signs that was away when its network got another key: with it it shows that it is itself to the
    server with the key `answering`, and to no other one."""
    import hashlib  # Not all who know the wire need it, and it takes a while.

    text = msgspec.json.encode(["activity-tui return", server, answering, share])
    return hashlib.blake2b(text, digest_size=32).digest()


def proof_of_answering(key: bytes, word: AnswerersWord) -> bytes:
    """That the answering side has agreed on the key, and what it says."""
    return _proof(key, ["answers", word])


def proof_of_dialling(key: bytes, word: DiallersWord) -> bytes:
    """That the dialling side has, and what it says."""
    return _proof(key, ["dials", word])


def _proof(key: bytes, said: list[object]) -> bytes:
    import hmac  # Whoever only knows the wire does not need it.

    return hmac.digest(key, msgspec.json.encode(["activity-tui admission", *said]), "sha256")
