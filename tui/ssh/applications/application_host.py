"""What an application over SSH needs of the place where it runs: the node's process, or a worker's."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping
from contextvars import Context
from pathlib import Path
from typing import Protocol

from core.node import Notice
from core.wire import Address
from tui.application.frame_scheduler import FrameScheduler
from tui.ssh.applications.read_only_node import ReadOnlyNode
from tui.ssh.remote_people.remote_user import RemoteUser
from tui.ssh.sharing.cyclic_collection import CyclicCollector
from tui.ssh.sharing.ticker import Ticker
from tui.terminal.terminal_driver import Terminal
from tui.widgets.line_pool import LinePool


class SessionPolicy(Protocol):
    """What the settings allow a session; `SSHSettings` does."""

    @property
    def anonymous(self) -> bool: ...
    @property
    def message_rate(self) -> float: ...
    @property
    def input_rate(self) -> int: ...
    @property
    def data_dir(self) -> Path | str:
        """Where reports on faults belong."""
        ...


class ApplicationHost(Protocol):
    """A process that holds several sessions."""

    @property
    def frame_scheduler(self) -> FrameScheduler: ...
    @property
    def ticker(self) -> Ticker: ...
    @property
    def line_pool(self) -> LinePool: ...
    @property
    def collector(self) -> CyclicCollector: ...
    @property
    def context(self) -> Context:
        """For what sessions start that is not theirs."""
        ...

    @property
    def node_view(self) -> ReadOnlyNode: ...
    @property
    def settings(self) -> SessionPolicy: ...
    @property
    def notices(self) -> Iterable[Notice]: ...
    def subscribe(self, callback: Callable[[Notice], None]) -> Callable[[], None]: ...


class NodeAccess(Protocol):
    """One person's way to the node. What they may is decided there, whatever is asked here."""

    @property
    def remote_user(self) -> RemoteUser | None: ...

    def connect(self, name: str) -> socket.socket:
        """A connection to the node, vouched for if the person has proved to own the account of that name."""
        ...

    async def take_account(self, username: str, secret: str) -> str | None:
        """Take the connection for the owner's of an account that was just made; the account, None if it is not."""
        ...

    async def tell_of_change(self, begins: bool) -> None:
        """Say that the person is about to change their secret, or has: the secret before may be their way in."""
        ...

    async def bind_key(self, claim: str) -> None:
        """Bind the key that the person came in with. Raises CannotChangeKeys."""
        ...


class RemoteTerminal(Terminal, Protocol):
    """The terminal at the other end, and what is known of it."""

    @property
    def terminal(self) -> str: ...
    @property
    def environment(self) -> Mapping[str, str]: ...
    def farewell(self, reason: str, successor: Address | None) -> None: ...
