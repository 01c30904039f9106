"""How far other servers' clocks are from this one's, and how entries are dated whose origin's clock is far off.

Hybrid logical time keeps causes before effects while clocks differ by less than `AHEAD_MAX`: the clock behind
follows. It does not follow one that is further ahead, which may be a liar's. So what is written at a server whose
clock is an hour behind would be dated an hour ago everywhere else, and be missing from what was written in the last
ten minutes; and what is dated in a far future would stand above everything for ever.

So the neighbour that gets an entry from its very origin dates it by its own clock, by the difference that their link
and its pings have shown (Cristian, "Probabilistic clock synchronization", 1989). And nobody takes a stamp for later
than `AHEAD_MAX` from now.

How a neighbour has dated another server's record is believed as far as that one's own signed link-state records show
that its clock is off: they say what time it was there. So nobody moves what a server wrote whose clock is right.

Where both the neighbour and the origin, by its signed records, are as far off, it is the clock here that is: then all
that comes is moved by that difference, whichever way it comes, so that what one person writes stays in order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from core.node.kernel.clock import AHEAD_MAX, MICROSECONDS
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.wire.entries import Entry
from core.wire.records import LogRecord

TOLD_FROM: Final = MICROSECONDS
"""Differences that people are told of."""
OWN_TOLD_FROM: Final = 2 * AHEAD_MAX
"""How far ahead of its clock a node dates what it writes when people are told: further than others can pull it."""
TOLD_AGAIN: Final = 60.0
"""Seconds in which people are told once at most about one link's difference: it may be a liar's."""


LATE_MAX: Final = AHEAD_MAX // 5
"""Microseconds by which what others have measured of a server's clock may differ from what is known of it here."""


