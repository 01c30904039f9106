"""The network's map: link-state records of all nodes, who can be reached, and the spanning tree.

Every node floods a record of itself with its links (link-state routing as in OSPF, RFC 2328: a newer record replaces
an older one, a link counts only when both ends name it). So each node has the same graph and computes the same
minimum spanning tree of it (Kruskal, 1956), the weight of a link being its birth stamp: an older link is preferred,
so a new link never disturbs the tree, and when a tree link dies the oldest redundant link that closes the gap takes
its place. Links in the tree are *eager*: they carry broadcasts and gather lock answers. All others are *lazy*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from core.wire.messages import Guest, LinkEnd, ServerAnnounce


class Edge(NamedTuple):
    """A link that both ends name; edges compare by age."""

    stamp: int
    a: str
    b: str


@dataclass(slots=True)
class ServerRecord:
    """What a node last announced of itself."""

    id: str
    incarnation: int
    version: int
    hostname: str
    port: int
    load: int
    name: str
    links: dict[str, int] = field(default_factory=dict)
    """Neighbour to birth stamp of the link."""
    guests: tuple[Guest, ...] = ()
    users: tuple[str, ...] = ()
    draining: bool = False
    left: bool = False
    successor: str | None = None
    sent: dict[str, int] = field(default_factory=dict)
    """How many clients the node has ever redirected to each server."""
    seen_at: float = 0.0
    """Wall-clock seconds since 1970 at which the node was last known to be reachable."""

    @property
    def order(self) -> tuple[int, int]:
        return (self.incarnation, self.version)

    def message(self) -> ServerAnnounce:
        """The record as it travels."""
        return ServerAnnounce(
            id=self.id,
            load=self.load,
            hostname=self.hostname,
            port=self.port,
            incarnation=self.incarnation,
            version=self.version,
            name=self.name,
            links=[LinkEnd(neighbour, stamp) for neighbour, stamp in sorted(self.links.items())],
            guests=list(self.guests),
            users=list(self.users),
            draining=self.draining,
            left=self.left,
            successor=self.successor,
            sent=dict(sorted(self.sent.items())),
        )


def record_of(message: ServerAnnounce, wall: float) -> ServerRecord | None:
    """Read a native record; None when the announcement is a base server's."""
    if message.incarnation is None or message.version is None:
        return None
    return ServerRecord(
        id=str(message.id),
        incarnation=message.incarnation,
        version=message.version,
        hostname=message.hostname,
        port=int(message.port),
        load=int(message.load),
        name=message.name or str(message.id)[:6],
        links={end.neighbour: end.stamp for end in message.links},
        guests=tuple(message.guests),
        users=tuple(message.users),
        draining=message.draining,
        left=message.left,
        successor=message.successor,
        sent=dict(message.sent),
        seen_at=wall,
    )


