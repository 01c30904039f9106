"""Where clients are in what has come to this node, and what they are told of it.

A client names the place that it was told last when it comes back. At another server it names what it has, so at its
beginning it is told what of the streams that something comes from counts as had: see `core.wire.holdings`.
"""

from __future__ import annotations

import base64
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from typing import Final

from core.node.clients.resumption import Resumption
from core.node.kernel.clock import AHEAD_MAX
from core.node.kernel.connections import Session
from core.node.kernel.context import PLACE, Context
from core.node.kernel.states import ConnectionState
from core.node.log.replication import Replication
from core.node.map.topology import Topology
from core.node.neighbours.drift import Drift
from core.wire.codec import Frame, Frames
from core.wire.entries import Entry, Stream
from core.wire.entry_columns import EntryColumns
from core.wire.entry_runs import count_of, decode_runs, encode_runs, ids_in, runs_of, spans_without, union
from core.wire.holdings import Holdings, decode_holdings, encoded_size
from core.wire.messages import HeldEntries, Login, PlaceReached
from core.wire.missing import HeldRange

TELL_EVERY: Final = 64
"""After so many activities clients are told where they are."""
LACKING_MAX: Final = 1_000
"""Entries that have come and not been handed out, at most, where a place is told. Of more that is put off."""
LACKING_RUNS_MAX: Final = 64
"""The same as runs."""
MINE_MAX: Final = 1_024
"""A client's own activities that it asks about."""
BEGINS_BYTES: Final = 2_048
"""What a client is told of streams when it begins."""
MARK_EVERY: Final = 1_000
MARKS_MAX: Final = 10
"""Of streams that a client is not told of when it begins, so many times more activities may have to be looked through
at another server."""
RECENT_MAX: Final = 256
"""Streams that something was handed out of last."""


