"""The messages by which a server is known and admitted: keys, proofs, and what the network has them for."""

# Annotations are evaluated as they stand: as texts, the decoder would compile each of them again at every start.
from typing import Annotated, ClassVar, Final

import msgspec

from core.wire.base_messages import Counter, Features, Hostname, Identifier, Label, Message, normalise_port
from core.wire.kept_network import NETWORK_SEED_BYTES, SUCCESSIONS_MAX, Succession
from core.wire.kept_secret import KeptSecret
from core.wire.key_agreement_proofs import KeyProof, Share
from core.wire.limits import SECRET_CHARACTERS_MAX
from core.wire.secret_keeping import KeepsSecret
from core.wire.server_keys import Nonce, PublicKey, Signature
from core.wire.signed_orders import SignedOrder

FOUNDED_MAX: Final = 1e11
"""Seconds since 1970: no network was founded later."""
NetworkSeed = Annotated[bytes, msgspec.Meta(min_length=NETWORK_SEED_BYTES, max_length=NETWORK_SEED_BYTES)]
Successions = Annotated[tuple[Succession, ...], msgspec.Meta(max_length=SUCCESSIONS_MAX)]
FoundedAt = Annotated[float, msgspec.Meta(ge=0, le=FOUNDED_MAX)]
SECRETS_TOLD_MAX: Final = 4
"""Secrets that the network has had that a neighbour is told: the latest."""
EARLIER_MAX: Final = SECRETS_TOLD_MAX - 1
"""Secrets from before the present one by which somebody may come, at most."""


class ServerHello(Message, frozen=True):
    """The accepting side's answer to a native `AUTHENTICATE`: who it is, what it speaks, and at which host it sees the
    dialling one (`seen`). To one that shows a key it shows its own, and proves it."""

    id: Identifier
    incarnation: Counter
    hostname: Hostname
    port: int | str
    name: Label = ""
    features: Features = []
    stamp: Counter | None = None
    """The sender's hybrid logical time, which tells how the clocks stand to each other."""
    seen: Hostname | None = None
    key: PublicKey | None = None
    nonce: Nonce | None = None
    """Drawn for this link: the dialling side's proof of its key has it in it."""
    proof: Signature | None = None

    def __post_init__(self) -> None:
        normalise_port(self, "port")


class ServerProof(Message, frozen=True):
    """The dialling side's answer to a `SERVER_HELLO` with a nonce: a signature that only who has its key can make."""

    proof: Signature


class ServerRefused(Message, frozen=True):
    """A link is not wanted now (`busy`, `leaving`), leads to itself (`self`), exists already (`duplicate`), would take
    the place of another server with the same identity that was started later (`twin`), is in the name of a server whose
    key is another one, or that was not proved (`key`), or is with one that had this server keep too much (`barred`);
    then close."""

    reason: Label
    info: str = ""


class AdmissionRequest(KeepsSecret, Message, frozen=True):
    """A server that knows the network's secret, and has no certificate of it, asks to be admitted: its own public key,
    and its share of a key that both sides agree on (`core.wire.key_agreement_proofs`). First on an encrypted
    connection. With `invitation`, the id of a code, it knows that code in the place of the secret. With `proof` it is a
    server of the network that was away when that was given another key. With `order` it is the other side that was: the
    order by which the network has another key, and the private keys."""

    unprinted: ClassVar[frozenset[str]] = frozenset({"seed", "ssh"})

    key: PublicKey
    share: Share
    invitation: Label | None = None
    proof: Signature | None = None
    order: SignedOrder | None = None
    seed: NetworkSeed | None = None
    ssh: NetworkSeed | None = None


class EarlierShare(msgspec.Struct, frozen=True, array_like=True):
    """A share for a secret that the network had before, which still holds, and the proof that goes with it."""

    share: Share
    proof: KeyProof


class AdmissionShare(Message, frozen=True):
    """The answering side's share, the proof that it has agreed on the key, and what it says of its network: the public
    key, and when it was founded. `earlier`: the same for secrets from before the present one."""

    share: Share
    proof: KeyProof
    network: PublicKey
    founded: FoundedAt | None = None
    earlier: Annotated[tuple[EarlierShare, ...], msgspec.Meta(max_length=EARLIER_MAX)] = ()


class AdmissionProof(KeepsSecret, Message, frozen=True):
    """The dialling side's proof, and what it says of its own network: the public key, when it was founded, and, where
    the other side's was founded later, the private keys: the network's, and `ssh`, which certifies its SSH hosts.
    `order`: the operator's by which that network has its key, if one has given it another."""

    unprinted: ClassVar[frozenset[str]] = frozenset({"seed", "ssh"})

    proof: KeyProof
    network: PublicKey
    founded: FoundedAt | None = None
    seed: NetworkSeed | None = None
    ssh: NetworkSeed | None = None
    order: SignedOrder | None = None


class AdmissionGranted(KeepsSecret, Message, frozen=True):
    """The dialling side is admitted; then close. Where the answering side's network stays: its private keys, and when
    it was founded, and `order` as in `ADMISSION_PROOF`. How other keys have led to the one that stays, as far as the
    side knows. To who was invited, the network's secret."""

    unprinted: ClassVar[frozenset[str]] = frozenset({"seed", "ssh", "secret"})

    founded: FoundedAt | None = None
    successions: Successions = ()
    seed: NetworkSeed | None = None
    ssh: NetworkSeed | None = None
    secret: Annotated[str, msgspec.Meta(max_length=SECRET_CHARACTERS_MAX)] | None = None
    order: SignedOrder | None = None


class NetworkNews(KeepsSecret, Message, frozen=True):
    """The network's public key, when it was founded, and how other keys have led to it. With the private keys: the
    network has become one with another that was founded earlier, or has another key by an operator's `order`.
    `secrets`: those that operators have ordered. Only where both sides have shown certificates."""

    unprinted: ClassVar[frozenset[str]] = frozenset({"seed", "ssh", "secrets"})

    network: PublicKey
    founded: FoundedAt | None = None
    successions: Successions = ()
    seed: NetworkSeed | None = None
    ssh: NetworkSeed | None = None
    order: SignedOrder | None = None
    secrets: Annotated[tuple[KeptSecret, ...], msgspec.Meta(max_length=SECRETS_TOLD_MAX)] = ()
