"""The network that a server is of, as its data keeps it: the network's private key, and from which others it has grown.

What the keys are for, and how they are shown, is in `core.certificates`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

import msgspec

from core.wire.secret_keeping import KeepsSecret
from core.wire.server_keys import PublicKey
from core.wire.signing import SIGNATURE_BYTES

NETWORK_SEED_BYTES: Final = 32
SUCCESSIONS_MAX: Final = 8
"""Of those that led to a network's key, the latest; a client that has been away for longer asks its person."""


class Succession(msgspec.Struct, frozen=True):
    """One network's key says that another one has taken its place: two networks have become one, or a key was changed.

    `signature` is the old key's: see `core.certificates.succession`.
    """

    old: PublicKey
    new: PublicKey
    signature: Annotated[bytes, msgspec.Meta(min_length=SIGNATURE_BYTES, max_length=SIGNATURE_BYTES)]


class KeptNetwork(KeepsSecret, frozen=True):
    """A network, as each of its servers keeps it."""

    unprinted: ClassVar[frozenset[str]] = frozenset({"seed", "ssh"})

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
