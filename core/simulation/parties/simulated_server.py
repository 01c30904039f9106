"""A host that runs a node: carries out its actions in virtual time, dies, and starts again from its disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import msgspec

from core.certificates.leaf import ShownLeaf
from core.node.interface import actions
from core.node.interface.events import (
    ConnectionClosed,
    ConnectionOpened,
    DialFailed,
    DrainRequested,
    Event,
    InvitationUsed,
    JoinRequested,
    KeyAgreed,
    MalformedReceived,
    MessageReceived,
    NetworkAdopted,
    Now,
    Origin,
    PostsReceived,
    QueuesCounted,
    SecretHashed,
    SecretsDrawn,
    SecretVerified,
    Woke,
)
from core.node.interface.node_config import NodeConfig
from core.node.interface.notices import Notice
from core.node.interface.traces import TraceFields, TraceKind
from core.node.kernel.context import PLACE, SHOWN_WITH_KEY
from core.node.node import Node
from core.simulation.environment import agreeing
from core.simulation.environment.connection_ends import End
from core.simulation.environment.environment import Environment
from core.simulation.environment.randomness import number_of, pick, seeded
from core.simulation.environment.simulated_disk import SimulatedDisk
from core.simulation.environment.simulated_network import DialFailure, Encryption, HostPlace
from core.simulation.parties.simulated_identity import adopted, give_key, leaf_of, new_store, with_key, with_network
from core.simulation.parties.suspended_process import SuspendedProcess
from core.simulation.plans.plan import IdentityKind, Stillness
from core.store.identity import LEAP_MAX
from core.store.kept_founding import with_founding
from core.store.kept_time import with_told_time
from core.stories.lines import StoryLine
from core.wire.address import Address
from core.wire.codec import Frame
from core.wire.entries import EntryId
from core.wire.invitations import code_id
from core.wire.keepables import Keepable
from core.wire.limits import CLIENT_LINE_BYTES_MAX, SERVER_LINE_BYTES_MAX
from core.wire.messages import (
    Account,
    ActivityMessage,
    Authenticate,
    CaughtUp,
    LockAllowed,
    LockDenied,
    LockRequest,
    Login,
    LoginFailed,
    Message,
    Quit,
    Redirect,
    Register,
    ServerAnnounce,
    ServerHello,
)
from core.wire.scope import Scope, scope_of

STOP_SECONDS: Final = 1.5
"""After which the process of a node that has finished ends."""
NETWORK_SETTING: Final = "network"
_LOOKED_AT: Final = frozenset({CaughtUp, LoginFailed, Redirect, Quit})
"""What servers say that is looked at when they do."""
_LOCKS: Final = frozenset({LockRequest, LockAllowed, LockDenied})
"""What they say of registrations."""
_OF_PEOPLE_OVER_SSH: Final = (
    actions.KeyChanged,
    actions.KeyRemoved,
    actions.SecretChangeAnswered,
    actions.SecretReplaced,
)
"""That people come in over SSH is not simulated."""


M = TypeVar("M", bound=Message)


def as_before_keys(message: M) -> M:
    """What a server of the version before reads of a message: it does not know the fields that keys have brought, and
    cares for no feature that it has never heard of."""
    match message:
        case Authenticate():
            return msgspec.structs.replace(message, key=None, nonce=None, features=_before(message.features))
        case ServerHello():
            features = _before(message.features)
            return msgspec.structs.replace(message, key=None, nonce=None, proof=None, features=features)
        case LockAllowed():
            return msgspec.structs.replace(message, votes=[])
        case Account():
            return msgspec.structs.replace(message, vote=None)
        case Login() | Register():
            return msgspec.structs.replace(message, features=[one for one in message.features if one != PLACE])
        case ServerAnnounce():
            return msgspec.structs.replace(message, key=None, signature=None, signs_from=None, more={})
    return message


def _before(features: Sequence[str]) -> list[str]:
    return [one for one in features if one not in SHOWN_WITH_KEY]


class ServerObserver(Protocol):
    """Who watches a server, and knows what the server itself does not."""

    def is_server(self, host: str) -> bool:
        """Whether there is a server of ours at a host."""

    def is_ours(self, node_id: str) -> bool:
        """Whether an id is that of a server of ours, which keeps what it is given."""

    def broke(self) -> None:
        """A server has started or died: it takes a while until the others know."""

    def strand(self, end: End) -> None:
        """A connection is dead without a sign of it at this end."""

    def kept(self, server: SimulatedServer, keepables: tuple[Keepable, ...]) -> None:
        """Keepables are on the disk."""

    def login_refused(self, server: SimulatedServer, end: End) -> None:
        """The server is about to refuse a login."""

    def caught_up(self, server: SimulatedServer, end: End) -> None:
        """The server tells a client that it has sent it what it missed."""

    def named(self, server: SimulatedServer, host: str, to: str) -> None:
        """The server has named an address to somebody, or to itself to dial."""

    def handed_out(self, server: SimulatedServer, frame: Frame) -> None:
        """The server hands this to its clients."""

    def noticed(self, server: SimulatedServer, notice: Notice) -> None:
        """The node says something to whoever runs it."""

    def died(self, server: SimulatedServer) -> None:
        """The server's process is about to end, without a word or after one."""

    def locked(self, server: SimulatedServer, message: Message) -> None:
        """The server sends a message of a registration."""

    def noted(self, server: SimulatedServer, line: StoryLine) -> None:
        """The node notes what happens in the network."""

    def traced(self, server: SimulatedServer, kind: TraceKind, fields: TraceFields) -> None:
        """The node says what goes on in it, to whoever debugs it."""


