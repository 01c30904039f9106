"""The network's key among the settings of a store."""

from __future__ import annotations

from typing import Final

import msgspec

from core.store.store_interface import Store
from core.wire.kept_network import KeptNetwork, Succession

NETWORK_SETTING: Final = "network_key"
"""Where the key is: in backups too, for a network that has lost it is another one for everybody who knows it."""
SUCCESSIONS_SETTING: Final = "network_successions"
"""Where it is how other networks' keys have led to this one: apart, as the second copy of what makes a server that
server (`core.store.identity_copy`) has no room for it."""


def read_network(store: Store) -> KeptNetwork | None:
    """The network that was kept; None if there is none. Raises StoreError, ValueError when it is damaged."""
    kept = store.get_setting(NETWORK_SETTING)
    if kept is None:
        return None
    successions = msgspec.json.decode(store.get_setting(SUCCESSIONS_SETTING) or "[]", type=tuple[Succession, ...])
    return msgspec.structs.replace(msgspec.json.decode(kept, type=KeptNetwork), successions=successions)


def keep_network(store: Store, network: KeptNetwork) -> None:
    """Have later starts find it. Raises StoreError."""
    successions = msgspec.json.encode(network.successions).decode("ascii")
    if successions != (store.get_setting(SUCCESSIONS_SETTING) or "[]"):
        store.set_setting(SUCCESSIONS_SETTING, successions, backed_up=True)
    key = msgspec.json.encode(msgspec.structs.replace(network, successions=())).decode("ascii")
    store.set_setting(NETWORK_SETTING, key, backed_up=True)
