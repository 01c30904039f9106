"""Documents of accounts: one small JSON object for each account, the same at every server.

What is in it is the person's own: how far they have read, whom they do not want to hear, what they look at. To the
network it is a last-writer-wins register for each account (Shapiro et al., "Conflict-free Replicated Data Types",
2011): it is replaced as a whole, and of all versions that anybody has ever written the last one counts.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from core.wire.activity import too_deep
from core.wire.entries import COUNTER_MAX, IDENTIFIER_CHARACTERS_MAX
from core.wire.limits import NESTING_DEPTH_MAX
from core.wire.server_keys import PublicKey, Signature

DOCUMENT_BYTES_MAX: Final = 8 * 1024
"""Longest document, as JSON in UTF-8."""
CLAIM_CHARACTERS_MAX: Final = 128
PRINT_BYTES: Final = 12
"""Of a version's digest, so many stand for it in a list of what a server has."""


class DocumentVersion(msgspec.Struct, frozen=True):
    """What an account's document was at some time, as the server that took it says.

    Of two versions the one counts that is later in the order of (`stamp`, `node`, digest).
    """

    claim: Annotated[str, msgspec.Meta(min_length=1, max_length=CLAIM_CHARACTERS_MAX)]
    """The account."""
    stamp: Annotated[int, msgspec.Meta(ge=0, le=COUNTER_MAX)]
    """Hybrid logical time, in microseconds since 1970."""
    node: Annotated[str, msgspec.Meta(min_length=1, max_length=IDENTIFIER_CHARACTERS_MAX)]
    """The server that took it."""
    body: bytes
    """A JSON object, with the bytes that it came with."""
    key: PublicKey | None = None
    """That server's."""
    signature: Signature | None = None

    @property
    def digest(self) -> bytes:
        """What that server signs, and what stands for the version in sums: 32 bytes."""
        return digest_of(self.claim, self.stamp, self.node, self.body)


def digest_of(claim: str, stamp: int, node: str, body: bytes) -> bytes:
    """What the server that took a version signs: 32 bytes."""
    import hashlib  # Not all who know the wire need it, and it takes a while.

    text = msgspec.json.encode(["activity-tui document", claim, stamp, node])
    return hashlib.blake2b(text + b"\n" + body, digest_size=32).digest()


def document_problem(body: bytes) -> str | None:
    """What keeps bytes from being an account's document, as a clause; None if they are one."""
    if len(body) > DOCUMENT_BYTES_MAX:
        return f"it has {len(body):,} bytes, and a document has at most {DOCUMENT_BYTES_MAX:,}"
    try:
        body.decode()
        msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (UnicodeDecodeError, msgspec.MsgspecError, RecursionError):
        return "it is not a JSON object"
    if b"\n" in body or b"\r" in body:
        return "it has more than one line"
    # The message that carries it is a level, too.
    return "it is nested too deeply" if too_deep(body, NESTING_DEPTH_MAX - 1) else None
