"""Reconciliation: two neighbours that both know how find what one lacks of the other, whatever they have.

Range-based set reconciliation (`core.reconciliation`). Who lacks something asks: it compares sums of ranges with the
neighbour's, asks for the entries that are listed where sums differ and that it does not have, and so sets the pace
(`Comparisons`). Who answers remembers nothing (`Answering`). A node compares when a link comes up or becomes eager,
when more is missing in front of an entry than is asked for by numbers, and when a neighbour's digest differs.

Sums may differ for good: one of two has dropped what the other keeps, or a clock that is far off made two stamps of
one. So a difference at which a comparison has brought nothing is *settled*: nothing is asked as long as it stays what
it is. It does, while both take what is new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from core.node.kernel.clock import MICROSECONDS
from core.node.kernel.connections import Link
from core.node.kernel.context import RECONCILE, Context
from core.node.kernel.takers import takes
from core.node.log.answering import Answering
from core.node.log.comparisons import Comparison, Comparisons
from core.node.log.old_gaps import OldGaps
from core.node.log.replication import Replication
from core.node.log.summary_access import SummaryAccess, Then
from core.node.neighbours.neighbours import Neighbours
from core.reconciliation.item_order import NOTHING, Fingerprint, decode_sum, encode_sum
from core.reconciliation.summary_queries import SumFound, SummaryAnswer, SummaryQuery, SumWanted
from core.wire.messages import ReconcileDigest

SETTLING: Final = 3.0
"""A digest leaves out the last seconds, of which some is under way. In a busy network sums up to now never agree."""
PATIENCE: Final = 1.0
"""Seconds between seeing a digest that differs and asking: what was dated by a slow clock may be under way, too."""
IN_VAIN_MAX: Final = 5
"""After so many comparisons that brought nothing, at differences that changed each time, a neighbour is asked less."""
PAUSE_MAX: Final = 300.0
"""Seconds between two of those, at most; doubled each time."""


class _Outlook:
    """What is known of a neighbour, from one comparison to the next."""

    __slots__ = ("in_vain", "not_before", "settled", "since", "told_at")

    def __init__(self) -> None:
        self.since = 0
        """From where on it compares activities, as last told."""
        self.settled = NOTHING
        self.in_vain = 0
        self.not_before = 0.0
        """The monotonic time before which a digest that differs leads to nothing."""
        self.told_at = float("-inf")
        """When it was last told, in answer, that this side compares less."""


class Reconciliation:
    """Finds out when there is something to be compared, and what was settled."""

    def __init__(self, context: Context, neighbours: Neighbours, replication: Replication) -> None:
        self._context = context
        self._summary = SummaryAccess(context, neighbours)
        old_gaps = OldGaps(replication, lambda: [link.conn for link in neighbours if self.applies_to(link)])
        self.comparisons = Comparisons(context, neighbours, replication, self._summary, old_gaps)
        self.answering = Answering(context, neighbours, replication, self._summary)
        self.comparisons.on_end = self._note_outcome
        self.comparisons.is_newcomer = self.answering.is_newcomer
        self.answered = self._summary.answered
        self._outlooks: dict[int, _Outlook] = {}
        self.on_link_closed: Callable[[int], None] = lambda conn: None
        """Told of each connection that has ended."""

    @property
    def reading(self) -> int:
        """Questions to the store that are not answered."""
        return len(self._summary) + self.answering.reading

    def broken(self) -> Iterator[str]:
        """What does not hold of comparisons."""
        for conn in (*self.comparisons.links, *self.answering.links, *self._outlooks):
            if self._context.connections.link(conn) is None:
                yield f"link {conn} is gone, and compared over"

    def applies_to(self, link: Link) -> bool:
        """Whether a neighbour and this node both know how."""
        return RECONCILE in link.features and RECONCILE in self._context.features

    def link_closed(self, conn: int) -> None:
        self.comparisons.link_closed(conn)
        self.answering.link_closed(conn)
        self._outlooks.pop(conn, None)
        self.on_link_closed(conn)

    def ask_store(self, link: Link, query: SummaryQuery, then: Then) -> None:
        """Ask the store something for a neighbour, and go on with `then` if that is still there."""
        self._summary.ask(link, query, then)

    def _is_under_way(self, link: Link) -> bool:
        """Whether a neighbour, or this node, is finding out what it lacks of the other, as far as can be told."""
        return link in self.comparisons or self.answering.is_amid(link)

    def is_digest_needed(self, link: Link) -> bool:
        """Whether it says something to a neighbour: not to one that is finding out what it lacks, or that sends it."""
        return link not in self.comparisons and not self.answering.asks_now(link)

    def _outlook(self, link: Link) -> _Outlook:
        return self._outlooks.setdefault(link.conn, _Outlook())

    def send_digest(self, link: Link) -> None:
        """Tell a neighbour what this node has, in short."""
        now = self._context.clock.read(self._context.now.wall)
        until = max(0, now - int(SETTLING * MICROSECONDS))

        def found(answer: SummaryAnswer | None) -> None:
            if isinstance(answer, SumFound):
                size, total = answer.whole
                self._context.send(link, ReconcileDigest(answer.since, until, size, encode_sum(total)))

        self._summary.ask(link, SumWanted(self._outlook(link).since, until), found)

    @takes(ReconcileDigest)
    def _digest(self, link: Link, message: ReconcileDigest) -> None:
        try:
            theirs = Fingerprint(message.size, decode_sum(message.sum))
        except ValueError as error:
            self._context.invalid(link, f"RECONCILE_DIGEST: {error}")
            return
        self._outlook(link).since = message.since
        if not self._is_under_way(link):
            found = partial(self._look, link, message, theirs)
            self._summary.ask(link, SumWanted(message.since, message.until), found)

    def _differs(self, link: Link, message: ReconcileDigest, theirs: Fingerprint, answer: SummaryAnswer | None) -> bool:
        """Whether there is a difference that is not settled, and a comparison may be made of it."""
        outlook = self._outlook(link)
        if not isinstance(answer, SumFound) or self._is_under_way(link):
            # What a neighbour is catching up with differs in any case. To look for more would hold both up.
            return False
        now = self._context.now.monotonic
        if answer.since > message.since:
            # This side has dropped more. The next digests of the other one begin where this side tells.
            if now >= outlook.told_at + self._context.config.sync_interval / 2:
                outlook.told_at = now
                self.send_digest(link)
            return False
        difference = answer.whole.minus(theirs)
        if difference == NOTHING:
            outlook.in_vain = 0
            outlook.not_before = 0.0
        return difference not in (NOTHING, outlook.settled) and now >= outlook.not_before

    def _look(self, link: Link, message: ReconcileDigest, theirs: Fingerprint, answer: SummaryAnswer | None) -> None:
        timer = ("differs", link.conn)
        if self._differs(link, message, theirs, answer) and timer not in self._context.timers:
            query, found = SumWanted(message.since, message.until), partial(self._look_again, link, message, theirs)
            self._context.timers.set(
                timer, self._context.after(PATIENCE), lambda: self._summary.ask(link, query, found)
            )

    def _look_again(
        self, link: Link, message: ReconcileDigest, theirs: Fingerprint, answer: SummaryAnswer | None
    ) -> None:
        if self._differs(link, message, theirs, answer):
            self.comparisons.begin(link, message.since, message.until)

    def _note_outcome(self, link: Link, comparison: Comparison) -> None:
        outlook = self._outlook(link)
        if comparison.received:
            outlook.in_vain = 0
            outlook.not_before = 0.0
            return
        outlook.settled = comparison.difference or NOTHING
        outlook.in_vain += 1
        if outlook.in_vain > IN_VAIN_MAX:
            pause = self._context.config.sync_interval * 2.0 ** min(outlook.in_vain - IN_VAIN_MAX, 16)
            outlook.not_before = self._context.after(min(pause, PAUSE_MAX))
