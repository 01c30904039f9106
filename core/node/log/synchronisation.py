"""Synchronisation: two neighbours compare what they have, and send each other what is missing (anti-entropy).

Demers et al., "Epidemic Algorithms for Replicated Database Maintenance", 1987. A node asks when a link comes up or
becomes eager, when it sees a gap, and when a neighbour's periodic digest differs from its own; whoever asks sets the
pace. Neighbours that know how reconcile their sets (`Reconciliation`). One of a version before is asked with a version
vector (`SYNC_REQUEST`), and answers with entries, page by page; a vector has a number for every start of every server.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from core.node.interface.actions import FetchPage, FetchRecords
from core.node.kernel.connections import Link
from core.node.kernel.context import RECORDS, Context
from core.node.kernel.takers import takes
from core.node.log.answering import RECORD_PAGE_BYTES, is_sent
from core.node.log.entry_messages import frame_of, frame_of_record
from core.node.log.reconciling import Reconciliation
from core.node.log.replication import Replication
from core.node.neighbours.neighbours import Neighbours
from core.node.trust.known_keys import KnownKeys
from core.wire.entries import Fetch, Page, Stream, decode_vector
from core.wire.entry_runs import Spans
from core.wire.messages import SyncDigest, SyncDone, SyncRequest
from core.wire.missing import FoundRuns
from core.wire.records import RecordPage
from core.wire.vector_lines import vector_in_line

GONE_MAX: Final = 20_000
"""Streams of which one neighbour may say that nothing is left of their ends, while nobody else does."""
LACK_WAIT: Final = 0.5
"""Seconds between learning that a neighbour has more and asking for it."""

IN_VAIN_MAX: Final = 3
"""Pages in a row that bring nothing, after which it is not believed that there is more."""

DIGEST_PATIENCE: Final = 1.0
"""Seconds between seeing a digest that differs and asking. What makes the difference is mostly on its way: asked for at
once, it would come twice (one broadcast in 100 of a simulated network that was otherwise at rest)."""

RECORD_PAGE_ENTRIES: Final = 4_000
"""Entries of a page of records, about: whoever asks has a round trip for each page."""


class Synchronisation:
    """Asks neighbours for what is missing here, and answers them."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        replication: Replication,
        reconciliation: Reconciliation,
        known_keys: KnownKeys,
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._replication = replication
        self._reconciliation = reconciliation
        self._known_keys = known_keys
        self._answering: dict[int, tuple[Link, Fetch, bool]] = {}
        self._received: dict[int, tuple[int, int, int]] = {}
        """By link: how many entries have come, how many had before the last page, and how many pages in a row brought
        nothing."""
        reconciliation.comparisons.on_page = lambda conn, then: self.on_page(conn, then)
        self.on_requested: Callable[[Link], None] = lambda link: None
        """Told of each neighbour that has asked, and so said what it has."""
        self.on_over: Callable[[int], None] = lambda conn: None
        """Told of the connection over which a page has come to its end, or which has ended itself."""
        self.on_page: Callable[[int, Callable[[], None]], None] = lambda conn, then: then()
        """The same of a page behind which another one is coming already; it goes on with the function once all of it
        has been taken in."""
        self.on_done: list[Callable[[Link], None]] = []
        """Told of each neighbour that has sent what it had, or the next part of it."""

    @property
    def reading(self) -> int:
        """Pages being read for neighbours."""
        return len(self._answering)

    def broken(self) -> Iterator[str]:
        """What does not hold of what was asked."""
        for conn in self._received:
            if self._context.connections.link(conn) is None:
                yield f"link {conn} is gone, and entries are counted over it"

    def start(self) -> None:
        self._schedule()

    def _schedule(self) -> None:
        interval = self._context.config.sync_interval * (0.75 + 0.5 * self._context.rng.random())
        self._context.timers.set("digest", self._context.after(interval), self._send_digests)

    def _send_digests(self) -> None:
        alike: list[Link] = []
        for link in self._neighbours:
            if self._reconciles(link):
                if self._reconciliation.is_digest_needed(link):
                    self._reconciliation.send_digest(link)
            elif link.gone_there:
                self._neighbours.compare(partial(self._digest_for, link), [link])
            else:
                alike.append(link)
        self._neighbours.compare(self.digest, alike)
        self._schedule()

    def _reconciles(self, link: Link) -> bool:
        return self._reconciliation.applies_to(link)

    def digest(self) -> str:
        """A hash of what this node has."""
        return _digest_of(self._replication.vector.contiguous)

    def _digest_for(self, link: Link) -> str:
        """The same with what a neighbour says to be gone: there is nothing to be had from it."""
        if not link.gone_there:
            return self.digest()
        contiguous = dict(self._replication.vector.contiguous)
        contiguous.update((stream, self._upto(link, stream)) for stream in link.gone_there)
        return _digest_of(contiguous)

    def _upto(self, link: Link, stream: Stream) -> int:
        """Up to which number of a stream a neighbour has nothing that is missing here, as far as that is known."""
        return max(self._replication.vector.upto(stream), link.gone_there.get(stream, 0))

    def _lacks(self, link: Link, seen: Mapping[Stream, int]) -> bool:
        return any(upto > self._upto(link, stream) for stream, upto in seen.items())

    def request(self, link: Link, *, leaves: bool = False) -> None:
        """Ask a neighbour for what it has beyond this node. One that `leaves` may have something by now."""
        if self._reconciles(link):
            if leaves:
                self._reconciliation.answering.is_no_newcomer(link)
            self._reconciliation.comparisons.begin(link)
            return
        again = not self._replication.damaged.are_whole
        if self._neighbours.request_missing(link, lambda: self._vector_for(link), again=again):
            self._context.trace("sync", conn=link.conn, step="ask", server=link.remote_id)
            self._received[link.conn] = (0, 0, 0)

    def _vector_for(self, link: Link) -> dict[Stream, int]:
        """What this node has, as it tells a neighbour: what that one says to be gone it is not asked for again. Others
        are."""
        vector = self._replication.durable_vector()
        for stream, upto in link.gone_there.items():
            vector[stream] = max(upto, vector.get(stream, 0))
        return vector

    @takes(SyncDigest)
    def digest_received(self, link: Link, message: SyncDigest) -> None:
        if message.digest == self._digest_for(link):
            return

        def look_again() -> None:
            if message.digest != self._digest_for(link):
                self.request(link)

        timer = ("differs", link.conn)
        if timer not in self._context.timers:
            self._context.timers.set(timer, self._context.after(DIGEST_PATIENCE), look_again)

    @takes(SyncRequest)
    def requested(self, link: Link, message: SyncRequest) -> None:
        """A neighbour asks for what it misses."""
        self._answer(link, message)
        self.on_requested(link)

    def _answer(self, link: Link, message: SyncRequest) -> None:
        try:
            seen = decode_vector(message.vector)
        except ValueError as error:
            self._context.invalid(link, f"SYNC_REQUEST: {error}")
            return
        link.peer_has = dict(message.vector)
        self._context.trace("sync", conn=link.conn, step="asked", server=link.remote_id, streams=len(seen))
        vector = self._replication.vector
        if self._lacks(link, seen) and ("lacks", link.conn) not in self._context.timers:
            # What is under way here anyway will have come by then.
            self._context.timers.set(
                ("lacks", link.conn), self._context.after(LACK_WAIT), partial(self._request_if_lacking, link, seen)
            )
        if not vector.gaps() and not any(upto > seen.get(stream, 0) for stream, upto in vector.contiguous.items()):
            self._context.send(link, SyncDone(vector=vector_in_line(self._replication.durable_vector())))
            return
        token = self._context.token()
        if RECORDS in link.features:
            query = Fetch(seen, entries_max=RECORD_PAGE_ENTRIES, bytes_max=RECORD_PAGE_BYTES)
            self._context.actions.append(FetchRecords(token, query))
        else:
            query = Fetch(seen)
            self._context.actions.append(FetchPage(token, query))
        self._answering[token] = (link, query, message.again)

    def _request_if_lacking(self, link: Link, seen: dict[Stream, int]) -> None:
        if self._lacks(link, seen):
            self.request(link)

    def fetched(self, token: int, page: Page | FoundRuns | None) -> bool:
        """The answer to a FetchPage; whether the question was this part's."""
        answering = self._answering.pop(token, None)
        if answering is None:
            return False
        link, query, again = answering
        if not self._neighbours.is_neighbour(link):
            return True
        if not isinstance(page, Page):
            self._context.send(link, SyncDone())
            return True
        self._trace_answer(link, len(page.entries), more=page.more)
        sent = frozenset() if again else self._neighbours.sent_over(link)
        for entry in page.entries if page.more else self._replication.unpersisted.completed(page, query):
            if entry.id not in sent:
                self._context.send(link, frame_of(entry))
        self._send_done(link, page)
        return True

    def records_fetched(self, token: int, page: RecordPage | None) -> bool:
        """The answer to a FetchRecords; whether the question was this part's."""
        answering = self._answering.pop(token, None)
        if answering is None:
            return False
        link, query, again = answering
        if not self._neighbours.is_neighbour(link):
            return True
        if page is None:
            self._context.send(link, SyncDone())
            return True
        self._trace_answer(link, sum(record.last - record.first + 1 for record in page.records), more=page.more)
        sent = frozenset() if again else self._neighbours.sent_over(link)
        records, entries = ([], []) if page.more else self._replication.unpersisted.beyond(query.seen)
        for record in (*page.records, *records):
            if not is_sent(record, sent):
                self._context.send(link, frame_of_record(record))
        for entry in entries:
            if entry.id not in sent:
                self._context.send(link, frame_of(entry))
        self._send_done(link, page)
        return True

    def _trace_answer(self, link: Link, entries: int, *, more: bool) -> None:
        self._context.trace("sync", conn=link.conn, step="answer", server=link.remote_id, entries=entries, more=more)

    def _send_done(self, link: Link, page: Page | RecordPage) -> None:
        vector = vector_in_line(self._replication.durable_vector())
        self._context.send(link, SyncDone(upto=vector_in_line(page.upto), more=page.more, vector=vector))

    def entries_received(self, link: Link, stream: Stream, spans: Spans, new: int) -> None:
        """Entries of one stream came over a link, of which so many were new: there may be more where they come from."""
        if not self._neighbours.is_neighbour(link):
            return
        if self._reconciles(link):
            self._reconciliation.comparisons.entries_received(link, stream, spans, new)
            return
        if self._replication.vector.has_gap(stream, link.gone_there.get(stream, 0)):
            self.request(link)
        if link.asked:
            received, before, in_vain = self._received.get(link.conn, (0, 0, 0))
            self._received[link.conn] = (received + new, before, in_vain)

    def awaits(self, link: Link, stream: Stream, spans: Spans) -> bool:
        """Whether entries may be part of an answer for which a neighbour was asked."""
        if self._reconciles(link):
            return self._reconciliation.comparisons.awaits(link, stream, spans)
        return link.asked

    @takes(SyncDone)
    def done(self, link: Link, message: SyncDone) -> None:
        """A neighbour has sent what it had."""
        self._take_note(link, message)
        for told in self.on_done:
            told(link)

    def _take_note(self, link: Link, message: SyncDone) -> None:
        if not link.asked:
            return
        self.on_over(link.conn)
        link.asked = False
        try:
            upto = decode_vector(message.upto)
        except ValueError as error:
            self._context.invalid(link, f"SYNC_DONE: {error}")
            return
        link.peer_has = dict(message.vector)
        marked = False
        for stream, number in upto.items():
            if self._known_keys.believes_mark(link, stream):
                if self._replication.room.admits_stream(stream, link.conn):
                    marked |= self._replication.mark(stream, number)
            elif number > self._upto(link, stream) and len(link.gone_there) < GONE_MAX:
                link.gone_there[stream] = number
                marked = True
        received, before, in_vain = self._received.get(link.conn, (0, 0, 0))
        in_vain = 0 if marked or received > before else in_vain + 1
        if message.more and in_vain <= IN_VAIN_MAX:
            self.request(link)
            self._received[link.conn] = (received, received, in_vain)
            return
        self._received.pop(link.conn, None)
        self._neighbours.missing_came(link, received)

    def link_closed(self, conn: int) -> None:
        self.on_over(conn)
        self._reconciliation.link_closed(conn)
        self._received.pop(conn, None)
        self._context.timers.cancel(("differs", conn))
        self._context.timers.cancel(("lacks", conn))


def _digest_of(contiguous: Mapping[Stream, int]) -> str:
    hasher = hashlib.blake2b(digest_size=8)
    for stream, upto in sorted(contiguous.items()):
        hasher.update(f"{stream}:{upto};".encode())
    return hasher.hexdigest()
