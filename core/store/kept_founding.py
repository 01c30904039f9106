"""Who began the network, as a node knows it: among the settings, and in backups."""

from __future__ import annotations

from typing import Final

import msgspec

from core.store.store_interface import Store
from core.wire.recovered import Recovered

FOUNDING_SETTING: Final = "founding"


def keep_founding(store: Store, text: str) -> None:
    """Have later starts find it. Raises StoreUnwritable."""
    store.set_setting(FOUNDING_SETTING, text, backed_up=True)


def with_founding(recovered: Recovered, store: Store) -> Recovered:
    """What a node is handed at its start, with that. Raises StoreUnreadable."""
    return msgspec.structs.replace(recovered, founding=store.get_setting(FOUNDING_SETTING) or "")
