"""One connection: bytes come in and become messages, frames go out, and it ends in an orderly way.

It is flushed first (at most `flush`), then what still comes is read and discarded for a moment (at most `linger`), so
that the peer hears what was said last; a peer that vanishes or is too slow ends it at once. The states and what leads
from one to the next are in `stream_states`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
from typing import Final, cast

import msgspec

from core.admission.shares import share_of
from core.certificates.leaf import NotALeaf, ShownLeaf, read_leaf
from core.engine.sockets.interfaces import endpoint
from core.engine.transport.connection_host import ConnectionHost
from core.engine.transport.line_intake import LineIntake
from core.engine.transport.outbox import Outbox
from core.engine.transport.stream_states import TRANSITIONS, StreamOutcome, StreamState
from core.engine.transport.tcp import set_tcp_options, unacknowledged, untie
from core.node.interface.events import NOTHING_TAKEN, Origin
from core.wire.address import Address
from core.wire.state_machine import state_after

READ_BYTES: Final = 64 * 1024
"""Most that is read from one connection at a time: a few hundred messages, so that no peer has the loop for long."""

LOCAL_PEER: Final = Address("local", 0)


@functools.lru_cache(maxsize=16)
def _shared(address: Address) -> Address:
    """This end's address: one object for all whom others have opened to it."""
    return address


class ConnectionTraffic(msgspec.Struct, frozen=True):
    """What went over one connection, and what waits to be taken by its peer."""

    bytes_in: int
    bytes_out: int
    messages_in: int
    messages_out: int
    queued_bytes: int


