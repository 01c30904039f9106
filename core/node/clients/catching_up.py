"""Catching up: a client that comes back, or wants history, is sent the past page by page, and then joins what is live.

What is delivered meanwhile waits in the session's backlog and follows the last page; so nothing is missing at the seam
between the two, and nothing comes twice.

What somebody missed who says where they were is found first, as runs of numbers, and then sent. It costs by what came
since, and not by how many streams there are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Final

from msgspec.structs import replace

from core.node.clients.pages import in_senders_order
from core.node.clients.resumption import Resumption
from core.node.interface.actions import FetchPage, Subscribe, Unsubscribe
from core.node.kernel.connections import Session
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.states import ConnectionState
from core.node.kernel.takers import takes
from core.node.log.entry_messages import frame_for
from core.node.log.repair import Repair
from core.node.log.replication import Replication
from core.wire.entries import Entry, EntryId, Fetch, Page, Stream
from core.wire.entry_runs import NO_ENTRIES, EntryRuns, is_in, union
from core.wire.holdings import decode_holdings
from core.wire.idempotency import idempotency_fingerprint
from core.wire.messages import CaughtUp, Have, HaveRequest
from core.wire.missing import FindArrived, FindDated, FoundRuns, Missing, PageQuery

FINGERPRINTS_SENT_MAX: Final = 10_000
"""Remembered while a client catches up: two servers accept one activity within moments, if they do."""
FOUND_RUNS_MAX: Final = 50_000
"""Runs of what a client missed that are looked for at once; the rest when they have been sent."""
HAVE_RUNS_MAX: Final = 8_192
"""Runs of what a client has that are heard of it."""
COPIES_MAX: Final = 10_000
"""Copies that came while somebody caught up, the latest of them."""
ASKED_MAX: Final = 16
"""Clients that are asked at a time for what they have; others wait."""
HAVE_LIMIT: Final = 30.0
"""Seconds that a client may take to say what it has."""


class _Search:
    """What somebody missed who says where they were."""

    __slots__ = ("copies_before", "failed", "found", "missed", "only_here", "rest", "resumption")

    def __init__(self, resumption: Resumption, copies_before: int) -> None:
        self.resumption = resumption
        self.copies_before = copies_before
        """How many copies of what had come before had been noted when it began."""
        self.found: list[EntryRuns] = []
        self.rest: FindArrived | FindDated | None = None
        """What is still to be looked for."""
        self.missed: EntryRuns = {}
        self.only_here: frozenset[EntryId] = frozenset()
        """What of it only the memory has, all that there was of it."""
        self.failed = False
        """The store could not be read: something may be missing."""


class CatchingUp:
    """Reads the past for the node's clients; of each, one page at a time."""

    def __init__(self, context: Context, replication: Replication, repair: Repair) -> None:
        self._context = context
        self._replication = replication
        self._repair = repair
        self._delayed: list[tuple[Session, PageQuery, _Search | None]] = []
        """What is read again once damaged entries have come that would be in it."""
        repair.on_over = self._go_on
        self._reading: dict[int, tuple[Session, PageQuery, _Search | None]] = {}
        self._asked: dict[int, tuple[Session, _Search]] = {}
        """Clients that are saying what they have."""
        self._to_be_asked: deque[tuple[Session, _Search]] = deque()
        self._copies: dict[EntryId, int] = {}
        """What came while somebody caught up and was not delivered, as a copy: its number among all of these."""
        self._copies_noted = 0
        replication.delivery.on_copy.append(self._note_copy)
        self.place: Callable[[Session], tuple[tuple[int, int] | None, Mapping[str, list[int]]]]
        self.place = lambda session: (None, {})
        """What a client is told of where it is, and what it is lacking there."""

    @property
    def reading(self) -> int:
        """Pages of history being read for clients."""
        return len(self._reading) + len(self._delayed)

    @property
    def asking(self) -> int:
        """Clients that are to say what they have."""
        return len(self._asked) + len(self._to_be_asked)

    def start(self, session: Session, wish: Fetch | Resumption) -> None:
        """Send a client what it has not had, or the newest activities that it asks for."""
        self.forget(session)
        self._context.actions.append(Unsubscribe(session.conn))
        session.backlog = {}
        session.backlog_bytes = 0
        session.caught_up = 0
        session.backlog_fingerprints = {}
        session.only_here = None
        session.damage_known = self._repair.times_found
        session.fingerprints_sent = {}
        self._context.connections.catching_up[session.conn] = session
        fetch = wish if isinstance(wish, Fetch) else None
        self._context.trace(
            "history",
            conn=session.conn,
            step="begin",
            user=session.user,
            streams=None if fetch is None or fetch.newest is not None else len(fetch.seen),
            newest=None if fetch is None else fetch.newest,
            after=wish.after if isinstance(wish, Resumption) else None,
        )
        if session.reading:
            # One page at a time, however often a client logs in: what the earlier login asked for is dropped.
            session.wanted = wish
        else:
            self._begin(session, wish)

    def forget(self, session: Session) -> None:
        """The client is gone, or asks for something else: it need not say what it has."""
        if self._asked.pop(session.conn, None) is not None:
            self._context.timers.cancel(("have", session.conn))
            self._ask_next()
        elif self._to_be_asked:
            self._to_be_asked = deque(one for one in self._to_be_asked if one[0] is not session)

    def _begin(self, session: Session, wish: Fetch | Resumption) -> None:
        if isinstance(wish, Fetch):
            self._read(session, wish, None)
            return
        search = _Search(wish, self._copies_noted)
        if wish.after is not None:
            self._read(session, FindArrived(wish.after), search)
        else:
            self._begin_by_stamp(session, search)

    def _begin_by_stamp(self, session: Session, search: _Search) -> None:
        if search.resumption.more:
            self._to_be_asked.append((session, search))
            self._ask_next()
        else:
            self._look_for_dated(session, search)

    # --- what somebody has --------------------------------------------------------------------------------------------

    def _ask_next(self) -> None:
        while self._to_be_asked and len(self._asked) < ASKED_MAX:
            session, search = self._to_be_asked.popleft()
            self._asked[session.conn] = (session, search)
            self._context.send(session, HaveRequest())
            self._context.timers.set(
                ("have", session.conn),
                self._context.after(HAVE_LIMIT),
                partial(self._context.close, session, "it did not say what it has"),
            )

    @takes(Handler.HAVE)
    def _has(self, session: Session, message: Have) -> None:
        if session.conn not in self._asked:
            # It was asked before it logged in again.
            return
        _, search = self._asked[session.conn]
        holdings = search.resumption.holdings
        assert holdings is not None, "whoever is asked for the rest"
        try:
            for stream, numbers in decode_holdings(message.entries):
                holdings.put(stream, numbers, 0)
            if len(holdings) > HAVE_RUNS_MAX:
                raise ValueError(f"more than {HAVE_RUNS_MAX} runs")
        except ValueError as error:
            self._context.invalid(session, f"HAVE: {error}")
            return
        if not message.more:
            search.resumption = replace(search.resumption, more=False)
            self.forget(session)
            self._look_for_dated(session, search)

    def _look_for_dated(self, session: Session, search: _Search) -> None:
        """Of streams that are listed the numbers tell what is missing, of others the stamps."""
        holdings, vector = search.resumption.holdings, self._replication.vector
        assert holdings is not None, "whoever does not say where they were"
        # What is damaged may have come again by the time at which it is sent.
        damaged = self._replication.damaged.missing
        for stream, part in holdings.streams.items():
            for had_here in (vector.spans(stream), damaged.get(stream, ())):
                spans = tuple(part.missing_of(had_here))
                if spans:
                    search.found.append({stream: spans})
        floors = {stream: part.floor for stream, part in holdings.streams.items()}
        self._read(session, FindDated(holdings.since, floors, sums=search.resumption.sums), search)

    # --- reading ------------------------------------------------------------------------------------------------------

    def _read(self, session: Session, query: PageQuery, search: _Search | None) -> None:
        session.reading = True
        token = self._context.token()
        self._reading[token] = (session, query, search)
        self._context.actions.append(FetchPage(token, query, session.conn))

    def fetched(self, token: int, page: Page | FoundRuns | None) -> bool:
        """The answer to a FetchPage; whether the question was this part's."""
        reading = self._reading.pop(token, None)
        if reading is None:
            return False
        session, query, search = reading
        session.reading = False
        if session.backlog is None or session.state is ConnectionState.CLOSING:
            return True
        if session.wanted is not None:
            wanted, session.wanted = session.wanted, None
            self._begin(session, wanted)
            return True
        if self._repair.delays(_seen_in(query, search)):
            session.reading = True
            self._delayed.append((session, query, search))
            return True
        if self._was_told_too_much(session, _seen_in(query, search)):
            return True
        self._repair.owes(session, _seen_in(query, search))
        if isinstance(page, FoundRuns) and search is not None:
            self._found(session, search, page)
            return True
        if not isinstance(page, Page):
            self._context.notify("storage", "a client could not be sent its history: the store cannot be read", "error")
            page = Page((), {}, False)
            if search is not None:
                search.failed = True
                search.rest = None
        if isinstance(query, Fetch):
            self._page_beyond_vector(session, query, page)
        elif search is not None:
            self._page_of_missed(session, search, page)
        return True

    def _found(self, session: Session, search: _Search, page: FoundRuns) -> None:
        if not page.is_known:
            search.resumption = search.resumption.by_stamp()
            search.found = []
            session.only_here = None
            self._begin_by_stamp(session, search)
            return
        self._look_into_memory(session, search)
        search.found.append(page.runs)
        search.rest = page.rest
        if (
            page.rest is not None
            and sum(len(spans) for runs in search.found for spans in runs.values()) < FOUND_RUNS_MAX
        ):
            self._read(session, page.rest, search)
            return
        found = union(*search.found)
        resumption = search.resumption
        search.found = []
        search.missed = resumption.missed_of(found) if resumption.after is not None else found
        if resumption.lacking:
            search.resumption = replace(resumption, lacking=NO_ENTRIES)
        self._read(session, Missing(search.missed), search)

    def _page_beyond_vector(self, session: Session, query: Fetch, page: Page) -> None:
        newest = None if query.newest is None else query.newest - len(page.entries)
        more = bool(page.more or page.behind) and (newest is None or newest > 0)
        if session.only_here is None:
            session.only_here = deque(self._replication.unpersisted.beyond_vector(query))
        entries = _with_only_here(session.only_here, page.entries, more=more)
        self._send(session, entries, lambda one: one.seq <= query.seen.get(one.stream, 0))
        if not more:
            self._end(session, complete=True)
            return
        seen = dict(query.seen)
        for stream, upto in page.upto.items():
            seen[stream] = max(upto, seen.get(stream, 0))
        self._read(session, Fetch(seen, query.kinds, newest, behind=page.behind), None)

    def _page_of_missed(self, session: Session, search: _Search, page: Page) -> None:
        vector, missed = self._replication.vector, search.missed
        only_here = self._look_into_memory(session, search)
        besides = search.only_here

        def is_had(one: EntryId) -> bool:
            is_through = one in vector and self._is_through(one) and one not in besides
            return is_through and not is_in(missed, one) and not self._came_meanwhile(one, search)

        more = bool(page.left) or search.rest is not None
        self._send(session, _with_only_here(only_here, page.entries, more=more), is_had)
        if page.left:
            self._read(session, Missing(page.left), search)
        elif search.rest is not None:
            self._read(session, search.rest, search)
        else:
            self._end(session, complete=not search.failed)

    def _look_into_memory(self, session: Session, search: _Search) -> deque[Entry]:
        """See `Session.only_here`. What the disk takes while the client catches up is found nowhere else any more."""
        if session.only_here is None:
            resumption = search.resumption
            waiting = self._replication.unpersisted.activities()
            session.only_here = deque(one for one in waiting if not resumption.is_had(one.id, one.stamp))
            search.only_here = frozenset(one.id for one in session.only_here)
        return session.only_here

    def _is_through(self, entry_id: EntryId) -> bool:
        return not self._replication.delivery.is_pending(entry_id)

    def _note_copy(self, entry_id: EntryId) -> None:
        """A copy has come of what was delivered before, and is not delivered. Whoever catches up has not got it."""
        if not self._context.connections.catching_up:
            self._copies.clear()
            return
        self._copies[entry_id] = self._copies_noted
        self._copies_noted += 1
        if len(self._copies) > COPIES_MAX:
            del self._copies[next(iter(self._copies))]

    def _came_meanwhile(self, entry_id: EntryId, search: _Search) -> bool:
        number = self._copies.get(entry_id)
        if number is not None:
            return number >= search.copies_before
        # Which of those that are not known any more came meanwhile is not known either: rather twice than never.
        return search.copies_before < self._copies_noted - len(self._copies)

    # --- sending ------------------------------------------------------------------------------------------------------

    def _send(self, session: Session, entries: Iterable[Entry], is_had: Callable[[EntryId], bool]) -> None:
        """Send what has not come before, and comes in no other way: what is delivered meanwhile, or still waits to be,
        comes live; also in place of a copy."""
        assert session.backlog is not None, "whoever catches up"
        live = self._live(session)
        for entry in in_senders_order(list(entries)):
            fingerprint = _fingerprint_of(entry)
            if (
                entry.id not in session.backlog
                and (not fingerprint or fingerprint not in live)
                and self._is_through(entry.id)
                and not self._replication.refs.is_copy_of(entry, fingerprint, is_had)
                and self._first_copy(session, fingerprint)
            ):
                session.caught_up += 1
                self._context.send(session, frame_for(session, entry))

    def _end(self, session: Session, *, complete: bool) -> None:
        """The past is through. If it is not `complete`, the client goes on naming the place that it has."""
        assert session.backlog is not None, "whoever catches up"
        self._context.trace(
            "history", conn=session.conn, step="end", sent=session.caught_up, meanwhile=len(session.backlog)
        )
        for entry in session.backlog.values():
            if self._first_copy(session, session.backlog_fingerprints.get(entry.id) or _fingerprint_of(entry)):
                self._context.send(session, frame_for(session, entry))
        self._context.connections.catching_up.pop(session.conn, None)
        session.backlog = session.fingerprints_sent = None
        session.only_here = None
        session.backlog_fingerprints = {}
        self.live(session, complete=complete)

    def live(self, session: Session, *, complete: bool = True) -> None:
        """From here on the client follows live."""
        session.complete = complete
        if session.native:
            place, lacking = self.place(session)
            self._context.send(session, CaughtUp(session.caught_up, place, dict(lacking)))
        self._context.actions.append(Subscribe(session.conn, base=not session.native))

    def readable_again(self) -> None:
        """What the store could not be read for may be to be had now: who was not sent it is sent away, and comes
        again."""
        for session in list(self._context.connections.staying.values()):
            has_missed = session.native and session.backlog is None and not session.complete
            if has_missed and session.state is ConnectionState.LOGGED_IN:
                self._context.close(session, "some of what it missed could not be read here then")

    def _go_on(self) -> None:
        self.readable_again()
        delayed, self._delayed = self._delayed, []
        for session, query, search in delayed:
            session.reading = False
            if session.backlog is None or session.state is ConnectionState.CLOSING:
                continue
            wanted, session.wanted = session.wanted, None
            if wanted is not None:
                self._begin(session, wanted)
            elif not self._was_told_too_much(session, _seen_in(query, search)):
                self._read(session, query, search)

    def _was_told_too_much(self, session: Session, seen: Mapping[Stream, int]) -> bool:
        """Whether a client was told at its login that it need not expect what is missing now: it is sent away, comes
        again, and hears better."""
        if session.damage_known == self._repair.times_found or not session.native or not self._repair.is_missing(seen):
            return False
        self._context.close(session, "some of what it missed is damaged here, and has not come again")
        return True

    def _live(self, session: Session) -> frozenset[bytes]:
        """The fingerprints of what comes live behind the past; of each entry it is found out once."""
        assert session.backlog is not None, "whoever catches up"
        known = session.backlog_fingerprints
        for entry in islice(session.backlog.values(), len(known), None):
            known[entry.id] = _fingerprint_of(entry)
        return frozenset(known.values())

    def _first_copy(self, session: Session, fingerprint: bytes) -> bool:
        """Whether an activity from the past is the first of those that servers accepted under its ref.

        By stamp, not as it was delivered here: only that keeps a sender's order in a page, which is in stamps' order.
        """
        if not fingerprint:
            return True
        sent = session.fingerprints_sent
        assert sent is not None, "whoever catches up"
        if fingerprint in sent:
            return False
        sent[fingerprint] = None
        if len(sent) > FINGERPRINTS_SENT_MAX:
            del sent[next(iter(sent))]
        return True


