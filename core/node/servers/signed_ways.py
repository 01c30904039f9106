"""Signed ways: servers with keys are linked with each other, without one of the version before in between.

Such a server passes entries on one by one, without the signatures that it does not know, and so they are believed of
nobody who signs. Only while a network is being upgraded is there anything to do: what is new goes over all links
between servers with keys, and where these are in several parts, one server of each part (the one with the smallest id)
looks for a link with another.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.node.kernel.context import Context
from core.node.map.topology import Topology
from core.node.map.whereabouts import Whereabouts
from core.node.neighbours.neighbours import Neighbours
from core.node.servers.dialling import Dialling


class SignedWays:
    """Looks for links between servers with keys, as long as there are others."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        topology: Topology,
        whereabouts: Whereabouts,
        dialling: Dialling,
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._topology = topology
        self._whereabouts = whereabouts
        self._dialling = dialling
        self._reachable: Mapping[str, None] | None = None
        self._attempts = 0

    def observe(self) -> None:
        """Look at the map, if other servers can be reached than before."""
        if self._topology.reachable is not self._reachable:
            self._look()

    def upgraded(self) -> None:
        """A server has a key that had none, or the other way round: it may be reached as before."""
        self._look()

    def _look(self) -> None:
        self._reachable = self._topology.reachable
        records = self._topology.records
        self._neighbours.keyed_beside_tree = self._topology.own.key is not None and any(
            records[server].key is None for server in self._reachable
        )
        self.reconsider()

    def reconsider(self) -> None:
        """Somebody's links, or what can be reached, are others."""
        if self._neighbours.keyed_beside_tree:
            self._schedule()

    def _apart(self) -> list[str]:
        """Servers with keys that can be reached from here only by way of one without."""
        records, reachable = self._topology.records, self._topology.reachable
        found: dict[str, None] = {self._context.id: None}
        frontier = [self._context.id]
        while frontier:
            server = frontier.pop()
            for neighbour, stamp in records[server].links.items():
                record = records.get(neighbour)
                if (
                    neighbour not in found
                    and neighbour in reachable
                    and record is not None
                    and record.key is not None
                    and record.links.get(server) == stamp
                ):
                    found[neighbour] = None
                    frontier.append(neighbour)
        return [server for server in reachable if server not in found and records[server].key is not None]

    def _schedule(self) -> None:
        context = self._context
        if "signed ways" not in context.timers and not context.draining:
            delay = context.backoff(self._attempts, context.config.heal_max)
            context.timers.set("signed ways", context.after(delay), self._dial)

    def _dial(self) -> None:
        context = self._context
        apart = self._apart() if self._neighbours.keyed_beside_tree and not context.draining else []
        if not apart:
            self._attempts = 0
            return
        self._attempts += 1
        records = self._topology.records
        here = [
            server for server in self._topology.reachable if server not in apart and records[server].key is not None
        ]
        free = [one for one in apart if self._dialling.may_dial(one)]
        if min(here) == context.id or self._attempts > 1:
            self._dial_one_of(free)
        self._schedule()

    def seek(self) -> None:
        """Dial one of those with keys that are apart, now, whoever's turn it is, and left alone or not."""
        self._dial_one_of(self._apart())

    def _dial_one_of(self, servers: list[str]) -> None:
        known = [server for server in servers if self._whereabouts.addresses(server)]
        if known:
            server = self._context.rng.choice(known)
            self._dialling.dial_server(server, self._whereabouts.addresses(server), "signed")
