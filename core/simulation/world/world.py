"""A world: servers, people, the network between them, and time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Final

from msgspec.structs import replace

from core.node.interface.node_config import LinkPolicy, NodeConfig, lan
from core.node.interface.notices import Notice
from core.node.interface.traces import TraceFields, TraceKind, trace_line
from core.node.node import Node
from core.simulation.environment.connection_ends import End
from core.simulation.environment.environment import Environment
from core.simulation.environment.hash_signing import HashSigner
from core.simulation.environment.randomness import between, pick, seeded
from core.simulation.environment.schedule import Schedule
from core.simulation.environment.simulated_network import SimulatedNetwork
from core.simulation.ledger import Ledger
from core.simulation.parties.agent import Agent
from core.simulation.parties.base_agent import BaseAgent
from core.simulation.parties.lying_server import LyingServer
from core.simulation.parties.native_agent import DOCUMENT_INTERVAL, LIVENESS_AFTER, NativeAgent
from core.simulation.parties.simulated_base_server import SimulatedBaseServer
from core.simulation.parties.simulated_server import SimulatedServer
from core.simulation.plans.liars_mix import LIAR_WITH_KEY
from core.simulation.plans.orders_mix import ORDER
from core.simulation.plans.plan import Person, Plan, server_name
from core.simulation.world.witnessing import Witnessing
from core.stories import StoryLine, line_text
from core.wire.address import Address
from core.wire.codec import Frame
from core.wire.entries import Entry, EntryId
from core.wire.entry_runs import ids_in, runs_of, union
from core.wire.keepables import Keepable
from core.wire.messages import LockAllowed, LockDenied, LockRequest, Message
from core.wire.scope import Scope, scope_of
from core.wire.signed_orders import operator_fingerprint

SECRET: Final = "the network's secret"
PORT: Final = 3780
OPERATORS: Final = tuple(HashSigner(b"operator %d" % number) for number in range(4))
"""Those who may be operators; where somebody gives orders the settings of all servers name the first one."""
ORDER_WAIT: Final = 20.0
STRANDED_SECONDS: Final = 5.0
"""After which somebody whose screen stands still starts their client again."""
NEAR: Final = 0.06
"""Longest one-way path, in seconds, with which servers that hear of each other do so in time to tell what base clients
had: they allow for half a second."""
CLOSE_CLOCKS: Final = 0.25
"""Seconds by which clocks may be wrong for servers to tell each other when something happened."""
AGREED_WITHIN: Final = 3.0
"""Seconds within which what one server has accepted is at every other, where nothing is broken."""
UNNOTICED_MAX: Final = 15.0
"""Seconds after a link has gone dead or come back by which what was held up has come, or been asked for again."""
QUEUE_MAX: Final = 2000
"""Messages that may be on their way to one end; with more the sender cuts the connection, as the engine does."""


def usual_settings() -> NodeConfig:
    """How the servers of a world behave unless something else is wanted."""
    return replace(lan("", PORT, SECRET), liveness_after=LIVENESS_AFTER, document_interval=DOCUMENT_INTERVAL)


class World:
    """Everything there is. Deterministic: its history follows from the plan alone."""

    def __init__(
        self,
        plan: Plan,
        *,
        config: NodeConfig | None = None,
        verbose: bool = False,
        traced: bool = True,
        debug: bool = False,
    ) -> None:
        """`debug`: what goes on inside the nodes is printed."""
        self.plan = plan
        self.seed = plan.seed
        self.verbose = verbose
        self.debug = debug
        self.schedule = Schedule()
        self.ledger = Ledger(self.schedule)
        self.network = SimulatedNetwork(
            self.schedule,
            plan.seed,
            latency=plan.latency,
            codec=plan.codec,
            queue_max=QUEUE_MAX,
            note=self._note if traced else self._count,
        )
        self.environment = Environment(plan.seed, self.schedule, self.network)
        self.config = config or usual_settings()
        self.servers: dict[str, SimulatedServer] = {}
        self.base_servers: dict[str, SimulatedBaseServer] = {}
        self.agents: dict[str, Agent] = {}
        self.liars: dict[str, LyingServer] = {}
        self.twins: dict[str, SimulatedServer] = {}
        """Servers of whose data a copy has been started elsewhere, to that copy; it is among the servers as well."""
        self.addresses: list[Address] = []
        """Servers that people know of."""
        self.moved: dict[str, list[Address]] = {}
        """Servers that have moved to other addresses, to those that they have left."""
        self.messages: dict[str, int] = {}
        """Messages that arrived, by kind."""
        self.codes: list[tuple[str, str, str]] = []
        """The orders by which accounts have been given codes for lost secrets, the accounts' claims, and the codes."""
        self.first_fault = float("inf")
        """When the first fault happens."""
        self.grown_at = plan.calm
        """When the servers had become one network, or had been given up on for that."""
        self.largest: dict[str, int] = {}
        """The most that each of the nodes' queues ever held."""
        self.handing_out: Callable[[SimulatedServer, Frame], None] | None = None
        """Told of everything that a server hands to its clients, while somebody measures."""
        self.telling: Callable[[SimulatedServer, Notice], None] | None = None
        """Told of everything that a server says to whoever runs it, while somebody listens."""
        self.alone: dict[str, None] = {}
        """Servers that say that they reach nobody."""
        self.lock_messages: dict[str, int] = {}
        """How many messages between servers each registration has taken so far."""
        self.votes: dict[tuple[str, str], list[bool]] = {}
        """By registration and server: whether it has allowed it, each time that it answered."""
        self.witnessing = Witnessing()
        """What each server tells of what it saw."""
        self.witnesses_of: dict[tuple[str, int], list[SimulatedServer]] = {}
        """By server and start: who reached it when its process ended."""
        self.links_broken_at: list[float] = []
        """When single connections were broken."""
        self.parted: list[tuple[frozenset[tuple[str, str]], float, float | None]] = []
        """Between which hosts nothing got through, in these directions; from when on, and until when."""
        self._barriers: dict[str, list[tuple[str, str]]] = {}
        self._whole_since = 0.0
        self._hasher = hashlib.blake2b(digest_size=16)
        self._traced = traced
        self._trace: list[str] = []

    @property
    def _links(self) -> LinkPolicy:
        """Which links may be in clear: more, where some are of a version before encryption."""
        liars = any(one.what == "liar" and not int(one.amount) & LIAR_WITH_KEY for one in self.plan.operations)
        old = self.plan.in_clear or "keyless" in self.plan.identities.values() or liars
        return "mixed" if old else "base"

    @property
    def _operators(self) -> frozenset[str]:
        """Whose orders count by the servers' settings."""
        if all(one.what != ORDER for one in self.plan.operations):
            return self.config.operators
        return frozenset({operator_fingerprint(OPERATORS[0].key)})

    @property
    def _order_wait(self) -> float:
        """Shorter than the bound where operators remove things: what follows a copy of one may wait for it in vain."""
        return min(ORDER_WAIT, self.config.order_wait) if self._operators else self.config.order_wait

    # --- making it ----------------------------------------------------------------------------------------------------

    def add_server(self, name: str) -> SimulatedServer:
        rng = seeded(self.seed, "clock", name)
        offset = between(rng, -self.plan.clock_spread, self.plan.clock_spread)
        rate = 1.0 + between(rng, -self.plan.clock_drift, self.plan.clock_drift)
        config = replace(
            self.config,
            hostname=self.plan.advertised.get(name, name),
            port=PORT,
            name=name,
            lazy_links=self.plan.lazy_links,
            links=self._links,
            operators=self._operators,
            order_wait=self._order_wait,
            tracing=self.debug,
        )
        server = SimulatedServer(
            self.environment,
            self,
            name,
            config,
            clock_offset=offset,
            clock_rate=rate,
            identity=self.plan.identities.get(name, "certified"),
            encrypts=name not in self.plan.in_clear,
        )
        self.servers[name] = server
        self.addresses.append(server.address)
        return server

    def add_twin(self, server: SimulatedServer, *, of_the_last_copy: bool = False) -> SimulatedServer:
        """A host elsewhere with a copy of a server's data; the same identity, and the same secret of it."""
        name = f"{server.name}twin"
        disk = server.disk.copied(lambda keepables: self.kept(twin, keepables), from_last_copy=of_the_last_copy)
        config = replace(server.config, hostname=name, name=name)
        twin = SimulatedServer(self.environment, self, name, config, disk=disk)
        self.twins[server.name] = self.servers[name] = twin
        return twin

    def move(self, server: SimulatedServer, *, to_one_left: bool) -> None:
        """A server that is down is at another address from its next start on: at one that was another's, or at a new
        one. People hear of it."""
        taken = [one.address for one in self.servers.values()]
        left = [one for before in self.moved.values() for one in before if one not in taken]
        number = sum(map(len, self.moved.values())) + 1
        address = left[0] if left and to_one_left else Address(f"{server.name}at{number}", PORT)
        self.moved.setdefault(server.name, []).append(server.address)
        self.addresses[self.addresses.index(server.address)] = address
        server.move_to(address)

    def add_base_server(self, name: str) -> SimulatedBaseServer:
        server = SimulatedBaseServer(
            self.environment,
            self.ledger,
            name,
            Address(name, PORT),
            SECRET,
            advertised=self.plan.advertised.get(name, name),
            is_known_at=self._is_known_at,
            process_at=self._process_at,
        )
        self.base_servers[name] = server
        self.ledger.strangers[name] = None
        return server

    def add_liar(self, name: str, *, old_links: bool, keyed: bool, compares: bool) -> LyingServer:
        """A member that lies; see `LyingServer`."""
        liar = LyingServer(
            self.environment, self, name, PORT, secret=SECRET, old_links=old_links, keyed=keyed, compares=compares
        )
        self.liars[name] = liar
        self.ledger.liars[liar.host] = None
        return liar

    def add_person(self, person: Person) -> Agent:
        kind = NativeAgent if person.native else BaseAgent
        agent = kind(
            self.environment,
            self.ledger,
            self,
            person.name,
            registers=person.registers,
            username=person.username,
        )
        if person.impatient:
            agent.registered = True
            agent.registers = False
            agent.secret = f"secret of {person.username}"
        self.agents[person.name] = agent
        self.ledger.join(agent)
        return agent

    def grow(self) -> None:
        """Servers start one after the other, each joining the network as the plan's shape has it."""
        rng = seeded(self.seed, "growth")
        names = [server_name(index) for index in range(self.plan.servers)]
        at = 0.0
        for index, name in enumerate(names):
            server = self.add_server(name)
            match self.plan.shape:
                case "chain":
                    joins = [names[index - 1]]
                case "star":
                    joins = [names[0]]
                case "tree":
                    joins = [names[pick(rng, index)]] if index else []
                case _:
                    joins = [names[0], names[1]][: 1 + pick(rng, 2)] if len(names) > 1 else []
            addresses = tuple(Address(one, PORT) for one in joins if index and one != name)
            self.schedule.at(at, partial(server.start, addresses))
            at += between(rng, 0.0, 0.5)
        for index in range(self.plan.base_servers):
            base = self.add_base_server(f"b{index}")
            remote = Address(names[pick(rng, len(names))], PORT)
            self.schedule.at(at + between(rng, 0.0, 1.0), partial(base.start, remote))

    # --- barriers -----------------------------------------------------------------------------------------------------

    def raise_barrier(self, name: str, pairs: list[tuple[str, str]]) -> None:
        """Let nothing through between these hosts, in these directions, until the barrier of this name is gone."""
        self._barriers.setdefault(name, []).extend(pairs)
        self.parted.append((frozenset(pairs), self.schedule.time, None))
        self.broke()
        self.network.cuts.update(pairs)

    def broke(self) -> None:
        """Something keeps servers from one another, and it takes a while until they know."""
        self._whole_since = self.schedule.time + UNNOTICED_MAX

    @property
    def whole(self) -> bool:
        """Whether all servers have heard of each other what there was to hear, as far as the world is to blame: nothing
        is broken or slow, clocks agree, nobody has just come, and nobody keeps back what others have accepted.
        """
        if self.plan.latency[1] > NEAR or any(liar.is_there and liar.keeps_back for liar in self.liars.values()):
            return False
        offsets = [server.clock_error for server in self.servers.values()]
        if self._barriers or self.schedule.time < self._whole_since or max(offsets) - min(offsets) > 2 * CLOSE_CLOCKS:
            return False
        return all(
            server.disk.is_quick
            and not server.is_suspended
            and (server.node is None or not server.node.replication.parked)
            for server in self.servers.values()
        )

    def is_one(self) -> bool:
        """Whether all servers reach each other."""
        nodes = [server.node for server in self.servers.values()]
        ids = {server.id for server in self.servers.values()}
        return all(node is not None and ids <= node.topology.reachable.keys() for node in nodes)

    def is_registering(self) -> bool:
        """Whether a name is being registered anywhere."""
        return any(server.node is not None and server.node.registration.open_claims for server in self.servers.values())

    @property
    def may_be_surrounded(self) -> bool:
        """Whether all links that some server has may be with members that lie: it keeps no more redundant ones than
        there are of them. Then it cannot be asked what it is cut off from, until they are gone."""
        return bool(self.liars) and self.plan.lazy_links <= len(self.liars)

    def expelled(self) -> frozenset[str]:
        """The ids of servers that are expelled, as that server knows that has heard of most orders."""
        if not self.ledger.expulsions:
            return frozenset()
        known = list(self.ledger.orders_to_be_known())
        nodes = [server.node for server in self.servers.values() if server.node is not None and server.keyed]
        best = max(nodes, key=lambda node: sum(node.orders.book.get(one) is not None for one in known), default=None)
        return frozenset(best.orders.effects.expelled) if best is not None else frozenset()

    def remove_barrier(self, name: str) -> None:
        self.broke()
        pairs = self._barriers.pop(name, [])
        gone = frozenset(pairs)
        self.parted = [
            (those, since, self.schedule.time if until is None and those <= gone else until)
            for those, since, until in self.parted
        ]
        still = {pair for others in self._barriers.values() for pair in others}
        self.network.mend([pair for pair in dict.fromkeys(pairs) if pair not in still])

    def remove_barriers(self) -> None:
        for name in list(self._barriers):
            self.remove_barrier(name)

    def strand(self, end: End) -> None:
        """A connection is dead without a sign of it: a person with a base client finds out after a while."""
        agent = end.party
        if isinstance(agent, BaseAgent):
            self.ledger.disconnected(agent, noticed=False)
            session = agent.session
            self.schedule.after(STRANDED_SECONDS, lambda: agent.give_up_on(session))

    # --- what its parties ask of it -----------------------------------------------------------------------------------

    def is_server(self, host: str) -> bool:
        return host in self.servers

    def is_ours(self, node_id: str) -> bool:
        return any(server.id == node_id for server in self.servers.values())

    def staying(self) -> list[Address]:
        return [server.address for server in self.servers.values() if server.finished is None]

    def _is_known_at(self, host: str, base_server: str) -> bool:
        """Whether the server at a host has heard of a base server, and can remember it over a restart."""
        server = self.servers.get(host)
        if server is None or server.node is None or server.disk.full or server.disk.broken:
            return False
        return any(attached.id == base_server for attached in server.node.topology.own.attached)

    def _process_at(self, host: str) -> Node | None:
        server = self.servers.get(host)
        return server.node if server is not None else None

    # --- what is noted ------------------------------------------------------------------------------------------------

    def _note(self, end: End, command: str, data: bytes) -> None:
        self.messages[command] = self.messages.get(command, 0) + 1
        self._trace.append(f"{self.schedule.time!r} {end.peer}>{end.host} {command}\n")
        if data:
            self._trace.append(data.decode(errors="replace"))
        if len(self._trace) > 1000:
            self._flush()

    def _count(self, end: End, command: str, data: bytes) -> None:
        """Note no more than how many there are: where the trace is not wanted it would cost a tenth of the time."""
        self.messages[command] = self.messages.get(command, 0) + 1

    def _flush(self) -> None:
        self._hasher.update("".join(self._trace).encode(errors="replace"))
        self._trace.clear()

    @property
    def fingerprint(self) -> str:
        """A hash of everything that has arrived anywhere, and when; empty where that is not traced."""
        if not self._traced:
            return ""
        self._flush()
        return self._hasher.copy().hexdigest()

    def kept(self, server: SimulatedServer, keepables: tuple[Keepable, ...]) -> None:
        self.ledger.kept(server, keepables)

    def handed_out(self, server: SimulatedServer, frame: Frame) -> None:
        if self.handing_out is not None:
            self.handing_out(server, frame)

    def login_refused(self, server: SimulatedServer, end: End) -> None:
        """A server is about to refuse a login."""
        for agent in self.agents.values():
            if agent.host == end.peer:
                self.ledger.refused_login(server, agent)

    def caught_up(self, server: SimulatedServer, end: End) -> None:
        """A server tells a client that it has sent it what it missed: without what is damaged, there or where it had it
        from, and nobody has brought in time; without all of it where a disk that takes no writes has damage in it that
        cannot be set aside."""
        nodes = [one.node for one in self.servers.values() if one.node is not None]
        found = [node.replication.damaged for node in nodes]
        missing = union(*(one.missing for one in found), *(runs_of(one.being_kept) for one in found))
        damaged = [entry_id for entry_id in ids_in(missing) if not self._serves(server, entry_id)]
        if not server.disk.can_be_read:
            damaged = list(self.ledger.accepted)
        for agent in self.agents.values() if damaged else ():
            if agent.host == end.peer:
                self.ledger.sent_without(agent, damaged)

    def _serves(self, server: SimulatedServer, entry_id: EntryId) -> bool:
        """Whether a server has an entry, and it is not damaged there."""
        damaged = server.node.replication.damaged if server.node is not None else None
        return server.has(entry_id) and damaged is not None and not damaged.is_being_kept(entry_id)

    def took_in(self, liar: LyingServer, host: str) -> None:
        """A member that lies has let a client in."""
        for agent in self.agents.values():
            if agent.host == host:
                self.ledger.misled[agent.name] = None

    def said(self, liar: LyingServer, entry: Entry) -> None:
        """A member that lies says that there is an entry."""
        self.ledger.said_by_liar(entry)

    def named(self, server: SimulatedServer, host: str, to: str) -> None:
        """A server has named an address to somebody, or to itself to dial. Here each has a machine of its own."""
        if scope_of(host) is not Scope.ANYWHERE:
            self.ledger.problem("addresses", f"{server.name} sends {to} to {host}, which means nothing there")

    def noticed(self, server: SimulatedServer, notice: Notice) -> None:
        if self.telling is not None:
            self.telling(server, notice)
        if notice.kind == "login" and notice.user is not None:
            # Who is let in may never hear of it.
            self.ledger.stays.setdefault(notice.user, []).append((self.schedule.time, server.host))
        if notice.kind == "alone":
            self.alone[server.name] = None
        if self._traced:
            self._trace.append(f"{self.schedule.time!r} {server.name} {notice.kind} {notice.text}\n")
        if self.verbose:
            print(f"{self.schedule.time:9.3f} {server.name}: [{notice.kind}] {notice.text}")

    def died(self, server: SimulatedServer) -> None:
        """A server's process ends: whoever reaches it should tell of that."""
        others = [one for one in self.servers.values() if one is not server and one.node is not None]
        self.witnesses_of[server.id, server.lives[-1].incarnation] = [
            one for one in others if one.node is not None and server.id in one.node.healing.known.reachable
        ]

    def locked(self, server: SimulatedServer, message: Message) -> None:
        """A server sends a message of a registration."""
        if isinstance(message, LockRequest | LockAllowed | LockDenied) and message.claim is not None:
            self.lock_messages[message.claim] = self.lock_messages.get(message.claim, 0) + 1
            if not isinstance(message, LockRequest):
                allowed = isinstance(message, LockAllowed)
                self.votes.setdefault((message.claim, server.id), []).append(allowed)

    def noted(self, server: SimulatedServer, line: StoryLine) -> None:
        """A server has noted what happens."""
        missing = self._missing_at(server) if line.kind == "whole" else ""
        self.witnessing.take(server, line, self.schedule.time, missing)
        if self.verbose:
            print(f"{self.schedule.time:9.3f} {server.name}: <{line.kind}> {line_text(line)}")

    def _missing_at(self, server: SimulatedServer) -> str:
        """What a server lacks that one which it reaches has had for a while; empty where that has no fault of its own,
        or somebody keeps them from each other."""
        now, node = self.schedule.time, server.node
        if node is None or self._barriers or now < self._whole_since or not server.disk.is_quick:
            return ""
        old = now - AGREED_WITHIN - 4 * self.plan.latency[1]
        for entry_id in self.ledger.accepted:
            post = self.ledger.post_of(entry_id)
            if post is None or self.ledger.accepted_at[post] > old or entry_id in node.replication.vector:
                continue
            for other in self.servers.values():
                if other.id in node.healing.known.reachable and other.has(entry_id) and not other.is_suspended:
                    return f"{entry_id}, which {other.name} has,"
        return ""

    def traced(self, server: SimulatedServer, kind: TraceKind, fields: TraceFields) -> None:
        # No part of the history: it is the same whether somebody looks at it or not.
        if self.debug:
            print(f"{self.schedule.time:9.3f} {server.name}: {trace_line(kind, fields)}")

    def note_sizes(self) -> None:
        """Look at how much waits in each node."""
        for server in self.servers.values():
            if server.node is not None:
                for name, size in server.node.queues().items():
                    if size > self.largest.get(name, 0):
                        self.largest[name] = size

    # --- looking at it ------------------------------------------------------------------------------------------------

    def alive(self) -> list[SimulatedServer]:
        return [server for server in self.servers.values() if server.node is not None]
