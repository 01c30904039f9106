"""Takes connections from a listening socket: so many in a pass of the loop, and none while there are no descriptors.

asyncio's own loop (`BaseSelectorEventLoop._accept_connection`, 3.11) goes on accepting after "too many open files". It
logs once for each connection that its backlog would hold, and each failure plans one more attempt: twice as many a
second later.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Final

from core.engine.arrivals.lobby import Lobby
from core.engine.sockets.interfaces import endpoint
from core.engine.transport.plain_transport import Poller
from core.engine.transport.tls_transport import open_encrypted

log = logging.getLogger(__name__)

AT_ONCE: Final = 4
"""Connections that are taken before the loop does something else."""
OPENING_MAX: Final = 500
"""Connections that are being encrypted at a time; with more, the one goes that has taken longest."""
PAUSE: Final = 0.5
"""Seconds until the next attempt when the system has nothing left for a connection."""
HANDSHAKE_LIMIT: Final = 10.0
"""Seconds that setting up encryption may take."""
_NONE_LEFT: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Acceptor:
    """Makes a protocol for each connection to one listening socket. `start` it once; `close` also closes the socket."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listener: socket.socket,
        make_protocol: Callable[[], asyncio.BufferedProtocol],
        *,
        tls: ssl.SSLContext | None,
        on_exhausted: Callable[[OSError], None],
        lobby: Lobby | None = None,
        poller: Poller | None = None,
    ) -> None:
        """`on_exhausted` is called at each attempt that fails because the system has nothing left. Connections wait in
        the lobby, if there is one, before a protocol is made for them. They are served by the poller, if there is one,
        and else by the loop."""
        self._loop = loop
        self._listener = listener
        self._make_protocol = make_protocol
        self._tls = tls
        self._on_exhausted = on_exhausted
        self._lobby = lobby
        self._poller = poller
        self._begun = self._begin
        """One for all who wait in the lobby: each look at a method makes an object."""
        self._pause: asyncio.TimerHandle | None = None
        self._opening: dict[asyncio.Task[None], None] = {}
        """The one that came first at the front."""
        self._given_up: set[asyncio.Task[None]] = set()
        self._closed = False

    def start(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listener, self._accept)

    def close(self) -> None:
        """Take no more connections. Those that are being encrypted end; the others go on."""
        if self._closed:
            return
        self._closed = True
        if self._pause is not None:
            self._pause.cancel()
        else:
            self._loop.remove_reader(self._listener)
        self._listener.close()
        for task in self._opening:
            task.cancel()

    async def wait_closed(self) -> None:
        """Wait until what `close` ended has ended."""
        if self._opening or self._given_up:
            await asyncio.wait([*self._opening, *self._given_up])

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                accepted, peer = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _NONE_LEFT:
                    self._loop.remove_reader(self._listener)
                    self._pause = self._loop.call_later(PAUSE, self.start)
                    self._on_exhausted(error)
                    return
                # The connection ended before it was taken (accept(2) hands its errors on): the next one may be well.
                continue
            accepted.setblocking(False)
            if self._lobby is None:
                self._begin(accepted)
            else:
                self._lobby.enter(accepted, endpoint(peer).host, self._begun, plain=self._tls is None)

    def _begin(self, accepted: socket.socket) -> None:
        if self._closed:
            accepted.close()
            return
        if self._poller is not None and self._tls is None:
            try:
                self._poller.open(accepted, self._make_protocol())
            except Exception:
                accepted.close()
                log.exception("a fault in opening a connection")
            return
        task = self._loop.create_task(self._open(accepted), name="accepted")
        self._opening[task] = None
        task.add_done_callback(self._opened)
        if len(self._opening) > OPENING_MAX:
            # Whoever means it takes milliseconds.
            oldest = next(iter(self._opening))
            del self._opening[oldest]
            self._given_up.add(oldest)
            oldest.cancel()

    def _opened(self, task: asyncio.Task[None]) -> None:
        self._opening.pop(task, None)
        self._given_up.discard(task)

    async def _open(self, accepted: socket.socket) -> None:
        limit = HANDSHAKE_LIMIT if self._tls is not None else None
        try:
            if self._poller is not None and self._tls is not None:
                async with asyncio.timeout(limit):
                    await open_encrypted(self._poller, accepted, self._tls, self._make_protocol)
                return
            await self._loop.connect_accepted_socket(
                self._make_protocol, accepted, ssl=self._tls, ssl_handshake_timeout=limit
            )
        except (OSError, asyncio.CancelledError):  # broken off, or no encryption that both sides know
            with contextlib.suppress(OSError):
                accepted.close()
        except Exception:
            accepted.close()
            log.exception("a fault in opening a connection")
