"""Leaving on purpose: the mission's QUIT, from both sides.

A leaving node (1) takes no more posts and waits until everything it accepted is durable, (2) names a neighbour M as
its successor and waits until M has answered, and has everything that it holds (another one if M says nothing), (3)
sends its clients and its other neighbours to M, (4) leaves when its neighbours have linked with M and let go, or when
`drain_limit` is over, and says what it could not do.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from itertools import islice

import msgspec

from core.node.accounts.registration import Registration
from core.node.base.base_servers import BaseServers
from core.node.interface.actions import Finished
from core.node.kernel.connections import Connection, ConnectionState, Link, Session
from core.node.kernel.context import Context
from core.node.log.replication import Replication
from core.node.log.synchronisation import Synchronisation
from core.node.map.announcements import Announcements
from core.node.map.topology import Topology
from core.node.map.whereabouts import Whereabouts
from core.node.neighbours.neighbours import Neighbours
from core.node.servers.healing import Healing
from core.wire.address import Address
from core.wire.codec import Frame
from core.wire.entries import Stream, decode_vector, encode_vector
from core.wire.messages import AttachedServer, Quit, Redirect
from core.wire.scope import Scope, scope_of

AWAY_AT_ONCE = 500
"""Clients that one event sends away."""
BASE_HANDOVER_DELAY = 0.5
"""Seconds that a successor waits before it dials the base servers of the node that left."""
ANSWER_SHARE = 0.3
"""Part of the limit for leaving within which a successor has to answer, if there is another one: three can be asked."""


class DrainPhase(enum.Enum):
    RUNNING = "running"
    SETTLING = "waiting until everything accepted is durable"
    HANDING_OVER = "waiting until the successor has everything"
    LETTING_GO = "waiting until the neighbours have gone to the successor"
    FINISHED = "finished"


class Drain:
    """This node's leaving, and its neighbours'."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        topology: Topology,
        registration: Registration,
        replication: Replication,
        synchronisation: Synchronisation,
        announcements: Announcements,
        healing: Healing,
        base_servers: BaseServers,
        whereabouts: Whereabouts,
        dismiss: Callable[[Session, str], None],
        note_dismissed: Callable[[], None],
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._topology = topology
        self._registration = registration
        self._replication = replication
        self._synchronisation = synchronisation
        self._announcements = announcements
        self._healing = healing
        self._base_servers = base_servers
        self._whereabouts = whereabouts
        self._dismiss = dismiss
        self._note_dismissed = note_dismissed
        self.stage = DrainPhase.RUNNING
        self._successor: Link | None = None
        self._successor_address: Address | None = None
        self._named: Link | None = None
        """The link with whom people are sent to, also once it has gone."""
        self._named_is_native = True
        self._held: dict[Stream, int] = {}
        """What this node had when it asked its successor: the successor must have all of it. What came in later was
        passed on over the successor's link like any other broadcast."""
        self._answered = False
        """Whether the successor has said anything of what it has since it was asked: its link may have been dead."""
        self._silent: set[int] = set()
        """Native links over which no answer came in time."""
        self._leaving: dict[int, tuple[Address, ...]] = {}
        """Native links whose other side leaves, and where the successor is that it named."""
        self._named_here: set[int] = set()
        """Native links whose other side leaves and named this node."""

    # --- this node leaves ---------------------------------------------------------------------------------------------

    def begin(self, reason: str) -> None:
        """Start leaving."""
        if self.stage is not DrainPhase.RUNNING:
            return
        context = self._context
        context.draining = True
        self.stage = DrainPhase.SETTLING
        context.notify("quit", f"this server leaves the network{f': {reason}' if reason else ''}", server=context.id)
        context.timers.set("drain", context.after(context.config.drain_limit), self._out_of_time)
        self._announcements.structure_changed()
        self._registration.hurry()
        self.advance()

    def advance(self) -> None:
        """Go on to the next stage if the present one is done."""
        if self.stage is DrainPhase.SETTLING and not self._replication.busy and not self._registration.has_decided:
            # From here on nothing of this node's own may come: its successor could miss it.
            self._registration.freeze()
            self._choose_successor()
        if self.stage in (DrainPhase.HANDING_OVER, DrainPhase.LETTING_GO):
            self._reconsider()
        if self.stage is DrainPhase.HANDING_OVER and self._successor_has_everything():
            self._send_everybody_away()
        if self.stage is DrainPhase.LETTING_GO:
            self._send_clients_away()
            if not self._others() and not self._replication.busy and not self._context.connections.staying:
                self._finish([])
        elif self.stage is DrainPhase.FINISHED:
            # Somebody may still come before the process has ended.
            self._send_clients_away()

    def _others(self) -> list[Link]:
        """Links with servers that are to go to the successor."""
        return [
            link
            for link in self._context.connections.links(
                ConnectionState.NATIVE, ConnectionState.BASE, ConnectionState.QUIET, ConnectionState.LISTENING
            )
            if link is not self._successor
        ]

    def _staying(self) -> list[Link]:
        """Native neighbours that do not leave, as far as this node knows."""
        return [
            link
            for link in self._neighbours
            if not (link.conn in self._leaving or link.conn in self._named_here)
            and not self._is_leaving(link.remote_id or "")
        ]

    def _reconsider(self) -> None:
        """Choose again if the successor turns out to leave as well.

        Two that leave at once may have named each other before they knew: they would send their people back and forth
        and wait for neighbours that neither takes.
        """
        successor = self._successor
        if successor is None or not self._neighbours.is_neighbour(successor):
            return
        mutual = successor.conn in self._named_here
        if not mutual and not self._is_leaving(successor.remote_id or ""):
            return
        if self._staying():
            self._choose_successor()
        elif mutual and self._context.id > (successor.remote_id or ""):
            # Nobody else is left to go to: the network ends with one of the two.
            self._successor = None
            self._successor_address = None
            self._send_everybody_away()

    def _choose_successor(self) -> None:
        context = self._context
        natives = self._staying()
        natives = [link for link in natives if link.conn not in self._silent] or natives
        eager = [link for link in natives if link.eager] or natives
        # People who are on other machines must be able to go there too.
        eager = [link for link in eager if self._is_for_others(link)] or eager
        bases = [link for link in context.connections.links(ConnectionState.BASE) if link.remote_id is not None]
        if eager:
            self._successor = context.rng.choice(eager)
        elif bases:
            self._successor = context.rng.choice(bases)
        if self._successor is None:
            self._send_everybody_away()
            return
        successor = self._successor
        # As it calls itself: by that, older servers recognise who is meant.
        self._successor_address = Address(successor.hostname, successor.port)
        self._named, self._named_is_native = successor, self._neighbours.is_neighbour(successor)
        if not self._named_is_native:
            self._send_everybody_away()
            return
        self.stage = DrainPhase.HANDING_OVER
        self._held = self._replication.durable_vector()
        self._answered = False
        limit = context.config.drain_limit * ANSWER_SHARE
        context.timers.set("successor", context.after(limit), self._not_answered)
        guests = [
            guest
            for link in context.connections.links(ConnectionState.BASE)
            for guest in link.guests.values()
            if guest.direct
        ]
        guests += self._base_servers.handed_over()
        heir = successor.remote_id
        context.send(successor, Quit(successor.hostname, successor.port, id=context.id, guests=guests, successor=heir))

    def _not_answered(self) -> None:
        """Choose another one if the successor says nothing: that a link is dead is noticed only after the limit."""
        successor = self._successor
        if self.stage is not DrainPhase.HANDING_OVER or self._answered or successor is None:
            return
        self._silent.add(successor.conn)
        if any(link.conn not in self._silent for link in self._staying()):
            self._choose_successor()

    def _is_for_others(self, link: Link) -> bool:
        """Whether a neighbour has an address beyond this machine."""
        return link.remote_id is not None and scope_of(self._whereabouts.shown(link.remote_id).host) is Scope.ANYWHERE

    def _is_leaving(self, server: str) -> bool:
        record = self._topology.records.get(server)
        return record is not None and (record.draining or record.left)

    def _successor_has_everything(self) -> bool:
        successor = self._successor
        if successor is None or successor.peer_has is None or not self._answered:
            return False
        try:
            has: dict[Stream, int] = decode_vector(successor.peer_has)
        except ValueError:
            return False
        return not any(upto > has.get(stream, 0) for stream, upto in self._held.items())

    def _farewell(self, connection: Connection) -> Quit:
        address = self._address_for(connection)
        if address is None:
            return Quit(id=self._context.id)
        heir = self._successor if self._neighbours.is_neighbour(connection) else None
        return Quit(
            address.host, address.port, id=self._context.id, successor=heir.remote_id if heir is not None else None
        )

    def _address_for(self, connection: Connection) -> Address | None:
        """Where somebody is sent to reach the successor."""
        successor, address = self._named, self._successor_address
        if address is None or successor is None or successor.remote_id is None:
            return None
        if not self._named_is_native:
            guest = AttachedServer(successor.remote_id, address.host, address.port, 0)
            return self._whereabouts.guest_for_peer(guest, self._context.id, connection)
        found = self._whereabouts.for_peer(successor.remote_id, connection)
        # A server knows the successor by its id, and may know the way itself.
        return found or (address if isinstance(connection, Link) else None)

    def _send_clients_away(self) -> None:
        context = self._context
        staying = context.connections.staying
        if not staying:
            return
        vector: dict[str, int] | None = None
        if self._successor is not None and not self._neighbours.is_neighbour(self._successor):
            # Where it goes nobody can tell it from where on it may miss something.
            vector = encode_vector(self._replication.client_vector())
        notices: dict[tuple[Address | None, bool], Frame] = {}
        for conn in list(islice(staying, AWAY_AT_ONCE)):
            session = staying.pop(conn)
            if session.state is ConnectionState.CLOSING:
                continue
            address = self._address_for(session)
            if "quit" in session.features:
                kind = (address, session.counted)
                if kind not in notices:
                    farewell = self._farewell(session)
                    if vector is not None and not session.counted:
                        farewell = msgspec.structs.replace(farewell, vector=vector)
                    notices[kind] = Frame(farewell)
                context.send(session, notices[kind])
            elif address is not None:
                context.send(session, Redirect(address.host, address.port))
            self._dismiss(session, "this server leaves the network")
        if staying and "away" not in context.timers:
            # The others in the next event, so that nobody waits for a thousand farewells.
            context.timers.set("away", context.now.monotonic, lambda: None)

    def _send_everybody_away(self) -> None:
        context = self._context
        self.stage = DrainPhase.LETTING_GO
        self._send_clients_away()
        self._registration.abandon("this server is leaving the network")
        for link in self._others():
            link.clean = True
            notice = self._farewell(link)
            if self._neighbours.is_neighbour(link):
                context.send(link, notice)
            else:
                if "quit" in link.features:
                    context.send(link, notice)
                context.close(link, "this server leaves the network")

    def _out_of_time(self) -> None:
        undone = []
        match self.stage:
            case DrainPhase.SETTLING:
                undone.append("some of what was accepted last may not be on disk yet")
            case DrainPhase.HANDING_OVER:
                name = self._successor.name if self._successor is not None else "the successor"
                undone.append(f"{name} had not confirmed that it has everything; it is kept here for the next start")
                self._send_everybody_away()
            case DrainPhase.LETTING_GO:
                names = ", ".join(sorted(link.name or str(link.peer) for link in self._others()))
                undone.append(f"{names} had not gone to the successor yet")
            case _:
                pass
        self._finish(undone)

    def _finish(self, undone: list[str]) -> None:
        if self.stage is DrainPhase.FINISHED:
            return
        context = self._context
        self.stage = DrainPhase.FINISHED
        context.timers.cancel("drain")
        context.timers.cancel("successor")
        self._note_dismissed()
        own = self._topology.own
        own.left = True
        own.successor = self._successor.remote_id if self._successor is not None else None
        own.links = {}
        own.version += 1
        for connection in context.connections.all():
            if self._neighbours.is_neighbour(connection):
                context.send(connection, own.message())
            if connection.state is not ConnectionState.CLOSING:
                context.close(connection, "this server has left the network")
        for text in undone:
            context.notify("quit", f"left undone: {text}", "warning", server=context.id)
        context.actions.append(Finished(tuple(undone)))

    def peer_has(self, link: Link) -> None:
        """A neighbour has told what it has."""
        if link is self._successor:
            self._answered = True
            self.advance()

    def unlinked(self, link: Link) -> None:
        """A link has gone."""
        self._leaving.pop(link.conn, None)
        self._named_here.discard(link.conn)
        self._silent.discard(link.conn)
        if link is self._successor:
            self._successor = None
            waited_for = self._staying() if self.stage is DrainPhase.LETTING_GO else []
            if self.stage is DrainPhase.HANDING_OVER or waited_for:
                # Neighbours that have not got through to it by now never will.
                self._successor_address = None
                self._choose_successor()
        self.advance()

    # --- a neighbour leaves -------------------------------------------------------------------------------------------

    def quit_received(self, link: Link, message: Quit) -> None:
        """A server leaves, and names its successor."""
        context = self._context
        name = link.name or str(link.peer)
        link.clean = True
        if message.new_server_ip is None or message.new_server_port is None:
            context.notify("quit", f"{name} leaves the network", server=link.remote_id)
            self._let_go(link)
            return
        named = Address(message.new_server_ip, int(message.new_server_port))
        heir = message.successor
        if heir == context.id if heir is not None else named in self._topology.own.addresses:
            context.notify("quit", f"{name} leaves the network; this server takes its place", server=link.remote_id)
            link.handed_over = True
            if self._neighbours.is_neighbour(link):
                self._named_here.add(link.conn)
            self._synchronisation.request(link)
            if message.guests:
                guests = list(message.guests)
                context.timers.set(
                    ("adopt", link.conn), context.after(BASE_HANDOVER_DELAY), lambda: self._adopt(link, guests)
                )
            return
        address = self._whereabouts.named_by(link, named)
        context.notify("quit", f"{name} leaves the network in favour of {address or named}", server=link.remote_id)
        if link.remote_id is not None:
            self._base_servers.left_in_favour(link.remote_id, named, heir)
        if self.stage is not DrainPhase.RUNNING:
            self._let_go(link)
            return
        known = self._whereabouts.addresses(heir) if heir is not None else []
        ways = tuple(dict.fromkeys([*([address] if address is not None else []), *known]))
        for other in self._neighbours:
            if other is not link and (
                other.remote_id == heir or (heir is None and Address(other.hostname, other.port) == named)
            ):
                self._let_go(link)
                return
        if not ways:
            # Nobody here knows a way to it: what is lost with the link is looked for as after a crash.
            self._let_go(link)
            return
        if self._neighbours.is_neighbour(link):
            self._leaving[link.conn] = (named, *ways)
            context.timers.set(
                ("leave", link.conn), context.after(context.config.dial_limit), lambda: self._let_go(link)
            )
        else:
            self._let_go(link)
        self._healing.go_to_successor(ways, abroad=not link.near)

    def _adopt(self, link: Link, guests: list[AttachedServer]) -> None:
        if self._context.connections.get(link.conn) is not None and self._neighbours.is_neighbour(link):
            self._context.timers.set(
                ("adopt", link.conn), self._context.after(BASE_HANDOVER_DELAY), lambda: self._adopt(link, guests)
            )
            return
        for guest in guests:
            address = self._whereabouts.named_by(link, Address(guest.hostname, guest.port)) if not guest.far else None
            if address is not None:
                self._base_servers.adopt([msgspec.structs.replace(guest, hostname=address.host)])

    def _let_go(self, link: Link) -> None:
        self._context.timers.cancel(("leave", link.conn))
        self._leaving.pop(link.conn, None)
        self._context.close(link, "the other side leaves the network")

    def linked(self, link: Link) -> None:
        """A native link is up: whoever waited for it lets go of the server that leaves."""
        for conn, ways in list(self._leaving.items()):
            if Address(link.hostname, link.port) in ways or link.dialled in ways:
                leaving = self._context.connections.link(conn)
                if leaving is not None:
                    self._let_go(leaving)

    def synchronised(self, link: Link) -> None:
        """A neighbour has sent everything: one that leaves is told that it has arrived, once it is durable here."""
        if link.handed_over and not link.asked:
            if self._replication.busy:
                self._context.timers.set(
                    ("handover", link.conn), self._context.after(0.01), lambda: self.synchronised(link)
                )
                return
            peer_has = link.peer_has or {}
            try:
                complete = not self._replication.vector.lacks(decode_vector(peer_has))
            except ValueError:
                complete = True
            self._synchronisation.request(link)
            link.handed_over = not complete
