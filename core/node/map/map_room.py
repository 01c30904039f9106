"""Room on the map: which servers that neighbours tell of are taken in, and who loses its link for inventing them.

A record floods, and who invents servers is mostly not who passes them on. Three rules keep the two apart:

1. Each record counts against the neighbour that brought it first, and nobody has more than is left free (`SharedRoom`).
   What is beyond that is neither kept nor passed on, so nobody further away ever hears of it.
2. Where a neighbour has brought so much, one whole part of the map hangs on one server, which names those behind it and
   whom nobody else names. That part grows no further; a server that is linked with anybody else is taken in all the
   same, and what cannot be reached gives way to it.
3. A node keeps no more than a room full, so it never passes on more than that. Whoever offers more than a room full in
   vain loses its link, and what hung on it gives way.

So what one liar makes others keep is half a room at most, wherever it is linked; and no honest server loses a link.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from core.admission.room import SharedRoom
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.map.topology import ServerRecord, Topology

PLACE_BYTES: Final = 16 * 1024
"""A record takes a place, and one more for each so many bytes: one with 256 users' names has 4 kB, and one with 1,000
links some 40 kB."""
HEAVY_SHARE: Final = 4
"""One part in so many of all places: with more servers behind it, a server is looked at as one that invents them."""
LOOK_AGAIN: Final = 1.0
"""Seconds for which it is not looked for anew on whom most of the map hangs: that takes as long as the map is large."""


class Brought(NamedTuple):
    """Who brought a record first, and how many places it takes."""

    by: str
    places: int


class HeavyPart(NamedTuple):
    """The server on which a large part of the map hangs, and that part."""

    head: str
    behind: frozenset[str]


class MapRoom:
    """Who has brought which records."""

    def __init__(self, context: Context, topology: Topology) -> None:
        self._context = context
        self._topology = topology
        self._room = SharedRoom(context.config.servers_max, taken=1)
        self._brought: dict[str, Brought] = {}
        self._barred: dict[int, None] = {}
        """Links that were closed for what came over them."""
        self._heavy: HeavyPart | None = None
        self._looked_at = float("-inf")
        self.forget: Callable[[str], None] = topology.forget
        """Has a server forgotten, its record and where it may be found."""

    @property
    def taken(self) -> int:
        """Places of all records."""
        return self._room.taken

    def brought_by(self, server: str) -> str:
        """The neighbour that was the first to tell of a server; empty where nobody remembers."""
        brought = self._brought.get(server)
        return brought.by if brought is not None else ""

    def admits(self, link: Link, record: ServerRecord, size: int) -> bool:
        """Whether there is room for a record of `size` bytes that came over a link; takes it."""
        who = link.remote_id or ""
        places = 1 + size // PLACE_BYTES
        by, had = self._brought.get(record.id, Brought(who, 0))
        more = places - had
        if more > 0:
            # A neighbour's own record: there are as many of them as links.
            if record.id != who and not self._room.has_for(by, self._context.now.monotonic, more):
                self._sweep()
                if not self._is_fair(record) or not self._make_room(more):
                    self._refuse(link, who, record.id)
                    return False
            self._room.take(by, more)
        elif more < 0:
            self._room.give_back(by, -more)
        self._brought[record.id] = Brought(by, places)
        return True

    def ended(self, link: Link) -> None:
        """A link has ended: what hung on a server that invented it gives way."""
        who = link.remote_id
        if who is None:
            return
        self._room.forgive(who)
        if self._barred.pop(link.conn, 0) is None:
            reachable = self._topology.reachable
            for server in [one for one, brought in self._brought.items() if brought.by == who and one not in reachable]:
                self._let_go(server)

    def _refuse(self, link: Link, who: str, server: str) -> None:
        self._context.tell_full(link, "servers", "servers_max", self._room.places)
        if self._room.refuse(who, server):
            self._barred[link.conn] = None
            self._context.bar(
                link,
                f"it tells of more servers than there is room for: {self._room.of(who)} are kept,"
                f" and {self._room.refused(who)} more were offered (servers_max is {self._room.places})",
            )

    # --- who is to be taken in when the room is getting scarce --------------------------------------------------------

    def _is_fair(self, record: ServerRecord) -> bool:
        """Whether a server is linked with somebody who can be reached, and outside of the part that grows no more."""
        heavy = self._heavy_part()
        if heavy is not None and record.id in heavy.behind:
            return False
        topology = self._topology
        for neighbour, stamp in record.links.items():
            if neighbour in topology.reachable and topology.records[neighbour].links.get(record.id) == stamp:
                if heavy is None or (neighbour != heavy.head and neighbour not in heavy.behind):
                    return True
        return False

    def _heavy_part(self) -> HeavyPart | None:
        """What hangs on the server that is furthest away of those with a large part of the map behind them."""
        now = self._context.now.monotonic
        if now - self._looked_at >= LOOK_AGAIN:
            self._looked_at = now
            self._heavy = self._look()
        return self._heavy

    def _look(self) -> HeavyPart | None:
        own, forest = self._topology.own.id, self._topology.forest
        came_from = {own: own}
        order = [own]
        for server in order:
            for neighbour in forest.around(server):
                if neighbour not in came_from:
                    came_from[neighbour] = server
                    order.append(neighbour)
        behind = dict.fromkeys(order, 0)
        for server in reversed(order[1:]):
            behind[came_from[server]] += 1 + behind[server]
        least = max(1, self._room.places // HEAVY_SHARE)
        head = next((server for server in reversed(order[1:]) if behind[server] >= least), None)
        if head is None:
            return None
        part = {head}
        for server in order:
            if came_from[server] in part and server != own:
                part.add(server)
        return HeavyPart(head, frozenset(part - {head}))

    # --- what gives way -----------------------------------------------------------------------------------------------

    def _make_room(self, places: int) -> bool:
        """Have what cannot be reached give way, what came last first; whether so many places are free now."""
        if self._room.free < places:
            reachable = self._topology.reachable
            for server in [one for one in reversed(self._brought) if one not in reachable]:
                self._let_go(server)
                if self._room.free >= places:
                    break
        return self._room.free >= places

    def _let_go(self, server: str) -> None:
        self._room.give_back(*self._brought.pop(server))
        self.forget(server)

    def _sweep(self) -> None:
        """Give back what servers took that were forgotten otherwise."""
        if len(self._brought) >= len(self._topology.records):
            for server in [one for one in self._brought if one not in self._topology.records]:
                self._room.give_back(*self._brought.pop(server))
