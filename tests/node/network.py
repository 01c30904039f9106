"""A deterministic network in memory: nodes as they are, with virtual time, links that take a while, and disks.

`Network.start` starts a server, `Network.client` connects a client to one, `Network.base_server` a base server, and
`Network.run` lets time pass. What can go wrong: a server crashes, a connection is cut, a connection is slow, a disk
fails. Every message crosses as bytes, within the limits on lines, so that what one node says another one can read.
"""

from __future__ import annotations

import heapq
import itertools
import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

import msgspec

from core.node import Node, NodeConfig, Notice, Now, local
from core.node.interface import actions, events
from core.wire import messages as wire
from core.wire.address import Address
from core.wire.codec import MalformedLine, decode, encode
from core.wire.entries import (
    AccountFact,
    Entry,
    EntryId,
    Fetch,
    Page,
    PeerForgotten,
    PeerRecord,
    Record,
    Recovered,
    StreamMark,
    VersionVector,
)
from core.wire.limits import CLIENT_LINE_BYTES_MAX, SERVER_LINE_BYTES_MAX
from core.wire.messages import Message, command_of
from core.wire.scope import Scope, scope_of

SECRET = "network secret"
NATIVE_CLIENT = ["quit", "resume", "ack", "ping", "status"]
WALL = 1_700_000_000.0
"""Wall-clock time at the beginning."""

M = TypeVar("M")


class Disk:
    """What a server keeps; outlives its crashes."""

    def __init__(self) -> None:
        self.entries: dict[EntryId, Entry] = {}
        self.vector = VersionVector()
        self.peers: dict[str, PeerRecord] = {}
        self.incarnation = 0
        self.failing = False
        self.delay = 0.0002

    def commit(self, records: Iterable[Record]) -> None:
        for record in records:
            match record:
                case Entry():
                    assert record.id not in self.entries, f"{record.id} was accepted twice"
                    self.entries[record.id] = msgspec.structs.replace(record, since=None)
                    self.vector.add(record.id)
                case StreamMark():
                    self.vector.raise_to(record.stream, record.upto)
                case PeerRecord():
                    self.peers[record.id] = record
                case PeerForgotten():
                    self.peers.pop(record.id, None)

    def fetch(self, query: Fetch) -> Page:
        found = sorted(
            (one for one in self.entries.values() if one.kind in query.kinds and _is_beyond(one.id, query)),
            key=lambda one: (one.stamp, one.id),
        )
        if query.newest is not None:
            found = found[-query.newest :]
        page = found[: query.entries_max]
        left = found[query.entries_max :]
        upto = dict(self.vector.contiguous)
        for one in left:
            stream = one.id.stream
            upto[stream] = min(upto.get(stream, 0), one.id.seq - 1)
        return Page(tuple(page), {stream: n for stream, n in upto.items() if n > query.seen.get(stream, 0)}, bool(left))

    def recover(self, node: str) -> Recovered:
        self.incarnation += 1
        ordered = sorted(self.entries.values(), key=lambda one: (one.stamp, one.id))
        posts = [one for one in ordered if one.kind == "activity"]
        return Recovered(
            node,
            self.incarnation,
            max((one.stamp for one in ordered), default=0),
            dict(self.vector.contiguous),
            tuple(one for one in self.entries if one.seq > self.vector.upto(one.stream)),
            tuple(msgspec.json.decode(one.body, type=AccountFact) for one in ordered if one.kind == "account"),
            {one.sender: one.id for one in posts if one.sender},
            tuple((one.sender, one.ref, one.id) for one in posts if one.ref is not None),
            self._disordered(posts),
            tuple(self.peers.values()),
            len(posts),
        )

    def _disordered(self, posts: list[Entry]) -> tuple[Entry, ...]:
        found: dict[EntryId, Entry] = {}
        for one in posts:
            if one.previous is not None and (one.previous in found or one.previous not in self.vector):
                found[one.id] = one
        return tuple(found.values())

    def activities(self) -> list[Any]:
        """What is kept, in the order of stamps, without the fields that the network adds."""
        return [
            msgspec.json.decode(one.body)
            for one in sorted(self.entries.values(), key=lambda one: (one.stamp, one.id))
            if one.kind == "activity"
        ]


def _is_beyond(entry: EntryId, query: Fetch) -> bool:
    return entry.seq > query.seen.get(entry.stream, 0)


