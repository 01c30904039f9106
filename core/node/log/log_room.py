"""Room in the log: whose entries are taken in from a neighbour, and how many accounts.

Entries are content, with which whoever knows the network's secret is trusted; retention bounds how many of them stay.
What stays for ever is bounded here: of each server that ever accepted something, and of each of its starts, something
is remembered, and accounts are kept. A neighbour brings no more than is left free of each (`SharedRoom`); what is
beyond that is not taken in. So half a room is what one liar fills, and nobody passes on more than a room full.

A server that is on the map is never refused: the map has a room of its own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from core.admission.room import SharedRoom
from core.admission.token_bucket import TokenBuckets
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.map.topology import Topology
from core.wire.entries import IDENTIFIER_CHARACTERS_MAX, Entry, Stream
from core.wire.entry_columns import EntryColumns
from core.wire.packed_streams import PackedStreams, StreamsOver
from core.wire.recovered import Recovered
from core.wire.version_vector import VersionVector

STARTS_AT_LEAST: Final = 16
"""Starts of a server on the map that are taken in although there is no room for more starts: it may just have been
started again a few times."""
BURST_SECONDS: Final = 600.0
"""Accounts that a server may make at once, in seconds of its rate."""
TOLERANCE: Final = 2.0
"""Somebody who keeps to the rate may bring as many as are made in two bursts' time, after a time without a link."""
REMEMBERED_MAX: Final = 1024
"""Neighbours of which it is remembered how many accounts they made."""


def neighbours_rates(context: Context) -> TokenBuckets:
    """How many accounts each neighbour may make itself."""
    rate = TOLERANCE * context.config.server_registrations_per_minute / 60.0
    return TokenBuckets(rate, rate * BURST_SECONDS, REMEMBERED_MAX)


class LogRoom:
    """Who has brought whose entries."""

    def __init__(self, context: Context, topology: Topology, recovered: Recovered, vector: VersionVector) -> None:
        config = context.config
        self._context = context
        self._topology = topology
        self._vector = vector
        self._known = dict.fromkeys(_nodes(recovered.streams))
        """Servers whose entries are here."""
        self._origins = SharedRoom(config.origins_max, len(self._known))
        self._starts = SharedRoom(config.starts_max, len(recovered.streams))
        self._accounts = SharedRoom(config.accounts_max, len(recovered.accounts))
        self._without_room: OrderedDict[str, int] = OrderedDict()
        """How many starts of servers on the map were taken in although there was no room."""
        self._rates = neighbours_rates(context)

    def knows(self, server: str) -> bool:
        """Whether entries of a server are here."""
        return server in self._known

    # --- entries ------------------------------------------------------------------------------------------------------

    def admits(self, entry: Entry, conn: int | None) -> bool:
        """Whether there is room for an entry that came over a connection; takes it."""
        return self._admits(entry.id.stream, (entry,) if entry.kind == "account" else (), conn)

    def admits_all(self, columns: EntryColumns, conn: int | None) -> bool:
        """The same for what is new of several entries."""
        accounts = [entry for entry in columns.entries if entry.kind == "account"] if columns.has_accounts else ()
        return bool(columns) and self._admits(columns.stream, accounts, conn)

    def _admits(self, stream: Stream, accounts: Sequence[Entry], conn: int | None) -> bool:
        link = self._context.connections.link(conn) if conn is not None else None
        if link is None or link.remote_id is None:
            return True
        if not self.admits_stream(stream, conn):
            return False
        new = [entry for entry in accounts if entry.id not in self._vector]
        return not new or self._admits_accounts(link, new)

    def admits_stream(self, stream: Stream, conn: int | None) -> bool:
        """Whether there is room for the entries of one start of a server; takes it."""
        if self._vector.upto(stream) or self._vector.has_gap(stream):
            return True
        if len(str(stream)) > IDENTIFIER_CHARACTERS_MAX:
            # No vector could name it, and a neighbour would never stop sending what it has of it.
            return False
        link = self._context.connections.link(conn) if conn is not None else None
        if link is None or link.remote_id is None:
            return True
        who, now = link.remote_id, self._context.now.monotonic
        is_mapped = stream.node in self._topology.records
        if stream.node not in self._known and not is_mapped and not self._origins.has_for(who, now):
            return self._refuse(link, self._origins, stream.node, "servers", "origins_max")
        if not self._starts.has_for(who, now) and not (is_mapped and self._is_one_of_few(stream.node)):
            return self._refuse(link, self._starts, str(stream), "starts of servers", "starts_max")
        if stream.node not in self._known:
            self._known[stream.node] = None
            if is_mapped:
                self._origins.taken += 1
            else:
                self._origins.take(who)
        self._starts.take(who)
        return True

    def _is_one_of_few(self, server: str) -> bool:
        count = self._without_room.pop(server, 0)
        self._without_room[server] = count + 1
        if len(self._without_room) > self._context.config.servers_max:
            self._without_room.popitem(last=False)
        return count < STARTS_AT_LEAST

    def _refuse(self, link: Link, room: SharedRoom, what: str, things: str, setting: str) -> bool:
        who = link.remote_id or ""
        self._context.tell_full(
            link, f"entries of {things}" if room is not self._accounts else things, setting, room.places
        )
        if room.refuse(who, what):
            self._context.bar(
                link,
                f"it brings entries of more {things} than there is room for: {room.of(who)} are kept,"
                f" and {room.refused(who)} more were offered ({setting} is {room.places})",
            )
        return False

    # --- accounts -----------------------------------------------------------------------------------------------------

    def _admits_accounts(self, link: Link, entries: Sequence[Entry]) -> bool:
        who, now = link.remote_id or "", self._context.now.monotonic
        lately = self._context.ago(BURST_SECONDS)
        if not all(
            not self._rates.take(who, now) for entry in entries if entry.id.node == who and entry.stamp > lately
        ):
            rate = self._context.config.server_registrations_per_minute
            self._context.bar(
                link,
                f"it registers more names, or changes more accounts, than a server may"
                f" (server_registrations_per_minute is {rate:g})",
            )
            return False
        if self._accounts.has_for(who, now, len(entries)):
            self._accounts.take(who, len(entries))
            return True
        for entry in entries:
            self._refuse(link, self._accounts, str(entry.id), "accounts", "accounts_max")
        return False

    @property
    def accounts(self) -> SharedRoom:
        """Room for accounts, whoever brings them."""
        return self._accounts

    def ended(self, link: Link) -> None:
        """A link has ended."""
        if link.remote_id is not None:
            for room in (self._origins, self._starts, self._accounts):
                room.forgive(link.remote_id)


def _nodes(streams: Mapping[Stream, int]) -> Iterator[str]:
    """Whose streams these are. Of what is packed no stream is looked at: there may be a million."""
    packed, over = streams.parts if isinstance(streams, StreamsOver) else (streams, {})
    yield from packed.by_node if isinstance(packed, PackedStreams) else (stream.node for stream in packed)
    yield from (stream.node for stream in over)
