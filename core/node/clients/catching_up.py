"""Catching up: a client that comes back, or wants history, is sent the past page by page, and then joins what is live.

What is delivered meanwhile waits in the session's backlog and follows the last page; so nothing is missing at the seam
between the two, and nothing comes twice.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from core.node.clients.pages import in_senders_order
from core.node.interface.actions import FetchPage, Subscribe, Unsubscribe
from core.node.kernel.connections import Session
from core.node.kernel.context import Context
from core.node.kernel.states import ConnectionState
from core.node.log.entry_messages import frame_of
from core.node.log.repair import Repair
from core.node.log.replication import Replication
from core.wire.entries import Entry, Fetch, Page, Stream
from core.wire.idempotency import idempotency_fingerprint
from core.wire.messages import CaughtUp

FINGERPRINTS_SENT_MAX: Final = 10_000
"""Remembered while a client catches up: two servers accept one activity within moments, if they do."""


class CatchingUp:
    """Reads the past for the node's clients; of each, one page at a time."""

    def __init__(self, context: Context, replication: Replication, repair: Repair) -> None:
        self._context = context
        self._replication = replication
        self._repair = repair
        self._fetching: dict[int, tuple[Session, Fetch]] = {}
        self._delayed: list[tuple[Session, Fetch]] = []
        """What is read again once damaged entries have come that would be in it."""
        repair.on_over = self._go_on

    @property
    def reading(self) -> int:
        """Pages of history being read for clients."""
        return len(self._fetching) + len(self._delayed)

    def start(self, session: Session, seen: dict[Stream, int] | None, history: int) -> None:
        """Send a client what it has not `seen`, or the newest `history` activities where it does not say."""
        self._context.actions.append(Unsubscribe(session.conn))
        session.backlog = {}
        session.backlog_bytes = 0
        session.backlog_fingerprints = {}
        session.caught_up = 0
        session.fingerprints_sent = {}
        self._context.connections.catching_up[session.conn] = session
        self._context.trace(
            "history",
            conn=session.conn,
            step="begin",
            user=session.user,
            streams=None if seen is None else len(seen),
            newest=history if seen is None else None,
        )
        if seen is not None:
            query = Fetch(seen, ("activity",))
        else:
            query = Fetch({}, ("activity",), newest=min(history, self._context.config.history_max))
        if session.reading:
            # One page at a time, however often a client logs in: what the earlier login asked for is dropped.
            session.wanted = query
        else:
            self._fetch(session, query)

    def _fetch(self, session: Session, query: Fetch) -> None:
        session.reading = True
        token = self._context.token()
        self._fetching[token] = (session, query)
        self._context.actions.append(FetchPage(token, query, session.conn))

    def fetched(self, token: int, page: Page | None) -> bool:
        """The answer to a FetchPage; whether the question was this part's."""
        found = self._fetching.pop(token, None)
        if found is None:
            return False
        session, query = found
        session.reading = False
        if session.backlog is None or session.state is ConnectionState.CLOSING:
            return True
        if session.wanted is not None:
            wanted, session.wanted = session.wanted, None
            self._fetch(session, wanted)
            return True
        if self._repair.delays(query.seen):
            session.reading = True
            self._delayed.append((session, query))
            return True
        if page is None:
            self._context.notify("storage", "a client could not be sent its history: the store cannot be read", "error")
            page = Page((), {}, False)
        newest = None if query.newest is None else query.newest - len(page.entries)
        more = bool(page.more or page.behind) and (newest is None or newest > 0)
        live = self._live(session)
        for entry in in_senders_order(page.entries if more else self._replication.unpersisted.completed(page, query)):
            fingerprint = _fingerprint_of(entry)
            # What is delivered meanwhile, or still waits to be, comes live; also in place of a copy.
            if (
                entry.id not in session.backlog
                and (not fingerprint or fingerprint not in live)
                and not self._replication.delivery.is_pending(entry.id)
                and not self._replication.refs.is_copy_of_seen(entry, query.seen, fingerprint)
                and self._first_copy(session, fingerprint)
            ):
                session.caught_up += 1
                self._context.send(session, frame_of(entry))
        if more:
            seen = dict(query.seen)
            for stream, upto in page.upto.items():
                seen[stream] = max(upto, seen.get(stream, 0))
            self._fetch(session, Fetch(seen, query.kinds, newest, behind=page.behind))
            return True
        self._context.trace(
            "history", conn=session.conn, step="end", sent=session.caught_up, meanwhile=len(session.backlog)
        )
        for entry in session.backlog.values():
            if self._first_copy(session, session.backlog_fingerprints.get(entry.id) or _fingerprint_of(entry)):
                self._context.send(session, frame_of(entry))
        if session.native:
            self._context.send(session, CaughtUp(session.caught_up))
        self._context.connections.catching_up.pop(session.conn, None)
        session.backlog = session.fingerprints_sent = None
        session.backlog_fingerprints = {}
        self._context.actions.append(Subscribe(session.conn))
        return True

    def _go_on(self) -> None:
        delayed, self._delayed = self._delayed, []
        for session, query in delayed:
            session.reading = False
            if session.backlog is not None and session.state is not ConnectionState.CLOSING:
                wanted, session.wanted = session.wanted, None
                self._fetch(session, wanted or query)

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


def _fingerprint_of(entry: Entry) -> bytes:
    """What all copies of an activity have in common; empty for one that its client has not named."""
    return idempotency_fingerprint(entry.sender, entry.ref, entry.body) if entry.ref is not None else b""
