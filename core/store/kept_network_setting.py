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
GIVEN_UP_SETTING: Final = "network_given_up"
"""Where `KeptNetwork.given_up` is."""


def read_network(store: Store) -> KeptNetwork | None:
    """The network that was kept; None if there is none. Raises StoreError, ValueError when it is damaged."""
    kept = store.get_setting(NETWORK_SETTING)
    if kept is None:
        return None
    successions = msgspec.json.decode(store.get_setting(SUCCESSIONS_SETTING) or "[]", type=tuple[Succession, ...])
    given_up = msgspec.json.decode(store.get_setting(GIVEN_UP_SETTING) or "null", type=Succession | None)
    network = msgspec.json.decode(kept, type=KeptNetwork)
    return msgspec.structs.replace(network, successions=successions, given_up=given_up)


def keep_network(store: Store, network: KeptNetwork) -> None:
    """Have later starts find it. Raises StoreError."""
    successions = msgspec.json.encode(network.successions).decode("ascii")
    if successions != (store.get_setting(SUCCESSIONS_SETTING) or "[]"):
        store.set_setting(SUCCESSIONS_SETTING, successions, backed_up=True)
    given_up = msgspec.json.encode(network.given_up).decode("ascii")
    if given_up != (store.get_setting(GIVEN_UP_SETTING) or "null"):
        store.set_setting(GIVEN_UP_SETTING, given_up, backed_up=True)
    key = msgspec.json.encode(msgspec.structs.replace(network, successions=(), given_up=None)).decode("ascii")
    store.set_setting(NETWORK_SETTING, key, backed_up=True)
