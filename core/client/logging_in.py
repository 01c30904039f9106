"""How a client gets in: it registers if it has to, logs in, and goes on from what it has.

A refusal is not always the end: the registration's answer may have been lost, the secret may have been in the midst of
being changed, and a server may not know an account yet that another one has let in.
"""

from __future__ import annotations

from typing import Final

from msgspec import structs

from core.client.account import ClientAccount
from core.client.client_events import CatchUpDone, LoggedIn, LoginRefused, RegisterRefused
from core.client.client_settings import PLACE, ClientSettings
from core.client.client_states import ClientOutcome, ClientState
from core.client.course import Course
from core.client.inbox import Inbox
from core.client.keepalive import KeepAlive
from core.client.outgoing_posts import OutgoingPosts
from core.client.outputs import Outputs
from core.client.route import Route
from core.wire import messages as wire
from core.wire.entries import decode_vector, parse_entry_id
from core.wire.entry_runs import decode_runs, encode_runs, is_in, runs_of
from core.wire.version_vector import VersionVector

REDIRECTS_NONE: Final = 1000
"""Said at a login by a client that follows no redirects: a native server keeps a client that has followed any."""
LOGIN_RETRIES: Final = 3
"""How often a login that once succeeded is tried again when a server refuses it: it may not know the account yet."""


