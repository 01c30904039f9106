"""Encrypted connections: TLS on a small transport of the engine's own, in the place of asyncio's.

asyncio's keeps a buffer of 256 KiB for each connection, and copies what goes over it three times. Here OpenSSL reads
and writes the socket itself: it has 16 KiB for a record while there is one, and none in between. So an idle connection
takes some 15 kB, all of it OpenSSL's, and what a turn of the loop has for it is one call.

What `plain_transport` says holds here, too. `connection_made` comes when both sides have agreed on keys. The end of
what the other side says is its *close_notify* (RFC 8446, section 6.1), after which this one may still speak; a side
that ends without is taken for ended as well, as lines have ends of their own. What comes after this side's end is not
decrypted.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from core.engine.transport.plain_transport import PlainTransport, Poller

RECORD_BYTES: Final = 16 * 1024
"""Most that one record holds (RFC 8446, section 5.1)."""
READS_AT_ONCE: Final = 4
"""Records that are read of one connection before others have their turn: as much as of one in clear."""


async def open_encrypted(
    poller: Poller,
    connected: socket.socket,
    context: ssl.SSLContext,
    make_protocol: Callable[[], asyncio.BufferedProtocol],
    *,
    dials: bool = False,
) -> None:
    """Agree on keys with the other side of a connected socket, which does not block, and serve it with a protocol.

    `dials`: this side is the one that has dialled. There is no limit in time: whoever waits has one.
    Raises OSError, as which all faults of the other side come, and what the protocol's `connection_made` does; the
    socket is closed then, also when the wait is cancelled.
    """
    try:
        wrapped = context.wrap_socket(
            connected,
            server_side=not dials,
            do_handshake_on_connect=False,
        )
    except BaseException:
        connected.close()
        raise
    agreed: asyncio.Future[None] = poller.loop.create_future()
    transport = TlsTransport(poller, wrapped, make_protocol, agreed)
    try:
        await agreed
    except BaseException:
        transport.abort()
        raise


class TlsTransport(PlainTransport):
    """One encrypted connection."""

    __slots__ = ("_agreed", "_encrypted", "_end_waits", "_make_protocol", "_read_waits")

    def __init__(
        self,
        poller: Poller,
        connected: ssl.SSLSocket,
        make_protocol: Callable[[], asyncio.BufferedProtocol],
        agreed: asyncio.Future[None],
    ) -> None:
        self._encrypted = connected
        self._make_protocol: Callable[[], asyncio.BufferedProtocol] | None = make_protocol
        self._agreed: asyncio.Future[None] | None = agreed
        """Done when both sides have agreed on keys, or cannot; None from then on."""
        self._read_waits = not connected.server_side
        """Whether OpenSSL has something to say itself before it reads on, for which the kernel has to have room."""
        self._end_waits = False
        """Whether the kernel has no room for this side's end yet."""
        super().__init__(poller, connected, None)
        # No method of its own: that would be a cycle.
        self.send = partial(_send, connected)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._encrypted if name == "ssl_object" else super().get_extra_info(name, default)

    def happened(self, events: int) -> None:
        if self._agreed is not None:
            self._agree()
            return
        if self._end_waits and events & ~select.EPOLLIN:
            try:
                self._shut()
            except OSError as error:
                self._lose(error)
                return
            self._watch()
        if self._read_waits and events & ~select.EPOLLIN:
            self._read_waits = False
            events |= select.EPOLLIN
        super().happened(events)

    def _part(self) -> None:
        if self._agreed is None and not self._finished:
            self._finished = True
            with contextlib.suppress(OSError):
                self._shut()
        super()._part()

    # --- both sides agree on keys -----------------------------------------------------------------------------------

    def _agree(self) -> None:
        if not self._poller.has_room_for_keys():
            # They take a millisecond each; the socket is looked at again in the loop's next pass.
            return
        self._read_waits = False
        try:
            self._encrypted.do_handshake()
        except ssl.SSLWantReadError:
            self._watch()
            return
        except ssl.SSLWantWriteError:
            self._read_waits = True
            self._watch()
            return
        except OSError as error:
            self._lose(error)
            return
        agreed, make_protocol = self._agreed, self._make_protocol
        assert agreed is not None and make_protocol is not None, "once"
        self._agreed = self._make_protocol = None
        if agreed.done():
            # Whoever waited for it does not any more.
            self._lose(None)
            return
        try:
            self._protocol = protocol = make_protocol()
            protocol.connection_made(self)
        except BaseException as fault:
            self._lose(None)
            agreed.set_exception(fault)
            return
        agreed.set_result(None)
        self._watch()

    def _over(self, error: OSError | None) -> None:
        agreed, self._agreed = self._agreed, None
        self._make_protocol = None
        if agreed is not None and not agreed.done():
            agreed.set_exception(error or ConnectionAbortedError("the connection was closed before it was encrypted"))
        super()._over(error)

    # --- bytes ------------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        for _ in range(READS_AT_ONCE):
            protocol = self._protocol
            assert protocol is not None, "nothing is read from a connection that is lost"
            try:
                size = self._encrypted.recv_into(protocol.get_buffer(-1))
            except (ssl.SSLWantReadError, BlockingIOError, InterruptedError):
                return
            except ssl.SSLWantWriteError:
                self._read_waits = True
                self._watch()
                return
            except OSError as error:
                self._lose(error)
                return
            if not size:
                self._end()
                return
            if self._finished:
                # Behind this side's end nothing is decrypted any more.
                continue
            protocol.buffer_updated(size)
            if not self.is_reading():
                return

    def _shut(self) -> None:
        try:
            self._encrypted.unwrap()
        except ssl.SSLWantWriteError:
            self._end_waits = True
            self._watch()
            return
        except ssl.SSLError:
            # It is said. What the other side says before its own end, which is asked for as well, is no matter.
            pass
        self._end_waits = False
        super()._shut()

    @property
    def _events(self) -> int:
        reads = (self._agreed is not None and not self._closing) or self.is_reading()
        writes = self._waiting is not None or self._read_waits or self._end_waits
        return (select.EPOLLIN if reads and not self._read_waits else 0) | (select.EPOLLOUT if writes else 0)


def _send(encrypted: ssl.SSLSocket, data: bytes | bytearray | memoryview) -> int:
    """Encrypt and hand to the kernel as much as it takes. What a record was made of has to come again as it was, at the
    front of what comes then, so only whole records count as taken."""
    size = len(data)
    sent = 0
    try:
        if size <= RECORD_BYTES:
            return encrypted.send(data)
        view = memoryview(data)
        while sent < size:
            sent += encrypted.send(view[sent : sent + RECORD_BYTES])
    except ssl.SSLWantWriteError:
        pass
    return sent