@dataclass(eq=False)
class Wire:
    """A connection between two ends. What was said before an end closes arrives before the close does."""

    number: int
    ends: tuple[End, End]
    delay: float
    open: bool = True
    cut: bool = False

    def other(self, end: End) -> End:
        return self.ends[1] if end is self.ends[0] else self.ends[0]


class End(ABC):
    """Something that has connections."""

    @abstractmethod
    def heard(self, wire: Wire, line: bytes) -> None: ...

    @abstractmethod
    def lost(self, wire: Wire, reason: str) -> None: ...


class Server(End):
    """A node with its disk, as its driver sees it."""

    def __init__(
        self, network: Network, config: NodeConfig, identity: str, disk: Disk, machine: str | None = None
    ) -> None:
        self.network = network
        self.config = config
        self.disk = disk
        self.clock_offset = network.clock_offsets.get(config.name, 0.0)
        """How far its wall clock is ahead, in seconds."""
        self.machine = machine or config.hostname
        """The host where it runs, whatever it says of itself."""
        self.address = Address(self.machine, config.port)
        self.alive = True
        self.undone: tuple[str, ...] | None = None
        self.notices: list[Notice] = []
        self.dials: list[tuple[float, Address]] = []
        self.advertised: list[Address] = []
        self.sent: list[tuple[int, Message]] = []
        self.key_answers: dict[int, str | None] = {}
        self.keys_removed: list[tuple[str, str]] = []
        self.secret_answers: dict[int, str | None] = {}
        self.secrets_replaced: list[str] = []
        self.wires: dict[int, Wire] = {}
        self.verified = 0
        """How many secrets were looked at."""
        self.closed: set[int] = set()
        self.held: set[int] = set()
        self.pauses: list[tuple[int, float]] = []
        self._trusted: set[int] = set()
        self.known: dict[int, bool] = {}
        self._subscribed: dict[int, None] = {}
        self._wake_at: float | None = None
        self._committing = 0.0
        self.node = Node(config, disk.recover(identity), random.Random(network.rng.random()), self.now)
        self._carry_out(self.node.start(self.now))

    @property
    def now(self) -> Now:
        return Now(self.network.time, WALL + self.network.time + self.clock_offset)

    @property
    def id(self) -> str:
        return self.node.id

    @property
    def load(self) -> int:
        return self.node.sessions.load

    @property
    def neighbours(self) -> set[str]:
        """Ids of servers with an established native link."""
        return set(self.node.topology.own.links)

    @property
    def reachable(self) -> set[str]:
        return set(self.node.topology.reachable)

    @property
    def left(self) -> bool:
        """Whether the server has finished leaving."""
        return self.undone is not None

    def tree(self) -> dict[str, list[str]]:
        return {server: self.node.topology.tree_neighbours(server) for server in self.reachable}

    def said(self, kind: type[M]) -> list[M]:
        """Everything of one kind that this server has sent."""
        return [message for _, message in self.sent if isinstance(message, kind)]

    def told(self, kind: str) -> list[str]:
        """The texts of notices of a kind."""
        return [notice.text for notice in self.notices if notice.kind == kind]

    # --- events -------------------------------------------------------------------------------------------------------

    def handle(self, event: events.Event) -> list[actions.Action]:
        if not self.alive:
            return []
        done = self.node.handle(event, self.now)
        self._carry_out(done)
        return done

    def join(self, other: Server) -> None:
        self.handle(events.JoinRequested(other.address))

    def drain(self) -> None:
        self.handle(events.DrainRequested("asked to"))

    def heard(self, wire: Wire, line: bytes) -> None:
        if wire.number in self.closed or wire.number not in self.wires:
            return
        limit = SERVER_LINE_BYTES_MAX if wire.number in self._trusted else CLIENT_LINE_BYTES_MAX
        if len(line) > limit:
            self.handle(events.MalformedReceived(wire.number, f"a line is longer than {limit} bytes"))
            return
        try:
            message = decode(line)
        except MalformedLine as error:
            self.handle(events.MalformedReceived(wire.number, str(error)))
        else:
            self.handle(events.MessageReceived(wire.number, message))

    def lost(self, wire: Wire, reason: str) -> None:
        self._subscribed.pop(wire.number, None)
        if self.wires.pop(wire.number, None) is not None:
            self.handle(events.ConnectionClosed(wire.number, reason))

    def crash(self) -> None:
        """Die without a word; the disk remains."""
        self.alive = False
        self.network.gone(self)

    # --- actions ------------------------------------------------------------------------------------------------------

    def _carry_out(self, done: Sequence[actions.Action]) -> None:
        for action in done:
            if self.alive:
                self._perform(action)

    def _perform(self, action: actions.Action) -> None:
        network = self.network
        match action:
            case actions.Send():
                assert action.conn not in self.closed, f"{action.frame} was sent after the close"
                self._send(action.conn, action.frame.message, action.frame.data)
            case actions.Broadcast():
                for conn in list(self._subscribed):
                    self._send(conn, action.frame.message, action.frame.data)
            case actions.Subscribe():
                self._subscribed[action.conn] = None
            case actions.Unsubscribe():
                self._subscribed.pop(action.conn, None)
            case actions.Close():
                assert action.conn not in self.closed, "a connection was closed twice"
                self.closed.add(action.conn)
                self._subscribed.pop(action.conn, None)
                if action.conn in self.wires:
                    network.close(self.wires[action.conn], self, action.reason)
            case actions.Hold():
                (self.held.add if action.held else self.held.discard)(action.conn)
            case actions.Known():
                self.known[action.conn] = action.named
            case actions.Pause():
                self.pauses.append((action.conn, action.seconds))
            case actions.Trust():
                self._trusted.add(action.conn)
            case actions.Dial():
                self.dials += [(network.time, address) for address in (action.address, *action.others)]
                network.dial(self, action)
            case actions.Advertise():
                self.advertised.append(action.address)
            case actions.Persist():
                self._persist(action)
            case actions.FetchPage():
                query, token = action.query, action.token
                at = max(network.time + network.reading, self._committing)
                network.at(at, lambda: self.handle(events.Fetched(token, self.disk.fetch(query))))
            case actions.HashSecret():
                verifier = f"$argon2id${action.secret}"
                network.after(network.hashing, lambda: self.handle(events.SecretHashed(action.token, verifier)))
            case actions.VerifySecret():
                matches = action.verifier == f"$argon2id${action.secret}"
                self.verified += 1
                network.after(network.hashing, lambda: self.handle(events.SecretVerified(action.token, matches)))
            case actions.WakeAt():
                self._wake_at = action.at
                network.at(action.at, lambda: self.handle(events.Woke()) if self._wake_at == action.at else None)
            case actions.KeyChanged():
                self.key_answers[action.token] = action.problem
            case actions.KeyRemoved():
                self.keys_removed.append((action.claim, action.text))
            case actions.SecretChangeAnswered():
                self.secret_answers[action.token] = action.problem
            case actions.SecretReplaced():
                self.secrets_replaced.append(action.claim)
            case actions.Notify():
                self.notices.append(action.notice)
            case actions.Finished():
                self.undone = action.undone
                network.after(0.05, self.crash)

    def _send(self, conn: int, message: Message, data: bytes) -> None:
        if conn in self.wires:
            self.sent.append((conn, message))
            self.network.carry(self.wires[conn], self, data)

    def _persist(self, action: actions.Persist) -> None:
        def commit() -> None:
            if not self.alive:
                return
            if self.disk.failing:
                self.handle(events.CommitFailed(action.batch, "no space left on device"))
            else:
                self.disk.commit(action.records)
                self.handle(events.Committed(action.batch))

        self._committing = max(self._committing, self.network.time) + self.disk.delay
        self.network.at(self._committing, commit)

    def mend_disk(self) -> None:
        self.disk.failing = False
        self.handle(events.StoreRecovered())


