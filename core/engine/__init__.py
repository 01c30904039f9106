"""One server in real time: sockets, threads and timers around a pure node.

settings ─▶ Server ─▶ Runtime ─▶ Node                       decides
              │          ├─▶ arrivals/    who may come in   (Acceptor, Lobby, Strangers)
              │          ├─▶ transport/   bytes             (StreamConnection ◀─▶ Outbox ◀─ Output)
              │          ├─▶ threads/     what blocks       (Persistence, Passwords)
              │          ╰─▶ upkeep/      memory, queues, traces
              ├─▶ sockets/   listening, dialling, TLS, addresses
              ╰─▶ upkeep/    backups, room on the disk
"""

from core.engine.engine_errors import CannotBind, EngineError, NotChanged, NotRunning, TlsUnusable
from core.engine.engine_settings import ConnectionLimits, EngineSettings, PasswordSettings, Preset, TlsSettings
from core.engine.server import Server
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
    "TlsSettings",
    "TlsUnusable",
]