def _with_only_here(only_here: deque[Entry], entries: Sequence[Entry], *, more: bool) -> Sequence[Entry]:
    """A page of the past with what only the memory has; where `more` pages follow, as much of it as comes before the
    page's end. Otherwise it would come behind what its sender wrote later."""
    if not only_here:
        return entries
    upto = (entries[-1].stamp, entries[-1].id) if entries else None
    merged = {entry.id: entry for entry in entries}
    while only_here and (not more or (upto is not None and (only_here[0].stamp, only_here[0].id) <= upto)):
        entry = only_here.popleft()
        merged[entry.id] = entry
    return sorted(merged.values(), key=lambda entry: (entry.stamp, entry.id))


def _fingerprint_of(entry: Entry) -> bytes:
    """What all copies of an activity have in common; empty for one that its client has not named."""
    return idempotency_fingerprint(entry.sender, entry.ref, entry.body) if entry.ref is not None else b""


def _seen_in(query: PageQuery, search: _Search | None) -> Mapping[Stream, int]:
    """Up to which number somebody has all of a stream who asks this."""
    if isinstance(query, Fetch):
        return query.seen
    holdings = search.resumption.holdings if search is not None else None
    return {} if holdings is None else {stream: part.lasts[0] for stream, part in holdings.streams.items()}
