"""The client's half of the protocol as a pure state machine.

Inputs are method calls with the time; outputs are values in `outputs`: connect, send, disconnect, wake, tell the
application. No socket, clock or random source of its own.

    IDLE ─▶ CONNECTING ─▶ REGISTERING ─▶ LOGGING_IN ─▶ ONLINE
               ▲  │            │              │           │  refused ─▶ CLOSED
               │  ▼            ▼              ▼           ▼  lost, redirected, told to go
              WAITING ◀──────────────────────────────────────
"""

from __future__ import annotations

import base64
import enum
import random
from collections.abc import Sequence
from typing import Final

from core.client.events import (
    ActivityAccepted,
    ActivityArrived,
    ActivityRefused,
    ActivityUnknown,
    CaughtUp,
    ClientEvent,
    Connected,
    Connecting,
    Disconnected,
    GaveUp,
    LoggedIn,
    LoginRefused,
    Redirected,
    Registered,
    RegisterRefused,
    Renamed,
    ServerQuits,
    StatusArrived,
)
from core.client.inbox import Inbox
from core.client.outputs import Connect, Disconnect, Output, Send, Tell, WakeAt
from core.client.posts import Post, Posts, raw_activity
from core.client.route import Route
from core.client.settings import FEATURES, ClientSettings
from core.wire import messages as wire
from core.wire.address import Address
from core.wire.codec import encode
from core.wire.entries import COUNTER_MAX, decode_vector, parse_entry_id
from core.wire.limits import CLIENT_LINE_BYTES_MAX
from core.wire.messages import Message
from core.wire.names import ANONYMOUS

SERVERS_HEARD_MAX: Final = 16
"""Servers of a picture of the network that are looked at."""
REDIRECTS_NONE: Final = 1000
"""Said at a login by a client that follows no redirects: a native server keeps a client that has followed any."""
LOGIN_RETRIES: Final = 3
"""How often a login that once succeeded is tried again when a server refuses it: it may not know the account yet."""
ENVELOPE_BYTES: Final = 256
"""What `previous` and its stamp may add to the line of a post."""


class State(enum.Enum):
    IDLE = "idle"
    CONNECTING = "connecting"
    REGISTERING = "registering"
    LOGGING_IN = "logging in"
    ONLINE = "online"
    WAITING = "waiting"
    CLOSED = "closed"


def make_secret(rng: random.Random) -> str:
    """A secret as existing clients make them: 26 base-32 characters, 130 bits."""
    return base64.b32encode(rng.randbytes(17)).decode()[:26].lower()


