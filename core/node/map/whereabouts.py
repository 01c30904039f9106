"""Where servers are reached: from here, and by somebody at the other end of a connection.

What a server advertises is a claim about its own surroundings. Here it is put beside what this node has seen itself:
the address at which there was a link, which connections do not leave the machine, and where a client comes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from core.node.kernel.connections import Connection, Link
from core.node.kernel.context import Context
from core.node.map.topology import Topology
from core.node.neighbours.neighbours import Neighbours
from core.wire.address import Address
from core.wire.messages import AttachedServer
from core.wire.scope import Scope, is_site_local, literal, meant, on_one_network, plain_host, scope_of, zone_of

WORKED_MAX: Final = 4096
"""Servers whose working address is remembered, the latest of them."""
ADDRESSES_MAX: Final = 6
"""Addresses at which one server is looked for: what it names, others are dialled at."""


class Whereabouts:
    """What this node knows of others' addresses."""

    def __init__(self, context: Context, neighbours: Neighbours, topology: Topology) -> None:
        self._context = context
        self._neighbours = neighbours
        self._topology = topology
        self._worked: dict[str, Address] = {}
        """Where servers were dialled with success, or are seen on a network of this machine's."""
        self._behind: dict[str, Address] = {}
        """Where others are seen, perhaps behind an address that is not theirs (NAT): for those with no better one."""

    # --- what links show ----------------------------------------------------------------------------------------------

    def linked(self, link: Link) -> None:
        """There is a link with a server: remember the address that led there, or at which it is seen."""
        server = link.remote_id
        if server is None:
            return
        place = self._worked
        if link.dialled is not None:
            # A name stays a name: what it leads to may change.
            address = link.peer if literal(link.dialled.host) is not None else link.dialled
        else:
            address = Address(link.peer.host, link.port)
            if not link.near and (link.at is None or not on_one_network(link.peer.host, link.at.host)):
                place = self._behind
        for known in (self._worked, self._behind):
            known.pop(server, None)
        if address.port and scope_of(address.host) is not Scope.NOWHERE:
            place[server] = address
        while len(place) > WORKED_MAX:
            del place[next(iter(place))]

    def failed(self, server: str, address: Address) -> None:
        """Somebody else lives at an address where a server was, or the server says so no more."""
        for known in (self._worked, self._behind):
            if known.get(server) == address:
                del known[server]

    def named_by(self, link: Link, address: Address) -> Address | None:
        """What a peer means by an address of a third server that it names."""
        return meant(address, self._seen(link), near=link.near, itself=False)

    def announced_by(self, link: Link, address: Address) -> Address | None:
        """What a peer means by an address of its own."""
        return meant(address, self._seen(link), near=link.near, itself=True)

    def _seen(self, link: Link) -> str:
        return link.dialled.host if link.dialled is not None else link.peer.host

    def near(self) -> dict[str, None]:
        """Servers that are on this machine for sure: linked without leaving it, each as both its ends say."""
        own = self._topology.own.id
        records = self._topology.records
        found: dict[str, None] = {own: None}
        frontier = [link.remote_id for link in self._neighbours if link.near and link.remote_id is not None]
        while frontier:
            server = frontier.pop()
            if server in found or server not in records:
                continue
            found[server] = None
            frontier += [other for other in records[server].near if server in self._near_of(other)]
        return found

    def _near_of(self, server: str) -> Sequence[str]:
        record = self._topology.records.get(server)
        return record.near if record is not None else ()

    # --- from here ----------------------------------------------------------------------------------------------------

    def addresses(self, server: str) -> list[Address]:
        """Where this node may dial a server: what it announces, as far as that can be meant, and what has worked."""
        found = [one for one in self._named_by(server) if self._leads_there(one, server)]
        if server in self._worked:
            found.insert(1, self._worked[server])
        if not found and server in self._behind:
            found.append(self._behind[server])
        return list(dict.fromkeys(found))[:ADDRESSES_MAX]

    def may_dial_attached(self, attached: AttachedServer, server: str) -> bool:
        """Whether the address of a base server that a node speaks for is one that leads there from here."""
        if not attached.port or attached.far:
            return False
        scope = scope_of(attached.hostname)
        return scope is Scope.ANYWHERE or (scope is Scope.MACHINE and self.is_near(server))

    def is_near(self, server: str) -> bool:
        return server in self.near()

    def shown(self, server: str) -> Address:
        """The address for people of a server that has a record, or a link: one that others can use, if there is any."""
        known = self.addresses(server)
        usable = [address for address in known if scope_of(address.host) is Scope.ANYWHERE]
        return (usable or known or self._named_by(server))[0]

    def _named_by(self, server: str) -> list[Address]:
        """Where a server says it is: in its record, or, before the first one has come, when the link began."""
        record = self._topology.records.get(server)
        if record is not None:
            return record.addresses
        link = self._neighbours.find(server)
        return [Address(link.hostname, link.port)] if link is not None else []

    def _leads_there(self, address: Address, server: str) -> bool:
        if not address.port or address in self._topology.own.addresses:
            # Where this node itself is, another one is not: private addresses are the same in many places.
            return False
        match scope_of(address.host):
            case Scope.ANYWHERE:
                return True
            case Scope.MACHINE:
                return self.is_near(server)
            case Scope.LINK:
                return (":" not in address.host or bool(zone_of(address.host))) and self.is_near(server)
            case _:
                return False

    # --- from elsewhere -----------------------------------------------------------------------------------------------

    def own_for(self, peer: Connection) -> Address:
        """Where whoever is at the other end of a connection reaches this node: they do so where this end of it is."""
        own = self._topology.own
        if peer.at is not None and peer.at.host in own.also:
            return Address(peer.at.host, own.port)
        return Address(own.hostname, own.port)

    def for_peer(self, server: str, peer: Connection, without: Iterable[str] = ()) -> Address | None:
        """Where somebody at the other end of a connection can be sent to reach a server; None: nowhere that is known.

        `without` are addresses (HOST:PORT) at which they have been, or in vain: a server that has one is left out.
        """
        known = [*self._named_by(server), *([self._worked[server]] if server in self._worked else [])]
        if server in self._behind and all(scope_of(one.host) is not Scope.ANYWHERE for one in known):
            known.append(self._behind[server])
        link = self._neighbours.find(server)
        away = link is not None and _is_another_way(peer, link)
        visited = set(without)
        if visited and any(str(address) in visited for address in known):
            return None
        usable = [address for address in known if self._can_use(peer, address, server=server, away=away)]
        # On the network on which they are themselves, if the server is there too.
        beside = (
            one for one in usable if scope_of(one.host) is Scope.ANYWHERE and on_one_network(one.host, peer.peer.host)
        )
        return next(beside, next(iter(usable), None))

    def attached_for_peer(self, attached: AttachedServer, host: str, peer: Connection) -> Address | None:
        """The same for a base server, which node `host` speaks for."""
        address = Address(plain_host(attached.hostname), attached.port)
        if attached.far and scope_of(address.host) is not Scope.ANYWHERE:
            return None
        return address if self._can_use(peer, address, server=host, away=False) else None

    def _can_use(self, peer: Connection, address: Address, *, server: str, away: bool) -> bool:
        if not address.port or (address in self._topology.own.addresses and server != self._context.id):
            return False
        match scope_of(address.host):
            case Scope.ANYWHERE:
                return peer.near or not (_is_out_of_reach(peer, address.host, away=away))
            case Scope.MACHINE:
                return peer.near and self.is_near(server)
            case Scope.LINK:
                zoned = ":" not in address.host or bool(zone_of(address.host))
                return peer.near and zoned and self.is_near(server)
            case _:
                return False


def _is_another_way(peer: Connection, link: Link) -> bool:
    """Whether a server is reached over another of this machine's networks than the one a peer comes from."""
    return peer.at is not None and link.at is not None and peer.at.host != link.at.host


def _is_out_of_reach(peer: Connection, host: str, *, away: bool) -> bool:
    """Whether an address leads nowhere for somebody who came from where `peer` did, as far as can be told."""
    target, whence = literal(host), literal(peer.peer.host)
    if target is None or whence is None:
        return False
    if target.version != whence.version:
        # That they have the other family as well is not known.
        return True
    if not is_site_local(target):
        return False
    return not is_site_local(whence) or (away and not on_one_network(host, peer.peer.host))