class Peer(End):
    """Whoever is at the other end of one connection of a server, speaking for itself: a client, or a base server."""

    def __init__(self, network: Network, server: Server | None = None) -> None:
        self.network = network
        self.server = server
        self.wire: Wire | None = None
        self.log: list[Message] = []
        self.lines: list[bytes] = []
        self.closed: str | None = None

    def say(self, message: Message | bytes) -> None:
        assert self.wire is not None
        self.network.carry(self.wire, self, message if isinstance(message, bytes) else encode(message))

    def heard(self, wire: Wire, line: bytes) -> None:
        message = decode(line)
        self.lines.append(line)
        self.log.append(message)
        self.answer(message)

    def answer(self, message: Message) -> None:
        """What a peer does when it hears something; nothing."""

    def lost(self, wire: Wire, reason: str) -> None:
        self.closed = reason

    def hang_up(self) -> None:
        assert self.wire is not None
        self.network.close(self.wire, self, "hung up")

    def of(self, kind: type[M]) -> list[M]:
        return [message for message in self.log if isinstance(message, kind)]

    @property
    def commands(self) -> list[str]:
        return [command_of(message) for message in self.log]


class Client(Peer):
    """A client, native unless it shows no features."""

    def __init__(self, network: Network, server: Server | None = None, features: Sequence[str] = NATIVE_CLIENT) -> None:
        super().__init__(network, server)
        self.features = list(features)
        self.answers = True

    def answer(self, message: Message) -> None:
        if isinstance(message, wire.Ping) and self.answers:
            self.say(wire.Pong(message.number))

    def login(self, username: str = "anonymous", secret: str | None = None, **extra: Any) -> None:
        self.say(wire.Login(username, secret, features=self.features, **extra))

    def register(self, username: str, secret: str = "s") -> None:
        self.say(wire.Register(username, secret, features=self.features))

    def post(self, text: object, username: str = "anonymous", secret: str | None = None, **extra: Any) -> None:
        body = {"text": msgspec.Raw(msgspec.json.encode(text))}
        self.say(wire.ActivityMessage(username, body, secret, **extra))

    def texts(self) -> list[Any]:
        """What was posted, in the order in which it arrived."""
        return [msgspec.json.decode(bytes(one.activity))["text"] for one in self.of(wire.ActivityBroadcast)]


