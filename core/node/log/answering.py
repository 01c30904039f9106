"""Answering neighbours that compare: what this node has in a range, and entries that they lack.

Nothing is remembered of a question beyond its answer, and one is answered at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from functools import partial
from typing import Final

from core.node.interface.actions import FetchPage, FetchRecords
from core.node.kernel.connections import Link
from core.node.kernel.context import RECORDS, Context
from core.node.kernel.takers import takes
from core.node.log.entry_messages import frame_of, frame_of_record
from core.node.log.replication import Replication
from core.node.log.summary_access import SummaryAccess
from core.node.neighbours.neighbours import Neighbours
from core.reconciliation.range_comparison import LISTED_MAX, check_question
from core.reconciliation.range_messages import decode_question, encode_answer
from core.reconciliation.summary_queries import AnswerFound, AnswerWanted, DroppedFound, DroppedWanted, SummaryAnswer
from core.wire.entries import Entry, EntryId, Page, Wanted
from core.wire.entry_runs import NO_ENTRIES, EntryRuns, decode_runs, encode_runs, runs_of
from core.wire.limits import SERVER_LINE_BYTES_MAX
from core.wire.messages import (
    Reconcile,
    ReconcileAnswer,
    ReconcileDone,
    ReconcileDropped,
    ReconcileGaps,
    ReconcileSent,
    ReconcileWant,
)
from core.wire.missing import FoundRuns
from core.wire.records import LogRecord, RecordPage

WANTED_MAX: Final = 2 * LISTED_MAX
"""Most entries that are asked for at once."""
GAPS_MAX: Final = LISTED_MAX
"""Most gaps that are asked about at once: whether what is missing in them was dropped."""
RECORD_PAGE_BYTES: Final = SERVER_LINE_BYTES_MAX // 2
"""Bytes of lines of a page of records, about: as many entries of 350 bytes as are asked for at once have room."""
ALSO_MAX: Final = 8 * LISTED_MAX
"""Most entries that are only in memory, because the disk fails, and are told of."""
AMID: Final = 30.0
"""Seconds since its last question in which a neighbour is amid a comparison that it has not said to be over."""
ASKS_NOW: Final = 5.0
"""And in which it is sure to be: who gives up says nothing, and has to hear that it lacks something."""


class Answering:
    """Answers neighbours, and hears from them when they have everything."""

    def __init__(
        self, context: Context, neighbours: Neighbours, replication: Replication, summary: SummaryAccess
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._replication = replication
        self._summary = summary
        self._answering: set[int] = set()
        """Links over which a question has come that is not answered."""
        self._fetching: dict[int, tuple[Link, ReconcileWant, EntryRuns]] = {}
        self._comparing: dict[int, int] = {}
        """By link the number of the comparison that the neighbour has begun last."""
        self._amid: dict[int, float] = {}
        """By link until when it is amid a comparison."""
        self._had_nothing: set[int] = set()
        """Links whose neighbour had nothing when it began that."""
        self.on_asked: Callable[[Link], None] = lambda link: None
        """Told of each neighbour that has begun a comparison, or ended it."""

    @property
    def reading(self) -> int:
        """Pages being read for neighbours."""
        return len(self._fetching)

    @property
    def links(self) -> set[int]:
        """The links of which anything is known."""
        return self._answering | self._comparing.keys() | self._amid.keys()

    def is_amid(self, link: Link) -> bool:
        """Whether a neighbour is finding out what it lacks, as far as can be told."""
        return self._context.now.monotonic < self._amid.get(link.conn, 0.0)

    def asks_now(self, link: Link) -> bool:
        """Whether a neighbour has asked for something within the last seconds, and is not through."""
        return self._context.now.monotonic < self._amid.get(link.conn, 0.0) - AMID + ASKS_NOW

    def is_newcomer(self, link: Link) -> bool:
        """Whether a neighbour is finding out what it lacks, and had nothing when it began."""
        return link.conn in self._had_nothing and self.is_amid(link)

    def is_no_newcomer(self, link: Link) -> None:
        """Whatever it had when it began, it may have something by now."""
        self._had_nothing.discard(link.conn)

    def forget_what_it_has(self, link: Link) -> None:
        """`link.has_everything` is to tell of a comparison that the neighbour begins from now on."""
        link.has_everything = False
        self._comparing.pop(link.conn, None)

    def link_closed(self, conn: int) -> None:
        self._answering.discard(conn)
        self._comparing.pop(conn, None)
        self._amid.pop(conn, None)
        self._had_nothing.discard(conn)

    def _may_ask(self, link: Link) -> bool:
        if link.conn in self._answering:
            self._context.invalid(link, "RECONCILE: something was asked before the last answer came")
            return False
        self._answering.add(link.conn)
        self._amid[link.conn] = self._context.after(AMID)
        return True

    # --- what this node has in a range --------------------------------------------------------------------------------

    @takes(Reconcile)
    def _question(self, link: Link, message: Reconcile) -> None:
        try:
            asked = decode_question(message)
            check_question(asked)
        except ValueError as error:
            self._context.invalid(link, f"RECONCILE: {error}")
            return
        if not self._may_ask(link):
            return
        if message.begins:
            self._comparing[link.conn] = message.number
            self._had_nothing.discard(link.conn)
            if not any(part.size for part in asked):
                self._had_nothing.add(link.conn)
            self.on_asked(link)
        self._summary.ask(link, AnswerWanted(asked, message.begins), partial(self._answer, link, message))

    def _answer(self, link: Link, message: Reconcile, found: SummaryAnswer | None) -> None:
        self._answering.discard(link.conn)
        if not isinstance(found, AnswerFound):
            # Whoever hears so gives up.
            self._amid.pop(link.conn, None)
            self._context.send(link, ReconcileAnswer(message.number))
            return
        also = self._only_in_memory() if message.begins else NO_ENTRIES
        self._context.send(link, encode_answer(message.number, found.answer, found.whole, also))

    def _only_in_memory(self) -> EntryRuns:
        """Entries that this node has and its disk has not taken."""
        return runs_of(list(self._replication.unpersisted.entry_ids)[-ALSO_MAX:])

    @takes(ReconcileDone)
    def _done(self, link: Link, message: ReconcileDone) -> None:
        self._amid.pop(link.conn, None)
        if message.number == self._comparing.get(link.conn) and not message.lacking:
            link.has_everything = True
        self.on_asked(link)

    @takes(ReconcileGaps)
    def _gaps(self, link: Link, message: ReconcileGaps) -> None:
        try:
            gaps = decode_runs(message.entries)
            if sum(map(len, gaps.values())) > GAPS_MAX:
                raise ValueError(f"more than {GAPS_MAX} gaps are asked about at once")
        except ValueError as error:
            self._context.invalid(link, f"RECONCILE_GAPS: {error}")
            return
        if self._may_ask(link):
            self._summary.ask(link, DroppedWanted(gaps), partial(self._dropped, link, message.number))

    def _dropped(self, link: Link, number: int, found: SummaryAnswer | None) -> None:
        self._answering.discard(link.conn)
        dropped = found.entries if isinstance(found, DroppedFound) else NO_ENTRIES
        self._context.send(link, ReconcileDropped(number, encode_runs(dropped)))

    # --- entries ------------------------------------------------------------------------------------------------------

    @takes(ReconcileWant)
    def _wanted(self, link: Link, message: ReconcileWant) -> None:
        try:
            runs = decode_runs(message.entries, WANTED_MAX)
        except ValueError as error:
            self._context.invalid(link, f"RECONCILE_WANT: {error}")
            return
        if not self._may_ask(link):
            return
        token = self._context.token()
        self._fetching[token] = (link, message, runs)
        if RECORDS in link.features:
            self._context.actions.append(FetchRecords(token, Wanted(runs, RECORD_PAGE_BYTES)))
        else:
            self._context.actions.append(FetchPage(token, Wanted(runs), link.conn))

    def fetched(self, token: int, page: Page | FoundRuns | None) -> bool:
        """The answer to a FetchPage; whether the question was this part's."""
        fetching = self._fetching.pop(token, None)
        if fetching is None:
            return False
        link, wanted, runs = fetching
        if self._neighbours.is_neighbour(link):
            page = page if isinstance(page, Page) else Page((), {}, False)
            entries = self._replication.unpersisted.among(page.entries, runs)
            self._send(link, wanted, [], entries, page.left)
        return True

    def records_fetched(self, token: int, page: RecordPage | None) -> bool:
        """The answer to a FetchRecords; whether the question was this part's."""
        fetching = self._fetching.pop(token, None)
        if fetching is None:
            return False
        link, wanted, runs = fetching
        if self._neighbours.is_neighbour(link):
            page = page or RecordPage((), {}, False)
            records, entries = self._replication.unpersisted.as_they_came(runs)
            self._send(link, wanted, [*page.records, *records], entries, page.left)
        return True

    def _send(
        self, link: Link, wanted: ReconcileWant, records: Sequence[LogRecord], entries: Sequence[Entry], left: EntryRuns
    ) -> None:
        self._answering.discard(link.conn)
        count = len(entries) + sum(record.last - record.first + 1 for record in records)
        self._context.trace("sync", conn=link.conn, step="answer", server=link.remote_id, entries=count)
        sent = frozenset() if wanted.again else self._neighbours.sent_over(link)
        for record in records:
            if not is_sent(record, sent):
                self._context.send(link, frame_of_record(record))
        for entry in entries:
            if entry.id not in sent:
                self._context.send(link, frame_of(entry))
        self._context.send(link, ReconcileSent(wanted.number, encode_runs(left)))


def is_sent(record: LogRecord, sent: Container[EntryId]) -> bool:
    """Whether all entries of a record are among these."""
    stream = record.stream
    return all(EntryId(*stream, number) in sent for first, last in record.spans for number in range(first, last + 1))
