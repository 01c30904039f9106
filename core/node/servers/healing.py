"""Healing: the network is kept one, as far as this node can.

What has become of dials and links, and who can be reached, is told to the parts that it concerns: the servers that
people named (`seeds`), those that are missing (`search`), the links beside the tree (`redundant_links`, and while a
network is being upgraded `signed_ways`), and who is known at all (`known_peers`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from core.node.base.base_servers import BaseServers
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.log.replication import Replication
from core.node.map.map_room import MapRoom
from core.node.map.topology import ServerRecord, Topology
from core.node.map.whereabouts import Whereabouts
from core.node.neighbours.neighbours import Neighbours
from core.node.servers.dialling import Attempt, Dialling
from core.node.servers.known_peers import SEEN_INTERVAL, KnownPeers
from core.node.servers.redundant_links import RedundantLinks
from core.node.servers.search import Search
from core.node.servers.seeds import Seeds
from core.node.servers.signed_ways import SignedWays
from core.wire.address import Address
from core.wire.entries import PeerRecord
from core.wire.invitations import Invited

TRIED_AGAIN_MAX: Final = 3
"""How often a server that has just become of another network is dialled again without a pause."""


class Healing:
    """Keeps the network one, as far as this node can."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        topology: Topology,
        map_room: MapRoom,
        replication: Replication,
        base_servers: BaseServers,
        whereabouts: Whereabouts,
        peers: Iterable[PeerRecord],
    ) -> None:
        self._context = context
        self._topology = topology
        self._base_servers = base_servers
        self.dialling = Dialling(context)
        self.known = KnownPeers(context, topology, whereabouts, replication.keep, peers)
        self.seeds = Seeds(context, neighbours, self.dialling)
        self._search = Search(context, topology, self.dialling, self.known)
        self._redundant = RedundantLinks(
            context, neighbours, topology, map_room, whereabouts, self.dialling, self.known
        )
        self._signed_ways = SignedWays(context, neighbours, topology, whereabouts, self.dialling)
        base_servers.dialling.dial = self._dial_base
        base_servers.speakers.peers = self.known.peers
        base_servers.taking_over.look_for = self._search.look_for
        self.on_nobody_there: Callable[[str], None] = lambda server: None
        """Told of servers at whose address nothing listens."""
        self.on_reach: Callable[[Sequence[str], Sequence[str]], None] = lambda came, gone: None
        """Told of servers that can be reached now, and of those that cannot any more."""
        self._observed: Mapping[str, None] | None = None
        self._had_link = False

    @property
    def peers(self) -> dict[str, PeerRecord]:
        """Every server that is known to have been part of the network and not to have left it."""
        return self.known.peers

    def missing(self) -> list[str]:
        """Servers that should be there and cannot be reached, sorted."""
        return self.known.missing()

    def _dial_base(self, address: Address) -> None:
        """Dial a base server, unless none is spoken to."""
        if self._context.config.links != "encrypted":
            self.dialling.dial((address,), "base")

    # --- beginnings ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Look for the network that this node was part of before its restart."""
        self._search.start()
        self._schedule_forgetting()

    def begin_amid(self, peers: Iterable[PeerRecord]) -> None:
        """Have long been linked with everybody whom the map shows."""
        reachable = self._topology.reachable
        self.known.begin_amid(peers, reachable)
        self._observed = reachable
        self._had_link = True

    def join(self, address: Address, *, base: bool, invited: Invited | None) -> None:
        """A person names a server to join, which may be one of 2018, or has invited this one."""
        self.seeds.join(address, base=base, invited=invited)

    def go_to_successor(self, addresses: tuple[Address, ...], *, abroad: bool) -> None:
        """A neighbour that leaves names the server to link with instead."""
        self.dialling.dial(addresses, "successor", abroad=abroad)

    def is_first_link(self) -> bool:
        """Whether this node has had no link since its start, so that it needs the table of users."""
        return not self._had_link

    def purpose_of(self, link: Link) -> str:
        """What a server that was dialled is told that the link is for."""
        attempt = self.dialling.attempt_of(link)
        return "lazy" if attempt is not None and attempt.purpose == "lazy" else "join"

    def knows_for_native(self, link: Link) -> bool:
        """Whether a link was dialled to reach a server that is one of ours."""
        attempt = self.dialling.attempt_of(link)
        if attempt is None:
            return False
        if attempt.server is not None or attempt.purpose == "successor":
            return True
        ours = (address for peer in self.peers.values() for address in peer.addresses)
        return attempt.address in self._topology.own.addresses or attempt.address in ours

    # --- what comes of dials ------------------------------------------------------------------------------------------

    def failed(self, dial: int, reason: str, *, refused: bool) -> None:
        """A Dial came to nothing."""
        attempt = self.dialling.over(dial)
        if attempt is not None:
            self._attempt_failed(attempt, reason, refused=refused)

    def _attempt_failed(self, attempt: Attempt, reason: str, *, refused: bool) -> None:
        config = self._context.config
        self._context.trace(
            "dial",
            step="failed",
            to=attempt.address,
            why=attempt.purpose,
            server=attempt.server,
            refused=refused,
            reason=reason,
        )
        if attempt.server is not None:
            self.dialling.suspend(attempt.server, config.heal_max if refused else config.dial_limit)
            if refused:
                self._base_servers.taking_over.found_dead(attempt.server)
                self.on_nobody_there(attempt.server)
        match attempt.purpose:
            case "join":
                self.seeds.failed(attempt, reason)
            case "base":
                self._base_servers.dialling.redial(attempt.address)
            case "lazy":
                self._redundant.schedule()
            case "heal" | "successor":
                self._search.dial_failed(refused=refused)

    def seek_keys(self) -> None:
        """Dial a server with a key to which no way leads but by servers without."""
        self._signed_ways.seek()

    def linked(self, link: Link) -> None:
        """A link is established."""
        self._had_link = True
        link.established_at = self._context.now.monotonic
        attempt = self.dialling.over(link.dial)
        if attempt is not None:
            self.seeds.linked(attempt)
            if attempt.server is not None and link.remote_id is not None and attempt.server != link.remote_id:
                self.known.lives_elsewhere(attempt.server, link)
        if link.remote_id is not None:
            # That it is on this machine, where its address means it, may be known only now.
            self.known.moved(link.remote_id)
            self._search.found(link.remote_id)
            self._redundant.linked(link.remote_id)
            self.dialling.resume(link.remote_id)
        self._signed_ways.reconsider()
        self._redundant.schedule()

    def dial_was_needless(self, link: Link) -> None:
        """The dialled server is this one itself, or is linked already."""
        attempt = self.dialling.over(link.dial)
        if attempt is not None:
            self.seeds.linked(attempt)
            if attempt.server is not None and attempt.server != link.remote_id:
                self.known.lives_elsewhere(attempt.server, link)

    def refused(self, link: Link, why: str, info: str = "") -> None:
        """The other side wants no link, and may have said more about it."""
        attempt = self.dialling.over(link.dial)
        if attempt is None:
            return
        if why == "busy" and attempt.purpose != "lazy" and attempt.tried_again < TRIED_AGAIN_MAX:
            # It has become of another network meanwhile, as servers do that all start at once: that is over already.
            attempt.tried_again += 1
            self.dialling.again(attempt, attempt.way)
            return
        is_seed_done = self.seeds.refused(attempt, why, info)
        if attempt.server is not None:
            config = self._context.config
            # Whoever expelled this server may let it in again at any moment, and has forgotten where it is.
            self.dialling.suspend(attempt.server, config.heal_max if why == "barred" else config.redial_max)
        if attempt.purpose == "lazy":
            self._redundant.schedule()
        elif not is_seed_done:
            self._attempt_failed(attempt, why, refused=False)

    def turned_away(self, link: Link, reason: str) -> None:
        """Whoever is at the other end of a dialled connection is not spoken to."""
        attempt = self.dialling.over(link.dial)
        if attempt is not None:
            self._attempt_failed(attempt, reason, refused=False)

    def speaks_in_clear(self, dial: int, reason: str) -> None:
        """Whoever was dialled does not encrypt, and is not spoken to."""
        attempt = self.dialling.over(dial)
        if attempt is not None and not self.seeds.turned_away(attempt, reason):
            self._attempt_failed(attempt, reason, refused=False)

    def unlinked(self, link: Link, *, was_native: bool, was_base: bool) -> None:
        """A link has gone."""
        attempt = self.dialling.over(link.dial)
        if attempt is not None:
            self._attempt_failed(attempt, "the connection was closed at once", refused=False)
        if self._context.draining:
            return
        if was_native and not link.clean and link.remote_id is not None:
            self._search.lost(link)
            self._redundant.broken(link.remote_id)
        elif was_base and not link.clean:
            self._base_servers.dialling.unlinked(link)
        self._redundant.schedule()

    # --- who can be reached -------------------------------------------------------------------------------------------

    def observe(self) -> None:
        """Look at who can be reached after an event, and act on differences."""
        current = self._topology.reachable
        for _ in self.known.new_and_missing(current):
            self._search.one_more_is_missing()
        if current is self._observed:
            return
        self._signed_ways.observe()
        self._observed = current
        reachable = frozenset(current)
        before = self.known.reachable
        if reachable == before:
            return
        context = self._context
        came, gone = sorted(reachable - before), sorted(before - reachable)
        self.known.reachable = reachable
        self._base_servers.already_told.observe(came, gone)
        for server in came:
            if server != context.id:
                self.dialling.resume(server)
                self.known.came(server)
        for server in gone:
            self.known.went(server)
        self.on_reach(came, gone)
        if gone and not context.draining:
            context.timers.set("missing", context.after(1.0), self.known.announce_missing)
            self._search.some_have_gone()
        if came:
            self._redundant.schedule()
            self.known.announce_back(came)

    def record_merged(self, before: ServerRecord | None, record: ServerRecord) -> None:
        """Another server's record is new."""
        if before is None or before.left:
            self.known.heard_of(record.id)
        if before is not None and not before.is_where(record):
            self.known.moved(record.id)
        if before is not None and (before.key is None) != (record.key is None):
            self._signed_ways.upgraded()
        if before is not None and before.links != record.links:
            self._signed_ways.reconsider()
        if record.left and (before is None or not before.left):
            self._context.notify(
                "quit", f"{record.name} has left the network", server=record.id, in_story=before is not None
            )
            # It has left on purpose: nobody looks for it.
            self._search.found(record.id)
            self._redundant.left(record.id)
            self.known.forget(record.id)

    def _schedule_forgetting(self) -> None:
        interval = min(SEEN_INTERVAL, self._context.config.remember_lost / 8)
        self._context.timers.set("forget", self._context.after(interval), self._forget_old)

    def _forget_old(self) -> None:
        self.known.forget_old()
        self._base_servers.refresh()
        self._schedule_forgetting()
