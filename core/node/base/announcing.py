"""Announcing: base servers that announce themselves, or each other, are made known to the network."""

from __future__ import annotations

from core.node.base.base_servers import BaseServers
from core.node.base.base_side import base_side
from core.node.base.second_ways import SecondWays
from core.node.base.telling import BaseTelling
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.states import ConnectionState
from core.node.kernel.takers import takes
from core.node.map.announcements import ATTACHED_MAX, Announcements
from core.node.map.topology import Topology
from core.node.map.whereabouts import Whereabouts
from core.wire.address import Address
from core.wire.messages import AttachedServer, ServerAnnounce
from core.wire.scope import Scope, scope_of


class BaseAnnouncing:
    """Takes in what base servers announce."""

    def __init__(
        self,
        context: Context,
        topology: Topology,
        base_servers: BaseServers,
        whereabouts: Whereabouts,
        announcements: Announcements,
        telling: BaseTelling,
        second_ways: SecondWays,
    ) -> None:
        self._context = context
        self._topology = topology
        self._base_servers = base_servers
        self._whereabouts = whereabouts
        self._announcements = announcements
        self._telling = telling
        self._second_ways = second_ways

    def start(self, link: Link) -> None:
        """A base server is spoken to: what it has announced so far counts, and it is told everything that is known."""
        for attached in base_side(link).attached.values():
            self._announcements.structure_changed()
            if attached.direct:
                self._base_servers.dialling.announced(link, attached)
        self._telling.start(link)

    @takes(Handler.BASE_ANNOUNCEMENT)
    def receive(self, link: Link, message: ServerAnnounce) -> None:
        """A base server announced itself, or passed on another's announcement."""
        side = base_side(link)
        server = str(message.id)
        if self._base_servers.speakers.is_ours(server):
            self._second_ways.hear_of_ours(link, server)
            return
        self._forget_the_one_before(link, server, Address(message.hostname, int(message.port)))
        direct = not any(attached.direct for attached in side.attached.values()) and (
            link.origin == "inbound" or link.dialled is None or link.dialled.port == int(message.port)
        )
        known = side.attached.get(server)
        if known is None and self._second_ways.is_there_a_rival(link):
            # It may be another server of ours that reaches it, over a link that has to go.
            return
        if known is None and len(side.attached) >= ATTACHED_MAX - len(self._base_servers.attached()):
            return
        direct = known.direct if known else direct
        named = Address(message.hostname, int(message.port))
        # What it says of itself may be meant for its own machine: here it is where it is seen.
        address = (self._whereabouts.announced_by(link, named) if direct else None) or named
        far = not link.near and scope_of(address.host) is not Scope.ANYWHERE
        attached = AttachedServer(server, address.host, address.port, int(message.load), direct, far)
        side.attached[server] = attached
        if attached.direct:
            now = self._context.now.monotonic
            if side.beat_at is not None:
                side.rhythm = max(side.rhythm or 0.0, now - side.beat_at)
            side.beat_at = now
            link.remote_id = server
            link.hostname, link.port = attached.hostname, attached.port
            link.name = link.name or server[:6]
        if attached.direct and link.state is ConnectionState.BASE:
            self._base_servers.dialling.announced(link, attached)
        self._expire_later(link, server)
        if known is None:
            self._announcements.structure_changed()
            self._context.notify(
                "joined",
                f"base server {attached.hostname}:{attached.port} is part of the network",
                "good",
                server=server,
            )
        elif known.load != attached.load:
            # Whoever logs in here meanwhile is sent by what is known, though the others hear of it a little later.
            self._topology.own.attached = self._base_servers.attached()
            self._announcements.load_changed()
        self._second_ways.check(link, server)
        for other in self._context.connections.links(ConnectionState.BASE):
            if other.conn != link.conn:
                self._telling.tell_of_attached(other, attached, self._context.id)

    def _forget_the_one_before(self, link: Link, server: str, named: Address) -> None:
        """A base server that was started anew has another id at the same address."""
        side = base_side(link)
        address = self._whereabouts.announced_by(link, named) or named
        for before in list(side.attached.values()):
            if before.direct and before.id != server and (before.hostname, before.port) == address:
                del side.attached[before.id]
                # Whoever is called otherwise each time would leave one behind each time.
                self._context.timers.cancel(("attached", link.conn, before.id))
                self._announcements.structure_changed()

    def _expire_later(self, link: Link, server: str) -> None:
        side = base_side(link)

        def expire() -> None:
            attached = side.attached.get(server)
            if attached is not None and not attached.direct and link.state is ConnectionState.BASE:
                del side.attached[server]
                self._announcements.structure_changed()

        limit = max(self._context.config.base_silence_limit, 6 * self._context.config.announce_interval)
        self._context.timers.set(("attached", link.conn, server), self._context.after(limit), expire)

    def shows_another_way(self, link: Link, message: ServerAnnounce) -> bool:
        """Whether an announcement over a base link shows that another server of ours speaks to the other side too."""
        server = str(message.id)
        return self._base_servers.speakers.is_ours(server) or self._base_servers.ways.is_reached_by_another(server)
