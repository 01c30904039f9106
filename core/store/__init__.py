"""What a node remembers: accounts, activities, its identity and incarnation, known peers, and the engine's settings.

`open_store` opens the SQLite file in a data directory for a new start of its node, `restore_backup` rebuilds one,
`verify` reads one through, `known_servers` tells which keys it knows of others. `MemoryStore` keeps the same contract,
`Store`, without a disk. Errors are `StoreError`s, with a sentence for a person.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.lazy_face import lazy

if TYPE_CHECKING:
    from core.store.backup import restore_backup
    from core.store.downgrade import downgrade_store
    from core.store.events_file import kept_lines
    from core.store.identity import next_incarnation, node_id
    from core.store.invitation_file import GivenInvitation, give_invitation, open_invitations, revoke
    from core.store.loss import OnLoss
    from core.store.memory_store import MemoryStore
    from core.store.network_of_data import network_of
    from core.store.opening import open_store
    from core.store.retention import KEEP_EVERYTHING, TRIM_STEP, Retention, Usage
    from core.store.server_bindings import forget_known_server, known_servers
    from core.store.sqlite import SqliteStore
    from core.store.store_errors import (
        BackupDamaged,
        BackupForeign,
        BackupUnreadable,
        DataDirectoryInUse,
        DataDirectoryUnusable,
        DataExists,
        DataLost,
        SchemaTooNew,
        StoreDisplaced,
        StoreError,
        StoreUnreadable,
        StoreUnwritable,
    )
    from core.store.store_interface import Store
    from core.store.table_checks import Damage, Verification
    from core.store.verifying import verify

__all__ = [
    "KEEP_EVERYTHING",
    "TRIM_STEP",
    "BackupDamaged",
    "BackupForeign",
    "BackupUnreadable",
    "Damage",
    "DataDirectoryInUse",
    "DataDirectoryUnusable",
    "DataExists",
    "DataLost",
    "GivenInvitation",
    "MemoryStore",
    "OnLoss",
    "Retention",
    "SchemaTooNew",
    "SqliteStore",
    "Store",
    "StoreDisplaced",
    "StoreError",
    "StoreUnreadable",
    "StoreUnwritable",
    "Usage",
    "Verification",
    "downgrade_store",
    "forget_known_server",
    "give_invitation",
    "kept_lines",
    "known_servers",
    "network_of",
    "next_incarnation",
    "node_id",
    "open_invitations",
    "open_store",
    "restore_backup",
    "revoke",
    "verify",
]

if not TYPE_CHECKING:
    # A checker that sees it takes every name for one of the package's.
    __getattr__ = lazy(
        __name__,
        {
            "backup": ("restore_backup",),
            "downgrade": ("downgrade_store",),
            "events_file": ("kept_lines",),
            "identity": (
                "next_incarnation",
                "node_id",
            ),
            "network_of_data": ("network_of",),
            "invitation_file": (
                "GivenInvitation",
                "give_invitation",
                "open_invitations",
                "revoke",
            ),
            "loss": ("OnLoss",),
            "memory_store": ("MemoryStore",),
            "opening": ("open_store",),
            "retention": (
                "KEEP_EVERYTHING",
                "TRIM_STEP",
                "Retention",
                "Usage",
            ),
            "server_bindings": (
                "forget_known_server",
                "known_servers",
            ),
            "sqlite": ("SqliteStore",),
            "store_errors": (
                "BackupDamaged",
                "BackupForeign",
                "BackupUnreadable",
                "DataDirectoryInUse",
                "DataDirectoryUnusable",
                "DataExists",
                "DataLost",
                "SchemaTooNew",
                "StoreDisplaced",
                "StoreError",
                "StoreUnreadable",
                "StoreUnwritable",
            ),
            "store_interface": ("Store",),
            "table_checks": (
                "Damage",
                "Verification",
            ),
            "verifying": ("verify",),
        },
    )
