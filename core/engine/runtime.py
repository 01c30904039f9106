"""The driver: hands one node its events and carries out what it wants done, in order, in real time."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import ssl
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, Protocol

from core.engine.arrivals.lobby import Caller, Lobby
from core.engine.arrivals.strangers import Stranger, Strangers
from core.engine.arrivals.unfinished import Unfinished
from core.engine.engine_settings import ConnectionLimits, places_kept
from core.engine.sockets.dialler import CannotConnect, connect_any
from core.engine.threads.fair_queue import FairQueue
from core.engine.threads.passwords import Check, Passwords
from core.engine.threads.persistence import Persistence
from core.engine.transport.output import Output
from core.engine.transport.readers import Readers
from core.engine.transport.stream_connection import READ_BYTES, ConnectionTraffic, StreamConnection
from core.engine.upkeep.heap import HeapTrimmer
from core.engine.upkeep.queues import outbox_queues, process_queues
from core.engine.upkeep.tracer import SLOW, Tracer
from core.node.interface.actions import (
    Action,
    Advertise,
    Broadcast,
    Close,
    CountQueues,
    Dial,
    FetchPage,
    Finished,
    HashSecret,
    Hold,
    KeyChanged,
    KeyRemoved,
    Known,
    Notify,
    Pause,
    Persist,
    SecretChangeAnswered,
    SecretReplaced,
    Send,
    Subscribe,
    Trace,
    Trust,
    Unsubscribe,
    VerifySecret,
    WakeAt,
)
from core.node.interface.events import (
    ConnectionClosed,
    ConnectionOpened,
    DialFailed,
    DisconnectRequested,
    Event,
    KeyChangeRequested,
    MalformedReceived,
    MessageReceived,
    Now,
    Origin,
    QueuesCounted,
    SecretChangeRequested,
    SecretHashed,
    SecretVerified,
    Woke,
)
from core.node.interface.notices import Notice
from core.node.interface.snapshot import NodeSnapshot
from core.wire.address import Address
from core.wire.codec import encode
from core.wire.entries import AccountFact, KeyChange
from core.wire.messages import ActivityMessage, InvalidMessage, Message

log = logging.getLogger(__name__)

REFUSED_MAX: Final = 100
"""Connections above the limit that are told so at a time; more are just cut."""
FLOOD_TOLD_GAP: Final = 60.0
"""Seconds between two notices that connections are cut because there are too many."""
PASS_LIMIT: Final = 0.006
"""Seconds of one pass of the loop for what peers say and do. What thousands do at once is taken up in turn, and clocks,
screens and writes come in between."""
CHANGE_LIMIT: Final = 30.0
"""Seconds within which a changed key or secret must be durable."""
PROGRESS_CHECKS: Final = 10
"""How often within the stall limit a connection that does not take its output is looked at."""


class NodeMachine(Protocol):
    """The node, as its driver sees it."""

    def start(self, now: Now) -> list[Action]: ...

    def handle(self, event: Event, now: Now) -> list[Action]: ...

    def snapshot(self, now: Now) -> NodeSnapshot: ...

    def queues(self) -> dict[str, int]: ...

    def account(self, name: str) -> AccountFact | None: ...

    def account_name(self, claim: str) -> str | None: ...

    def account_keys(self, claim: str) -> tuple[KeyChange, ...]: ...


class Runtime:
    """Drives one node. It is the host of all its connections."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limits: ConnectionLimits,
        persistence: Persistence,
        passwords: Passwords,
        *,
        dial_limit: float,
        dial_tls: ssl.SSLContext | None = None,
        on_notice: Callable[[Notice], None],
        on_key_removed: Callable[[str, str], None] = lambda claim, text: None,
        on_secret_replaced: Callable[[str, str], None] = lambda claim, verifier: None,
        on_finished: Callable[[tuple[str, ...]], None],
        on_advertised: Callable[[Address], None] = lambda address: None,
        tracer: Tracer | None = None,
    ) -> None:
        self.loop = loop
        self.limits = limits
        self.output = Output(loop)
        self._persistence = persistence
        persistence.deliver = self.from_store
        self._passwords = passwords
        self._dial_limit = dial_limit
        self._dial_tls = dial_tls
        self._on_notice = on_notice
        self._on_key_removed = on_key_removed
        self._on_secret_replaced = on_secret_replaced
        self._on_finished = on_finished
        self._on_advertised = on_advertised
        self._tracer = tracer
        self._node: NodeMachine | None = None
        self._connections: dict[int, StreamConnection] = {}
        self._open: set[StreamConnection] = set()
        """All with an open socket: some of them the node does not know any more, or never has."""
        self._all_gone = asyncio.Event()
        self._all_gone.set()
        self._last_conn = 0
        self._refused = 0
        self._monotonic = 0.0
        self._wake_at: float | None = None
        self._wake_handle: asyncio.TimerHandle | None = None
        self._random = random.random
        self._strangers = Strangers()
        self._lobby: Lobby | None = None
        self._leaving: dict[StreamConnection, None] = {}
        """Connections that are being closed: they go first when there is no room."""
        self._unfinished: Unfinished[StreamConnection] = Unfinished(limits.unfinished_bytes)
        self._memory = HeapTrimmer(loop)
        self._flood_told_at = float("-inf")
        self._in_pass = False
        self._pass_ends = 0.0
        self._late: FairQueue[StreamConnection] = FairQueue(sys.maxsize)
        """Connections that wait for a pass of the loop that has time for them."""
        self._slow: dict[StreamConnection, None] = {}
        self._readers = Readers(self._slow, self.output)
        self._progress_handle: asyncio.TimerHandle | None = None
        self._paced: dict[StreamConnection, list[FetchPage]] = {}
        """Pages that wait for their connection to take what was sent to it."""
        self._checks: dict[int, dict[int, Check[Any]]] = {}
        """Secrets that are processed, or wait for it, for each connection."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._changes: dict[int, asyncio.Future[str | None]] = {}
        """Changed keys and secrets that somebody waits for."""
        self._last_change = 0
        self._buffer = memoryview(bytearray(READ_BYTES))
        self.congestion = 0
        self._performers: dict[type[Any], Callable[[Any], None]] = {
            Send: self._send,
            Broadcast: self._broadcast,
            Subscribe: self._subscribe,
            Unsubscribe: self._unsubscribe,
            Close: self._close,
            Hold: self._hold,
            Pause: self._pause,
            Trust: self._trust,
            Known: self._known,
            Dial: self._dial,
            Advertise: self._advertise,
            Persist: self._persist,
            FetchPage: self._fetch_page,
            HashSecret: self._hash_secret,
            VerifySecret: self._verify_secret,
            WakeAt: self._wake,
            Notify: self._notify,
            Trace: self._trace,
            CountQueues: self._count_queues,
            KeyChanged: self._changed,
            KeyRemoved: self._key_removed,
            SecretChangeAnswered: self._changed,
            SecretReplaced: self._secret_replaced,
            Finished: self._finished,
        }

    # --- for the server -------------------------------------------------------------------------------------------

    def start(self, node: NodeMachine) -> None:
        """Begin to drive `node`. Raises what its start does."""
        self._node = node
        self._perform(node.start(self.now()))

    def deliver(self, event: Event) -> None:
        """Hand the node an event; nothing when it has finished."""
        self._handle(event, self.now())

    def from_store(self, event: Event) -> None:
        """Hand the node what its store answers."""
        self._check_congestion()
        self.deliver(event)

    def open_lobby(self, limit: float) -> Lobby | None:
        """Where connections wait until something is said, for so many seconds; None where the system has no means."""
        if Lobby.possible():
            self._lobby = Lobby(self.loop, self, limit)
        return self._lobby

    def accepted(self) -> StreamConnection:
        """The protocol for a connection that somebody opened."""
        return self._make("inbound")

    def admitted(self) -> StreamConnection:
        """The protocol for a connection that was in the lobby, where it had its place already."""
        connection = self._make("inbound")
        connection.admitted = True
        return connection

    def attach(self, ours: socket.socket, vouched: str | None) -> None:
        """Serve a connection from within this process."""
        self.run(self.loop.create_task(self._attaching(ours, vouched), name="local connection"))

    def snapshot(self) -> NodeSnapshot:
        assert self._node is not None
        return self._node.snapshot(self.now())

    def node_queues(self) -> dict[str, int]:
        assert self._node is not None
        return self._node.queues()

    def account(self, name: str) -> AccountFact | None:
        assert self._node is not None
        return self._node.account(name)

    def account_name(self, claim: str) -> str | None:
        assert self._node is not None
        return self._node.account_name(claim)

    def account_keys(self, claim: str) -> tuple[KeyChange, ...]:
        assert self._node is not None
        return self._node.account_keys(claim)

    async def change_key(self, claim: str, text: str, comment: str, *, bound: bool) -> str | None:
        """Bind a key to an account or take it away; what kept it from being done, as a clause."""
        return await self._change(lambda token: KeyChangeRequested(token, claim, text, comment, bound))

    async def change_secret(self, claim: str, secret: str, new_secret: str) -> str | None:
        """Give an account another secret, for somebody who knows the present one; what kept it from being done."""
        return await self._change(lambda token: SecretChangeRequested(token, claim, secret, new_secret))

    async def _change(self, request: Callable[[int], Event]) -> str | None:
        self._last_change += 1
        token = self._last_change
        answer = self._changes[token] = self.loop.create_future()
        self.deliver(request(token))
        try:
            return await asyncio.wait_for(answer, CHANGE_LIMIT)
        except TimeoutError:
            return f"it was not kept within {CHANGE_LIMIT:g} seconds; it may still be"
        finally:
            del self._changes[token]

    def traffic(self) -> dict[int, ConnectionTraffic]:
        return {conn: connection.traffic for conn, connection in self._connections.items()}

    def queues(self) -> dict[str, int]:
        """How much waits beside the node, by what it waits for."""
        return {
            **outbox_queues(self._open),
            "connections waiting for a pass of the loop": len(self._late),
            "connections that have said nothing": len(self._lobby) if self._lobby is not None else 0,
            "connections being closed": len(self._leaving),
            "pages waiting for their reader": sum(len(pages) for pages in self._paced.values()),
            **self._persistence.queues(),
            **self._passwords.queues(),
            **process_queues(),
        }

    def run(self, work: asyncio.Task[None]) -> None:
        """Own a task: it is ended, and awaited, with the runtime."""
        self._tasks.add(work)
        work.add_done_callback(self._tasks.discard)

    async def aclose(self, reason: str, *, at_once: bool = False) -> None:
        """Hand in nothing more, end all connections and tasks. Bounded by the flush and linger limits."""
        self._node = None
        for answer in self._changes.values():
            if not answer.done():
                answer.set_result("the server has ended")
        self._memory.close()
        if self._tracer is not None:
            self._tracer.close()
        if self._lobby is not None:
            self._lobby.close()
        for handle in (self._wake_handle, self._progress_handle):
            if handle is not None:
                handle.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.output.flush()
        for connection in list(self._open):
            if at_once:
                connection.abort(reason)
            else:
                connection.close(reason)
        self.output.close()
        try:
            async with asyncio.timeout(self.limits.flush + self.limits.linger + 1.0):
                await self._all_gone.wait()
        except TimeoutError:
            for connection in list(self._open):
                connection.abort(reason)
            await self._all_gone.wait()

    # --- for connections ------------------------------------------------------------------------------------------

    def read_buffer(self) -> memoryview:
        return self._buffer

    def now(self) -> Now:
        self._monotonic = max(self._monotonic, self.loop.time())
        return Now(self._monotonic, time.time())

    def opened(self, connection: StreamConnection) -> bool:
        if self._node is None:
            connection.abort("the server is not running")
            return False
        if connection.admitted:
            self._strangers.add(connection)
        elif connection.origin == "inbound" and not self._has_room(connection):
            self._refuse(connection)
            return False
        self._track(connection)
        self._connections[connection.conn] = connection
        self.deliver(
            ConnectionOpened(
                connection.conn,
                connection.origin,
                connection.peer,
                connection.dial,
                connection.vouched,
                connection.at,
            )
        )
        return True

    def received(self, connection: StreamConnection, message: Message, now: Now) -> None:
        self._handle(MessageReceived(connection.conn, message), now)
        if self._slow and type(message) is ActivityMessage and connection.origin == "inbound":
            pause = self._readers.pause_of_a_writer(now.monotonic)
            if pause:
                connection.pause(pause)

    def malformed(self, connection: StreamConnection, info: str) -> None:
        self.deliver(MalformedReceived(connection.conn, info))

    def closed(self, connection: StreamConnection, reason: str) -> None:
        self._connections.pop(connection.conn, None)
        self._fetch_paced(connection)
        self.deliver(ConnectionClosed(connection.conn, reason, connection.unsent))
        for check in list(self._checks.pop(connection.conn, {}).values()):
            check.drop()

    def has_time(self) -> bool:
        now = time.monotonic()
        if not self._in_pass:
            self._in_pass = True
            self._pass_ends = now + PASS_LIMIT
            self.loop.call_soon(self._next_pass)
        return now < self._pass_ends

    def later(self, connection: StreamConnection) -> None:
        # Nobody waits behind what thousands at another address do, nor one who is in behind the strangers at theirs.
        self._late.put(connection.share, "stranger" if connection in self._strangers else "in", connection)

    def _next_pass(self) -> None:
        """A new pass of the loop: those come first for whom the last one had no time."""
        self._in_pass = False
        late = self._late
        while late and self.has_time():
            late.take().go_on()

    def leaving(self, connection: StreamConnection) -> None:
        self._strangers.discard(connection)
        self._unfinished.note(connection, 0)
        if connection in self._open and not connection.refused:
            self._leaving[connection] = None

    def gone(self, connection: StreamConnection) -> None:
        if connection.refused:
            self._refused -= 1
        self._unfinished.note(connection, 0)
        self._strangers.discard(connection)
        self._leaving.pop(connection, None)
        self._open.discard(connection)
        self._memory.ended(len(self._open))
        if not self._open:
            self._all_gone.set()

    def unfinished(self, connection: StreamConnection, size: int) -> None:
        if self._unfinished.note(connection, size):
            cut = self._unfinished.to_cut()
            self._tell_flood(
                f"lines that do not end held too much memory: {len(cut)} connections were cut",
                Counter(one.share for one in cut),
            )
            for one in cut:
                self._unfinished.note(one, 0)
                one.cut_line()

    def waiting(self, connection: StreamConnection, waits: bool) -> None:
        if not waits:
            self._slow.pop(connection, None)
            self._fetch_paced(connection)
            return
        self._slow[connection] = None
        connection.check_progress(self.loop.time())
        if self._progress_handle is None:
            self._progress_handle = self.loop.call_later(self.limits.stall / PROGRESS_CHECKS, self._check_progress)

    # --- for the lobby --------------------------------------------------------------------------------------------

    def welcome(self, caller: Caller) -> bool:
        return self._has_room(caller)

    def left(self, caller: Caller) -> None:
        self._strangers.discard(caller)
        self._memory.freed()

    def nothing_said(self, shares: Counter[str], seconds: float) -> None:
        count = shares.total()
        self._tell_flood(f"{count} connections said nothing for {seconds:g} s and were closed", shares)

    # --- events and actions ---------------------------------------------------------------------------------------

    def _handle(self, event: Event, now: Now) -> None:
        node = self._node
        if node is None:
            return
        tracer = self._tracer
        began = time.monotonic() if tracer is not None else 0.0
        try:
            actions = node.handle(event, now)
        except Exception:
            self._survive(node, event)
            return
        self._perform(actions)
        if tracer is not None and (took := time.monotonic() - began) >= SLOW:
            what, conn = type(event).__name__, getattr(event, "conn", None)
            tracer.trace("slow", what=what, seconds=round(took, 3), conn=conn, actions=len(actions))

    def _perform(self, actions: list[Action]) -> None:
        performers = self._performers
        for action in actions:
            try:
                performers[type(action)](action)
            except Exception:
                log.exception("an action could not be carried out: %s", type(action).__name__)

    def _survive(self, node: NodeMachine, event: Event) -> None:
        """A fault in the node: whatever led to it loses its connection, everybody else goes on."""
        # The event itself may hold a secret.
        log.exception("a fault in handling %s", type(event).__name__)
        conn = getattr(event, "conn", None)
        connection = self._connections.get(conn) if isinstance(conn, int) else None
        if connection is None:
            return
        reason = "a fault in this server"
        text = f"a fault in this server ended the connection from {connection.peer}; the log says more"
        self._on_notice(Notice(time.time(), "refused", text, "error"))
        try:
            actions = node.handle(DisconnectRequested(connection.conn, reason), self.now())
        except Exception:
            log.exception("a fault in handling DisconnectRequested")
        else:
            self._perform(actions)
        if not connection.closing:
            connection.close(reason)

    def _send(self, action: Send) -> None:
        connection = self._connections.get(action.conn)
        if connection is not None and not connection.closing:
            self.output.send(connection.outbox, action.frame.data)

    def _broadcast(self, action: Broadcast) -> None:
        self.output.broadcast(action.frame.data)

    def _subscribe(self, action: Subscribe) -> None:
        connection = self._connections.get(action.conn)
        if connection is not None and not connection.closing:
            stranger = connection.origin == "inbound" and not connection.named and not connection.trusted
            self.output.subscribe(connection.outbox, connection.share if stranger else None)

    def _unsubscribe(self, action: Unsubscribe) -> None:
        connection = self._connections.get(action.conn)
        if connection is not None:
            self.output.unsubscribe(connection.outbox)

    def _close(self, action: Close) -> None:
        connection = self._connections.get(action.conn)
        if connection is not None:
            connection.close(action.reason)

    def _hold(self, action: Hold) -> None:
        connection = self._connections.get(action.conn)
        if connection is not None:
            connection.hold(action.held)

    def _pause(self, action: Pause) -> None:
        connection = self._connections.get(action.conn)
        if connection is not None:
            connection.pause(action.seconds)

    def _trust(self, action: Trust) -> None:
        connection = self._connections.get(action.conn)
        if connection is not None:
            connection.trust()
            self._strangers.discard(connection)
            self._unfinished.note(connection, 0)

    def _known(self, action: Known) -> None:
        connection = self._connections.get(action.conn)
        if connection is not None:
            connection.named = action.named
            self._strangers.discard(connection)
            if action.named:
                self.output.bring_forward(connection.outbox)

    def _dial(self, action: Dial) -> None:
        self.run(self.loop.create_task(self._dialling(action), name=f"dial {action.address}"))

    def _advertise(self, action: Advertise) -> None:
        self._on_advertised(action.address)

    def _persist(self, action: Persist) -> None:
        self._persistence.persist(action.batch, action.records)
        self._check_congestion()

    def _fetch_page(self, action: FetchPage) -> None:
        if action.conn is None:
            self._persistence.fetch(action.token, action.query)
        else:
            # Behind the flush of what was sent to it.
            self.loop.call_soon(self._fetch_for, action, action.conn)

    def _fetch_for(self, action: FetchPage, conn: int) -> None:
        connection = self._connections.get(conn)
        if connection is not None and not connection.closing and connection.outbox.waits:
            self._paced.setdefault(connection, []).append(action)
        else:
            self._persistence.fetch(action.token, action.query)

    def _fetch_paced(self, connection: StreamConnection) -> None:
        for action in self._paced.pop(connection, ()):
            self._persistence.fetch(action.token, action.query)

    def _hash_secret(self, action: HashSecret) -> None:
        token = action.token
        made = self._passwords.hash(
            action.secret,
            lambda verifier: self._computed(action.conn, token, SecretHashed(token, verifier)),
            host=self._asking(action.conn),
            account=action.account,
        )
        self._note_check(action.conn, token, made)

    def _verify_secret(self, action: VerifySecret) -> None:
        token = action.token
        made = self._passwords.verify(
            action.secret,
            action.verifier,
            lambda matches: self._computed(action.conn, token, SecretVerified(token, matches)),
            host=self._asking(action.conn),
            account=action.account,
        )
        self._note_check(action.conn, token, made)

    def _asking(self, conn: int | None) -> str:
        """In whose turn something is computed."""
        connection = self._connections.get(conn) if conn is not None else None
        return connection.share if connection is not None else ""

    def _note_check(self, conn: int | None, token: int, check: Check[Any]) -> None:
        if conn is None:
            return
        if conn in self._connections:
            self._checks.setdefault(conn, {})[token] = check
        else:
            check.drop()

    def _computed(self, conn: int | None, token: int, answer: SecretHashed | SecretVerified) -> None:
        if conn is not None and conn in self._checks:
            self._checks[conn].pop(token, None)
            if not self._checks[conn]:
                del self._checks[conn]
        self.deliver(answer)

    def _wake(self, action: WakeAt) -> None:
        self._wake_at = action.at
        # A handle that is due earlier is left alone: when it is, it looks again. Timers mostly move into the future.
        if self._wake_handle is None or action.at < self._wake_handle.when():
            if self._wake_handle is not None:
                self._wake_handle.cancel()
            self._wake_handle = self.loop.call_at(action.at, self._woke)

    def _woke(self) -> None:
        self._wake_handle = None
        wake_at = self._wake_at
        if wake_at is None:
            return
        # Loops round to their clock's resolution (uvloop: milliseconds), and may be a little early.
        if wake_at > self.loop.time() + 0.002:
            self._wake_handle = self.loop.call_at(wake_at, self._woke)
            return
        self._wake_at = None
        self._monotonic = max(self._monotonic, wake_at)
        self.deliver(Woke())

    def _notify(self, action: Notify) -> None:
        self._on_notice(action.notice)

    def _trace(self, action: Trace) -> None:
        if self._tracer is not None:
            self._tracer.write(action.kind, action.fields)

    def _count_queues(self, action: CountQueues) -> None:
        # Behind the action in hand: the node is not asked while it answers.
        self.loop.call_soon(lambda: self.deliver(QueuesCounted(action.token, self.queues())))

    def _changed(self, action: KeyChanged | SecretChangeAnswered) -> None:
        answer = self._changes.get(action.token)
        if answer is not None and not answer.done():
            answer.set_result(action.problem)

    def _key_removed(self, action: KeyRemoved) -> None:
        self._on_key_removed(action.claim, action.text)

    def _secret_replaced(self, action: SecretReplaced) -> None:
        self._on_secret_replaced(action.claim, action.verifier)

    def _finished(self, action: Finished) -> None:
        self._on_finished(action.undone)

    # --- dialling -------------------------------------------------------------------------------------------------

    async def _dialling(self, action: Dial) -> None:
        dial = action.dial
        deadline = self.loop.time() + self._dial_limit
        try:
            connected, address = await connect_any(
                (action.address, *action.others), self._dial_limit, abroad=action.abroad
            )
        except CannotConnect as error:
            self.deliver(DialFailed(dial, str(error), refused=error.refused))
            return
        except Exception as error:
            log.exception("a fault in dialling")
            self.deliver(DialFailed(dial, str(error)))
            return
        tls = self._dial_tls
        connection = self._make("outbound", dial=dial)
        try:
            async with asyncio.timeout_at(deadline):
                await self.loop.create_connection(
                    lambda: connection,
                    sock=connected,
                    ssl=tls,
                    server_hostname=address.host.partition("%")[0] if tls else None,
                )
        except BaseException as error:
            connected.close()
            if connection.conn in self._connections:
                connection.abandon()
            elif isinstance(error, OSError):
                reason = error.strerror or str(error) or f"no answer within {self._dial_limit:g} s"
                self.deliver(DialFailed(dial, f"no encrypted connection could be made: {reason}"))
            if not isinstance(error, OSError):
                raise

    async def _attaching(self, ours: socket.socket, vouched: str | None) -> None:
        connection = self._make("local", vouched=vouched)
        try:
            await self.loop.connect_accepted_socket(lambda: connection, ours)
        except BaseException:
            ours.close()
            connection.abandon()
            raise

    def _make(self, origin: Origin, dial: int | None = None, vouched: str | None = None) -> StreamConnection:
        self._last_conn += 1
        return StreamConnection(self, self._last_conn, origin, dial, vouched)

    # --- limits ---------------------------------------------------------------------------------------------------

    def _track(self, connection: StreamConnection) -> None:
        self._open.add(connection)
        self._memory.opened(len(self._open))
        self._all_gone.clear()

    def _has_room(self, connection: Stranger) -> bool:
        """Whether there is room for a connection that somebody has opened; makes room if need be.

        Random early drop, as sshd does it (MaxStartups), but of those who have not said yet who they are the one goes
        that has been there for longest, of the address that has most of them.
        """
        limit = self.limits.connections
        waiting = len(self._lobby) if self._lobby is not None else 0
        free = limit - waiting - (len(self._open) - self._refused)
        kept = places_kept(limit) // 2
        self._strangers.add(connection)
        if free > kept or (free > 0 and self._random() < free / kept):
            return True
        if self._leaving:
            # It has been told why it is closed, or never takes it.
            leaving = next(iter(self._leaving))
            # It is gone only in the next pass of the loop, and others may come before that.
            del self._leaving[leaving]
            leaving.abort("")
            return True
        victim = self._strangers.oldest_of_heaviest()
        if victim is None or victim is connection:
            if free > 0:
                return True
            self._strangers.discard(connection)
            return False
        self._tell_flood(
            f"{len(self._strangers)} connections have not said who they are: some are cut", Counter([victim.share])
        )
        self._refuse(victim)
        return True

    def _tell_flood(self, text: str, shares: Counter[str]) -> None:
        now = self.loop.time()
        if now - self._flood_told_at >= FLOOD_TOLD_GAP:
            self._flood_told_at = now
            whence = f", most of them from {shares.most_common(1)[0][0]}" if shares else ""
            self._on_notice(Notice(time.time(), "security", text + whence, "warning"))

    def _refuse(self, connection: Stranger) -> None:
        """No room: say so, unless even that is asked too often."""
        reason = f"this server has no room for more than {self.limits.connections} connections, try again later"
        if isinstance(connection, Caller):
            assert self._lobby is not None
            self._lobby.dismiss(connection, reason)
            return
        self._track(connection)
        connection.refused = True
        self._refused += 1
        self._strangers.discard(connection)
        if self._refused > REFUSED_MAX:
            connection.abort(reason)
            return
        self.output.send(connection.outbox, encode(InvalidMessage(reason)))
        connection.close(reason)

    def _check_congestion(self) -> None:
        """Read less when the disk does not keep up, and again when it has caught up by half."""
        waiting, limit = self._persistence.backlog_bytes, self.limits.unwritten_bytes
        level = 2 if waiting > 2 * limit else 1 if waiting > limit else 0
        if level < self.congestion and waiting > limit * (1 if self.congestion == 2 else 0.5):
            return
        if level != self.congestion:
            self.congestion = level
            for connection in self._connections.values():
                connection.adjust_reading()

    def _check_progress(self) -> None:
        self._progress_handle = None
        now = self.loop.time()
        for connection in list(self._slow):
            connection.check_progress(now)
        if self._slow:
            self._progress_handle = self.loop.call_later(self.limits.stall / PROGRESS_CHECKS, self._check_progress)
