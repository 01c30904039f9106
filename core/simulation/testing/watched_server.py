"""A simulated server that notes all that its node wants done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from core.certificates.leaf import ShownLeaf
from core.node.interface import actions, events
from core.node.interface.events import Now
from core.node.interface.node_config import NodeConfig
from core.node.interface.notices import Notice
from core.node.node import Node
from core.simulation.environment.connection_ends import End
from core.simulation.environment.environment import Environment
from core.simulation.environment.hash_signing import HashSigner
from core.simulation.environment.randomness import seeded
from core.simulation.environment.schedule import EPOCH
from core.simulation.environment.simulated_disk import SimulatedDisk
from core.simulation.parties.simulated_identity import new_network
from core.simulation.parties.simulated_server import ServerObserver, SimulatedServer
from core.store.identity import KEY_SETTING, SIGNS_FROM_SETTING
from core.store.kept_network_setting import keep_network
from core.store.memory_store import MemoryStore
from core.stories.lines import StoryLine
from core.wire.address import Address
from core.wire.entries import Entry
from core.wire.kept_network import KeptNetwork
from core.wire.messages import Message
from core.wire.recovered import Recovered

M = TypeVar("M")

NETWORK = new_network(b"the network of all servers that are not said to be of another", EPOCH - 3600.0)
STOP_SECONDS = 0.05
"""After which the process of a node that has finished ends."""
SYNC_SECONDS = 0.0002
READ_SECONDS = 0.0003


class CountingStore(MemoryStore):
    """Starts are counted from 1, so that a test can name entries."""

    def start(self, wall: float, leap: int = 0) -> Recovered:
        return super().start(0.0)


def new_disk(
    environment: Environment,
    node: str,
    entries: MemoryStore | None = None,
    *,
    keyed: bool = True,
    network: KeptNetwork | None = NETWORK,
) -> SimulatedDisk:
    """A disk that is quick, and empty but for a key, unless its server is of the version before, and for the network
    that the server is of, unless it is to start one of its own (None)."""
    store = entries or CountingStore(node, signer=HashSigner(node.encode()) if keyed else None)
    if keyed and entries is None:
        store.set_setting(KEY_SETTING, node.encode().hex(), backed_up=True)
        store.set_setting(SIGNS_FROM_SETTING, "0", backed_up=True)
        if network is not None:
            keep_network(store, network)
    disk = SimulatedDisk(environment.schedule, store, seeded(environment.seed, "disk", node), lambda records: None)
    disk.delay = (SYNC_SECONDS, SYNC_SECONDS)
    disk.reading = READ_SECONDS
    return disk


def copy_of(environment: Environment, disk: SimulatedDisk) -> SimulatedDisk:
    """What somebody has who restores a backup elsewhere."""
    return new_disk(environment, disk.store.node, disk.store.restored(disk.store.backup(Path("copies"), 1)))


class WatchedServer:
    """A server from one start to its end; one that starts again is another, with the same disk."""

    def __init__(
        self,
        environment: Environment,
        observer: ServerObserver,
        config: NodeConfig,
        disk: SimulatedDisk,
        *,
        machine: str,
        clock_offset: float = 0.0,
        encrypts: bool = True,
        join: tuple[Address, ...] = (),
    ) -> None:
        """`machine` is the address where it runs, whatever it says of itself. If it does not encrypt, it is of the
        version before."""
        self.config = config
        self.disk = disk
        self.machine = machine
        self.host = config.name
        self.address = Address(machine, config.port)
        self.notices: list[Notice] = []
        self.lines: list[StoryLine] = []
        """What the node noted of the network."""
        self.traces: list[actions.Trace] = []
        """What a node says of its inside that was started with `tracing`."""
        self.dials: list[tuple[float, Address]] = []
        """Times and addresses."""
        self.advertised: list[Address] = []
        self.sent: list[tuple[int, Message]] = []
        """Connections and messages."""
        self.key_answers: dict[int, str | None] = {}
        self.keys_removed: list[tuple[str, str]] = []
        self.secret_answers: dict[int, str | None] = {}
        self.secrets_replaced: list[str] = []
        self.secrets_kept: list[str] = []
        """Secrets of the network that it was told."""
        self.verified = 0
        """How many secrets were looked at."""
        self.closed: set[int] = set()
        """Connections that the node has closed."""
        self.held: set[int] = set()
        """Connections from which the node takes nothing in, just now."""
        self.pauses: list[tuple[int, float]] = []
        self.known: dict[int, bool] = {}
        self.asked_last: dict[type[actions.Action], int] = {}
        """The token, or number, of what the node has asked for last: a hash, a check of a secret, a commit."""
        self.watching: Callable[[actions.Action], None] | None = None
        """Told of each action before it is carried out, while a test wants to know."""
        self._environment = environment
        self._observer = observer
        self._simulated = SimulatedServer(
            environment,
            observer,
            self.host,
            config,
            clock_offset=clock_offset,
            disk=disk,
            address=self.address,
            encrypts=encrypts,
        )
        self._simulated.told_own_addresses = True
        self._simulated.stop_after = STOP_SECONDS
        self._simulated.performing = self._note
        self._simulated.start(join)
        assert self._simulated.node is not None
        self.node: Node = self._simulated.node

    # --- what a test has happen to it ---------------------------------------------------------------------------------

    def handle(self, event: events.Event) -> list[actions.Action]:
        """Hand the node an event, as its driver would; what it wants done, which is done."""
        if not self.alive:
            return []
        wanted = self.node.handle(event, self.now)
        self._simulated.perform(wanted)
        return wanted

    def perform(self, wanted: list[actions.Action]) -> None:
        """Do what the node wanted done when a test had it handle an event by itself."""
        self._simulated.perform(wanted)

    def open(
        self,
        end: End,
        origin: events.Origin,
        peer: Address,
        *,
        vouched: str | None = None,
        at: Address | None = None,
    ) -> None:
        """A connection is up: see `ConnectionOpened`."""
        self._simulated.open(end, origin, peer, vouched=vouched, at=at)

    def listen(self, address: Address) -> None:
        """Take connections at another address too."""
        self._environment.network.listen(address, self.host, self._simulated)

    def join(self, other: WatchedServer) -> None:
        self.handle(events.JoinRequested(other.address))

    def drain(self) -> None:
        self.handle(events.DrainRequested("asked to"))

    def crash(self) -> None:
        """Die without a word: what it sent last is lost, and so is what is not synced. The disk remains."""
        for end in self._simulated.ends.values():
            end.lane.lose(0)
        self._simulated.crash(0.0)

    def lose_power(self) -> None:
        """The host is gone, and nobody is told."""
        self._simulated.crash(0.0, silent=True)

    def freeze(self) -> None:
        """From now on connections come about, and nothing that is said over any is looked at."""
        self._simulated.frozen = True

    def thaw(self) -> None:
        """What is said from now on is looked at again."""
        self._simulated.frozen = False

    def go_dead(self) -> None:
        """Over the connections that it has nothing gets through any more, and nobody is told."""
        for end in self._simulated.ends.values():
            end.go_dead()

    def take_each_way(self, seconds: float) -> None:
        """From now on a message over any of the connections that it has takes so long."""
        for end in self._simulated.ends.values():
            end.take_each_way(seconds)

    @property
    def clock_offset(self) -> float:
        """How far its wall clock is ahead, in seconds."""
        return self._simulated.clock_offset

    @clock_offset.setter
    def clock_offset(self, seconds: float) -> None:
        self._simulated.clock_offset = seconds

    # --- what a test looks at -----------------------------------------------------------------------------------------

    @property
    def now(self) -> Now:
        return self._simulated.now()

    @property
    def id(self) -> str:
        return self.node.id

    @property
    def alive(self) -> bool:
        return self._simulated.up

    @property
    def undone(self) -> tuple[str, ...] | None:
        """What it said it left undone when it left; None while it has not."""
        return self._simulated.finished

    @property
    def left(self) -> bool:
        """Whether it has finished leaving."""
        return self.undone is not None

    @property
    def leaf(self) -> ShownLeaf | None:
        """What it shows over encrypted connections."""
        return self._simulated.leaf

    @property
    def invitations(self) -> dict[str, int]:
        """Codes that were given out here, and how often each may still be used."""
        return self._simulated.invitations

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
    def ends(self) -> Mapping[int, End]:
        """The ends of its connections, by number."""
        return self._simulated.ends

    @property
    def links(self) -> set[int]:
        """The connections that it has with other servers of ours."""
        return {conn for conn, end in self.ends.items() if self._observer.is_server(end.peer)}

    def tree(self) -> dict[str, list[str]]:
        return {server: self.node.topology.tree_neighbours(server) for server in self.reachable}

    def said(self, kind: type[M]) -> list[M]:
        """Everything of one kind that it has sent."""
        return [message for _, message in self.sent if isinstance(message, kind)]

    def told(self, kind: str) -> list[str]:
        """The texts of notices of a kind."""
        return [notice.text for notice in self.notices if notice.kind == kind]

    def entries(self) -> list[Entry]:
        """What its disk has, in the order of stamps."""
        return sorted(self.disk.entries(), key=lambda one: (one.stamp, one.id))

    def activities(self) -> list[Any]:
        """The activities on its disk, in the order of stamps, without the fields that the network adds."""
        return [msgspec.json.decode(one.body) for one in self.entries() if one.kind == "activity"]

    # --- what its node wants done -------------------------------------------------------------------------------------

    def _note(self, action: actions.Action) -> None:
        if self.watching is not None:
            self.watching(action)
        match action:
            case actions.Send():
                assert action.conn not in self.closed, f"{action.frame} was sent after the close"
            case actions.SendAll():
                assert action.conn not in self.closed, f"{[*action.frames]} were sent after the close"
            case actions.Close():
                assert action.conn not in self.closed, "a connection was closed twice"
                self.closed.add(action.conn)
            case actions.Hold():
                (self.held.add if action.held else self.held.discard)(action.conn)
            case actions.Known():
                self.known[action.conn] = action.named
            case actions.Pause():
                self.pauses.append((action.conn, action.seconds))
            case actions.Dial():
                time = self._environment.schedule.time
                self.dials += [(time, address) for address in (action.address, *action.others)]
            case actions.Advertise():
                if action.address not in self.advertised[-1:]:
                    self.advertised.append(action.address)
            case actions.HashSecret():
                self.asked_last[actions.HashSecret] = action.token
            case actions.VerifySecret():
                self.asked_last[actions.VerifySecret] = action.token
                self.verified += 1
            case actions.Persist():
                self.asked_last[actions.Persist] = action.batch
            case actions.KeyChanged():
                self.key_answers[action.token] = action.problem
            case actions.KeyRemoved():
                self.keys_removed.append((action.claim, action.text))
            case actions.SecretChangeAnswered():
                self.secret_answers[action.token] = action.problem
            case actions.KeepSecret():
                self.secrets_kept.append(action.secret)
            case actions.SecretReplaced():
                self.secrets_replaced.append(action.claim)
            case actions.Notify():
                self.notices.append(action.notice)
            case actions.Noted():
                self.lines.append(action.line)
            case actions.Trace():
                self.traces.append(action)
            case _:
                pass
