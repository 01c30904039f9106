"""That an operator has given a network the key that it shows: what keeps a member from leading people elsewhere.

Every member has the network's key, and can sign that another one takes its place (`core.certificates.succession`). So
who knows a network's operator follows only where that operator, too, has signed for the key that is shown. A leaf shows
this in the form of one more succession, behind the others, which older programs read and have no use for. Until an
operator has given the network a key, the same place says who the operator is, so that people can know them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from core.wire.ed25519 import Ed25519Verifier
from core.wire.kept_network import KeptNetwork, Succession
from core.wire.network_orders import TAG_BYTES, approval_digest, key_change_in, network_tag
from core.wire.signing import KEY_BYTES, SIGNATURE_BYTES, Verifier

_STAMP_BYTES: Final = KEY_BYTES - TAG_BYTES
_UNSIGNED: Final = bytes(SIGNATURE_BYTES)


class Approval(msgspec.Struct, frozen=True):
    """Whose word it is that a key is a network's."""

    operator: bytes
    """The operator's public key."""
    tag: bytes
    """Which of the networks of that operator it is; see `network_tag`."""
    stamp: int = 0
    """When they said so, in hybrid logical time; 0: they have not, and a server of the network names them."""


def shown_approval(network: KeptNetwork) -> tuple[Succession, ...]:
    """What a leaf shows of the operator: one piece, or none where there is no operator."""
    if network.order is not None:
        order = network.order.order
        change = key_change_in(order)
        if change is not None:
            return (_piece(order.key, network_tag(order.network), order.stamp, change.approval),)
    if not network.operator:
        return ()
    return (_piece(network.operator, network_tag(network.founder), 0, _UNSIGNED),)


def read_approval(network: bytes, shown: Sequence[Succession], verifier: Verifier | None = None) -> Approval | None:
    """Whose word it is that this is the network's public key, by what a leaf shows; None: nobody's who can be made
    out."""
    if not shown:
        return None
    piece = shown[-1]
    stamp, tag = int.from_bytes(piece.new[:_STAMP_BYTES], "big"), piece.new[_STAMP_BYTES:]
    if piece.signature == _UNSIGNED:
        return Approval(piece.old, tag) if stamp == 0 else None
    if stamp and (verifier or Ed25519Verifier()).fits(piece.signature, piece.old, approval_digest(tag, stamp, network)):
        return Approval(piece.old, tag, stamp)
    return None


def _piece(operator: bytes, tag: bytes, stamp: int, signature: bytes) -> Succession:
    return Succession(operator, stamp.to_bytes(_STAMP_BYTES, "big") + tag, signature)
