"""Building snapshots: the node's knowledge as people are shown it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from core.certificates.network_key import fingerprint as network_fingerprint
from core.node.accounts.book import AccountBook
from core.node.clients.people import People
from core.node.interface.events import Now, SearchIndexed
from core.node.interface.snapshot import ConnectionView, NodeSnapshot, ServerState, ServerView, UserView
from core.node.kernel.clock import MICROSECONDS
from core.node.kernel.connections import Connection, Link, Session
from core.node.kernel.context import Context
from core.node.kernel.states import ConnectionState
from core.node.log.repair import Repair
from core.node.log.replication import Replication
from core.node.map.topology import ServerRecord, Topology
from core.node.map.whereabouts import Whereabouts
from core.node.servers.healing import Healing
from core.wire.messages import AttachedServer
from core.wire.server_keys import fingerprint

USERS_SHOWN_MAX: Final = 1000
CONNECTIONS_SHOWN_MAX: Final = 2000


def view_of(
    context: Context,
    book: AccountBook,
    topology: Topology,
    replication: Replication,
    healing: Healing,
    people: People,
    whereabouts: Whereabouts,
    attached_here: tuple[AttachedServer, ...],
    lock_messages: int,
    repair: Repair,
    signs_from: Callable[[str], int | None],
    secret_shown: tuple[str, ...],
    awaits_key_of: str,
    ssh_revoked: tuple[str, ...],
    indexed: SearchIndexed,
    now: Now,
) -> NodeSnapshot:
    """A picture of the node at `now`. `signs_from`: the first start of which a server signs every entry;
    `secret_shown`: where the network's secret was sent in clear."""
    load = people.load
    servers = _servers(context, topology, healing, whereabouts, attached_here, tuple(people.names()), load, signs_from)
    users, users_total = _users(book, servers)
    connections = tuple(_connection(one) for one in context.connections.first(CONNECTIONS_SHOWN_MAX))
    return NodeSnapshot(
        at=now.wall,
        id=context.id,
        name=context.name,
        hostname=topology.own.hostname,
        port=topology.own.port,
        incarnation=context.incarnation,
        load=load,
        servers=servers,
        connections=connections,
        users=users,
        users_total=users_total,
        activities=replication.activities,
        draining=context.draining,
        storage_error=context.storage_error,
        base_servers=any(topology.records[server].attached for server in topology.reachable)
        or bool(context.connections.links(ConnectionState.BASE)),
        parked=replication.parked,
        lock_messages=lock_messages,
        unreachable=len(healing.missing()),
        damaged=replication.damaged.count,
        read_through_at=repair.read_through_at,
        damaged_then=repair.damaged_then,
        unindexed=indexed.unindexed,
        index_bytes=indexed.bytes,
        awaits_key_of=awaits_key_of,
        ssh_authority=topology.own.ssh_authority,
        ssh_revoked=ssh_revoked,
        clients_in_clear=sum(
            one.role == "client" and one.origin == "inbound" and not one.encrypted for one in connections
        ),
        network=network_fingerprint(context.network.key) if context.network is not None else "",
        secret_shown=secret_shown,
    )


def _servers(
    context: Context,
    topology: Topology,
    healing: Healing,
    whereabouts: Whereabouts,
    attached_here: tuple[AttachedServer, ...],
    own_users: tuple[str, ...],
    load: int,
    signs_from: Callable[[str], int | None],
) -> tuple[ServerView, ...]:
    own = topology.own
    found = [
        ServerView(
            own.id,
            own.name,
            own.hostname,
            own.port,
            load,
            "here",
            own.incarnation,
            context.draining,
            tuple(topology.tree_neighbours(own.id)),
            tuple(one for one in sorted(own.links) if one not in topology.tree_neighbours(own.id)),
            own_users,
            ssh=own.ssh,
            key=_fingerprint(own),
            signs_from=signs_from(own.id),
        )
    ]
    others = []
    for server in topology.reachable:
        if server == own.id:
            continue
        record = topology.records[server]
        tree = tuple(topology.tree_neighbours(server))
        others.append(
            ServerView(
                server,
                record.name,
                *whereabouts.shown(server),
                record.load,
                "reachable",
                record.incarnation,
                record.draining,
                tree,
                tuple(one for one in sorted(record.links) if one not in tree and one in topology.reachable),
                record.users,
                ssh=record.ssh,
                key=_fingerprint(record),
                signs_from=signs_from(server),
            )
        )
    hosts = topology.hosts_of_attached()
    for server in topology.reachable:
        base_servers = attached_here if server == own.id else topology.records[server].attached
        for attached in base_servers:
            if hosts.get(attached.id, own.id) == server and attached.id not in topology.reachable:
                view = ServerView(
                    attached.id, attached.id[:6], attached.hostname, attached.port, attached.load, "guest", via=server
                )
                others.append(view)
    for server in healing.missing():
        peer = healing.peers[server]
        others.append(
            ServerView(
                server,
                peer.name,
                peer.hostname,
                peer.port,
                0,
                "unreachable",
                signs_from=signs_from(server),
                since=healing.known.last_there(server),
            )
        )
    others.sort(key=lambda one: (_ORDER[one.state], one.name, one.id))
    return tuple(found + others)


def _fingerprint(record: ServerRecord) -> str:
    return fingerprint(record.key) if record.key is not None else ""


_ORDER: Final[dict[ServerState, int]] = {"here": 0, "reachable": 1, "guest": 2, "unreachable": 3}


def _users(book: AccountBook, servers: tuple[ServerView, ...]) -> tuple[tuple[UserView, ...], int]:
    where: dict[str, list[str]] = {}
    for server in servers:
        for user in server.users:
            where.setdefault(user, []).append(server.id)
    online = [UserView(name, None, tuple(there)) for name, there in sorted(where.items()) if not book.knows(name)]
    shown = {*book.first_names(USERS_SHOWN_MAX), *(name for name in where if book.knows(name))}
    known: list[UserView] = []
    for name in shown:
        fact = book.holder(name)
        if fact is not None:
            renamed = fact.username if fact.username != name else None
            known.append(UserView(name, fact.stamp / MICROSECONDS, tuple(where.get(name, ())), renamed))
    return tuple(sorted(online + known, key=lambda user: user.name)), len(online) + book.names


def _connection(connection: Connection) -> ConnectionView:
    role: Literal["server", "client", "unknown"] = "unknown"
    state = connection.state.value
    name = ""
    server = None
    round_trip = None
    suspected = False
    if isinstance(connection, Link):
        role = "server"
        state = connection.view_state
        name = connection.name
        server = connection.remote_id
        round_trip = connection.round_trip
        # One ping is always on its way.
        suspected = connection.unanswered > 1
    elif isinstance(connection, Session):
        role = "client"
        name = connection.user or ""
        if connection.state is ConnectionState.LOGGED_IN and connection.claim is None:
            state = "anonymous"
    return ConnectionView(
        connection.conn,
        role,
        connection.origin,
        str(connection.peer),
        state,
        name,
        server,
        tuple(sorted(connection.features)),
        connection.since,
        round_trip,
        connection.encrypted,
        suspected,
    )
