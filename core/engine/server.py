"""A running server: one node, its sockets, its store, and what an application may ask of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from core.admission.shares import share_of
from core.engine.arrivals.accepting import Acceptor
from core.engine.driving.runtime import NodeMachine, Runtime
from core.engine.engine_errors import CannotBind, NotChanged, NotRunning
from core.engine.engine_settings import EngineSettings, places_kept
from core.engine.sockets.interfaces import endpoint
from core.engine.sockets.listening import BACKLOG, EVERYWHERE, advertised_address, bind, explain
from core.engine.sockets.network_tls import NetworkTls
from core.engine.threads.index_figures import IndexFigures
from core.engine.threads.opening_store import Opening, keep_secret, open_sqlite
from core.engine.threads.passwords import Passwords
from core.engine.threads.persistence import Persistence
from core.engine.threads.verification import account_opened
from core.engine.transport.stream_connection import ConnectionTraffic
from core.engine.upkeep.address_watch import AddressWatch
from core.engine.upkeep.data_reading import DataReading
from core.engine.upkeep.descriptors import explain_room, room_for
from core.engine.upkeep.heap import PREPARE_AFTER
from core.engine.upkeep.housekeeping import Housekeeping
from core.engine.upkeep.recent_lines import RecentLines
from core.engine.upkeep.recent_notices import RecentNotices
from core.engine.upkeep.subscribers import Subscribers
from core.engine.upkeep.tracer import Tracer
from core.node.interface.actions import Advertise
from core.node.interface.events import (
    DisconnectRequested,
    DrainRequested,
    JoinRequested,
    Now,
    SearchIndexed,
    SshServed,
)
from core.node.interface.node_config import NodeConfig
from core.node.interface.notices import Notice, NoticeKind, Severity, noted
from core.node.interface.snapshot import NodeSnapshot
from core.node.node import Node
from core.store.data_directory import DATABASE
from core.store.invitation_file import GivenInvitation, give_invitation
from core.store.store_errors import StoreError
from core.store.store_interface import Store
from core.stories.lines import StoryLine
from core.wire.address import Address
from core.wire.ed25519 import Ed25519Signer
from core.wire.entries import AccountFact, Fetch, KeyChange, Kind, Page, Stream
from core.wire.invitations import CODE_BYTES, Invited, code_of
from core.wire.recovered import Recovered

log = logging.getLogger(__name__)

NOTICES_KEPT: Final = 1000
SNAPSHOT_AGE_MAX: Final = 0.05
"""Seconds for which a snapshot is shown again: many screens share one."""
DRAIN_GRACE: Final = 3.0
"""How long after its own limit a leaving node is taken to be stuck."""
ABORT_LIMIT: Final = 2.0
STORE_LIMIT: Final = 10.0
"""How long the end waits for the disk: a disk that hangs must not keep a process that was told to end."""
HISTORY_BYTES_MAX: Final = 16 * 1024 * 1024
EXHAUSTED_TOLD: Final = 60.0
"""Seconds in which it is told once that the system has no room for a connection."""

NodeFactory = Callable[[NodeConfig, Recovered, random.Random, Now], NodeMachine]
StoreFactory = Callable[[EngineSettings], tuple[Store, Recovered]]


class Server:
    """One server. `start` it once; it ends by `request_drain` or `abort`, and `wait_closed` tells when it has.

    All methods are called in the event loop in which it was started.
    """

    def __init__(
        self, settings: EngineSettings, *, make_node: NodeFactory = Node, make_store: StoreFactory | None = None
    ) -> None:
        self.settings = settings
        self.notices = RecentNotices(NOTICES_KEPT)
        """The newest last, without the lines of stories."""
        self.lines = RecentLines(settings.data_dir, self._in_store_thread)
        """The lines of stories, the newest last, those of former starts as well."""
        self._make_node = make_node
        self._make_store = make_store or open_sqlite
        self._subscribers: Subscribers[[Notice]] = Subscribers("a notice")
        self._key_subscribers: Subscribers[[str, str]] = Subscribers("a removed key")
        self._secret_subscribers: Subscribers[[str, str]] = Subscribers("a changed secret")
        self._identity_subscribers: Subscribers[[]] = Subscribers("another identity")
        self._kept_out_subscribers: Subscribers[[]] = Subscribers("who is kept out")
        self._acceptors: list[Acceptor] = []
        self._exhausted_at = -EXHAUSTED_TOLD
        self._runtime: Runtime | None = None
        self._persistence: Persistence | None = None
        self._passwords: Passwords | None = None
        self._housekeeping: Housekeeping | None = None
        self._closed: asyncio.Future[tuple[str, ...]] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._drain_limit: asyncio.TimerHandle | None = None
        self._preparing: asyncio.TimerHandle | None = None
        self._drain_seconds = DRAIN_GRACE
        self._snapshot: tuple[float, NodeSnapshot] | None = None
        self._address = self._advertised = Address("", 0)
        self._also: tuple[str, ...] = ()
        self._bound: list[Address] = []
        self._secret = self._node_id = ""
        self._tls: NetworkTls | None = None

    # --- life -----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take connections, and join the network if the settings name a server of it.

        Raises CannotBind, and what opening the store does (DataDirectoryInUse, DataDirectoryUnusable and
        other StoreErrors); nothing is left behind then.
        """
        loop = asyncio.get_running_loop()
        async with contextlib.AsyncExitStack() as undo:
            sockets = await bind(self.settings.host, self.settings.port)
            for listener in sockets:
                undo.callback(listener.close)
            persistence = Persistence(loop)
            undo.push_async_callback(persistence.aclose)
            opening = Opening(self.settings, self._make_store)
            recovered = await persistence.open(opening.open)
            network, is_made, seed, self._secret = opening.found
            recovered = replace(recovered, network=network, signer_of=Ed25519Signer)
            self._tls = NetworkTls(seed, network)
            passwords = Passwords(self.settings.passwords)
            undo.push_async_callback(passwords.aclose)

            self._bound = [endpoint(listener.getsockname()) for listener in sockets]
            self._address = self._bound[0]
            self._advertised = advertised_address(self.settings.host, self._bound, self.settings.advertise)
            self._node_id = recovered.node
            connections = room_for(self.settings.limits.connections)
            config = self.settings.node_config(self._advertised, self._secret)
            config = replace(config, clients_max=config.clients_max or connections - places_kept(connections))
            runtime = Runtime(
                loop,
                replace(self.settings.limits, connections=connections),
                persistence,
                passwords,
                dial_limit=config.dial_limit,
                tls=self._tls,
                data_dir=self.settings.data_dir,
                on_secret=self._learn_secret,
                on_notice=self._notice,
                on_line=self._noted,
                on_key_removed=self._key_subscribers.call,
                on_secret_replaced=self._secret_subscribers.call,
                on_kept_out=self._kept_out_subscribers.call,
                on_finished=self._finish,
                on_advertised=self._advertise,
                on_network=self._another_identity,
                tracer=Tracer(loop) if config.tracing else None,
            )
            self.lines.begin_with(await persistence.call(lambda store: self.lines.read(time.time())))
            undo.push_async_callback(runtime.aclose, "the server could not start", at_once=True)
            node = self._make_node(config, recovered, random.Random(secrets.randbits(256)), runtime.now())
            for listener in sockets:
                try:
                    listener.listen(BACKLOG)
                except OSError as error:
                    raise CannotBind(explain(self.settings.host, self.settings.port, error)) from error
            self._persistence = persistence
            runtime.start(node)
            watch = AddressWatch(self._bound, runtime.deliver)
            if self._follows_machine:
                watch.look()
            lobby = runtime.open_lobby(config.first_message_limit)
            make = runtime.accepted if lobby is None else runtime.admitted
            acceptors = [
                Acceptor(
                    *(loop, listener, make),
                    tls=self._listening_tls,
                    on_exhausted=self._exhausted,
                    lobby=lobby,
                    poller=runtime.connections.poller,
                    banned=runtime.connections.banned,
                )
                for listener in sockets
            ]
            for acceptor in acceptors:
                acceptor.start()
            runtime.connections.memory.started()
            undo.pop_all()
        self._preparing = loop.call_later(PREPARE_AFTER, passwords.prepare)
        self._runtime, self._persistence, self._passwords = runtime, persistence, passwords
        self._acceptors = acceptors
        self._housekeeping = Housekeeping(self.settings, persistence, self._tell)
        self._closed = loop.create_future()
        for finding in persistence.findings:
            self._tell("storage", finding, "warning")
        if is_made and len(recovered.starts) > 1:
            self._tell("security", f"the data had no key of the network: it has one now, {self.network}", "info")
        self._drain_seconds = config.drain_limit + DRAIN_GRACE
        if (narrow := explain_room(self.settings.limits.connections)) is not None:
            self._tell("limits", narrow, "warning")
        if self.settings.backup_interval > 0:
            runtime.run(loop.create_task(self._housekeeping.back_up_regularly(), name="backups"))
        runtime.run(loop.create_task(self._housekeeping.trim_regularly(), name="retention"))
        runtime.run(loop.create_task(self._housekeeping.tell_of_damage(), name="damage"))
        if (database := self.settings.data_dir / DATABASE).exists():
            persistence.look_through(database, self._indexed, is_indexed=self.settings.search_index)
            reading = DataReading(database, persistence, self._tell, runtime.deliver)
            runtime.run(loop.create_task(reading.read_regularly(), name="reading through"))
        if self._follows_machine:
            runtime.run(loop.create_task(watch.run(self._advertised.host), name="addresses"))
        if self.settings.join is not None:
            runtime.deliver(JoinRequested(self.settings.join, self.settings.join_base, self.settings.invited))

    def request_drain(self, reason: str = "") -> None:
        """Leave the network in an orderly way; `wait_closed` tells when that is done. A second call does nothing."""
        if self._stopping is not None or self._drain_limit is not None:
            return
        runtime = self._running()
        self._drain_limit = runtime.loop.call_later(
            self._drain_seconds, self._finish, ("the node did not finish leaving",)
        )
        runtime.deliver(DrainRequested(reason))

    async def wait_closed(self) -> tuple[str, ...]:
        """Wait for the end; what the node could not do before it, in words."""
        if self._closed is None:
            return ()
        return await asyncio.shield(self._closed)

    async def abort(self) -> None:
        """End at once: no good-byes. What was accepted is on disk."""
        if self._closed is None:
            return
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop(("the server was ended at once",), at_once=True))
        elif self._runtime is not None:
            await self._runtime.aclose("the server was ended at once", at_once=True)
        await self.wait_closed()

    # --- what it is -----------------------------------------------------------------------------------------------

    @property
    def address(self) -> Address:
        """Where it listens."""
        return self._address

    @property
    def advertised(self) -> Address:
        """Where it tells others to reach it."""
        return self._advertised

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts at which it tells others to reach it, the best first."""
        return (self._advertised.host, *self._also)

    @property
    def secret(self) -> str:
        """The network's secret."""
        return self._secret

    @property
    def network(self) -> str:
        """The fingerprint of the network that it is of; empty before the start."""
        return self._tls.fingerprint if self._tls is not None else ""

    @property
    def network_is_settled(self) -> bool:
        """Whether that is not the one that it has only until it is taken into another one."""
        return self._tls is not None and self._tls.network.founded_at is not None

    def _learn_secret(self, secret: str) -> None:
        self._secret = secret
        if self._runtime is not None and self._persistence is not None and self._stopping is None:
            keeping = asyncio.get_running_loop().create_task(self.keep_secret(), name="the network's secret")
            self._runtime.run(keeping)
        self._another_identity()

    async def keep_secret(self) -> None:
        """Have later starts that are given no secret use the one of this start; a disk that fails is told elsewhere."""
        secret = self._secret
        with contextlib.suppress(StoreError):
            await self._store_thread().call(lambda store: keep_secret(store, secret))

    @property
    def node_id(self) -> str:
        return self._node_id

    # --- what goes on ---------------------------------------------------------------------------------------------

    def snapshot(self) -> NodeSnapshot:
        """What the node knows; up to 50 ms old. Raises NotRunning before the start; the last one after the end."""
        if self._stopping is not None and self._snapshot is not None:
            return self._snapshot[1]
        runtime = self._running()
        now = runtime.loop.time()
        if self._snapshot is None or now - self._snapshot[0] >= SNAPSHOT_AGE_MAX:
            self._snapshot = (now, runtime.snapshot())
        return self._snapshot[1]

    def traffic(self) -> Mapping[int, ConnectionTraffic]:
        """By connection number, as in the snapshot's connections."""
        return {} if self._runtime is None else self._runtime.traffic()

    def queues(self) -> dict[str, int]:
        """How much waits in the node and beside it, by what it waits for. Raises NotRunning."""
        runtime = self._running()
        return {**runtime.node.queues(), **runtime.queues()}

    def subscribe(self, callback: Callable[[Notice], None]) -> Callable[[], None]:
        """Have `callback` called with each notice from here on; the result ends that."""
        return self._subscribers.enter(callback)

    def subscribe_removed_keys(self, callback: Callable[[str, str], None]) -> Callable[[], None]:
        """Have `callback(claim, text)` called whenever a public key no longer opens an account, wherever in the network
        it was taken away; the result ends that."""
        return self._key_subscribers.enter(callback)

    def subscribe_changed_secrets(self, callback: Callable[[str, str], None]) -> Callable[[], None]:
        """Have `callback(claim, verifier)` called whenever an account has another secret, wherever in the network it
        was changed; the result ends that."""
        return self._secret_subscribers.enter(callback)

    def subscribe_identity(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Have `callback` called whenever `hosts` are others, or the network is another; the result ends that."""
        return self._identity_subscribers.enter(callback)

    def subscribe_kept_out(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Have `callback()` called whenever operators keep other people out than before; the result ends that."""
        return self._kept_out_subscribers.enter(callback)

    async def history(
        self,
        *,
        newest: int | None = None,
        seen: Mapping[Stream, int] | None = None,
        kinds: tuple[Kind, ...] = ("activity",),
        entries_max: int = 500,
    ) -> Page:
        """Stored entries: the `newest` so many, or those beyond `seen`. Raises what the store does.

        The page's `more` tells whether the entries did not all fit into it.
        """
        query = Fetch(seen or {}, kinds, newest, max(entries_max, newest or 0), HISTORY_BYTES_MAX)
        return await self._store_thread().call(lambda store: store.fetch(query))

    # --- what it can be told --------------------------------------------------------------------------------------

    def connect_local(self, vouched: str | None = None) -> socket.socket:
        """A non-blocking stream socket that speaks the protocol with this server, from within its process.

        `vouched` is the name of a user whom the caller has authenticated.
        """
        self._running()
        theirs, ours = socket.socketpair()
        theirs.setblocking(False)
        self.serve_local(ours, vouched)
        return theirs

    def serve_local(self, ours: socket.socket, vouched: str | None = None) -> None:
        """Speak the protocol on a stream socket whose other end this machine has, as `connect_local` does."""
        runtime = self._running()
        ours.setblocking(False)
        runtime.attach(ours, vouched)

    def join(self, address: Address, invited: Invited | None = None) -> None:
        """Link this server to another one, which may have invited it, and so their networks."""
        self._running().deliver(JoinRequested(address, invited=invited))

    def disconnect(self, conn: int, reason: str) -> None:
        """End a connection."""
        self._running().deliver(DisconnectRequested(conn, reason))

    def announce_ssh(self, port: int, authority: str = "") -> None:
        """Tell the network that this node's host serves SSH on a port; 0: no longer. Nothing when it has ended.

        `authority`: the public key, as OpenSSH writes it, that certifies the network's hosts; people here are told it.
        """
        if self._runtime is not None and self._stopping is None:
            self._runtime.deliver(SshServed(port, authority))

    @property
    def ssh_authority(self) -> bytes:
        """The private key that certifies the network's hosts for SSH: the 32 bytes of Ed25519. Raises NotRunning."""
        if self._tls is None or self._tls.network.ssh is None:
            raise NotRunning("this server has not been started")
        return self._tls.network.ssh

    async def backup_now(self) -> Path:
        """Write a backup; where it is. Raises what the store does."""
        self._running()
        assert self._housekeeping is not None
        return await self._housekeeping.backup_now()

    async def invite(self, uses: int, seconds: float) -> Invited:
        """Invite servers by a new code, which is good here so often and so long. It is told without the code.

        Raises NotRunning, ValueError with a clause, OSError.
        """
        self._running()
        if not self.network_is_settled:
            raise ValueError("this server has not been let into its network yet")
        invited = Invited(self.network, code_of(secrets.token_bytes(CODE_BYTES)))
        now = time.time()
        given = GivenInvitation(invited.code, uses, now + seconds)
        await asyncio.to_thread(give_invitation, self.settings.data_dir, given, now)
        often = "once" if uses == 1 else f"{uses} times"
        until = time.strftime("%Y-%m-%d %H:%M", time.localtime(given.expires))
        self._tell("security", f"an invitation for a server was made here, good {often}, until {until}", "info")
        return invited

    # --- who people are -------------------------------------------------------------------------------------------

    def account(self, name: str) -> AccountFact | None:
        """The account that has a name, or None if nobody has."""
        return self._running().node.account(name)

    def accounts_called(self, name: str) -> tuple[AccountFact, ...]:
        """The accounts that somebody giving a name may mean: whose it is, and then those that had it and lost it to one
        that was registered earlier elsewhere; those that operators keep out come last."""
        return self._running().node.accounts_called(name)

    def account_name(self, claim: str) -> str | None:
        """The name that an account has now."""
        return self._running().node.account_name(claim)

    def account_keys(self, claim: str) -> tuple[KeyChange, ...]:
        """The public keys that open an account, in the whole network; the one that was bound first at the front."""
        return self._running().node.account_keys(claim)

    def kept_out(self, claim: str | None, host: str = "") -> str | None:
        """Why operators have kept an account, or an address, out of the network, as a clause; None: they have not."""
        return self._running().node.kept_out(claim, host)

    async def change_key(self, claim: str, text: str, comment: str = "", *, bound: bool) -> None:
        """Bind a public key (`text`: type and base 64) to an account, or take it away, in the whole network.

        Whose account it is must have been proved. Returns when the change is durable here; raises NotChanged.
        """
        problem = await self._running().changes.change_key(claim, text, comment, bound=bound)
        if problem is not None:
            raise NotChanged(problem)

    async def change_secret(self, claim: str, secret: str, new_secret: str) -> None:
        """Give an account another secret, in the whole network, for somebody who knows the present one.

        Returns when the change is durable here; raises NotChanged.
        """
        problem = await self._running().changes.change_secret(claim, secret, new_secret)
        if problem is not None:
            raise NotChanged(problem)

    async def account_opened(self, name: str, secret: str, host: str = "") -> AccountFact | None:
        """Of the accounts that somebody giving a name may mean (`accounts_called`) the one that `secret` opens.

        Takes as long when there is no such account. `host` is the address of whoever asks: all have their turn. When
        this is cancelled, what has not begun is dropped. Raises NotRunning, TooBusy.
        """
        self._running()
        assert self._passwords is not None
        return await account_opened(self._passwords, self.accounts_called, name, secret, share_of(host))

    # --- inside ---------------------------------------------------------------------------------------------------

    def _running(self) -> Runtime:
        if self._runtime is None or self._stopping is not None:
            raise NotRunning("The server is not running.")
        return self._runtime

    def _store_thread(self) -> Persistence:
        self._running()
        assert self._persistence is not None
        return self._persistence

    def _listening_tls(self) -> ssl.SSLContext:
        assert self._tls is not None, "nobody listens before there is a key"
        return self._tls.listening

    def _exhausted(self, error: OSError) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._exhausted_at >= EXHAUSTED_TOLD:
            self._exhausted_at = now
            text = f"nobody else can connect for now: {error.strerror or error}; raise the limit (ulimit -n)"
            self._tell("limits", text, "error")

    def publish(self, notice: Notice) -> None:
        """Put something that happened beside the node among its events."""
        self._notice(notice)

    @property
    def told_so_far(self) -> Iterator[Notice]:
        """Everything that `subscribe` tells, from before it is called: lines of stories first, then notices."""
        yield from map(noted, self.lines)
        yield from self.notices

    def _noted(self, line: StoryLine) -> None:
        self.lines.append(line)
        self._subscribers.call(noted(line))

    def _in_store_thread(self, work: Callable[[], None]) -> None:
        if self._persistence is not None:
            self._persistence.do(work)

    def _notice(self, notice: Notice) -> None:
        self.notices.append(notice)
        self._subscribers.call(notice)

    def _tell(self, kind: NoticeKind, text: str, severity: Severity) -> None:
        self._notice(Notice(time.time(), kind, text, severity))

    @property
    def _follows_machine(self) -> bool:
        """Whether what is advertised is found out, not asked for."""
        return self.settings.advertise is None and self.settings.host in EVERYWHERE

    def _advertise(self, action: Advertise) -> None:
        self._advertised, self._also = action.address, action.also
        self._another_identity()

    def _indexed(self, figures: IndexFigures) -> None:
        if self._runtime is not None and self._stopping is None:
            self._runtime.deliver(SearchIndexed(*figures))

    def _another_identity(self) -> None:
        # Behind the action in hand: whoever hears of it may tell the node something.
        asyncio.get_running_loop().call_soon(self._identity_subscribers.call)

    def _finish(self, undone: tuple[str, ...]) -> None:
        if self._stopping is None:
            self._stopping = asyncio.get_running_loop().create_task(self._stop(undone), name="stop")

    async def _stop(self, undone: tuple[str, ...], *, at_once: bool = False) -> None:
        assert self._runtime is not None and self._closed is not None
        assert self._persistence is not None and self._passwords is not None
        for timer in (self._drain_limit, self._preparing):
            if timer is not None:
                timer.cancel()
        try:
            with contextlib.suppress(Exception):
                self._snapshot = (0.0, self._runtime.snapshot())
            for acceptor in self._acceptors:
                acceptor.close()
            await self._runtime.aclose("the server has left", at_once=at_once)
            self.lines.flush()
            await self._passwords.aclose()
            try:
                async with asyncio.timeout(ABORT_LIMIT if at_once else STORE_LIMIT):
                    await self._persistence.aclose()
            except TimeoutError:
                undone += ("the disk did not answer in time",)
            rescued = self._persistence.rescued
            if rescued is not None:
                lost = f"the data directory {self.settings.data_dir} was lost"
                undone += (f"{lost}; what was kept in it is in the backup {rescued} now: restore that one",)
            for acceptor in self._acceptors:
                await acceptor.wait_closed()
        except Exception:
            log.exception("a fault in stopping")
        finally:
            if not self._closed.done():
                self._closed.set_result(undone)
