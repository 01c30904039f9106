"""The network that a server is of, as its data keeps it: the network's private key, and from which others it has grown.

What the keys are for, and how they are shown, is in `core.certificates`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

import msgspec
from msgspec.structs import replace

from core.wire.kept_secret import KeptSecret
from core.wire.network_succession import Succession
from core.wire.secret_keeping import KeepsSecret
from core.wire.server_keys import PublicKey
from core.wire.signed_orders import SignedOrder
from core.wire.signing import KEY_BYTES

__all__ = ["NETWORK_SEED_BYTES", "SUCCESSIONS_MAX", "KeptNetwork", "PreparedKey", "Succession"]

NETWORK_SEED_BYTES: Final = 32
SUCCESSIONS_MAX: Final = 8
"""Of those that led to a network's key, the latest; a client that has been away for longer asks its person."""


class PreparedKey(KeepsSecret, frozen=True):
    """A key that the network may have next: an order for it was drafted here, and may never be given."""

    unprinted: ClassVar[frozenset[str]] = frozenset({"seed", "ssh"})

    seed: Annotated[bytes, msgspec.Meta(min_length=NETWORK_SEED_BYTES, max_length=NETWORK_SEED_BYTES)]
    key: PublicKey
    """The public half."""
    ssh: Annotated[bytes, msgspec.Meta(min_length=NETWORK_SEED_BYTES, max_length=NETWORK_SEED_BYTES)] | None = None


class KeptNetwork(KeepsSecret, frozen=True):
    """A network, as each of its servers keeps it."""

    unprinted: ClassVar[frozenset[str]] = frozenset({"seed", "ssh", "secrets", "prepared"})

    seed: Annotated[bytes, msgspec.Meta(min_length=NETWORK_SEED_BYTES, max_length=NETWORK_SEED_BYTES)]
    """The private key."""
    key: PublicKey
    """The public one that goes with it."""
    founded_at: float | None = None
    """When its first server made it, in seconds since 1970. None: nobody has founded it; a server that was to join
    another network made it for the time being, and gives it up for any other one."""
    successions: Annotated[tuple[Succession, ...], msgspec.Meta(max_length=SUCCESSIONS_MAX)] = ()
    """How other keys have led to this one, the latest at the end."""
    ssh: Annotated[bytes, msgspec.Meta(min_length=NETWORK_SEED_BYTES, max_length=NETWORK_SEED_BYTES)] | None = None
    """The private key that certifies the network's hosts for SSH, and serves for nothing else: OpenSSH calls it a CA.
    Drawn at random, it goes where `seed` goes. None: there is none to hand on."""
    given_up: Succession | None = None
    """How the key has led here that the server showed for the time being, while it was let in nowhere. It is for people
    who have met the server meanwhile, so it shows it itself, and tells no other server: each one has had such a key."""
    order: SignedOrder | None = None
    """By which operator's order it has this key. None: by nobody's."""
    operator: Annotated[bytes, msgspec.Meta(max_length=KEY_BYTES)] = b""
    """The public key of the network's first operator; empty: nobody is known."""
    founder: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """The server that began the network, as orders name it."""
    secrets: tuple[KeptSecret, ...] = ()
    """The network's secrets, since an operator has first ordered another one: the first of them was there before. In no
    backup."""
    prepared: tuple[PreparedKey, ...] = ()
    """What it may have for a key next; in no backup."""

    @property
    def shown(self) -> KeptNetwork:
        """What of it others are shown, or handed."""
        return replace(self, secrets=(), prepared=())
