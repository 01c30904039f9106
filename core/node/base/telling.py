"""Telling: a base server hears of all of the network from the one server of ours that speaks to it."""

from __future__ import annotations

from collections.abc import Callable

from core.node.base.base_side import base_side
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.kernel.states import ConnectionState
from core.node.map.topology import Topology
from core.node.map.whereabouts import Whereabouts
from core.wire.address import Address
from core.wire.messages import AttachedServer, ServerAnnounce


class BaseTelling:
    """Announces the servers of the network to base servers, again and again as they expect it."""

    def __init__(self, context: Context, topology: Topology, whereabouts: Whereabouts, load: Callable[[], int]) -> None:
        self._context = context
        self._topology = topology
        self._whereabouts = whereabouts
        self._load = load
        self._is_beating = False

    def start(self, link: Link) -> None:
        """Speak to a base server: everything that is known, from now on."""
        self.tell_all(link)
        if not self._is_beating:
            self._is_beating = True
            self._beat_later()

    def _beat_later(self) -> None:
        self._context.timers.set("base", self._context.after(self._context.config.announce_interval), self._beat)

    def _beat(self) -> None:
        links = self._context.connections.links(ConnectionState.BASE)
        self._is_beating = bool(links)
        for link in links:
            self.tell_all(link)
        if links:
            self._beat_later()

    def tell_new(self) -> None:
        """Announce to every base server those that it has not heard of."""
        for link in self._context.connections.links(ConnectionState.BASE):
            self.tell_all(link, only_new=True)

    def tell_all(self, link: Link, *, only_new: bool = False) -> None:
        """Announce every server that is not behind the link itself."""
        side = base_side(link)
        own = self._topology.own
        own.load = self._load()
        for server in self._topology.reachable:
            record = self._topology.records[server]
            if not (only_new and server in side.announced):
                self._tell(link, server, record.load, self._whereabouts.for_peer(server, link))
            for attached in record.attached:
                behind = server == own.id and attached.id in side.attached
                if not behind and attached.id not in side.attached and not (only_new and attached.id in side.announced):
                    self.tell_of_attached(link, attached, server)

    def tell_of_attached(self, link: Link, attached: AttachedServer, host: str) -> None:
        """Announce a base server that node `host` speaks for."""
        self._tell(link, attached.id, attached.load, self._whereabouts.attached_for_peer(attached, host, link))

    def tell_of_this_server(self, link: Link) -> None:
        """Announce this server once more."""
        own = self._topology.own
        self._tell(link, own.id, own.load, None)

    def _tell(self, link: Link, server: str, load: int, address: Address | None) -> None:
        side = base_side(link)
        side.announced[server] = None
        if server == self._context.id or address is None:
            # Who is sent to one that cannot be reached from there is taken in here.
            address = self._whereabouts.own_for(link)
        self._context.send(link, ServerAnnounce(id=server, load=load, hostname=address.host, port=address.port))
