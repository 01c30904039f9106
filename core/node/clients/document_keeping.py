"""An account's document for its clients: told at a login, taken from one of them, and told to the others.

What an account wants kept sooner than it may waits, the latest of it, until it may: who leaves says their last word.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec import Raw

from core.node.clients.people import People
from core.node.documents.documents import Documents
from core.node.kernel.connections import Session
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.states import ConnectionState
from core.node.kernel.takers import takes
from core.wire.account_documents import DocumentVersion, document_problem
from core.wire.messages import AccountDocument, DocumentKept, DocumentNotKept, KeepDocument

DOCUMENT: Final = "document"
"""The feature of clients that take their account's document, and of servers that keep it."""
AGAIN: Final = 5.0
"""Seconds after which a client may try again, where this server cannot keep its document now."""
WAITING_MAX: Final = 2_000
"""Accounts whose documents wait: 16 MiB of the longest."""


class _Waiting(NamedTuple):
    """What a client wants kept."""

    session: Session
    number: int
    body: bytes


class DocumentKeeping:
    """Takes documents from clients, and tells them."""

    def __init__(self, context: Context, documents: Documents, people: People) -> None:
        self._context = context
        self._documents = documents
        self._people = people
        documents.on_change = self._changed

        self._waiting: dict[str, _Waiting] = {}
        """By the claims of accounts."""

    @property
    def waiting(self) -> int:
        """How many accounts' documents wait until they may be kept."""
        return len(self._waiting)

    @property
    def features(self) -> tuple[str, ...]:
        """What clients are shown of this."""
        return (DOCUMENT,) if self._documents.enabled else ()

    def came(self, session: Session) -> None:
        """A client has logged in: it is told what its account's document is."""
        if session.claim is not None and DOCUMENT in session.features and self._documents.enabled:
            self._tell(session, self._documents.get(session.claim))

    def _tell(self, session: Session, version: DocumentVersion | None) -> None:
        told = AccountDocument() if version is None else AccountDocument(Raw(version.body), version.stamp)
        self._context.send(session, told)

    def _changed(self, version: DocumentVersion, conn: int | None) -> None:
        for session in self._people.of(version.claim):
            if session.conn != conn and DOCUMENT in session.features:
                self._tell(session, version)

    @takes(Handler.DOCUMENT_GIVEN)
    def _given(self, session: Session, message: KeepDocument) -> None:
        number, claim = message.number, session.claim
        if claim is None:
            self._refuse(session, number, "anonymous people have no document at a server; log in with a name")
            return
        if not self._documents.enabled:
            self._refuse(session, number, "this server keeps no documents of accounts")
            return
        body = bytes(message.document)
        problem = document_problem(body)
        if problem is not None:
            self._refuse(session, number, problem)
            return
        if self._context.draining:
            self._refuse(session, number, "this server leaves the network", AGAIN)
            return
        current = self._documents.get(claim)
        wait = self._documents.wait(claim)
        before = self._waiting.get(claim)
        is_now = not wait or (current is not None and current.body == body)
        if before is None and not is_now and len(self._waiting) >= WAITING_MAX:
            self._refuse(session, number, "an account changes its document once a minute at most", wait)
            return
        if before is not None and before.session.state is not ConnectionState.CLOSING:
            self._refuse(before.session, before.number, "a later one has taken its place", wait)
        if is_now:
            # What was wanted before it, and waits, would else take the place of the later wish.
            self._waiting.pop(claim, None)
            self._context.timers.cancel(("document waits", claim))
            self._keep(claim, _Waiting(session, number, body))
            return
        self._waiting[claim] = _Waiting(session, number, body)
        self._context.timers.set(("document waits", claim), self._context.after(wait), lambda: self._take_up(claim))

    def hurry(self) -> None:
        """This server leaves: what waits is kept now."""
        for claim in list(self._waiting):
            self._take_up(claim)

    def _take_up(self, claim: str) -> None:
        self._context.timers.cancel(("document waits", claim))
        self._keep(claim, self._waiting.pop(claim))

    def _keep(self, claim: str, waiting: _Waiting) -> None:
        session, number = waiting.session, waiting.number

        def kept(stamp: int | None, why: str) -> None:
            if session.state is ConnectionState.CLOSING:
                return
            if stamp is None:
                self._refuse(session, number, why, AGAIN)
            else:
                self._context.send(session, DocumentKept(number, stamp))

        self._documents.keep(claim, waiting.body, session.conn, kept)

    def _refuse(self, session: Session, number: int, why: str, later: float | None = None) -> None:
        self._context.send(session, DocumentNotKept(number, why, later))
