"""Healing: which servers are dialled, when, and by whom.

Who lost a neighbour looks for it and for those behind it at once, with a little jitter; after that, one node of each
part of the network, the one with the smallest id, goes on looking for servers that are missing, with exponential
backoff and full jitter (Brooker, "Exponential Backoff And Jitter", 2015). So separated parts find each other without
a stampede. Beside the tree every node keeps a few redundant links to random other nodes, so that losing one link
separates nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from core.node.base.base_servers import BaseServers, is_to_be_found
from core.node.interface.actions import Dial
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.log.replication import Replication
from core.node.map.topology import Topology
from core.node.map.whereabouts import Whereabouts
from core.node.neighbours.neighbours import Neighbours
from core.wire.address import Address
from core.wire.entries import PeerForgotten, PeerRecord
from core.wire.scope import Scope, scope_of

DIALS_AT_ONCE: Final = 3
"""Attempts to find lost servers that one node has under way."""
RESPONSIBLE_ROUNDS: Final = 6
"""How often a node that lost a neighbour looks for it before it leaves that to its part's coordinator."""
SEARCH_ROUNDS: Final = 6
"""For so many rounds after a loss, a dial that is refused is followed by the next at once: where most nodes have died
together, the parts that are left find each other among the dead. Later rounds cost a few dials each, however many
servers are missing."""
SEEN_INTERVAL: Final = 3600.0
"""How often the store is told that a peer is still there."""

Purpose = Literal["join", "heal", "lazy", "base", "successor"]


@dataclass(slots=True)
class Attempt:
    """A dial under way, from Dial until the link is established or has failed."""

    addresses: tuple[Address, ...]
    purpose: Purpose
    server: str | None

    @property
    def address(self) -> Address:
        return self.addresses[0]


@dataclass(slots=True)
class Seed:
    """A server that a person named: tried until this node has had a link with somebody there."""

    address: Address
    attempts: int = 0
    linked: bool = False
    refused: bool = False


