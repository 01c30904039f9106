"""Invitations: a code that is good for a while and for so many, with what tells that it is shown to the right network.

In one line: `HOST:PORT/NETWORK/CODE`. NETWORK is the fingerprint of the network, CODE has 128 random bits. Who has been
invited proves the code as others prove the network's secret, and is told that secret once it is admitted.
"""

from __future__ import annotations

import base64
import re
from typing import Final, NamedTuple

CODE_BYTES: Final = 16
CODE_ID_CHARACTERS: Final = 16
_LINE: Final = re.compile(r"(?P<address>[^/\s]+)/(?P<network>[a-z2-7]{26})/(?P<code>[a-z2-7]{26})")


class Invited(NamedTuple):
    """What somebody has by an invitation, beside the address."""

    network: str
    """The fingerprint of the network."""
    code: str

    def __repr__(self) -> str:
        return f"Invited(network={self.network!r})"


def code_of(entropy: bytes) -> str:
    """A code, made of CODE_BYTES random bytes that nobody else has seen."""
    return base64.b32encode(entropy[:CODE_BYTES]).decode("ascii").rstrip("=").lower()


def code_id(code: str) -> str:
    """What names a code to who has made it, and tells nobody else what it is."""
    import hashlib  # Not all who know the wire need it.

    digest = hashlib.blake2b(code.encode(), digest_size=CODE_ID_CHARACTERS * 5 // 8, person=b"activity-tui inv")
    return base64.b32encode(digest.digest()).decode("ascii").lower()


def invitation_line(address: str, invited: Invited) -> str:
    """An invitation in one line."""
    return f"{address}/{invited.network}/{invited.code}"


def read_invitation(text: str) -> tuple[str, Invited] | None:
    """The address and the rest of an invitation; None if a text is none."""
    found = _LINE.fullmatch(text.strip())
    return (found["address"], Invited(found["network"], found["code"])) if found is not None else None
