"""One server in real time: sockets, threads and timers around a pure node.

settings ─▶ Server ─▶ driving/      Runtime ─▶ Node             decides
              │         │       ╰─▶ ConnectionTable    has all connections
              │         ├─▶ arrivals/   who may come in: Acceptor, Lobby, ConnectionPlaces
              │         ├─▶ transport/  bytes: StreamConnection ◀─▶ Outbox ◀─ Output
              │         ├─▶ threads/    what blocks: Persistence, Passwords
              │         ╰─▶ sockets/    dialling, addresses
              ├─▶ sockets/   listening, TLS
              ╰─▶ upkeep/    memory, descriptors, room on the disk, queues, traces
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.lazy_face import lazy

if TYPE_CHECKING:
    from core.engine.engine_errors import CannotBind, EngineError, NotChanged, NotRunning, TooBusy
    from core.engine.engine_settings import ConnectionLimits, EngineSettings, PasswordSettings, Preset
    from core.engine.server import Server
    from core.engine.sockets.interfaces import hosts_for_others
    from core.engine.transport.stream_connection import ConnectionTraffic
    from core.store.loss import OnLoss
    from core.store.retention import Retention
    from core.store.store_errors import DataDirectoryInUse, DataDirectoryUnusable, DataLost

__all__ = [
    "CannotBind",
    "ConnectionLimits",
    "ConnectionTraffic",
    "DataDirectoryInUse",
    "DataDirectoryUnusable",
    "DataLost",
    "EngineError",
    "EngineSettings",
    "NotChanged",
    "NotRunning",
    "OnLoss",
    "PasswordSettings",
    "Preset",
    "Retention",
    "Server",
    "TooBusy",
    "hosts_for_others",
]

if not TYPE_CHECKING:
    # A checker that sees it takes every name for one of the package's.
    __getattr__ = lazy(
        __name__,
        {
            "engine_errors": (
                "CannotBind",
                "EngineError",
                "NotChanged",
                "NotRunning",
                "TooBusy",
            ),
            "engine_settings": (
                "ConnectionLimits",
                "EngineSettings",
                "PasswordSettings",
                "Preset",
            ),
            "server": ("Server",),
            "sockets.interfaces": ("hosts_for_others",),
            "transport.stream_connection": ("ConnectionTraffic",),
            "core.store.loss": ("OnLoss",),
            "core.store.retention": ("Retention",),
            "core.store.store_errors": (
                "DataDirectoryInUse",
                "DataDirectoryUnusable",
                "DataLost",
            ),
        },
    )
