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
from collections.abc import Callable, Coroutine
from typing import Final

from core.engine.arrivals.banned_hosts import BannedHosts
from core.engine.arrivals.caller import HANDSHAKE, Caller
from core.engine.arrivals.lobby import AGREEING_MAX, Lobby
from core.engine.sockets.interfaces import endpoint
from core.engine.transport.plain_transport import Poller
from core.engine.transport.tls_transport import open_encrypted

log = logging.getLogger(__name__)

AT_ONCE: Final = 4
"""Connections that are taken before the loop does something else."""
PAUSE: Final = 0.5
"""Seconds until the next attempt when the system has nothing left for a connection."""
HANDSHAKE_LIMIT: Final = 10.0
"""Seconds that setting up encryption may take."""
_NONE_LEFT: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Acceptor:
    """Makes a protocol for each connection to one listening socket. `start` it once; `close` also closes the socket.

    The first byte that comes over a connection tells whether it is to be encrypted: there is one port for both.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listener: socket.socket,
        make_protocol: Callable[[], asyncio.BufferedProtocol],
        *,
        tls: Callable[[], ssl.SSLContext] | None,
        on_exhausted: Callable[[OSError], None],
        lobby: Lobby | None = None,
        poller: Poller | None = None,
        banned: BannedHosts | None = None,
    ) -> None:
        """`tls` makes the context for who encrypts; None: nobody does. `on_exhausted` is called at each attempt that
        fails because the system has nothing left. Connections wait in the lobby, if there is one, before a protocol is
        made for them. They are served by the poller, if there is one, and else by the loop."""
        self._loop = loop
        self._listener = listener
        self._make_protocol = make_protocol
        self._tls = tls
        self._on_exhausted = on_exhausted
        self._lobby = lobby
        self._poller = poller
        self._banned = banned
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
            host = endpoint(peer).host
            if self._banned is not None and self._banned.cuts(host):
                accepted.close()
                continue
            accepted.setblocking(False)
            if self._lobby is not None:
                self._lobby.enter(accepted, host, self._begun)
            elif self._tls is None:
                self._serve(accepted)
            else:
                self._run(self._look(accepted))

    def _begin(self, caller: Caller, encrypted: bool) -> None:
        """Somebody has said something in the lobby."""
        assert self._lobby is not None
        if self._closed:
            self._lobby.agreed(caller)
            caller.socket.close()
        elif encrypted and self._tls is not None:
            task = self._run(self._encrypt(caller.socket, self._tls(), caller))
            caller.give_up = task.cancel
        else:
            self._lobby.agreed(caller)
            self._serve(caller.socket)

    def _serve(self, accepted: socket.socket) -> None:
        """Serve a connection in clear."""
        if self._poller is None:
            self._run(self._hand_over(accepted, None))
            return
        try:
            self._poller.open(accepted, self._make_protocol())
        except Exception:
            accepted.close()
            log.exception("a fault in opening a connection")

    def _run(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work, name="accepted")
        self._opening[task] = None
        task.add_done_callback(self._opened)
        return task

    def _opened(self, task: asyncio.Task[None]) -> None:
        self._opening.pop(task, None)
        self._given_up.discard(task)

    async def _encrypt(self, accepted: socket.socket, tls: ssl.SSLContext, caller: Caller | None) -> None:
        """Agree on keys, and serve the connection."""

        def agreed() -> asyncio.BufferedProtocol:
            if caller is not None and self._lobby is not None:
                self._lobby.agreed(caller)
            return self._make_protocol()

        try:
            if self._poller is not None:
                async with asyncio.timeout(HANDSHAKE_LIMIT):
                    await open_encrypted(self._poller, accepted, tls, agreed)
            else:
                await self._hand_over(accepted, tls, agreed)
        except (OSError, asyncio.CancelledError):  # broken off, or no keys that both sides agree on
            with contextlib.suppress(OSError):
                accepted.close()
        except Exception:
            accepted.close()
            log.exception("a fault in opening a connection")
        finally:
            if caller is not None and self._lobby is not None:
                self._lobby.agreed(caller)

    # --- where the system has no lobby ------------------------------------------------------------------------------

    async def _look(self, accepted: socket.socket) -> None:
        """Wait for the first byte, and serve the connection."""
        if len(self._opening) > AGREEING_MAX:
            oldest = next(iter(self._opening))
            del self._opening[oldest]
            self._given_up.add(oldest)
            oldest.cancel()
        try:
            async with asyncio.timeout(HANDSHAKE_LIMIT):
                first = await _first_byte(self._loop, accepted)
        except (OSError, asyncio.CancelledError):
            accepted.close()
            return
        if first == HANDSHAKE and self._tls is not None:
            await self._encrypt(accepted, self._tls(), None)
        elif self._poller is not None:
            self._serve(accepted)
        else:
            await self._hand_over(accepted, None)

    async def _hand_over(
        self,
        accepted: socket.socket,
        tls: ssl.SSLContext | None,
        make_protocol: Callable[[], asyncio.BufferedProtocol] | None = None,
    ) -> None:
        """Have the loop serve a connection."""
        try:
            await self._loop.connect_accepted_socket(
                make_protocol or self._make_protocol,
                accepted,
                ssl=tls,
                ssl_handshake_timeout=HANDSHAKE_LIMIT if tls is not None else None,
            )
        except (OSError, asyncio.CancelledError):
            with contextlib.suppress(OSError):
                accepted.close()


async def _first_byte(loop: asyncio.AbstractEventLoop, accepted: socket.socket) -> bytes:
    """What a connection begins with; it stays to be read. Raises OSError."""
    readable = loop.create_future()

    def look() -> None:
        if not readable.done():
            readable.set_result(None)

    loop.add_reader(accepted, look)
    try:
        await readable
    finally:
        loop.remove_reader(accepted)
    return accepted.recv(1, socket.MSG_PEEK)
