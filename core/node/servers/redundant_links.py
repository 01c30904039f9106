"""Redundant links: beside the tree every node keeps a few links to random other nodes: losing one separates nobody.

Whoever makes up servers would be drawn nearly always if all were drawn alike, and so cut honest ones off from each
other. So it is drawn as Bitcoin's nodes draw theirs since they could be eclipsed (Heilman et al., "Eclipse Attacks on
Bitcoin's Peer-to-Peer Network", 2015): every second time, as a rule, among servers that have been linked with this one,
and else among those of which one neighbour, itself drawn, was the first to tell.

A link that has broken is looked after although its other end can be reached: who lies may be what connects two parts
of a network, and then nobody misses anybody when the parts could reach each other again. For that a node has one link
more than it would draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from core.node.kernel.context import Context
from core.node.map.map_room import MapRoom
from core.node.map.topology import Topology
from core.node.map.whereabouts import Whereabouts
from core.node.neighbours.neighbours import Neighbours
from core.node.servers.dialling import Dialling
from core.node.servers.known_peers import KnownPeers

TRIED_MAX: Final = 1_000
"""Servers that have been linked with this one and are remembered."""
TRIED_SHARE: Final = 0.5
"""How often it is drawn among them."""

BROKEN_MAX: Final = 16
"""Servers to which a link has broken and that are remembered."""
RESTORE_MAX: Final = 300.0
"""Seconds between two attempts to have such a link again, at most; doubled each time."""


class _Broken:
    """A link that has broken and is to be had again."""

    __slots__ = ("not_before", "tries")

    def __init__(self) -> None:
        self.tries = 0
        self.not_before = 0.0


class RedundantLinks:
    """How many more links this node wants, and with whom."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        topology: Topology,
        map_room: MapRoom,
        whereabouts: Whereabouts,
        dialling: Dialling,
        known: KnownPeers,
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._topology = topology
        self._map_room = map_room
        self._whereabouts = whereabouts
        self._dialling = dialling
        self._known = known
        self._tried: dict[str, None] = {}
        """Servers that have been linked with this one, the last one last."""
        self._broken: dict[str, _Broken] = {}
        """By the server at the other end."""

    def linked(self, server: str) -> None:
        """There is a link with a server: it is there."""
        self._broken.pop(server, None)
        self._tried.pop(server, None)
        self._tried[server] = None
        if len(self._tried) > TRIED_MAX:
            del self._tried[next(iter(self._tried))]

    def broken(self, server: str) -> None:
        """A link with a server has ended, and neither end has said why."""
        self._broken.setdefault(server, _Broken())
        if len(self._broken) > BROKEN_MAX:
            del self._broken[next(iter(self._broken))]

    def left(self, server: str) -> None:
        """A server has left on purpose."""
        self._broken.pop(server, None)

    def schedule(self) -> None:
        """Look for another one some time later, if any is wanted."""
        context = self._context
        if "lazy" not in context.timers and not context.draining and (self._wanted() > 0 or self._restores()):
            delay = context.config.lazy_delay * (1.0 + context.rng.random())
            context.timers.set("lazy", context.after(delay), self._dial)

    def _wanted(self) -> int:
        others = len(self._known.reachable) - 1
        return min(1 + self._context.config.lazy_links, others) - len(self._neighbours)

    def _dial(self) -> None:
        context = self._context
        if context.draining:
            return
        server = self._next_broken() if self._restores() else None
        if server is None and self._wanted() > 0:
            free = [server for server in sorted(self._known.reachable) if self._is_free(server)]
            if free:
                among = self._alike(free)
                drawn = among if len(among) <= 3 else context.rng.sample(among, 3)
                server = min(drawn, key=lambda one: (self._topology.degree(one), one))
        if server is not None:
            self._dialling.dial_server(server, self._whereabouts.addresses(server), "lazy")
        self.schedule()

    def _is_free(self, server: str) -> bool:
        """Whether there may be a link with a server that can be reached."""
        own = self._topology.own
        return (
            server not in own.links
            and server != own.id
            and not self._topology.records[server].draining
            and self._topology.degree(server) < self._context.config.links_max
            and self._dialling.may_dial(server)
            and bool(self._whereabouts.addresses(server))
        )

    def _restores(self) -> bool:
        """Whether a link that has broken is to be had again, of a server that others reach."""
        if not self._context.config.lazy_links or self._wanted() < 0:
            return False
        return any(server in self._known.reachable for server in self._broken)

    def _next_broken(self) -> str | None:
        """The server that is dialled for that now."""
        now = self._context.now.monotonic
        for server, broken in self._broken.items():
            if server in self._known.reachable and broken.not_before <= now and self._is_free(server):
                delay = min(self._context.config.lazy_delay * 2.0 ** min(broken.tries, 16), RESTORE_MAX)
                broken.tries += 1
                broken.not_before = self._context.after(delay)
                return server
        return None

    def _alike(self, free: Sequence[str]) -> list[str]:
        """Those of some servers among which it is drawn this time."""
        rng = self._context.rng
        tried = [server for server in free if server in self._tried]
        if tried and rng.random() < TRIED_SHARE:
            return tried
        told_by: dict[str, list[str]] = {}
        for server in free:
            told_by.setdefault(self._map_room.brought_by(server), []).append(server)
        return told_by[rng.choice(sorted(told_by))]