@dataclass(slots=True)
class Life:
    """One run of a server's process, as it really was. Times are virtual."""

    incarnation: int
    began: float
    ended: float | None = None
    told_to_leave: float | None = None
    left: float | None = None
    """When its node said that it had left."""
    still: list[tuple[float, float]] = field(default_factory=list)
    """Spans in which it stood still."""


class SimulatedServer:
    """One host, with its disk and, while it runs, its node."""

    def __init__(
        self,
        environment: Environment,
        observer: ServerObserver,
        name: str,
        config: NodeConfig,
        *,
        clock_offset: float = 0.0,
        clock_rate: float = 1.0,
        disk: SimulatedDisk | None = None,
        address: Address | None = None,
        identity: IdentityKind = "certified",
        encrypts: bool = True,
    ) -> None:
        """`disk` is one that has been another server's before; without it the server gets an empty one, and an
        `identity`. `address` is where it listens, if not at its own name. `encrypts`: otherwise it is of the version
        before, whatever key it has."""
        self._environment = environment
        self._observer = observer
        self.name = name
        self.config = config
        self.host = name
        """Where it is, whatever it advertises."""
        self.address = address or Address(name, config.port)
        self.clock_offset = clock_offset
        """How far the wall clock is ahead, in seconds; jumps change it."""
        self.clock_rate = clock_rate
        self.node: Node | None = None
        self.boots = 0
        self.finished: tuple[str, ...] | None = None
        """What the node said it left undone when it left on purpose; None while it has not."""
        self.missed = False
        """It left, but holds what nobody else may have: something was left undone, or nobody was there to take it."""
        self.was_keyless = False
        """Whether it was upgraded from the version before: accounts of that time may lack their votes."""
        self.encrypts = encrypts
        self._entropy = number_of(environment.seed, "id", name).to_bytes(8, "big")
        if disk is None:
            store = new_store(self._entropy, identity)
            disk = SimulatedDisk(environment.schedule, store, seeded(environment.seed, "disk", name), self._kept)
        self.disk = disk
        self.told_own_addresses = False
        """Whether the node is told at which of its addresses a connection has come."""
        self.performing: Callable[[actions.Action], None] | None = None
        """Told of each action before it is carried out, while somebody watches."""
        self.stop_after = STOP_SECONDS
        self.keyed = False
        """Whether it has a key; otherwise it is of the version before."""
        self.invitations: dict[str, int] = {}
        """Codes that were given out here, and how often each may still be used."""
        self.frozen = False
        """Whether nothing that comes over its connections is looked at."""
        self._suspended: SuspendedProcess | None = None
        self._booted_at = 0.0
        self.lives: list[Life] = []
        """Its runs, the present one last."""
        self.connected: dict[str, list[float]] = {}
        """By host: when a connection with it came up, in either direction."""
        self._ends: dict[int, End] = {}
        self._posts: list[ActivityMessage] = []
        """Activities that have arrived at this moment, and are not handed in yet: all over one connection."""
        self._posting = 0
        """Which one that is."""
        self._acting = False
        """Whether what the node wants done is being carried out."""
        self._behind: deque[Event] = deque()
        """Events that have come of it meanwhile."""
        self._subscribed: dict[int, bool] = {}
        """And whether each speaks the base protocol only."""
        self._wake_at: float | None = None
        self._check_at: float | None = None
        self._woken_by = 0.0
        self._performers: dict[type[Any], Callable[[Any], None]] = {
            actions.Send: self._send,
            actions.SendAll: self._send_all,
            actions.Broadcast: self._broadcast,
            actions.BroadcastAll: self._broadcast_all,
            actions.Subscribe: self._subscribe,
            actions.Unsubscribe: self._unsubscribe,
            actions.Close: self._close,
            actions.Hold: self._hold,
            actions.Pause: self._pause,
            actions.Trust: self._trust,
            actions.Known: self._known,
            actions.Dial: self._dial,
            actions.Persist: self._persist,
            actions.KeepTime: lambda action: self.disk.keep_time(action.stamp),
            actions.KeepFounding: lambda action: self.disk.keep_founding(action.text),
            actions.KeepOut: lambda action: None,
            actions.RemoveEntries: lambda action: self.disk.remove(action.entries, action.fingerprints),
            actions.FetchPage: self._fetch_page,
            actions.FetchRecords: self._fetch_records,
            actions.AgreeOnKey: self._agree_on_key,
            actions.AskSummary: lambda action: self.disk.ask_summary(action.token, action.query),
            actions.HashSecret: self._hash_secret,
            actions.VerifySecret: self._verify_secret,
            actions.WakeAt: self._wake,
            actions.AdoptNetwork: self._adopt_network,
            actions.UseInvitation: self._use_invitation,
            actions.KeepSecret: self._keep_secret,
            actions.DrawSecrets: self._draw_secrets,
            actions.Advertise: lambda action: None,
            actions.Notify: self._notify,
            actions.Noted: self._noted,
            actions.Trace: self._trace,
            actions.CountQueues: lambda action: self.handle(QueuesCounted(action.token, {})),
            **dict.fromkeys(_OF_PEOPLE_OVER_SSH, lambda action: None),
            actions.Finished: self._finished,
        }

    # --- life ---------------------------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        return self.disk.store.node

    @property
    def up(self) -> bool:
        return self.node is not None

    def has(self, entry_id: EntryId) -> bool:
        """Whether an entry has come to the node; one that is down has nothing."""
        return self.node is not None and entry_id in self.node.replication.vector

    def start(self, join: tuple[Address, ...] = ()) -> None:
        """Start the process, from what the disk has."""
        if self.node is not None:
            return
        self._suspended = None
        environment = self._environment
        self.boots += 1
        self._observer.broke()
        self._booted_at = environment.schedule.time
        self._wake_at = self._check_at = None
        self._woken_by = 0.0
        self.finished = None
        environment.network.dark.discard(self.host)
        leap = pick(seeded(environment.seed, "leap", self.name, self.boots), LEAP_MAX)
        recovered = with_key(self.disk.store.start(self.now().wall, leap), self.disk.store)
        recovered = with_founding(with_told_time(recovered, self.disk.store), self.disk.store)
        self.keyed = recovered.signer is not None
        if self.keyed and self.encrypts:
            drawn = number_of(environment.seed, "network", self.name).to_bytes(8, "big")
            # Who is to join another network makes one for the time being.
            recovered = with_network(recovered, self.disk.store, drawn, None if join else self.now().wall)
        self.lives.append(Life(recovered.incarnation, environment.schedule.time))
        rng = seeded(environment.seed, "node", self.name, self.boots)
        node = Node(self.config, recovered, rng, self.now(), checked_every=environment.checked_every)
        self.node = node
        self.disk.deliver = lambda event: self.handle(event) if self.node is node else None
        environment.network.listen(self.address, self.host, self)
        self.perform(node.start(self.now()))
        for address in join:
            self.handle(JoinRequested(address))

    @property
    def leaf(self) -> ShownLeaf | None:
        """What it shows over encrypted connections."""
        return leaf_of(self.disk.store) if self.encrypts else None

    def crash(self, fraction: float, *, silent: bool = False) -> None:
        """The process dies; `silent`: the whole host does, and nobody is told.

        `fraction` is how much of the disk's unsynced tail was written.
        """
        if self.node is None:
            return
        self._over()
        self.node = None
        self._suspended = None
        self._posts = []
        self._behind.clear()
        self._observer.broke()
        network = self._environment.network
        network.unlisten(self.address)
        self.disk.crash(fraction)
        rng = seeded(self._environment.seed, "crash", self.name, self.boots)
        if silent:
            network.dark.add(self.host)
        for end in list(self._ends.values()):
            if rng.random() < 0.5:
                end.lane.lose(pick(rng, end.lane.waiting + 1))
            if silent:
                self._observer.strand(end.far)
            end.vanish(told=not silent)
        self._ends.clear()
        self._subscribed.clear()

    @property
    def is_suspended(self) -> bool:
        """Whether its process stands still."""
        return self.node is not None and self._suspended is not None

    def suspend(self, stillness: Stillness) -> None:
        """The process stands still until `resume`. Nothing if it does, or does not run."""
        if self.node is not None and self._suspended is None:
            self._observer.broke()
            self._suspended = SuspendedProcess(stillness, self._environment.schedule.time)

    def resume(self) -> None:
        """The process goes on, with what has come for it meanwhile. Nothing if it has not stood still."""
        suspended, self._suspended = self._suspended, None
        if self.node is None or suspended is None:
            return
        self._observer.broke()
        seconds = self._environment.schedule.time - suspended.since
        self.lives[-1].still.append((suspended.since, self._environment.schedule.time))
        if suspended.stillness is not Stillness.PROCESS:
            self._booted_at += seconds
        if suspended.stillness is Stillness.GUEST:
            self.clock_offset -= seconds
        suspended.take_up()
        self._check_at = None
        if self._wake_at is not None:
            self._schedule_check(self._wake_at)

    def upgrade(self) -> None:
        """From its next start on it is of the version of today, with a key. Nothing if it is, or runs."""
        store = self.disk.store
        if self.node is None:
            self.encrypts = True
        if self.node is None and store.signer is None:
            give_key(store, self._entropy, signs_from=store.incarnation + 1)
            self.was_keyless = True

    def move_to(self, address: Address) -> None:
        """From its next start on it is at another address, with all that it has. Nothing if it runs."""
        if self.node is None:
            if self.config.hostname == self.address.host:
                self.config = msgspec.structs.replace(self.config, hostname=address.host)
            self.address = address
            self._environment.network.places[self.host] = HostPlace(address.host, is_machine=True)
            self._environment.network.locate(address, self.host)

    def drain(self) -> None:
        """Leave the network on purpose."""
        if self.node is not None and self.lives[-1].told_to_leave is None:
            self.lives[-1].told_to_leave = self._environment.schedule.time
        self.handle(DrainRequested("told to"))

    def jump_clock(self, seconds: float) -> None:
        self.clock_offset += seconds

    @property
    def clock_error(self) -> float:
        """How far the wall clock is ahead now, in seconds: its offset, and what it has drifted."""
        return self.clock_offset + self._environment.schedule.time * (self.clock_rate - 1.0)

    def now(self) -> Now:
        schedule = self._environment.schedule
        elapsed = (schedule.time - self._booted_at) * self.clock_rate
        # Dividing and multiplying by the clock's rate may lose the last bit.
        return Now(max(elapsed, self._woken_by), schedule.epoch + schedule.time * self.clock_rate + self.clock_offset)

    def attach(self, end: End) -> None:
        """Hold the end of a connection that the node has been told of already."""
        self.connected.setdefault(end.peer, []).append(self._environment.schedule.time)
        end.party = self
        self._ends[end.conn] = end

    def settle(self) -> None:
        """Take up what was put into the node from outside: its timers are due when it says so."""
        node = self.node
        if node is not None:
            self.perform(node.handle(Woke(), self.now()))

    # --- events -------------------------------------------------------------------------------------------------------

    def handle(self, event: Event) -> None:
        """Hand the node an event, if it lives, and do what it wants done; behind that, what comes of it at once."""
        if self._suspended is not None:
            self._suspended.put(partial(self.handle, event))
            return
        if self._acting:
            self._behind.append(event)
            return
        if self._posts:
            self._hand_in_posts()
        self._take(event)

    def _take(self, event: Event) -> None:
        node = self.node
        if node is not None:
            self.perform(node.handle(event, self.now()))

    def _hand_in_posts(self) -> None:
        """Hand in what was read at once."""
        posts, self._posts = self._posts, []
        if len(posts) == 1:
            self.handle(MessageReceived(self._posting, posts[0]))
        elif posts:
            self.handle(PostsReceived(self._posting, posts))

    def accepted(self, end: End, peer: Address) -> SimulatedServer:
        at = None
        if self.told_own_addresses:
            at = Address(self._environment.network.seen_at(self.host, end.peer), self.address.port)
        self.open(end, "inbound", peer, at=at)
        return self

    def open(
        self,
        end: End,
        origin: Origin,
        peer: Address,
        *,
        dial: int | None = None,
        vouched: str | None = None,
        at: Address | None = None,
    ) -> None:
        """A connection is up: see `ConnectionOpened`."""
        self.attach(end)
        end.line_max = CLIENT_LINE_BYTES_MAX
        self.handle(ConnectionOpened(end.conn, origin, peer, dial, vouched, at, end.shown, end.encrypted))

    @property
    def ends(self) -> Mapping[int, End]:
        """The ends of its connections, by number."""
        return self._ends

    def received(self, conn: int, message: Message) -> None:
        if self.frozen:
            return
        if self._suspended is not None:
            self._suspended.put(partial(self.received, conn, message))
            return
        if isinstance(message, ActivityMessage):
            # What has arrived behind it at the same moment is read with it.
            if self._posts and self._posting != conn:
                self._hand_in_posts()
            if not self._posts:
                self._posting = conn
                self._environment.schedule.after(0.0, self._hand_in_posts)
            self._posts.append(message if self.keyed else as_before_keys(message))
            return
        self.handle(MessageReceived(conn, message if self.keyed else as_before_keys(message)))

    def garbled(self, conn: int, info: str) -> None:
        self.handle(MalformedReceived(conn, info))

    def closed(self, conn: int, reason: str) -> None:
        if self._suspended is not None:
            self._suspended.put(partial(self.closed, conn, reason))
            return
        end = self._ends.pop(conn, None)
        if end is not None:
            self._subscribed.pop(conn, None)
            self.handle(ConnectionClosed(conn, reason, end.lane.unconfirmed))

    # --- actions ------------------------------------------------------------------------------------------------------

    def perform(self, wanted: Sequence[actions.Action]) -> None:
        """Do what the node wants done, and hand in what has come of it meanwhile."""
        performers = self._performers
        outermost, self._acting = not self._acting, True
        try:
            for action in wanted:
                if self.performing is not None:
                    self.performing(action)
                performers[type(action)](action)
        finally:
            self._acting = not outermost
        while outermost and self._behind:
            self._take(self._behind.popleft())

    def _send(self, action: actions.Send) -> None:
        end = self._ends.get(action.conn)
        if end is not None:
            if type(action.frame.message) in _LOCKS:
                self._observer.locked(self, action.frame.message)
            if type(action.frame.message) in _LOOKED_AT:
                self._look_at(action.frame.message, end)
            end.send(action.frame)

    def _send_all(self, action: actions.SendAll) -> None:
        for frame in action.frames:
            self._send(actions.Send(action.conn, frame))

    def _look_at(self, message: Message, end: End) -> None:
        """Whoever is sent elsewhere is named a place that there is where they are; the ledger hears of the rest."""
        if isinstance(message, LoginFailed):
            self._observer.login_refused(self, end)
        elif isinstance(message, CaughtUp):
            self._observer.caught_up(self, end)
        elif isinstance(message, Redirect):
            self._observer.named(self, message.hostname, end.peer)
        elif isinstance(message, Quit) and message.new_server_ip is not None and not self._observer.is_server(end.peer):
            self._observer.named(self, message.new_server_ip, end.peer)

    def _broadcast(self, action: actions.Broadcast) -> None:
        self._observer.handed_out(self, action.frame)
        for conn, base in list(self._subscribed.items()):
            self._ends[conn].send(action.frame.base if base else action.frame)

    def _broadcast_all(self, action: actions.BroadcastAll) -> None:
        for frame in action.frames:
            self._broadcast(actions.Broadcast(frame))

    def _subscribe(self, action: actions.Subscribe) -> None:
        if action.conn in self._ends:
            self._subscribed[action.conn] = action.base

    def _unsubscribe(self, action: actions.Unsubscribe) -> None:
        self._subscribed.pop(action.conn, None)

    def _close(self, action: actions.Close) -> None:
        end = self._ends.get(action.conn)
        if end is not None:
            self._subscribed.pop(action.conn, None)
            end.close(action.reason)

    def _hold(self, action: actions.Hold) -> None:
        end = self._ends.get(action.conn)
        if end is not None:
            # Going on may lead to more actions for the same connection: after those in hand.
            self._environment.schedule.after(0.0, lambda: end.hold(action.held))

    def _pause(self, action: actions.Pause) -> None:
        end = self._ends.get(action.conn)
        if end is not None:
            self._environment.schedule.after(0.0, lambda: end.pause(True))
            self._environment.schedule.after(action.seconds, lambda: end.pause(False))

    def _trust(self, action: actions.Trust) -> None:
        end = self._ends.get(action.conn)
        if end is not None:
            end.line_max = SERVER_LINE_BYTES_MAX

    def _known(self, action: actions.Known) -> None:
        """Places are the engine's matter."""

    def _dial(self, action: actions.Dial) -> None:
        node = self.node
        number = action.dial
        untried = [*action.others]

        def dial(address: Address) -> None:
            self._observer.named(self, address.host, self.host)

            def then(outcome: End | DialFailure) -> None:
                if self.node is not node:
                    if isinstance(outcome, End):
                        outcome.vanish(told=True)
                elif isinstance(outcome, DialFailure):
                    if untried:
                        dial(untried.pop(0))
                    else:
                        self.handle(DialFailed(number, outcome.reason, refused=outcome.refused, clear=outcome.clear))
                else:
                    at = self._address_of(outcome, address) if self.told_own_addresses else None
                    self.open(outcome, "outbound", address, dial=number, at=at)

            encryption = Encryption(lambda there: self.leaf if action.shows else None) if action.encrypted else None
            self._environment.network.dial(self.host, address, self.config.dial_limit, then, encryption)

        dial(action.address)

    def _address_of(self, end: End, dialled: Address) -> Address:
        """The address from which a connection goes out."""
        loopback = scope_of(dialled.host) is Scope.MACHINE
        host = "127.0.0.1" if loopback else self._environment.network.place_of(self.host).address
        return Address(host, 50_000 + end.conn % 10_000)

    def _persist(self, action: actions.Persist) -> None:
        self.disk.persist(action.batch, action.keepables)

    def _fetch_page(self, action: actions.FetchPage) -> None:
        self.disk.fetch(action.token, action.query)

    def _fetch_records(self, action: actions.FetchRecords) -> None:
        self.disk.fetch_records(action.token, action.query)

    def _hash_secret(self, action: actions.HashSecret) -> None:
        salt = f"{number_of(self._environment.seed, 'salt', self.name, self.boots, action.token):016x}"
        event = SecretHashed(action.token, self._environment.hashing.verifier_of(action.secret, salt))
        self._later(self._environment.hashing.seconds, event)

    def _verify_secret(self, action: actions.VerifySecret) -> None:
        hashing = self._environment.hashing
        self._later(hashing.seconds, SecretVerified(action.token, hashing.matches(action.secret, action.verifier)))

    def _use_invitation(self, action: actions.UseInvitation) -> None:
        code = next((code for code in self.invitations if code_id(code) == action.invitation), None)
        good = code is not None and self.invitations[code] > 0
        if code is not None and good:
            self.invitations[code] -= 1
        self._later(0.0, InvitationUsed(action.token, good))

    def _agree_on_key(self, action: actions.AgreeOnKey) -> None:
        if action.invitation:
            code = next(
                (one for one, uses in self.invitations.items() if uses and code_id(one) == action.invitation), None
            )
            if code is None:
                self._later(agreeing.SECONDS, KeyAgreed(action.token))
                return
            action = msgspec.structs.replace(action, secret=code)
        drawn = number_of(self._environment.seed, "share", self.name, self.boots, action.token)
        self._later(agreeing.SECONDS, agreeing.agree(action, drawn.to_bytes(8, "big")))

    def _adopt_network(self, action: actions.AdoptNetwork) -> None:
        self._later(0.0, NetworkAdopted(adopted(self.disk.store, action.network)))

    def _keep_secret(self, action: actions.KeepSecret) -> None:
        self.config = msgspec.structs.replace(self.config, secret=action.secret)

    def _draw_secrets(self, action: actions.DrawSecrets) -> None:
        drawn = [
            number_of(self._environment.seed, what, self.name, self.boots, action.token)
            for what in ("seed", "ssh", "secret", "blind")
        ]
        seed, ssh, secret, blind = (one.to_bytes(32, "big") for one in drawn)
        self._later(0.0, SecretsDrawn(action.token, seed, ssh, f"made {secret.hex()[-16:]}", blind))

    def _later(self, seconds: float, event: Event) -> None:
        node = self.node
        self._environment.schedule.after(seconds, lambda: self.handle(event) if self.node is node else None)

    def _wake(self, action: actions.WakeAt) -> None:
        self._wake_at = action.at
        # A check that comes earlier looks again: timers mostly move into the future.
        if self._check_at is None or action.at < self._check_at:
            self._schedule_check(action.at)

    def _schedule_check(self, at: float) -> None:
        self._check_at = at
        node = self.node
        self._environment.schedule.at(self._booted_at + at / self.clock_rate, lambda: self._check(node, at))

    def _check(self, node: Node | None, at: float) -> None:
        if self.node is not node or self._check_at != at or self._suspended is not None:
            return
        self._check_at = None
        if self._wake_at is not None and self._wake_at > at:
            self._schedule_check(self._wake_at)
        elif self._wake_at is not None:
            self._wake_at = None
            self._woken_by = at
            self.handle(Woke())

    def _notify(self, action: actions.Notify) -> None:
        self._observer.noticed(self, action.notice)

    def _noted(self, action: actions.Noted) -> None:
        self._observer.noted(self, action.line)

    def _trace(self, action: actions.Trace) -> None:
        self._observer.traced(self, action.kind, action.fields)

    def _finished(self, action: actions.Finished) -> None:
        node = self.node
        assert node is not None
        self.finished = action.undone
        self.lives[-1].left = self._environment.schedule.time
        # A base server that took its place keeps nothing.
        successor = node.topology.own.successor
        self.missed = bool(action.undone) or successor is None or not self._observer.is_ours(successor)
        # What was sent last still goes out: the process ends a moment later.
        self._environment.schedule.after(self.stop_after, lambda: self._stop() if self.node is node else None)

    def _over(self) -> None:
        """The process ends."""
        life, now = self.lives[-1], self._environment.schedule.time
        life.ended = now
        self._observer.died(self)
        if self._suspended is not None:
            life.still.append((self._suspended.since, now))

    def _stop(self) -> None:
        if self._suspended is not None:
            self._suspended.put(self._stop)
            return
        self._over()
        self.node = None
        self._posts = []
        self._environment.network.unlisten(self.address)
        self.disk.crash(1.0)
        for end in list(self._ends.values()):
            end.vanish(told=True)
        self._ends.clear()
        self._subscribed.clear()

    def _kept(self, keepables: tuple[Keepable, ...]) -> None:
        self._observer.kept(self, keepables)
