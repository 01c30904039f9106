"""The network's map: link-state records of all nodes, who can be reached, and the spanning tree.

Every node floods a record of itself with its links (link-state routing as in OSPF, RFC 2328: a newer record replaces
an older one, a link counts only when both ends name it). So each node has the same graph and computes the same
minimum spanning tree of it, the weight of a link being its birth stamp: an older link is preferred,
so a new link never disturbs the tree, and when a tree link dies the oldest redundant link that closes the gap takes
its place. Links in the tree are *eager*: they carry broadcasts and gather lock answers. All others are *lazy*.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from core.node.map.forest import Edge, Forest, edge_between
from core.wire.address import Address
from core.wire.messages import AttachedServer, LinkEnd, ServerAnnounce


class ServerRecord(msgspec.Struct, eq=False):
    """What a node last announced of itself."""

    id: str
    incarnation: int
    version: int
    hostname: str
    port: int
    load: int
    name: str
    links: dict[str, int] = {}
    """Neighbour to birth stamp of the link."""
    attached: tuple[AttachedServer, ...] = ()
    users: tuple[str, ...] = ()
    draining: bool = False
    left: bool = False
    successor: str | None = None
    sent: dict[str, int] = {}
    """How many clients the node has ever redirected to each server."""
    ssh: int = 0
    """The port on which the node serves SSH at its host; 0: it does not."""
    ssh_authority: str = ""
    """Of this node alone: the key that certifies the network's hosts for SSH. It is not announced: that would be
    believed of whoever says it."""
    away: dict[str, tuple[int, int]] = {}
    """Users whose base clients lost their connection with the node: when, and how far they had come."""
    also: tuple[str, ...] = ()
    """Other hosts at which the node is reached, on the same port."""
    near: tuple[str, ...] = ()
    """Neighbours that are on the node's machine."""
    key: bytes | None = None
    """The key that has signed it; None: nobody has."""
    seen_at: float = 0.0
    """Wall-clock seconds since 1970 at which the node was last known to be reachable."""
    lead: int | None = None
    """By how much the node's time was ahead of the monotonic clock here at least, in microseconds, by what it has
    signed in this start; None: it says no time, or has signed nothing."""
    announcement: ServerAnnounce | None = None
    """What another node's record was read from: it is passed on as it came."""

    @property
    def order(self) -> tuple[int, int]:
        return (self.incarnation, self.version)

    @property
    def addresses(self) -> list[Address]:
        """Where the node says that it is reached, the best first."""
        return [Address(host, self.port) for host in dict.fromkeys((self.hostname, *self.also))]

    def is_where(self, other: ServerRecord) -> bool:
        """Whether the node is reached where the other record says."""
        if self.hostname == other.hostname and self.port == other.port and self.also == other.also:
            # As nearly always, and without a list of addresses for each of two records.
            return True
        return self.addresses == other.addresses

    def message(self) -> ServerAnnounce:
        """The record as it travels."""
        if self.announcement is not None:
            return self.announcement
        return ServerAnnounce(
            id=self.id,
            load=self.load,
            hostname=self.hostname,
            port=self.port,
            incarnation=self.incarnation,
            version=self.version,
            name=self.name,
            links=[LinkEnd(neighbour, stamp) for neighbour, stamp in sorted(self.links.items())],
            attached=list(self.attached),
            users=list(self.users),
            draining=self.draining,
            left=self.left,
            successor=self.successor,
            sent=dict(sorted(self.sent.items())),
            ssh=self.ssh,
            away=dict(self.away),
            also=list(self.also),
            near=list(self.near),
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
        attached=tuple(message.attached),
        users=tuple(message.users),
        draining=message.draining,
        left=message.left,
        successor=message.successor,
        sent=dict(message.sent),
        ssh=message.ssh,
        away=dict(message.away),
        also=tuple(message.also),
        near=tuple(message.near),
        key=message.key,
        seen_at=wall,
        announcement=message,
    )


