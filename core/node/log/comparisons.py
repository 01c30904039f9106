"""Comparing with neighbours: asking what they have, and for the entries that are missing here.

A comparison asks one thing at a time: first for entries that were listed and are missing, then about ranges that
differ. So it goes through them in the order of stamps, and what it remembers is bounded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

import msgspec

from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.kernel.takers import takes
from core.node.log.answering import ALSO_MAX, GAPS_MAX, WANTED_MAX
from core.node.log.old_gaps import OldGaps
from core.node.log.replication import Replication
from core.node.log.summary_access import SummaryAccess
from core.node.neighbours.neighbours import Neighbours
from core.reconciliation.item_order import NOTHING, Fingerprint
from core.reconciliation.range_comparison import LISTED_MAX, PENDING_MAX, NextQuestion, RangePart, check_answer
from core.reconciliation.range_messages import decode_answer, decode_whole, encode_question
from core.reconciliation.summary_queries import ComparisonBegun, FirstQuestion, FollowUpQuestion, SummaryAnswer
from core.wire.entries import EntryId, Stream
from core.wire.entry_runs import (
    NO_ENTRIES,
    EntryRuns,
    Spans,
    count_of,
    decode_runs,
    difference,
    encode_runs,
    in_pieces,
    intersection,
    spans_without,
    union,
)
from core.wire.messages import (
    ReconcileAnswer,
    ReconcileDone,
    ReconcileDropped,
    ReconcileGaps,
    ReconcileSent,
    ReconcileWant,
)

GAP_MAX: Final = LISTED_MAX
"""Of more entries that are missing before one that came, not the numbers are asked for: everything is compared."""
IDLE_MIN: Final = 64
IDLE_SHARE: Final = 256
"""A comparison ends after `IDLE_MIN` answers in a row without anything new, and one for each so many entries that are
here: many more than it takes to go through all of an honest side's lists."""
_NOTHING_TO_ASK: Final = NextQuestion((), ())


_Awaited = ReconcileAnswer | ReconcileSent | ReconcileDropped


class Comparison(msgspec.Struct):
    """One that this node makes with a neighbour."""

    number: int
    compares: bool
    """Whether it compares at all, or only asks for entries of which it knows that they are missing."""
    parts: tuple[RangePart, ...] = ()
    """What was asked about last."""
    question: NextQuestion = _NOTHING_TO_ASK
    here: Fingerprint = NOTHING
    difference: Fingerprint | None = None
    """How much more there was here than there when it began."""
    wanted: deque[EntryRuns] = msgspec.field(default_factory=deque)
    asked: EntryRuns = {}
    """The entries that the neighbour is sending."""
    came: deque[EntryRuns] = msgspec.field(default_factory=deque)
    """Those that it has sent, page by page, while they are being taken in."""
    awaits: type[_Awaited] | None = None
    """What is to come."""
    follows_up: bool = False
    """Whether this side's store is asked what to ask next."""
    gaps: EntryRuns = {}
    """What was missing here when all that the neighbour has had come."""
    idle: int = 0
    """Answers in a row that listed nothing that is missing here."""
    received: int = 0
    """How many of the entries came that were asked for."""
    lacking: int = 0
    """How many did not."""
    last: EntryId | None = None
    """The newest that came meanwhile."""
    last_asked: EntryId | None = None
    """The newest of those that were asked for: what is live overtakes them."""
    proofs: bool = False
    """Whether what is asked for is here, and its signatures are not."""
    again: bool = False
    """Whether another one was wanted after this one had begun."""


