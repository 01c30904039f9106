"""People read the past: a page of it at a time, wherever they are in it, each in turn.

Where somebody is they say by a place in the order of (stamp, id), which is the same at all servers: so they go on at
another one, and nothing of what comes in between moves them. A page costs the store what it holds.

Addresses have turns, and at each of them the clients, so that who reads from many connections reads no faster (round
robin: J. Nagle, RFC 970, 1985).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from msgspec import Raw

from core.admission.shares import share_of
from core.node.interface.actions import FetchPage
from core.node.interface.events import SearchIndexed
from core.node.kernel.connections import Session
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.states import ConnectionState
from core.node.kernel.takers import takes
from core.node.log.replication import Replication
from core.wire.entries import Entry, EntryId, Page, parse_entry_id
from core.wire.idempotency import idempotency_fingerprint
from core.wire.messages import PastActivity, PastDone, PastRequest
from core.wire.missing import FoundRuns
from core.wire.past_query import PastQuery
from core.wire.references import entries_named

READING_MAX: Final = 2
"""Pages that are read at a time: commits, and who catches up, have their turns between them."""
_NO_ID: Final = EntryId("", 0, 0)
ASKED_ANEW: Final = "another page was asked for meanwhile"
UNREADABLE: Final = "the server cannot read what it keeps"


class PastReading:
    """Reads the past for the node's clients."""

    def __init__(self, context: Context, replication: Replication) -> None:
        self._context = context
        self._replication = replication
        self._waiting: OrderedDict[str, OrderedDict[int, tuple[Session, PastRequest, PastQuery]]] = OrderedDict()
        """By the address's share, then by the connection: one question each."""
        self.indexed = SearchIndexed(None, 0)
        """What is known of the index of words."""
        self._reading: dict[int, tuple[Session, PastRequest, PastQuery]] = {}

    @property
    def open(self) -> int:
        """Questions that are not answered yet."""
        return sum(len(questions) for questions in self._waiting.values()) + len(self._reading)

    @takes(Handler.PAST_ASKED)
    def _asked(self, session: Session, message: PastRequest) -> None:
        try:
            place = None if message.id is None else parse_entry_id(message.id)
            if place is not None and message.stamp is None:
                raise ValueError("an id without its stamp is no place")
            words, problem = self._wanted(message)
        except ValueError as error:
            self._context.invalid(session, f"PAST_REQUEST: {error}")
            return
        if problem:
            self._context.send(session, PastDone(message.number, info=problem))
            return
        query = PastQuery(message.backward, message.stamp, place, message.most, query=words)
        # Who comes from within this process is a share of their own.
        share = f"#{session.conn}" if session.origin == "local" else share_of(session.peer.host)
        questions = self._waiting.setdefault(share, OrderedDict())
        before = questions.get(session.conn)
        questions[session.conn] = (session, message, query)
        if before is not None:
            self._context.send(session, PastDone(before[1].number, more=True, info=ASKED_ANEW))
        self._go_on()

    def forget(self, session: Session) -> None:
        """The client is gone."""
        for share, questions in list(self._waiting.items()):
            if questions.pop(session.conn, None) is not None and not questions:
                del self._waiting[share]

    def _go_on(self) -> None:
        while self._waiting and len(self._reading) < READING_MAX:
            share, questions = next(iter(self._waiting.items()))
            _, (session, message, query) = questions.popitem(last=False)
            if questions:
                self._waiting.move_to_end(share)
            else:
                del self._waiting[share]
            token = self._context.token()
            self._reading[token] = (session, message, query)
            self._context.actions.append(FetchPage(token, query, session.conn))

    def fetched(self, token: int, page: Page | FoundRuns | None) -> bool:
        """The answer to a FetchPage; whether the question was this part's."""
        reading = self._reading.pop(token, None)
        if reading is None:
            return False
        session, message, query = reading
        if session.state is not ConnectionState.CLOSING:
            if isinstance(page, Page):
                self._answer(session, message, query, page)
            else:
                self._context.send(session, PastDone(message.number, more=True, info=UNREADABLE))
        self._go_on()
        return True

    def _answer(self, session: Session, message: PastRequest, query: PastQuery, page: Page) -> None:
        entries, more = self._with_memory(page, query)
        reached = page.reached
        if reached is None and entries and not query.query:
            last = entries[0 if query.backward else -1]
            reached = last.stamp, last.id
        for entry in self._shown(entries):
            told = PastActivity(message.number, Raw(entry.body), str(entry.id), entry.stamp, entry.sender)
            self._context.send(session, told)
        stamp, at = (None, None) if reached is None else reached
        name = None if at is None else str(at)
        self._context.send(session, PastDone(message.number, more, stamp, name, unindexed=page.unindexed))

    def _with_memory(self, page: Page, query: PastQuery) -> tuple[Sequence[Entry], bool]:
        """A page with what only the memory has, because the disk does not take it; and whether there is more."""
        only_here = [one for one in self._replication.unpersisted.activities() if query.has(one.stamp, one.id)]
        entries = page.entries
        if query.query:
            return self._found_with_memory(page, query, only_here), page.more
        if not only_here:
            return entries, page.more
        if page.more:
            end = _place(entries[0 if query.backward else -1])
            only_here = [one for one in only_here if (_place(one) > end) is query.backward]
        merged = sorted({one.id: one for one in (*only_here, *entries)}.values(), key=_place)
        if len(merged) <= query.entries_max:
            return merged, page.more
        most = query.entries_max
        return merged[-most:] if query.backward else merged[:most], True

    def _wanted(self, message: PastRequest) -> tuple[str, str]:
        """What somebody looks for, with its times as dates; and why that cannot be read, for that person. Raises
        ValueError."""
        if not message.query:
            return "", ""
        from core.query import QueryError, parse  # Here and below: a start need not wait for the language.

        try:
            wanted = parse(message.query, now=self._context.now.wall)
        except QueryError as error:
            return "", str(error)
        if wanted and not message.backward:
            raise ValueError("what is looked for is looked for backward")
        return str(wanted), ""

    def _found_with_memory(self, page: Page, query: PastQuery, only_here: Sequence[Entry]) -> Sequence[Entry]:
        from core.query import document, matches, parse

        wanted = parse(query.query, now=self._context.now.wall)
        named = entries_named(wanted.references)
        end = None if page.reached is None else (page.reached[0], page.reached[1] or _NO_ID)
        found = [
            one
            for one in only_here
            if (end is None or _place(one) >= end)
            and matches(wanted, document(one.sender, one.body, one.stamp, named.get(one.id, "")))
        ]
        return sorted({one.id: one for one in (*found, *page.entries)}.values(), key=_place)

    def _shown(self, entries: Sequence[Entry]) -> list[Entry]:
        """Those that people may see, each once: two servers may have accepted one."""
        known: set[bytes] = set()
        found: list[Entry] = []
        for entry in self._replication.removed.seen(entries):
            if entry.ref is not None:
                name = idempotency_fingerprint(entry.sender, entry.ref, entry.body)
                if name in known:
                    continue
                known.add(name)
            found.append(entry)
        return found


def _place(entry: Entry) -> tuple[int, EntryId]:
    return entry.stamp, entry.id
