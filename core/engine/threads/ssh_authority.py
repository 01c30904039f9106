"""The key that certifies the hosts of a network for SSH, and serves for nothing else. All of it blocks.

A certificate authority in the sense of OpenSSH's `ssh-keygen(1)`: who knows its public half knows every server of the
network. It is drawn at random: nobody has it who has another secret of the network.
"""

from __future__ import annotations

import base64
import secrets
from typing import Final

from core.store.store_interface import Store
from core.wire.ed25519 import SEED_BYTES

AUTHORITY_SETTING: Final = "ssh_authority"
"""Where its private key is: among the settings, and in backups, beside the server's own."""


def kept_authority(store: Store) -> bytes | None:
    """The seed of its Ed25519 key; None if there is none yet. Raises ValueError when it is damaged, StoreError."""
    kept = store.get_setting(AUTHORITY_SETTING)
    if kept is None:
        return None
    seed = base64.b64decode(kept, validate=True)
    if len(seed) != SEED_BYTES:
        raise ValueError(f"a key for SSH hosts has {SEED_BYTES} bytes, and not {len(seed)}")
    return seed


def keep_authority(store: Store, seed: bytes) -> None:
    """Have later starts find it. Raises StoreError."""
    store.set_setting(AUTHORITY_SETTING, base64.b64encode(seed).decode("ascii"), backed_up=True)


def founded_authority(store: Store) -> bytes:
    """The one that is kept, or a new one, which is kept from here on. Raises what `kept_authority` does."""
    seed = kept_authority(store)
    if seed is None:
        seed = secrets.token_bytes(SEED_BYTES)
        keep_authority(store, seed)
    return seed
