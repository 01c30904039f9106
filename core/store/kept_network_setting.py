"""The network's key among the settings of a store."""

from __future__ import annotations

from typing import Final

import msgspec

from core.store.store_interface import Store
from core.wire.kept_network import KeptNetwork
from core.wire.network_orders import key_change_in

NETWORK_SETTING: Final = "network_key"
"""Where the key is: in backups too, for a network that has lost it is another one for everybody who knows it."""
_BEFORE: Final = {
    "successions": "network_successions",
    "given_up": "network_given_up",
    "order": "network_order",
}
"""Fields of `KeptNetwork` that stand apart, and are kept before the key: the second copy of what makes a server that
server (`core.store.identity_copy`) has no room for all of it."""
_BEHIND: Final = {"secrets": "network_secrets", "prepared": "network_prepared"}
"""Those that are kept behind it, and are in no backup."""
_FIELDS: Final = {field.name: field for field in msgspec.structs.fields(KeptNetwork)}


def read_network(store: Store) -> KeptNetwork | None:
    """The network that was kept; None if there is none. Raises StoreError, ValueError when it is damaged."""
    kept = store.get_setting(NETWORK_SETTING)
    if kept is None:
        return None
    apart = {
        field: msgspec.json.decode(text, type=_FIELDS[field].type)
        for field, setting in (*_BEFORE.items(), *_BEHIND.items())
        if (text := store.get_setting(setting)) is not None
    }
    network = msgspec.structs.replace(msgspec.json.decode(kept, type=KeptNetwork), **apart)
    change = key_change_in(network.order.order) if network.order is not None else None
    if change is not None and change.key != network.key:
        # The process ended between the two.
        return msgspec.structs.replace(network, order=None)
    return network


def keep_network(store: Store, network: KeptNetwork) -> None:
    """Have later starts find it. Raises StoreError."""
    for field, setting in _BEFORE.items():
        _keep_apart(store, setting, network, field, backed_up=True)
    apart = {field: _FIELDS[field].default for field in (*_BEFORE, *_BEHIND)}
    key = msgspec.json.encode(msgspec.structs.replace(network, **apart)).decode()
    store.set_setting(NETWORK_SETTING, key, backed_up=True)
    for field, setting in _BEHIND.items():
        _keep_apart(store, setting, network, field, backed_up=False)


def _keep_apart(store: Store, setting: str, network: KeptNetwork, field: str, *, backed_up: bool) -> None:
    default = msgspec.json.encode(_FIELDS[field].default).decode()
    text = msgspec.json.encode(getattr(network, field)).decode()
    if text != (store.get_setting(setting) or default):
        store.set_setting(setting, text, backed_up=backed_up)
