"""Base servers: which server of ours speaks to each, and who takes over from one that is gone.

Base servers recognise no duplicates and redial nobody. So one server of ours is to speak to each, of the whole network,
in one piece or not; when that one is gone for sure, its heir does: the server that it named when it left, else the one
with the smallest id among its neighbours that can be reached. Who spoke to which is on every disk: of a network that
has been down as a whole, any server may be the one that does not come back. Parts of a network that cannot reach each
other may both have an heir, and only the base server knows. It passes on announcements; so whoever has dialled one is
silent for a while and listens (`ConnectionState.LISTENING`), and leaves it alone if somebody of ours is announced over
it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from core.node.base.already_told import AlreadyTold
from core.node.base.base_dialling import BaseDialling
from core.node.base.base_side import base_side
from core.node.base.handing_over import HandingOver
from core.node.base.speakers import Speakers
from core.node.base.taking_over import TakingOver
from core.node.base.ways import BaseWays
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.kernel.states import ConnectionState
from core.node.map.topology import Topology
from core.node.map.whereabouts import Whereabouts
from core.node.neighbours.neighbours import Neighbours
from core.wire.entries import PeerForgotten, PeerRecord
from core.wire.messages import AttachedServer


class BaseServers:
    """The parts that see to it that exactly one server of ours speaks to each base server, put together."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        topology: Topology,
        whereabouts: Whereabouts,
        time_elsewhere: Callable[[float], int],
        time_at: Callable[[str, float], int | None],
        keep: Callable[[PeerRecord | PeerForgotten], None],
        peers: Iterable[PeerRecord],
    ) -> None:
        peers = list(peers)
        self._context = context
        self.ways = BaseWays(context, topology, whereabouts)
        self.speakers = Speakers(context, topology, self.ways, keep, peers)
        self.dialling = BaseDialling(context, self.ways, keep, peers)
        self.taking_over = TakingOver(context, topology, whereabouts, self.ways, self.speakers, self.dialling)
        self.handing_over = HandingOver(context, neighbours, whereabouts, self.dialling, self.attached)
        self.already_told = AlreadyTold(context, neighbours, topology, self.speakers, time_elsewhere, time_at)

    def attached(self) -> tuple[AttachedServer, ...]:
        """The base servers that this node speaks for."""
        links = self._context.connections.links(ConnectionState.BASE)
        return tuple(attached for link in links for attached in base_side(link).attached.values())

    def start(self) -> None:
        """Begin; call once."""
        self.dialling.start()
        if self.speakers:
            self.taking_over.watch()

    def refresh(self) -> None:
        """Have the disk know what is still so, and forget what has not been for very long."""
        oldest = self._context.now.wall - self._context.config.remember_lost
        self.dialling.refresh(oldest)
        self.speakers.refresh(oldest)

    def taking_up(self, link: Link) -> None:
        """A dialled server turns out to be a base server."""
        side = base_side(link)
        if link.dialled is None:
            return
        if self.dialling.was_anothers(link.dialled):
            self.already_told.take_over(link, link.dialled)
        if not side.attached:
            # It says where it is only some seconds later, and others would dial it meanwhile.
            last = self.speakers.of(link.dialled)
            attached = last[0] if last is not None else self.dialling.kept(link.dialled)
            if last is not None or attached.id != str(link.dialled):
                side.attached[attached.id] = attached

    def linked(self, link: Link) -> None:
        """This node speaks to a base server."""
        if link.dialled is not None:
            self.dialling.linked(link.dialled)
            self.speakers.leavers.pop(link.dialled, None)

    def is_reached_otherwise(self, link: Link) -> bool:
        """Whether another server that can be reached, and stays, speaks to the base server at a link's other end, or to
        one behind it."""
        if link.dialled is not None and self.ways.is_spoken_to(link.dialled):
            return True
        return any(self.ways.is_reached_by_another(server) for server in base_side(link).attached)
