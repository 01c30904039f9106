"""That another key has taken the place of a network's, as it stands on the wire and on the disk."""

from __future__ import annotations

from typing import Annotated

import msgspec

from core.wire.server_keys import PublicKey
from core.wire.signing import SIGNATURE_BYTES


class Succession(msgspec.Struct, frozen=True):
    """One network's key says that another one has taken its place: two networks have become one, or a key was changed.

    `signature` is the old key's: see `core.certificates.succession`.
    """

    old: PublicKey
    new: PublicKey
    signature: Annotated[bytes, msgspec.Meta(min_length=SIGNATURE_BYTES, max_length=SIGNATURE_BYTES)]
