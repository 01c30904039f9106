"""Opens a server's store, and finds in it what a server is named by and proves itself with. All of it blocks."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from core.engine.engine_settings import EngineSettings
from core.engine.threads.drawn_secrets import made_secret
from core.store.identity import KEY_SETTING, SIGNS_FROM_SETTING, NewIdentity
from core.store.kept_founding import with_founding
from core.store.kept_network_setting import keep_network, read_network
from core.store.kept_time import with_told_time
from core.store.opening import open_store
from core.store.store_errors import DataDirectoryUnusable
from core.store.store_interface import Store
from core.wire.ed25519 import SEED_BYTES, Ed25519Signer, Ed25519Verifier
from core.wire.kept_network import KeptNetwork
from core.wire.recovered import Recovered
from core.wire.server_keys import certified_id, is_certified

SECRET_SETTING: Final = "network_secret"


class WhoItIs(NamedTuple):
    """What a server is named by and proves itself with."""

    network: KeptNetwork
    is_made: bool
    """Whether the network's key was made just now."""
    seed: bytes
    """The server's own private key."""
    secret: str
    """The network's."""


class Opening:
    """Opens a server's store, and finds in it who the server is: in one turn of the store's thread."""

    def __init__(
        self, settings: EngineSettings, make_store: Callable[[EngineSettings], tuple[Store, Recovered]]
    ) -> None:
        self._settings = settings
        self._make_store = make_store
        self._found: WhoItIs | None = None

    def open(self) -> tuple[Store, Recovered]:
        """Blocks. Raises what `make_store` does, DataDirectoryUnusable, StoreError."""
        store, recovered = self._make_store(self._settings)
        try:
            self._found = who_it_is(store, self._settings, time.time())
        except BaseException:
            store.close()
            raise
        return store, recovered

    @property
    def found(self) -> WhoItIs:
        """Who it is, once it is open."""
        assert self._found is not None, "it is not open yet"
        return self._found


def who_it_is(store: Store, settings: EngineSettings, wall: float) -> WhoItIs:
    """What a store, and the settings, say of that. Raises DataDirectoryUnusable, StoreError."""
    network, is_made = kept_network(store, founds=settings.join is None, wall=wall)
    secret = kept_secret(store, settings.secret_known) if settings.secret is None else settings.secret
    return WhoItIs(network, is_made, identity_seed(store), secret)


def open_sqlite(settings: EngineSettings) -> tuple[Store, Recovered]:
    """The store in the settings' data directory. Blocks. Raises what `core.store.opening.open_store` does."""
    store, recovered = open_store(
        settings.data_dir,
        identity_factory=new_identity,
        wall=time.time(),
        retention=settings.retention,
        on_loss=settings.on_loss,
        alone=settings.join is None,
    )
    try:
        recovered = with_key(recovered, store.get_setting(KEY_SETTING), store.get_setting(SIGNS_FROM_SETTING))
        recovered = with_founding(with_told_time(recovered, store), store)
        store.signer = recovered.signer
        return store, recovered
    except BaseException:
        store.close()
        raise


def new_identity() -> NewIdentity:
    """A key for a node that has none yet."""
    seed = secrets.token_bytes(SEED_BYTES)
    return NewIdentity(certified_id(Ed25519Signer(seed).key), base64.b64encode(seed).decode("ascii"))


def with_key(recovered: Recovered, private: str | None, signs_from: str | None) -> Recovered:
    """What a node is handed, with its key, and the incarnation from which on it signs what it accepts.

    Raises DataDirectoryUnusable when that is not its key.
    """
    try:
        signer = Ed25519Signer(base64.b64decode(private or "", validate=True))
    except ValueError:
        signer = None
    if signer is None or (is_certified(recovered.node) and certified_id(signer.key) != recovered.node):
        raise DataDirectoryUnusable(
            f"the key of the server {recovered.node} is damaged in its data, and nobody can be that server without it;"
            " restore a backup, or choose another data directory"
        )
    return msgspec.structs.replace(
        recovered,
        signer=signer,
        verifier=Ed25519Verifier(),
        signs_from=int(signs_from) if signs_from is not None else recovered.incarnation,
    )


def keep_secret(store: Store, secret: str) -> None:
    """Have later starts find the network's secret."""
    if store.get_setting(SECRET_SETTING) != secret:
        store.set_setting(SECRET_SETTING, secret)


def kept_secret(store: Store, known: str | None) -> str:
    """The network's secret from an earlier start, or the one that is known, or a new one; later starts find it."""
    kept = store.get_setting(SECRET_SETTING)
    if kept is None:
        kept = known or made_secret()
        store.set_setting(SECRET_SETTING, kept)
    return kept


def kept_network(store: Store, *, founds: bool, wall: float) -> tuple[KeptNetwork, bool]:
    """The network from an earlier start, or a new one, and whether it is new; later starts find it. `founds`: it is not
    to be given up for the next one that is met; see `KeptNetwork`.

    Raises DataDirectoryUnusable, StoreError.
    """
    try:
        kept = read_network(store)
    except ValueError:
        raise DataDirectoryUnusable(
            "the network's key is damaged in the data, and everybody would take this server for another network's;"
            " restore a backup, or choose another data directory"
        ) from None
    if kept is not None:
        if kept.ssh is None:
            kept = msgspec.structs.replace(kept, ssh=secrets.token_bytes(SEED_BYTES))
            keep_network(store, kept)
        return kept, False
    seed, ssh = secrets.token_bytes(SEED_BYTES), secrets.token_bytes(SEED_BYTES)
    made = KeptNetwork(seed, Ed25519Signer(seed).key, wall if founds else None, ssh=ssh)
    keep_network(store, made)
    return made, True


def identity_seed(store: Store) -> bytes:
    """The server's private key; one for this start alone where the store keeps none. Raises StoreError."""
    private = store.get_setting(KEY_SETTING)
    return base64.b64decode(private) if private is not None else secrets.token_bytes(SEED_BYTES)