class Topology:
    """The records, and what follows from them. `own` is this node's record, whose links its driver keeps true."""

    def __init__(self, own: ServerRecord) -> None:
        self.own = own
        self.records: dict[str, ServerRecord] = {own.id: own}
        self._forest: Forest | None = None
        """None until it is asked for."""
        self._reachable: dict[str, None] = {own.id: None}
        self.losses = 0
        """How many links the tree has lost."""
        self._touched: dict[Edge, None] = {}
        """Links that have come or gone since the forest was looked at."""
        self._stale = True
        """Whether what can be reached has to be looked up again."""
        self._hosts: dict[str, str] = {}
        """Who speaks for which base server, among these, and with these attached here."""
        self._hosts_of: Mapping[str, None] | None = None
        self._hosts_with: tuple[AttachedServer, ...] = ()

    def begin_amid(self, records: Mapping[str, ServerRecord], links: Mapping[str, int], forest: Forest) -> None:
        """Know from the start what a network has long settled: records, this node's links in them, and their forest."""
        self.own.links = dict(links)
        self.records = {**records, self.own.id: self.own}
        self._forest = forest.copy()
        self._stale = True

    def merge(self, record: ServerRecord) -> bool:
        """Take in another node's record if it is newer; whether it was."""
        known = self.records.get(record.id)
        if known is not None and known.order >= record.order:
            return False
        self.records[record.id] = record
        if (known.attached if known is not None else ()) != record.attached:
            self._hosts_of = None
        before = known.links if known is not None and not known.left else {}
        self._links_changed(record.id, before, record.links if not record.left else {})
        return True

    def forget(self, server: str) -> None:
        if server != self.own.id:
            record = self.records.pop(server, None)
            if record is not None and not record.left:
                self._links_changed(server, record.links, {})

    def link_up(self, neighbour: str, stamp: int) -> None:
        before = dict(self.own.links)
        self.own.links[neighbour] = stamp
        self._links_changed(self.own.id, before, self.own.links)

    def link_down(self, neighbour: str) -> None:
        before = dict(self.own.links)
        if self.own.links.pop(neighbour, None) is not None:
            self._links_changed(self.own.id, before, self.own.links)

    def _links_changed(self, server: str, before: Mapping[str, int], after: Mapping[str, int]) -> None:
        """A node names other links than before: those that the other ends name as well have come or gone.

        The forest follows when it is asked for, so that much news that comes together costs little.
        """
        if before == after:
            return
        for neighbour, stamp in before.items():
            if after.get(neighbour) != stamp and self._names(neighbour, server, stamp):
                self._touched[edge_between(server, neighbour, stamp)] = None
                if self._forest is not None and self._forest.has_in_tree(server, neighbour):
                    self.losses += 1
        for neighbour, stamp in after.items():
            if before.get(neighbour) != stamp and self._names(neighbour, server, stamp):
                self._touched[edge_between(server, neighbour, stamp)] = None

    @property
    def is_settled(self) -> bool:
        """Whether the forest is that of all links as they are known now."""
        return not self._touched

    @property
    def changed_forest(self) -> Forest | None:
        """The forest, if it has changed since somebody looked; it is not brought up to date for that."""
        forest = self._forest
        return forest if forest is not None and forest.came else None

    def _names(self, server: str, neighbour: str, stamp: int) -> bool:
        record = self.records.get(server)
        return record is not None and not record.left and record.links.get(neighbour) == stamp

    @property
    def forest(self) -> Forest:
        """The graph of all links that both ends name, and its minimum spanning forest."""
        if self._forest is None:
            self._touched.clear()
            self._forest = Forest()
            self._forest.update(
                [],
                [
                    Edge(stamp, server, neighbour)
                    for server, record in self.records.items()
                    if not record.left
                    for neighbour, stamp in record.links.items()
                    if server < neighbour and self._names(neighbour, server, stamp)
                ],
            )
            self._stale = True
        elif self._touched:
            self._catch_up(self._forest)
        return self._forest

    def _catch_up(self, forest: Forest) -> None:
        gone: list[Edge] = []
        come: list[Edge] = []
        for edge in self._touched:
            stamp, a, b = edge
            named = self._names(a, b, stamp) and self._names(b, a, stamp)
            if named != (edge in forest):
                (come if named else gone).append(edge)
        self._touched.clear()
        if gone or come:
            forest.update(gone, come)
            self._stale = True

    @property
    def reachable(self) -> Mapping[str, None]:
        """Ids of all nodes that can be reached over links now, this one included, sorted. The same until it changes."""
        if self._stale or self._touched:
            found = self.forest.members(self.own.id)
            self._stale = False
            if found != list(self._reachable):
                self._reachable = dict.fromkeys(found)
        return self._reachable

    def tree_neighbours(self, server: str) -> list[str]:
        """A reachable node's neighbours in the spanning tree, sorted. The same list until they change."""
        if self._stale or self._touched:
            return self.forest.neighbours(server) if server in self.reachable else []
        forest = self._forest
        assert forest is not None, "it is stale until it is asked for"
        return forest.neighbours(server) if server in self._reachable else []

    def degree(self, server: str) -> int:
        """How many links a node announces."""
        record = self.records.get(server)
        return len(record.links) if record is not None else 0

    def hosts_of_attached(self) -> Mapping[str, str]:
        """Base server id to the reachable node that speaks for it; of several, the one with the smallest id."""
        reachable, own_attached = self.reachable, self.own.attached
        if self._hosts_of is not reachable or self._hosts_with != own_attached:
            self._hosts_of, self._hosts_with = reachable, own_attached
            self._hosts = {}
            for server in reachable:
                for attached in self.records[server].attached:
                    self._hosts.setdefault(attached.id, server)
        return self._hosts

    def next_hop(self, target: str) -> str | None:
        """The tree neighbour through which a reachable node is reached."""
        if target not in self.reachable or target == self.own.id:
            return None
        came_from: dict[str, str] = {self.own.id: ""}
        frontier = [self.own.id]
        while frontier:
            server = frontier.pop()
            for neighbour in self.forest.neighbours(server):
                if neighbour not in came_from:
                    came_from[neighbour] = server
                    frontier.append(neighbour)
        step = target
        while came_from[step] != self.own.id:
            step = came_from[step]
        return step
