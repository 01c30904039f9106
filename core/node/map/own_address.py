"""What this node advertises of itself: an address of its machine at which others reach it.

Nobody's word counts. The machine says which addresses it has, and each connection at which of them this end of it is;
what a peer claims to see is compared with that, and told to the operator where it differs.
"""

from __future__ import annotations

from typing import Final

from core.node.interface.actions import Advertise
from core.node.interface.events import AddressesFound
from core.node.kernel.connections import Connection, Link
from core.node.kernel.context import Context
from core.node.map.announcements import Announcements
from core.node.map.topology import Topology
from core.wire.address import Address
from core.wire.scope import Scope, literal, scope_of

ALSO_MAX: Final = 7
"""Further addresses that are announced: a machine with containers may have dozens."""


class OwnAddress:
    """Chooses among the machine's addresses, unless the operator has chosen."""

    def __init__(self, context: Context, topology: Topology, announcements: Announcements) -> None:
        self._context = context
        self._topology = topology
        self._announcements = announcements
        self._hosts: tuple[str, ...] = ()
        self._used: dict[str, None] = {}
        """Those at which somebody on another machine has reached this node."""
        self._told_seen = False

    @property
    def address(self) -> Address:
        """What is advertised now."""
        own = self._topology.own
        return Address(own.hostname, own.port)

    def found(self, event: AddressesFound) -> None:
        """The machine has these addresses, from now on."""
        self._hosts = event.hosts
        self._used = {host: None for host in self._used if host in event.hosts}
        self._choose()

    def reached(self, connection: Connection) -> None:
        """Somebody has connected."""
        host = connection.at.host if connection.at is not None else None
        if connection.origin == "inbound" and not connection.near and host in self._hosts and host not in self._used:
            self._used[host] = None
            self._choose()

    def _choose(self) -> None:
        """Stay with what is known to work; else take what does, else the best guess."""
        if not self._hosts:
            return
        own = self._topology.own
        # A link-local one works for some, and means another machine to the rest.
        pool = [host for host in self._hosts if scope_of(host) is Scope.ANYWHERE] or list(self._hosts)
        candidates = [host for host in pool if host in self._used] or pool
        host = own.hostname if own.hostname in candidates else candidates[0]
        others = (other for other in self._hosts if other != host and scope_of(other) is Scope.ANYWHERE)
        also = tuple(others)[:ALSO_MAX]
        if (host, also) == (own.hostname, own.also):
            return
        moved, own.hostname, own.also = host != own.hostname, host, also
        self._announcements.structure_changed()
        self._context.actions.append(Advertise(self.address, also))
        if moved:
            self._context.notify("listening", f"others reach this server at {self.address} from now on")

    def seen(self, link: Link, host: str) -> None:
        """A server says at which host it sees this one: believed by nobody, but an operator may want to know."""
        own = self._topology.own
        address = literal(host)
        if (
            self._told_seen
            or not self._hosts
            or link.near
            or address is None
            or scope_of(host) is not Scope.ANYWHERE
            or address in (literal(one) for one in self._hosts)
        ):
            return
        self._told_seen = True
        self._context.notify(
            "listening",
            f"{link.name} sees this server at {address}, which is no address of this machine; where servers and people"
            f" cannot reach {own.hostname}, --advertise names an address or name that leads here",
            "warning",
        )