class Comparisons:
    """Those that this node makes, at most one with each neighbour."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        replication: Replication,
        summary: SummaryAccess,
        old_gaps: OldGaps,
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._replication = replication
        self._summary = summary
        self._old_gaps = old_gaps
        self._running: dict[int, Comparison] = {}
        self._numbers = 0
        self.on_page: Callable[[int, Callable[[], None]], None] = lambda conn, then: then()
        """Told of the connection over which a page has come to its end; goes on with the function once all of it has
        been taken in."""
        self.is_newcomer: Callable[[Link], bool] = lambda link: False
        """Whether a neighbour has just said that it has nothing, and is finding out what there is: nothing is to be had
        from it, and to be asked would hold it up."""
        self.on_end: Callable[[Link, Comparison], None] = lambda link, comparison: None
        """Told of each that has come to its end."""
        self.on_proofs: Callable[[Link], None] = lambda link: None
        """Told of each neighbour that has sent what it has of signed records that it was asked for."""
        self.on_done: list[Callable[[Link, bool], None]] = []
        """Told of each neighbour that this node has compared with, and whether all that it had is durable here."""

    def __len__(self) -> int:
        return len(self._running)

    def __contains__(self, link: object) -> bool:
        return isinstance(link, Link) and link.conn in self._running

    @property
    def links(self) -> set[int]:
        """The links over which something is compared."""
        return set(self._running)

    def link_closed(self, conn: int) -> None:
        self._running.pop(conn, None)
        self._old_gaps.link_closed(conn)

    # --- beginnings ---------------------------------------------------------------------------------------------------

    def begin(self, link: Link, since: int = 0, until: int | None = None) -> None:
        """Find out what a neighbour has that is missing here; of everything, or of what is older than `until` and, of
        activities, not older than `since`."""
        if not self._neighbours.is_neighbour(link):
            return
        running = self._running.get(link.conn)
        if running is not None:
            running.again = True
            return
        comparison = self._begun(link, compares=True)
        self._context.trace("sync", conn=link.conn, step="ask", server=link.remote_id)
        self._summary.ask(link, FirstQuestion(since, until), partial(self._first, link, comparison))

    def ask_for_proofs(self, link: Link, pages: Iterable[EntryRuns]) -> None:
        """Ask a neighbour for signed records of entries that are here, when nothing else is asked of it."""
        comparison = self._begun(link, compares=False)
        comparison.proofs = True
        comparison.wanted.extend(pages)
        self._go_on(link, comparison)

    def _begun(self, link: Link, *, compares: bool) -> Comparison:
        self._numbers += 1
        link.asked = True
        comparison = self._running[link.conn] = Comparison(self._numbers, compares)
        return comparison

    def entries_received(self, link: Link, stream: Stream, spans: Spans, new: int) -> None:
        """Entries of one stream came over a link, of which so many were new: what is missing before them is asked
        for."""
        comparison = self._running.get(link.conn)
        if comparison is not None:
            is_being_kept = self._replication.is_being_kept
            numbers = (number for first, last in reversed(spans) for number in range(last, first - 1, -1))
            ids = (EntryId(*stream, number) for number in numbers)
            newest = next(filter(is_being_kept, ids), None)
            comparison.last = newest or comparison.last
            if self.awaits(link, stream, spans):
                comparison.last_asked = newest or comparison.last_asked
                comparison.received += new
                return
        gaps = (self._replication.vector.gap_before(EntryId(*stream, first)) for first, _ in spans)
        gap = next(filter(None, gaps), None)
        if gap is None:
            return
        first, last = gap
        if last - first >= GAP_MAX:
            self.begin(link)
            return
        begins = comparison is None
        if comparison is None:
            comparison = self._begun(link, compares=False)
        # It goes before the past: what is live waits for it.
        comparison.wanted.appendleft({stream: ((first, last),)})
        if begins:
            self._go_on(link, comparison)

    def awaits(self, link: Link, stream: Stream, spans: Spans) -> bool:
        """Whether a neighbour has been asked for some of these entries."""
        comparison = self._running.get(link.conn)
        if comparison is None:
            return False
        asked = (runs.get(stream, ()) for runs in (*comparison.came, comparison.asked))
        return any(spans_without(spans, one) != spans for one in asked if one)

    def _first(self, link: Link, comparison: Comparison, answer: SummaryAnswer | None) -> None:
        if not isinstance(answer, ComparisonBegun) or self.is_newcomer(link):
            self._give_up(link, comparison)
            return
        comparison.question = answer.question
        comparison.here = answer.whole
        self._go_on(link, comparison)

    # --- one thing after the other ------------------------------------------------------------------------------------

    def _go_on(self, link: Link, comparison: Comparison) -> None:
        """Ask for what is missing, or else about what differs, or else end once everything has been taken in."""
        if not self._ask_on(link, comparison) and not comparison.came:
            self._ask_about_gaps(link, comparison)

    def _ask_on(self, link: Link, comparison: Comparison) -> bool:
        """Ask for what is missing, or else about what differs; whether there is any of it."""
        comparison.asked = wanted = self._next_wanted(comparison)
        if wanted:
            comparison.awaits = ReconcileSent
            again = comparison.proofs or bool(intersection(wanted, self._replication.damaged.missing))
            self._context.send(link, ReconcileWant(comparison.number, encode_runs(wanted), again))
            return True
        comparison.parts = comparison.question.parts
        if not comparison.parts:
            return False
        comparison.awaits = ReconcileAnswer
        begins = comparison.difference is None
        self._context.send(link, encode_question(comparison.number, comparison.parts, begins=begins))
        return True

    def _next_wanted(self, comparison: Comparison) -> EntryRuns:
        """Of the entries that are listed, still missing, and not being taken in, as many as are asked for at once."""
        found: list[EntryRuns] = []
        room = WANTED_MAX
        while comparison.wanted and room:
            runs = comparison.wanted.popleft()
            if count_of(runs) > room:
                # Those of several streams are in the order of time as a whole.
                some = next(in_pieces(runs, room)) if len(runs) == 1 else NO_ENTRIES
                comparison.wanted.appendleft(difference(runs, some))
                if not some:
                    break
                runs = some
            room -= count_of(runs)
            found.append(runs if comparison.proofs else self._missing(runs))
        wanted = union(*found)
        for came in comparison.came:
            wanted = difference(wanted, came)
        return wanted

    def _missing(self, runs: EntryRuns) -> EntryRuns:
        """Those of some entries that are not here, and that another server can have."""
        own, damaged = self._replication.own_stream, self._replication.damaged.missing
        missing = self._replication.vector.lacking(runs)
        if missing.pop(own, None) and own in damaged:
            missing = union(missing, intersection(runs, {own: damaged[own]}))
        return missing

    def _awaited(self, link: Link, message: _Awaited, what: str) -> Comparison | None:
        """The comparison that a message belongs to; None when nobody asked, which is answered."""
        comparison = self._running.get(link.conn)
        if comparison is None or comparison.awaits is not type(message) or message.number != comparison.number:
            self._context.invalid(link, f"{what}: nothing was asked")
            return None
        comparison.awaits = None
        return comparison

    @takes(ReconcileAnswer)
    def _answered(self, link: Link, message: ReconcileAnswer) -> None:
        comparison = self._awaited(link, message, "RECONCILE_ANSWER")
        if comparison is None:
            return
        if message.upto is None:
            self._give_up(link, comparison)
            return
        try:
            answer = decode_answer(message)
            check_answer(comparison.parts, answer)
            also = in_pieces(decode_runs(message.also, ALSO_MAX), LISTED_MAX)
            if comparison.difference is None:
                theirs = decode_whole(message)
                comparison.difference = NOTHING if theirs is None else comparison.here.minus(theirs)
        except ValueError as error:
            self._context.invalid(link, f"RECONCILE_ANSWER: {error}")
            return
        listed = (*(one.entries for one in answer.lists), *also)
        missing = [runs for runs in map(self._missing, listed) if runs]
        comparison.wanted += missing
        comparison.idle = 0 if missing else comparison.idle + 1
        comparison.follows_up = True
        query = FollowUpQuestion(comparison.parts, answer, comparison.question.pending)
        self._summary.ask(link, query, partial(self._followed_up, link, comparison))

    def _followed_up(self, link: Link, comparison: Comparison, answer: SummaryAnswer | None) -> None:
        comparison.follows_up = False
        if not isinstance(answer, NextQuestion):
            self._give_up(link, comparison)
            return
        patience = IDLE_MIN + comparison.here.size // IDLE_SHARE
        if comparison.idle > patience or len(answer.pending) > PENDING_MAX:
            # No honest side has so much to say of what is here anyway.
            self._context.trace("sync", conn=link.conn, step="given up", server=link.remote_id, idle=comparison.idle)
            answer = _NOTHING_TO_ASK
            comparison.lacking += 1
        comparison.question = answer
        self._go_on(link, comparison)

    @takes(ReconcileSent)
    def _sent(self, link: Link, message: ReconcileSent) -> None:
        comparison = self._awaited(link, message, "RECONCILE_SENT")
        if comparison is None:
            return
        try:
            left = intersection(decode_runs(message.left, WANTED_MAX), comparison.asked)
        except ValueError as error:
            self._context.invalid(link, f"RECONCILE_SENT: {error}")
            return
        if count_of(left) >= count_of(comparison.asked):
            # It has sent nothing at all, and would not the next time.
            left = {}
        if left:
            comparison.wanted.appendleft(left)
        comparison.came.append(difference(comparison.asked, left))
        if len(comparison.came) == 1:
            # The neighbour reads the next ones while these are taken in here: no more than two pages are under way.
            self._ask_on(link, comparison)
        self.on_page(link.conn, partial(self._taken_in, link, comparison))

    def _taken_in(self, link: Link, comparison: Comparison) -> None:
        """What the neighbour has sent in answer to one question is here, as far as it is believed."""
        if not comparison.proofs:
            comparison.lacking += count_of(self._missing(comparison.came[0]))
        if comparison.last_asked is None:
            self._kept(link, comparison)
        else:
            # Or else the past would pile up before the disk, and what is live waits behind it.
            self._replication.when_durable(comparison.last_asked, lambda problem: self._kept(link, comparison))

    def _kept(self, link: Link, comparison: Comparison) -> None:
        comparison.came.popleft()
        is_over = self._running.get(link.conn) is not comparison
        if not is_over and comparison.awaits is None and not comparison.follows_up:
            self._go_on(link, comparison)

    def _ask_about_gaps(self, link: Link, comparison: Comparison) -> None:
        """All is here that the neighbour has: what is missing all the same, it may have dropped."""
        comparison.gaps = self._replication.vector.missing(GAPS_MAX) if comparison.compares else NO_ENTRIES
        if not comparison.gaps:
            self._end(link, comparison)
            return
        comparison.awaits = ReconcileDropped
        self._context.send(link, ReconcileGaps(comparison.number, encode_runs(comparison.gaps)))

    @takes(ReconcileDropped)
    def _dropped(self, link: Link, message: ReconcileDropped) -> None:
        comparison = self._awaited(link, message, "RECONCILE_DROPPED")
        if comparison is None:
            return
        try:
            dropped = decode_runs(message.entries)
        except ValueError as error:
            self._context.invalid(link, f"RECONCILE_DROPPED: {error}")
            return
        self._old_gaps.dropped(link.conn, comparison.gaps, dropped)
        self._end(link, comparison)

    # --- ends ---------------------------------------------------------------------------------------------------------

    def _give_up(self, link: Link, comparison: Comparison) -> None:
        """Nothing can be found out now: the next digest leads to another comparison."""
        comparison.again = False
        self._over(link, comparison)

    def _over(self, link: Link, comparison: Comparison) -> None:
        del self._running[link.conn]
        link.asked = False
        if comparison.proofs:
            self.on_proofs(link)
        if comparison.again:
            self.begin(link)

    def _end(self, link: Link, comparison: Comparison) -> None:
        self._neighbours.missing_came(link, comparison.received)
        self._over(link, comparison)
        if not comparison.compares:
            return
        self.on_end(link, comparison)
        durable = partial(self._durable, link, comparison)
        if comparison.last is None:
            durable(None)
        else:
            self._replication.when_durable(comparison.last, durable)

    def _durable(self, link: Link, comparison: Comparison, problem: str | None) -> None:
        if not self._neighbours.is_neighbour(link):
            return
        # What a failing disk has not taken is here, and would be lost.
        is_durable = problem is None and self._context.storage_error is None
        if is_durable:
            self._context.send(link, ReconcileDone(comparison.number, comparison.lacking))
        for told in self.on_done:
            told(link, is_durable and not comparison.lacking)
