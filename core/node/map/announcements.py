"""Announcements: this node's link-state record, the flooding of everybody's, and speaking for all towards base servers.

Structural news (a link, a guest, a departure) is flooded at once over every native link; a changed load or user list
goes over the tree only, at most every `announce_gap`. Without news a record is repeated every `refresh_interval`,
stretched in large networks so that a node hears a handful of messages a second however many nodes there are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from core.node.base.base_servers import BaseServers
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.kernel.states import ConnectionState
from core.node.map.topology import ServerRecord, Topology, record_of
from core.node.map.whereabouts import Whereabouts
from core.node.neighbours.neighbours import Neighbours
from core.wire.address import Address
from core.wire.codec import Frame
from core.wire.limits import SERVER_LINE_BYTES_MAX
from core.wire.messages import AttachedServer, MapSummary, ServerAnnounce
from core.wire.scope import Scope, scope_of

RECORDS_PER_SECOND: Final = 4.0
"""How many records with a changed load a node is willing to hear per second."""
REFRESHED_PER_SECOND: Final = 1.0
"""How many records that are only repeated. Each goes over the whole tree: among 1,000 servers the one with the most
links passes on nine times as many."""
USERS_SHOWN: Final = 256
ORDER_MAX: Final = 2**48
"""Largest incarnation or version that is believed: a lie beyond what a node can count to could not be overtaken."""
GUESTS_MAX: Final = 256
"""Base servers that one node speaks for; others behind its base links are not heard of. They must fit its record."""
OVERTAKE_GAP: Final = 1.0
"""Seconds between announcements that are made because somebody knows a later one of this node."""
REDIRECT_GAP: Final = 0.005
"""Seconds between announcements because of redirects: a storm of them is announced together."""

RIVAL_MEMORY: Final = 2.5
"""Intervals for which it is remembered that a server of ours was announced over a base link."""

STRUCTURE_GAP: Final = 0.01
"""Seconds for which structural news is gathered: links that die together are one piece of news. Each piece costs a
message over every link of the network, and half of the nodes of a network crash at once in the worst of cases."""


class Announcements:
    """What this node says of itself and of others."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        topology: Topology,
        base_servers: BaseServers,
        whereabouts: Whereabouts,
        users: Callable[[], tuple[int, list[str]]],
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._topology = topology
        self._base_servers = base_servers
        self._whereabouts = whereabouts
        self._users = users
        self._structural = False
        self._load_dirty = False
        self._published_at = float("-inf")
        self._overtook_at = float("-inf")
        self._base_beat = False
        self.on_doubt_over: Callable[[Link], None] = lambda link: None
        """Told of each base link over which another server of ours was announced, once that one has given way."""
        self.on_record: list[Callable[[ServerRecord | None, ServerRecord], None]] = []
        """Told of each newer record of another node, with the one before it."""

    # --- this node's record -------------------------------------------------------------------------------------------

    def start(self) -> None:
        self.schedule_refresh()

    def structure_changed(self) -> None:
        """A link or a guest came or went: everybody must know, now."""
        self._structural = True

    def load_changed(self) -> None:
        """A client came or went."""
        if not self._load_dirty:
            self._load_dirty = True
            gap = self._context.config.announce_gap * self._stretch()
            self._context.timers.set("load", self._context.after(gap), self._publish_load)

    def redirected(self) -> None:
        """A client is about to be sent away: its new server must know before it arrives, or would send it on."""
        now = self._context.now.monotonic
        if now - self._published_at >= REDIRECT_GAP:
            self._publish(everywhere=False)
        else:
            self._load_dirty = True
            self._context.timers.set("load", self._published_at + REDIRECT_GAP, self._publish_load)

    def _stretch(self) -> float:
        interval = self._context.config.announce_interval
        return max(1.0, len(self._topology.reachable) / (RECORDS_PER_SECOND * max(interval, 0.001)))

    def flush(self) -> None:
        """Publish structural news that the event in hand brought."""
        if self._structural and "structure" not in self._context.timers:
            self._context.timers.set("structure", self._context.after(STRUCTURE_GAP), self._publish_structure)

    def _publish_structure(self) -> None:
        self._structural = False
        self._publish(everywhere=True)

    def _publish_load(self) -> None:
        if self._load_dirty:
            self._publish(everywhere=False)

    def _refresh(self) -> None:
        self._publish(everywhere=False)
        self.schedule_refresh()

    def schedule_refresh(self, share: float = 1.0) -> None:
        """Repeat the record after this share of the interval, which is drawn so that servers that were started
        together do not all speak at once.
        """
        context = self._context
        interval = max(context.config.refresh_interval, len(self._topology.reachable) / REFRESHED_PER_SECOND)
        drawn = share * interval * (0.75 + 0.5 * context.rng.random())
        context.timers.set("refresh", context.after(drawn), self._refresh)

    def _publish(self, *, everywhere: bool) -> None:
        own = self._topology.own
        own.version += 1
        self._published_at = self._context.now.monotonic
        own.load, users = self._users()
        own.users = tuple(users)
        own.guests = self._guests()
        near = (link.remote_id for link in self._neighbours if link.near and link.remote_id is not None)
        own.near = tuple(sorted(near))
        own.draining = self._context.draining
        own.seen_at = self._context.now.wall
        self._load_dirty = False
        self._context.timers.cancel("load")
        self._neighbours.announce(Frame(own.message()), everywhere=everywhere)

    def _guests(self) -> tuple[AttachedServer, ...]:
        links = self._context.connections.links(ConnectionState.BASE)
        return tuple(guest for link in links for guest in link.guests.values())

    def introduce(self, link: Link) -> None:
        """Tell a new native neighbour of this node, and which records it has, so that it sends what is newer."""
        records = self._topology.records
        self._context.send(link, self._topology.own.message())
        self._context.send(link, MapSummary({record.id: list(record.order) for record in records.values()}))

    def compare(self, link: Link, message: MapSummary) -> None:
        """A new neighbour says which records it has: send those that it lacks, or has in an older form."""
        for record in self._topology.records.values():
            if record.id != link.remote_id and tuple(message.records.get(record.id, ())) < record.order:
                self._context.send(link, record.message())

    # --- other nodes' records -----------------------------------------------------------------------------------------

    def receive_native(self, link: Link, message: ServerAnnounce) -> None:
        """A record arrived over a native link."""
        known = self._topology.records.get(str(message.id))
        if known is not None and known.order == (message.incarnation, message.version):
            # Flooding brings most records more than once.
            return
        record = record_of(message, self._context.now.wall)
        if record is None:
            # What a dialling node says in base words, before it knows that it talks to one of ours.
            return
        if max(record.order) > ORDER_MAX:
            return
        own = self._topology.own
        if record.id == own.id:
            if record.order > own.order:
                # Somebody remembers more of this node than it does itself: its data went back in time.
                own.incarnation, own.version = record.order
                if own.version > ORDER_MAX // 2:
                    own.incarnation, own.version = own.incarnation + 1, 0
                self._overtake()
            return
        if known is not None and known.order > record.order:
            self._context.send(link, known.message())
            return
        frame = Frame(message)
        listed = len(message.links) + len(message.guests) + len(message.users)
        if listed > GUESTS_MAX and len(frame.data) > SERVER_LINE_BYTES_MAX:
            self._context.invalid(link, "SERVER_ANNOUNCE: too long to be passed on")
            return
        self._topology.merge(record)
        structural = (
            known is None
            or known.links != record.links
            or known.addresses != record.addresses
            or known.near != record.near
            or known.left != record.left
            or known.draining != record.draining
            or known.incarnation != record.incarnation
            or [guest.id for guest in known.guests] != [guest.id for guest in record.guests]
        )
        self._neighbours.announce(frame, everywhere=structural, source=link.conn)
        for told in self.on_record:
            told(known, record)
        if record.guests and (known is None or known.guests != record.guests):
            self.cut_second_ways()

    def _overtake(self) -> None:
        """Announce this node again, later than what others know: at once, but not at any rate.

        Another process with the same identity, from copied data, would do the same.
        """
        now = self._context.now.monotonic
        if now - self._overtook_at >= OVERTAKE_GAP:
            self._overtook_at = now
            self.structure_changed()
        elif "overtake" not in self._context.timers:
            self._context.timers.set("overtake", self._overtook_at + OVERTAKE_GAP, self._overtake)

    # --- base servers -------------------------------------------------------------------------------------------------

    def receive_base(self, link: Link, message: ServerAnnounce) -> None:
        """A base server announced itself, or passed on another's announcement."""
        server = str(message.id)
        if self._base_servers.is_ours(server):
            self._hear_of_ours(link, server)
            return
        self._forget_the_one_before(link, server, Address(message.hostname, int(message.port)))
        direct = not any(guest.direct for guest in link.guests.values()) and (
            link.origin == "inbound" or link.dialled is None or link.dialled.port == int(message.port)
        )
        known = link.guests.get(server)
        lately = self._context.now.monotonic - RIVAL_MEMORY * self._context.config.announce_interval
        if known is None and any(at > lately for at in link.rivals.values()):
            # It may be another server of ours that reaches it, over a link that has to go.
            return
        if known is None and len(self._guests()) >= GUESTS_MAX:
            return
        direct = known.direct if known else direct
        named = Address(message.hostname, int(message.port))
        # What it says of itself may be meant for its own machine: here it is where it is seen.
        address = (self._whereabouts.announced_by(link, named) if direct else None) or named
        far = not link.near and scope_of(address.host) is not Scope.ANYWHERE
        guest = AttachedServer(server, address.host, address.port, int(message.load), direct, far)
        link.guests[server] = guest
        if guest.direct:
            now = self._context.now.monotonic
            if link.beat_at is not None:
                link.rhythm = max(link.rhythm or 0.0, now - link.beat_at)
            link.beat_at = now
            link.remote_id = server
            link.hostname, link.port = guest.hostname, guest.port
            link.name = link.name or server[:6]
        if guest.direct and link.state is ConnectionState.BASE:
            self._base_servers.announced(link, guest)
        self._expire_later(link, server)
        if known is None:
            self.structure_changed()
            self._context.notify(
                "joined", f"base server {guest.hostname}:{guest.port} is part of the network", "good", server=server
            )
        elif known.load != guest.load:
            # Whoever logs in here meanwhile is sent by what is known, though the others hear of it a little later.
            self._topology.own.guests = self._guests()
            self.load_changed()
        self._check_cycle(link, server)
        for other in self._context.connections.links(ConnectionState.BASE):
            if other.conn != link.conn:
                self._tell_of_guest(other, guest, self._context.id)

    def _forget_the_one_before(self, link: Link, server: str, named: Address) -> None:
        """A base server that was started anew has another id at the same address."""
        address = self._whereabouts.announced_by(link, named) or named
        for before in list(link.guests.values()):
            if before.direct and before.id != server and (before.hostname, before.port) == address:
                del link.guests[before.id]
                self.structure_changed()

    def shows_another_way(self, link: Link, message: ServerAnnounce) -> bool:
        """Whether an announcement over a base link shows that another server of ours speaks to the other side too."""
        server = str(message.id)
        return self._base_servers.is_ours(server) or self._base_servers.is_reached_by_another(server)

    def _hear_of_ours(self, link: Link, server: str) -> None:
        """Another server of ours is announced over a base link to which this node speaks: there is a second way.

        It has dialled there just now, and gives way once it hears the answer. If the answer cannot reach it in time it
        speaks there as well, and what the base server has said since is that one's; then it is announced once more, and
        of the two parts of the network the one with the smallest id keeps its link.
        """
        context = self._context
        link.announced[server] = None  # the base server waits for its answers to registrations as well
        self._check_cycle(link, server)
        if link.state is not ConnectionState.BASE or server == context.id:
            return
        now = context.now.monotonic
        oldest = now - RIVAL_MEMORY * context.config.announce_interval
        link.rivals[server] = now
        if now >= link.suspect_until:
            link.suspect_until = context.after(context.config.listen)
            context.timers.set(("doubt", link.conn), link.suspect_until, lambda: self.on_doubt_over(link))
            own = self._topology.own
            self._tell(link, own.id, own.load, None)
            return
        link.suspect_until = now
        link.held.clear()
        context.timers.cancel(("doubt", link.conn))
        link.rivals = {one: at for one, at in link.rivals.items() if at >= oldest}
        reachable = self._topology.reachable
        if min((one for one in link.rivals if one not in reachable), default="~") < min(reachable):
            self._cut(link)
            self._base_servers.left_to_another(link)
        else:
            # It hears that only now, and has taken in what was said until it does.
            link.shared_until = context.after(context.config.listen)
            self.tell_base(link)

    def cut_second_ways(self) -> None:
        """Look whether the map now shows second ways to base servers."""
        for link in self._context.connections.links(ConnectionState.BASE):
            for server in list(link.guests):
                self._check_cycle(link, server)

    def _expire_later(self, link: Link, server: str) -> None:
        def expire() -> None:
            guest = link.guests.get(server)
            if guest is not None and not guest.direct and link.state is ConnectionState.BASE:
                del link.guests[server]
                self.structure_changed()

        limit = max(self._context.config.base_silence_limit, 6 * self._context.config.announce_interval)
        self._context.timers.set(("guest", link.conn, server), self._context.after(limit), expire)

    def _check_cycle(self, link: Link, server: str) -> None:
        """Base servers recognise no duplicates: of two ways to one of them, exactly one is cut."""
        context = self._context
        if link.state is ConnectionState.CLOSING:
            return
        if server == context.id:
            cut = any(other.conn < link.conn for other in context.connections.links(ConnectionState.BASE))
        else:
            seen_here = set(link.guests) | {server}
            cut = any(
                host < context.id and any(guest.id in seen_here for guest in self._topology.records[host].guests)
                for host in self._topology.reachable
            ) or any(
                other.conn < link.conn and server in other.guests
                for other in context.connections.links(ConnectionState.BASE)
            )
        if cut:
            self._cut(link)
            self._base_servers.left_to_another(link)

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

    def start_base(self, link: Link) -> None:
        """Speak to a base server: everything that is known, then what was kept back for it."""
        for guest in link.guests.values():
            self.structure_changed()
            if guest.direct:
                self._base_servers.announced(link, guest)
        self.tell_base(link)
        backlog, link.backlog = link.backlog, []
        for frame in backlog:
            self._context.send(link, frame)
        if not self._base_beat:
            self._base_beat = True
            self._context.timers.set(
                "base", self._context.after(self._context.config.announce_interval), self._announce_to_base
            )

    def _announce_to_base(self) -> None:
        links = self._context.connections.links(ConnectionState.BASE)
        self._base_beat = bool(links)
        for link in links:
            self.tell_base(link)
        if links:
            self._context.timers.set(
                "base", self._context.after(self._context.config.announce_interval), self._announce_to_base
            )

    def tell_base(self, link: Link, *, only_new: bool = False) -> None:
        """Announce every server that is not behind the link itself."""
        own = self._topology.own
        own.load, _ = self._users()
        for server in self._topology.reachable:
            record = self._topology.records[server]
            if not (only_new and server in link.announced):
                self._tell(link, server, record.load, self._whereabouts.for_peer(server, link))
            for guest in record.guests:
                behind = server == own.id and guest.id in link.guests
                if not behind and guest.id not in link.guests and not (only_new and guest.id in link.announced):
                    self._tell_of_guest(link, guest, server)

    def _tell_of_guest(self, link: Link, guest: AttachedServer, host: str) -> None:
        self._tell(link, guest.id, guest.load, self._whereabouts.guest_for_peer(guest, host, link))

    def _tell(self, link: Link, server: str, load: int, address: Address | None) -> None:
        link.announced[server] = None
        if server == self._context.id or address is None:
            # Who is sent to one that cannot be reached from there is taken in here.
            address = self._whereabouts.own_for(link)
        self._context.send(link, ServerAnnounce(id=server, load=load, hostname=address.host, port=address.port))
