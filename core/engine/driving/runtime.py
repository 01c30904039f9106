"""The driver: hands one node its events and carries out what it wants done, in order, in real time."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from core.engine.arrivals.lobby import Lobby
from core.engine.driving.account_changes import AccountChanges
from core.engine.driving.connection_opener import ConnectionOpener
from core.engine.driving.connection_table import ConnectionTable
from core.engine.driving.paced_pages import PacedPages
from core.engine.driving.secret_checks import SecretChecks
from core.engine.driving.wake_timer import WakeTimer
from core.engine.engine_settings import ConnectionLimits
from core.engine.sockets.network_tls import NetworkTls
from core.engine.threads.drawn_secrets import drawn_secrets
from core.engine.threads.passwords import Passwords
from core.engine.threads.persistence import Persistence
from core.engine.transport.stream_connection import ConnectionTraffic, StreamConnection
from core.engine.upkeep.queues import process_queues
from core.engine.upkeep.tracer import SLOW, Tracer
from core.node.interface.actions import (
    Action,
    AdoptNetwork,
    Advertise,
    AgreeOnKey,
    AskSummary,
    Broadcast,
    BroadcastAll,
    Close,
    CountQueues,
    Dial,
    DrawSecrets,
    FetchPage,
    FetchRecords,
    Finished,
    HashSecret,
    Hold,
    KeepFounding,
    KeepOut,
    KeepSecret,
    KeepTime,
    KeyChanged,
    KeyRemoved,
    Known,
    Noted,
    Notify,
    Pause,
    Persist,
    RemoveEntries,
    SecretChangeAnswered,
    SecretReplaced,
    Send,
    SendAll,
    Subscribe,
    Trace,
    Trust,
    Unsubscribe,
    UseInvitation,
    VerifySecret,
    WakeAt,
)
from core.node.interface.events import (
    DisconnectRequested,
    Event,
    NetworkAdopted,
    Now,
    QueuesCounted,
    Woke,
)
from core.node.interface.notices import Notice
from core.node.interface.snapshot import NodeSnapshot
from core.stories.lines import StoryLine
from core.wire.entries import AccountFact, KeyChange

log = logging.getLogger(__name__)


class NodeMachine(Protocol):
    """The node, as its driver sees it."""

    def start(self, now: Now) -> list[Action]: ...

    def handle(self, event: Event, now: Now) -> list[Action]: ...

    def snapshot(self, now: Now) -> NodeSnapshot: ...

    def queues(self) -> dict[str, int]: ...

    def account(self, name: str) -> AccountFact | None: ...

    def accounts_called(self, name: str) -> tuple[AccountFact, ...]: ...

    def account_name(self, claim: str) -> str | None: ...

    def account_keys(self, claim: str) -> tuple[KeyChange, ...]: ...

    def kept_out(self, claim: str | None, host: str) -> str | None: ...


class Runtime:
    """Drives one node: hands it events, and has its actions carried out by whoever they are for."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limits: ConnectionLimits,
        persistence: Persistence,
        passwords: Passwords,
        *,
        dial_limit: float,
        tls: NetworkTls | None = None,
        data_dir: Path | None = None,
        on_secret: Callable[[str], None] = lambda secret: None,
        on_notice: Callable[[Notice], None],
        on_line: Callable[[StoryLine], None] = lambda line: None,
        on_key_removed: Callable[[str, str], None] = lambda claim, text: None,
        on_secret_replaced: Callable[[str, str], None] = lambda claim, verifier: None,
        on_kept_out: Callable[[], None] = lambda: None,
        on_finished: Callable[[tuple[str, ...]], None],
        on_advertised: Callable[[Advertise], None] = lambda action: None,
        on_network: Callable[[], None] = lambda: None,
        tracer: Tracer | None = None,
    ) -> None:
        self.loop = loop
        self._persistence = persistence
        persistence.deliver = self.from_store
        self._passwords = passwords
        self._on_notice = on_notice
        self._on_line = on_line
        self._on_secret = on_secret
        self._on_key_removed = on_key_removed
        self._on_secret_replaced = on_secret_replaced
        self._on_kept_out = on_kept_out
        self._on_finished = on_finished
        self._on_advertised = on_advertised
        self._on_network = on_network
        self._tracer = tracer
        self._node: NodeMachine | None = None
        self._acting = False
        """Whether what the node wants done is being carried out."""
        self._behind: deque[tuple[Event, Now]] = deque()
        """Events that have come of it meanwhile."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer = WakeTimer(loop, lambda: self.deliver(Woke()))
        self.now = self._timer.now
        self.changes = AccountChanges(loop, self.deliver)
        """Keys and secrets that are being changed."""
        connections = self.connections = ConnectionTable(loop, limits, self._handle, self.now, on_notice=on_notice)
        self._opener = ConnectionOpener(connections, connections.by_number, self.deliver, limit=dial_limit, tls=tls)
        self._tls = tls
        self.checks = SecretChecks(passwords, connections.by_number, self.deliver, data_dir)
        self._pages = PacedPages(loop, connections.by_number, persistence.fetch)
        connections.on_ended = self.checks.drop
        connections.on_taken = self._pages.go_on
        self._performers: dict[type[Any], Callable[[Any], None]] = {
            Send: connections.send,
            SendAll: connections.send_all,
            Broadcast: connections.broadcast,
            BroadcastAll: connections.broadcast_all,
            Subscribe: connections.subscribe,
            Unsubscribe: connections.unsubscribe,
            Close: connections.close,
            Hold: connections.hold,
            Pause: connections.pause,
            Trust: connections.trust,
            Known: connections.known,
            Dial: self._dial,
            AdoptNetwork: self._adopt_network,
            Advertise: self._advertise,
            Persist: self._persist,
            KeepTime: self._keep_time,
            KeepFounding: self._keep_founding,
            KeepOut: self._keep_out,
            RemoveEntries: self._remove_entries,
            FetchPage: self._pages.fetch,
            FetchRecords: self._fetch_records,
            AskSummary: self._ask_summary,
            HashSecret: self.checks.hash,
            VerifySecret: self.checks.verify,
            AgreeOnKey: self.checks.agree,
            UseInvitation: self.checks.use,
            KeepSecret: self._keep_secret,
            DrawSecrets: self._draw_secrets,
            WakeAt: self._timer.set,
            Notify: self._notify,
            Noted: self._noted,
            Trace: self._trace,
            CountQueues: self._count_queues,
            KeyChanged: self.changes.answered,
            KeyRemoved: self._key_removed,
            SecretChangeAnswered: self.changes.answered,
            SecretReplaced: self._secret_replaced,
            Finished: self._finished,
        }

    # --- for the server -------------------------------------------------------------------------------------------

    def start(self, node: NodeMachine) -> None:
        """Begin to drive `node`. Raises what its start does."""
        self._node = node
        self.connections.running = True
        self._in_turn(lambda: self._perform(node.start(self.now())))

    def deliver(self, event: Event) -> None:
        """Hand the node an event; nothing when it has finished."""
        self._handle(event, self.now())

    def from_store(self, event: Event) -> None:
        """Hand the node what its store answers."""
        self.connections.follow_disk(self._persistence.backlog_bytes)
        self.deliver(event)

    def open_lobby(self, limit: float) -> Lobby | None:
        """Where connections wait until something is said, for so many seconds; None where the system has no means."""
        return self.connections.open_lobby(limit)

    def accepted(self) -> StreamConnection:
        """The protocol for a connection that somebody opened."""
        return self._opener.make("inbound")

    def admitted(self) -> StreamConnection:
        """The protocol for a connection that was in the lobby, where it had its place already."""
        connection = self._opener.make("inbound")
        connection.admitted = True
        return connection

    def attach(self, ours: socket.socket, vouched: str | None) -> None:
        """Serve a connection from within this process."""
        self.run(self.loop.create_task(self._opener.attach(ours, vouched), name="local connection"))

    @property
    def node(self) -> NodeMachine:
        """What is driven, to be asked, not to be handed anything."""
        assert self._node is not None
        return self._node

    def snapshot(self) -> NodeSnapshot:
        return self.node.snapshot(self.now())

    def traffic(self) -> dict[int, ConnectionTraffic]:
        return {conn: connection.traffic for conn, connection in self.connections.by_number.items()}

    def queues(self) -> dict[str, int]:
        """How much waits beside the node, by what it waits for."""
        return {
            **self.connections.queues(),
            "pages waiting for their reader": len(self._pages),
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
        self.connections.running = False
        self.changes.close()
        if self._tracer is not None:
            self._tracer.close()
        self._timer.close()
        self.connections.close_arrivals()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.connections.aclose(reason, at_once=at_once)

    # --- events and actions ---------------------------------------------------------------------------------------

    def _handle(self, event: Event, now: Now) -> None:
        """Hand in an event; one that comes of an action behind all that was wanted with that. Otherwise what is wanted
        later would be done earlier, and the time at which the node wants to be woken would be an older one."""
        if self._acting:
            self._behind.append((event, now))
        else:
            self._in_turn(lambda: self._take(event, now))

    def _in_turn(self, act: Callable[[], None]) -> None:
        self._acting = True
        try:
            act()
            while self._behind:
                self._take(*self._behind.popleft())
        finally:
            self._acting = False

    def _take(self, event: Event, now: Now) -> None:
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
        connection = self.connections.by_number.get(conn) if isinstance(conn, int) else None
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

    def _dial(self, action: Dial) -> None:
        self.run(self.loop.create_task(self._opener.dial(action), name=f"dial {action.address}"))

    def _adopt_network(self, action: AdoptNetwork) -> None:
        assert self._tls is not None, "a server without a key is of no network"
        before = self._tls.network.shown
        network = self._tls.adopt(action.network)
        self._persistence.keep_network(network)
        if network.shown != before:
            self._on_network()
        self.deliver(NetworkAdopted(network))

    def _keep_secret(self, action: KeepSecret) -> None:
        self._on_secret(action.secret)

    def _draw_secrets(self, action: DrawSecrets) -> None:
        self.deliver(drawn_secrets(action.token))

    def _advertise(self, action: Advertise) -> None:
        self._on_advertised(action)

    def _persist(self, action: Persist) -> None:
        self._persistence.persist(action.batch, action.keepables)
        self.connections.follow_disk(self._persistence.backlog_bytes)

    def _keep_time(self, action: KeepTime) -> None:
        self._persistence.keep_time(action.stamp)

    def _keep_founding(self, action: KeepFounding) -> None:
        self._persistence.keep_founding(action.text)

    def _keep_out(self, action: KeepOut) -> None:
        self.connections.banned.become(action.networks)
        self._on_kept_out()

    def _remove_entries(self, action: RemoveEntries) -> None:
        self._persistence.remove(action.entries, action.fingerprints)

    def _fetch_records(self, action: FetchRecords) -> None:
        self._persistence.fetch_records(action.token, action.query)

    def _ask_summary(self, action: AskSummary) -> None:
        self._persistence.ask_summary(action.token, action.query)

    def _notify(self, action: Notify) -> None:
        self._on_notice(action.notice)

    def _noted(self, action: Noted) -> None:
        self._on_line(action.line)

    def _trace(self, action: Trace) -> None:
        if self._tracer is not None:
            self._tracer.write(action.kind, action.fields)

    def _count_queues(self, action: CountQueues) -> None:
        self.deliver(QueuesCounted(action.token, self.queues()))

    def _key_removed(self, action: KeyRemoved) -> None:
        self._on_key_removed(action.claim, action.text)

    def _secret_replaced(self, action: SecretReplaced) -> None:
        self._on_secret_replaced(action.claim, action.verifier)

    def _finished(self, action: Finished) -> None:
        self._on_finished(action.undone)
