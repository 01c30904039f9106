"""What a simulated server proves itself with: its own key, and that of its network."""

from __future__ import annotations

import hashlib

import msgspec

from core.certificates.approval import shown_approval
from core.certificates.leaf import ShownLeaf
from core.certificates.succession import succession_digest
from core.simulation.environment.hash_signing import HashSigner, HashVerifier
from core.simulation.plans.plan import IdentityKind
from core.store.identity import KEY_SETTING, SIGNS_FROM_SETTING, node_id
from core.store.kept_network_setting import keep_network, read_network
from core.store.memory_store import MemoryStore
from core.wire.kept_network import NETWORK_SEED_BYTES, SUCCESSIONS_MAX, KeptNetwork, Succession
from core.wire.recovered import Recovered
from core.wire.server_keys import certified_id


def new_network(entropy: bytes, founded_at: float | None) -> KeptNetwork:
    """A network with a key of its own."""
    seed = hashlib.blake2b(entropy, digest_size=NETWORK_SEED_BYTES).digest()
    return KeptNetwork(seed, HashSigner(seed).key, founded_at)


def new_store(entropy: bytes, identity: IdentityKind) -> MemoryStore:
    """A disk with nothing but who its server is."""
    signer = HashSigner(entropy)
    if identity == "keyless":
        return MemoryStore(node_id(entropy))
    store = MemoryStore(certified_id(signer.key) if identity == "certified" else node_id(entropy))
    give_key(store, entropy, signs_from=0)
    return store


def give_key(store: MemoryStore, entropy: bytes, *, signs_from: int) -> None:
    """Have the server prove itself from now on."""
    store.signer = HashSigner(entropy)
    store.set_setting(KEY_SETTING, entropy.hex(), backed_up=True)
    store.set_setting(SIGNS_FROM_SETTING, str(signs_from), backed_up=True)


def with_network(recovered: Recovered, store: MemoryStore, entropy: bytes, founded_at: float | None) -> Recovered:
    """What a node is handed at its start, with the network that it is of; one that has none starts one."""
    network = read_network(store)
    if network is None:
        network = new_network(entropy, founded_at)
        keep_network(store, network)
    return msgspec.structs.replace(recovered, network=network, signer_of=HashSigner)


def with_key(recovered: Recovered, store: MemoryStore) -> Recovered:
    """What a node is handed at its start, with the key that its disk has."""
    seed = store.get_setting(KEY_SETTING)
    if not seed:
        return recovered
    signs_from = store.get_setting(SIGNS_FROM_SETTING)
    return msgspec.structs.replace(
        recovered,
        signer=HashSigner(bytes.fromhex(seed)),
        verifier=HashVerifier(),
        signs_from=int(signs_from) if signs_from is not None else None,
    )


def leaf_of(store: MemoryStore) -> ShownLeaf | None:
    """What the server shows of itself; nothing without a key."""
    network, signer = read_network(store), store.signer
    if network is None or signer is None:
        return None
    return ShownLeaf(network.key, signer.key, (*network.successions, *shown_approval(network)))


def adopted(store: MemoryStore, network: KeptNetwork) -> KeptNetwork:
    """The network, kept, with how the key of the one before has led to it."""
    before = read_network(store)
    if before is not None and before.key != network.key and before.founded_at is not None:
        signature = HashSigner(before.seed).sign(succession_digest(before.key, network.key))
        led_here = Succession(before.key, network.key, signature)
        known = dict.fromkeys([*before.successions, *network.successions, led_here])
        network = msgspec.structs.replace(network, successions=tuple(known)[-SUCCESSIONS_MAX:])
    keep_network(store, network)
    return network
