"""Peers: every server that is known to have been part of the network and not to have left it; on the disk as well."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from core.node.base.kept_records import is_to_be_found
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.map.topology import Topology
from core.node.map.whereabouts import Whereabouts
from core.wire.address import Address
from core.wire.entries import PeerForgotten, PeerRecord

SEEN_INTERVAL: Final = 3600.0
"""How often the store is told that a peer is still there."""
FORMER_MAX: Final = 2
"""Addresses at which a server was before, at most, at which it is looked for as well."""


class KnownPeers:
    """Who should be there, where they may be found, and who of them cannot be reached."""

    def __init__(
        self,
        context: Context,
        topology: Topology,
        whereabouts: Whereabouts,
        keep: Callable[[PeerRecord | PeerForgotten], None],
        peers: Iterable[PeerRecord],
    ) -> None:
        self._context = context
        self._topology = topology
        self._whereabouts = whereabouts
        self._keep = keep
        self.peers: dict[str, PeerRecord] = {
            peer.id: peer for peer in peers if peer.id != context.id and is_to_be_found(peer)
        }
        self.reachable: frozenset[str] = frozenset({context.id})
        """Servers that could be reached when the map was looked at last."""
        self._news: list[str] = []
        """Servers whose first record has just arrived."""
        self._missing_announced: frozenset[str] = frozenset()
        self._met = dict.fromkeys(self.peers)
        """Servers that could be reached at some time."""
        self._went_at: dict[str, float] = {}
        """When those went that are known and missing, since this node runs."""

    # --- who they are -------------------------------------------------------------------------------------------------

    def begin_amid(self, peers: Iterable[PeerRecord], reachable: Iterable[str]) -> None:
        """Know these from the start, and have met them."""
        self.peers.update((peer.id, peer) for peer in peers)
        self._met = dict.fromkeys(self.peers)
        self.reachable = frozenset(reachable)

    def heard_of(self, server: str) -> None:
        """A server's first record has arrived, or the first since it left."""
        self._news.append(server)

    def new_and_missing(self, reachable: Mapping[str, None]) -> list[str]:
        """Servers that others were linked with and that are missing here too, of those just heard of; each once."""
        if not self._news:
            return []
        news, self._news = self._news, []
        found = []
        for server in news:
            record = self._topology.records.get(server)
            if record is None:
                # There was no room for it.
                continue
            addresses = self._whereabouts.addresses(server)
            if server not in self.peers and server not in reachable and not record.left and addresses:
                self._keep_peer(_peer(server, record.name, self._context.now.wall, addresses))
                found.append(server)
        return found

    def came(self, server: str) -> None:
        """A server can be reached."""
        self._went_at.pop(server, None)
        self.remember(server)
        if server not in self._met:
            self._met[server] = None
            self._context.notify(
                "joined", f"{self.name(server)} joined the network", "good", server=server, in_story=True
            )

    def went(self, server: str) -> None:
        """A server cannot be reached any more."""
        self.remember(server)
        if server in self.peers:
            self._went_at[server] = self._context.now.wall

    def last_there(self, server: str) -> float | None:
        """When a server was there last that is missing, in seconds since 1970, as far as that is known."""
        known = self.peers.get(server)
        return self._went_at.get(server, known.seen_at if known is not None else None)

    def remember(self, server: str) -> None:
        """Keep where a server may be found: it has been seen now."""
        record = self._topology.records.get(server)
        if record is None or record.left or server == self._context.id:
            return
        known = self.peers.get(server)
        wall = self._context.now.wall
        addresses = self._whereabouts.addresses(server)
        if known is not None and set(addresses) <= set(known.addresses):
            # That a server is on this machine can be told only as long as it is linked.
            addresses = known.addresses
        elif known is not None:
            # Another process may have taken its place for a while, started from a copy of its data.
            former = [address for address in known.addresses if address.port and address not in addresses]
            addresses = [*addresses, *former[:FORMER_MAX]]
        if not addresses:
            # It is missed when it is gone, and cannot be looked for from here.
            addresses = [Address(record.hostname, 0)]
        if known is None or known.addresses != addresses or wall - known.seen_at > SEEN_INTERVAL:
            self._keep_peer(_peer(server, record.name, wall, addresses))

    def moved(self, server: str) -> None:
        """A server has announced another address."""
        if server in self.peers:
            self.remember(server)

    def lives_elsewhere(self, server: str, link: Link) -> None:
        """Somebody else lives at a server's address now: it is looked for where it may be besides, if anywhere."""
        known = self.peers.get(server)
        if known is None or link.dialled is None:
            return
        self._whereabouts.failed(server, link.dialled)
        left = [address for address in known.addresses if address != link.dialled]
        if left and len(left) < len(known.addresses):
            self._keep_peer(PeerRecord(server, *left[0], known.name, known.seen_at, tuple(left[1:])))
        else:
            self.forget(server)

    def _keep_peer(self, peer: PeerRecord) -> None:
        self.peers[peer.id] = peer
        self._keep(peer)
        if len(self.peers) > self._context.config.servers_max:
            gone = self._least_wanted()
            if gone is not None:
                self.forget(gone)

    def _least_wanted(self) -> str | None:
        """Of those that cannot be reached, the last one that never could be, or the one that was seen longest ago."""
        missing = [server for server in self.peers if server not in self.reachable]
        strangers = [server for server in missing if server not in self._met]
        if strangers:
            return strangers[-1]
        return min(missing, key=lambda server: self.peers[server].seen_at, default=None)

    def forget(self, server: str) -> None:
        """Nobody is to look for a server any more."""
        self._met.pop(server, None)
        self._went_at.pop(server, None)
        if server in self._missing_announced:
            self._missing_announced -= {server}
        if self.peers.pop(server, None) is not None:
            self._keep(PeerForgotten(server))

    def let_go(self, server: str) -> None:
        """There is no room for a server that cannot be reached."""
        self.forget(server)
        self._topology.forget(server)

    def forget_old(self) -> None:
        """Nobody looks for ever for a server that vanished, and a record that it had left is not kept for ever."""
        oldest = self._context.now.wall - self._context.config.remember_lost
        for server in self.missing():
            if self.peers[server].seen_at < oldest:
                self.forget(server)
                self._topology.forget(server)
        for record in list(self._topology.records.values()):
            if record.left and record.seen_at < oldest:
                self._topology.forget(record.id)

    def name(self, server: str) -> str:
        """What a server is called, as far as that is known."""
        record = self._topology.records.get(server)
        if record is not None:
            return record.name
        peer = self.peers.get(server)
        return peer.name if peer is not None else server[:6]

    # --- who is missing -----------------------------------------------------------------------------------------------

    def missing(self) -> list[str]:
        """Servers that should be there and cannot be reached, sorted."""
        return [server for server in sorted(self.peers) if server not in self.reachable]

    def announce_missing(self) -> None:
        """Tell people who is missing of whom they have not been told."""
        missing = self.missing()
        news = [server for server in missing if server not in self._missing_announced]
        if news:
            self._missing_announced |= frozenset(news)
            self._context.notify(
                "lost", f"{self._names(news)}: not reachable any more", "error", server=news[0], in_story=True
            )
            if len(self.reachable) == 1:
                others = "the other server" if len(missing) == 1 else f"any of the {len(missing)} other servers"
                text = f"this server is alone: it cannot reach {others}, and goes on looking"
                self._context.notify("alone", text, "error", in_story=True)

    def announce_back(self, came: Sequence[str]) -> None:
        """Tell people who can be reached again of whom they were told that they were missing."""
        back = [server for server in came if server in self._missing_announced]
        if back:
            self._missing_announced -= frozenset(back)
            self._context.notify(
                "healed", f"{self._names(back)}: reachable again", "good", server=back[0], in_story=True
            )

    def _names(self, servers: Sequence[str]) -> str:
        more = f" and {len(servers) - 5} more" if len(servers) > 5 else ""
        return ", ".join(self.name(server) for server in servers[:5]) + more


def _peer(server: str, name: str, seen_at: float, addresses: Sequence[Address]) -> PeerRecord:
    first, *others = addresses
    return PeerRecord(server, first.host, first.port, name, seen_at, tuple(others))