class Topology:
    """The records, and what follows from them. `own` is this node's record, whose links its driver keeps true."""

    def __init__(self, own: ServerRecord) -> None:
        self.own = own
        self.records: dict[str, ServerRecord] = {own.id: own}
        self._stale = True
        self._reachable: dict[str, None] = {own.id: None}
        self._tree: dict[str, list[str]] = {own.id: []}
        self._tree_edges: set[Edge] = set()
        self._youngest: Edge | None = None
        """The last edge of this node's tree, by age."""

    def merge(self, record: ServerRecord) -> bool:
        """Take in another node's record if it is newer; whether it was."""
        known = self.records.get(record.id)
        if known is not None and known.order >= record.order:
            return False
        self.records[record.id] = record
        if known is None or known.left != record.left or self._matters(record.id, known.links, record.links):
            self._stale = True
        return True

    def _matters(self, server: str, before: Mapping[str, int], after: Mapping[str, int]) -> bool:
        """Whether a node's links have changed in a way that changes the tree: redundant ones mostly do not."""
        if self._stale or before == after:
            return self._stale
        for neighbour, stamp in before.items() ^ after.items():
            other = self.records.get(neighbour)
            if other is None or other.left or other.links.get(server) != stamp:
                continue
            edge = Edge(stamp, min(server, neighbour), max(server, neighbour))
            inside = (edge.a in self._reachable) + (edge.b in self._reachable)
            if before.get(neighbour) == stamp:
                matters = edge in self._tree_edges
            else:
                matters = inside == 1 or (inside == 2 and (self._youngest is None or edge < self._youngest))
            if matters:
                return True
        return False

    def forget(self, server: str) -> None:
        if server != self.own.id and self.records.pop(server, None) is not None:
            self._stale = True

    def link_up(self, neighbour: str, stamp: int) -> None:
        before = dict(self.own.links)
        self.own.links[neighbour] = stamp
        self._stale = self._matters(self.own.id, before, self.own.links)

    def link_down(self, neighbour: str) -> None:
        before = dict(self.own.links)
        if self.own.links.pop(neighbour, None) is not None:
            self._stale = self._matters(self.own.id, before, self.own.links)

    @property
    def reachable(self) -> Mapping[str, None]:
        """Ids of all nodes that can be reached over links now, this one included, in a fixed order."""
        self._refresh()
        return self._reachable

    def tree_neighbours(self, server: str) -> list[str]:
        """A reachable node's neighbours in the spanning tree, sorted."""
        self._refresh()
        return self._tree.get(server, [])

    def edges(self) -> list[Edge]:
        """Every link that both ends name, oldest first."""
        records = self.records
        found = []
        for server, record in records.items():
            if record.left:
                continue
            for neighbour, stamp in record.links.items():
                if server < neighbour:
                    other = records.get(neighbour)
                    if other is not None and not other.left and other.links.get(server) == stamp:
                        found.append(Edge(stamp, server, neighbour))
        found.sort()
        return found

    def _refresh(self) -> None:
        if not self._stale:
            return
        self._stale = False
        edges = self.edges()
        tree = spanning_tree(edges)
        neighbours: dict[str, list[str]] = {}
        for edge in tree:
            neighbours.setdefault(edge.a, []).append(edge.b)
            neighbours.setdefault(edge.b, []).append(edge.a)
        reachable: dict[str, None] = {self.own.id: None}
        frontier = [self.own.id]
        while frontier:
            for neighbour in neighbours.get(frontier.pop(), ()):
                if neighbour not in reachable:
                    reachable[neighbour] = None
                    frontier.append(neighbour)
        self._reachable = dict.fromkeys(sorted(reachable))
        self._tree = {server: sorted(neighbours.get(server, ())) for server in self._reachable}
        self._tree_edges = {edge for edge in tree if edge.a in reachable}
        self._youngest = max(self._tree_edges, default=None)

    def degree(self, server: str) -> int:
        """How many links a node announces."""
        record = self.records.get(server)
        return len(record.links) if record is not None else 0

    def guest_hosts(self) -> dict[str, str]:
        """Base server id to the reachable node that speaks for it; of several, the one with the smallest id."""
        hosts: dict[str, str] = {}
        for server in self.reachable:
            for guest in self.records[server].guests:
                hosts.setdefault(guest.id, server)
        return hosts

    def next_hop(self, target: str) -> str | None:
        """The tree neighbour through which a reachable node is reached."""
        self._refresh()
        if target not in self._reachable or target == self.own.id:
            return None
        came_from: dict[str, str] = {self.own.id: ""}
        frontier = [self.own.id]
        while frontier:
            server = frontier.pop()
            for neighbour in self._tree[server]:
                if neighbour not in came_from:
                    came_from[neighbour] = server
                    frontier.append(neighbour)
        step = target
        while came_from[step] != self.own.id:
            step = came_from[step]
        return step


def spanning_tree(edges: list[Edge]) -> list[Edge]:
    """The minimum spanning forest of `edges`, which are sorted (Kruskal, with union-find)."""
    parent: dict[str, str] = {}

    def root(server: str) -> str:
        top = server
        while (above := parent.get(top, top)) != top:
            top = above
        while parent.get(server, server) != top:
            parent[server], server = top, parent[server]
        return top

    tree = []
    for edge in edges:
        a, b = root(edge.a), root(edge.b)
        if a != b:
            parent[max(a, b)] = min(a, b)
            tree.append(edge)
    return tree