class Drift:
    """The differences between this node's clock and its neighbours'."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lead = 0
        """By how much any other server's time has been ahead of the monotonic clock here at most, in microseconds; of
        those whose time is credible."""
        self.announced: Callable[[str], int | None] = lambda server: None
        """By how much a server's clock is ahead of here at least, by what it has signed; None where nobody knows."""
        self._told_of_own = False
        self._heard_lead: int | None = None
        """As a link's `lead`, of the neighbour that was heard last."""

    def look_at_own(self) -> None:
        """Tell people when this node dates what it writes far ahead of its clock, which was that far ahead before, and
        when it does so no more."""
        ahead = self.time() - int(self._context.now.wall * MICROSECONDS)
        far = ahead > OWN_TOLD_FROM
        if far and not self._told_of_own:
            text = (
                f"what is written here is dated {_span(ahead)} ahead of this machine's clock, which was that far ahead"
                " before: nothing may stand before what it follows. If the clock is wrong now, set it; if it was wrong"
                " then, a backup from before it was dates right"
            )
            self._context.notify("clock", text, "warning")
        elif self._told_of_own and not far:
            self._context.notify("clock", "what is written here is dated by this machine's clock again", "good")
        self._told_of_own = far

    def time(self) -> int:
        """The hybrid logical time by which this node would date something now."""
        return self._context.clock.read(self._context.now.wall)

    def latest(self, monotonic: float) -> int:
        """The time by which any server that has been heard of by now would have dated something then at the latest."""
        return self._lead + int(monotonic * MICROSECONDS) if self._lead else 0

    def dated_here(self, stamp: int) -> int:
        """When something was, by the time here, that others date by `stamp`. That differs only where they date further
        ahead than this clock follows: then this server dates what it gets from them by its own time as well."""
        context = self._context
        ahead = self._ahead_by(self._heard_lead)
        if stamp <= context.clock.horizon(context.now.wall) or ahead <= AHEAD_MAX:
            return stamp
        return max(0, stamp - ahead)

    def ahead(self, link: Link) -> int:
        """How far ahead a neighbour dates what it writes now, in microseconds; 0 if it has not said."""
        return self._ahead_by(link.lead)

    def _ahead_by(self, lead: int | None) -> int:
        return lead + int(self._context.now.monotonic * MICROSECONDS) - self.time() if lead is not None else 0

    def heard(self, link: Link, stamp: int | None) -> None:
        """The neighbour dates what it writes now by `stamp`; None from one that does not say."""
        if stamp is not None:
            lead = link.lead = self._heard_lead = stamp - int(self._context.now.monotonic * MICROSECONDS)
            if self.ahead(link) <= AHEAD_MAX:
                self._lead = max(self._lead, lead)

    def answered(self, link: Link, stamp: int | None, wall: int | None) -> None:
        """The same, in answer to a ping whose round trip is known. `wall` is the neighbour's clock, in microseconds."""
        trip = int((link.round_trip or 0.0) * MICROSECONDS)
        self.heard(link, stamp + trip // 2 if stamp is not None else None)
        if wall is not None:
            self._tell(link, wall + trip // 2 - int(self._context.now.wall * MICROSECONDS), trip)

    def dated(self, link: Link, entry: Entry) -> Entry:
        """An entry that came over a link, with the time that it has here."""
        later = self._later(link, entry.id.node, entry.stamp)
        return msgspec.structs.replace(entry, stamp=max(0, entry.stamp + later)) if later else entry

    def dated_record(self, link: Link, record: LogRecord) -> LogRecord:
        """A record that came over a link, whose entries have the time that they have here.

        They move together, so that they stay in order; what a neighbour says of its own date is not asked for.
        """
        stamps = record.signed_columns.stamps
        if not stamps:
            return record
        by = 0 if record.stream.node == link.remote_id else self._believed(record)
        return record.dated_by(by + self._later(link, record.stream.node, max(stamps), by))

    def _believed(self, record: LogRecord) -> int:
        """How much of the date that a neighbour has given another server's record is believed."""
        ahead = self.announced(record.stream.node)
        if not record.signature:
            return record.dated
        if ahead is None or abs(ahead) < AHEAD_MAX - LATE_MAX:
            return 0
        most = abs(ahead) + LATE_MAX
        return min(max(record.dated, 0), most) if ahead < 0 else max(min(record.dated, 0), -most)

    def _later(self, link: Link, node: str, stamp: int, by: int = 0) -> int:
        """By how much later than `stamp` and `by` something counts as written, in microseconds, that a server dated so
        and that came over a link; negative: earlier."""
        horizon = self._context.clock.horizon(self._context.now.wall)
        ahead = self.ahead(link)
        is_far = abs(ahead) > AHEAD_MAX and (node == link.remote_id or self._is_as_far(node, ahead - by))
        later = -ahead if is_far or (stamp + by > horizon and ahead > AHEAD_MAX) else 0
        return later - max(0, stamp + by + later - horizon)

    def _is_as_far(self, node: str, ahead: int) -> bool:
        """Whether a server's own signed records say that its time is so far ahead of here. Where it is as far as the
        neighbour's it is this server's clock that is off: what comes of both is dated by the same difference, whichever
        way it comes."""
        announced = self.announced(node)
        return announced is not None and abs(announced - ahead) <= LATE_MAX

    def _tell(self, link: Link, ahead: int, trip: int) -> None:
        """Tell people when a difference has become large, has changed much, or is gone."""
        now = self._context.now.monotonic
        large = abs(ahead) - trip > TOLD_FROM
        told = link.drift_told
        if now < link.drift_told_at + TOLD_AGAIN or (not large and not told):
            return
        if large and told and abs(ahead - told) <= max(TOLD_FROM, abs(told) // 2):
            return
        link.drift_told, link.drift_told_at = (ahead if large else 0), now
        name = link.name or str(link.peer)
        party = self._context.party(link.remote_id or "", link.name)
        self._context.note("clock off" if large else "clock right", party, count=ahead // 1000 if large else 0)
        if not large:
            self._context.notify("clock", f"the clocks here and at {name} agree again", "good", server=link.remote_id)
            return
        way = "ahead of" if ahead > 0 else "behind"
        text = f"the clock of {name} is {_span(abs(ahead))} {way} the one here; one of them should be set"
        self._context.notify("clock", text, "warning", server=link.remote_id)


def _span(microseconds: int) -> str:
    """A span of time as people say it."""
    seconds = microseconds / MICROSECONDS
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} seconds"
