"""Announcements: this node's link-state record, and the flooding of everybody's.

Structural news (a link, an attached base server, a departure) is flooded at once over every native link; a changed load
or user list goes over the tree only, at most every `announce_gap`. Without news a record is repeated every
`refresh_interval`, stretched in large networks so that a node hears a handful of messages a second however many nodes
there are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from core.node.kernel.clock import MICROSECONDS
from core.node.kernel.connections import Link
from core.node.kernel.context import PAGES, Context
from core.node.kernel.rules import Handler
from core.node.kernel.takers import takes
from core.node.map.map_room import MapRoom
from core.node.map.map_summary import summary_pages
from core.node.map.topology import ServerRecord, Topology, record_of
from core.node.neighbours.neighbours import Neighbours
from core.node.trust.known_keys import KnownKeys
from core.wire.codec import Frame
from core.wire.entries import INCARNATION_MAX
from core.wire.limits import SERVER_LINE_BYTES_MAX
from core.wire.link_state import for_servers_before, from_servers_before
from core.wire.messages import AttachedServer, MapSummary, ServerAnnounce

RECORDS_PER_SECOND: Final = 4.0
"""How many records with a changed load a node is willing to hear per second."""
REFRESHED_PER_SECOND: Final = 1.0
"""How many records that are only repeated. Each goes over the whole tree: among 1,000 servers the one with the most
links passes on nine times as many."""
USERS_SHOWN: Final = 256
ORDER_MAX: Final = INCARNATION_MAX
"""Largest incarnation or version that is believed: a lie beyond what a node can count to could not be overtaken."""
VERSION_UNIT: Final = 1_000
"""Microseconds. A record's version is the time at which its server made it, in milliseconds, unless that would not be
later than the one before. So it is signed what time it was there."""
VERSION_IS_TIME: Final = 10**12
"""A smaller version is a number of the version before, which counts them."""
VERSIONS_MAX: Final = 256
"""Versions of its own record that a node remembers having said."""
ATTACHED_MAX: Final = 512
"""Base servers that one node speaks for; others behind its base links are not heard of. They must fit its record. One
link has no more of them than are left."""
SIGNATURE_BYTES: Final = 1024
"""What signing a record, and what servers of the version before are to see of it, may add to it."""
OVERTAKE_GAP: Final = 1.0
"""Seconds between announcements that are made because somebody knows a later one of this node."""
REDIRECT_GAP: Final = 0.005
"""Seconds between announcements because of redirects: a storm of them is announced together."""

STRUCTURE_GAP: Final = 0.01
"""Seconds for which structural news is gathered: links that die together are one piece of news. Each piece costs a
message over every link of the network, and half of the nodes of a network crash at once in the worst of cases."""


class Announcements:
    """What this node says of itself and of others."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        topology: Topology,
        known_keys: KnownKeys,
        users: Callable[[], tuple[int, list[str]]],
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._topology = topology
        self._known_keys = known_keys
        self._users = users
        self._structural = False
        self._load_dirty = False
        self._published_at = float("-inf")
        self._versions: deque[int] = deque([topology.own.version], VERSIONS_MAX)
        """Of this node's record, those that it has said last."""
        self._overtook_at = float("-inf")
        self.room = MapRoom(context, topology)
        self.attached: Callable[[], tuple[AttachedServer, ...]] = tuple
        """The base servers that this node speaks for."""
        self.on_record: list[Callable[[ServerRecord | None, ServerRecord], None]] = []
        """Told of each newer record of another node, with the one before it."""
        self.on_same_start: Callable[[ServerRecord], bool] = lambda record: False
        """Told of a record that another process has signed as this start of this node; whether this one ends."""
        self.on_another_start: Callable[[ServerRecord], bool] = lambda record: False
        """The same of a record that its key has signed as a later start."""
        self.on_refresh: list[Callable[[], None]] = []
        """Called whenever this node repeats what it says of itself, also when nobody hears it: each half a minute or
        so."""

    # --- this node's record -------------------------------------------------------------------------------------------

    def start(self) -> None:
        self.schedule_refresh()

    def structure_changed(self) -> None:
        """A link or an attached base server came or went: everybody must know, now."""
        self._structural = True

    def load_changed(self) -> None:
        """A client came or went."""
        if not self._load_dirty:
            self._load_dirty = True
            gap = self._context.config.announce_gap * self._stretch()
            self._context.timers.set("load", self._context.after(gap), self._publish_load)

    def redirected(self) -> None:
        """A client is about to be sent away: its new server must know before it arrives, or would send it on."""
        now = self._context.now.monotonic
        if now - self._published_at >= REDIRECT_GAP:
            self._publish(everywhere=False)
        else:
            self._load_dirty = True
            self._context.timers.set("load", self._published_at + REDIRECT_GAP, self._publish_load)

    def _stretch(self) -> float:
        interval = self._context.config.announce_interval
        return max(1.0, len(self._topology.reachable) / (RECORDS_PER_SECOND * max(interval, 0.001)))

    def flush(self) -> None:
        """Publish structural news that the event in hand brought."""
        if self._structural and "structure" not in self._context.timers:
            self._context.timers.set("structure", self._context.after(STRUCTURE_GAP), self._publish_structure)

    def _publish_structure(self) -> None:
        self._structural = False
        self._publish(everywhere=True)

    def _publish_load(self) -> None:
        if self._load_dirty:
            self._publish(everywhere=False)

    def _refresh(self) -> None:
        for listener in self.on_refresh:
            listener()
        self._publish(everywhere=False)
        self.schedule_refresh()

    def schedule_refresh(self, share: float = 1.0) -> None:
        """Repeat the record after this share of the interval, which is drawn so that servers that were started
        together do not all speak at once.
        """
        context = self._context
        interval = max(context.config.refresh_interval, len(self._topology.reachable) / REFRESHED_PER_SECOND)
        drawn = share * interval * (0.75 + 0.5 * context.rng.random())
        context.timers.set("refresh", context.after(drawn), self._refresh)

    def _publish(self, *, everywhere: bool) -> None:
        own = self._topology.own
        own.version = max(own.version + 1, min(self._now() // VERSION_UNIT, ORDER_MAX // 2))
        self._versions.append(own.version)
        self._published_at = self._context.now.monotonic
        own.load, users = self._users()
        own.users = tuple(users)
        own.attached = self.attached()
        near = (link.remote_id for link in self._neighbours if link.near and link.remote_id is not None)
        own.near = tuple(sorted(near))
        own.draining = self._context.draining
        own.seen_at = self._context.now.wall
        self._load_dirty = False
        self._context.timers.cancel("load")
        self._shorten(own)
        message = self._message(own)
        self._announce(message, Frame(message), everywhere=everywhere)

    def _shorten(self, own: ServerRecord) -> None:
        """Have this node's record fit a line, with its signature: what nobody needs goes first if it is too long."""
        for part in ("users", "sent", "attached"):
            if len(Frame(own.message()).data) <= SERVER_LINE_BYTES_MAX - SIGNATURE_BYTES:
                return
            match part:
                case "users":
                    own.users = ()
                case "sent":
                    own.sent = {}
                case _:
                    own.attached = own.attached[: ATTACHED_MAX // 8]

    def _message(self, record: ServerRecord) -> ServerAnnounce:
        """A record as it travels: another server's as it came, this node's with its signature."""
        message = record.message()
        return self._known_keys.signed(message) if record is self._topology.own else message

    def _announce(self, record: ServerAnnounce, frame: Frame, *, everywhere: bool, source: int | None = None) -> None:
        """Flood a record, which is encoded in `frame`, to each neighbour in the form in which it passes it on whole."""
        plain = None
        if any(link.key is None for link in self._neighbours):
            plain = Frame(for_servers_before(record))
        self._neighbours.announce(
            lambda link: frame if plain is None or link.key is not None else plain,
            everywhere=everywhere,
            source=source,
        )

    def tell(self, link: Link, record: ServerRecord) -> None:
        """Tell one neighbour of a record."""
        message = self._message(record)
        self._context.send(link, message if link.key is not None else for_servers_before(message))

    def introduce(self, link: Link) -> None:
        """Tell a new native neighbour of this node, and which records it has, so that it sends what is newer."""
        topology = self._topology
        self.tell(link, topology.own)
        orders = {record.id: record.order for record in topology.records.values()}
        for page in summary_pages(orders, topology.reachable, paged=PAGES in link.features):
            self._context.send(link, page)

    @takes(MapSummary)
    def compare(self, link: Link, message: MapSummary) -> None:
        """A new neighbour says which records it has: send those that it lacks, or has in an older form."""
        for record in self._topology.records.values():
            if not ((message.after or "") < record.id and (message.upto is None or record.id <= message.upto)):
                continue
            if record.id != link.remote_id and tuple(message.records.get(record.id, ())) < record.order:
                self.tell(link, record)

    # --- other nodes' records -----------------------------------------------------------------------------------------

    @takes(Handler.RECORD)
    def receive_native(self, link: Link, message: ServerAnnounce) -> None:
        """A record arrived over a native link."""
        known = self._topology.records.get(str(message.id))
        if known is not None and known.order == (message.incarnation, message.version):
            # Flooding brings most records more than once.
            return
        message = from_servers_before(message)
        record = record_of(message, self._context.now.wall)
        if record is None:
            # What a dialling node says in base words, before it knows that it talks to one of ours.
            return
        if max(record.order) > ORDER_MAX or record.id in self._context.expelled:
            return
        own = self._topology.own
        if record.id == own.id:
            if self._is_of_another_process(link, message):
                if self.on_same_start(record):
                    return
                self._overtake()
            if record.order > own.order and self._is_to_be_overtaken(link, message):
                # Somebody remembers more of this node than it does itself: its data went back in time.
                # Another start's own number is not taken: that may run elsewhere, and would take this for itself.
                if record.incarnation > own.incarnation or record.version > ORDER_MAX // 2:
                    is_signed = self._known_keys.own is not None and message.key is not None
                    if is_signed and record.incarnation > own.incarnation and self.on_another_start(record):
                        return
                    own.incarnation, own.version = record.incarnation + 1, 0
                else:
                    own.version = record.version
                # It may be told so before it is published again.
                self._versions.append(own.version)
                self._overtake()
            return
        if known is not None and known.order > record.order:
            self.tell(link, known)
            return
        if not self._known_keys.believe_record(link, message).holds:
            return
        frame = Frame(message)
        if len(frame.data) > SERVER_LINE_BYTES_MAX:
            self._context.invalid(link, "SERVER_ANNOUNCE: too long to be passed on")
            return
        if not self.room.admits(link, record, len(frame.data)):
            return
        if known is not None and known.incarnation == record.incarnation and known.addresses[0] != record.addresses[0]:
            # It has moved, and knows that; or another process is the same start of it, which it is to hear of.
            self.tell(link, known)
        record.lead = self._lead(known, record)
        self._topology.merge(record)
        structural = (
            known is None
            or known.links != record.links
            or not known.is_where(record)
            or known.near != record.near
            or known.left != record.left
            or known.draining != record.draining
            or known.incarnation != record.incarnation
            or [attached.id for attached in known.attached] != [attached.id for attached in record.attached]
        )
        self._announce(message, frame, everywhere=structural, source=link.conn)
        for told in self.on_record:
            told(known, record)

    def _now(self) -> int:
        """The time by which this node dates, in microseconds."""
        return self._context.clock.read(self._context.now.wall)

    def _lead(self, known: ServerRecord | None, record: ServerRecord) -> int | None:
        """How far a server's time is ahead of the monotonic clock here, at least, by the version of a record that has
        just come."""
        if record.key is None or record.version < VERSION_IS_TIME:
            return None
        lead = record.version * VERSION_UNIT - int(self._context.now.monotonic * MICROSECONDS)
        if known is not None and known.incarnation == record.incarnation and known.lead is not None:
            # The one that was under way for the shortest time tells most.
            return max(lead, known.lead)
        return lead

    def time_at(self, server: str, monotonic: float) -> int | None:
        """By which time a server would have dated something at a monotonic time here, at least, in microseconds, by
        what it has signed; None where nobody knows."""
        record = self._topology.records.get(server)
        if record is None or record.lead is None:
            return None
        return record.lead + int(monotonic * MICROSECONDS)

    def ahead_of_here(self, server: str) -> int | None:
        """How far a server's clock is ahead of the one here, at least, in microseconds, by what it has signed."""
        its_time = self.time_at(server, self._context.now.monotonic)
        return its_time - self._now() if its_time is not None else None

    def _is_of_another_process(self, link: Link, message: ServerAnnounce) -> bool:
        """Whether a record in this node's name is of this very start, signed by its key, and was not said here."""
        version, said = message.version, self._versions
        if version is None or message.incarnation != self._context.incarnation or version in said:
            return False
        if len(said) == VERSIONS_MAX and version < said[0]:
            return False
        return message.key is not None and self._known_keys.believe_record(link, message).holds

    def _is_to_be_overtaken(self, link: Link, message: ServerAnnounce) -> bool:
        """Whether somebody would believe a record in this node's name that is later than its own: where that is signed
        by its key, or the neighbour knows no keys. No lie may drive it beyond what it can count to."""
        if self._known_keys.own is None or (link.key is None and message.key is None):
            return message.incarnation is not None and message.incarnation < ORDER_MAX
        return self._known_keys.believe_record(link, message).holds

    def _overtake(self) -> None:
        """Announce this node again, later than what others know: at once, but not at any rate.

        Another process with the same identity, from copied data, would do the same.
        """
        now = self._context.now.monotonic
        # The sum that the timer is set to: a difference may be a bit less than the gap when it is due, for ever.
        due = self._overtook_at + OVERTAKE_GAP
        if now >= due:
            self._overtook_at = now
            self.structure_changed()
        elif "overtake" not in self._context.timers:
            self._context.timers.set("overtake", due, self._overtake)
