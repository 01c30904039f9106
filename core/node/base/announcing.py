"""Announcing: a base server hears of all of the network from the one server of ours that speaks to it, and all of it.

A base server recognises nothing twice. So of two ways to one, exactly one is cut: as the map shows them, or as the base
server itself does, which passes on announcements.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from core.node.base.base_servers import BaseServers
from core.node.base.base_side import base_side
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.states import ConnectionState
from core.node.kernel.takers import takes
from core.node.map.announcements import ATTACHED_MAX, Announcements
from core.node.map.topology import ServerRecord, Topology
from core.node.map.whereabouts import Whereabouts
from core.wire.address import Address
from core.wire.messages import AttachedServer, ServerAnnounce
from core.wire.scope import Scope, scope_of

RIVAL_MEMORY: Final = 2.5
"""Intervals for which it is remembered that a server of ours was announced over a base link."""


class BaseAnnouncing:
    """What this node tells base servers of the network, and the network of base servers."""

    def __init__(
        self,
        context: Context,
        topology: Topology,
        base_servers: BaseServers,
        whereabouts: Whereabouts,
        announcements: Announcements,
        load: Callable[[], int],
    ) -> None:
        self._context = context
        self._topology = topology
        self._base_servers = base_servers
        self._whereabouts = whereabouts
        self._announcements = announcements
        self._load = load
        self._base_beat = False
        self.on_doubt_over: Callable[[Link], None] = lambda link: None
        """Told of each base link over which another server of ours was announced, once that one has given way."""

    def record_merged(self, before: ServerRecord | None, record: ServerRecord) -> None:
        """Another server of ours says to whom it speaks: there may be a second way."""
        if record.attached and (before is None or before.attached != record.attached):
            self.cut_second_ways()

    # --- what base servers say ----------------------------------------------------------------------------------------

    @takes(Handler.BASE_ANNOUNCEMENT)
    def receive(self, link: Link, message: ServerAnnounce) -> None:
        """A base server announced itself, or passed on another's announcement."""
        side = base_side(link)
        server = str(message.id)
        if self._base_servers.speakers.is_ours(server):
            self._hear_of_ours(link, server)
            return
        self._forget_the_one_before(link, server, Address(message.hostname, int(message.port)))
        direct = not any(attached.direct for attached in side.attached.values()) and (
            link.origin == "inbound" or link.dialled is None or link.dialled.port == int(message.port)
        )
        known = side.attached.get(server)
        lately = self._context.now.monotonic - RIVAL_MEMORY * self._context.config.announce_interval
        if known is None and any(at > lately for at in side.rivals.values()):
            # It may be another server of ours that reaches it, over a link that has to go.
            return
        if known is None and len(self._base_servers.attached()) >= ATTACHED_MAX:
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
        self._check_cycle(link, server)
        for other in self._context.connections.links(ConnectionState.BASE):
            if other.conn != link.conn:
                self._tell_of_attached(other, attached, self._context.id)

    def _forget_the_one_before(self, link: Link, server: str, named: Address) -> None:
        """A base server that was started anew has another id at the same address."""
        side = base_side(link)
        address = self._whereabouts.announced_by(link, named) or named
        for before in list(side.attached.values()):
            if before.direct and before.id != server and (before.hostname, before.port) == address:
                del side.attached[before.id]
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

    def _hear_of_ours(self, link: Link, server: str) -> None:
        """Another server of ours is announced over a base link to which this node speaks: there is a second way.

        It has dialled there just now, and gives way once it hears the answer. If the answer cannot reach it in time it
        speaks there as well, and what the base server has said since is that one's; then it is announced once more, and
        of the two parts of the network the one with the smallest id keeps its link.
        """
        side = base_side(link)
        context = self._context
        side.announced[server] = None  # the base server waits for its answers to registrations as well
        self._check_cycle(link, server)
        if link.state is not ConnectionState.BASE or server == context.id:
            return
        now = context.now.monotonic
        oldest = now - RIVAL_MEMORY * context.config.announce_interval
        side.rivals[server] = now
        if now >= side.suspect_until:
            side.suspect_until = context.after(context.config.listen)
            context.timers.set(("doubt", link.conn), side.suspect_until, lambda: self.on_doubt_over(link))
            own = self._topology.own
            self._tell(link, own.id, own.load, None)
            return
        side.suspect_until = now
        side.held.clear()
        context.timers.cancel(("doubt", link.conn))
        side.rivals = {one: at for one, at in side.rivals.items() if at >= oldest}
        reachable = self._topology.reachable
        if min((one for one in side.rivals if one not in reachable), default="~") < min(reachable):
            self._cut(link)
            self._base_servers.dialling.left_to_another(link)
        else:
            # It hears that only now, and has taken in what was said until it does.
            side.shared_until = context.after(context.config.listen)
            self.tell_all(link)

    # --- two ways to one ----------------------------------------------------------------------------------------------

    def cut_second_ways(self) -> None:
        """Look whether the map now shows second ways to base servers."""
        for link in self._context.connections.links(ConnectionState.BASE):
            for server in list(base_side(link).attached):
                self._check_cycle(link, server)

    def _check_cycle(self, link: Link, server: str) -> None:
        """Base servers recognise no duplicates: of two ways to one of them, exactly one is cut."""
        side = base_side(link)
        context = self._context
        if link.state is ConnectionState.CLOSING:
            return
        if server == context.id:
            cut = any(other.conn < link.conn for other in context.connections.links(ConnectionState.BASE))
        else:
            seen_here = set(side.attached) | {server}
            cut = any(
                host < context.id
                and any(attached.id in seen_here for attached in self._topology.records[host].attached)
                for host in self._topology.reachable
            ) or any(
                other.conn < link.conn and server in base_side(other).attached
                for other in context.connections.links(ConnectionState.BASE)
            )
        if cut:
            self._cut(link)
            self._base_servers.dialling.left_to_another(link)

    def _cut(self, link: Link) -> None:
        self._context.notify(
            "unlinked",
            f"the link to base server {link.peer} was closed: the network reaches it another way, and it would have"
            " received everything twice",
            "warning",
            server=link.remote_id,
        )
        link.clean = True
        self._context.close(link, "this network reaches you another way")

    # --- what base servers are told -----------------------------------------------------------------------------------

    def tree_changed(self) -> None:
        """The map has changed: some ways may be second ones now, and base servers hear of servers that are new."""
        self.cut_second_ways()
        for link in self._context.connections.links(ConnectionState.BASE):
            self.tell_all(link, only_new=True)

    def start(self, link: Link) -> None:
        """Speak to a base server: everything that is known."""
        side = base_side(link)
        for attached in side.attached.values():
            self._announcements.structure_changed()
            if attached.direct:
                self._base_servers.dialling.announced(link, attached)
        self.tell_all(link)
        if not self._base_beat:
            self._base_beat = True
            self._context.timers.set(
                "base", self._context.after(self._context.config.announce_interval), self._announce_to_base
            )

    def _announce_to_base(self) -> None:
        links = self._context.connections.links(ConnectionState.BASE)
        self._base_beat = bool(links)
        for link in links:
            self.tell_all(link)
        if links:
            self._context.timers.set(
                "base", self._context.after(self._context.config.announce_interval), self._announce_to_base
            )

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
                    self._tell_of_attached(link, attached, server)

    def _tell_of_attached(self, link: Link, attached: AttachedServer, host: str) -> None:
        self._tell(link, attached.id, attached.load, self._whereabouts.attached_for_peer(attached, host, link))

    def _tell(self, link: Link, server: str, load: int, address: Address | None) -> None:
        side = base_side(link)
        side.announced[server] = None
        if server == self._context.id or address is None:
            # Who is sent to one that cannot be reached from there is taken in here.
            address = self._whereabouts.own_for(link)
        self._context.send(link, ServerAnnounce(id=server, load=load, hostname=address.host, port=address.port))
