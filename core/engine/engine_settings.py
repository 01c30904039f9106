"""The engine's settings: everything that a person may choose about one server. Times in seconds, sizes in bytes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec.structs import replace

from core.node.interface import node_config as presets
from core.node.interface.node_config import NodeConfig
from core.store.loss import OnLoss
from core.store.retention import Retention
from core.wire.address import Address
from core.wire.invitations import Invited
from core.wire.limits import CLIENT_LINE_BYTES_MAX, DEFAULT_PORT, SERVER_LINE_BYTES_MAX

MEBIBYTE: Final = 1024 * 1024

ACTIVITIES_KEPT: Final = 1_000_000
BYTES_KEPT: Final = 512 * MEBIBYTE
"""With five backups less than 4 GB: a small disk survives that."""

Preset = Literal["local", "lan", "wan"]


class ConnectionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one connection, and all of them together, may cost."""

    connections: int = 10_000
    """Connections at a time, as far as the system lets the process open so many; with one more, one is told so and
    closed that has not said who it is, of the address that has most of those."""
    unfinished_bytes: int = 32 * MEBIBYTE
    """What lines may hold that have begun and not ended, of all connections but servers'; with more, those are cut that
    are of the address that has most."""
    client_line_bytes: int = CLIENT_LINE_BYTES_MAX
    server_line_bytes: int = SERVER_LINE_BYTES_MAX
    client_queue_bytes: int = 8 * MEBIBYTE
    """What may wait for one client that reads slowly; with more it is disconnected, and catches up when it is back."""
    server_queue_bytes: int = 64 * MEBIBYTE
    """The same for an authenticated server."""
    stall: float = 30.0
    """How long something may wait on a connection that takes not a single byte."""
    flush: float = 5.0
    """How long a connection that is being closed has to take what was sent to it."""
    linger: float = 1.0
    """How long a peer that was told to go may go on talking before its connection is cut.

    What it says is discarded, but has to be read: a close with unread input makes the kernel send a reset, which can
    destroy the last answer on its way (RFC 2525, section 2.17).
    """
    held: float = 30.0
    """How long what a vanished peer had said waits for the node to take it."""
    unwritten_bytes: int = 2 * MEBIBYTE
    """What may wait for the disk; with more, clients are not read until it has gone down (servers: twice). It goes to
    all readers at once when it is kept, so it has to fit into a queue of theirs several times."""


RESERVE_SHARE: Final = 25
RESERVE_MIN: Final = 4


def places_kept(connections: int) -> int:
    """Of so many connections, those that people who have logged in leave free: for servers and newcomers."""
    return max(RESERVE_MIN, connections // RESERVE_SHARE)


class PasswordSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Argon2id parameters (OWASP Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane), and who computes."""

    memory_kib: int = 19 * 1024
    passes: int = 2
    lanes: int = 1
    workers: int = 2
    queue: int = 4096
    """Checks that may wait; one more fails at once."""


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How one server runs."""

    data_dir: Path
    host: str = ""
    """Where to listen: a name or address; empty means everywhere, `0.0.0.0` all of IPv4, `::` all of IPv6."""
    port: int = DEFAULT_PORT
    """0: any free one."""
    advertise: Address | None = None
    """Where others reach this server, if not where it listens; port 0 in it means the port that it listens on."""
    name: str = ""
    secret: str | None = None
    """The network's secret; None: the one kept in the data directory, made at the first start."""
    secret_known: str | None = None
    """The network's secret as somebody wrote it down: taken where none is given and the data keeps none, as restored
    data does not."""
    on_loss: OnLoss = "refuse"
    """What the start does where the data directory has lost what its node had acknowledged."""
    join: Address | None = None
    """A server of the network to join."""
    invited: Invited | None = None
    """By which this server is to be admitted there, in the place of the network's secret."""
    join_base: bool = False
    """Whether that is a server of 2018, which is shown the network's secret in clear."""
    preset: Preset = "lan"
    backup_interval: float = 600.0
    """0: no backups."""
    backups_kept: int = 5
    retention: Retention = Retention(activities=ACTIVITIES_KEPT, bytes=BYTES_KEPT)
    trim_interval: float = 5.0
    """Between two looks at what retention lets go, and at the room on the disk."""
    search_index: bool = True
    """Whether there is an index of words beside the data. Without one each activity is looked at."""
    limits: ConnectionLimits = ConnectionLimits()
    passwords: PasswordSettings = PasswordSettings()
    node: Mapping[str, Any] = {}
    """Fields of `NodeConfig` that differ from the preset."""

    def node_config(self, advertised: Address, secret: str) -> NodeConfig:
        """The node's settings. Raises TypeError if `node` names a field that does not exist."""
        make = {"local": presets.local, "lan": presets.lan, "wan": presets.wan}[self.preset]
        return replace(
            make(advertised.host, advertised.port, secret),
            name=self.name,
            **{"founds": self.join is None, **self.node},
        )
