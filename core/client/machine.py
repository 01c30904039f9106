"""The client's half of the protocol as a pure state machine.

Inputs are method calls with the time; outputs are values in `outputs`: connect, send, disconnect, wake, tell the
application. No socket, clock or random source of its own.

The states, what leads from one to the next, and who takes which message in which of them are tables in `client_states`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from core.client.account import ClientAccount
from core.client.backoff import Backoff
from core.client.client_events import (
    CatchUpDone,
    Connected,
    Connecting,
    Disconnected,
    GaveUp,
    OrderAnswered,
    PastArrived,
    Removed,
    Renamed,
    StatusArrived,
)
from core.client.client_settings import ClientSettings
from core.client.client_states import (
    IN,
    RULES,
    TALKING,
    TRANSITIONS,
    ClientHandler,
    ClientOutcome,
    ClientState,
    ClientTake,
)
from core.client.inbox import Inbox
from core.client.keepalive import KeepAlive
from core.client.logging_in import LoggingIn
from core.client.moving import Moving
from core.client.operator_questions import OrderAnswer, OrderQuestion
from core.client.outgoing_posts import OutgoingPosts
from core.client.outputs import ClientOutput, Outputs
from core.client.own_document import OwnDocument, document_bytes
from core.client.past_questions import PageInParts, PastPlace
from core.client.resume_point import ResumePoint
from core.client.route import Route
from core.wire import messages as wire
from core.wire.address import Address
from core.wire.messages import Message
from core.wire.names import ANONYMOUS
from core.wire.past_query import PAST_ENTRIES_MAX, QUERY_CHARACTERS_MAX
from core.wire.state_machine import bound, state_after


class ClientMachine:
    """One client. After each input, carry out `take_outputs()` in order."""

    def __init__(
        self,
        settings: ClientSettings,
        addresses: Sequence[Address],
        rng: random.Random,
        *,
        wall_ahead: float,
        home: bool = False,
    ) -> None:
        """`wall_ahead`: by how many seconds the wall clock here, which counts since 1970, is ahead of the time that is
        handed in as `now`."""
        if not addresses and not home:
            raise ValueError("a client needs at least one server's address")
        self.settings = settings
        self.state = ClientState.IDLE
        self._outputs = Outputs()
        self._route = Route(addresses, home=home, redirects_max=settings.redirects_max)
        self._inbox = Inbox(settings)
        self._account = ClientAccount(settings, rng)
        self._posts = OutgoingPosts(settings, self._account, rng, self._outputs)
        self._keepalive = KeepAlive(settings, rng, self._outputs)
        self._backoff = Backoff(settings, rng)
        self._logging_in = LoggingIn(
            *(self, settings, self._outputs, self._route, self._inbox),
            *(self._account, self._posts, self._keepalive, wall_ahead),
        )
        self._moving = Moving(*(self, settings, self._outputs, self._route, self._inbox, self._posts, self._logging_in))
        self._past = PageInParts()
        self._document = OwnDocument(settings, self._outputs)
        self._deadline: float | None = None
        self._takers = bound(RULES, self.takers())

    # --- what the application sees ------------------------------------------------------------------------------------

    @property
    def online(self) -> bool:
        """Whether a server has let the client in."""
        return self.state in IN

    @property
    def native(self) -> bool:
        """Whether the present server has shown that it is one of ours."""
        return self._logging_in.native and self.online

    def silent_for(self, now: float) -> float:
        """For how many seconds nothing was heard of a server that was asked whether it is there; 0 if none is asked."""
        return self._keepalive.silent_for(now) if self.native else 0.0

    @property
    def secret(self) -> str | None:
        """What the client proves with who it is, at present; None for somebody anonymous."""
        return self._account.secret

    @property
    def resume_point(self) -> ResumePoint | None:
        """What another client may resume from; None when there is nothing to resume."""
        return self._inbox.resume_point()

    @property
    def unanswered(self) -> int:
        return len(self._posts)

    def take_outputs(self) -> list[ClientOutput]:
        return self._outputs.take()

    def start(self, now: float) -> None:
        if self.state is ClientState.IDLE:
            self._connect(now)

    def post(self, activity: object, ref: str | None, now: float) -> str:
        """Send an activity, as soon as there is somebody to send it to; the name by which its answer comes.

        Raises PostQueueFull, or ValueError when it is not a JSON object or no server would take it.
        """
        ref = self._posts.add(activity, ref, now)
        if self.state is ClientState.CLOSED:
            self._posts.refuse(ref, "the client is closed")
        return ref

    def request_status(self, proof: str | None = None, at: int | None = None) -> bool:
        """Ask the server for its view of the network; whether there is one that can be asked.

        With a proof (`core.wire.queue_proof`), it is asked for its queues as well.
        """
        if not self.native:
            return False
        self._outputs.send(wire.StatusRequest(proof, at))
        return True

    def change_secret(self, secret: str, present: str | None = None) -> str | None:
        """Have the account get another secret; why it cannot be asked for now, as a clause, or None.

        `present` is the one before, for a login that somebody vouched for.

        An event tells what has come of it: SecretChangeDone, SecretChangeFailed or SecretChangeUnknown. It is asked for
        again when the connection is lost meanwhile.
        """
        if not self.native:
            return "this server speaks only the base protocol" if self.online else "there is no connection now"
        if "change_secret" not in self._logging_in.features:
            return "this server is older and cannot change secrets"
        if self._account.username == ANONYMOUS:
            return "anonymous has no secret"
        if self._account.secret is None and not present:
            return "this client is logged in without a secret: the present one is needed"
        if self._account.changing:
            return "it is being changed already"
        self._account.want(secret, present)
        self._outputs.send(self._account.change())
        return None

    def ask_about_orders(self, question: OrderQuestion) -> str | None:
        """Say something of an operator's to the server; why that is not possible now, as a clause, or None. An event
        brings the answer, OrderAnswered, unless the connection is lost before that."""
        if not self.native:
            return "this server speaks only the base protocol" if self.online else "there is no connection now"
        if "orders" not in self._logging_in.features:
            return "this server is older and knows no orders"
        self._outputs.send(question)
        return None

    def ask_for_past(
        self, place: PastPlace | None, *, backward: bool, most: int = PAST_ENTRIES_MAX, query: str = ""
    ) -> str | None:
        """Ask the server for a page of the past: what stands before a place, or behind it; None: the end of all, or the
        beginning; with a `query` only what matches. Why it shows none, as a clause, or None. An event brings the page,
        PastArrived, unless the connection is lost before that."""
        problem = self.why_no_past()
        if problem is None and query:
            problem = self.why_no_search(query)
        if problem is None:
            self._outputs.send(self._past.ask(place, backward=backward, most=most, query=query))
        return problem

    def why_no_search(self, query: str) -> str | None:
        """Why nothing can be looked for in the past, as a clause; None if it can, at a server that shows its past."""
        if "search" not in self._logging_in.features:
            return "this server is of a version that does not look through its past"
        if len(query) > QUERY_CHARACTERS_MAX:
            return f"the query is too long: {QUERY_CHARACTERS_MAX:,} characters are enough"
        return None

    def why_no_past(self) -> str | None:
        """Why the present server shows no pages of the past, as a clause; None if it does."""
        if not self.native:
            return "this server speaks only the base protocol" if self.online else "there is no connection now"
        if "past" not in self._logging_in.features:
            return "this server is of a version that shows no more"
        return None

    def keep_document(self, document: bytes | Mapping[str, object], now: float) -> str | None:
        """Have the account get this document, everywhere, as soon as there is a server that keeps it; once a minute at
        most, and then the latest. Why it cannot have one, as a clause, or None. DocumentSaved or DocumentRefused
        follows, unless another one is wanted before that.

        Raises ValueError, with a clause that says why, when it is not a JSON object of at most DOCUMENT_BYTES_MAX
        bytes.
        """
        body = document_bytes(document)
        if self._account.username == ANONYMOUS:
            return "anonymous people have no document at a server"
        self._document.want(body, now)
        self._look_again()
        return None

    def close(self, now: float) -> None:
        """Log out, and end."""
        if self.state is ClientState.CLOSED:
            return
        if self.state in TALKING:
            self._document.send_last()
            self._outputs.send(wire.Logout())
        self.end("closed")

    def enter(self, outcome: ClientOutcome) -> None:
        """Go on to the state that an outcome leads to: the only way in which the state changes.

        Raises IllegalTransition when it leads nowhere from the present one.
        """
        self.state = state_after(TRANSITIONS, self.state, outcome)

    # --- the connection -----------------------------------------------------------------------------------------------

    def connected(self, now: float, *, near: bool = False) -> None:
        """The connection asked for is up; `near`: it does not leave this machine."""
        if self.state is not ClientState.CONNECTING:
            return
        self._route.connected(near=near)
        self._keepalive.connected(now)
        self._inbox.connected()
        self._outputs.tell(Connected(self._route.current))
        self._logging_in.connected(now)

    def connect_failed(self, reason: str, now: float) -> None:
        """The connection asked for cannot be had."""
        if self.state is ClientState.CONNECTING:
            self._route_failed()
            self.retry(f"{self._route.where} cannot be reached: {reason}", now)

    def lost(self, reason: str, now: float) -> None:
        """The connection has ended."""
        if self.state in TALKING:
            self._route_failed()
            self.retry(reason or "the server closed the connection", now)

    def _route_failed(self) -> None:
        """Who was sent to a server that does not let them in was sent there in vain."""
        if self.state not in IN:
            self._route.failed()

    def woke(self, now: float) -> None:
        """The time asked for has come."""
        if self._deadline is None or now < self._deadline:
            return
        self._deadline = None
        if self.state is ClientState.WAITING:
            self._connect(now)
        elif self.state is ClientState.CONNECTING:
            self._outputs.disconnect()
            self._route_failed()
            self.retry(f"{self._route.where} does not answer", now)
        elif self.state in (ClientState.REGISTERING, ClientState.LOGGING_IN):
            self._outputs.disconnect()
            self._route_failed()
            self.retry(f"{self._route.where} did not answer the {self.state.value}", now)
        elif self.state is ClientState.LET_IN:
            self._logging_in.settled(now)
        elif self.state is ClientState.ONLINE:
            self._check(now)

    def _check(self, now: float) -> None:
        """The server is to be asked something, or has not answered."""
        if self._keepalive.check(now):
            self._document.send_due(now)
            self._look_again()
        else:
            self._outputs.disconnect()
            self.retry(f"{self._route.where} does not answer any more", now)

    def _look_again(self) -> None:
        """Wake when there is something to do for who is logged in."""
        if self.state is ClientState.ONLINE and self._logging_in.native:
            due = self._document.due
            self.set_deadline(self._keepalive.due if due is None else min(due, self._keepalive.due))

    def _connect(self, now: float) -> None:
        target = self._route.choose(self._backoff.attempts)
        self.enter(ClientOutcome.DIALS)
        self._outputs.tell(Connecting(target))
        self._outputs.connect(target, abroad=self._route.abroad)
        self.set_deadline(now + self.settings.connect_limit)

    def retry(self, reason: str, now: float, *, at_once: bool = False) -> None:
        """The connection is over: what next?"""
        if self.state in IN:
            self._backoff.was_online(now - self._logging_in.online_since)
        if self.state is ClientState.REGISTERING:
            # It may have succeeded without our hearing of it: a login tells.
            self._account.register_unknown = True
        self._posts.connection_lost()
        self._account.connection_lost()
        self._past.forget()
        self._document.connection_lost()
        if not self.settings.reconnect and not at_once:
            self._outputs.tell(Disconnected(reason, None))
            self.end(reason)
            return
        self.enter(ClientOutcome.LOST)
        if at_once:
            self._connect(now)
            return
        delay = self._backoff.next_delay()
        self._route.waits()
        self._outputs.tell(Disconnected(reason, delay))
        self.set_deadline(now + delay)

    def set_deadline(self, at: float | None) -> None:
        if at != self._deadline:
            self._deadline = at
            self._outputs.wake_at(at)

    def end(self, reason: str) -> None:
        if self.state is ClientState.CLOSED:
            return
        self.enter(ClientOutcome.ENDED)
        self._outputs.disconnect()
        self.set_deadline(None)
        self._posts.end(reason)
        if self._account.changing:
            self._outputs.tell(self._account.not_changed(reason, certain=False))
        self._outputs.tell(GaveUp(reason))

    # --- messages -----------------------------------------------------------------------------------------------------

    def malformed(self, info: str, now: float) -> None:
        """The server said something that is no message."""
        if self.state in TALKING:
            self._outputs.send(wire.InvalidMessage(info))
            self._outputs.disconnect()
            self._route_failed()
            self.retry(f"{self._route.where} talks nonsense: {info}", now)

    def received(self, message: Message, now: float) -> None:
        """The server said something."""
        if self.state not in TALKING:
            return
        self._keepalive.heard(now)
        take = self._takers[self.state].get(type(message))
        if take is None:
            self.malformed(f"{wire.command_of(message)} is not for clients", now)
        else:
            take(message, now)

    def takers(self) -> dict[ClientHandler, ClientTake]:
        """Who takes a server's messages."""
        return {
            ClientHandler.ACTIVITY: self._activity,
            ClientHandler.ACKNOWLEDGED: self._posts.acknowledged,
            ClientHandler.POST_REFUSED: self._posts.refused,
            ClientHandler.CAUGHT_UP: self._caught_up,
            ClientHandler.PLACE_REACHED: self._place_reached,
            ClientHandler.HAVE_ASKED: self._asked_what_it_has,
            ClientHandler.SERVER_ASKS: self._asked_whether_alive,
            ClientHandler.REGISTERED: self._logging_in.registered,
            ClientHandler.CODE_TAKEN: self._logging_in.code_taken,
            ClientHandler.CODE_REFUSED: self._logging_in.code_refused,
            ClientHandler.REGISTER_REFUSED: self._logging_in.register_refused,
            ClientHandler.LOGGED_IN: self._logging_in.logged_in,
            ClientHandler.LOGIN_REFUSED: self._logging_in.login_failed,
            ClientHandler.REDIRECTED: self._moving.redirected,
            ClientHandler.SERVER_QUITS: self._moving.server_quits,
            ClientHandler.RENAMED: self._renamed,
            ClientHandler.REMOVED: self._removed,
            ClientHandler.SECRET_CHANGED: self._secret_changed,
            ClientHandler.SECRET_NOT_CHANGED: self._secret_not_changed,
            ClientHandler.ORDER_ANSWERED: self._order_answered,
            ClientHandler.PAST_COMES: self._past_comes,
            ClientHandler.PAST_CAME: self._past_came,
            ClientHandler.DOCUMENT_TOLD: self._document_told,
            ClientHandler.DOCUMENT_KEPT: self._document_kept,
            ClientHandler.DOCUMENT_NOT_KEPT: self._document_not_kept,
            ClientHandler.STATUS: self._status_arrived,
            ClientHandler.OBJECTED: self._moving.objected,
            ClientHandler.ACTIVITY_OBJECTED: self._moving.activity_objected,
            ClientHandler.NOTHING: self._needs_nothing,
            ClientHandler.TOO_LATE: self._needs_nothing,
        }

    def _needs_nothing(self, message: Message, now: float) -> None:
        """The message asks for nothing, or answers what was answered otherwise."""

    def _caught_up(self, message: wire.CaughtUp, now: float) -> None:
        if self._logging_in.says_it_again:
            return
        try:
            count = self._inbox.caught_up(message.place, message.lacking)
        except ValueError as error:
            self.malformed(f"CAUGHT_UP: {error}", now)
            return
        self._outputs.tell(CatchUpDone(count, sent=message.count))

    def _place_reached(self, message: wire.PlaceReached, now: float) -> None:
        try:
            self._inbox.reached(message.place, message.lacking)
        except ValueError as error:
            self.malformed(f"PLACE_REACHED: {error}", now)

    def _asked_what_it_has(self, message: wire.HaveRequest, now: float) -> None:
        for page in self._inbox.pages():
            self._outputs.send(page)

    def _asked_whether_alive(self, message: wire.Ping, now: float) -> None:
        self._outputs.send(wire.Pong(message.number))

    def _renamed(self, message: wire.AccountRenamed, now: float) -> None:
        self._account.name = message.renamed
        self._outputs.tell(Renamed(message.username, message.renamed, message.info))

    def _removed(self, message: wire.ActivitiesRemoved, now: float) -> None:
        ids, since = tuple(message.ids), message.since
        self._outputs.tell(Removed(ids, message.by, message.because, message.server, since, message.undone))

    def _secret_changed(self, message: wire.SecretChanged, now: float) -> None:
        if self._account.changing:
            self._outputs.tell(self._account.changed())

    def _secret_not_changed(self, message: wire.SecretNotChanged, now: float) -> None:
        if self._account.changing:
            self._outputs.tell(self._account.not_changed(message.info, certain=True))

    def _order_answered(self, message: OrderAnswer, now: float) -> None:
        self._outputs.tell(OrderAnswered(message))

    def _past_comes(self, message: wire.PastActivity, now: float) -> None:
        try:
            self._past.add(message)
        except ValueError as error:
            self.malformed(f"PAST_ACTIVITY: {error}", now)

    def _past_came(self, message: wire.PastDone, now: float) -> None:
        try:
            found = self._past.done(message)
        except ValueError as error:
            self.malformed(f"PAST_DONE: {error}", now)
            return
        if isinstance(found, str):
            self._outputs.tell(PastArrived(None, found))
        elif found is not None:
            self._outputs.tell(PastArrived(found))

    def _document_told(self, message: wire.AccountDocument, now: float) -> None:
        self._document.arrived(message, now)
        self._look_again()

    def _document_kept(self, message: wire.DocumentKept, now: float) -> None:
        self._document.kept(message, now)
        self._look_again()

    def _document_not_kept(self, message: wire.DocumentNotKept, now: float) -> None:
        self._document.not_kept(message, now)
        self._look_again()

    def _status_arrived(self, message: wire.Status, now: float) -> None:
        self._route.hear_of(message.status)
        self._outputs.tell(StatusArrived(message.status, message.queues, message.info))

    # --- activities ---------------------------------------------------------------------------------------------------

    def _activity(self, message: wire.ActivityBroadcast, now: float) -> None:
        if self._logging_in.says_it_again:
            # It comes again, behind what was missed before it.
            return
        own_ref = self._posts.own_ref(message)
        arrived = self._inbox.receive(message, own_ref)
        if arrived is None:
            return
        self._outputs.tell(arrived)
        if own_ref is not None and not arrived.again:
            self._posts.came_back(own_ref, message, now)
