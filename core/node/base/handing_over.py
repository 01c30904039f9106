"""Handing over: a server that leaves tells its successor which base servers to look after in its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from core.node.base.base_dialling import BaseDialling
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.map.whereabouts import Whereabouts
from core.node.neighbours.neighbours import Neighbours
from core.wire.address import Address
from core.wire.messages import AttachedServer

BASE_HANDOVER_DELAY: Final = 0.5
"""Seconds that a successor waits before it dials the base servers of the node that left."""


class HandingOver:
    """What this node hands over when it leaves, and what others that leave hand over to it."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        whereabouts: Whereabouts,
        dialling: BaseDialling,
        attached: Callable[[], Sequence[AttachedServer]],
    ) -> None:
        """`attached` gives the base servers that this node speaks for."""
        self._context = context
        self._neighbours = neighbours
        self._whereabouts = whereabouts
        self._dialling = dialling
        self._attached = attached
        self._spoken_to: dict[Address, AttachedServer] = {}
        """Those to which this node spoke when it asked its first successor: each further one is told as well, although
        their links have been closed since."""
        self._received: dict[int, list[AttachedServer]] = {}
        """Base servers of neighbours that leave, by link, until this node looks after them."""

    def offer(self) -> list[AttachedServer]:
        """What a successor is to look after: those to which this node speaks, or is to speak."""
        for attached in self._attached():
            if attached.direct:
                self._spoken_to[Address(attached.hostname, attached.port)] = attached
        unreached = [*self._dialling.unreached(), *(one for servers in self._received.values() for one in servers)]
        return list(({Address(one.hostname, one.port): one for one in unreached} | self._spoken_to).values())

    def receive(self, link: Link, servers: Sequence[AttachedServer]) -> None:
        """A neighbour leaves and names this node: look after its base servers once it has let them go."""
        if servers:
            self._received[link.conn] = [
                msgspec.structs.replace(attached, hostname=address.host)
                for attached in servers
                if not attached.far
                and (address := self._whereabouts.named_by(link, Address(attached.hostname, attached.port))) is not None
            ]
            self._adopt_later(link)

    def _adopt_later(self, link: Link) -> None:
        timers = self._context.timers
        timers.set(("adopt", link.conn), self._context.after(BASE_HANDOVER_DELAY), lambda: self._adopt(link))

    def _adopt(self, link: Link) -> None:
        if self._context.connections.get(link.conn) is not None and self._neighbours.is_neighbour(link):
            self._adopt_later(link)
        else:
            self._dialling.adopt(self._received.pop(link.conn, []))