class LoggingIn:
    """Sends registrations and logins, and takes their answers."""

    def __init__(
        self,
        course: Course,
        settings: ClientSettings,
        outputs: Outputs,
        route: Route,
        inbox: Inbox,
        account: ClientAccount,
        posts: OutgoingPosts,
        keepalive: KeepAlive,
        wall_ahead: float,
    ) -> None:
        self._wall_ahead = wall_ahead
        self._course = course
        self._settings = settings
        self._outputs = outputs
        self._route = route
        self._inbox = inbox
        self._account = account
        self._posts = posts
        self._keepalive = keepalive
        self.native = False
        """Whether the present server has shown that it is one of ours."""
        self.features: frozenset[str] = frozenset()
        """What the present server understands beyond the first release."""
        self.ever_online = False
        self.online_since = 0.0
        self._refusals = 0
        self._says_it_again = False

    def connected(self, now: float) -> None:
        """There is a server to speak with."""
        self.native = False
        if self._account.registered or self._account.register_unknown:
            self.login(now)
        else:
            self.register(now)

    def register(self, now: float) -> None:
        self._course.enter(ClientOutcome.HAS_TO_REGISTER)
        self._outputs.send(self._account.register())
        self._course.set_deadline(now + self._settings.answer_limit)

    def login(self, now: float) -> None:
        self._course.enter(ClientOutcome.HAS_AN_ACCOUNT)
        self._says_it_again = False
        self._say_login(now)

    def _say_login(self, now: float) -> None:
        login = self._account.login(
            redirects=self._route.redirects if self._settings.follow_redirects else REDIRECTS_NONE,
            visited=self._route.visited,
        )
        place, lacking = self._inbox.place()
        self._outputs.send(
            structs.replace(
                login,
                seen=self._inbox.seen(),
                place=place,
                lacking=lacking,
                have=self._inbox.have(),
                mine=encode_runs(runs_of(self._posts.mine)),
                history=0 if self._inbox.resumable else self._settings.history,
            )
        )
        self._course.set_deadline(now + self._settings.answer_limit)

    def code_taken(self, message: wire.SecretChanged, now: float) -> None:
        if self._settings.code is None:
            return
        self._account.registered = True
        self.login(now)

    def code_refused(self, message: wire.SecretNotChanged, now: float) -> None:
        if self._settings.code is None:
            return
        self._outputs.tell(LoginRefused(message.info))
        self._course.end(f"the code was refused: {message.info}")

    def registered(self, message: wire.RegisterSuccess, now: float) -> None:
        self._outputs.tell(self._account.registration_done())
        self.login(now)

    def register_refused(self, message: wire.RegisterFailed, now: float) -> None:
        self._outputs.tell(RegisterRefused(message.info))
        self._course.end(f"the registration was refused: {message.info}")

    @property
    def says_it_again(self) -> bool:
        """Whether the server has let the client in, and is being told once more what the client has."""
        return self._says_it_again and self._course.state is ClientState.LOGGING_IN

    def logged_in(self, message: wire.LoginSuccess, now: float) -> None:
        try:
            vector = decode_vector(message.vector or {})
            beyond = [parse_entry_id(one) for one in message.beyond]
            lacks = decode_runs(message.lacks or {})
        except ValueError as error:
            self._course.malformed(f"LOGIN_SUCCESS: {error}", now)
            return
        if not self._account.registered:
            self._outputs.tell(self._account.registration_done())
        self.native = message.id is not None
        if self.native and PLACE not in message.features and self._inbox.needs_vector() and not self._says_it_again:
            # It knows nothing but vectors: what was said has told it nothing.
            self._says_it_again = True
            self._inbox.go_on_with_vector(vector)
            self._say_login(now)
            return
        self._course.enter(ClientOutcome.IN if self.native else ClientOutcome.IN_AT_BASE)
        self.features = frozenset(message.features)
        self.ever_online = True
        self._refusals = 0
        self.online_since = now
        self._route.arrived()
        self._account.name = message.username or self._settings.username
        self._account.claim = message.claim
        self._posts.logged_in(native=self.native)
        if message.id is not None:
            if PLACE in message.features:
                if message.lacks is not None:
                    self._posts.repeat_to(lambda one: not is_in(lacks, one))
                try:
                    self._inbox.logged_in(message.id, message.begins, message.stamp, self.wall(now))
                except ValueError as error:
                    self._course.malformed(f"LOGIN_SUCCESS: {error}", now)
                    return
            else:
                if self._inbox.knows_any(vector):
                    # Otherwise it is another network, or one that has begun anew.
                    self._posts.repeat_to(VersionVector(vector, beyond).__contains__)
                self._inbox.logged_in_by_vector(vector, beyond, message.stamp, self.wall(now))
            self._keepalive.logged_in(now, away=self._route.current is not None)
            self._course.set_deadline(self._keepalive.due)
        else:
            self._inbox.live = True
            self._course.set_deadline(now + self._settings.base_settle)
        self._outputs.tell(LoggedIn(self._account.name, self._route.current, message.stamp, message.claim))
        if self._account.logged_in():
            self._outputs.tell(self._account.changed())
        elif self._account.changing and "change_secret" in self.features:
            self._outputs.send(self._account.change())
        if self.native:
            self._posts.begin(now)

    def wall(self, now: float) -> float:
        """What the wall clock says here at `now`, in seconds since 1970."""
        return self._wall_ahead + now

    def login_failed(self, message: wire.LoginFailed, now: float) -> None:
        info = message.info
        if message.later and self.ever_online and self._settings.reconnect:
            # Somebody else at this address guesses, or the server is full: whoever was in waits as long as it takes.
            self._outputs.disconnect()
            self._course.retry(f"{self._route.where} refused the login: {info}", now)
            return
        if self._account.register_unknown and not self._account.registered:
            # The registration whose answer was lost did not succeed, or is not known here: ask for it again.
            self._account.register_unknown = False
            self._outputs.disconnect()
            self._course.retry(f"the registration was interrupted: {info}", now)
            return
        if self._account.refused():
            # The secret was being changed when the connection was lost: perhaps it has been.
            self._outputs.disconnect()
            self._course.retry("", now, at_once=True)
            return
        self._refusals += 1
        if self.ever_online and self._refusals <= LOGIN_RETRIES and self._settings.reconnect:
            self._outputs.disconnect()
            self._course.retry(f"{self._route.where} refused the login: {info}", now)
            return
        self._outputs.tell(LoginRefused(info))
        self._course.end(f"the login was refused: {info}")

    def settled(self, now: float) -> None:
        """A base server has not redirected: it is the one to post to, and it has no past to send."""
        self._course.enter(ClientOutcome.NOT_SENT_ON)
        self._outputs.tell(CatchUpDone(0))
        self._posts.begin(now)
