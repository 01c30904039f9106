"""The founding record: who has begun a network, and who is its first operator.

The server that begins a network signs one, and names the first account that registers there. Each server keeps the
first one that it learns, as SSH keeps a host's key: so who comes later, and lies, is too late.
"""

# Annotations are evaluated as they stand, as in `core.wire.messages`.
from typing import Annotated

import msgspec

from core.wire.entries import COUNTER_MAX, IDENTIFIER_CHARACTERS_MAX
from core.wire.limits import NAME_CHARACTERS_MAX
from core.wire.server_keys import PublicKey, Signature
from core.wire.signing import KEY_BYTES, Signer, Verifier

_Identifier = Annotated[str, msgspec.Meta(max_length=IDENTIFIER_CHARACTERS_MAX)]


class FoundingRecord(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Signed by the founding server's key. Without an `operator` nobody has been named yet."""

    founder: _Identifier
    key: PublicKey
    """The founding server's."""
    founded_at: Annotated[int, msgspec.Meta(ge=0, le=COUNTER_MAX)]
    """Microseconds since 1970."""
    operator: Annotated[bytes, msgspec.Meta(max_length=KEY_BYTES)] = b""
    """The public key with which the first operator signs orders."""
    claim: _Identifier = ""
    """The account that it belongs to."""
    name: Annotated[str, msgspec.Meta(max_length=NAME_CHARACTERS_MAX)] = ""
    """What that was called then."""
    signature: Signature = b"\0"

    @property
    def origin(self) -> tuple[str, bytes, int]:
        """Which founding it speaks of."""
        return (self.founder, self.key, self.founded_at)

    def is_signed(self, verifier: Verifier) -> bool:
        """Whether the founding server has signed it."""
        return verifier.fits(self.signature, self.key, _digest(self))


def _digest(record: FoundingRecord) -> bytes:
    import hashlib  # Not all who know the wire need it, and it takes a while.

    *said, _ = msgspec.structs.astuple(record)
    return hashlib.blake2b(msgspec.json.encode(["activity-tui founding", *said]), digest_size=32).digest()


def sign_founding(record: FoundingRecord, signer: Signer) -> FoundingRecord:
    """The record with its signature, of the server whose key it names."""
    return msgspec.structs.replace(record, signature=signer.sign(_digest(record)))


def write_founding(record: FoundingRecord) -> str:
    """A record as it is kept."""
    return msgspec.json.encode(record).decode()


def read_founding(text: str) -> FoundingRecord | None:
    """A record that was kept; None for what is none."""
    try:
        return msgspec.json.decode(text, type=FoundingRecord)
    except (msgspec.MsgspecError, RecursionError):
        return None
