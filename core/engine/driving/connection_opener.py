"""Connections that begin on this side: those that the node dials, and those from within this process."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Container
from typing import Final

from core.engine.sockets.dialler import CannotConnect, connect_any
from core.engine.sockets.network_tls import NetworkTls
from core.engine.transport.connection_host import ConnectionHost
from core.engine.transport.stream_connection import StreamConnection
from core.engine.transport.tls_transport import open_encrypted
from core.node.interface.actions import Dial
from core.node.interface.events import DialFailed, Event, Origin

log = logging.getLogger(__name__)

_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST"})
"""What OpenSSL says of an answer that is no record: whoever is there speaks something else."""


class ConnectionOpener:
    """Numbers all connections, and opens those of this side.

    `connections` are those that there are, by their numbers. `limit` is how many seconds dialling may take. `tls`: how
    connections of this side are encrypted; None: none of them can be.
    """

    def __init__(
        self,
        host: ConnectionHost,
        connections: Container[int],
        deliver: Callable[[Event], None],
        *,
        limit: float,
        tls: NetworkTls | None,
    ) -> None:
        self._host = host
        self._connections = connections
        self._deliver = deliver
        self._limit = limit
        self._tls = tls
        self._last_conn = 0

    def make(self, origin: Origin, dial: int | None = None, vouched: str | None = None) -> StreamConnection:
        """The protocol for a connection, with the next number."""
        self._last_conn += 1
        return StreamConnection(self._host, self._last_conn, origin, dial, vouched)

    async def dial(self, action: Dial) -> None:
        """Connect to the first address that answers; the node hears of it when that cannot be done."""
        dial = action.dial
        deadline = self._host.loop.time() + self._limit
        try:
            connected, _ = await connect_any((action.address, *action.others), self._limit, abroad=action.abroad)
        except CannotConnect as error:
            self._deliver(DialFailed(dial, str(error), refused=error.refused))
            return
        except Exception as error:
            log.exception("a fault in dialling")
            self._deliver(DialFailed(dial, str(error)))
            return
        connection = self.make("outbound", dial=dial)
        try:
            async with asyncio.timeout_at(deadline):
                await self._open(connection, connected, action)
        except BaseException as error:
            connected.close()
            if connection.conn in self._connections:
                connection.abandon()
            elif isinstance(error, OSError):
                reason = error.strerror or str(error) or f"no answer within {self._limit:g} s"
                clear = isinstance(error, ssl.SSLError) and error.reason in _NO_TLS
                self._deliver(DialFailed(dial, f"no encrypted connection could be made: {reason}", clear=clear))
            if not isinstance(error, OSError):
                raise

    async def _open(self, connection: StreamConnection, connected: socket.socket, action: Dial) -> None:
        poller, tls = self._host.poller, None
        if action.encrypted:
            if self._tls is None:
                raise ConnectionError("this server has no key")
            tls = self._tls.dialling if action.shows else self._tls.asking
            if poller is not None:
                await open_encrypted(poller, connected, tls, lambda: connection, dials=True)
                return
        await self._host.loop.create_connection(
            lambda: connection, sock=connected, ssl=tls, server_hostname="" if tls is not None else None
        )

    async def attach(self, ours: socket.socket, vouched: str | None) -> None:
        """Serve a connection from within this process."""
        connection = self.make("local", vouched=vouched)
        try:
            await self._host.loop.connect_accepted_socket(lambda: connection, ours)
        except BaseException:
            ours.close()
            connection.abandon()
            raise
