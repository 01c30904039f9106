"""Where connections wait that have not said a word, so that they cost next to nothing.

A connection costs nobody who opens it anything. What serves one (protocol, transport, queues, timers, the node's view
of it) is 2 kB in a dozen objects; made for ten thousand that stay silent, in the midst of what everybody else does,
they leave the interpreter's memory in pieces, held by the few objects between them that live on. So nothing of that is
made before the first byte is there, as with the accept filter accf_data(9).

The first byte also tells who encrypts. Agreeing on keys takes memory and processor time, so there are never many who
do; of those that take too long the oldest goes of the address that has most. They keep their places meanwhile, and are
strangers as all others.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

from core.engine.arrivals.caller import HANDSHAKE, Caller
from core.engine.arrivals.share_table import ShareTable
from core.wire.codec import encode
from core.wire.messages import InvalidMessage

AT_ONCE: Final = 8
"""Callers who have said something, or hung up, that are looked at before the loop does something else."""
OVERDUE_AT_ONCE: Final = 50
"""Callers who are sent away in a pass of the loop because they have said nothing for too long."""
AGREEING_MAX: Final = 500
"""Connections that are being encrypted at a time. Whoever means it takes milliseconds."""
_NO_ROOM_FOR_KEYS: Final = b"\x15\x03\x03\x00\x02\x02\x50"
"""A fatal alert, internal_error (RFC 8446, section 6): what those understand who encrypt."""


class LobbyHost(Protocol):
    """What the lobby needs of the engine around it."""

    def welcome(self, caller: Caller) -> bool:
        """Whether there is room for one more."""

    def left(self, caller: Caller) -> None:
        """It is not in the lobby any more: served, sent away, or it hung up."""

    def nothing_said(self, shares: Counter[str], seconds: float) -> None:
        """So many of each address were sent away."""


class Lobby:
    """Holds callers until they say something, for `limit` seconds at most, and those that encrypt until they do."""

    def __init__(self, loop: asyncio.AbstractEventLoop, host: LobbyHost, limit: float) -> None:
        self._loop = loop
        self._host = host
        self._limit = limit
        self._callers: OrderedDict[int, Caller] = OrderedDict()
        """By descriptor, the one that has waited for longest at the front."""
        self._agreeing: ShareTable[Caller] = ShareTable()
        self._timer: asyncio.TimerHandle | None = None
        # One descriptor of the loop's stands for all of them: the loop keeps several objects for each that it watches.
        self._epoll = select.epoll()
        loop.add_reader(self._epoll.fileno(), self._look)

    @staticmethod
    def possible() -> bool:
        """Whether this system has what it takes."""
        return hasattr(select, "epoll")

    def __len__(self) -> int:
        return len(self._callers)

    @property
    def agreeing(self) -> int:
        """Connections that are being encrypted."""
        return len(self._agreeing)

    def enter(self, accepted: socket.socket, host: str, begin: Callable[[Caller, bool], None]) -> None:
        """Take a connection in, from `host`; `begin` is called with it when something has come over it, and with
        whether it is to be encrypted. Then `agreed` is to be called, whatever comes of it."""
        caller = Caller(accepted, host, self._loop.time(), begin)
        if self._epoll.closed or not self._host.welcome(caller):
            _say_and_close(caller, "this server has no room for more connections, try again later")
            return
        descriptor = accepted.fileno()
        self._epoll.register(descriptor, select.EPOLLIN | select.EPOLLRDHUP)
        self._callers[descriptor] = caller
        if self._timer is None:
            self._timer = self._loop.call_later(self._limit, self._send_away)

    def agreed(self, caller: Caller) -> None:
        """There are keys for a connection, or there will be none."""
        if caller in self._agreeing:
            self._agreeing.discard(caller)
            self._host.left(caller)

    def dismiss(self, caller: Caller, reason: str) -> None:
        """Send a caller away."""
        if caller in self._agreeing:
            self.agreed(caller)
            if caller.give_up is not None:
                caller.give_up()
            return
        self._leave(caller)
        self._host.left(caller)
        _say_and_close(caller, reason)

    def close(self) -> None:
        """Nobody waits any more."""
        if self._epoll.closed:
            return
        self._loop.remove_reader(self._epoll.fileno())
        if self._timer is not None:
            self._timer.cancel()
        for caller in list(self._callers.values()):
            self._leave(caller)
            self._host.left(caller)
            caller.socket.close()
        self._epoll.close()

    def _look(self) -> None:
        for descriptor, _ in self._epoll.poll(0, AT_ONCE):
            caller = self._callers.get(descriptor)
            if caller is None:
                # Its turn was in this pass, and it has lost its place to another one.
                continue
            try:
                said = caller.socket.recv(1, socket.MSG_PEEK)
            except (BlockingIOError, InterruptedError):
                continue
            except OSError:
                said = b""
            self._leave(caller)
            if said == HANDSHAKE:
                self._agree(caller)
                continue
            self._host.left(caller)
            if said:
                caller.begin(encrypted=False)
            else:
                caller.socket.close()

    def _agree(self, caller: Caller) -> None:
        self._agreeing.add(caller)
        caller.begin(encrypted=True)
        if len(self._agreeing) > AGREEING_MAX:
            slow = self._agreeing.oldest_of_heaviest()
            assert slow is not None, "there are many"
            self.dismiss(slow, "")

    def _send_away(self) -> None:
        self._timer = None
        now = self._loop.time()
        sent_away: Counter[str] = Counter()
        while self._callers:
            oldest = next(iter(self._callers.values()))
            due = oldest.since + self._limit
            if due > now or sent_away.total() >= OVERDUE_AT_ONCE:
                self._timer = self._loop.call_at(due, self._send_away)
                break
            sent_away[oldest.share] += 1
            self.dismiss(oldest, f"nothing valid was said within {self._limit:g} seconds")
        if sent_away:
            self._host.nothing_said(sent_away, self._limit)

    def _leave(self, caller: Caller) -> None:
        descriptor = caller.socket.fileno()
        self._epoll.unregister(descriptor)
        del self._callers[descriptor]
        if not self._callers:
            # A table that has grown does not shrink.
            self._callers = OrderedDict()


def _say_and_close(caller: Caller, reason: str) -> None:
    """Say why it is sent away, so that it understands: it may have said something meanwhile."""
    with contextlib.suppress(OSError):
        try:
            encrypts = caller.socket.recv(1, socket.MSG_PEEK) == HANDSHAKE
        except BlockingIOError:
            encrypts = False
        # Nothing was sent to it before, so the kernel takes this, or the connection is gone.
        caller.socket.send(_NO_ROOM_FOR_KEYS if encrypts else encode(InvalidMessage(reason)))
    caller.socket.close()
