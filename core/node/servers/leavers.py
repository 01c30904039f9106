"""Neighbours that leave: this node takes the place of one, or goes to the server that it names.

A neighbour that names this node is told that it has arrived once everything that it had is durable here; its base
servers are spoken to from here once it has gone. One that names another server is let go once this node is linked with
that one, or cannot be.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from core.node.base.base_servers import BaseServers
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.states import ConnectionState
from core.node.kernel.takers import takes
from core.node.log.replication import Replication
from core.node.log.synchronisation import Synchronisation
from core.node.map.topology import Topology
from core.node.map.whereabouts import Whereabouts
from core.node.neighbours.neighbours import Neighbours
from core.node.servers.healing import Healing
from core.node.servers.leaving import DEPARTURES, Departure, DepartureOutcome
from core.wire.address import Address
from core.wire.entries import decode_vector
from core.wire.messages import Quit
from core.wire.state_machine import state_after

COMPARE_AGAIN: Final = 0.5
"""Seconds until a neighbour that leaves is asked again for what has not come, or is not durable."""


class Leavers:
    """The neighbours that have said that they leave."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        topology: Topology,
        replication: Replication,
        synchronisation: Synchronisation,
        healing: Healing,
        base_servers: BaseServers,
        whereabouts: Whereabouts,
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._topology = topology
        self._replication = replication
        self._synchronisation = synchronisation
        self._healing = healing
        self._base_servers = base_servers
        self._whereabouts = whereabouts
        self._departures: dict[int, Departure] = {}
        """How far neighbours have got that leave, by their links."""
        self._ways: dict[int, tuple[Address, ...]] = {}
        """Where the successor is that a neighbour has named, if it is another server."""

    # --- which of them ------------------------------------------------------------------------------------------------

    def staying(self) -> list[Link]:
        """Neighbours that do not leave, as far as this node knows."""
        return [
            link
            for link in self._neighbours
            if self.departure(link) is Departure.STAYS and not self.is_leaving(link.remote_id or "")
        ]

    def is_leaving(self, server: str) -> bool:
        """Whether a server says in its record that it leaves, or has left."""
        record = self._topology.records.get(server)
        return record is not None and (record.draining or record.left)

    def broken(self) -> Iterator[str]:
        """What does not hold of neighbours that leave."""
        for conn in (*self._departures, *self._ways):
            if self._context.connections.link(conn) is None:
                yield f"link {conn} is gone, and its other side still leaves"

    def seek_keys(self) -> None:
        """This node leaves, and none of those that stay takes what it has signed: dial somebody who does."""
        self._healing.seek_keys()

    def has_named_this_node(self, link: Link) -> bool:
        """Whether the other side of a link leaves in favour of this node."""
        return self.departure(link) in (Departure.HANDS_OVER, Departure.HANDED_OVER)

    def departure(self, link: Link) -> Departure:
        """How far the neighbour at the other end of a link has got with leaving."""
        return self._departures.get(link.conn, Departure.STAYS)

    def _enter(self, link: Link, outcome: DepartureOutcome) -> None:
        before = self.departure(link)
        self._departures[link.conn] = after = state_after(DEPARTURES, before, outcome)
        self._context.trace(
            "drain",
            conn=link.conn,
            server=link.remote_id,
            from_=before.name.lower(),
            outcome=outcome.name.lower(),
            to=after.name.lower(),
        )

    def unlinked(self, link: Link) -> None:
        """A link has gone."""
        for timer in ("leave", "handover"):
            self._context.timers.cancel((timer, link.conn))
        self._ways.pop(link.conn, None)
        self._departures.pop(link.conn, None)

    # --- one after the other ------------------------------------------------------------------------------------------

    @takes(Handler.QUIT)
    def quit_received(self, link: Link, message: Quit) -> None:
        """A server leaves, and names its successor."""
        context = self._context
        name = link.name or str(link.peer)
        is_native = self._neighbours.is_neighbour(link)
        link.clean = True
        if message.new_server_ip is None or message.new_server_port is None:
            self._tell(link, f"{name} leaves the network")
            self._let_go(link)
            return
        named = Address(message.new_server_ip, int(message.new_server_port))
        heir = message.successor
        if heir == context.id if heir is not None else named in self._topology.own.addresses:
            if is_native:
                self._note_leaving(link, context.id)
            self._tell(link, f"{name} leaves the network; this server takes its place")
            if is_native:
                self._enter(link, DepartureOutcome.NAMED_THIS_NODE)
                self._ways.pop(link.conn, None)
                context.timers.cancel(("leave", link.conn))
            self._synchronisation.request(link, leaves=True)
            self._base_servers.handing_over.receive(link, message.attached)
            return
        if is_native and heir is not None:
            self._note_leaving(link, heir)
        address = self._whereabouts.named_by(link, named)
        self._tell(link, f"{name} leaves the network in favour of {address or named}")
        if link.remote_id is not None:
            self._base_servers.taking_over.left_in_favour(link.remote_id, named, heir)
        if context.draining:
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
            self._enter(link, DepartureOutcome.NAMED_ANOTHER)
            self._ways[link.conn] = (named, *ways)
            context.timers.set(
                ("leave", link.conn), context.after(context.config.dial_limit), lambda: self._let_go(link)
            )
        else:
            self._let_go(link)
        self._healing.go_to_successor(ways, abroad=not link.near)

    def _tell(self, link: Link, text: str) -> None:
        is_in_story = self._neighbours.is_neighbour(link)
        self._context.notify("quit", text, server=link.remote_id, in_story=is_in_story)

    def _note_leaving(self, link: Link, heir: str) -> None:
        context = self._context
        context.note("leaving", context.party(link.remote_id or "", link.name), other=context.party(heir))

    def _let_go(self, link: Link) -> None:
        for timer in ("leave", "handover"):
            self._context.timers.cancel((timer, link.conn))
        self._ways.pop(link.conn, None)
        if link.state is not ConnectionState.CLOSING:
            self._enter(link, DepartureOutcome.LET_GO)
        self._context.close(link, "the other side leaves the network")

    def linked(self, link: Link) -> None:
        """A native link is up: whoever waited for it lets go of the server that leaves."""
        for conn, ways in list(self._ways.items()):
            if Address(link.hostname, link.port) in ways or link.dialled in ways:
                leaving = self._context.connections.link(conn)
                if leaving is not None:
                    self._let_go(leaving)

    def synchronised(self, link: Link) -> None:
        """A neighbour has sent everything: one that leaves is told that it has arrived, once it is durable here."""
        if self.departure(link) is Departure.HANDS_OVER and not link.asked:
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
            self._synchronisation.request(link, leaves=True)
            if complete:
                self._enter(link, DepartureOutcome.ARRIVED)

    def reconciled(self, link: Link, complete: bool) -> None:
        """The same, of a neighbour with which this node has compared everything: whether all of it is durable here."""
        if self.departure(link) is not Departure.HANDS_OVER:
            return
        if complete:
            self._enter(link, DepartureOutcome.ARRIVED)
        else:
            self._context.timers.set(
                ("handover", link.conn),
                self._context.after(COMPARE_AGAIN),
                lambda: self._synchronisation.request(link, leaves=True),
            )
