"""All connections of one server: what becomes of each, and what is to be sent to them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from core.engine.arrivals.banned_hosts import BannedHosts
from core.engine.arrivals.caller import Caller
from core.engine.arrivals.connection_places import ConnectionPlaces
from core.engine.arrivals.flood_notices import FloodNotices
from core.engine.arrivals.lobby import Lobby
from core.engine.arrivals.strangers import Stranger
from core.engine.arrivals.unfinished import Unfinished
from core.engine.driving.turns import Turns
from core.engine.engine_settings import ConnectionLimits
from core.engine.transport.output import Output
from core.engine.transport.plain_transport import Poller
from core.engine.transport.readers import Readers
from core.engine.transport.stream_connection import READ_BYTES, StreamConnection
from core.engine.upkeep.heap import HeapTrimmer
from core.engine.upkeep.queues import outbox_queues
from core.node.interface.actions import (
    Broadcast,
    BroadcastAll,
    Close,
    Hold,
    Known,
    Pause,
    Send,
    SendAll,
    Subscribe,
    Trust,
    Unsubscribe,
)
from core.node.interface.events import (
    ConnectionClosed,
    ConnectionOpened,
    Event,
    MalformedReceived,
    MessageReceived,
    Now,
    PostsReceived,
)
from core.node.interface.notices import Notice
from core.wire.codec import encode
from core.wire.messages import ActivityMessage, InvalidMessage, Message

REFUSED_MAX: Final = 100
"""Connections above the limit that are told so at a time; more are just cut."""
PROGRESS_CHECKS: Final = 10
"""How often within the stall limit a connection that does not take its output is looked at."""


class ConnectionTable:
    """The host of all connections, and of the lobby. `handle` hands the node an event, `now` tells the time for it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limits: ConnectionLimits,
        handle: Callable[[Event, Now], None],
        now: Callable[[], Now],
        *,
        on_notice: Callable[[Notice], None],
    ) -> None:
        self.loop = loop
        self.limits = limits
        self.output = Output(loop)
        self.congestion = 0
        self.running = False
        """Whether there is a node that hears of connections."""
        self.by_number: dict[int, StreamConnection] = {}
        """Those that the node knows."""
        self.open: set[StreamConnection] = set()
        """All with an open socket: some of them the node does not know any more, or never has."""
        self.refused = 0
        """Open ones for which there was no room."""
        self.lobby: Lobby | None = None
        self.banned = BannedHosts()
        self.memory = HeapTrimmer(loop)
        self.unfinished_lines: Unfinished[StreamConnection] = Unfinished(limits.unfinished_bytes)
        self.on_ended: Callable[[int], None] = lambda conn: None
        """Called with the number of a connection of which nothing more comes."""
        self.on_taken: Callable[[StreamConnection], None] = lambda connection: None
        """Called with a connection that has taken what was sent to it, or has ended."""
        self._handle = handle
        self._floods = FloodNotices(loop, on_notice)
        # Told apart: whoever looks every minute whether the port is open would keep every flood from being told.
        self._silences = FloodNotices(loop, on_notice, "refused")
        self.places = ConnectionPlaces(limits.connections, self._floods, taken=self._taken, refuse=self._refuse)
        self.strangers = self.places.strangers
        self._leaving = self.places.leaving
        self._turns = Turns(loop, self.strangers)
        # Asked for each piece that is read: without a step in between.
        self.now = now
        self.has_time = self._turns.has_time
        self.has_turn = self._turns.has_turn
        self.later = self._turns.later
        self._slow: dict[StreamConnection, None] = {}
        """Those that do not take their output."""
        self._readers = Readers(self._slow, self.output)
        self._progress_handle: asyncio.TimerHandle | None = None
        self._all_gone = asyncio.Event()
        self._all_gone.set()
        self._poller: Poller | None = None
        self._buffer = memoryview(bytearray(READ_BYTES))

    # --- for the runtime ------------------------------------------------------------------------------------------

    def open_lobby(self, limit: float) -> Lobby | None:
        """Where connections wait until something is said, for so many seconds; None where the system has no means."""
        if Lobby.possible():
            self.lobby = Lobby(self.loop, self, limit)
        return self.lobby

    @property
    def poller(self) -> Poller | None:
        """What serves connections that others open, and all that are encrypted; None where the system has no means, and
        the event loop does."""
        if self._poller is None and Poller.possible():
            self._poller = Poller(self.loop)
        return self._poller

    def queues(self) -> dict[str, int]:
        """How much waits for connections, and which of them wait for something."""
        return {
            **outbox_queues(self.open),
            "connections waiting for a pass of the loop": len(self._turns),
            "connections that have said nothing": len(self.lobby) if self.lobby is not None else 0,
            "connections being encrypted": self.lobby.agreeing if self.lobby is not None else 0,
            "connections being closed": len(self._leaving),
        }

    def follow_disk(self, waiting: int) -> None:
        """Read less when so many bytes wait for the disk, and again when it has caught up by half."""
        limit = self.limits.unwritten_bytes
        level = 2 if waiting > 2 * limit else 1 if waiting > limit else 0
        if level < self.congestion and waiting > limit * (1 if self.congestion == 2 else 0.5):
            return
        if level != self.congestion:
            self.congestion = level
            for connection in self.by_number.values():
                connection.adjust_reading()

    def close_arrivals(self) -> None:
        """Nobody waits any more, nobody is looked at."""
        self.memory.close()
        if self.lobby is not None:
            self.lobby.close()
        if self._progress_handle is not None:
            self._progress_handle.cancel()

    async def aclose(self, reason: str, *, at_once: bool) -> None:
        """End all connections; `at_once`: without flushing. Bounded by the flush and linger limits."""
        self.output.flush()
        for connection in list(self.open):
            if at_once:
                connection.abort(reason)
            else:
                connection.close(reason)
        self.output.close()
        try:
            async with asyncio.timeout(self.limits.flush + self.limits.linger + 1.0):
                await self._all_gone.wait()
        except TimeoutError:
            for connection in list(self.open):
                connection.abort(reason)
            await self._all_gone.wait()
        if self._poller is not None:
            self._poller.close()

    # --- what the node wants done ---------------------------------------------------------------------------------

    def send(self, action: Send) -> None:
        connection = self.by_number.get(action.conn)
        if connection is not None and not connection.closing:
            self.output.send(connection.outbox, action.frame.data)

    def send_all(self, action: SendAll) -> None:
        connection = self.by_number.get(action.conn)
        if connection is not None and not connection.closing:
            for frame in action.frames:
                self.output.send(connection.outbox, frame.data)

    def broadcast(self, action: Broadcast) -> None:
        self.output.broadcast(action.frame)

    def broadcast_all(self, action: BroadcastAll) -> None:
        self.output.broadcast_all(action.frames)

    def subscribe(self, action: Subscribe) -> None:
        connection = self.by_number.get(action.conn)
        if connection is not None and not connection.closing:
            stranger = connection.origin == "inbound" and not connection.named and not connection.trusted
            self.output.subscribe(connection.outbox, connection.share if stranger else None, base=action.base)

    def unsubscribe(self, action: Unsubscribe) -> None:
        connection = self.by_number.get(action.conn)
        if connection is not None:
            self.output.unsubscribe(connection.outbox)

    def close(self, action: Close) -> None:
        connection = self.by_number.get(action.conn)
        if connection is not None:
            connection.close(action.reason)

    def hold(self, action: Hold) -> None:
        connection = self.by_number.get(action.conn)
        if connection is not None:
            connection.hold(action.held)

    def pause(self, action: Pause) -> None:
        connection = self.by_number.get(action.conn)
        if connection is not None:
            connection.pause(action.seconds)

    def trust(self, action: Trust) -> None:
        connection = self.by_number.get(action.conn)
        if connection is not None:
            connection.trust()
            self.strangers.discard(connection)
            self.unfinished_lines.note(connection, 0)

    def known(self, action: Known) -> None:
        connection = self.by_number.get(action.conn)
        if connection is not None:
            connection.named = action.named
            self.strangers.discard(connection)
            if action.named:
                self.output.bring_forward(connection.outbox)

    # --- for connections ------------------------------------------------------------------------------------------

    def read_buffer(self) -> memoryview:
        return self._buffer

    def opened(self, connection: StreamConnection) -> bool:
        if not self.running:
            connection.abort("the server is not running")
            return False
        if connection.admitted:
            self.strangers.add(connection)
        elif connection.origin == "inbound" and not self.places.has_room(connection):
            self._refuse(connection)
            return False
        self._track(connection)
        self.by_number[connection.conn] = connection
        self._deliver(
            ConnectionOpened(
                connection.conn,
                connection.origin,
                connection.peer,
                connection.dial,
                connection.vouched,
                connection.at,
                connection.shown,
                connection.encrypted,
            )
        )
        return True

    def received(self, connection: StreamConnection, message: Message, now: Now) -> None:
        self._handle(MessageReceived(connection.conn, message), now)
        if self._slow and type(message) is ActivityMessage:
            self._hold_up(connection, now, 1)

    def received_posts(self, connection: StreamConnection, messages: Sequence[ActivityMessage], now: Now) -> None:
        self._handle(PostsReceived(connection.conn, messages), now)
        if self._slow:
            self._hold_up(connection, now, len(messages))

    def _hold_up(self, connection: StreamConnection, now: Now, activities: int) -> None:
        """Read a writer more slowly, if that is asked of it for those who cannot follow."""
        if connection.origin == "inbound":
            pause = self._readers.pause_of_a_writer(now.monotonic, activities)
            if pause:
                connection.pause(pause)

    def malformed(self, connection: StreamConnection, info: str) -> None:
        self._deliver(MalformedReceived(connection.conn, info))

    def closed(self, connection: StreamConnection, reason: str) -> None:
        self.by_number.pop(connection.conn, None)
        self.on_taken(connection)
        self._deliver(ConnectionClosed(connection.conn, reason, connection.unsent))
        self.on_ended(connection.conn)

    def leaving(self, connection: StreamConnection) -> None:
        self.strangers.discard(connection)
        self.unfinished_lines.note(connection, 0)
        if connection in self.open and not connection.refused:
            self._leaving[connection] = None

    def gone(self, connection: StreamConnection) -> None:
        if connection.refused:
            self.refused -= 1
        self.unfinished_lines.note(connection, 0)
        self.strangers.discard(connection)
        self._leaving.pop(connection, None)
        self.open.discard(connection)
        self.memory.ended(len(self.open))
        if not self.open:
            self._all_gone.set()

    def unfinished(self, connection: StreamConnection, size: int) -> None:
        if self.unfinished_lines.note(connection, size):
            cut = self.unfinished_lines.to_cut()
            self._floods.tell(
                f"lines that do not end held too much memory: {len(cut)} connections were cut",
                Counter(one.share for one in cut),
            )
            for one in cut:
                self.unfinished_lines.note(one, 0)
                one.cut_line()

    def waiting(self, connection: StreamConnection, waits: bool) -> None:
        if not waits:
            self._slow.pop(connection, None)
            self.on_taken(connection)
            return
        self._slow[connection] = None
        connection.check_progress(self.loop.time())
        if self._progress_handle is None:
            self._progress_handle = self.loop.call_later(self.limits.stall / PROGRESS_CHECKS, self._check_progress)

    # --- for the lobby --------------------------------------------------------------------------------------------

    def welcome(self, caller: Caller) -> bool:
        return self.places.has_room(caller)

    def left(self, caller: Caller) -> None:
        self.strangers.discard(caller)
        self.memory.freed()

    def nothing_said(self, shares: Counter[str], seconds: float) -> None:
        if shares.total() == 1:
            (share,) = shares
            self._silences.tell(f"a connection from {share} said nothing for {seconds:g} s and was closed", Counter())
            return
        self._silences.tell(f"{shares.total()} connections said nothing for {seconds:g} s and were closed", shares)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _deliver(self, event: Event) -> None:
        self._handle(event, self.now())

    def _taken(self) -> int:
        """Places that are taken: who waits in the lobby has one, who was told that there is none has not."""
        waiting = len(self.lobby) + self.lobby.agreeing if self.lobby is not None else 0
        return waiting + len(self.open) - self.refused

    def _track(self, connection: StreamConnection) -> None:
        self.open.add(connection)
        self.memory.opened(len(self.open))
        self._all_gone.clear()

    def _refuse(self, connection: Stranger) -> None:
        """No room: say so, unless even that is asked too often."""
        reason = f"this server has no room for more than {self.limits.connections} connections, try again later"
        if isinstance(connection, Caller):
            assert self.lobby is not None
            self.lobby.dismiss(connection, reason)
            return
        self._track(connection)
        connection.refused = True
        self.refused += 1
        self.strangers.discard(connection)
        if self.refused > REFUSED_MAX:
            connection.abort(reason)
            return
        self.output.send(connection.outbox, encode(InvalidMessage(reason)))
        connection.close(reason)

    def _check_progress(self) -> None:
        self._progress_handle = None
        now = self.loop.time()
        for connection in list(self._slow):
            connection.check_progress(now)
        if self._slow:
            self._progress_handle = self.loop.call_later(self.limits.stall / PROGRESS_CHECKS, self._check_progress)
