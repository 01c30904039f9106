"""What is kept on the disk for the sake of base servers stands among the servers that this node knows, by its id."""

from __future__ import annotations

from typing import Final

from core.wire.entries import PeerRecord

BASE_PREFIX: Final = "base:"
LEFT_PREFIX: Final = "left:"
SPOKEN_PREFIX: Final = "spoken:"
"""How the ids begin under which base servers of this node, servers that have left, and base servers with whoever speaks
to them, are kept: others have no colon."""
KNOWN_MAX: Final = 1024
"""Base servers of which a node remembers who spoke to them last; of more, the first that it heard of are forgotten."""


def is_to_be_found(peer: PeerRecord) -> bool:
    """Whether what a node keeps of a peer is where to look for a server of ours."""
    return not peer.id.startswith((BASE_PREFIX, LEFT_PREFIX, SPOKEN_PREFIX))