class BaseServer(Peer):
    """A base server with one link: announces itself, and answers every registration for all ids behind it."""

    def __init__(self, network: Network, port: int, ids: Sequence[str] = ("base",)) -> None:
        super().__init__(network)
        self.port = port
        self.ids = list(ids)
        self.users: dict[str, str] = {}
        self.answers = True

    def authenticate(self) -> None:
        self.say(wire.Authenticate(SECRET))

    def announce(self, load: int = 0) -> None:
        for number, server in enumerate(self.ids):
            self.say(wire.ServerAnnounce(server, load, "base.example", self.port + number))

    def answer(self, message: Message) -> None:
        match message:
            case wire.LockRequest(username=name, secret=secret) if self.answers and secret is not None:
                if self.users.get(name, secret) != secret:
                    self.say(wire.LockDenied(name, secret))
                else:
                    self.users[name] = secret
                    for _ in self.ids:
                        self.say(wire.LockAllowed(name, secret))
            case wire.LockDenied(username=name, secret=secret):
                if self.users.get(name) == secret:
                    del self.users[name]


@dataclass
class Network:
    """The world."""

    seed: int = 1
    delay: float = 0.005
    """Seconds that a message takes."""
    hashing: float = 0.02
    """Seconds that a slow hash takes."""
    reading: float = 0.0003
    """Seconds that a page of the past takes."""
    time: float = 0.0
    servers: dict[str, Server] = field(default_factory=dict)
    """By name; one that has crashed stays until it is started again."""
    clock_offsets: dict[str, float] = field(default_factory=dict)
    """How far ahead the wall clocks of servers are that are started, in seconds, by name."""
    rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self._queue: list[tuple[float, int, Callable[[], object]]] = []
        self._serial = itertools.count()
        self._wires = itertools.count(1)
        self._disks: dict[str, Disk] = {}
        self._listening: dict[Address, Server | BaseServer] = {}
        self._unreachable: set[frozenset[str]] = set()

    @property
    def now(self) -> Now:
        return Now(self.time, WALL + self.time)

    # --- who takes part -----------------------------------------------------------------------------------------------

    def start(self, name: str, join: Server | None = None, machine: str | None = None, **settings: Any) -> Server:
        """Start a server, or start it again with what its disk has; on a `machine` that is not what it advertises."""
        known = self.servers.get(name)
        if known is not None and machine is None:
            machine = known.machine
        port = known.config.port if known is not None else 1000 + len(self.servers)
        config = replace(local("node.example", port, SECRET), name=name, **settings)
        server = Server(self, config, f"id-{name}", self._disks.setdefault(name, Disk()), machine)
        self.servers[name] = server
        self._listening[server.address] = server
        if join is not None:
            server.join(join)
        return server

    def build(self, parents: Sequence[int | None], settle: float = 5.0, **settings: Any) -> list[Server]:
        """Start a server for each item, which joins the one with that number; let them settle."""
        built: list[Server] = []
        for number, parent in enumerate(parents):
            built.append(self.start(f"n{number:03}", None if parent is None else built[parent], **settings))
            self.run(0.05)
        self.run(settle)
        everybody = {server.id for server in built}
        assert all(server.reachable == everybody for server in built), "the network did not become one"
        return built

    def client(
        self,
        server: Server,
        *,
        features: Sequence[str] = NATIVE_CLIENT,
        origin: events.Origin = "inbound",
        vouched: str | None = None,
        host: str = "client.example",
        at: str | None = None,
    ) -> Client:
        """A client at `host`, which has come to the server's address `at`."""
        client = Client(self, server, features)
        self._connect(client, server, origin, vouched, host, at)
        return client

    def base_client(self, server: Server) -> Client:
        return self.client(server, features=())

    def peer(self, server: Server, host: str = "client.example") -> Peer:
        peer = Peer(self, server)
        self._connect(peer, server, "inbound", None, host)
        return peer

    def logged_in(self, server: Server, username: str = "anonymous", secret: str | None = None, **extra: Any) -> Client:
        """A native client that is logged in."""
        client = self.client(server)
        client.login(username, secret, **extra)
        self.run(0.1)
        assert client.of(wire.LoginSuccess), client.log
        return client

    def logged_in_slowly(self, server: Server, username: str, secret: str) -> Client:
        """The same where a check takes its time."""
        client = self.client(server)
        client.login(username, secret)
        assert self.until(lambda: bool(client.of(wire.LoginSuccess)), 10.0), client.log
        return client

    def registered(self, server: Server, username: str, secret: str = "s") -> Client:
        """A native client that has just registered a name."""
        client = self.client(server)
        client.register(username, secret)
        self.until(lambda: bool(client.of(wire.RegisterSuccess)) or client.closed is not None, 5.0)
        assert client.of(wire.RegisterSuccess), client.log
        return client

    def base_server(self, server: Server, port: int = 9000, ids: Sequence[str] = ("base",)) -> BaseServer:
        """A base server that dials `server`, and announces itself at once."""
        base = BaseServer(self, port, ids)
        base.server = server
        self._connect(base, server, "inbound", None)
        base.authenticate()
        base.announce()
        self.run(0.1)
        return base

    def listening_base_server(self, port: int = 9000, ids: Sequence[str] = ("base",)) -> BaseServer:
        """A base server that takes connections."""
        base = BaseServer(self, port, ids)
        self._listening[Address("base.example", port)] = base
        return base

    # --- connections --------------------------------------------------------------------------------------------------

    def _connect(
        self,
        peer: Peer,
        server: Server,
        origin: events.Origin,
        vouched: str | None,
        host: str = "client.example",
        at: str | None = None,
    ) -> None:
        wire = Wire(next(self._wires), (peer, server), self.delay)
        peer.wire = wire
        server.wires[wire.number] = wire
        address = Address(host, 40_000 + wire.number % 20_000)
        own = Address(at or server.machine, server.config.port)
        server.handle(events.ConnectionOpened(wire.number, origin, address, vouched=vouched, at=own))

    def dial(self, server: Server, action: actions.Dial) -> None:
        def connect() -> None:
            if not server.alive:
                return
            reached = action.address
            for reached in (action.address, *action.others):
                # On each machine loopback is that machine.
                own = scope_of(reached.host) in (Scope.MACHINE, Scope.UNSPECIFIED)
                found = self._listening.get(Address(server.machine, reached.port) if own else reached)
                if found is not None and not (isinstance(found, Server) and not self._can_reach(server, found)):
                    break
            if found is None or (isinstance(found, Server) and not self._can_reach(server, found)):
                blocked = isinstance(found, Server) and found.alive
                why = "timed out" if blocked else "refused"
                server.handle(events.DialFailed(action.dial, why, refused=not blocked))
                return
            wire = Wire(next(self._wires), (server, found), self.delay)
            server.wires[wire.number] = wire
            if isinstance(found, Server):
                found.wires[wire.number] = wire
                near = server.machine == found.machine != "node.example"
                hosts = ("127.0.0.1", "127.0.0.1") if near else (server.machine, found.machine)
                address, at = Address(hosts[0], 50_000 + wire.number), Address(hosts[1], found.config.port)
                found.handle(events.ConnectionOpened(wire.number, "inbound", address, at=at))
            else:
                found.wire, found.closed, found.server = wire, None, server
            if wire.open:
                here = "127.0.0.1" if scope_of(reached.host) is Scope.MACHINE else server.machine
                at = Address(here, 50_000 + wire.number)
                server.handle(events.ConnectionOpened(wire.number, "outbound", reached, action.dial, at=at))

        self.after(self.delay, connect)

    def _can_reach(self, one: Server, other: Server) -> bool:
        return other.alive and frozenset((one.id, other.id)) not in self._unreachable

    def carry(self, wire: Wire, sender: End, data: bytes) -> None:
        if wire.open:
            receiver = wire.other(sender)
            self.after(wire.delay, lambda: None if wire.cut else receiver.heard(wire, data[:-1]))

    def close(self, wire: Wire, by: End, reason: str) -> None:
        """An end closes: what it has said before still arrives."""
        if not wire.open:
            return
        wire.open = False
        self.after(wire.delay, lambda: wire.other(by).lost(wire, reason))
        self.after(2 * wire.delay, lambda: by.lost(wire, reason))

    def cut(self, wire: Wire, reason: str = "connection reset") -> None:
        """A connection breaks: what is under way on it is lost."""
        if wire.open:
            wire.open, wire.cut = False, True
            for end in wire.ends:
                end.lost(wire, reason)

    def gone(self, server: Server) -> None:
        for one in list(server.wires.values()):
            one.open, one.cut = False, server.undone is None
            self.after(one.delay, partial(one.other(server).lost, one, "connection reset"))
        server.wires.clear()

    def wires_between(self, one: Server, other: Server) -> list[Wire]:
        return [wire for wire in one.wires.values() if wire.other(one) is other and wire.open]

    def cut_between(self, one: Server, other: Server) -> None:
        for between in self.wires_between(one, other):
            self.cut(between)

    def part(self, some: Iterable[Server], others: Iterable[Server]) -> None:
        """No connection between the two groups from now on."""
        for one, other in itertools.product(list(some), list(others)):
            self._unreachable.add(frozenset((one.id, other.id)))
            self.cut_between(one, other)

    def mend(self) -> None:
        self._unreachable.clear()

    # --- time ---------------------------------------------------------------------------------------------------------

    def at(self, time: float, do: Callable[[], object]) -> None:
        heapq.heappush(self._queue, (max(time, self.time), next(self._serial), do))

    def after(self, seconds: float, do: Callable[[], object]) -> None:
        self.at(self.time + seconds, do)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.time + seconds
        while self._queue and self._queue[0][0] <= end:
            self._step()
        self.time = end

    def until(self, condition: Callable[[], bool], limit: float = 30.0) -> bool:
        """Let time pass until something is so; whether it was within the limit."""
        end = self.time + limit
        while not condition():
            if not self._queue or self._queue[0][0] > end:
                self.time = end
                return condition()
            self._step()
        return True

    def _step(self) -> None:
        time, _, do = heapq.heappop(self._queue)
        self.time = max(self.time, time)
        do()

    # --- what is so ---------------------------------------------------------------------------------------------------

    @property
    def living(self) -> list[Server]:
        return [server for server in self.servers.values() if server.alive]

    def is_one(self) -> bool:
        """Whether all living servers can reach one another, over the same tree."""
        living = self.living
        everybody = {server.id for server in living}
        tree = living[0].tree()
        return all(server.reachable == everybody and server.tree() == tree for server in living)

    def lock_messages(self) -> Counter[str]:
        """What was sent so far of each lock command, over all servers."""
        kinds = (wire.LockRequest, wire.LockAllowed, wire.LockDenied, wire.LockRelease)
        return Counter(
            command_of(message)
            for server in self.servers.values()
            for _, message in server.sent
            if isinstance(message, kinds)
        )


def chain(count: int) -> list[int | None]:
    """Each server joins the one before it."""
    return [None, *range(count - 1)]


def star(count: int) -> list[int | None]:
    """All servers join the first."""
    return [None, *[0] * (count - 1)]


def random_tree(count: int, seed: int = 1) -> list[int | None]:
    """Each server joins any one before it."""
    rng = random.Random(seed)
    return [None, *(rng.randrange(number) for number in range(1, count))]
