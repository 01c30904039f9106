"""A client's connection to one server: a socket, cut into lines."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from typing import Final, Protocol

from core.client.reaching import explain
from core.wire.address import Address
from core.wire.framing import LineSplitter, LineTooLong
from core.wire.limits import SERVER_LINE_BYTES_MAX
from core.wire.scope import Scope, literal, on_one_machine, scope_of

LINES_MAX: Final = 4 * SERVER_LINE_BYTES_MAX
"""Longest line from a server, in bytes."""
WRITE_BUFFER_MAX: Final = 16 * 1024 * 1024
"""A server that has left so many bytes unread is given up."""


LINES_A_TURN: Final = 32
"""Lines that are handed on before everything else on the event loop has a turn: a millisecond, where a server and its
own application share one."""


class LineOwner(Protocol):
    """The client, as its connections see it."""

    def received(self, wire: LineConnection, line: bytes) -> None:
        """A line arrived on a connection."""

    def nonsense(self, wire: LineConnection, info: str) -> None:
        """What arrived cannot be cut into lines."""

    def ended(self, wire: LineConnection, reason: str) -> None:
        """A connection has ended by itself."""


class LineConnection(asyncio.Protocol):
    """One connection. What arrives before its owner knows of it waits."""

    def __init__(self, owner: LineOwner) -> None:
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._splitter = LineSplitter(LINES_MAX)
        self._early: list[bytes] | None = []
        self._lines: deque[bytes] = deque()
        """Those that have come, and wait for the next turn; nothing more is read meanwhile."""
        self._nonsense: str | None = None
        self._paused = False
        self._ended: str | None = None
        self._over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    @property
    def encryption(self) -> ssl.SSLObject:
        """What the connection is encrypted with."""
        assert self._transport is not None
        encrypted: ssl.SSLObject = self._transport.get_extra_info("ssl_object")
        return encrypted

    def abandon(self) -> None:
        """Nobody wants the connection."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def near(self) -> bool:
        """Whether the connection does not leave this machine."""
        assert self._transport is not None
        peer, own = (self._transport.get_extra_info(one) for one in ("peername", "sockname"))
        if not isinstance(peer, tuple) or not isinstance(own, tuple):
            return True
        return on_one_machine(str(peer[0]), str(own[0]))

    def go_on(self) -> None:
        """The owner is ready for what arrives."""
        early, self._early = self._early or [], None
        for piece in early:
            self._split(piece)
        self._hand_on()

    def data_received(self, data: bytes) -> None:
        if self._early is not None:
            self._early.append(data)
            return
        turn_is_due = not self._waits
        self._split(data)
        if turn_is_due:
            self._hand_on()

    @property
    def _waits(self) -> bool:
        return bool(self._lines) or self._nonsense is not None

    def _split(self, data: bytes) -> None:
        if self._nonsense is not None:
            return
        try:
            self._lines += self._splitter.feed(data)
        except LineTooLong as too_long:
            self._lines += too_long.lines
            self._nonsense = str(too_long)

    def _hand_on(self) -> None:
        """Give the owner what has come, so much in a turn."""
        try:
            for _ in range(min(len(self._lines), LINES_A_TURN)):
                self._owner.received(self, self._lines.popleft())
        except BaseException:
            # As the event loop does with what fails while something is read.
            self._lines.clear()
            self._nonsense = None
            if self._transport is not None:
                self._transport.abort()
            raise
        if self._lines:
            self._read(False)
            asyncio.get_running_loop().call_soon(self._hand_on)
            return
        nonsense, self._nonsense = self._nonsense, None
        if nonsense is not None:
            self._owner.nonsense(self, nonsense)
        self._read(True)
        if self._ended is not None:
            self._owner.ended(self, self._ended)

    def _read(self, wanted: bool) -> None:
        transport = self._transport
        if transport is not None and not transport.is_closing() and wanted is self._paused:
            self._paused = not wanted
            (transport.resume_reading if wanted else transport.pause_reading)()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = explain(exc) if exc is not None else "the server closed the connection"
        if not self._over.done():
            self._over.set_result(None)
        if self._early is None and not self._waits:
            self._owner.ended(self, self._ended)

    def send(self, data: bytes) -> None:
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(data)
            if transport.get_write_buffer_size() > WRITE_BUFFER_MAX:
                transport.abort()

    def finish(self) -> None:
        """Flush and close."""
        if self._transport is not None:
            self._transport.close()

    async def closed(self, limit: float) -> None:
        """Wait until the connection is closed; by force, once the limit is over."""
        self.finish()
        done, _ = await asyncio.wait([self._over], timeout=limit)
        if not done and self._transport is not None:
            self._transport.abort()


async def check_abroad(address: Address) -> None:
    """Raise OSError if a server on another machine has named what is this machine itself here.

    Names of machines do that: many systems have their own stand for loopback, and many machines have the same name.
    """
    if literal(address.host) is None:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        if all(scope_of(str(one[4][0])) is Scope.MACHINE for one in found):
            raise OSError("that name means this machine itself here")