class Healing:
    """Keeps the network one, as far as this node can."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        topology: Topology,
        replication: Replication,
        base_servers: BaseServers,
        whereabouts: Whereabouts,
        peers: Iterable[PeerRecord],
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._topology = topology
        self._whereabouts = whereabouts
        self._replication = replication
        self._base_servers = base_servers
        base_servers.dial = lambda address: self._dial((address,), "base", None)
        self.peers: dict[str, PeerRecord] = {
            peer.id: peer for peer in peers if peer.id != context.id and is_to_be_found(peer)
        }
        """Every server that is known to have been part of the network and not to have left it."""
        base_servers.peers = self.peers
        base_servers.look_for = self._look_for
        self._attempts: dict[int, Attempt] = {}
        self._dials = 0
        self._seeds: dict[Address, Seed] = {}
        self._lost_neighbours: dict[str, None] = {}
        self._responsible = 0
        self._round = 0
        self._suspended: dict[str, float] = {}
        self._reachable: frozenset[str] = frozenset({context.id})
        self._observed: Mapping[str, None] | None = None
        self._missing_announced: frozenset[str] = frozenset()
        self._had_link = False
        self._news: list[str] = []
        """Servers whose first record has just arrived."""
        self._flapped_at = float("-inf")
        """When a link died last that had not lived long."""
        self._met = dict.fromkeys(self.peers)
        """Servers that could be reached at some time."""

    # --- beginnings ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Look for the network that this node was part of before its restart."""
        if self.peers:
            self._schedule_round(self._context.config.heal_jitter)
        self._schedule_forgetting()

    def join(self, address: Address) -> None:
        """A person names a server to join."""
        self._seeds[address] = Seed(address)
        for link in self._neighbours:
            if address in (link.dialled, Address(link.hostname, link.port)):
                self._seeds[address].linked = True
        self._dial_seed(address)

    def _dial_seed(self, address: Address) -> None:
        seed = self._seeds.get(address)
        if seed is not None and not seed.linked and not seed.refused and not self._context.draining:
            seed.attempts += 1
            self._dial((address,), "join", None)

    def is_first_link(self) -> bool:
        """Whether this node has had no link since its start, so that it needs the table of users."""
        return not self._had_link

    def purpose_of(self, link: Link) -> str:
        attempt = self._attempts.get(link.dial or 0)
        return "lazy" if attempt is not None and attempt.purpose == "lazy" else "join"

    def knows_for_native(self, link: Link) -> bool:
        """Whether a link was dialled to reach a server that is one of ours."""
        attempt = self._attempts.get(link.dial or 0)
        if attempt is None:
            return False
        if attempt.server is not None or attempt.purpose == "successor":
            return True
        ours = (address for peer in self.peers.values() for address in peer.addresses)
        return attempt.address in self._topology.own.addresses or attempt.address in ours

    @property
    def dials(self) -> int:
        """Dials under way, up to the link they lead to."""
        return len(self._attempts)

    # --- dialling -----------------------------------------------------------------------------------------------------

    def _dial(
        self, addresses: tuple[Address, ...], purpose: Purpose, server: str | None, *, abroad: bool = False
    ) -> None:
        if any(attempt.address == addresses[0] for attempt in self._attempts.values()):
            return
        self._dials += 1
        self._attempts[self._dials] = Attempt(addresses, purpose, server)
        self._context.actions.append(Dial(self._dials, addresses[0], addresses[1:], abroad))

    def _dial_server(self, server: str, addresses: Sequence[Address], purpose: Purpose) -> None:
        abroad = all(scope_of(address.host) is Scope.ANYWHERE for address in addresses)
        self._dial(tuple(addresses), purpose, server, abroad=abroad)

    def opened(self, link: Link) -> None:
        """A dialled connection is up; it is a link only once both sides have introduced themselves."""
        attempt = self._attempts.get(link.dial or 0)
        if attempt is not None:
            link.dialled = link.peer if link.peer in attempt.addresses else attempt.address

    def failed(self, dial: int, reason: str, *, refused: bool) -> None:
        """A Dial came to nothing."""
        attempt = self._attempts.pop(dial, None)
        if attempt is not None:
            self._attempt_failed(attempt, reason, refused=refused)

    def _attempt_failed(self, attempt: Attempt, reason: str, *, refused: bool) -> None:
        context = self._context
        config = context.config
        if attempt.server is not None:
            self._suspended[attempt.server] = context.after(config.heal_max if refused else config.dial_limit)
            if refused:
                self._base_servers.found_dead(attempt.server)
        match attempt.purpose:
            case "join":
                seed = self._seeds.get(attempt.address)
                if seed is not None and not seed.linked:
                    if seed.attempts == 1:
                        context.notify("unlinked", f"{attempt.address} cannot be reached yet: {reason}", "warning")
                    delay = context.backoff(seed.attempts)
                    context.timers.set(
                        ("seed", attempt.address), context.after(delay), lambda: self._dial_seed(attempt.address)
                    )
            case "base":
                self._base_servers.redial(attempt.address)
            case "lazy":
                self._schedule_lazy()
            case "heal" | "successor":
                if refused and self._round <= SEARCH_ROUNDS and not context.draining:
                    # That one is dead for sure: no reason to wait before the next is tried.
                    self._dial_missing(self.missing())
                elif not any(other.purpose == "heal" for other in self._attempts.values()):
                    self._schedule_round(self._heal_backoff())

    def _heal_backoff(self) -> float:
        return self._context.backoff(self._round, self._context.config.heal_max)

    # --- links --------------------------------------------------------------------------------------------------------

    def linked(self, link: Link) -> None:
        """A link is established."""
        self._had_link = True
        link.established_at = self._context.now.monotonic
        attempt = self._attempts.pop(link.dial or 0, None)
        if attempt is not None:
            seed = self._seeds.get(attempt.address)
            if seed is not None:
                seed.linked = True
            if attempt.server is not None and link.remote_id is not None and attempt.server != link.remote_id:
                self._lives_elsewhere(attempt.server, link)
        if link.remote_id is not None:
            self._lost_neighbours.pop(link.remote_id, None)
            self._suspended.pop(link.remote_id, None)
        self._schedule_lazy()

    def dial_was_needless(self, link: Link) -> None:
        """The dialled server is this one itself, or is linked already."""
        attempt = self._attempts.pop(link.dial or 0, None)
        if attempt is not None:
            seed = self._seeds.get(attempt.address)
            if seed is not None:
                seed.linked = True
            if attempt.server is not None and attempt.server != link.remote_id:
                self._lives_elsewhere(attempt.server, link)

    def _lives_elsewhere(self, server: str, link: Link) -> None:
        """Somebody else lives at a server's address now: it is looked for where it may be besides, if anywhere."""
        known = self.peers.get(server)
        if known is None or link.dialled is None:
            return
        self._whereabouts.failed(server, link.dialled)
        left = [address for address in known.addresses if address != link.dialled]
        if left and len(left) < len(known.addresses):
            self._keep_peer(PeerRecord(server, *left[0], known.name, known.seen_at, tuple(left[1:])))
        else:
            self._forget_peer(server)

    def refused(self, link: Link, why: str) -> None:
        """The other side wants no link."""
        attempt = self._attempts.pop(link.dial or 0, None)
        if attempt is None:
            return
        seed = self._seeds.get(attempt.address)
        if seed is not None:
            if why in ("duplicate", "self"):
                seed.linked = True
            elif why == "AUTHENTICATION_FAIL":
                seed.refused = True
                self._context.notify(
                    "join_refused",
                    f"{attempt.address} does not let this server in: the secret is not its network's",
                    "error",
                )
        if attempt.server is not None:
            self._suspended[attempt.server] = self._context.after(self._context.config.redial_max)
        if attempt.purpose == "lazy":
            self._schedule_lazy()
        elif seed is None or not (seed.linked or seed.refused):
            self._attempt_failed(attempt, why, refused=False)

    def unlinked(self, link: Link, *, was_native: bool, was_base: bool) -> None:
        """A link has gone."""
        attempt = self._attempts.pop(link.dial or 0, None)
        if attempt is not None:
            self._attempt_failed(attempt, "the connection was closed at once", refused=False)
        if self._context.draining:
            return
        if was_native and not link.clean and link.remote_id is not None:
            self._lost_neighbours[link.remote_id] = None
            self._suspended.pop(link.remote_id, None)
            self._responsible = RESPONSIBLE_ROUNDS
            lived = self._context.now.monotonic - (link.established_at or 0.0)
            if lived > self._context.config.redial_max:
                self._round = 0
            else:
                self._flapped_at = self._context.now.monotonic
        elif was_base and not link.clean:
            self._base_servers.unlinked(link)
        self._schedule_lazy()

    # --- who is missing -----------------------------------------------------------------------------------------------

    def observe(self) -> None:
        """Look at who can be reached after an event, and act on differences."""
        current = self._topology.reachable
        if self._news:
            self._hear_of_others(current)
        if current is self._observed:
            return
        self._observed = current
        reachable = frozenset(current)
        if reachable == self._reachable:
            return
        context = self._context
        came = sorted(reachable - self._reachable)
        gone = sorted(self._reachable - reachable)
        self._reachable = reachable
        self._base_servers.observe(came, gone)
        for server in came:
            self._came(server)
        for server in gone:
            self._remember(server)
        if gone and not context.draining:
            context.timers.set("missing", context.after(1.0), self._announce_missing)
            jitter = context.config.heal_jitter * context.rng.random()
            self._schedule_round(jitter if self._round == 0 else self._heal_backoff())
        if came:
            self._schedule_lazy()
            back = [server for server in came if server in self._missing_announced]
            if back:
                self._missing_announced -= frozenset(back)
                names = ", ".join(self._name(server) for server in back[:5])
                more = f" and {len(back) - 5} more" if len(back) > 5 else ""
                context.notify("healed", f"{names}{more}: reachable again", "good", server=back[0])

    def heard_of(self, server: str) -> None:
        """A server's first record has arrived, or the first since it left."""
        self._news.append(server)

    def _hear_of_others(self, reachable: Mapping[str, None]) -> None:
        """Servers that others were linked with are missing here too: whoever looks for them may be this node."""
        news, self._news = self._news, []
        for server in news:
            record = self._topology.records[server]
            addresses = self._whereabouts.addresses(server)
            if server not in self.peers and server not in reachable and not record.left and addresses:
                self._keep_peer(_peer(server, record.name, self._context.now.wall, addresses))
                if "heal" not in self._context.timers:
                    self._schedule_round(self._heal_backoff())

    def _came(self, server: str) -> None:
        if server == self._context.id:
            return
        self._suspended.pop(server, None)
        self._remember(server)
        if server not in self._met:
            self._met[server] = None
            self._context.notify("joined", f"{self._name(server)} joined the network", "good", server=server)

    def _remember(self, server: str) -> None:
        record = self._topology.records.get(server)
        if record is None or record.left or server == self._context.id:
            return
        known = self.peers.get(server)
        wall = self._context.now.wall
        addresses = self._whereabouts.addresses(server)
        if known is not None and set(addresses) <= set(known.addresses):
            # That a server is on this machine can be told only as long as it is linked.
            addresses = known.addresses
        if not addresses:
            # It is missed when it is gone, and cannot be looked for from here.
            addresses = [Address(record.hostname, 0)]
        if known is None or known.addresses != addresses or wall - known.seen_at > SEEN_INTERVAL:
            self._keep_peer(_peer(server, record.name, wall, addresses))

    def moved(self, server: str) -> None:
        """A server has announced another address."""
        if server in self.peers:
            self._remember(server)

    def _keep_peer(self, peer: PeerRecord) -> None:
        self.peers[peer.id] = peer
        self._replication.keep(peer)

    def departed(self, server: str) -> None:
        """A server has left on purpose: nobody looks for it."""
        self._lost_neighbours.pop(server, None)
        self._forget_peer(server)

    def _forget_peer(self, server: str) -> None:
        self._met.pop(server, None)
        if self.peers.pop(server, None) is not None:
            self._replication.keep(PeerForgotten(server))

    def _schedule_forgetting(self) -> None:
        interval = min(SEEN_INTERVAL, self._context.config.remember_lost / 8)
        self._context.timers.set("forget", self._context.after(interval), self._forget_old)

    def _forget_old(self) -> None:
        """Nobody looks for ever for a server that vanished, and a record that it had left is not kept for ever."""
        oldest = self._context.now.wall - self._context.config.remember_lost
        for server in self.missing():
            if self.peers[server].seen_at < oldest:
                self._forget_peer(server)
                self._topology.forget(server)
        for record in list(self._topology.records.values()):
            if record.left and record.seen_at < oldest:
                self._topology.forget(record.id)
        self._base_servers.refresh()
        self._schedule_forgetting()

    def _name(self, server: str) -> str:
        record = self._topology.records.get(server)
        if record is not None:
            return record.name
        peer = self.peers.get(server)
        return peer.name if peer is not None else server[:6]

    def missing(self) -> list[str]:
        """Servers that should be there and cannot be reached, sorted."""
        return [server for server in sorted(self.peers) if server not in self._reachable]

    def _announce_missing(self) -> None:
        missing = self.missing()
        news = [server for server in missing if server not in self._missing_announced]
        if news:
            self._missing_announced |= frozenset(news)
            names = ", ".join(self._name(server) for server in news[:5])
            more = f" and {len(news) - 5} more" if len(news) > 5 else ""
            self._context.notify("lost", f"{names}{more}: not reachable any more", "error", server=news[0])
            if len(self._reachable) == 1:
                others = "the other server" if len(missing) == 1 else f"any of the {len(missing)} other servers"
                text = f"this server is alone: it cannot reach {others}, and goes on looking"
                self._context.notify("alone", text, "error")

    # --- looking for them ---------------------------------------------------------------------------------------------

    def _schedule_round(self, delay: float) -> None:
        context = self._context
        if not context.draining:
            at = context.after(delay)
            context.timers.set("heal", at, self._heal)

    def _heal(self) -> None:
        context = self._context
        if context.draining:
            return
        missing = self.missing()
        if not missing:
            if context.now.monotonic - self._flapped_at > 2 * context.config.redial_max:
                self._round = 0
            self._responsible = 0
            self._lost_neighbours.clear()
            return
        coordinator = min(self._reachable) == context.id
        if self._responsible <= 0 and not coordinator:
            return
        self._responsible -= 1
        self._round += 1
        self._dial_missing(missing)
        self._schedule_round(self._heal_backoff())

    def _dial_missing(self, missing: list[str]) -> None:
        """Have as many dials under way as one node may."""
        under_way = {attempt.server for attempt in self._attempts.values()}
        room = DIALS_AT_ONCE - sum(attempt.purpose == "heal" for attempt in self._attempts.values())
        if room <= 0:
            return
        for server in self._wanted([one for one in missing if one not in under_way])[:room]:
            self._dial_server(server, self.peers[server].addresses, "heal")

    def _look_for(self, server: str) -> None:
        """Dial a missing server once, whoever else looks for it."""
        if self.peers[server].port and server not in self._reachable:
            self._dial_server(server, self.peers[server].addresses, "heal")

    def _wanted(self, missing: list[str]) -> list[str]:
        """Missing servers in the order in which to look for them: lost neighbours, those next to them, the rest."""
        now = self._context.now.monotonic
        linked = self._topology.own.links  # with some of them the records are only just being exchanged
        free = [
            server
            for server in missing
            if server not in linked and self._suspended.get(server, 0.0) <= now and self.peers[server].port
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

    # --- redundant links ----------------------------------------------------------------------------------------------

    def _schedule_lazy(self) -> None:
        context = self._context
        if "lazy" not in context.timers and not context.draining and self._lazy_wanted() > 0:
            delay = context.config.lazy_delay * (1.0 + context.rng.random())
            context.timers.set("lazy", context.after(delay), self._dial_lazy)

    def _lazy_wanted(self) -> int:
        return min(1 + self._context.config.lazy_links, len(self._reachable) - 1) - len(self._neighbours)

    def _dial_lazy(self) -> None:
        context = self._context
        if context.draining or self._lazy_wanted() <= 0:
            return
        own = self._topology.own
        now = context.now.monotonic
        free = [
            server
            for server in sorted(self._reachable)
            if server not in own.links
            and server != own.id
            and not self._topology.records[server].draining
            and self._topology.degree(server) < context.config.links_max
            and self._suspended.get(server, 0.0) <= now
            and self._whereabouts.addresses(server)
        ]
        if free:
            drawn = free if len(free) <= 3 else context.rng.sample(free, 3)
            server = min(drawn, key=lambda one: (self._topology.degree(one), one))
            self._dial_server(server, self._whereabouts.addresses(server), "lazy")
        self._schedule_lazy()

    # --- a neighbour leaves -------------------------------------------------------------------------------------------

    def go_to_successor(self, addresses: tuple[Address, ...], *, abroad: bool) -> None:
        """A neighbour that leaves names the server to link with instead."""
        self._dial(addresses, "successor", None, abroad=abroad)


def _peer(server: str, name: str, seen_at: float, addresses: Sequence[Address]) -> PeerRecord:
    first, *others = addresses
    return PeerRecord(server, first.host, first.port, name, seen_at, tuple(others))
