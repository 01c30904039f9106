"""Opens a server's store, and finds in it what a server is named by and proves itself with. All of it blocks."""

from __future__ import annotations

import secrets
import time
from typing import Final

from core.engine.engine_settings import EngineSettings
from core.store.identity import node_id
from core.store.opening import open_store
from core.store.store_interface import Store
from core.wire.recovered import Recovered

SECRET_SETTING: Final = "network_secret"
SECRET_BYTES: Final = 18


def open_sqlite(settings: EngineSettings) -> tuple[Store, Recovered]:
    """The store in the settings' data directory. Blocks. Raises what `core.store.opening.open_store` does."""
    return open_store(
        settings.data_dir,
        node_id_factory=new_node_id,
        wall=time.time(),
        retention=settings.retention,
        on_loss=settings.on_loss,
    )


def new_node_id() -> str:
    """An identity for a node that has none yet."""
    return node_id(secrets.token_bytes(8))


def keep_secret(store: Store, secret: str) -> None:
    """Have later starts find the network's secret."""
    if store.get_setting(SECRET_SETTING) != secret:
        store.set_setting(SECRET_SETTING, secret)


def kept_secret(store: Store, known: str | None) -> str:
    """The network's secret from an earlier start, or the one that is known, or a new one; later starts find it."""
    kept = store.get_setting(SECRET_SETTING)
    if kept is None:
        kept = known or secrets.token_urlsafe(SECRET_BYTES)
        store.set_setting(SECRET_SETTING, kept)
    return kept
