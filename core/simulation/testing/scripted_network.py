"""The whole: servers, what talks to them, and time."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from core.certificates.leaf import ShownLeaf
from core.node.interface.events import Now, Origin
from core.node.interface.node_config import NodeConfig, local
from core.node.interface.notices import Notice
from core.node.interface.traces import TraceFields, TraceKind
from core.simulation.environment.connection_ends import End
from core.simulation.environment.environment import Environment
from core.simulation.environment.schedule import EPOCH, Schedule
from core.simulation.environment.simulated_disk import SimulatedDisk
from core.simulation.environment.simulated_network import HostPlace, SimulatedNetwork
from core.simulation.environment.verifiers import SecretHashing
from core.simulation.parties.simulated_server import SimulatedServer
from core.simulation.testing.scripted_peers import (
    BASE_HOST,
    NATIVE_CLIENT,
    SECRET,
    Ear,
    ScriptedBaseServer,
    ScriptedClient,
    ScriptedPeer,
)
from core.simulation.testing.watched_server import NETWORK, READ_SECONDS, WatchedServer, copy_of, new_disk
from core.stories.lines import StoryLine
from core.wire import messages as wire
from core.wire.address import Address
from core.wire.codec import Frame
from core.wire.keepables import Keepable
from core.wire.messages import Message, command_of

SERVER_HOST: Final = "node.example"
"""Where all servers are that are not said to be elsewhere, each on a machine of its own."""
CLIENT_HOST: Final = "client.example"
DELAY: Final = 0.005
HASH_SECONDS: Final = 0.02
DECODED_MAX: Final = 16
"""Frames that the network itself holds: few, so that a test sees what nodes hold."""
QUEUE_MAX: Final = 1_000_000
"""Messages that may be on their way to one end: nobody is cut off for being slow."""


class PlainHashing(SecretHashing):
    """A verifier that a test can write down: it shows its secret."""

    def verifier_of(self, secret: str, salt: str) -> str:
        return f"$argon2id${secret}"

    def matches(self, secret: str, verifier: str | None) -> bool:
        return verifier == self.verifier_of(secret, "")


class ScriptedNetwork:
    """Real nodes in virtual time, and whoever a test has talk to them."""

    def __init__(
        self,
        seed: int = 1,
        *,
        delay: float = DELAY,
        clock_offsets: Mapping[str, float] = {},
        checked: bool = True,
    ) -> None:
        """`checked`: nodes look at themselves after their events; where steps or time are counted, they must not."""
        self.rng = random.Random(seed)
        """For what a test leaves to chance."""
        self.servers: dict[str, WatchedServer] = {}
        """By name; one that has crashed stays until it is started again."""
        self.clock_offsets = dict(clock_offsets)
        """How far ahead the wall clocks of servers are that are started, in seconds, by name."""
        self._schedule = Schedule()
        self._simulated = SimulatedNetwork(
            self._schedule, seed, latency=(delay, delay), codec=True, queue_max=QUEUE_MAX, note=self._arrives
        )
        self._simulated.counting = self._count
        self._simulated.decoded_max = DECODED_MAX
        self._environment = Environment(seed, self._schedule, self._simulated, PlainHashing(HASH_SECONDS), int(checked))
        self._disks: dict[str, SimulatedDisk] = {}
        self._reading = READ_SECONDS
        self._peers = itertools.count(1)

    # --- how quick it is ----------------------------------------------------------------------------------------------

    @property
    def delay(self) -> float:
        """Seconds that a message takes."""
        return self._simulated.latency[0]

    @delay.setter
    def delay(self, seconds: float) -> None:
        self._simulated.latency = (seconds, seconds)

    @property
    def hashing(self) -> float:
        """Seconds that hashing or checking a secret takes."""
        return self._environment.hashing.seconds

    @hashing.setter
    def hashing(self, seconds: float) -> None:
        self._environment.hashing.seconds = seconds

    @property
    def reading(self) -> float:
        """Seconds that a page of the past takes."""
        return self._reading

    @reading.setter
    def reading(self, seconds: float) -> None:
        self._reading = seconds
        for disk in self._disks.values():
            disk.reading = seconds

    # --- who takes part -----------------------------------------------------------------------------------------------

    def start(
        self,
        name: str,
        join: WatchedServer | None = None,
        machine: str | None = None,
        *,
        keyed: bool = True,
        own_network: bool = False,
        encrypts: bool = True,
        **settings: Any,
    ) -> WatchedServer:
        """Start a server, or start it again with what its disk has; on a `machine` that is not what it advertises.

        Its id is one from before keys; if it is not `keyed`, it is of the version before and has no key either. All
        are of one network, unless one begins a network of its `own_network`, or is to join another with it. If it does
        not `encrypt`, it is of the version before. Links may be in clear, as those with scripted peers are."""
        known = self.servers.get(name)
        if known is not None and machine is None:
            machine = known.machine
        port = known.config.port if known is not None else 1000 + len(self.servers)
        config = replace(local(SERVER_HOST, port, SECRET), name=name, **{"links": "mixed", **settings})
        if name not in self._disks:
            network = None if own_network else NETWORK
            self._disks[name] = new_disk(self._environment, f"id-{name}", keyed=keyed, network=network)
            self._disks[name].reading = self._reading
        return self._begin(config, self._disks[name], machine, join, encrypts=encrypts)

    def start_copy(self, server: WatchedServer, name: str, port: int, join: WatchedServer) -> WatchedServer:
        """Start a server elsewhere with a copy of what another one's disk has."""
        self._disks[name] = copy_of(self._environment, server.disk)
        return self._begin(replace(server.config, port=port, name=name), self._disks[name], None, join)

    def _begin(
        self,
        config: NodeConfig,
        disk: SimulatedDisk,
        machine: str | None,
        join: WatchedServer | None,
        *,
        encrypts: bool = True,
    ) -> WatchedServer:
        at = machine or config.hostname
        self._simulated.places[config.name] = HostPlace(at, is_machine=at != SERVER_HOST)
        offset = self.clock_offsets.get(config.name, 0.0)
        server = WatchedServer(
            *(self._environment, self, config, disk),
            machine=at,
            clock_offset=offset,
            encrypts=encrypts,
            join=(join.address,) if join is not None else (),
        )
        self.servers[config.name] = server
        return server

    def disk_of(self, name: str) -> SimulatedDisk:
        """The disk of a server, whether it runs or not."""
        return self._disks[name]

    def build(self, parents: Sequence[int | None], settle: float = 5.0, **settings: Any) -> list[WatchedServer]:
        """Start a server for each item, which joins the one with that number; let them settle."""
        built: list[WatchedServer] = []
        for number, parent in enumerate(parents):
            built.append(self.start(f"n{number:03}", None if parent is None else built[parent], **settings))
            self.run(0.05)
        self.run(settle)
        everybody = {server.id for server in built}
        assert all(server.reachable == everybody for server in built), "the network did not become one"
        return built

    def client(
        self,
        server: WatchedServer,
        *,
        features: Sequence[str] = NATIVE_CLIENT,
        origin: Origin = "inbound",
        vouched: str | None = None,
        host: str = CLIENT_HOST,
        at: str | None = None,
    ) -> ScriptedClient:
        """A client at `host`, which has come to the server's address `at`."""
        client = ScriptedClient(server, features)
        self.connect(client, server, origin=origin, vouched=vouched, host=host, at=at)
        return client

    def base_client(self, server: WatchedServer) -> ScriptedClient:
        return self.client(server, features=())

    def peer(self, server: WatchedServer, host: str = CLIENT_HOST) -> ScriptedPeer:
        peer = ScriptedPeer(server)
        self.connect(peer, server, host=host)
        return peer

    def logged_in(
        self, server: WatchedServer, username: str = "anonymous", secret: str | None = None, **extra: Any
    ) -> ScriptedClient:
        """A native client that is logged in."""
        client = self.client(server)
        client.login(username, secret, **extra)
        self.run(0.1)
        assert client.of(wire.LoginSuccess), client.log
        return client

    def logged_in_slowly(self, server: WatchedServer, username: str, secret: str) -> ScriptedClient:
        """The same where a check takes its time."""
        client = self.client(server)
        client.login(username, secret)
        assert self.until(lambda: bool(client.of(wire.LoginSuccess)), 10.0), client.log
        return client

    def registered(self, server: WatchedServer, username: str, secret: str = "s") -> ScriptedClient:
        """A native client that has just registered a name."""
        client = self.client(server)
        client.register(username, secret)
        self.until(lambda: bool(client.of(wire.RegisterSuccess)) or client.closed is not None, 5.0)
        assert client.of(wire.RegisterSuccess), client.log
        return client

    def base_server(
        self, server: WatchedServer, port: int = 9000, ids: Sequence[str] = ("base",)
    ) -> ScriptedBaseServer:
        """A base server that dials `server`, and announces itself at once."""
        base = ScriptedBaseServer(port, ids)
        self.connect(base, server)
        base.authenticate()
        base.announce()
        self.run(0.1)
        return base

    def listening_base_server(self, port: int = 9000, ids: Sequence[str] = ("base",)) -> ScriptedBaseServer:
        """A base server that takes connections."""
        base = ScriptedBaseServer(port, ids)
        self.listen(Address(BASE_HOST, port), base)
        return base

    # --- connections --------------------------------------------------------------------------------------------------

    def connect(
        self,
        peer: ScriptedPeer,
        server: WatchedServer,
        *,
        origin: Origin = "inbound",
        vouched: str | None = None,
        host: str = CLIENT_HOST,
        at: str | None = None,
        encrypted: bool = False,
    ) -> None:
        """A connection of somebody at `host` with a server's address `at` is up. Of who has a certificate of the
        server's network it shows that, if it is `encrypted`."""
        near, far = self._simulated.connect(self._host_of(peer), server.host)
        near.encrypted = far.encrypted = encrypted
        if encrypted:
            near.shown, far.shown = server.leaf, peer.leaf
        peer.connected(near, server)
        address = Address(host, 40_000 + far.conn % 20_000)
        server.open(far, origin, address, vouched=vouched, at=Address(at or server.machine, server.config.port))

    def listen(self, address: Address, who: WatchedServer | ScriptedPeer) -> None:
        """Whoever dials an address finds this one there, from now on."""
        if isinstance(who, WatchedServer):
            who.listen(address)
        else:
            host = self._host_of(who)
            self._simulated.places[host] = HostPlace(address.host, is_machine=False)
            self._simulated.listen(address, host, _Acceptor(self, who))

    def unlisten(self, address: Address) -> None:
        """Nobody is there any more."""
        self._simulated.unlisten(address)

    def _host_of(self, peer: ScriptedPeer) -> str:
        if peer.host is None:
            peer.host = f"peer-{next(self._peers)}"
        return peer.host

    def links_between(self, one: WatchedServer, other: WatchedServer) -> list[End]:
        """The ends at `one` of the connections between two servers."""
        return [end for end in self._simulated.ends_between(one.host, other.host) if end.is_open]

    def cut_between(self, one: WatchedServer, other: WatchedServer) -> None:
        """The connections between two servers break."""
        for end in self.links_between(one, other):
            end.cut("connection reset")

    def part(self, some: Iterable[WatchedServer], others: Iterable[WatchedServer]) -> None:
        """No connection between the two groups from now on."""
        for one, other in itertools.product(list(some), list(others)):
            self._simulated.unreachable |= {(one.host, other.host), (other.host, one.host)}
            self.cut_between(one, other)

    def mend(self) -> None:
        """All reach each other again."""
        self._simulated.unreachable.clear()

    def mend_between(self, one: WatchedServer, other: WatchedServer) -> None:
        """These two reach each other again."""
        self._simulated.unreachable -= {(one.host, other.host), (other.host, one.host)}

    def block(self, one: WatchedServer, other: ScriptedPeer) -> None:
        """What these two say to each other is on its way until it is let through, and nobody is told."""
        host = self._host_of(other)
        self._simulated.cuts |= {(one.host, host), (host, one.host)}

    def let_through(self) -> None:
        """What was blocked arrives."""
        self._simulated.mend(sorted(self._simulated.cuts))

    # --- time ---------------------------------------------------------------------------------------------------------

    @property
    def time(self) -> float:
        """Seconds since the beginning."""
        return self._schedule.time

    @property
    def now(self) -> Now:
        """The time as a clock has it that is right."""
        return Now(self.time, EPOCH + self.time)

    def at(self, time: float, do: Callable[[], object]) -> None:
        self._schedule.at(time, lambda: _no_result(do()))

    def after(self, seconds: float, do: Callable[[], object]) -> None:
        self.at(self.time + seconds, do)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self._schedule.run_until(self.time + seconds)

    def skip(self, seconds: float) -> None:
        """Let time pass without anything happening meanwhile."""
        self._schedule.skip(seconds)

    def until(self, condition: Callable[[], bool], limit: float = 30.0) -> bool:
        """Let time pass until something is so; whether it was within the limit."""
        end = self.time + limit
        while not condition():
            if not self._schedule.step(end):
                self._schedule.run_until(end)
                return condition()
        return True

    # --- what is so ---------------------------------------------------------------------------------------------------

    @property
    def living(self) -> list[WatchedServer]:
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

    def _arrives(self, end: End, command: str, data: bytes) -> None:
        if isinstance(end.party, Ear):
            end.party.peer.lines.append(data.removesuffix(b"\n"))

    def _count(self, end: End, message: Message) -> None:
        server = self.servers.get(end.host)
        if server is not None and end.conn in server.ends:
            server.sent.append((end.conn, message))

    # --- what servers ask of it ---------------------------------------------------------------------------------------

    def is_server(self, host: str) -> bool:
        return host in self.servers

    def is_ours(self, node_id: str) -> bool:
        return any(server.id == node_id for server in self.servers.values())

    def broke(self) -> None:
        """Nobody keeps account of it."""

    def strand(self, end: End) -> None:
        """Whoever is at this end says what a test has it say."""

    def kept(self, server: SimulatedServer, keepables: tuple[Keepable, ...]) -> None:
        """A test looks at the disk."""

    def login_refused(self, server: SimulatedServer, end: End) -> None:
        """A test looks at what the client was told."""

    def caught_up(self, server: SimulatedServer, end: End) -> None:
        """A test looks at what the client was told."""

    def named(self, server: SimulatedServer, host: str, to: str) -> None:
        """A test looks at what was sent."""

    def handed_out(self, server: SimulatedServer, frame: Frame) -> None:
        """A test looks at what arrives."""

    def noticed(self, server: SimulatedServer, notice: Notice) -> None:
        """The server notes it itself."""

    def died(self, server: SimulatedServer) -> None:
        """A test ends it itself."""

    def locked(self, server: SimulatedServer, message: Message) -> None:
        """A test looks at what was sent."""

    def noted(self, server: SimulatedServer, line: StoryLine) -> None:
        """The server keeps it itself."""

    def traced(self, server: SimulatedServer, kind: TraceKind, fields: TraceFields) -> None:
        """The server notes that itself, too."""


class _Acceptor:
    """Takes connections for a peer that listens."""

    def __init__(self, network: ScriptedNetwork, peer: ScriptedPeer) -> None:
        self._network = network
        self._peer = peer

    @property
    def leaf(self) -> ShownLeaf | None:
        return self._peer.leaf

    def accepted(self, end: End, peer: Address) -> Ear:
        return self._peer.connected(end, self._network.servers.get(end.peer))


def _no_result(result: object) -> None:
    """What a test has happen may have a result that nobody wants."""


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