class ReachedPlaces:
    """What is told of places, and what comes back of that in logins."""

    def __init__(
        self,
        context: Context,
        replication: Replication,
        topology: Topology,
        drift: Drift,
        stamp: int,
        recent: Mapping[Stream, int],
    ) -> None:
        """`stamp`: the largest of what was kept before this start; `recent`: see `Recovered.recent_streams`.

        A server that cannot be reached may have dated what it wrote otherwise than it is dated here. One whose clock is
        behind, and was started again, may date so what it accepts from now on: what is known of streams that are not
        recent says nothing of it.
        """
        self._context = context
        self._replication = replication
        self._topology = topology
        self._drift = drift
        self._recent = OrderedDict([*recent.items()][-RECENT_MAX:])
        """The streams that something was handed out of last, and the latest of its stamps."""
        self._older = max(0, stamp - AHEAD_MAX, *[*recent.values()][:-RECENT_MAX])
        """No activity of another stream that was handed out is later; of these some may be earlier."""
        self._marks: deque[int] = deque()
        self._newest = stamp
        self._marked_at = 0
        self._clients: dict[int, Session] = {}
        self._told_at = 0
        replication.delivery.on_hand_out.append(self._note)
        replication.delivery.on_hand_out_all.append(self._note_all)
        replication.spreading.on_spread = self._tell_all

    def _note(self, entry: Entry, frame: Frame) -> None:
        self._note_stream(entry.id.stream, entry.stamp)

    def _note_all(self, columns: EntryColumns, frames: Frames) -> None:
        self._note_stream(columns.stream, max(columns.stamps))

    def _note_stream(self, stream: Stream, newest: int) -> None:
        """Something of a stream was handed out, none of it later than that."""
        recent = self._recent
        recent[stream] = max(newest, recent.get(stream, 0))
        recent.move_to_end(stream)
        self._newest = max(newest, self._newest)
        if self._context.handed_out - self._marked_at >= MARK_EVERY:
            self._marked_at = self._context.handed_out
            self._marks.append(self._newest)
            if len(self._marks) > MARKS_MAX:
                self._older = max(self._older, self._marks.popleft())
        if len(recent) > RECENT_MAX:
            _, stamp = recent.popitem(last=False)
            self._older = max(stamp, self._older)

    # --- places -------------------------------------------------------------------------------------------------------

    def came(self, session: Session) -> None:
        """A client has logged in."""
        if PLACE in session.features:
            self._clients[session.conn] = session
        else:
            self.left(session)

    def left(self, session: Session) -> None:
        self._clients.pop(session.conn, None)

    def place_of(self, session: Session) -> tuple[tuple[int, int] | None, dict[str, list[int]]]:
        """Where a client is that has been sent everything, and what it is lacking there; no place if that is not to be
        told in few words."""
        if PLACE not in session.features or not session.complete:
            return None, {}
        return self._here()

    def _here(self) -> tuple[tuple[int, int] | None, dict[str, list[int]]]:
        delivery = self._replication.delivery
        if delivery.unsynced + delivery.parked > LACKING_MAX:
            return None, {}
        damaged = self._replication.damaged
        # What was damaged was handed out; but not to who was away then, nor is it when it comes again.
        lacking = union(runs_of(delivery.pending), damaged.missing, runs_of(damaged.being_kept))
        if sum(map(len, lacking.values())) > LACKING_RUNS_MAX or count_of(lacking) > LACKING_MAX:
            return None, {}
        return self._replication.record_numbers.here, encode_runs(lacking)

    def _tell_all(self) -> None:
        if self._context.handed_out - self._told_at < TELL_EVERY or not self._clients:
            return
        place, lacking = self._here()
        if place is None:
            return
        self._told_at = self._context.handed_out
        frame = Frame(PlaceReached(place, lacking))
        for session in self._clients.values():
            if session.complete and session.backlog is None and session.state is ConnectionState.LOGGED_IN:
                self._context.send(session, frame)

    # --- beginnings ---------------------------------------------------------------------------------------------------

    def begins(self) -> HeldEntries:
        """What a client that comes now, and has nothing, need not expect."""
        pending = runs_of(self._replication.delivery.pending)
        old_gaps = dict(self._replication.behind_old_gaps())
        damaged = self._replication.damaged.missing
        since = self._older + 1
        told: dict[str, list[int]] = {}
        room = BEGINS_BYTES
        for stream, stamp in self._streams():
            runs = self._replication.vector.spans(stream)
            if stream in damaged:
                runs = list(union({stream: tuple(runs)}, {stream: damaged[stream]})[stream])
            if stream in old_gaps:
                runs = [(1, old_gaps[stream]), *((first, last) for first, last in runs if first > old_gaps[stream])]
            numbers = [number for span in spans_without(runs, pending.get(stream, ())) for number in span]
            numbers = [0, *numbers[1:]] if numbers[:1] == [1] else [0, 0, *numbers]
            room -= encoded_size({str(stream): numbers})
            if room >= 0:
                told[str(stream)] = numbers
            else:
                since = max(since, stamp + 1)
        return HeldEntries(since, told)

    def _streams(self) -> Iterator[tuple[Stream, int]]:
        """Those that something is likely to come from: what came last first, and each with its latest stamp."""
        yield from reversed(self._recent.items())
        records = self._topology.records
        for server in (self._topology.own.id, *self._topology.reachable):
            record = records.get(server)
            stream = Stream(server, record.incarnation if record is not None else self._context.incarnation)
            if stream not in self._recent:
                yield stream, 0

    # --- logins -------------------------------------------------------------------------------------------------------

    def resumption_of(self, message: Login) -> Resumption | None:
        """What a client says that it has; None if it has nothing. Raises ValueError."""
        if message.have is None:
            return None
        # Where this clock is years behind, all that has come here since is dated before that.
        holdings = Holdings(self._drift.dated_here(message.have.since))
        for stream, numbers in decode_holdings(message.have.entries):
            holdings.put(stream, numbers, 0)
        after = self._replication.record_numbers.number_of(message.place)
        lacking = decode_runs(message.lacking, MINE_MAX) if after is not None else {}
        return Resumption(after, lacking, holdings=holdings, sums=_ranges_of(message.have), more=message.have.more)

    def lacks_of(self, message: Login) -> dict[str, list[int]] | None:
        """What this node has not got of a client's own activities; None if nothing is known here of what the client
        names: it was in another network, or this one has begun anew. Raises ValueError."""
        mine = decode_runs(message.mine, MINE_MAX)
        vector, delivery = self._replication.vector, self._replication.delivery
        named = [*mine]
        if message.have is not None:
            named += [stream for stream, _ in decode_holdings(message.have.entries)]
        of_here = message.place is not None and message.place[0] == self._context.id
        if not of_here and not any(vector.spans(stream) for stream in named):
            return None
        lacking = runs_of(one for one in ids_in(mine) if one not in vector or delivery.is_pending(one))
        return encode_runs(lacking)


def _ranges_of(have: HeldEntries) -> tuple[HeldRange, ...]:
    """The ranges of which a client tells sums. Raises ValueError."""
    ends = [*(begin for begin, _, _ in have.sums[1:]), have.until]
    found: list[HeldRange] = []
    for (begin, size, text), end in zip(have.sums, ends, strict=True) if have.sums else ():
        if begin >= end:
            raise ValueError("ranges of stamps do not ascend")
        found.append(HeldRange(begin, end, size, base64.b64decode(text, validate=True)))
    return tuple(found)
