"""Leaving on purpose: the mission's QUIT, from the side of the server that leaves.

A leaving node (1) takes no more posts and waits until everything it accepted is durable, (2) names a neighbour M as
its successor and waits until M has answered, and has everything that it holds (another one if M says nothing), (3)
sends its clients and its other neighbours to M, (4) leaves when its neighbours have linked with M and let go, or when
`drain_limit` is over, and says what it could not do.

What a server has signed loses its signatures in one of the version before keys, and servers with keys believe it of
nobody without them. So one with a key that is linked only with such neighbours, while there are others with keys
somewhere, gives one of these some time to come back before it names a successor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

import msgspec

from core.node.accounts.registration import Registration
from core.node.interface.actions import Finished
from core.node.kernel.connections import Link, Session
from core.node.kernel.context import PLACE, Context
from core.node.kernel.states import SERVER_STATES, ConnectionState
from core.node.log.replication import Replication
from core.node.map.announcements import Announcements
from core.node.map.topology import Topology
from core.node.neighbours.neighbours import Neighbours
from core.node.servers.leavers import Leavers
from core.node.servers.leaving import DRAIN, DrainOutcome, DrainPhase
from core.node.servers.successor import ANSWER_SHARE, Successor
from core.wire.address import Address
from core.wire.codec import Frame
from core.wire.messages import HeldEntries, Quit, Redirect
from core.wire.state_machine import state_after
from core.wire.vector_lines import vector_in_line

AWAY_AT_ONCE: Final = 500
"""Clients that one event sends away."""
KEYS_SHARE: Final = 0.5
"""Part of the limit for leaving for which it is waited for a neighbour that takes signatures."""
KEYS_AGAIN: Final = 0.5
"""Seconds until such a one is dialled again."""
UNSIGNED: Final = (
    "only servers of a version before keys were there to take what this one had signed, and those with keys will not "
    "believe it of them; it is kept here for the next start"
)


class Drain:
    """This node's leaving."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        topology: Topology,
        registration: Registration,
        replication: Replication,
        announcements: Announcements,
        leavers: Leavers,
        successor: Successor,
        dismiss: Callable[[Session, str], None],
        note_dismissed: Callable[[], None],
        begins: Callable[[], HeldEntries],
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._topology = topology
        self._registration = registration
        self._replication = replication
        self._announcements = announcements
        self._leavers = leavers
        self._successor = successor
        self._dismiss = dismiss
        self._note_dismissed = note_dismissed
        self._begins = begins
        self.phase = DrainPhase.RUNNING
        self._keys_until: float | None = None
        """Until when it is waited for a neighbour that takes signatures, once it is."""
        self._goes_on_unsigned = False

    def _enter(self, outcome: DrainOutcome) -> None:
        before = self.phase
        self.phase = state_after(DRAIN, before, outcome)
        self._context.trace(
            "drain",
            from_=before.name.lower(),
            outcome=outcome.name.lower(),
            to=self.phase.name.lower(),
            successor=self._successor.id,
            neighbours=len(self._neighbours),
            clients=len(self._context.connections.staying),
        )

    def broken(self) -> Iterator[str]:
        """What does not hold of leaving."""
        if (self.phase is DrainPhase.RUNNING) == self._context.draining:
            yield f"the node is {'leaving' if self._context.draining else 'staying'}, and {self.phase.value}"

    def begin(self, reason: str) -> None:
        """Start leaving."""
        if self.phase is not DrainPhase.RUNNING:
            return
        context = self._context
        context.draining = True
        self._enter(DrainOutcome.BEGUN)
        context.note("leaving", context.party(context.id))
        context.notify(
            "quit", f"this server leaves the network{f': {reason}' if reason else ''}", server=context.id, in_story=True
        )
        context.timers.set("drain", context.after(context.config.drain_limit), self._out_of_time)
        self._announcements.structure_changed()
        self._registration.hurry()
        self.advance()

    def advance(self) -> None:
        """Go on to the next phase if the present one is done."""
        if self.phase is DrainPhase.SETTLING and self._is_settled():
            # From here on nothing of this node's own may come: its successor could miss it.
            self._registration.freeze()
            self._choose_successor()
        if self.phase in (DrainPhase.HANDING_OVER, DrainPhase.LETTING_GO):
            self._reconsider()
        if self.phase is DrainPhase.HANDING_OVER and self._successor.has_everything():
            self._send_everybody_away()
        if self.phase is DrainPhase.LETTING_GO:
            self._send_clients_away()
            if not self._others() and not self._replication.busy and not self._context.connections.staying:
                self._finish([])
        elif self.phase is DrainPhase.FINISHED:
            # Somebody may still come before the process has ended.
            self._send_clients_away()

    def _is_settled(self) -> bool:
        if self._replication.busy or self._registration.has_decided:
            return False
        if not self._only_unsigned_ways(others_left=False):
            return True
        context = self._context
        if self._keys_until is None:
            self._keys_until = context.after(context.config.drain_limit * KEYS_SHARE)
        if context.now.monotonic >= self._keys_until:
            return True
        if "keys" not in context.timers:
            self._leavers.seek_keys()
            context.timers.set("keys", min(context.after(KEYS_AGAIN), self._keys_until), lambda: None)
        return False

    def _only_unsigned_ways(self, *, others_left: bool) -> bool:
        """Whether this node signs, none of its neighbours that stay takes signatures, and others would want them; also
        if all these have left (`others_left`), and may come again."""
        own = self._topology.own
        staying = self._leavers.staying()
        return (
            own.key is not None
            and bool(staying)
            and all(link.key is None for link in staying)
            and any(
                record.key is not None and (others_left or not record.left) and server != own.id
                for server, record in self._topology.records.items()
            )
        )

    def _others(self) -> list[Link]:
        """Links with servers that are to go to the successor."""
        return [
            link
            for link in self._context.connections.links(*SERVER_STATES)
            if link.state is not ConnectionState.WAITING and link is not self._successor.link
        ]

    def _reconsider(self) -> None:
        """Choose again if the successor turns out to leave as well.

        Two that leave at once may have named each other before they knew: they would send their people back and forth
        and wait for neighbours that neither takes.
        """
        successor = self._successor
        if not successor.leaves_as_well:
            return
        if self._leavers.staying():
            self._choose_successor()
        elif successor.has_named_this_node and self._context.id > (successor.id or ""):
            # Nobody else is left to go to: the network ends with one of the two.
            successor.give_up()
            self._send_everybody_away()

    def _choose_successor(self) -> None:
        if not self._successor.choose():
            self._send_everybody_away()
            return
        context = self._context
        self._enter(DrainOutcome.SUCCESSOR_ASKED)
        if self._successor.id is not None:
            context.note("leaving", context.party(context.id), other=context.party(self._successor.id))
        limit = context.config.drain_limit * ANSWER_SHARE
        context.timers.set("successor", context.after(limit), self._not_answered)
        self._successor.ask()

    def _not_answered(self) -> None:
        """Choose another one if the successor says nothing: that a link is dead is noticed only after the limit."""
        if self.phase is DrainPhase.HANDING_OVER and self._successor.is_silent():
            self._choose_successor()

    def _send_clients_away(self) -> None:
        context = self._context
        staying = context.connections.staying
        if not staying:
            return
        notices: dict[tuple[Address | None, bool, bool], Frame] = {}
        for conn in list(islice(staying, AWAY_AT_ONCE)):
            session = staying.pop(conn)
            if session.state is ConnectionState.CLOSING:
                continue
            address = None if self._would_be_let_in_early(session) else self._successor.address_for(session)
            if "quit" in session.features:
                knows_places = PLACE in session.features
                kind = (address, session.counted, knows_places)
                if kind not in notices:
                    farewell = self._successor.farewell(session) if address is not None else Quit(id=context.id)
                    if self._successor.keeps_no_vectors and not session.counted:
                        farewell = self._with_beginning(farewell, knows_places=knows_places)
                    notices[kind] = Frame(farewell)
                context.send(session, notices[kind])
            elif address is not None:
                context.send(session, Redirect(address.host, address.port))
            self._dismiss(session, "this server leaves the network")
        if staying and "away" not in context.timers:
            # The others in the next event, so that nobody waits for a thousand farewells.
            context.timers.set("away", context.now.monotonic, lambda: None)

    def _with_beginning(self, farewell: Quit, *, knows_places: bool) -> Quit:
        """Where the client goes nobody can tell it from where on it may miss something."""
        if knows_places:
            return msgspec.structs.replace(farewell, begins=self._begins())
        return msgspec.structs.replace(farewell, vector=vector_in_line(self._replication.client_vector()))

    def _would_be_let_in_early(self, session: Session) -> bool:
        """Whether somebody waits for a registration of their name to end, and would not where they are to be sent.

        A base server knows a name as soon as it is asked about it.
        """
        name = session.login_name
        waits = session.state is ConnectionState.LOGGING_IN and name is not None
        return waits and self._successor.keeps_no_vectors and self._registration.is_undecided(name or "")

    def _send_everybody_away(self) -> None:
        context = self._context
        self._goes_on_unsigned = self._only_unsigned_ways(others_left=True)
        self._enter(DrainOutcome.SENT_AWAY)
        self._send_clients_away()
        self._registration.abandon("this server is leaving the network")
        for link in self._others():
            link.clean = True
            notice = self._successor.farewell(link)
            if self._neighbours.is_neighbour(link):
                context.send(link, notice)
            else:
                if "quit" in link.features:
                    context.send(link, notice)
                context.close(link, "this server leaves the network")

    def _out_of_time(self) -> None:
        undone = []
        match self.phase:
            case DrainPhase.SETTLING:
                undone.append("some of what was accepted last may not be on disk yet")
            case DrainPhase.HANDING_OVER:
                link = self._successor.link
                name = link.name if link is not None else "the successor"
                undone.append(f"{name} had not confirmed that it has everything; it is kept here for the next start")
                self._send_everybody_away()
            case DrainPhase.LETTING_GO:
                names = ", ".join(sorted(link.name or str(link.peer) for link in self._others()))
                undone.append(f"{names} had not gone to the successor yet")
            case _:
                pass
        self._finish(undone)

    def _finish(self, undone: list[str]) -> None:
        if self.phase is DrainPhase.FINISHED:
            return
        context = self._context
        if self._goes_on_unsigned:
            undone.append(UNSIGNED)
        self._enter(DrainOutcome.OVER)
        self._note_dismissed()
        own = self._topology.own
        own.left = True
        heir = context.party(self._successor.id) if self._successor.id is not None else None
        context.note("left", context.party(context.id), other=heir)
        own.successor = self._successor.id
        own.links = {}
        self._tell_neighbours()
        for text in undone:
            context.notify("quit", f"left undone: {text}", "warning", server=context.id)
        self._close_all("this server has left the network", undone)

    def _tell_neighbours(self) -> None:
        own = self._topology.own
        own.version += 1
        for link in list(self._neighbours):
            self._announcements.tell(link, own)

    def _close_all(self, reason: str, undone: list[str]) -> None:
        context = self._context
        for timer in ("drain", "successor", "keys"):
            context.timers.cancel(timer)
        for connection in context.connections.all():
            if connection.state is not ConnectionState.CLOSING:
                context.close(connection, reason)
        context.actions.append(Finished(tuple(undone)))

    def give_way(self, text: str) -> None:
        """End at once: another process is this very start of the server. That one hears that this one was there."""
        if self.phase is DrainPhase.FINISHED:
            return
        context = self._context
        context.draining = True
        self._enter(DrainOutcome.GAVE_WAY)
        context.notify("identity", text, "error", server=context.id)
        self._tell_neighbours()
        self._close_all("this server ends", [text])

    def peer_has(self, link: Link) -> None:
        """A neighbour has told what it has."""
        if self._successor.heard_of(link):
            self.advance()

    def unlinked(self, link: Link) -> None:
        """A link has gone."""
        self._leavers.unlinked(link)
        if self._successor.unlinked(link):
            waited_for = self._leavers.staying() if self.phase is DrainPhase.LETTING_GO else []
            if self.phase is DrainPhase.HANDING_OVER or waited_for:
                # Neighbours that have not got through to it by now never will.
                self._successor.give_up()
                self._choose_successor()
        self.advance()
