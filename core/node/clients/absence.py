"""Base clients that lost their connection: what they have, so that they get what they missed when they are back.

A base client cannot say what it has seen, so the servers remember it for accounts: the server that had the client says
in its record who went away and when, and each server notes what it had itself handed out by then. Wherever the client
logs in next, what came later is sent first. A client that logs out is not missed.

What the kernel of a lost client had not confirmed counts as not received (`unsent`). What was handed out while a server
died unnoticed is sent again rather than lost: those who were there may see the last second twice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Final, NamedTuple, TypeVar

from core.node.clients.handed_out import HandedOut
from core.node.clients.resumption import Resumption
from core.node.kernel.clock import MICROSECONDS
from core.node.kernel.connections import Parting
from core.node.kernel.context import Context
from core.node.log.replication import Replication
from core.node.map.topology import ServerRecord, Topology
from core.wire.codec import BASE_BROADCAST_BYTES, Frame, Frames
from core.wire.entries import Entry, EntryId
from core.wire.entry_columns import EntryColumns
from core.wire.entry_runs import runs_of, union
from core.wire.names import ANONYMOUS

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
_Servers = dict[str, dict[str, None]]
"""Servers of each user."""

ANNOUNCED_MAX: Final = 256
"""Users that one server says are away, the latest of them."""
KNOWN_MAX: Final = 10_000
"""Users whose absence a server remembers, the latest of them."""
HANDED_OUT_MAX: Final = 10_000
"""Activities handed out last of which it is known when they were accepted."""
REACH_WINDOW: Final = MICROSECONDS // 2
"""What was accepted so long before may not have reached the server that somebody was at, although it had come here."""
CRASH_WINDOW: Final = 1 * MICROSECONDS
"""By how much earlier than others find out a server may have stopped to serve its clients."""


class Absence(NamedTuple):
    """Somebody is away. Times are hybrid logical times."""

    at: int
    """When the connection was lost, or its client sent on."""
    since: int
    """What was accepted later than this has not arrived there."""
    has: Resumption
    """What there had been until then."""


class Absences:
    """Who is away, as far as this server knows."""

    def __init__(self, context: Context, topology: Topology, replication: Replication) -> None:
        self._context = context
        self._topology = topology
        self._replication = replication
        self._known: OrderedDict[str, Absence] = OrderedDict()
        self._heard: OrderedDict[str, int] = OrderedDict()
        """The latest absence of each user that was taken note of, also of those who are back."""
        self._lost_here: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._handed_out = HandedOut(HANDED_OUT_MAX)
        self._delayed: OrderedDict[EntryId, int] = OrderedDict()
        """What bears an earlier stamp than what its sender wrote before, and when others may have had that."""
        self._at: _Servers = {}
        """At which other servers a user is, by their records."""
        self._users_at: dict[str, tuple[str, ...]] = {}
        self._away_from: _Servers = {}
        """Which other servers say that a user is away."""
        self._away_at: dict[str, tuple[str, ...]] = {}
        self._reachable = topology.reachable
        self.is_anybody_here: Callable[[], bool] = lambda: True
        """Whether anybody with an account is logged in here."""
        replication.delivery.on_hand_out.append(self._note_handed_out)
        replication.delivery.on_hand_out_all.append(self._note_all_handed_out)

    def __len__(self) -> int:
        return len(self._known)

    # --- going and coming back ----------------------------------------------------------------------------------------

    def lost(self, user: str, *, unsent: int, parting: Parting | None, still_missing: Absence | None) -> None:
        """A client here has lost its connection. Of what was sent last, `unsent` bytes did not arrive.

        `parting`: this node had closed the connection, and has sent it nothing since. `still_missing`: it had not been
        sent everything yet that it had missed before.
        """
        at = self._context.stamp()
        if still_missing is not None:
            self._goes_on(user, still_missing._replace(at=at))
            return
        since = parting.at if parting is not None else at
        too_late = self._context.handed_out - parting.handed_out if parting is not None else 0
        lacking: list[EntryId] = []
        for last, stamp, size in self._handed_out.latest():
            if too_late > 0:
                too_late -= 1
            elif unsent > 0:
                unsent -= size
            else:
                break
            since = min(since, stamp - 1)
            lacking.append(last)
        waiting = self._replication.oldest_own_waiting()
        if waiting is not None:
            # Accepted here and not handed out yet: others would take it that whoever was here has had it.
            since = min(since, waiting - 1)
        self._note_lost(user, Absence(at, since, self._all_but(lacking, since)), since)

    def back(self, user: str) -> Absence | None:
        """A user has come here with a base client; what it has missed, if it was away."""
        absence = self._absence_of(user)
        self.gone(user)
        # What others say only now of an absence before this is no news.
        _put(self._heard, user, self._context.stamp(), KNOWN_MAX)
        return absence

    def _absence_of(self, user: str) -> Absence | None:
        absence = self._known.get(user)
        if absence is None and self._is_elsewhere(user, self._topology.own.id):
            # It may have lost its connection there just now.
            at = self._context.stamp()
            absence = Absence(at, at - CRASH_WINDOW, self._had_at(at - CRASH_WINDOW))
        return absence

    def sent_on(self, user: str) -> None:
        """A user who has come here with a base client is sent to another server, and has got nothing here."""
        at = self._context.stamp()
        before = self._absence_of(user) or Absence(at, at, self._all_but((), at))
        self._goes_on(user, before._replace(at=at))

    def _goes_on(self, user: str, absence: Absence) -> None:
        """An absence that began elsewhere: what was accepted here shortly before has not arrived there either.

        Others take it that whoever is said to be away was here until then.
        """
        self._note_lost(user, absence, absence.since - REACH_WINDOW)

    def _note_lost(self, user: str, absence: Absence, since: int) -> None:
        self._note(user, absence)
        _put(self._lost_here, user, (absence.at, since), ANNOUNCED_MAX)
        self._topology.own.away = dict(self._lost_here)

    def gone(self, user: str) -> None:
        """A user has logged out, or come with a client that says itself what it has."""
        self._known.pop(user, None)
        if self._lost_here.pop(user, None) is not None:
            self._topology.own.away = dict(self._lost_here)

    # --- what other servers say ---------------------------------------------------------------------------------------

    def record_merged(self, known: ServerRecord | None, record: ServerRecord) -> None:
        """Another server's record is new."""
        for at, _ in record.away.values():
            # Whatever becomes of them here is later than that, or it would seem to be old news there.
            self._context.clock.observe(at, self._context.now.wall)
        before = known.users if known is not None else ()
        if known is not None and known.incarnation != record.incarnation:
            self._server_ended(record.id, before)
        self._index(self._at, self._users_at, record.id, record.users)
        self._index(self._away_from, self._away_at, record.id, tuple(record.away))
        if not record.left:
            for user in set(record.users).difference(before):
                self.gone(user)
        for user in record.away:
            self._heed(user, record)
        own = self._topology.own
        for user in sorted(set(before).difference(record.users, (ANONYMOUS,))):
            # It seemed to be there still when others said that it was on its way from them.
            says = {*self._away_from.get(user, ()), *((own.id,) if user in own.away else ())}
            for server in sorted(says):
                if server in self._topology.reachable:
                    self._heed(user, self._topology.records[server])
        if known is not None and record.left and not known.left:
            # Some may have been sent on only now, and not be among those that the record says are away.
            self._server_ended(record.id, list(dict.fromkeys((*before, *record.users))))

    def _index(
        self,
        index: dict[str, dict[str, None]],
        of_server: dict[str, tuple[str, ...]],
        server: str,
        users: tuple[str, ...],
    ) -> None:
        """Note at which servers users are, or are away from, by what one of them says now."""
        before = of_server.get(server, ())
        of_server[server] = users
        for user in set(before).difference(users):
            index[user].pop(server, None)
            if not index[user]:
                del index[user]
        for user in set(users).difference(before):
            index.setdefault(user, {})[server] = None

    def _heed(self, user: str, record: ServerRecord) -> None:
        """Take note of what a record says of a user's absence, if that is news, and the user not at another server."""
        at, since = record.away.get(user, (0, 0))
        if at > self._heard.get(user, 0) and not self._is_elsewhere(user, record.id):
            known = self._known.get(user)
            if known is not None and since in (known.since, known.since - REACH_WINDOW):
                # The same one, that goes on: what the user had when it began is known better from where it did.
                self._note(user, known._replace(at=at))
            else:
                self._note(user, Absence(at, since, self._had_at(since - REACH_WINDOW, record.id, since)))

    def _is_elsewhere(self, user: str, server: str) -> bool:
        own, reachable = self._topology.own, self._topology.reachable
        if server != own.id and user in own.users:
            return True
        return any(other != server and other in reachable for other in self._at.get(user, ()))

    def look(self) -> None:
        """Look at who can be reached after an event: the clients of a server that cannot be may be anywhere."""
        reachable = self._topology.reachable
        if reachable is self._reachable:
            return
        gone = [server for server in self._reachable if server not in reachable]
        self._reachable = reachable
        for server in gone:
            # One that was expelled has no record any more.
            self._server_ended(server, self._users_at.get(server, ()))

    def _server_ended(self, server: str, users: Iterable[str]) -> None:
        """A server has ended that had these users. Who it says went away before that, and has not come since, was not
        there any more."""
        at = self._context.stamp()
        since = at - CRASH_WINDOW
        has: Resumption | None = None
        for user in users:
            is_news = since > self._heard.get(user, 0) or user not in self._known
            if user != ANONYMOUS and is_news and not self._is_elsewhere(user, server):
                has = has if has is not None else self._had_at(since)
                self._note(user, Absence(at, since, has))

    # --- keeping ------------------------------------------------------------------------------------------------------

    def _note(self, user: str, absence: Absence) -> None:
        _put(self._heard, user, absence.at, KNOWN_MAX)
        _put(self._known, user, absence, KNOWN_MAX)

    def _note_handed_out(self, entry: Entry, frame: Frame) -> None:
        at = entry.stamp
        stream = entry.id.stream
        if stream == self._replication.own_stream:
            # It left this server only once it was durable, which on a slow disk is long after its stamp.
            at = max(at, self._context.clock.read(self._context.now.wall))
        at = self._not_before_previous(entry, at)
        # Of its line, as base clients have it, only how long it is: ten thousand long ones would take 1 GB.
        self._handed_out.note(stream, entry.id.seq, entry.stamp, len(frame.base.data), at)

    def _note_all_handed_out(self, columns: EntryColumns, frames: Frames) -> None:
        if self._may_be_delayed(columns):
            for entry, frame in zip(columns.entries, frames, strict=True):
                self._note_handed_out(entry, frame)
            return
        # As long as nobody is here whose absence would be noted, nobody is lost to whom one of them was on its way.
        sizes = (
            [len(body) + BASE_BROADCAST_BYTES for body in columns.bodies]
            if self.is_anybody_here()
            else [0] * len(columns)
        )
        times = columns.stamps
        if columns.stream == self._replication.own_stream:
            # As `_note_handed_out` has it: no stamp of theirs is later than now.
            times = [self._context.clock.read(self._context.now.wall)] * len(columns)
        self._handed_out.note_all(columns.stream, columns.numbers, columns.stamps, sizes, times)

    def _may_be_delayed(self, columns: EntryColumns) -> bool:
        """Whether one of these stands behind something in another stream, or behind what was delayed in theirs."""
        if EntryId in {*map(type, columns.previous)}:
            return True
        node, incarnation = columns.stream
        behind = zip(repeat(node), repeat(incarnation), columns.previous, strict=False)
        return bool(self._delayed) and not self._delayed.keys().isdisjoint(behind)

    def _not_before_previous(self, entry: Entry, at: int) -> int:
        """Who has not had what its sender wrote before has not had this, whatever the clock says that dated it."""
        previous = entry.previous
        if previous is None:
            return at
        before = self._delayed.pop(previous, 0) if self._delayed else 0
        if previous[:2] != entry.id[:2]:
            before = max(before, self._handed_out.time_of(previous))
        if before > at:
            _put(self._delayed, entry.id, before, KNOWN_MAX)
        return max(at, before)

    def _had_at(self, since: int, server: str = "", there_since: int = 0) -> Resumption:
        """What had been handed out here, without what was accepted later than `since`, or not durable until then.

        What `server` accepted itself was handed out there until `there_since`: nothing had to travel.
        """
        later = self._handed_out.later_than(since)
        missed = [entry_id for at, entry_id in later if entry_id.node != server or at > there_since]
        return self._all_but(missed, since)

    def _all_but(self, lacking: Iterable[EntryId], since: int) -> Resumption:
        """All that has been handed out, but for these; what was accepted until then."""
        return Resumption(
            self._replication.record_numbers.number,
            runs_of([*self._replication.delivery.pending, *lacking]),
            union(
                runs_of(entry.id for entry in self._replication.unpersisted.activities()),
                # They have been handed out, and come again.
                self._replication.damaged.missing,
                runs_of(self._replication.damaged.being_kept),
            ),
            since=since,
        )


def _put(table: OrderedDict[_Key, _Value], key: _Key, value: _Value, most: int) -> None:
    table[key] = value
    table.move_to_end(key)
    if len(table) > most:
        table.popitem(last=False)
