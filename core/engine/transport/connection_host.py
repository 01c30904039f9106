"""What a connection needs of the engine around it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from core.engine.engine_settings import ConnectionLimits
from core.engine.transport.output import Output
from core.engine.transport.plain_transport import Poller
from core.node.interface.events import Now
from core.wire.messages import ActivityMessage, Message

if TYPE_CHECKING:
    from core.engine.transport.stream_connection import StreamConnection


class ConnectionHost(Protocol):
    """What all connections of a server share, and whom each tells what becomes of it."""

    loop: asyncio.AbstractEventLoop
    limits: ConnectionLimits
    output: Output
    congestion: int
    """0: everything can be taken, 1: only what trusted peers say, 2: nothing."""

    @property
    def poller(self) -> Poller | None:
        """What serves connections in the loop's place; None where the system has no means."""

    def read_buffer(self) -> memoryview:
        """Where to read to; whoever reads is done with it before anybody else reads."""

    def now(self) -> Now: ...

    def opened(self, connection: StreamConnection) -> bool:
        """The connection is up; false: there is no room for it, and it has been told."""

    def received(self, connection: StreamConnection, message: Message, now: Now) -> None: ...

    def received_posts(self, connection: StreamConnection, messages: Sequence[ActivityMessage], now: Now) -> None:
        """Activities were read at once, at least two."""

    def malformed(self, connection: StreamConnection, info: str) -> None: ...

    def closed(self, connection: StreamConnection, reason: str) -> None:
        """Nothing more will come of it: once for each connection that was opened and had room."""

    def has_time(self) -> bool:
        """Whether this pass of the loop may take up more of what peers say and do."""

    def has_turn(self, began: float) -> bool:
        """Whether a connection that goes first, and has been taken up since then, may go on in this pass."""

    def later(self, connection: StreamConnection, *, first: bool = False) -> None:
        """Have the connection go on in a later pass; `first`: it goes first, and has had its turn of this one."""

    def leaving(self, connection: StreamConnection) -> None:
        """It is being closed in order, which takes a moment."""

    def gone(self, connection: StreamConnection) -> None:
        """Its socket is closed: once for each connection that was opened."""

    def unfinished(self, connection: StreamConnection, size: int) -> None:
        """The connection holds so many bytes of a line that has not ended."""

    def waiting(self, connection: StreamConnection, waits: bool) -> None:
        """Whether the peer takes what is sent to it."""
