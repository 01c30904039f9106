"""Large networks, put together as they are once they have settled.

Growing a network of a thousand servers by joins takes minutes of real time, nearly all of it the flooding of news that
everybody will have in the end. So here the end is built: every server has its links, knows everybody's record, and has
the same spanning tree. What happens from then on is the real nodes' doing. Small networks built both ways behave alike,
which a test shows.
"""

from __future__ import annotations

import random

from msgspec.structs import replace

from core.node.kernel.connections import Connection, Link
from core.node.kernel.context import FEATURES
from core.node.kernel.states import Outcome
from core.node.map.forest import Edge, Forest
from core.node.map.topology import ServerRecord, record_of
from core.node.node import Node
from core.simulation.environment.randomness import pick, seeded
from core.simulation.environment.schedule import EPOCH
from core.simulation.parties.simulated_identity import new_network
from core.simulation.parties.simulated_server import SimulatedServer
from core.simulation.plans.plan import Plan, server_name
from core.simulation.world.world import PORT, World
from core.store.kept_network_setting import keep_network
from core.wire.entries import PeerRecord


def settled(plan: Plan, world: World) -> World:
    """Fill a fresh world with `plan.servers` servers that have long been one network."""
    rng = seeded(plan.seed, "settled")
    names = [server_name(index) for index in range(plan.servers)]
    servers = [world.add_server(name) for name in names]
    network = new_network(b"settled", EPOCH - 3600.0)
    for server in servers:
        keep_network(server.disk.store, network)
        server.start()
    links = overlay(rng, plan.servers, 1 + plan.lazy_links, world.config.links_max, star=plan.shape == "star")
    ids = [server.id for server in servers]
    edges = []
    records = {}
    for server in servers:
        node = _node(server)
        own = node.topology.own
        own.version = 10
        records[server.id] = replace(own, links={})
    for number, (one, other) in enumerate(links):
        stamp = int(EPOCH * 1_000_000) - 3_600_000_000 + number * 1_000_000
        edges.append(Edge(stamp, *sorted((ids[one], ids[other]))))
        records[ids[one]].links[ids[other]] = stamp
        records[ids[other]].links[ids[one]] = stamp
    for server in servers:
        _sign(_node(server), records)
    forest = Forest()
    for edge in edges:
        forest.add(edge)
    peers = {server.id: PeerRecord(server.id, server.name, PORT, server.name, EPOCH) for server in servers}
    for server in servers:
        _tell(server, records, forest, peers)
        # Somewhere between two of its refreshes, as everybody else.
        _node(server).announcements.schedule_refresh(rng.random())
    stamps = [edge.stamp for edge in edges]
    for (one, other), stamp in zip(links, stamps, strict=True):
        _link(world, servers[one], servers[other], stamp)
    for server in servers:
        server.settle()
    return world


def overlay(rng: random.Random, count: int, degree: int, degree_max: int, *, star: bool) -> list[tuple[int, int]]:
    """Links as they come about when servers join one after the other: (later, earlier), the oldest first.

    Each joins at a random one, or with `star` at the first, and then makes redundant links until it has `degree`: of
    three that it draws, to the one with the fewest.
    """
    links: list[tuple[int, int]] = []
    around: list[dict[int, None]] = [{} for _ in range(count)]

    def add(one: int, other: int) -> None:
        links.append((one, other))
        around[one][other] = None
        around[other][one] = None

    for index in range(1, count):
        other = 0 if star else pick(rng, index)
        while not star and len(around[other]) >= degree_max:
            other = pick(rng, index)
        add(index, other)
    for index in range(count):
        while len(around[index]) < min(degree, count - 1):
            drawn = [pick(rng, count) for _ in range(3)]
            free = [one for one in drawn if one != index and one not in around[index]]
            if free:
                add(index, min(free, key=lambda one: (len(around[one]), one)))
    return links


def _node(server: SimulatedServer) -> Node:
    assert server.node is not None
    return server.node


def _sign(node: Node, records: dict[str, ServerRecord]) -> None:
    """Have a server's record as others have it."""
    record = records[node.id]
    signed = record_of(node.known_keys.signed(record.message()), EPOCH)
    assert signed is not None
    records[node.id] = replace(signed, name=record.name, seen_at=record.seen_at)


def _tell(
    server: SimulatedServer, records: dict[str, ServerRecord], forest: Forest, peers: dict[str, PeerRecord]
) -> None:
    """Let a server know everybody."""
    node = _node(server)
    others = [peer for peer_id, peer in peers.items() if peer_id != server.id]
    node.begin_amid(records, records[server.id].links, forest, others)
    server.disk.store.commit(others)


def _link(world: World, one: SimulatedServer, other: SimulatedServer, stamp: int) -> None:
    """Put a link between two servers, as if it had been there for an hour."""
    near, far = world.network.connect(one.host, other.host)
    for server, end, peer, origin in ((one, near, other, "outbound"), (other, far, one, "inbound")):
        node = _node(server)
        address = peer.address
        connection = Connection(end.conn, "outbound" if origin == "outbound" else "inbound", address, EPOCH, 0.0)
        link = Link(connection)
        link.encrypted, link.shown = True, peer.leaf
        link.enter(Outcome.SECRET_SHOWN)
        link.enter(Outcome.NATIVE_TAKEN_UP)
        link.features = frozenset(FEATURES)
        link.remote_id, link.name = peer.id, peer.name
        link.incarnation = peer.disk.store.incarnation
        link.key = _node(peer).known_keys.own
        link.proved = link.key is not None
        link.hostname, link.port = address
        link.stamp = stamp
        link.established_at = -3600.0
        link.eager = peer.id in node.topology.tree_neighbours(server.id)
        link.peer_has = {}
        node.begin_linked(link)
        server.attach(end)
