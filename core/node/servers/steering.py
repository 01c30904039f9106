"""Steering: when conclusions are drawn from the map, and which neighbours are eager by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from core.node.base.base_room import BaseRoom
from core.node.kernel.context import Context
from core.node.kernel.throttle import Throttle
from core.node.log.synchronisation import Synchronisation
from core.node.map.topology import Topology
from core.node.neighbours.neighbours import Neighbours
from core.node.servers.handshake import Handshake

MAP_BURST: Final = 16
MAP_PERIOD: Final = 1.0
MAP_GAP: Final = 0.25
"""After so many changes of the map within the period, conclusions are drawn from it only every `MAP_GAP` seconds. A
crash is acted upon at once: a server has at most a dozen links, each of which is one change. When half of 1,000 servers
crash together there are a thousand changes within a second, and computing the tree after each of them took half of all
the time."""


class Steering:
    """Makes links eager or lazy, as the spanning tree says."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        topology: Topology,
        synchronisation: Synchronisation,
        base: BaseRoom,
        handshake: Handshake,
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._topology = topology
        self._synchronisation = synchronisation
        self._base = base
        self._handshake = handshake
        self._throttle = Throttle(MAP_BURST, MAP_PERIOD, MAP_GAP)
        self._losses = 0
        self._tree: list[str] | None = None
        self._steered = 0

    def broken(self) -> Iterator[str]:
        """What does not hold of the links that are eager."""
        tree = self._topology.tree_neighbours(self._context.id) if self._topology.is_settled else None
        if tree is not None and tree is self._tree:
            for link in self._neighbours:
                if link.eager and link.remote_id not in tree:
                    yield f"the tree does not lead to {link.remote_id}, which is sent what is new"

    def look_for_losses(self) -> None:
        """Pass entries on over every link for a while if the tree has lost one."""
        if self._topology.losses != self._losses:
            self._losses = self._topology.losses
            self._neighbours.flood()

    def may_look_at_the_map(self) -> bool:
        """Whether it is time to draw conclusions from the map: always, unless it changes all the time."""
        if self._topology.is_settled:
            return True
        context = self._context
        now = context.now.monotonic
        next_at = self._throttle.next_at(now)
        if next_at > now:
            if "map" not in context.timers:
                context.timers.set("map", next_at, lambda: None)
            return False
        self._throttle.take(now)
        return True

    def steer(self) -> None:
        """Make each native link eager or lazy as the spanning tree now says."""
        tree = self._topology.tree_neighbours(self._context.id)
        # A link in place of one that has just gone leaves the tree as it is.
        if tree is self._tree and self._handshake.established == self._steered:
            return
        self._tree = tree
        self._steered = self._handshake.established
        for link in self._neighbours.steer(tree):
            self._synchronisation.request(link)
        self._base.tree_changed()
