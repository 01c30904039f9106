"""Searching: who looks for servers that are missing, when, and in which order.

Who lost a neighbour looks for it and for those behind it at once, with a little jitter; after that, one node of each
part of the network, the one with the smallest id (its coordinator), goes on looking, with exponential backoff and full
jitter (Brooker, "Exponential Backoff And Jitter", 2015). So separated parts find each other without a stampede.
"""

from __future__ import annotations

from typing import Final

from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.map.topology import Topology
from core.node.servers.dialling import Dialling
from core.node.servers.known_peers import KnownPeers

DIALS_AT_ONCE: Final = 3
"""Attempts to find lost servers that one node has under way."""
RESPONSIBLE_ROUNDS: Final = 6
"""How often a node that lost a neighbour looks for it before it leaves that to its part's coordinator."""
SEARCH_ROUNDS: Final = 6
"""For so many rounds after a loss, a dial that is refused is followed by the next at once: where most nodes have died
together, the parts that are left find each other among the dead. Later rounds cost a few dials each, however many
servers are missing."""


class Search:
    """This node's part in looking for servers that are missing."""

    def __init__(self, context: Context, topology: Topology, dialling: Dialling, known: KnownPeers) -> None:
        self._context = context
        self._topology = topology
        self._dialling = dialling
        self._known = known
        self._lost_neighbours: dict[str, None] = {}
        self._responsible = 0
        self._round = 0
        self._flapped_at = float("-inf")
        """When a link died last that had not lived long."""

    # --- why it begins ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Look for the network that this node was part of before its restart."""
        if self._known.peers:
            self._schedule(self._context.config.heal_jitter)

    def lost(self, link: Link) -> None:
        """The link with a neighbour has died."""
        if link.remote_id is None:
            return
        self._lost_neighbours[link.remote_id] = None
        self._dialling.resume(link.remote_id)
        self._responsible = RESPONSIBLE_ROUNDS
        lived = self._context.now.monotonic - (link.established_at or 0.0)
        if lived > self._context.config.redial_max:
            self._round = 0
        else:
            self._flapped_at = self._context.now.monotonic

    def found(self, server: str) -> None:
        """A server is linked, or has left on purpose."""
        self._lost_neighbours.pop(server, None)

    def some_have_gone(self) -> None:
        """Servers cannot be reached any more."""
        jitter = self._context.config.heal_jitter * self._context.rng.random()
        self._schedule(jitter if self._round == 0 else self._backoff())

    def one_more_is_missing(self) -> None:
        """A server that this node has just heard of cannot be reached: whoever looks for it may be this node."""
        if "heal" not in self._context.timers:
            self._schedule(self._backoff())

    def dial_failed(self, *, refused: bool) -> None:
        """A dial for a missing server came to nothing."""
        if refused and self._round <= SEARCH_ROUNDS and not self._context.draining:
            # That one is dead for sure: no reason to wait before the next is tried.
            self._dial_missing(self._known.missing())
        elif not self._dialling.under_way("heal"):
            self._schedule(self._backoff())

    # --- round by round -----------------------------------------------------------------------------------------------

    def _backoff(self) -> float:
        return self._context.backoff(self._round, self._context.config.heal_max)

    def _schedule(self, delay: float) -> None:
        context = self._context
        if not context.draining:
            context.timers.set("heal", context.after(delay), self._heal)

    def _heal(self) -> None:
        context = self._context
        if context.draining:
            return
        missing = self._known.missing()
        if not missing:
            if context.now.monotonic - self._flapped_at > 2 * context.config.redial_max:
                self._round = 0
            self._responsible = 0
            self._lost_neighbours.clear()
            return
        coordinator = min(self._known.reachable) == context.id
        if self._responsible <= 0 and not coordinator:
            return
        self._responsible -= 1
        self._round += 1
        self._dial_missing(missing)
        self._schedule(self._backoff())

    def _dial_missing(self, missing: list[str]) -> None:
        """Have as many dials under way as one node may."""
        under_way = {attempt.server for attempt in self._dialling}
        room = DIALS_AT_ONCE - self._dialling.under_way("heal")
        if room <= 0:
            return
        for server in self._wanted([one for one in missing if one not in under_way])[:room]:
            self._dialling.dial_server(server, self._known.peers[server].addresses, "heal")

    def look_for(self, server: str) -> None:
        """Dial a missing server once, whoever else looks for it."""
        if self._known.peers[server].port and server not in self._known.reachable:
            self._dialling.dial_server(server, self._known.peers[server].addresses, "heal")

    def _wanted(self, missing: list[str]) -> list[str]:
        """Missing servers in the order in which to look for them: lost neighbours, those next to them, the rest."""
        linked = self._topology.own.links  # with some of them the records are only just being exchanged
        free = [
            server
            for server in missing
            if server not in linked and self._dialling.may_dial(server) and self._known.peers[server].port
        ]
        first = [server for server in free if server in self._lost_neighbours]
        behind: dict[str, None] = {}
        for lost in self._lost_neighbours:
            record = self._topology.records.get(lost)
            if record is not None:
                behind.update(dict.fromkeys(neighbour for neighbour in sorted(record.links) if neighbour in free))
        second = [server for server in behind if server not in first]
        rest = [server for server in free if server not in first and server not in behind]
        self._context.rng.shuffle(second)
        self._context.rng.shuffle(rest)
        return first + second + rest
