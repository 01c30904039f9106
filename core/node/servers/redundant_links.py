"""Redundant links: beside the tree every node keeps a few links to random other nodes: losing one separates nobody."""

from __future__ import annotations

from core.node.kernel.context import Context
from core.node.map.topology import Topology
from core.node.map.whereabouts import Whereabouts
from core.node.neighbours.neighbours import Neighbours
from core.node.servers.dialling import Dialling
from core.node.servers.known_peers import KnownPeers


class RedundantLinks:
    """How many more links this node wants, and with whom."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        topology: Topology,
        whereabouts: Whereabouts,
        dialling: Dialling,
        known: KnownPeers,
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._topology = topology
        self._whereabouts = whereabouts
        self._dialling = dialling
        self._known = known

    def schedule(self) -> None:
        """Look for another one some time later, if any is wanted."""
        context = self._context
        if "lazy" not in context.timers and not context.draining and self._wanted() > 0:
            delay = context.config.lazy_delay * (1.0 + context.rng.random())
            context.timers.set("lazy", context.after(delay), self._dial)

    def _wanted(self) -> int:
        others = len(self._known.reachable) - 1
        return min(1 + self._context.config.lazy_links, others) - len(self._neighbours)

    def _dial(self) -> None:
        context = self._context
        if context.draining or self._wanted() <= 0:
            return
        own = self._topology.own
        free = [
            server
            for server in sorted(self._known.reachable)
            if server not in own.links
            and server != own.id
            and not self._topology.records[server].draining
            and self._topology.degree(server) < context.config.links_max
            and self._dialling.may_dial(server)
            and self._whereabouts.addresses(server)
        ]
        if free:
            drawn = free if len(free) <= 3 else context.rng.sample(free, 3)
            server = min(drawn, key=lambda one: (self._topology.degree(one), one))
            self._dialling.dial_server(server, self._whereabouts.addresses(server), "lazy")
        self.schedule()