class StreamConnection(asyncio.BufferedProtocol):
    """The protocol of one socket. `conn` is its number for the node."""

    __slots__ = (
        "_host",
        "_intake",
        "_reading",
        "_reason",
        "_reported",
        "_socket",
        "_state",
        "_timer",
        "_transport",
        "admitted",
        "at",
        "conn",
        "dial",
        "encrypted",
        "named",
        "origin",
        "outbox",
        "peer",
        "peer_ended",
        "refused",
        "share",
        "shown",
        "trusted",
        "unsent",
        "vouched",
    )

    _transport: asyncio.Transport
    outbox: Outbox

    def __init__(
        self, host: ConnectionHost, conn: int, origin: Origin, dial: int | None = None, vouched: str | None = None
    ) -> None:
        self._host = host
        self.conn = conn
        self.origin: Origin = origin
        self.dial = dial
        self.vouched = vouched
        self.peer = LOCAL_PEER
        self.share = LOCAL_PEER.host
        """Whom its limits are shared with: everybody at its address."""
        self.at: Address | None = None
        self.encrypted = False
        self.shown: ShownLeaf | None = None
        """What its peer has proved to be."""
        self.trusted = False
        self.named = False
        """Whether somebody is logged in there with an account."""
        self.admitted = False
        """It had a place before there was anything to serve it with."""
        self.refused = False
        """There was no room for it."""
        self._intake = LineIntake(host)
        self._reading = True
        self._state = StreamState.NEW
        self.peer_ended = False
        self._reported = False
        self._reason = ""
        self._socket: socket.socket | None = None
        self.unsent = 0
        """At its end: bytes for the peer that it had not confirmed."""
        self._timer: asyncio.TimerHandle | None = None

    # --- the transport's side -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)
        self._look_at_leaf(transport)
        self._enter(StreamOutcome.CONNECTED)
        self.outbox = Outbox(self, transport, self._host.limits.client_queue_bytes)
        # Above a single byte everything waits in the outbox, where it is shared, counted and timed. (With 0 asyncio's
        # TLS transport would pause without ever resuming.)
        transport.set_write_buffer_limits(high=1 if transport.get_extra_info("sslcontext") else 0)
        plain_socket = self._socket = transport.get_extra_info("socket")
        if plain_socket is not None and plain_socket.family in (socket.AF_INET, socket.AF_INET6):
            set_tcp_options(plain_socket)
            with contextlib.suppress(TypeError, IndexError):
                self.peer = endpoint(transport.get_extra_info("peername"))
                self.at = _shared(endpoint(transport.get_extra_info("sockname")))
                self.share = share_of(self.peer.host)
        if not self._host.opened(self):
            self._reported = True
        elif self._intake.blocked(self):
            # uvloop starts to read after this method, even if this method has paused it.
            self._host.loop.call_soon(self._pause_again)

    def _look_at_leaf(self, transport: asyncio.Transport) -> None:
        """Learn who the peer has proved to be. Raises ConnectionError when that is nobody of ours."""
        encrypted = transport.get_extra_info("ssl_object")
        if encrypted is None:
            return
        self.encrypted = True
        certificate = encrypted.getpeercert(True)
        if certificate is not None:
            try:
                self.shown = read_leaf(certificate)
            except NotALeaf as error:
                transport.abort()
                raise ConnectionAbortedError(f"the certificate that was shown is not known: {error}") from None

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._host.read_buffer()

    def buffer_updated(self, nbytes: int) -> None:
        self._intake.feed(self, nbytes)

    def eof_received(self) -> bool:
        self.peer_ended = True
        if self._state is StreamState.LINGERING:
            return False
        if not self._host.has_time():
            self._intake.wait_for_time(self)
        else:
            self._end()
        # True keeps the writing half open; asyncio's TLS transport has none.
        return self._transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._state.connected:
            return
        self.unsent = self._unconfirmed()
        self._enter(StreamOutcome.LOST)
        self.peer_ended = True
        self._cancel_timer()
        self._host.waiting(self, False)
        self._host.output.forget(self.outbox)
        self._host.gone(self)
        untie(self._transport)
        if not self._reason:
            self._reason = (
                f"connection lost: {exc.strerror or exc}" if isinstance(exc, OSError) else "closed by the peer"
            )
        if self._intake.waiting and not self._intake.stopped:
            self._timer = self._host.loop.call_later(self._host.limits.held, self.report)
        if not self._host.has_time():
            self._intake.wait_for_time(self)
        else:
            self._end()

    def pause_writing(self) -> None:
        self.outbox.choke()
        self._host.waiting(self, True)

    def resume_writing(self) -> None:
        self.outbox.release()
        if not self.outbox.waits:
            self._host.waiting(self, False)

    def _enter(self, outcome: StreamOutcome) -> None:
        """Go on to the state that an outcome leads to: the only way in which the state changes."""
        self._state = state_after(TRANSITIONS, self._state, outcome)

    # --- the engine's side ----------------------------------------------------------------------------------------

    @property
    def traffic(self) -> ConnectionTraffic:
        waiting = self.outbox.waiting_bytes if self._state.connected else 0
        return ConnectionTraffic(
            bytes_in=self._intake.bytes_read,
            bytes_out=self.outbox.accepted_bytes - waiting,
            messages_in=self._intake.messages_read,
            messages_out=self.outbox.messages,
            queued_bytes=waiting,
        )

    @property
    def closing(self) -> bool:
        """Whether nothing more can be sent to it."""
        return self._state is not StreamState.OPEN

    def trust(self) -> None:
        """The larger limits apply from here on."""
        self.trusted = True
        self._intake.line_limit = self._host.limits.server_line_bytes
        self.outbox.bytes_max = self._host.limits.server_queue_bytes
        self.adjust_reading()

    def hold(self, held: bool) -> None:
        """Stop taking anything from the peer, or go on."""
        self._intake.hold(self, held)

    def pause(self, seconds: float) -> None:
        """Take nothing from the peer for some seconds from now on; a pause that is longer already goes on."""
        if self._state.connected:
            self._intake.pause(self, seconds)

    @property
    def connected(self) -> bool:
        """Whether there is a socket."""
        return self._state.connected

    def go_on(self) -> None:
        """This pass of the loop has time for it."""
        self._intake.late = False
        if not self._state.connected or self.peer_ended:
            self._end()
        else:
            self._intake.go_on(self)
        if not self._intake.late:
            self.adjust_reading()

    def adjust_reading(self) -> None:
        """Read if what is read can be handed in."""
        wanted = self._intake.stopped or not self._intake.blocked(self)
        if wanted == self._reading:
            return
        self._reading = wanted
        if self._state.connected and not self.peer_ended:
            # A transport that is closing refuses both.
            with contextlib.suppress(RuntimeError):
                if wanted:
                    self._transport.resume_reading()
                else:
                    self._transport.pause_reading()
        if wanted and not self._intake.stopped:
            # Not at once: whoever releases a connection is in the midst of carrying out actions.
            self._host.loop.call_soon(self._intake.go_on, self)

    def close(self, reason: str) -> None:
        """Flush what was sent, tell the peer that this was all, listen for a moment longer, and close."""
        if self._state.closed:
            return
        self._enter(StreamOutcome.CLOSED)
        self._host.leaving(self)
        self._reason = self._reason or reason
        self._stop()
        if not self._state.connected:
            self.report()
            return
        self._cancel_timer()
        self._timer = self._host.loop.call_later(self._host.limits.flush, self.abort, "")
        self._host.output.finish(self.outbox)

    def abort(self, reason: str) -> None:
        """Cut the connection at once."""
        self._reason = self._reason or reason
        self._stop()
        if self._state.connected:
            self._transport.abort()

    def abandon(self) -> None:
        """Whoever made the connection was cancelled: uvloop then closes the socket without `connection_lost`."""
        self.connection_lost(None)

    def check_progress(self, now: float) -> None:
        """Cut the connection if its peer has not taken anything for too long."""
        limit = self._host.limits.stall
        if self.outbox.stalled_since(now) + limit <= now:
            self.abort(f"{NOTHING_TAKEN} for {limit:g} s")

    # --- the outbox's side ----------------------------------------------------------------------------------------

    def cut_line(self) -> None:
        """There is no memory left for lines that do not end."""
        self.malformed("the line does not end, and all of them together have become too much for this server")

    def flushed(self) -> None:
        if self._state is not StreamState.CLOSING:
            return
        self._cancel_timer()
        if self.peer_ended or not self._transport.can_write_eof():
            self._transport.close()
            return
        try:
            self._transport.write_eof()
        except (OSError, RuntimeError):
            self._transport.abort()
            return
        self._enter(StreamOutcome.FLUSHED)
        self._timer = self._host.loop.call_later(self._host.limits.linger, self._transport.close)

    def too_slow(self, reason: str) -> None:
        self.abort(reason)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _pause_again(self) -> None:
        self._reading = True
        self.adjust_reading()

    def _end(self) -> None:
        """The peer says nothing more: hand in what waits, then report that."""
        if (self._intake.stopped and not self._state.closed) or (
            not self._state.connected and not (self._intake.waiting and not self._intake.stopped)
        ):
            self.report()
        else:
            self._intake.go_on(self)

    def malformed(self, info: str) -> None:
        self._stop()
        self._host.malformed(self, info)

    def _stop(self) -> None:
        """Nothing more is handed in; what still arrives is discarded."""
        self._intake.stop()
        if self._state.connected:
            self.adjust_reading()

    def report(self) -> None:
        """Nothing more will come of the connection."""
        self._cancel_timer()
        if not self._reported:
            self._reported = True
            if self._state.connected:
                self.unsent = self._unconfirmed()
            self._host.closed(self, self._reason or "closed by the peer")
        self._reason = self._reason or "closed by the peer"
        self._intake.stop()
        if self._state.connected:
            self.close(self._reason)
        else:
            self.outbox.let_go()

    def _unconfirmed(self) -> int:
        """Bytes for the peer that still wait here or in the kernel; the kernel's are those that no ACK has covered."""
        waiting = self._host.output.unwritten(self.outbox)
        # asyncio's TLS transport cannot say when it has lost its connection.
        with contextlib.suppress(AttributeError):
            waiting += self.outbox.waiting_bytes
        if self._socket is not None:
            waiting += unacknowledged(self._socket)
        return waiting

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
