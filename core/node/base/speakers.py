"""Speakers: which server of ours spoke to each base server last, and which servers have left.

All of it is on the disk: of a network that has been down as a whole, any server may be the one that does not come back.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping

from core.node.base.kept_records import KNOWN_MAX, LEFT_PREFIX, SPOKEN_PREFIX
from core.node.base.ways import BaseWays
from core.node.kernel.context import Context
from core.node.map.topology import ServerRecord, Topology
from core.wire.address import Address
from core.wire.entries import PeerForgotten, PeerRecord
from core.wire.messages import AttachedServer


class Speakers:
    """Who spoke to which base server last."""

    def __init__(
        self,
        context: Context,
        topology: Topology,
        ways: BaseWays,
        keep: Callable[[PeerRecord | PeerForgotten], None],
        peers: Iterable[PeerRecord],
    ) -> None:
        self._context = context
        self._topology = topology
        self._ways = ways
        self._keep = keep
        self.peers: Mapping[str, PeerRecord] = {}
        """The servers of the network as the healing knows them."""
        self.on_known: Callable[[], None] = lambda: None
        """Told when somebody is known to speak to a base server: should that end, it may be for this node to do so."""
        self._left: dict[str, PeerRecord] = {}
        """Servers of ours that have left, also on the disk: they may be back in another part of the network."""
        self._last: OrderedDict[Address, tuple[AttachedServer, str]] = OrderedDict()
        """Each base server, and which server of ours spoke to it last."""
        self._spoken_at: dict[Address, float] = {}
        """Wall-clock seconds since 1970 at which the disk was told that."""
        self.orphaned_since: dict[Address, float] = {}
        """Monotonic time since which nobody who can be reached speaks to each."""
        self.leavers: dict[Address, str] = {}
        """Who handed each of those over that this node is to speak to."""
        for peer in peers:
            if peer.id.startswith(LEFT_PREFIX):
                self._left[peer.id.removeprefix(LEFT_PREFIX)] = peer
            elif peer.id.startswith(SPOKEN_PREFIX):
                speaker, _, base_server = peer.name.partition(" ")
                address = Address(peer.hostname, peer.port)
                self._last[address] = (AttachedServer(base_server, *address, 0, direct=True), speaker)
                self._spoken_at[address] = peer.seen_at

    # --- who speaks to which ------------------------------------------------------------------------------------------

    def __bool__(self) -> bool:
        """Whether any base server is known."""
        return bool(self._last)

    def all(self) -> list[tuple[Address, AttachedServer, str]]:
        """Each base server, and the server of ours that spoke to it last."""
        return [(address, attached, speaker) for address, (attached, speaker) in self._last.items()]

    def of(self, address: Address) -> tuple[AttachedServer, str] | None:
        """The base server at an address, and who spoke to it last."""
        return self._last.get(address)

    def speaks(self, server: str, attached: AttachedServer, *, again: bool = False) -> None:
        """Remember who speaks to a base server; `again`: tell the disk that it is still so."""
        address = Address(attached.hostname, attached.port)
        before, speaker = self._last.get(address, (None, None))
        self._last[address] = (attached, server)
        if again or before is None or before.id != attached.id or speaker != server:
            wall = self._context.now.wall
            self._spoken_at[address] = wall
            self._keep(PeerRecord(f"{SPOKEN_PREFIX}{address}", *address, f"{server} {attached.id}", wall))
        if len(self._last) > KNOWN_MAX:
            self._forget(next(iter(self._last)))
        self.on_known()

    def _forget(self, address: Address) -> None:
        del self._last[address], self._spoken_at[address]
        self.orphaned_since.pop(address, None)
        self._keep(PeerForgotten(f"{SPOKEN_PREFIX}{address}"))

    def handed_over(self, address: Address, leaver: str) -> None:
        """A server that leaves has handed a base server over."""
        self.leavers[address] = leaver
        if len(self.leavers) > KNOWN_MAX:
            self.leavers.pop(next(iter(self.leavers)))

    def orphans_of(self, server: str) -> list[AttachedServer]:
        """Base servers to which a server spoke last, and to which nobody speaks now."""
        return [
            attached
            for address, (attached, speaker) in self._last.items()
            if speaker == server and not self._ways.is_spoken_to(address)
        ]

    def refresh(self, oldest: float) -> None:
        """Have the disk know what is still so, and forget what has not been since the wall-clock time `oldest`."""
        for server, peer in list(self._left.items()):
            if peer.seen_at < oldest:
                self.is_back(server)
        for address, (attached, speaker) in list(self._last.items()):
            if speaker in self._topology.reachable or self._ways.is_spoken_to(address):
                self.speaks(speaker, attached, again=True)
            elif self._spoken_at[address] < oldest:
                self._forget(address)

    # --- who is one of ours -------------------------------------------------------------------------------------------

    def is_ours(self, server: str) -> bool:
        """Whether an id is that of a server of this network, in whichever part of it."""
        return (
            server in self._topology.records
            or server in self.peers
            or server in self._left
            or any(server == speaker for _, speaker in self._last.values())
        )

    @property
    def is_alone(self) -> bool:
        """Whether no other server of this network is known, wherever it may be."""
        return not self.peers and not self._left and len(self._topology.records) == 1

    def has_left(self, record: ServerRecord) -> None:
        """A server of ours has left."""
        if record.id not in self._left:
            wall = self._context.now.wall
            peer = PeerRecord(f"{LEFT_PREFIX}{record.id}", record.hostname, record.port, record.name, wall)
            self._left[record.id] = peer
            self._keep(peer)
            if len(self._left) > KNOWN_MAX:
                self.is_back(next(iter(self._left)))

    def is_back(self, server: str) -> None:
        """A server of ours is there, or has been gone for so long that nobody need know that it has left."""
        if self._left.pop(server, None) is not None:
            self._keep(PeerForgotten(f"{LEFT_PREFIX}{server}"))
