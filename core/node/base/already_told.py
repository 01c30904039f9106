"""What a base server may have been told already, by the server of ours that spoke to it before this one.

A base server recognises nothing, and nobody can ask it. What counts as before goes by clocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from core.node.base.base_side import base_side
from core.node.base.speakers import Speakers
from core.node.kernel.clock import MICROSECONDS
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.map.topology import Topology
from core.node.neighbours.neighbours import Neighbours
from core.wire.address import Address
from core.wire.entries import Entry

PAST_SECONDS: Final = 3.0
"""Seconds after a server can be reached again after which what comes from it, while no neighbour is asked for what is
missing, is new."""
WAITED_MAX: Final = 60 * MICROSECONDS
"""What seems to be older than any activity that still waits for something is dated by a clock that is behind."""


class AlreadyTold:
    """Knows which activities are not to be told to a base server that was taken over."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        topology: Topology,
        speakers: Speakers,
        time_elsewhere: Callable[[float], int],
        time_at: Callable[[str, float], int | None],
    ) -> None:
        """`time_elsewhere` is the hybrid logical time by the clocks of others, as far as they are known, at a monotonic
        time; `time_at` that of one server, at least, or None where nobody knows."""
        self._context = context
        self._neighbours = neighbours
        self._topology = topology
        self._speakers = speakers
        self._time_elsewhere = time_elsewhere
        self._time_at = time_at
        self._gone_at = 0
        """Hybrid logical time at which the last server was seen to go."""
        self._reachable_since: dict[str, float] = {context.id: context.now.monotonic}

    def observe(self, came: Iterable[str], gone: Iterable[str]) -> None:
        """Other servers can be reached now, or cannot any more."""
        for server in came:
            self._reachable_since[server] = self._context.now.monotonic
        for server in gone:
            self._reachable_since.pop(server, None)
            self._gone_at = self._context.stamp()

    def take_over(self, link: Link, address: Address) -> None:
        """This node takes up a link with a base server to which another server has spoken, or may have."""
        side = base_side(link)
        side.spoken_to_until = self._context.stamp()
        side.taken_up_at = self._context.now.monotonic
        side.told_ours_until = self._told_ours_until(address)

    def _told_ours_until(self, address: Address) -> int:
        """Until when another server may have told a base server what was accepted here: at most until it was gone."""
        last = self._speakers.of(address)
        candidates = (last[1] if last is not None else None, self._speakers.leavers.get(address))
        before = {one for one in candidates if one is not None} - {self._context.id}
        if not before or not self._gone_at or any(one in self._topology.reachable for one in before):
            return self._context.stamp()
        return self._gone_at

    def may_include(self, link: Link, entry: Entry) -> bool:
        """Whether the server that spoke to a base server before this one may have sent it an activity already.

        What was accepted later was not sent: by its stamp, for as long as past activities may still come; after that,
        by a server that can be reached, whatever its clock says. A clock may be ahead: that of a server that could be
        reached then as far as it has signed, that of another one as far as any. What is repeated may have been sent
        there as what the other server had accepted.
        """
        side = base_side(link)
        if not side.spoken_to_until:
            return False
        if entry.since is not None and entry.since <= side.spoken_to_until:
            return True
        if entry.id.node == self._context.id:
            return entry.stamp <= side.told_ours_until
        since = self._reachable_since.get(entry.id.node)
        is_dated_wrongly = side.spoken_to_until - entry.stamp > WAITED_MAX
        if is_dated_wrongly and since is not None and self._context.now.monotonic - since > PAST_SECONDS:
            if not self._neighbours.is_any_asked:
                return False
        if entry.stamp <= side.spoken_to_until:
            return True
        if since is not None and since <= side.taken_up_at:
            its_time = self._time_at(entry.id.node, side.taken_up_at)
            return its_time is not None and entry.stamp <= its_time
        return entry.stamp <= self._time_elsewhere(side.taken_up_at)
