"""What `serve` and `join` were asked to do, all sources of settings taken together.

`tui.cli.running.run` takes a `ServeOptions` or a `JoinOptions` and returns an exit status. Both know a `NodeOptions`
when a server is to run in this process; `tui.cli.starting.start_server` makes one of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from core.wire import Address, Invited, KeepsSecret
from tui.cli.log_lines import LogFormat, LogLevel
from tui.cli.setting_table import Destination
from tui.own_screen.person_options import PersonOptions

if TYPE_CHECKING:
    from core.engine import OnLoss
    from tui.cli.trusting import TrustChoice


class NodeOptions(KeepsSecret, frozen=True):
    """A server in this process. Times are in seconds."""

    unprinted: ClassVar[frozenset[str]] = frozenset({"secret", "shown", "invited"})

    port: int
    """0 for any free port."""
    port_may_differ: bool
    """Nobody asked for this port: if it is taken, one of the next ones will do."""
    name: str
    """What people call the server; empty for the machine's name."""
    secret: str | None
    """The network's secret; None for the one that the data directory keeps, or a new one."""
    data_dir: Path | None
    """None for the default directory of the port that the server gets: see `default_data_dir`."""
    join: Address | None
    """A server of the network to become part of; None for the first one of a network, or one that is restarted."""
    invited: Invited | None
    """By which the server is to be admitted there, in the place of the network's secret."""
    join_base: bool
    """Whether that is a server of 2018."""
    ssh: Address | None
    """Where to serve the application over SSH, host empty for all addresses; None for nowhere."""
    settings: Mapping[Destination, Mapping[str, Any]]
    """What goes on as it was said: fields of the engine's, the node's and the SSH server's settings."""
    on_loss: OnLoss = "refuse"
    """What the start does where the data directory has lost what its node had acknowledged."""
    log_level: LogLevel = "info"
    log_format: LogFormat = "text"
    log_file: Path | None = None
    """None for standard error; with a screen see `log_wanted`."""
    log_wanted: bool = False
    """Whether somebody asked for a log, which a server with a screen has only then: the terminal is taken."""
    shown: tuple[str, ...] = ()
    """All settings in lines for people, without secrets."""

    @property
    def anonymous(self) -> bool:
        """Whether people may come in without a name."""
        return bool(self.settings["node"]["anonymous"])


class ServeOptions(msgspec.Struct, frozen=True):
    """Run a server and the application on it."""

    node: NodeOptions
    person: PersonOptions
    again: tuple[str, ...] = ()
    """The words of the command that starts the server again, but for its port."""


class JoinOptions(msgspec.Struct, frozen=True):
    """Join the network at `address`: with a server (`node`) and the application on it, or as a client there only."""

    address: Address
    """A server of the network; without a server here, the one to be a client of."""
    node: NodeOptions | None
    person: PersonOptions
    trust: TrustChoice | None = None
    """Whom a person without a server here talks to."""
    data_dir: Path | None = None
    """Where a person without a server here is remembered; None for the usual place, if there is one."""
    again: tuple[str, ...] = ()
    """The words of the command that comes back: as a client, or with the server, but for its port."""
