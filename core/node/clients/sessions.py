"""Clients: registering, login, logout, and what changes for them.

While a client's secret is being checked or its registration is under way, and once it is to go elsewhere, what it sends
waits in its inbox, so that answers come in the order of questions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from msgspec import structs

from core.node.accounts.attempts import Attempts
from core.node.accounts.book import AccountBook, Renaming
from core.node.accounts.registration import Registration
from core.node.accounts.secrets import BUSY, Secrets
from core.node.clients.absence import Absence, Absences
from core.node.clients.balance import Balance, RedirectTarget
from core.node.clients.catching_up import CatchingUp
from core.node.clients.code_redeeming import CodeRedeeming
from core.node.clients.document_keeping import DocumentKeeping
from core.node.clients.operator_desk import OperatorDesk
from core.node.clients.past_reading import PastReading
from core.node.clients.people import People
from core.node.clients.places import Places
from core.node.clients.posting import Posting
from core.node.clients.queue_answers import QueueAnswers
from core.node.clients.reached_places import ReachedPlaces
from core.node.clients.resumption import Resumption
from core.node.clients.secret_changes import SecretChanges
from core.node.clients.secret_macs import SecretMacs
from core.node.clients.status_answers import StatusAnswers
from core.node.clients.told_time import ToldTime
from core.node.documents.documents import Documents
from core.node.interface.actions import Hold, Known, VerifySecret
from core.node.interface.events import NOTHING_TAKEN, TOO_SLOW, Now
from core.node.interface.snapshot import NodeSnapshot
from core.node.kernel.connections import Connection, Session, features_of
from core.node.kernel.context import PLACE, Context
from core.node.kernel.rules import Handler
from core.node.kernel.states import ConnectionState, Outcome
from core.node.kernel.takers import takes
from core.node.log.replication import Replication
from core.node.map.topology import Topology
from core.node.orders.order_effects import OrderEffects
from core.node.orders.order_kinds import Expulsion
from core.node.orders.ordering import Orders
from core.stories.lines import Why
from core.wire.entries import AccountFact, Fetch, decode_vector
from core.wire.limits import NAME_CHARACTERS_MAX
from core.wire.messages import (
    AccountRenamed,
    ActivitiesRemoved,
    AuthenticationFail,
    InvalidMessage,
    Login,
    LoginFailed,
    LoginSuccess,
    Logout,
    Message,
    Ping,
    Pong,
    Redirect,
    Register,
    RegisterFailed,
    RegisterSuccess,
    StatusRequest,
    command_of,
)
from core.wire.names import ANONYMOUS, secret_problem
from core.wire.vector_lines import LONG_VECTOR_BYTES_MAX, vector_in_line

FEATURES: Final = ("change_secret", "orders", "past", "search")
"""What clients are shown that this node understands of them beyond the first release."""
REMOVED: Final = "removed"
"""The feature of clients that let go of what operators have removed."""
REMOVED_TOLD_MAX: Final = 200
"""Removed activities that a client is told of when it comes back."""
HOLD_INBOX: Final = 16
"""From so many waiting messages on, the client is not read from until they are through."""


ACCOUNTS_TRIED_MAX: Final = 16
"""Accounts that a name may mean whose secrets are tried: a server that lies can tell of thousands. Each comes in by the
name that it has now."""
MISMATCH: Final = "the name and the secret do not match"


def nobody_called(name: str) -> str:
    """What is said to somebody who logs in with a name that nobody has."""
    return f"there is no {name[:NAME_CHARACTERS_MAX]}; register the name, or look how it is written"


class Sessions:
    """The clients' half of the node."""

    def __init__(
        self,
        context: Context,
        book: AccountBook,
        secrets: Secrets,
        replication: Replication,
        catching_up: CatchingUp,
        absences: Absences,
        reached: ReachedPlaces,
        registration: Registration,
        orders: Orders,
        documents: Documents,
        topology: Topology,
        balance: Balance,
        attempts: Attempts,
        load_changed: Callable[[], None],
        redirected: Callable[[], None],
        picture: Callable[[Now], NodeSnapshot],
        queues: Callable[[], dict[str, int]],
    ) -> None:
        self._context = context
        self._book = book
        self._secrets = secrets
        self._replication = replication
        self._catching_up = catching_up
        self._absences = absences
        self._reached = reached
        catching_up.place = reached.place_of
        self._registration = registration
        self._orders = orders
        orders.on_effects.append(self._ordered)
        self._balance = balance
        self._attempts = attempts
        self._load_changed = load_changed
        self._redirected = redirected
        self.on_login: Callable[[str], None] = lambda name: None
        """Told of the name of everybody who logs in here with an account."""
        self._macs = SecretMacs(context)
        self._verifying: dict[int, Callable[[bool | None], None]] = {}
        self.posting = Posting(context, replication, self._macs, self._queue)
        self.posting.silenced = orders.effects.silenced
        self.secret_changes = SecretChanges(context, secrets, self._macs)
        self.code_redeeming = CodeRedeeming(context, book, secrets, orders, attempts, self._session_of, self._go_on)
        self.operator_desk = OperatorDesk(context, book, orders, topology, orders.book.verifier, secrets.is_used)
        self.past_reading = PastReading(context, replication)
        self.people = People()
        self.document_keeping = DocumentKeeping(context, documents, self.people)
        absences.is_anybody_here = self.people.has_accounts
        self._status = StatusAnswers(picture, self.people)
        self.queue_answers = QueueAnswers(
            context, attempts, lambda session: self._status.told(session, context.now), queues
        )
        self._places = Places(context)
        self._told_time = ToldTime(context)

    @property
    def load(self) -> int:
        """Clients that are logged in."""
        return self.people.load

    @property
    def checking(self) -> int:
        """Secrets being checked."""
        return len(self._verifying)

    def broken(self) -> Iterator[str]:
        """What does not hold of the clients."""
        counted = [session for session in self._context.connections.sessions() if session.counted]
        if len(counted) != self.load:
            yield f"{len(counted)} clients count, and the load is {self.load}"
        for session in counted:
            if session.claim is not None and session not in self.people.of(session.claim):
                yield f"client {session.conn} counts, and its account is not known to be here"

    # --- messages -----------------------------------------------------------------------------------------------------

    def heard(self, session: Session) -> None:
        """A client has said something."""
        now = self._context.now.monotonic
        self.posting.liveness.heard(session, now - session.heard_at)
        session.heard_at = now

    @takes(Handler.REGISTER)
    def _asks_to_register(self, connection: Connection, message: Register) -> None:
        self._register(self._session_of(connection), message)

    @takes(Handler.LOGIN)
    def _asks_to_log_in(self, connection: Connection, message: Login) -> None:
        self._login(self._session_of(connection), message)

    def _session_of(self, connection: Connection) -> Session:
        """The client's session, which its first message begins."""
        if isinstance(connection, Session):
            return connection
        session = Session(connection)
        self._context.connections.add(session)
        return session

    @takes(Handler.CLIENT_ASKS)
    def _asks_whether_alive(self, session: Session, message: Ping) -> None:
        self._context.send(session, Pong(message.number))

    @takes(Handler.CLIENT_ANSWERS)
    def _answers(self, session: Session, message: Pong) -> None:
        self.posting.liveness.answered(session, message.number)

    @takes(Handler.STATUS)
    def _asks_for_status(self, session: Session, message: StatusRequest) -> None:
        if message.proof is None:
            self._context.send(session, self._status.for_client(session, self._context.now))
        else:
            self.queue_answers.asked(session, message)

    @takes(Handler.LOGOUT)
    def _logs_out(self, connection: Connection, message: Logout) -> None:
        if isinstance(connection, Session):
            connection.logged_out = True
        self._context.close(connection, "logged out")

    @takes(Handler.CLIENT_OBJECTS)
    def _objects(self, connection: Connection, message: InvalidMessage | AuthenticationFail) -> None:
        who = "client" if isinstance(connection, Session) else "peer"
        self._context.close(connection, f"the {who} says {command_of(message)}: {message.info[:200]}")

    @takes(Handler.WAIT)
    def _queue(self, session: Session, message: Message) -> None:
        if isinstance(session.inbox, tuple):
            session.inbox = deque()
        session.inbox.append(message)
        if len(session.inbox) > self._context.config.inbox_max:
            self._context.invalid(session, "too many messages before the answer to the login or registration")
        elif len(session.inbox) >= HOLD_INBOX and not session.held:
            session.held = True
            self._context.actions.append(Hold(session.conn, True))

    def _go_on(self, session: Session, outcome: Outcome) -> None:
        """What the client waited for is there: take up what came meanwhile."""
        session.enter(outcome)
        if session.resuming:
            # One of those that waited has led to here: whoever took it up goes on with the next.
            return
        session.resuming = True
        while session.inbox and session.state in (ConnectionState.GREETED, ConnectionState.LOGGED_IN):
            # What was legal when it arrived may not be in the state that the answer has led to.
            self._context.dispatch(session, session.inbox.popleft())
        if not session.inbox:
            session.inbox = ()
        session.resuming = False
        if session.held and len(session.inbox) < HOLD_INBOX:
            session.held = False
            self._context.actions.append(Hold(session.conn, False))

    # --- registering --------------------------------------------------------------------------------------------------

    def _register(self, session: Session, message: Register) -> None:
        session.features |= features_of(message.features)
        session.enter(Outcome.REGISTRATION_BEGUN)
        problem = secret_problem(message.secret)
        if problem is not None:
            self._register_failed(session, problem)
            return

        def done(problem: str | None) -> None:
            if session.state is not ConnectionState.REGISTERING:
                return
            if problem is not None:
                self._register_failed(session, problem)
                return
            self._attempts.registered(session, message.username)
            self._context.send(session, RegisterSuccess(f"{message.username} is registered"))
            self._go_on(session, Outcome.REGISTERED)

        problem = self._attempts.registration_problem(session)
        if problem is not None:
            self._register_failed(session, problem)
            return
        self._registration.register(message.username, message.secret, done, session.conn)

    def _register_failed(self, session: Session, problem: str) -> None:
        self._context.refuse(session, RegisterFailed(problem), f"registration refused: {problem}")

    # --- logging in ---------------------------------------------------------------------------------------------------

    def _login(self, session: Session, message: Login) -> None:
        session.features = features_of(message.features)
        if message.username == ANONYMOUS:
            if not self._context.config.anonymous and session.vouched != ANONYMOUS:
                self._login_failed(session, "this server takes no anonymous clients; register a name")
                return
            self._logged_in(session, message, ANONYMOUS, None)
            return
        if session.vouched is not None and message.secret is None:
            fact = self._book.holder(message.username) if message.username == session.vouched else None
            if fact is None:
                self._login_failed(session, f"this connection cannot log in as {message.username!r} without its secret")
            else:
                self._logged_in(session, message, message.username, fact.claim)
            return
        if message.secret is None:
            self._login_failed(session, "a login under a name needs its secret")
            return
        session.enter(Outcome.LOGIN_BEGUN)
        session.login_name = message.username
        self._registration.when_settled(message.username, lambda: self._try(session, message))

    def _try(self, session: Session, message: Login) -> None:
        """Have the secret checked when it is this client's turn."""
        if session.state is ConnectionState.LOGGING_IN:
            self._attempts.begin(
                session,
                message.username,
                lambda: self._verify(session, message, tried=()),
                lambda problem: self._not_now(session, problem),
            )

    def _verify(self, session: Session, message: Login, tried: tuple[str, ...]) -> None:
        """Check the secret against each account that the name may mean, one after the other."""
        if session.state is not ConnectionState.LOGGING_IN or message.secret is None:
            self._attempts.over(session)
            return
        candidates = [fact for fact in self.accounts_called(message.username) if fact.claim not in tried]
        if not candidates and tried:
            self._wrong_login(session)
            return
        if not candidates:
            # Whether somebody has a name, REGISTER tells everybody as well.
            self._attempts.over(session)
            self._login_failed(session, nobody_called(message.username))
            return
        fact = candidates[0]
        verifier = self._secrets.verifier(fact)
        token = self._context.token()
        self._context.actions.append(VerifySecret(token, message.secret, verifier, session.conn, message.username))

        def verified(matches: bool | None) -> None:
            if matches is None:
                self._attempts.over(session)
                if session.state is ConnectionState.LOGGING_IN:
                    self._not_now(session, BUSY)
            elif not matches and session.state is not ConnectionState.LOGGING_IN:
                self._wrong_login(session)
            elif session.state is not ConnectionState.LOGGING_IN:
                self._attempts.over(session)
            elif self._secrets.verifier(fact) != verifier:
                # It has been changed meanwhile.
                self._verify(session, message, tried)
            elif matches:
                self._attempts.succeeded(session)
                name = self._book.name_of(fact.claim) or fact.username
                session.verifier = verifier
                self._logged_in(session, message, name, fact.claim)
            else:
                self._verify(session, message, (*tried, fact.claim))

        self._verifying[token] = verified

    def accounts_called(self, name: str) -> list[AccountFact]:
        """The accounts that somebody giving a name may mean, in the order in which their secrets are tried: whose name
        it is, and then those that had it and lost it, of many the earliest. Who registered in two parts of the network
        has two accounts: one that operators keep out comes last."""
        meant: list[AccountFact] = []
        kept_out: list[AccountFact] = []
        for fact in self._book.candidates(name):
            (meant if self._orders.kept_out(fact.claim) is None else kept_out).append(fact)
            if len(meant) == ACCOUNTS_TRIED_MAX:
                break
        return [*meant, *kept_out][:ACCOUNTS_TRIED_MAX]

    def _wrong_login(self, session: Session) -> None:
        """Say so, if anybody still listens; the later, the more of them came from there."""

        def answer() -> None:
            if session.state is ConnectionState.LOGGING_IN:
                self._login_failed(session, MISMATCH)

        self._attempts.failed(session, answer)

    def verified(self, token: int, matches: bool | None) -> None:
        """The answer to a VerifySecret."""
        callback = self._verifying.pop(token, None)
        if callback is not None:
            callback(matches)

    def _not_now(self, session: Session, problem: str) -> None:
        """Somebody cannot be let in now, whoever it is."""
        self._context.refuse(session, LoginFailed(problem, later=True), f"login refused: {problem}")

    def _login_failed(self, session: Session, reason: str) -> None:
        self._context.notify("refused", f"a login {session.whence} was refused: {reason}", "warning")
        self._context.refuse(session, LoginFailed(reason), f"login refused: {reason}")

    def _logged_in(self, session: Session, message: Login, name: str, claim: str | None) -> None:
        context = self._context
        kept_out = self._orders.kept_out(claim) if claim is not None else None
        if kept_out is not None:
            self._login_failed(session, kept_out)
            return
        try:
            wish = self._wish_of(session, message)
            lacks = self._reached.lacks_of(message) if PLACE in session.features else None
        except ValueError as error:
            context.invalid(session, str(error))
            return
        target = self._balance.redirect_for(session, message, self.load + 1) if self._places.full else None
        problem = self._places.take(session, named=claim is not None) if target is None else None
        if problem is not None:
            self._not_now(session, problem)
            return
        context.actions.append(Known(session.conn, claim is not None))
        self.people.left(session)
        # The account's text of it where it is the same, which is there already.
        session.login_name = name if message.username == name else message.username
        session.user = name
        session.claim = claim
        self.people.came(session)
        proved = message.secret is not None and claim is not None
        session.secret_macs = (self._macs.of(message.secret),) if proved and message.secret is not None else ()
        session.verifier = session.verifier if proved else None
        session.last_post = session.kept_post = None
        info = f"logged in as {name}"
        if name != message.username:
            info += f": the name {message.username} belongs to an account that was registered earlier"
        if session.native:
            time = context.clock.read(context.now.wall)
            success = LoginSuccess(info, id=context.id, username=name, stamp=time, claim=claim)
            context.send(session, self._with_beginning(session, success, wish, lacks))
            self._told_time.told()
            self.document_keeping.came(session)
        else:
            context.send(session, LoginSuccess(info))
        if target is None:
            target = self._balance.redirect_for(session, message, self.load)
        if target is not None:
            self._redirect(session, target)
            return
        if claim is not None:
            self.on_login(name)
        context.notify("login", f"{name} logged in {session.whence}", user=name)
        self._load_changed()
        if claim is not None:
            absence = self._absences.back(name)
            if absence is not None and not session.native and session.backlog is None:
                session.absence = absence
                wish = absence.has
        if REMOVED in session.features and (message.have is not None or message.seen is not None):
            self._removed(session, self._orders.effects, OrderEffects())
            self._hidden(session, self._orders.effects, OrderEffects())
        self._reached.came(session)
        if wish is not None:
            self._catching_up.start(session, wish)
        elif session.backlog is None:
            session.caught_up = 0
            self._catching_up.live(session)
        self._go_on(session, Outcome.LOGGED_IN)

    def _wish_of(self, session: Session, message: Login) -> Fetch | Resumption | None:
        """What is to be sent to a client before what is live. Raises ValueError."""
        if not session.native:
            return None
        resumption = self._reached.resumption_of(message) if PLACE in session.features else None
        if resumption is not None:
            return resumption
        if message.seen is not None:
            return Fetch(decode_vector(message.seen), ("activity",))
        if message.history:
            return Fetch({}, ("activity",), newest=min(message.history, self._context.config.history_max))
        return None

    def _with_beginning(
        self,
        session: Session,
        success: LoginSuccess,
        wish: Fetch | Resumption | None,
        lacks: dict[str, list[int]] | None,
    ) -> LoginSuccess:
        """What a client of ours is told at its login: with where it begins, if it has nothing."""
        if PLACE in session.features:
            begins = None if isinstance(wish, Resumption) else self._reached.begins()
            features = [*FEATURES, *self.document_keeping.features, PLACE]
            return structs.replace(success, features=features, begins=begins, lacks=lacks)
        vector = vector_in_line(self._replication.client_vector(begins=wish is None), LONG_VECTOR_BYTES_MAX)
        beyond = [str(entry_id) for entry_id in self._replication.client_beyond()]
        features = [*FEATURES, *self.document_keeping.features]
        return structs.replace(success, features=features, vector=vector, beyond=beyond)

    def _redirect(self, session: Session, target: RedirectTarget) -> None:
        address = target.address
        self._context.notify(
            "redirected", f"{session.user} was redirected to {target.name}", user=session.user, in_story=True
        )
        self._context.note(
            "redirected",
            self._context.party(self._context.id),
            other=self._context.party(target.id, target.name),
            person=(session.user or "") if session.claim is not None else "",
            loads=(self.load, target.load),
        )
        self._leave(session)
        if session.claim is not None and session.user is not None and not session.native:
            self._absences.sent_on(session.user)
        self._redirected()
        # The new server has to hear of it before the client can be there.
        session.enter(Outcome.REDIRECTED)
        self._context.timers.set(
            ("redirect", session.conn),
            self._context.after(self._context.config.redirect_delay),
            lambda: self._context.refuse(session, Redirect(address.host, address.port), f"redirected to {address}"),
        )

    # --- ends and changes ---------------------------------------------------------------------------------------------

    def closed(self, session: Session, reason: str, unsent: int) -> None:
        """The connection is gone; of what was sent last, `unsent` bytes did not arrive."""
        self.secret_changes.closed(session)
        self._context.timers.cancel(("redirect", session.conn))
        if session.counted:
            if reason.startswith(TOO_SLOW):
                why: Why = "nothing taken" if reason.startswith(NOTHING_TAKEN) else "too much"
                self._context.note("reader cut", person=session.user or "", why=why, remark=reason)
            name = session.user or "a client"
            self._context.notify("logout", f"{name} left{f': {reason}' if reason else ''}", user=session.user)
            still_missing = session.absence if session.backlog is not None else None
            self._leave(session)
            self._note_absence(session, unsent, still_missing)
        self._leave(session)

    def note_dismissed(self) -> None:
        """This node ends before it hears of the end of connections that it has closed: say who is on the way."""
        for session in self._context.connections.sessions():
            if session.counted and session.state is ConnectionState.CLOSING:
                still_missing = session.absence if session.backlog is not None else None
                self._leave(session)
                self._note_absence(session, 0, still_missing)

    def _note_absence(self, session: Session, unsent: int, still_missing: Absence | None) -> None:
        if session.native or session.claim is None or session.user is None:
            return
        if session.logged_out:
            self._absences.gone(session.user)
        elif not self.people.has(session.claim):
            self._absences.lost(session.user, unsent=unsent, parting=session.parting, still_missing=still_missing)
            # It may be at another server in a moment, which has to know.
            self._redirected()

    def _leave(self, session: Session) -> None:
        self._places.leave(session)
        self._reached.left(session)
        self._catching_up.forget(session)
        self.past_reading.forget(session)
        self.posting.liveness.forget(session)
        session.backlog = None
        session.backlog_fingerprints = {}
        self._context.connections.catching_up.pop(session.conn, None)
        if session.counted:
            self.people.left(session)
            self._load_changed()

    def secret_changed(self, claim: str, verifier: str) -> None:
        """An account has another secret: who is in with an earlier one leaves."""
        text = "the secret of this account was changed; log in with the new one"
        for session in self.people.of(claim):
            if session.verifier not in (None, verifier):
                self._context.invalid(session, text)

    def _removed(self, session: Session, now: OrderEffects, before: OrderEffects) -> None:
        """Have a client let go of what operators have removed since; of very much the latest."""
        told: dict[tuple[str, str], list[str]] = {}
        for one, (_, order) in [*now.removed.items()][-REMOVED_TOLD_MAX:]:
            if one not in before.removed:
                told.setdefault((order.by, order.because), []).append(str(one))
        for (by, because), ids in told.items():
            self._context.send(session, ActivitiesRemoved(ids, by, because))

    def _hidden(self, session: Session, now: OrderEffects, before: OrderEffects) -> None:
        """Have a client hide what expelled servers have accepted, and show again what is hidden no more."""
        shown = {server: one for server, one in before.expelled.items() if now.expelled.get(server) != one}
        shown |= {server: one for server, one in now.lifted.items() if server not in before.lifted}
        for server, expulsion in [*shown.items()][-REMOVED_TOLD_MAX:]:
            self._tell_hidden(session, server, expulsion, undone=True)
        for server, expulsion in [*now.expelled.items()][-REMOVED_TOLD_MAX:]:
            if before.expelled.get(server) != expulsion:
                self._tell_hidden(session, server, expulsion, undone=False)

    def _tell_hidden(self, session: Session, server: str, expulsion: Expulsion, *, undone: bool) -> None:
        order = expulsion.order
        since = expulsion.hidden_from
        self._context.send(session, ActivitiesRemoved([], order.by, order.because, server, since, undone))

    def _expelled(self, before: OrderEffects, now: OrderEffects) -> None:
        """Servers are expelled: whose account came from there leaves, and nobody sees what is hidden."""
        for session in self._context.connections.sessions():
            reason = self._orders.kept_out(session.claim) if session.counted and session.claim is not None else None
            fact = self._book.fact(session.claim) if session.claim is not None else None
            if reason is None and fact is not None and session.verifier not in (None, self._secrets.verifier(fact)):
                reason = "the secret of this account does not count any more: a server that was expelled had changed it"
            if reason is not None:
                self._context.invalid(session, reason)
                continue
            if session.backlog is not None:
                hides = self._replication.removed.hides
                for one in [one for one in session.backlog.values() if hides(one)]:
                    session.backlog_bytes -= len(session.backlog.pop(one.id).body)
            if session.counted and REMOVED in session.features:
                self._hidden(session, now, before)

    def _ordered(self, before: OrderEffects, now: OrderEffects) -> None:
        """Operators have ordered something: who may not be here any more leaves, and is told why."""
        self.posting.silenced = now.silenced
        if now.removed != before.removed:
            for session in self._context.connections.sessions():
                if session.backlog is not None:
                    for entry_id in [one for one in session.backlog if one in now.removed]:
                        session.backlog_bytes -= len(session.backlog.pop(entry_id).body)
                if session.counted and REMOVED in session.features:
                    self._removed(session, now, before)
        for claim in now.closed.keys() - before.closed.keys():
            for session in self.people.of(claim):
                self._context.invalid(session, now.kept_out(claim, "") or "")
        if now.expelled != before.expelled:
            self._expelled(before, now)
        if now.banned != before.banned:
            for one in self._context.connections.all():
                reason = now.kept_out(None, one.peer.host) if one.origin == "inbound" else None
                if reason is not None:
                    self._context.invalid(one, reason)

    def renamed(self, renaming: Renaming) -> None:
        """An account's name has changed: whoever is logged in with it goes on under the new one, and is told."""
        self._replication.last_activities.rename(renaming.before, renaming.after)
        text = f"{renaming.before} was registered earlier in another part of the network; you are {renaming.after} now"
        for session in self.people.of(renaming.claim):
            self.people.rename(session, renaming.after)
            if session.native:
                self._context.send(session, AccountRenamed(renaming.before, renaming.after, text))
        self._load_changed()

    def users(self) -> list[str]:
        """Names that are logged in here, sorted."""
        return self.people.names()
