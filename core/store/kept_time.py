"""The time that people were told last, which no row is dated by: the next start goes on behind it."""

from __future__ import annotations

from typing import Final

import msgspec

from core.store.store_interface import Store
from core.wire.recovered import Recovered

TIME_SETTING: Final = "told_time"
"""Where it is: among the settings, and not in backups, which may be put back after years."""


def keep_told_time(store: Store, stamp: int) -> None:
    """Have the next start find it. Raises StoreUnwritable."""
    store.set_setting(TIME_SETTING, str(stamp))


def with_told_time(recovered: Recovered, store: Store) -> Recovered:
    """What a node is handed at its start, with that time. Raises StoreUnreadable."""
    kept = store.get_setting(TIME_SETTING) or ""
    return msgspec.structs.replace(recovered, told=int(kept)) if kept.isdecimal() else recovered
