"""Base servers: which server of ours speaks to each, and who takes over from one that is gone.

Base servers recognise no duplicates and redial nobody. So one server of ours is to speak to each, of the whole network,
in one piece or not; when that one is gone for sure, its heir does: the server that it named when it left, else the one
with the smallest id among its neighbours that can be reached. Who spoke to which is on every disk: of a network that
has been down as a whole, any server may be the one that does not come back. Parts of a network that cannot reach each
other may both have an heir, and only the base server knows. It passes on announcements; so whoever has dialled one is
silent for a while and listens (`State.LISTENING`), and leaves it alone if somebody of ours is announced over it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from core.node.kernel.clock import MICROSECONDS
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.map.topology import ServerRecord, Topology
from core.node.map.whereabouts import Whereabouts
from core.node.neighbours.neighbours import Neighbours
from core.wire.address import Address
from core.wire.entries import Entry, PeerForgotten, PeerRecord
from core.wire.messages import AttachedServer

BASE_PREFIX: Final = "base:"
LEFT_PREFIX: Final = "left:"
SPOKEN_PREFIX: Final = "spoken:"
"""How the ids begin under which base servers of this node, servers that have left, and base servers with whoever speaks
to them, are kept: others have no colon."""
KNOWN_MAX: Final = 1024
"""Base servers of which a node remembers who spoke to them last; of more, the first that it heard of are forgotten."""
PAST_SECONDS: Final = 3.0
"""Seconds after a server can be reached again after which what comes from it, while no neighbour is asked for what is
missing, is new."""
WAITED_MAX: Final = 60 * MICROSECONDS
"""What seems to be older than any activity that still waits for something is dated by a clock that is behind."""
HEIR_PATIENCE: Final = 15.0
"""Seconds after a server was found dead after which its part's coordinator takes its base servers over if the heir has
not: it may not have been told."""
REWRITTEN_EVERY: Final = 1.0
"""Seconds after which the disk may be told again what a base server calls itself."""
SEARCH_PATIENCE: Final = 3 * HEIR_PATIENCE
"""Seconds without a speaker after which any server that knows of a base server looks after it: the coordinator may have
come too late to know of it."""


def is_to_be_found(peer: PeerRecord) -> bool:
    """Whether what a node keeps of a peer is where to look for a server of ours."""
    return not peer.id.startswith((BASE_PREFIX, LEFT_PREFIX, SPOKEN_PREFIX))


class BaseServers:
    """Who speaks to which base server, and which of them this node is to dial."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        topology: Topology,
        whereabouts: Whereabouts,
        keep: Callable[[PeerRecord | PeerForgotten], None],
        peers: Iterable[PeerRecord],
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._topology = topology
        self._whereabouts = whereabouts
        self._keep = keep
        peers = list(peers)
        self._kept = {Address(peer.hostname, peer.port): peer for peer in peers if peer.id.startswith(BASE_PREFIX)}
        """What is on the disk: those to which this node speaks, or is to speak."""
        self._left = {peer.id.removeprefix(LEFT_PREFIX): peer for peer in peers if peer.id.startswith(LEFT_PREFIX)}
        """Servers of ours that have left, also on the disk: they may be back in another part of the network."""
        self.peers: Mapping[str, PeerRecord] = {}
        """The servers of the network as the healing knows them."""
        self.dial: Callable[[Address], None] = lambda address: None
        self.look_for: Callable[[str], None] = lambda server: None
        """Dials a server of the network that is missing."""
        self.time_elsewhere: Callable[[float], int] = lambda monotonic: 0
        """Hybrid logical time by the clocks of others, as far as they are known, at a monotonic time."""
        self._wanted: dict[Address, None] = {}
        """Those that this node is to speak to, and has no link with yet."""
        self._tries: dict[Address, int] = {}
        """How often each was dialled since it had a link that lasted."""
        self._was_anothers: dict[Address, None] = {}
        """Those of them to which another server has spoken since this one has, or may have."""
        self._speakers: OrderedDict[Address, tuple[AttachedServer, str]] = OrderedDict()
        """Which server of ours spoke to each last; on the disk as well."""
        self._spoken_at: dict[Address, float] = {}
        """Wall-clock seconds since 1970 at which the disk was told that."""
        for peer in peers:
            if peer.id.startswith(SPOKEN_PREFIX):
                speaker, _, attached = peer.name.partition(" ")
                address = Address(peer.hostname, peer.port)
                self._speakers[address] = (AttachedServer(attached, *address, 0, direct=True), speaker)
                self._spoken_at[address] = peer.seen_at
        self._orphaned_since: dict[Address, float] = {}
        """Monotonic time since which nobody who can be reached speaks to each."""
        self._leavers: dict[Address, str] = {}
        """Who handed each of those over that this node is to speak to."""
        self._gone_at = 0
        """Hybrid logical time at which the last server was seen to go."""
        self._dead_since: dict[str, float] = {}
        self._reachable_since: dict[str, float] = {context.id: context.now.monotonic}

    def start(self) -> None:
        """Look again for those to which this node spoke before its restart; another may have taken its place."""
        for address in self._kept:
            self._was_anothers[address] = None
            self.redial(address)
        if self._speakers:
            self._look_for_orphans_later()

    def refresh(self) -> None:
        """Have the disk know which are still there, and look no longer for those that have been gone for very long."""
        oldest = self._context.now.wall - self._context.config.remember_lost
        for address, peer in list(self._kept.items()):
            if address not in self._wanted:
                self._remember(address, self._kept_server(address))
            elif peer.seen_at < oldest:
                self._forget(address)
        for server, peer in list(self._left.items()):
            if peer.seen_at < oldest:
                self._is_back(server)
        for address, (attached, speaker) in list(self._speakers.items()):
            if speaker in self._topology.reachable or self.is_spoken_to(address):
                self._speaks(speaker, attached, again=True)
            elif self._spoken_at[address] < oldest:
                self._speaks_no_more(address)

    def _has_left(self, record: ServerRecord) -> None:
        if record.id not in self._left:
            wall = self._context.now.wall
            peer = PeerRecord(f"{LEFT_PREFIX}{record.id}", record.hostname, record.port, record.name, wall)
            self._left[record.id] = peer
            self._keep(peer)
            if len(self._left) > KNOWN_MAX:
                self._is_back(next(iter(self._left)))

    def _is_back(self, server: str) -> None:
        if self._left.pop(server, None) is not None:
            self._keep(PeerForgotten(f"{LEFT_PREFIX}{server}"))

    def _remember(self, address: Address, attached: AttachedServer) -> None:
        """Keep that this node speaks to a base server: where it was dialled, what it calls itself, and where it says
        that it is."""
        says = (Address(attached.hostname, attached.port),)
        peer = PeerRecord(f"{BASE_PREFIX}{address}", *address, attached.id, self._context.now.wall, says)
        self._kept[address] = peer
        self._keep(peer)

    def _kept_server(self, address: Address) -> AttachedServer:
        """What is kept of a base server to which this node speaks, or is to speak; its id is its address if it has told
        none."""
        peer = self._kept.get(address)
        if peer is None:
            return AttachedServer(str(address), *address, 0, direct=True)
        return AttachedServer(peer.name, *peer.addresses[-1], 0, direct=True)

    def _forget(self, address: Address) -> None:
        """It is not this node that speaks to the base server."""
        self._wanted.pop(address, None)
        self._tries.pop(address, None)
        self._was_anothers.pop(address, None)
        self._context.timers.cancel(("base", address))
        if self._kept.pop(address, None) is not None:
            self._keep(PeerForgotten(f"{BASE_PREFIX}{address}"))

    # --- who speaks to which ------------------------------------------------------------------------------------------

    def is_ours(self, server: str) -> bool:
        """Whether an id is that of a server of this network, in whichever part of it."""
        return (
            server in self._topology.records
            or server in self.peers
            or server in self._left
            or any(server == speaker for _, speaker in self._speakers.values())
        )

    @property
    def is_alone(self) -> bool:
        """Whether no other server of this network is known, wherever it may be."""
        return not self.peers and not self._left and len(self._topology.records) == 1

    def record_merged(self, before: ServerRecord | None, record: ServerRecord) -> None:
        """A server of ours says to whom it speaks, that it has left, or that it has started again."""
        if record.left:
            self._has_left(record)
            if record.successor is not None and (before is None or not before.left):
                self._handed_over(record.id, record.successor)
            return
        self._is_back(record.id)
        self._dead_since.pop(record.id, None)
        if not record.draining:
            for attached in record.attached:
                if attached.direct and self._whereabouts.may_dial_attached(attached, record.id):
                    self._speaks(record.id, attached)
        if before is not None and not before.left and before.incarnation < record.incarnation:
            # It was back before anybody could find it dead, and knows no base server any more.
            orphans = self._orphans_of(record.id)
            if orphans and self._heir(before) == self._context.id:
                self.adopt(orphans)

    def _speaks(self, server: str, attached: AttachedServer, *, again: bool = False) -> None:
        """Remember who speaks to a base server; `again`: tell the disk that it is still so."""
        address = Address(attached.hostname, attached.port)
        before, speaker = self._speakers.get(address, (None, None))
        self._speakers[address] = (attached, server)
        if again or before is None or before.id != attached.id or speaker != server:
            wall = self._context.now.wall
            self._spoken_at[address] = wall
            self._keep(PeerRecord(f"{SPOKEN_PREFIX}{address}", *address, f"{server} {attached.id}", wall))
        if len(self._speakers) > KNOWN_MAX:
            self._speaks_no_more(next(iter(self._speakers)))
        if "orphans" not in self._context.timers:
            self._look_for_orphans_later()

    def _speaks_no_more(self, address: Address) -> None:
        del self._speakers[address], self._spoken_at[address]
        self._orphaned_since.pop(address, None)
        self._keep(PeerForgotten(f"{SPOKEN_PREFIX}{address}"))

    def left_in_favour(self, server: str, successor: Address, heir: str | None = None) -> None:
        """A neighbour that leaves names the server that takes its place: its heir, whatever else is heard of it."""
        for record in self._topology.records.values():
            if record.id == heir or (heir is None and Address(record.hostname, record.port) == successor):
                self._handed_over(server, record.id)
                return

    def _handed_over(self, server: str, successor: str) -> None:
        """A server has left, and named another one, which may have left as well."""
        seen = {server}
        while successor not in seen:
            seen.add(successor)
            record = self._topology.records.get(successor)
            if record is None or not record.left or record.successor is None:
                break
            successor = record.successor
        for address, (attached, speaker) in list(self._speakers.items()):
            if speaker == server:
                self._speaks(successor, attached)
                self._leavers[address] = server
                if len(self._leavers) > KNOWN_MAX:
                    self._leavers.pop(next(iter(self._leavers)))
                if successor == self._context.id and not self.is_spoken_to(address):
                    self.adopt([attached])

    def _ways(self, address: Address) -> list[AttachedServer]:
        """How servers that can be reached, and stay, reach the base server."""
        return [
            attached
            for server in self._topology.reachable
            for attached in self._topology.records[server].attached
            if (attached.hostname, attached.port) == address
            and not self._topology.records[server].draining
            and self._whereabouts.may_dial_attached(attached, server)
        ]

    def is_spoken_to(self, address: Address) -> bool:
        """Whether a server that can be reached, and stays, speaks to the base server."""
        return any(attached.direct for attached in self._ways(address))

    def is_reached_otherwise(self, link: Link) -> bool:
        """Whether another server that can be reached, and stays, speaks to the base server at a link's other end, or to
        one behind it."""
        if link.dialled is not None and self.is_spoken_to(link.dialled):
            return True
        return any(self.is_reached_by_another(server) for server in link.attached)

    def is_reached_by_another(self, base_server: str) -> bool:
        """Whether another server that can be reached, and stays, reaches the base server of this id."""
        records = self._topology.records
        return any(
            attached.id == base_server
            for host in self._topology.reachable
            if host != self._context.id and not records[host].draining
            for attached in records[host].attached
        )

    def _spoken_to(self, addresses: set[Address]) -> set[Address]:
        """Those of some base servers to which one that can be reached, and stays, speaks."""
        return {
            Address(attached.hostname, attached.port)
            for server in (self._topology.reachable if addresses else ())
            if not self._topology.records[server].draining
            for attached in self._topology.records[server].attached
            if attached.direct
            and (attached.hostname, attached.port) in addresses
            and self._whereabouts.may_dial_attached(attached, server)
        }

    def _orphans_of(self, server: str) -> list[AttachedServer]:
        return [
            attached
            for address, (attached, speaker) in self._speakers.items()
            if speaker == server and not self.is_spoken_to(address)
        ]

    # --- taking over --------------------------------------------------------------------------------------------------

    def _heir(self, record: ServerRecord) -> str | None:
        """Which of a lost server's neighbours speaks to its base servers from now on."""
        reachable = self._topology.reachable
        return min((one for one in record.links if one in reachable and one != record.id), default=None)

    def found_dead(self, server: str) -> None:
        """A dial was refused: nothing runs there."""
        record = self._topology.records.get(server)
        orphans = self._orphans_of(server) if server not in self._topology.reachable else []
        if not orphans:
            return
        now = self._context.now.monotonic
        since = self._dead_since.setdefault(server, now)
        heir = self._heir(record) if record is not None else None
        # Of one that this node has not met since its own start it knows no neighbours, and it may just be starting too.
        has_no_heir = record is not None and heir is None
        if heir == self._context.id or (self._is_coordinator and (has_no_heir or now - since >= HEIR_PATIENCE)):
            self.adopt(orphans)
        else:
            self.adopt(attached for attached in orphans if self._orphaned_for(attached) >= SEARCH_PATIENCE)

    @property
    def _is_coordinator(self) -> bool:
        return min(self._topology.reachable) == self._context.id

    def _orphaned_for(self, attached: AttachedServer) -> float:
        now = self._context.now.monotonic
        return now - self._orphaned_since.get(Address(attached.hostname, attached.port), now)

    def _look_for_orphans_later(self) -> None:
        self._context.timers.set("orphans", self._context.after(HEIR_PATIENCE), self._look_for_orphans)

    def _look_for_orphans(self) -> None:
        """Take over what nobody speaks to and nobody else will: its speaker is not looked for by the coordinator.

        It has left and named nobody, or was forgotten; or the coordinator has never heard of it. Of all others that
        know of the base server, about one acts at a time.
        """
        if self._context.draining:
            return
        if self._speakers:
            self._look_for_orphans_later()
        reachable = self._topology.reachable
        lost = {address for address, (_, speaker) in self._speakers.items() if speaker not in reachable}
        lost -= self._spoken_to(lost) | self._wanted.keys()
        now = self._context.now.monotonic
        self._orphaned_since = {address: self._orphaned_since.get(address, now) for address in sorted(lost)}
        for address in self._orphaned_since:
            attached, speaker = self._speakers[address]
            waited = self._orphaned_for(attached)
            if self._is_coordinator:
                if speaker not in self.peers and waited >= HEIR_PATIENCE:
                    self.adopt([attached])
            elif waited >= SEARCH_PATIENCE and self._context.rng.random() * len(reachable) < 1.0:
                if speaker in self.peers:
                    self.look_for(speaker)
                else:
                    self.adopt([attached])

    def adopt(self, servers: Iterable[AttachedServer]) -> None:
        """Speak to base servers whose neighbour is gone."""
        for attached in servers:
            address = Address(attached.hostname, attached.port)
            if attached.direct and address not in self._wanted:
                self._was_anothers[address] = None
                self._remember(address, attached)
                self.redial(address)

    def handed_over(self) -> list[AttachedServer]:
        """Base servers that this node is to speak to and cannot reach now: whoever takes its place is to go on."""
        return [self._kept_server(address) for address in self._wanted]

    # --- dialling -----------------------------------------------------------------------------------------------------

    def redial(self, address: Address) -> None:
        """Dial a base server, the later the oftener it has been tried."""
        tries = self._tries.get(address, 0) + 1
        self._tries[address] = tries
        self._wanted[address] = None
        self._dial_in(address, self._context.backoff(tries))

    def _dial_in(self, address: Address, delay: float) -> None:
        self._context.timers.set(("base", address), self._context.after(delay), lambda: self._dial(address))

    def _dial(self, address: Address) -> None:
        if self._context.draining or address not in self._wanted:
            return
        if self.is_spoken_to(address):
            self._forget(address)
        elif self._ways(address):
            self._look_later(address)
        else:
            self.dial(address)

    def taking_up(self, link: Link) -> None:
        """A dialled server turns out to be a base server."""
        if link.dialled is None:
            return
        if link.dialled in self._was_anothers:
            link.spoken_to_until = self._context.stamp()
            link.taken_up_at = self._context.now.monotonic
            link.told_ours_until = self._told_ours_until(link.dialled)
        if not link.attached:
            # It says where it is only some seconds later, and others would dial it meanwhile.
            if link.dialled in self._speakers:
                attached, _ = self._speakers[link.dialled]
                link.attached[attached.id] = attached
            elif (attached := self._kept_server(link.dialled)).id != str(link.dialled):
                link.attached[attached.id] = attached

    def _told_ours_until(self, address: Address) -> int:
        """Until when another server may have told a base server what was accepted here: at most until it was gone."""
        _, speaker = self._speakers.get(address, (None, None))
        before = {one for one in (speaker, self._leavers.get(address)) if one is not None} - {self._context.id}
        if not before or not self._gone_at or any(one in self._topology.reachable for one in before):
            return self._context.stamp()
        return self._gone_at

    def observe(self, came: Iterable[str], gone: Iterable[str]) -> None:
        """Other servers can be reached now, or cannot any more."""
        for server in came:
            self._reachable_since[server] = self._context.now.monotonic
        for server in gone:
            self._reachable_since.pop(server, None)
            self._gone_at = self._context.stamp()

    def may_have_been_told(self, link: Link, entry: Entry) -> bool:
        """Whether the server that spoke to a base server before this one may have sent it an activity already.

        It would not recognise it, and nobody can ask. What was accepted later was not: by its stamp, for as long as
        past activities may still come; after that, by a server that can be reached, whatever its clock says. The clock
        of one that could not be reached then may be ahead. What is repeated may have been sent there as what the other
        server had accepted.
        """
        if not link.spoken_to_until:
            return False
        if entry.since is not None and entry.since <= link.spoken_to_until:
            return True
        if entry.id.node == self._context.id:
            return entry.stamp <= link.told_ours_until
        since = self._reachable_since.get(entry.id.node)
        is_dated_wrongly = link.spoken_to_until - entry.stamp > WAITED_MAX
        if is_dated_wrongly and since is not None and self._context.now.monotonic - since > PAST_SECONDS:
            if not self._neighbours.is_any_asked:
                return False
        if entry.stamp <= link.spoken_to_until:
            return True
        was_reachable = since is not None and since <= link.taken_up_at
        return not was_reachable and entry.stamp <= self.time_elsewhere(link.taken_up_at)

    def linked(self, link: Link) -> None:
        """This node speaks to a base server; until that has said where it is, nobody else knows."""
        if link.dialled is not None:
            self._wanted[link.dialled] = None
            self._was_anothers.pop(link.dialled, None)
            self._leavers.pop(link.dialled, None)

    def announced(self, link: Link, attached: AttachedServer) -> None:
        """A base server to which this node speaks says where it is."""
        announced = Address(attached.hostname, attached.port)
        address = link.dialled or announced
        self._wanted.pop(address, None)
        self._wanted.pop(announced, None)
        kept = self._kept_server(address)
        if address not in self._kept:
            self._remember(address, attached)
        elif (kept.id, kept.hostname, kept.port) != (attached.id, *announced):
            # It was started anew. One that takes another name with each announcement is heard out: the disk is not.
            if abs(self._context.now.wall - self._kept[address].seen_at) >= REWRITTEN_EVERY:
                self._remember(address, attached)

    def unlinked(self, link: Link) -> None:
        """A link with a base server was lost."""
        address = link.dialled or Address(link.hostname, link.port)
        if link.dialled is not None or link.remote_id is not None:
            if self._context.now.monotonic - (link.established_at or 0.0) > self._context.config.redial_max:
                self._tries.pop(address, None)
            self.redial(address)

    def left_to_another(self, link: Link) -> None:
        """Another server of ours speaks to the base server, and may be out of reach: look again some time later."""
        address = link.dialled or Address(link.hostname, link.port)
        self._context.trace("base", conn=link.conn, step="left to another", peer=link.peer)
        if link.dialled is not None or link.remote_id is not None:
            self._was_anothers[address] = None
            self._wanted[address] = None
            self._look_later(address)

    def _look_later(self, address: Address) -> None:
        self._dial_in(address, self._context.config.redial_max * (0.5 + 0.5 * self._context.rng.random()))
