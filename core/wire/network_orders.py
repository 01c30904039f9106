"""What operators decide about the network itself: that it has another key, or another secret.

Both are made by the server at which the order is drafted, and are in no order: what is drawn travels over links that
have proved themselves, and orders go everywhere. An order has the public half of a key, and of a secret a *commitment*,
a hash with random bytes in it, by which a server knows the right one and nobody can test a guess.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from core.wire.entries import COUNTER_MAX
from core.wire.kept_secret import COMMITMENT_CHARACTERS
from core.wire.network_succession import Succession
from core.wire.signed_orders import Order, written_key
from core.wire.signing import KEY_BYTES, SIGNATURE_BYTES, Signer

REKEY: Final = "rekey"
SECRET: Final = "secret"
TAG_BYTES: Final = 24
_APPROVAL: Final = 2
_WORDS_OF_KEY: Final = 6
"""The key before, its signature, the operator's, a commitment, the key for SSH, and the one before; then servers."""
EXPELLED_TOLD_MAX: Final = 48
"""Servers that an order names as those that get nothing: the last that were expelled. Each server knows them all by
the orders that expel them, and mostly before."""


class NetworkKeyChange(NamedTuple):
    """The network has another key."""

    key: bytes
    """Its public half."""
    succession: Succession
    """How the key before it has led there."""
    approval: bytes
    """The operator's signature over `approval_digest`, for people who know the operator and not the order."""
    commitment: str
    """That of the network's secret from now on: the one before holds no more."""
    ssh: bytes
    """The public half of the key that certifies the network's hosts for SSH from now on."""
    ssh_before: bytes
    """The same of the one that has done so before; empty where there was none."""
    expelled: frozenset[str]
    """Servers that are handed nothing."""
    order: Order


class NetworkSecretChange(NamedTuple):
    """The network has another secret."""

    commitment: str
    until: int
    """The stamp up to which the secrets before it hold."""
    expelled: frozenset[str]
    order: Order


def key_change_in(order: Order) -> NetworkKeyChange | None:
    """What an order says about the network's key; None if that is nothing."""
    if order.kind != REKEY or len(order.words) < _WORDS_OF_KEY:
        return None
    old, signature, approval = map(_bytes, order.words[:3])
    commitment, (ssh, ssh_before), key = order.words[3], map(_bytes, order.words[4:6]), _bytes(order.target)
    sizes = [len(one) for one in (key, old, signature, approval, ssh)]
    if sizes != [KEY_BYTES, KEY_BYTES, SIGNATURE_BYTES, SIGNATURE_BYTES, KEY_BYTES] or key == old:
        return None
    if not _is_commitment(commitment) or len(ssh_before) not in (0, KEY_BYTES):
        return None
    expelled = frozenset(order.words[_WORDS_OF_KEY:])
    led_here = Succession(old, key, signature)
    return NetworkKeyChange(key, led_here, approval, commitment, ssh, ssh_before, expelled, order)


def secret_change_in(order: Order) -> NetworkSecretChange | None:
    """What an order says about the network's secret; None if that is nothing."""
    if order.kind == REKEY:
        change = key_change_in(order)
        if change is None:
            return None
        return NetworkSecretChange(change.commitment, order.stamp, change.expelled, order)
    until = order.words[0] if order.words else ""
    if order.kind != SECRET or not _is_commitment(order.target):
        return None
    if not (until.isascii() and until.isdigit() and int(until) <= COUNTER_MAX):
        return None
    return NetworkSecretChange(order.target, int(until), frozenset(order.words[1:]), order)


def network_tag(founder: str) -> bytes:
    """Which network it is, for good, by who began it: one operator may have several."""
    import hashlib

    return hashlib.blake2b(founder.encode(), digest_size=TAG_BYTES, person=b"activity net tag").digest()


def approval_digest(tag: bytes, stamp: int, key: bytes) -> bytes:
    """What an operator signs who gives a network another key."""
    import hashlib

    text = msgspec.json.encode(["activity-tui network key", tag, stamp, key])
    return hashlib.blake2b(text, digest_size=32).digest()


def approved(order: Order, signer: Signer) -> Order:
    """An order as its operator gives it: one of a key has their approval in it, for people who know them."""
    if order.kind != REKEY or len(order.words) < _WORDS_OF_KEY:
        return order
    key = _bytes(order.target)
    approval = signer.sign(approval_digest(network_tag(order.network), order.stamp, key))
    words = (*order.words[:_APPROVAL], written_key(approval), *order.words[_APPROVAL + 1 :])
    return msgspec.structs.replace(order, words=words)


class HeldSecret(NamedTuple):
    """A secret of the network's, and the stamp from which on it admits nobody any more."""

    secret: str
    until: int


def secrets_of(changes: Sequence[NetworkSecretChange], known: Mapping[str, str], first: str) -> list[HeldSecret]:
    """The network's secrets, the present one first, by what operators have ordered, in the sequence of the orders.

    `known` has secrets by their commitments; `first` was the secret before anything was ordered. Where the latest one
    is not known, the latest that is known comes first.
    """
    found: list[HeldSecret] = []
    until = COUNTER_MAX
    for change in reversed(changes):
        secret = known.get(change.commitment)
        if secret is not None:
            found.append(HeldSecret(secret, until))
        until = min(until, change.until)
    return [*found, HeldSecret(first, until)]


def _is_commitment(text: str) -> bool:
    return len(text) == COMMITMENT_CHARACTERS and all(one in "0123456789abcdef" for one in text)


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
