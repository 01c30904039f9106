"""Taking over: who speaks to the base servers of a server that is gone.

Its heir does: the server that it named when it left, else the one with the smallest id among its neighbours that can be
reached. If the heir has not been told, or there is none, its part's coordinator does, and at last anybody who knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from core.node.base.base_dialling import BaseDialling
from core.node.base.speakers import Speakers
from core.node.base.ways import BaseWays
from core.node.kernel.context import Context
from core.node.map.topology import ServerRecord, Topology
from core.node.map.whereabouts import Whereabouts
from core.wire.address import Address
from core.wire.messages import AttachedServer

HEIR_PATIENCE: Final = 15.0
"""Seconds after a server was found dead after which its part's coordinator takes its base servers over if the heir has
not: it may not have been told."""
SEARCH_PATIENCE: Final = 3 * HEIR_PATIENCE
"""Seconds without a speaker after which any server that knows of a base server looks after it: the coordinator may have
come too late to know of it."""


class TakingOver:
    """Has this node speak to base servers of servers that are gone."""

    def __init__(
        self,
        context: Context,
        topology: Topology,
        whereabouts: Whereabouts,
        ways: BaseWays,
        speakers: Speakers,
        dialling: BaseDialling,
    ) -> None:
        self._context = context
        self._topology = topology
        self._whereabouts = whereabouts
        self._ways = ways
        self._speakers = speakers
        speakers.on_known = self.watch
        self._dialling = dialling
        self.look_for: Callable[[str], None] = lambda server: None
        """Dials a server of the network that is missing."""
        self._dead_since: dict[str, float] = {}

    # --- servers that leave, or are back ------------------------------------------------------------------------------

    def record_merged(self, before: ServerRecord | None, record: ServerRecord) -> None:
        """A server of ours says to whom it speaks, that it has left, or that it has started again."""
        if record.left:
            self._speakers.has_left(record)
            if record.successor is not None and (before is None or not before.left):
                self._left_to(record.id, record.successor)
            return
        self._speakers.is_back(record.id)
        self._dead_since.pop(record.id, None)
        if not record.draining:
            for attached in record.attached:
                if attached.direct and self._whereabouts.may_dial_attached(attached, record.id):
                    self._speakers.speaks(record.id, attached)
        if before is not None and not before.left and before.incarnation < record.incarnation:
            # It was back before anybody could find it dead, and knows no base server any more.
            orphans = self._speakers.orphans_of(record.id)
            if orphans and self._heir(before) == self._context.id:
                self._dialling.adopt(orphans)

    def left_in_favour(self, server: str, successor: Address, heir: str | None = None) -> None:
        """A neighbour that leaves names the server that takes its place: its heir, whatever else is heard of it."""
        for record in self._topology.records.values():
            if record.id == heir or (heir is None and Address(record.hostname, record.port) == successor):
                self._left_to(server, record.id)
                return

    def _left_to(self, server: str, successor: str) -> None:
        """A server has left, and named another one, which may have left as well."""
        seen = {server}
        while successor not in seen:
            seen.add(successor)
            record = self._topology.records.get(successor)
            if record is None or not record.left or record.successor is None:
                break
            successor = record.successor
        for address, attached, speaker in self._speakers.all():
            if speaker == server:
                self._speakers.speaks(successor, attached)
                self._speakers.handed_over(address, server)
                if successor == self._context.id and not self._ways.is_spoken_to(address):
                    self._dialling.adopt([attached])

    # --- servers that are gone ----------------------------------------------------------------------------------------

    def _heir(self, record: ServerRecord) -> str | None:
        """Which of a lost server's neighbours speaks to its base servers from now on."""
        reachable = self._topology.reachable
        return min((one for one in record.links if one in reachable and one != record.id), default=None)

    def found_dead(self, server: str) -> None:
        """A dial was refused: nothing runs there."""
        record = self._topology.records.get(server)
        orphans = self._speakers.orphans_of(server) if server not in self._topology.reachable else []
        if not orphans:
            return
        now = self._context.now.monotonic
        since = self._dead_since.setdefault(server, now)
        heir = self._heir(record) if record is not None else None
        # Of one that this node has not met since its own start it knows no neighbours, and it may just be starting too.
        has_no_heir = record is not None and heir is None
        if heir == self._context.id or (self._is_coordinator and (has_no_heir or now - since >= HEIR_PATIENCE)):
            self._dialling.adopt(orphans)
        else:
            self._dialling.adopt(one for one in orphans if self._orphaned_for(one) >= SEARCH_PATIENCE)

    @property
    def _is_coordinator(self) -> bool:
        return min(self._topology.reachable) == self._context.id

    def _orphaned_for(self, attached: AttachedServer) -> float:
        now = self._context.now.monotonic
        return now - self._speakers.orphaned_since.get(Address(attached.hostname, attached.port), now)

    # --- base servers that nobody looks after -------------------------------------------------------------------------

    def watch(self) -> None:
        """Look some time later whether anybody speaks to each base server that is known."""
        if "orphans" not in self._context.timers:
            self._context.timers.set("orphans", self._context.after(HEIR_PATIENCE), self._look_for_orphans)

    def _look_for_orphans(self) -> None:
        """Take over what nobody speaks to and nobody else will: its speaker is not looked for by the coordinator.

        It has left and named nobody, or was forgotten; or the coordinator has never heard of it. Of all others that
        know of the base server, about one acts at a time.
        """
        if self._context.draining:
            return
        speakers = self._speakers
        if speakers:
            self.watch()
        reachable = self._topology.reachable
        lost = {address: (one, speaker) for address, one, speaker in speakers.all() if speaker not in reachable}
        for address in self._ways.spoken_to(set(lost)):
            del lost[address]
        lost = {address: which for address, which in sorted(lost.items()) if not self._dialling.is_wanted(address)}
        now = self._context.now.monotonic
        speakers.orphaned_since = {address: speakers.orphaned_since.get(address, now) for address in lost}
        for attached, speaker in lost.values():
            waited = self._orphaned_for(attached)
            if self._is_coordinator:
                if speaker not in speakers.peers and waited >= HEIR_PATIENCE:
                    self._dialling.adopt([attached])
            elif waited >= SEARCH_PATIENCE and self._context.rng.random() * len(reachable) < 1.0:
                if speaker in speakers.peers:
                    self.look_for(speaker)
                else:
                    self._dialling.adopt([attached])
