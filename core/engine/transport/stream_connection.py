"""One connection: bytes come in and become messages, frames go out, and it ends in an orderly way.

It is flushed first (at most `flush`), then what still comes is read and discarded for a moment (at most `linger`), so
that the peer hears what was said last; a peer that vanishes or is too slow ends it at once. The states and what leads
from one to the next are in `stream_states`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass
from typing import Final, cast

from core.admission.shares import share_of
from core.engine.sockets.interfaces import endpoint
from core.engine.transport.connection_host import ConnectionHost
from core.engine.transport.outbox import Outbox
from core.engine.transport.stream_states import TRANSITIONS, StreamOutcome, StreamState
from core.engine.transport.tcp import set_tcp_options, unacknowledged, untie
from core.node.interface.events import Origin
from core.wire.address import Address
from core.wire.codec import MalformedLine, decode
from core.wire.framing import LineSplitter, LineTooLong
from core.wire.state_machine import state_after

READ_BYTES: Final = 64 * 1024
"""Most that is read from one connection at a time: a few hundred messages, so that no peer has the loop for long."""

LOOKS_AT_TIME: Final = 16
"""Messages between two looks at the time."""
LOCAL_PEER: Final = Address("local", 0)


@dataclass(frozen=True, slots=True)
class ConnectionTraffic:
    """What went over one connection, and what waits to be taken by its peer."""

    bytes_in: int
    bytes_out: int
    messages_in: int
    messages_out: int
    queued_bytes: int


class StreamConnection(asyncio.BufferedProtocol):
    """The protocol of one socket. `conn` is its number for the node."""

    __slots__ = (
        "_bytes_in",
        "_held",
        "_host",
        "_late",
        "_messages_in",
        "_overlong",
        "_pause",
        "_peer_ended",
        "_reading",
        "_reason",
        "_reported",
        "_socket",
        "_splitter",
        "_state",
        "_stopped",
        "_timer",
        "_transport",
        "_waiting",
        "admitted",
        "at",
        "conn",
        "dial",
        "line_limit",
        "named",
        "origin",
        "outbox",
        "peer",
        "refused",
        "share",
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
        self.trusted = False
        self.named = False
        """Whether somebody is logged in there with an account."""
        self.admitted = False
        """It had a place before there was anything to serve it with."""
        self.refused = False
        """There was no room for it."""
        self.line_limit = host.limits.client_line_bytes
        # The larger limit holds for the splitter: whether a line may be that long is only known when all lines before
        # it have been handled, because one of them may be what makes the peer trusted.
        self._splitter = LineSplitter(max(host.limits.server_line_bytes, self.line_limit))
        self._waiting: list[bytes] = []
        self._bytes_in = 0
        self._messages_in = 0
        self._held = False
        self._late = False
        """Whether it waits for a pass of the loop that has time for it."""
        self._pause: asyncio.TimerHandle | None = None
        self._reading = True
        self._overlong = False
        self._stopped = False
        self._state = StreamState.NEW
        self._peer_ended = False
        self._reported = False
        self._reason = ""
        self._socket: socket.socket | None = None
        self.unsent = 0
        """At its end: bytes for the peer that it had not confirmed."""
        self._timer: asyncio.TimerHandle | None = None

    # --- the transport's side -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)
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
                self.at = endpoint(transport.get_extra_info("sockname"))
                self.share = share_of(self.peer.host)
        if not self._host.opened(self):
            self._reported = True
        elif self._blocked:
            # uvloop starts to read after this method, even if this method has paused it.
            self._host.loop.call_soon(self._pause_again)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._host.read_buffer()

    def buffer_updated(self, nbytes: int) -> None:
        self._bytes_in += nbytes
        if self._stopped or self._overlong:
            return
        try:
            lines = self._splitter.feed(bytes(self._host.read_buffer()[:nbytes]))
        except LineTooLong as error:
            lines = error.lines
            self._overlong = True
        self._hand_in(lines)
        self._note_unfinished()

    def eof_received(self) -> bool:
        self._peer_ended = True
        if self._state is StreamState.LINGERING:
            return False
        if not self._host.has_time():
            self._wait_for_time()
        else:
            self._end()
        # True keeps the writing half open; a TLS transport has none.
        return self._transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._state.connected:
            return
        self.unsent = self._unconfirmed()
        self._enter(StreamOutcome.LOST)
        self._peer_ended = True
        self._cancel_timer()
        self._host.waiting(self, False)
        self._host.output.forget(self.outbox)
        self._host.gone(self)
        untie(self._transport)
        if not self._reason:
            self._reason = (
                f"connection lost: {exc.strerror or exc}" if isinstance(exc, OSError) else "closed by the peer"
            )
        if self._waiting and not self._stopped:
            self._timer = self._host.loop.call_later(self._host.limits.held, self._report)
        if not self._host.has_time():
            self._wait_for_time()
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
            bytes_in=self._bytes_in,
            bytes_out=self.outbox.accepted_bytes - waiting,
            messages_in=self._messages_in,
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
        self.line_limit = self._host.limits.server_line_bytes
        self.outbox.bytes_max = self._host.limits.server_queue_bytes
        self.adjust_reading()

    def hold(self, held: bool) -> None:
        """Stop taking anything from the peer, or go on."""
        if held != self._held:
            self._held = held
            self.adjust_reading()

    def go_on(self) -> None:
        """This pass of the loop has time for it."""
        self._late = False
        if not self._state.connected or self._peer_ended:
            self._end()
        else:
            self._go_on()
        if not self._late:
            self.adjust_reading()

    def pause(self, seconds: float) -> None:
        """Take nothing from the peer for some seconds from now on; a pause that is longer already goes on."""
        until = self._host.loop.time() + seconds
        if not self._state.connected or (self._pause is not None and self._pause.when() >= until):
            return
        if self._pause is not None:
            self._pause.cancel()
        self._pause = self._host.loop.call_at(until, self._pause_over)
        self.adjust_reading()

    def _pause_over(self) -> None:
        self._pause = None
        self.adjust_reading()

    def adjust_reading(self) -> None:
        """Read if what is read can be handed in."""
        wanted = self._stopped or not self._blocked
        if wanted == self._reading:
            return
        self._reading = wanted
        if self._state.connected and not self._peer_ended:
            # A transport that is closing refuses both.
            with contextlib.suppress(RuntimeError):
                if wanted:
                    self._transport.resume_reading()
                else:
                    self._transport.pause_reading()
        if wanted and not self._stopped:
            # Not at once: whoever releases a connection is in the midst of carrying out actions.
            self._host.loop.call_soon(self._go_on)

    def close(self, reason: str) -> None:
        """Flush what was sent, tell the peer that this was all, listen for a moment longer, and close."""
        if self._state.closed:
            return
        self._enter(StreamOutcome.CLOSED)
        self._host.leaving(self)
        self._reason = self._reason or reason
        self._stop()
        if not self._state.connected:
            self._report()
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
            self.abort(f"too slow: nothing was taken for {limit:g} s")

    # --- the outbox's side ----------------------------------------------------------------------------------------

    def cut_line(self) -> None:
        """There is no memory left for lines that do not end."""
        self._malformed("the line does not end, and all of them together have become too much for this server")

    def flushed(self) -> None:
        if self._state is not StreamState.CLOSING:
            return
        self._cancel_timer()
        if self._peer_ended or not self._transport.can_write_eof():
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

    @property
    def _blocked(self) -> bool:
        held = self._held or self._late or self._pause is not None
        return held or self._host.congestion > self.trusted

    def _pause_again(self) -> None:
        self._reading = True
        self.adjust_reading()

    def _hand_in(self, lines: list[bytes]) -> None:
        """Hand in lines; what cannot be taken now waits. Nobody reads meanwhile, so at most one read's lines do."""
        if self._waiting:
            self._waiting.extend(lines)
            return
        host = self._host
        now = host.now()
        for position, line in enumerate(lines):
            if self._stopped:
                return
            if position % LOOKS_AT_TIME == 0 and not (self._late or self._goes_first) and not host.has_time():
                self._wait_for_time()
            # As `_blocked` says it, but each line comes by here.
            if self._held or self._late or self._pause is not None or host.congestion > self.trusted:
                self._waiting.extend(lines[position:])
                self.adjust_reading()
                return
            if len(line) > self.line_limit:
                self._too_long()
                return
            try:
                message = decode(line)
            except MalformedLine as error:
                self._malformed(str(error))
                return
            self._messages_in += 1
            host.received(self, message, now)
        if self._stopped or self._blocked:
            return
        if self._overlong or self._splitter.pending_bytes > self.line_limit:
            self._too_long()
        elif self._peer_ended:
            self._report()

    @property
    def _goes_first(self) -> bool:
        """Servers and people at this machine are few, and do not wait for what strangers do."""
        return self.trusted or self.origin == "local"

    def _wait_for_time(self) -> None:
        """Go on in a later pass of the loop: many others have done something as well."""
        if not self._late:
            self._late = True
            self._host.later(self)

    def _end(self) -> None:
        """The peer says nothing more: hand in what waits, then report that."""
        if (self._stopped and not self._state.closed) or (
            not self._state.connected and not (self._waiting and not self._stopped)
        ):
            self._report()
        else:
            self._go_on()

    def _note_unfinished(self) -> None:
        if self._state.connected:
            self._host.unfinished(self, 0 if self._stopped or self.trusted else self._splitter.pending_bytes)

    def _go_on(self) -> None:
        """Hand in what waits, if that is possible again; then the end, if it has come."""
        if self._stopped or self._blocked:
            return
        lines = list(self._waiting)
        self._waiting.clear()
        self._hand_in(lines)

    def _too_long(self) -> None:
        self._malformed(f"a line is longer than {self.line_limit} bytes")

    def _malformed(self, info: str) -> None:
        self._stop()
        self._host.malformed(self, info)

    def _stop(self) -> None:
        """Nothing more is handed in; what still arrives is discarded."""
        self._stopped = True
        self._waiting.clear()
        self._splitter.clear()
        if self._state.connected:
            self.adjust_reading()

    def _report(self) -> None:
        """Nothing more will come of the connection."""
        self._cancel_timer()
        if not self._reported:
            self._reported = True
            if self._state.connected:
                self.unsent = self._unconfirmed()
            self._host.closed(self, self._reason or "closed by the peer")
        self._reason = self._reason or "closed by the peer"
        self._stopped = True
        self._waiting.clear()
        self._splitter.clear()
        if self._state.connected:
            self.close(self._reason)
        else:
            self.outbox.let_go()

    def _unconfirmed(self) -> int:
        """Bytes for the peer that still wait here or in the kernel; the kernel's are those that no ACK has covered."""
        waiting = self._host.output.unwritten(self.outbox)
        # A TLS transport that has lost its connection cannot say.
        with contextlib.suppress(AttributeError):
            waiting += self.outbox.waiting_bytes
        if self._socket is not None:
            waiting += unacknowledged(self._socket)
        return waiting

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