class ClientMachine:
    """One client. After each input, carry out `take_outputs()` in order."""

    def __init__(
        self, settings: ClientSettings, addresses: Sequence[Address], rng: random.Random, *, home: bool = False
    ) -> None:
        if not addresses and not home:
            raise ValueError("a client needs at least one server's address")
        self.settings = settings
        self.state = State.IDLE
        self._rng = rng
        self._route = Route(addresses, home=home, redirects_max=settings.redirects_max)
        self._outputs: list[Output] = []
        self._inbox = Inbox(settings.seen, settings.streams_max)
        self._posts = Posts(settings.posts_max, settings.posts_bytes_under_way)
        self._secret = settings.secret
        self._made_secret = False
        if settings.register and not self._secret:
            self._secret = make_secret(rng)
            self._made_secret = True
        self._registered = not settings.register
        self._register_unknown = False
        self._username = settings.username
        self._id = base64.b32encode(rng.randbytes(10)).decode().lower()
        self._number = 0
        self._attempts = 0
        self._ever_online = False
        self._login_refusals = 0
        self._native = False
        self._live = False
        self._previous: tuple[str, int] | None = None
        self._deadline: float | None = None
        self._heard_at = 0.0
        self._pinged_at = 0.0
        self._pings = 0
        self._ping_at = 0.0
        self._discover_at: float | None = None
        self._online_since = 0.0
        self._settling = False

    # --- what the application sees ------------------------------------------------------------------------------------

    @property
    def native(self) -> bool:
        """Whether the present server has shown that it is one of ours."""
        return self._native and self.state is State.ONLINE

    @property
    def unanswered(self) -> int:
        return len(self._posts)

    def take_outputs(self) -> list[Output]:
        outputs, self._outputs = self._outputs, []
        return outputs

    def start(self, now: float) -> None:
        if self.state is State.IDLE:
            self._connect(now)

    def post(self, activity: object, ref: str | None, now: float) -> str:
        """Send an activity, as soon as there is somebody to send it to; the name by which its answer comes.

        Raises PostQueueFull, or ValueError when it is not a JSON object or no server would take it.
        """
        raw = raw_activity(activity)
        if ref is None:
            self._number += 1
            ref = f"{self._id}-{self._number}"
        size = len(encode(wire.ActivityMessage(self.settings.username, raw, self._secret, ref)))
        excess = size + ENVELOPE_BYTES - CLIENT_LINE_BYTES_MAX
        if excess > 0:
            raise ValueError(f"the activity is {excess} bytes too long: with its envelope it must fit into 64 KiB")
        self._posts.add(ref, raw, size)
        if self.state is State.CLOSED:
            self._posts.answered(ref)
            self._tell(ActivityRefused(ref, "the client is closed"))
        self._send_posts()
        return ref

    def request_status(self) -> bool:
        """Ask the server for its view of the network; whether there is one that can be asked."""
        if not self.native:
            return False
        self._send(wire.StatusRequest())
        return True

    def close(self, now: float) -> None:
        """Log out, and end."""
        if self.state is State.CLOSED:
            return
        if self.state in (State.ONLINE, State.LOGGING_IN, State.REGISTERING):
            self._send(wire.Logout())
        self._end("closed")

    # --- the connection -----------------------------------------------------------------------------------------------

    def connected(self, now: float) -> None:
        """The connection asked for is up."""
        if self.state is not State.CONNECTING:
            return
        self._heard_at = self._pinged_at = now
        self._pings = 0
        self._native = False
        self._live = False
        self._settling = False
        self._tell(Connected(self._route.current))
        if self._registered or self._register_unknown:
            self._login(now)
        else:
            self._register(now)

    def _register(self, now: float) -> None:
        self.state = State.REGISTERING
        self._send(wire.Register(self.settings.username, self._secret or "", features=list(FEATURES)))
        self._set_deadline(now + self.settings.answer_limit)

    def _login(self, now: float) -> None:
        self.state = State.LOGGING_IN
        seen = self._inbox.seen()
        anonymous = self.settings.username == ANONYMOUS
        self._send(
            wire.Login(
                self.settings.username,
                None if anonymous else self._secret,
                features=list(FEATURES),
                seen=seen,
                history=0 if seen is not None else self.settings.history,
                redirects=self._route.redirects if self.settings.follow_redirects else REDIRECTS_NONE,
                visited=self._route.visited,
            )
        )
        self._set_deadline(now + self.settings.answer_limit)

    def connect_failed(self, reason: str, now: float) -> None:
        """The connection asked for cannot be had."""
        if self.state is State.CONNECTING:
            self._retry(f"{self._route.where} cannot be reached: {reason}", now)

    def lost(self, reason: str, now: float) -> None:
        """The connection has ended."""
        if self.state in (State.REGISTERING, State.LOGGING_IN, State.ONLINE):
            self._retry(reason or "the server closed the connection", now)

    def woke(self, now: float) -> None:
        """The time asked for has come."""
        if self._deadline is None or now < self._deadline:
            return
        self._deadline = None
        if self.state is State.WAITING:
            self._connect(now)
        elif self.state is State.CONNECTING:
            self._outputs.append(Disconnect())
            self._retry(f"{self._route.where} does not answer", now)
        elif self.state in (State.REGISTERING, State.LOGGING_IN):
            self._outputs.append(Disconnect())
            self._retry(f"{self._route.where} did not answer the {self.state.value}", now)
        elif self.state is State.ONLINE:
            self._check(now)

    def _check(self, now: float) -> None:
        """Something that a login brings with it is due."""
        if self._settling:
            self._settled()
            return
        if self._discover_at is not None and now >= self._discover_at:
            self._send(wire.StatusRequest())
            self._discover_at = now + self.settings.discover_interval * self._rng.uniform(0.5, 1.5)
        if now >= self._ping_at:
            self._watch(now)
        if self.state is State.ONLINE:
            self._set_deadline(min(self._ping_at, self._discover_at or self._ping_at))

    def _settled(self) -> None:
        """A base server has not redirected: it is the one to post to, and it has no past to send."""
        self._settling = False
        self._tell(CaughtUp(0))
        self._send_posts()

    def _watch(self, now: float) -> None:
        interval = self.settings.ping_interval
        due = min(self._heard_at, self._pinged_at) + interval
        if now < due:
            self._ping_at = due
        elif self._pings >= self.settings.ping_misses:
            self._outputs.append(Disconnect())
            self._retry(f"{self._route.where} does not answer any more", now)
        else:
            self._pings += 1
            self._pinged_at = now
            self._send(wire.Ping(self._pings))
            self._ping_at = now + interval / 2

    def _connect(self, now: float) -> None:
        target = self._route.choose(self._attempts)
        self.state = State.CONNECTING
        self._tell(Connecting(target))
        self._outputs.append(Connect(target))
        self._set_deadline(now + self.settings.connect_limit)

    def _retry(self, reason: str, now: float, *, at_once: bool = False) -> None:
        """The connection is over: what next?"""
        if self.state is State.ONLINE and now - self._online_since >= self.settings.settled_after:
            self._attempts = 0
        if self.state is State.REGISTERING:
            # It may have succeeded without our hearing of it: a login tells.
            self._register_unknown = True
        was_base = self.state is State.ONLINE and not self._native
        if was_base:
            for post in self._posts.sent():
                self._unknown(post)
        self._posts.connection_lost()
        if not self.settings.reconnect and not at_once:
            self._tell(Disconnected(reason, None))
            self._end(reason)
            return
        self.state = State.WAITING
        if at_once:
            self._connect(now)
            return
        ceiling = min(self.settings.retry_max, self.settings.retry_min * 2.0 ** min(self._attempts, 16))
        # From nothing on: the clients of a lost server come back spread over the whole time.
        delay = ceiling * self._rng.random()
        self._attempts += 1
        self._route.waits()
        self._tell(Disconnected(reason, delay))
        self._set_deadline(now + delay)

    def _end(self, reason: str) -> None:
        if self.state is State.CLOSED:
            return
        self.state = State.CLOSED
        self._outputs.append(Disconnect())
        self._set_deadline(None)
        for post in self._posts.all():
            if post.ever_sent:
                self._tell(ActivityUnknown(post.ref))
            else:
                self._tell(ActivityRefused(post.ref, f"it was never sent: {reason}"))
        self._posts.clear()
        self._tell(GaveUp(reason))

    # --- messages -----------------------------------------------------------------------------------------------------

    def malformed(self, info: str, now: float) -> None:
        """The server said something that is no message."""
        if self.state in (State.REGISTERING, State.LOGGING_IN, State.ONLINE):
            self._send(wire.InvalidMessage(info))
            self._outputs.append(Disconnect())
            self._retry(f"{self._route.where} talks nonsense: {info}", now)

    def received(self, message: Message, now: float) -> None:
        """The server said something."""
        if self.state not in (State.REGISTERING, State.LOGGING_IN, State.ONLINE):
            return
        self._heard_at = now
        self._pings = 0
        match message:
            case wire.ActivityBroadcast():
                self._activity(message)
            case wire.ActivityAck():
                self._acknowledged(message)
            case wire.ActivityRefused():
                refused = self._posts.get(message.ref)
                if refused is not None:
                    self._refused(refused, message.info)
                self._send_posts()
            case wire.CaughtUp():
                self._inbox.caught_up()
                self._live = True
                self._tell(CaughtUp(message.count))
            case wire.Pong() | wire.LockAllowed():
                pass
            case wire.Ping():
                self._send(wire.Pong(message.number))
            case wire.LoginSuccess():
                self._logged_in(message, now)
            case wire.LoginFailed():
                self._login_failed(message.info, now)
            case wire.RegisterSuccess():
                if self.state is State.REGISTERING:
                    self._registration_done()
                    self._login(now)
            case wire.RegisterFailed():
                if self.state is State.REGISTERING:
                    self._tell(RegisterRefused(message.info))
                    self._end(f"the registration was refused: {message.info}")
            case wire.Redirect():
                self._redirected(Address(message.hostname, int(message.port)), now)
            case wire.Quit():
                self._server_quits(message, now)
            case wire.AccountRenamed():
                self._username = message.renamed
                self._tell(Renamed(message.username, message.renamed, message.info))
            case wire.Status():
                self._learn_from(message.status)
                self._tell(StatusArrived(message.status))
            case wire.InvalidMessage() | wire.AuthenticationFail():
                self._objected(message.info, now, certain=isinstance(message, wire.AuthenticationFail))
            case _:
                self.malformed(f"{wire.command_of(message)} is not for clients", now)

    def _registration_done(self) -> None:
        self._registered = True
        self._register_unknown = False
        self._tell(Registered(self.settings.username, self._secret or "", self._made_secret))

    def _logged_in(self, message: wire.LoginSuccess, now: float) -> None:
        if self.state is not State.LOGGING_IN:
            return
        if not self._registered:
            self._registration_done()
        self.state = State.ONLINE
        self._native = message.id is not None
        self._ever_online = True
        self._login_refusals = 0
        self._online_since = now
        self._route.arrived()
        self._username = message.username or self.settings.username
        if self._native:
            try:
                self._inbox.logged_in(
                    decode_vector(message.vector or {}),
                    [parse_entry_id(one) for one in message.beyond],
                    asked_history=self.settings.history > 0,
                )
            except ValueError as error:
                self.malformed(f"LOGIN_SUCCESS: {error}", now)
                return
            self._ping_at = now + self.settings.ping_interval
            after = self.settings.discover_after
            away = after is not None and self._route.current is not None
            self._discover_at = now + after * self._rng.uniform(0.5, 1.5) if away and after is not None else None
            self._set_deadline(min(self._ping_at, self._discover_at or self._ping_at))
        else:
            self._live = True
            self._settling = True
            self._set_deadline(now + self.settings.base_settle)
            for post in self._posts.all():
                if post.ever_sent:
                    # A base server knows no refs: what another server may have accepted would come twice.
                    self._unknown(post)
        self._tell(LoggedIn(self._username, message.id, self._route.current))
        self._send_posts()

    def _login_failed(self, info: str, now: float) -> None:
        if self._register_unknown and not self._registered:
            # The registration whose answer was lost did not succeed, or is not known here: ask for it again.
            self._register_unknown = False
            self._outputs.append(Disconnect())
            self._retry(f"the registration was interrupted: {info}", now)
            return
        self._login_refusals += 1
        if self._ever_online and self._login_refusals <= LOGIN_RETRIES and self.settings.reconnect:
            self._outputs.append(Disconnect())
            self._retry(f"{self._route.where} refused the login: {info}", now)
            return
        self._tell(LoginRefused(info))
        self._end(f"the login was refused: {info}")

    def _redirected(self, address: Address, now: float) -> None:
        self._outputs.append(Disconnect())
        self._tell(Redirected(address))
        if not self.settings.follow_redirects:
            self._end(f"redirected to {address}")
        elif self._route.redirected(address):
            self._retry("", now, at_once=True)
        else:
            self._retry(f"{self._route.where} redirects back and forth", now)

    def _server_quits(self, message: wire.Quit, now: float) -> None:
        self._outputs.append(Disconnect())
        if message.new_server_ip is None or message.new_server_port is None:
            self._tell(ServerQuits(None))
            self._retry("the server left and the network ends here", now)
            return
        address = Address(message.new_server_ip, int(message.new_server_port))
        self._tell(ServerQuits(address))
        if self.settings.follow_redirects:
            self._route.left(address)
            self._retry("", now, at_once=True)
        else:
            self._end(f"the server left; go on at {address}")

    def _learn_from(self, status: dict[str, object]) -> None:
        servers = status.get("servers")
        addresses = []
        for server in servers[:SERVERS_HEARD_MAX] if isinstance(servers, list) else ():
            if isinstance(server, dict) and server.get("state") == "reachable":
                host, port = server.get("hostname"), server.get("port")
                if isinstance(host, str) and isinstance(port, int):
                    addresses.append(Address(host, port))
        self._route.hear_of(addresses)

    def _unknown(self, post: Post) -> None:
        self._posts.answered(post.ref)
        self._tell(ActivityUnknown(post.ref))

    def _objected(self, info: str, now: float, *, certain: bool) -> None:
        """The server objects to something, and closes.

        `certain`: to an activity. INVALID_MESSAGE may also come from an operator who ends the connection.
        """
        self._outputs.append(Disconnect())
        sent = self._posts.sent()
        if len(sent) == 1 and (certain or not self._native):
            self._refused(sent[0], info)
        elif sent and self._posts.careful:
            self._unknown(sent[0])
        elif sent and self._native:
            self._posts.careful = True
        if not self._ever_online and self.state is not State.ONLINE:
            self._tell(LoginRefused(info))
            self._end(f"the server refused: {info}")
            return
        self._retry(f"the server objected: {info}", now)

    # --- activities ---------------------------------------------------------------------------------------------------

    def _activity(self, message: wire.ActivityBroadcast) -> None:
        body = bytes(message.activity)
        try:
            entry_id = parse_entry_id(message.id) if message.id is not None else None
        except ValueError:
            entry_id = None
        sender = message.sender or ""
        own_ref = self._own_ref(message, body)
        if not self._inbox.offer(entry_id, sender, message.ref):
            return
        self._tell(ActivityArrived(message.id, body, sender, message.stamp, self._live, own_ref))
        if own_ref is not None and not self._native and self._posts.answered(own_ref):
            self._tell(ActivityAccepted(own_ref, message.id, message.stamp))
            self._send_posts()

    def _own_ref(self, message: wire.ActivityBroadcast, body: bytes) -> str | None:
        if message.ref is not None:
            own = message.ref.startswith(f"{self._id}-") or message.ref in self._posts
            return message.ref if own else None
        if self._native:
            return None
        for post in self._posts.sent():
            if post.is_broadcast_as(body, self._username):
                return post.ref
        return None

    def _refused(self, post: Post, info: str) -> None:
        """This server does not accept it; whether an earlier one did before its connection was lost, nobody knows."""
        self._posts.answered(post.ref)
        self._tell(ActivityUnknown(post.ref) if post.unsure else ActivityRefused(post.ref, info))

    def _acknowledged(self, message: wire.ActivityAck) -> None:
        if self._posts.answered(message.ref):
            self._remember(message)
            self._tell(ActivityAccepted(message.ref, message.id, message.stamp))
        self._send_posts()

    def _remember(self, message: wire.ActivityAck) -> None:
        """What the next post names as the one before it; another server must be able to read it."""
        try:
            parse_entry_id(message.id)
        except ValueError:
            return
        if 0 <= message.stamp <= COUNTER_MAX:
            self._previous = (message.id, message.stamp)

    def _send_posts(self) -> None:
        if self.state is not State.ONLINE or self._settling:
            return
        anonymous = self.settings.username == ANONYMOUS
        for post in self._posts.ready():
            post.sent = post.ever_sent = True
            previous = self._previous if self._native else None
            self._send(
                wire.ActivityMessage(
                    self.settings.username,
                    post.activity,
                    None if anonymous else self._secret,
                    ref=post.ref,
                    previous=previous[0] if previous else None,
                    previous_stamp=previous[1] if previous else None,
                )
            )

    # --- outputs ------------------------------------------------------------------------------------------------------

    def _send(self, message: Message) -> None:
        self._outputs.append(Send(message))

    def _tell(self, event: ClientEvent) -> None:
        self._outputs.append(Tell(event))

    def _set_deadline(self, at: float | None) -> None:
        if at != self._deadline:
            self._deadline = at
            self._outputs.append(WakeAt(at))
