"""Documents that two neighbours have: compared, and what one lacks asked for.

Each tells the other a sum of all when a link comes up, and every `sync_interval`. Who has something else asks, and so
sets the pace: by sums of buckets, then by what is listed of those that differ, page by page, then for the documents
themselves. Who answers remembers nothing. So it costs one short message where nothing differs, and a few kilobytes
beside what differs where something does (a hash tree of one level: Merkle, 1987; Demers et al., "Epidemic algorithms
for replicated database maintenance", 1987).
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from core.admission.token_bucket import TokenBucket
from core.node.documents.document_table import bucket_of
from core.node.documents.documents import Documents, message_of
from core.node.kernel.connections import Link
from core.node.kernel.context import DOCUMENTS, Context
from core.node.kernel.takers import takes
from core.node.neighbours.neighbours import Neighbours
from core.reconciliation.item_order import NOTHING, Fingerprint, decode_sum, encode_sum
from core.wire.account_documents import PRINT_BYTES
from core.wire.messages import (
    BUCKETS,
    LISTED_MAX,
    PLACE_CHARACTERS,
    WANTED_MAX,
    DocumentsCompare,
    DocumentsDigest,
    DocumentsDone,
    DocumentsListed,
    DocumentsSent,
    DocumentsWant,
    SignedDocument,
)

TAKEN_A_SECOND: Final = 500.0
"""Documents that are looked at, of one neighbour, a second: each has a signature, which takes a tenth of a
millisecond."""
TAKEN_AT_ONCE: Final = 2_000.0
"""The same at once. What comes of its own accord, and is more, is not looked at: a comparison brings it."""
ANSWER_LIMIT: Final = 30.0
"""Seconds after which a neighbour that has not answered is not waited for: the next digest begins anew."""
SOON: Final = 0.5
"""Seconds until what came too early is asked for again; then twice as long, until the digests are as frequent."""
IN_VAIN_MAX: Final = 100
"""Lists in a row with nothing that is wanted, after which a comparison ends: nobody who has much in common has so many
buckets that differ."""
PAUSE_MAX: Final = 60.0
"""Seconds until the same difference is looked at again, at most, at which a comparison has brought nothing."""


class _Comparison:
    """What is being found out of a neighbour."""

    __slots__ = (
        "after",
        "asked",
        "difference",
        "failed",
        "in_vain",
        "is_open",
        "link",
        "number",
        "owed",
        "received",
        "too_early",
        "unsynced",
        "wanted",
    )

    def __init__(self, link: Link, number: int, difference: Fingerprint) -> None:
        self.link = link
        self.number = number
        self.difference = difference
        self.after: str | None = ""
        """Up to which place everything is listed; None: to the end."""
        self.wanted: deque[str] = deque()
        self.asked: set[str] = set()
        self.is_open = False
        """Whether a question is not answered."""
        self.received = 0
        self.unsynced = 0
        """Of what has been received, how many are not durable yet."""
        self.failed = False
        self.in_vain = 0
        """How many lists in a row had nothing that is wanted."""
        self.too_early = False
        """Whether something is listed that may be wanted later."""
        self.owed: int | None = None
        """The digest of which the neighbour waits to hear that all is durable here."""


class _Outlook:
    """What is known of a neighbour, from one comparison to the next."""

    __slots__ = ("budget", "not_before", "owed", "pause", "settled", "soon")

    def __init__(self, budget: TokenBucket) -> None:
        self.budget = budget
        self.settled = NOTHING
        self.pause = 0.0
        self.soon = 0.0
        """How long it was waited last for what had come too early."""
        self.not_before = 0.0
        self.owed: int | None = None
        """A digest that came during a comparison, and of which the neighbour waits to hear."""


class DocumentComparisons:
    """Finds out what neighbours have of documents, and tells them what there is here."""

    def __init__(self, context: Context, neighbours: Neighbours, documents: Documents) -> None:
        self._context = context
        self._neighbours = neighbours
        self._documents = documents
        self._table = documents.table
        self._number = 0
        self._comparisons: dict[int, _Comparison] = {}
        self._outlooks: dict[int, _Outlook] = {}
        self._awaited: dict[int, int] = {}
        """By connection: the digest of which this node waits to hear."""
        self.on_all_there: Callable[[Link], None] = lambda link: None
        """Told of a neighbour that has all documents of this node (`ask_for_all`)."""
        documents.on_kept = self._all_kept

    def __len__(self) -> int:
        return len(self._comparisons)

    def broken(self) -> Iterator[str]:
        """What does not hold of comparisons."""
        for conn in (*self._comparisons, *self._outlooks, *self._awaited):
            if self._context.connections.link(conn) is None:
                yield f"link {conn} is gone, and documents are compared over it"

    def start(self) -> None:
        """The node begins."""
        if self._documents.enabled:
            self._schedule()

    def _schedule(self) -> None:
        interval = self._context.config.sync_interval * (0.75 + 0.5 * self._context.rng.random())
        self._context.timers.set("documents", self._context.after(interval), self._tell_all)

    def _tell_all(self) -> None:
        self._documents.look_at_dates()
        for link in self._neighbours:
            self._tell(link)
        self._schedule()

    def linked(self, link: Link) -> None:
        """There is a neighbour: it is told what is here."""
        self._documents.look_at_dates()
        self._tell(link)

    def link_closed(self, conn: int) -> None:
        """A link has gone."""
        self._end(conn)
        self._outlooks.pop(conn, None)
        self._awaited.pop(conn, None)

    def _knows(self, link: Link) -> bool:
        """Whether a neighbour and this node both keep documents."""
        return self._documents.enabled and DOCUMENTS in link.features

    def _tell(self, link: Link, *, asks: bool = False) -> int:
        self._number += 1
        if self._knows(link):
            whole = self._table.whole
            self._context.send(link, DocumentsDigest(self._number, whole.size, encode_sum(whole.sum), asks))
        return self._number

    # --- whether everything is there ----------------------------------------------------------------------------------

    def ask_for_all(self, link: Link) -> None:
        """Have a neighbour take all that is here, and say so."""
        if self._knows(link):
            self._awaited[link.conn] = self._tell(link, asks=True)

    def has_all(self, link: Link) -> bool:
        """Whether it has said so, or takes none."""
        return link.conn not in self._awaited

    @takes(DocumentsDone)
    def _done(self, link: Link, message: DocumentsDone) -> None:
        if self._awaited.get(link.conn) == message.number:
            del self._awaited[link.conn]
            self.on_all_there(link)

    # --- finding out --------------------------------------------------------------------------------------------------

    def _outlook(self, link: Link) -> _Outlook:
        found = self._outlooks.get(link.conn)
        if found is None:
            budget = TokenBucket(TAKEN_A_SECOND, TAKEN_AT_ONCE, self._context.now.monotonic)
            found = self._outlooks[link.conn] = _Outlook(budget)
        return found

    @takes(DocumentsDigest)
    def _digest(self, link: Link, message: DocumentsDigest) -> None:
        try:
            theirs = Fingerprint(message.size, decode_sum(message.sum))
        except ValueError as error:
            self._context.invalid(link, f"DOCUMENTS_DIGEST: {error}")
            return
        if not self._documents.enabled:
            return
        outlook = self._outlook(link)
        difference = self._table.whole.minus(theirs)
        if difference == NOTHING:
            outlook.pause = outlook.not_before = 0.0
            if message.asks:
                self._context.send(link, DocumentsDone(message.number))
        elif link.conn in self._comparisons:
            outlook.owed = message.number if message.asks else outlook.owed
        elif message.asks:
            outlook.owed = message.number
            self._begin(link, difference)
        elif self._documents.being_kept:
            # What makes the difference may be on its way to the disk.
            return
        elif difference != outlook.settled or self._context.now.monotonic >= outlook.not_before:
            self._begin(link, difference)

    def _begin(self, link: Link, difference: Fingerprint) -> None:
        self._number += 1
        comparison = _Comparison(link, self._number, difference)
        outlook = self._outlook(link)
        comparison.owed, outlook.owed = outlook.owed, None
        self._comparisons[link.conn] = comparison
        self._ask(comparison, "")

    def _begin_again(self, link: Link) -> None:
        if link.conn not in self._comparisons:
            self._begin(link, NOTHING)

    def _ask(self, comparison: _Comparison, after: str) -> None:
        first = bucket_of(after or "00")
        sums = [_print(self._table.sum_of(bucket)) for bucket in range(first, BUCKETS)]
        if after:
            # Of this one what is behind is to be listed, whatever it is.
            sums[0] = ""
        comparison.is_open = True
        self._wait_for_answer(comparison)
        self._context.send(comparison.link, DocumentsCompare(comparison.number, sums, after))

    def _wait_for_answer(self, comparison: _Comparison) -> None:
        conn = comparison.link.conn
        self._context.timers.set(("documents", conn), self._context.after(ANSWER_LIMIT), partial(self._end, conn))

    def _end(self, conn: int) -> None:
        self._context.timers.cancel(("documents", conn))
        self._comparisons.pop(conn, None)

    @takes(DocumentsListed)
    def _listed(self, link: Link, message: DocumentsListed) -> None:
        comparison = self._comparisons.get(link.conn)
        if comparison is None or comparison.number != message.number or comparison.after is None:
            return
        if message.after and (message.after <= comparison.after or not _is_place(message.after)):
            self._context.invalid(link, "DOCUMENTS_LISTED: it does not go on")
            return
        comparison.is_open = False
        comparison.after = message.after or None
        for claim, stamp, node, print_there, size in message.versions:
            if self._documents.wants(claim, stamp, str(node), size, partial(_is_print, print_there)):
                comparison.wanted.append(claim)
            comparison.too_early |= self._documents.comes_too_early(claim, stamp)
        comparison.in_vain = 0 if comparison.wanted else comparison.in_vain + 1
        if comparison.in_vain > IN_VAIN_MAX:
            # Who lists what does not count for ever is asked less.
            comparison.after, comparison.too_early = None, False
        self._go_on(comparison)

    def _go_on(self, comparison: _Comparison) -> None:
        """Ask for what is wanted, then for the next list; or see whether it is over."""
        conn = comparison.link.conn
        if self._comparisons.get(conn) is not comparison or comparison.is_open:
            return
        if comparison.wanted:
            claims = [comparison.wanted.popleft() for _ in range(min(WANTED_MAX, len(comparison.wanted)))]
            comparison.asked.update(claims)
            comparison.is_open = True
            owed = self._outlook(comparison.link).budget.spend(len(claims), self._context.now.monotonic)
            if owed:
                at = self._context.after(owed)
                self._context.timers.set(("documents", conn), at, partial(self._want, comparison, claims))
            else:
                self._want(comparison, claims)
        elif comparison.after is not None:
            self._ask(comparison, comparison.after)
        else:
            self._look_whether_over(comparison)

    def _want(self, comparison: _Comparison, claims: list[str]) -> None:
        self._wait_for_answer(comparison)
        self._context.send(comparison.link, DocumentsWant(comparison.number, claims))

    @takes(DocumentsSent)
    def _sent(self, link: Link, message: DocumentsSent) -> None:
        comparison = self._comparisons.get(link.conn)
        if comparison is not None and comparison.number == message.number:
            comparison.asked.clear()
            comparison.is_open = False
            self._go_on(comparison)

    @takes(SignedDocument)
    def _document(self, link: Link, message: SignedDocument) -> None:
        if not self._documents.enabled:
            return
        comparison = self._comparisons.get(link.conn)
        if comparison is None or message.claim not in comparison.asked:
            if not self._outlook(link).budget.take(self._context.now.monotonic):
                self._documents.receive(link, message, lambda problem: None)
            return
        comparison.asked.discard(message.claim)

        def kept(problem: str | None) -> None:
            comparison.unsynced -= 1
            comparison.failed |= problem is not None
            self._look_whether_over(comparison)

        if self._documents.receive(link, message, kept):
            comparison.received += 1
            comparison.unsynced += 1

    def _all_kept(self) -> None:
        for comparison in list(self._comparisons.values()):
            self._look_whether_over(comparison)

    def _look_whether_over(self, comparison: _Comparison) -> None:
        link = comparison.link
        if self._comparisons.get(link.conn) is not comparison or comparison.is_open or comparison.wanted:
            return
        if comparison.after is not None or comparison.unsynced:
            return
        if comparison.owed is not None and self._documents.being_kept:
            self._wait_for_answer(comparison)
            return
        self._end(link.conn)
        outlook = self._outlook(link)
        if comparison.owed is not None and not comparison.failed:
            self._context.send(link, DocumentsDone(comparison.owed))
        if not comparison.too_early:
            outlook.soon = 0.0
        if comparison.received:
            outlook.pause = outlook.not_before = 0.0
        else:
            outlook.settled = comparison.difference
            interval = self._context.config.sync_interval
            outlook.pause = 0.0 if comparison.too_early else min(max(2 * outlook.pause, interval), PAUSE_MAX)
            outlook.not_before = self._context.after(outlook.pause)
        if outlook.owed is not None:
            self._begin(link, NOTHING)
        elif comparison.too_early and 2 * outlook.soon < self._context.config.sync_interval:
            # Where a server is new, accounts come at the same time.
            outlook.soon = max(2 * outlook.soon, SOON)
            again = partial(self._begin_again, link)
            self._context.timers.set(("documents", link.conn), self._context.after(outlook.soon), again)

    # --- answering ----------------------------------------------------------------------------------------------------

    @takes(DocumentsCompare)
    def _compare(self, link: Link, message: DocumentsCompare) -> None:
        after = message.after
        first = bucket_of(after) if _is_place(after) else 0
        if (after and not _is_place(after)) or len(message.sums) != BUCKETS - first:
            self._context.invalid(link, "DOCUMENTS_COMPARE: not a sum for each bucket")
            return
        listed: list[tuple[str, int, str, str, int]] = []
        upto = ""
        for bucket, theirs in enumerate(message.sums, first):
            if theirs and theirs == _print(self._table.sum_of(bucket)):
                continue
            for place, held in self._table.behind(after, bucket):
                if len(listed) == LISTED_MAX:
                    self._context.send(link, DocumentsListed(message.number, listed, upto))
                    return
                version = held.version
                size = len(version.body)
                listed.append((version.claim, version.stamp, version.node, _print_of(held.digest), size))
                upto = place
        self._context.send(link, DocumentsListed(message.number, listed))

    @takes(DocumentsWant)
    def _wanted(self, link: Link, message: DocumentsWant) -> None:
        found = [self._table.get(claim) for claim in message.claims]
        self._context.send_all(
            link, [*(message_of(one) for one in found if one is not None), DocumentsSent(message.number)]
        )


def _print(sums: Fingerprint) -> str:
    return base64.b64encode(sums.print).decode("ascii")


def _print_of(digest: bytes) -> str:
    return base64.b64encode(digest[:PRINT_BYTES]).decode("ascii")


def _is_print(print_there: str, digest: bytes) -> bool:
    return _print_of(digest) == print_there


def _is_place(text: str) -> bool:
    return len(text) == PLACE_CHARACTERS and text.isascii() and all(one in "0123456789abcdef" for one in text)
