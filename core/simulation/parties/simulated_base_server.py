"""A server of the original network: it speaks only the base protocol, recognises no duplicates and redials nobody.

What it is hurt by, it writes down as a problem: a command that it does not know, an activity that arrives twice, being
spoken to before it has announced itself. Two of the ways in which existing servers differ are modelled: some keep what
they do not know when they pass something on (`keeps_extra_fields`), some stop listening at an unknown command and some
answer it with `INVALID_MESSAGE`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from core.simulation.environment.connection_ends import End
from core.simulation.environment.environment import Environment
from core.simulation.environment.randomness import seeded
from core.simulation.environment.simulated_network import DialFailure
from core.simulation.ledger import Ledger
from core.wire.activity import stamp_activity
from core.wire.address import Address
from core.wire.codec import Frame
from core.wire.messages import (
    ActivityBroadcast,
    ActivityMessage,
    Authenticate,
    AuthenticationFail,
    InvalidMessage,
    LockAllowed,
    LockDenied,
    LockRequest,
    Login,
    LoginFailed,
    LoginSuccess,
    Logout,
    Message,
    Register,
    RegisterFailed,
    RegisterSuccess,
    ServerAnnounce,
    command_of,
)

ANNOUNCE_INTERVAL: Final = 5.0
CROWD: Final = 1000
"""Clients of its own that a base server announces: nobody is redirected there, where activities have no identity and
nothing is kept."""
DIAL_LIMIT: Final = 5.0
HEARD_AFTER: Final = 1.0
"""Seconds after which what was said has been heard, if the connection is still there."""


@dataclass(slots=True)
class _Connection:
    end: End
    kind: str = "unknown"
    outbound: bool = False
    has_spoken: bool = False
    """Whether it has said anything here beside AUTHENTICATE: some die when they are spoken to before."""
    user: str | None = None
    secret: str | None = None
    deaf: bool = False
    process: object | None = None
    """Which process of ours is at the other end: what it has sent may come when another one runs there, or none."""


@dataclass(slots=True)
class _Question:
    username: str
    secret: str
    asker: int
    expected: int
    allowed: int = 0
    denied: bool = False


class SimulatedBaseServer:
    """One base server."""

    def __init__(
        self,
        environment: Environment,
        ledger: Ledger,
        name: str,
        address: Address,
        secret: str,
        *,
        advertised: str,
        is_known_at: Callable[[str, str], bool],
        process_at: Callable[[str], object | None],
    ) -> None:
        """`advertised` is the host that it says it is at. `is_known_at` tells whether the server at a host has heard
        of the base server with an id, so that it looks for it again; `process_at` which process of ours runs there."""
        self._environment = environment
        self._ledger = ledger
        self._advertised = advertised
        self._is_known_at = is_known_at
        self._process_at = process_at
        self.name = name
        self.address = address
        self.secret = secret
        rng = seeded(environment.seed, "base server", name)
        self.keeps_extra_fields = rng.random() < 0.5
        self.deaf_to_unknown = rng.random() < 0.5
        self.announces_at_once = rng.random() < 0.5
        self.id = f"base-{name}"
        self.up = False
        self.was_linked = False
        """Whether it has ever said over a link where it is: somebody knows of it."""
        self.users: dict[str, str] = {}
        self.asked_by: dict[str, object] = {}
        """Which process of ours has asked about each of those names last."""
        self.announced: dict[str, ServerAnnounce] = {}
        self.activities: dict[bytes, int] = {}
        """How often each activity arrived over server links."""
        self._connections: dict[int, _Connection] = {}
        self._questions: dict[str, _Question] = {}
        self._life = 0
        self._said = 0

    # --- life ---------------------------------------------------------------------------------------------------------

    def start(self, remote: Address | None) -> None:
        """Listen, and join the network at a server, as the original's command line has it."""
        if self.up:
            return
        self.up = True
        self._life += 1
        self._environment.network.dark.discard(self.address.host)
        self._environment.network.listen(self.address, self.address.host, self)
        if remote is not None:
            self._environment.network.dial(self.address.host, remote, DIAL_LIMIT, self._dialled)
        self._announce_later(self._life)

    def crash(self) -> None:
        """It keeps nothing on disk: all that it knew is gone."""
        if not self.up:
            return
        self.up = False
        self._environment.network.unlisten(self.address)
        for connection in list(self._connections.values()):
            connection.end.vanish(told=True)
        self._connections.clear()
        self._questions.clear()
        self.users.clear()
        self.asked_by.clear()
        self.announced.clear()
        self.activities.clear()

    def chat(self) -> None:
        """One of its own people writes something."""
        if self.up:
            self._said += 1
            members = {"type": b'"Note"', "by": f'"{self.name}"'.encode(), "n": str(self._said).encode()}
            body = stamp_activity({name: msgspec.Raw(value) for name, value in members.items()}, "anonymous")
            self._flood(ActivityBroadcast(msgspec.Raw(body)))

    def _dialled(self, outcome: End | DialFailure) -> None:
        if isinstance(outcome, DialFailure):
            return
        if not self.up:
            outcome.vanish(told=True)
            return
        outcome.party = self
        connection = _Connection(outcome, kind="server", outbound=True)
        self._connections[outcome.conn] = connection
        outcome.send(Frame(Authenticate(self.secret)))
        if self.announces_at_once:
            self._announce(connection)

    def _announce_later(self, life: int) -> None:
        def announce() -> None:
            if self.up and life == self._life:
                for connection in self._servers():
                    self._announce(connection)
                self._announce_later(life)

        self._environment.schedule.after(ANNOUNCE_INTERVAL, announce)

    def _announce(self, connection: _Connection) -> None:
        connection.has_spoken = True
        self._say(connection, ServerAnnounce(self.id, self.load, self._advertised, self.address.port))
        self._environment.schedule.after(HEARD_AFTER, lambda: self._was_heard(connection))

    def _was_heard(self, connection: _Connection) -> None:
        self.was_linked = self.was_linked or self._is_known_at(connection.end.peer, self.id)

    @property
    def load(self) -> int:
        return CROWD + sum(one.user is not None for one in self._connections.values())

    # --- connections --------------------------------------------------------------------------------------------------

    def accepted(self, end: End, peer: Address) -> SimulatedBaseServer:
        self._connections[end.conn] = _Connection(end)
        return self

    def closed(self, conn: int, reason: str) -> None:
        self._connections.pop(conn, None)

    def garbled(self, conn: int, info: str) -> None:
        connection = self._connections.get(conn)
        if connection is not None:
            self._refuse(connection, InvalidMessage(info))

    def _servers(self, but: int | None = None) -> list[_Connection]:
        return [one for one in self._connections.values() if one.kind == "server" and one.end.conn != but]

    def _say(self, connection: _Connection, message: Message) -> None:
        connection.end.send(Frame(message))

    def _flood(self, message: Message, but: int | None = None) -> None:
        frame = Frame(message)
        for connection in self._servers(but):
            connection.has_spoken = True
            connection.end.send(frame)

    def _refuse(self, connection: _Connection, answer: Message) -> None:
        self._say(connection, answer)
        connection.end.close("refused")

    def _harm(self, text: str) -> None:
        self._ledger.problem("base protocol", f"base server {self.name}: {text}")

    # --- messages -----------------------------------------------------------------------------------------------------

    def received(self, conn: int, message: Message) -> None:
        connection = self._connections.get(conn)
        if connection is None or connection.deaf:
            return
        if connection.process is None:
            connection.process = self._process_at(connection.end.peer)
        if connection.outbound and not connection.has_spoken:
            self._harm(f"was sent {command_of(message)} before its first announcement")
        match message:
            case Authenticate():
                if connection.kind != "unknown":
                    self._refuse(connection, InvalidMessage("AUTHENTICATE again"))
                elif message.secret != self.secret:
                    self._refuse(connection, AuthenticationFail("wrong secret"))
                else:
                    connection.kind = "server"
            case AuthenticationFail() | InvalidMessage():
                connection.end.close("the other side objects")
            case ServerAnnounce() | ActivityBroadcast() | LockRequest() | LockAllowed() | LockDenied():
                if connection.kind != "server":
                    self._refuse(connection, InvalidMessage("not authenticated"))
                else:
                    self._from_server(connection, message)
            case Login() | Logout() | Register() | ActivityMessage():
                if connection.kind == "server":
                    self._refuse(connection, InvalidMessage("a client's command"))
                else:
                    connection.kind = "client"
                    self._from_client(connection, message)
            case _:
                self._harm(f"was sent {command_of(message)}, which the base protocol does not have")
                if self.deaf_to_unknown:
                    connection.deaf = True
                else:
                    self._refuse(connection, InvalidMessage("unknown command"))

    def _from_server(
        self,
        connection: _Connection,
        message: ServerAnnounce | ActivityBroadcast | LockRequest | LockAllowed | LockDenied,
    ) -> None:
        conn = connection.end.conn
        match message:
            case ServerAnnounce():
                self.announced[str(message.id)] = message
                plain = ServerAnnounce(message.id, message.load, message.hostname, message.port)
                self._flood(message if self.keeps_extra_fields else plain, conn)
            case ActivityBroadcast():
                body = bytes(message.activity)
                self._ledger.came_to_base(self.name, body)
                self.activities[body] = self.activities.get(body, 0) + 1
                # What liars made up bears no user's name, and may well be the same twice.
                if self.activities[body] == 2 and b'"authenticated_user"' in body:
                    self._harm(f"was sent an activity twice: {body[:200]!r}")
                self._flood(message, conn)
                self._deliver(message)
            case LockRequest():
                self._lock_requested(connection, message)
            case LockAllowed():
                question = self._questions.get(message.username)
                if question is not None:
                    question.allowed += 1
                    self._settle(question)
                self._flood(message, conn)
            case LockDenied():
                question = self._questions.get(message.username)
                if question is not None:
                    question.denied = True
                    self._settle(question)
                elif self.users.get(message.username) == message.secret:
                    del self.users[message.username]
                self._flood(message, conn)

    def _deliver(self, message: ActivityBroadcast) -> None:
        frame = Frame(message)
        for connection in list(self._connections.values()):
            if connection.user is not None:
                connection.end.send(frame)

    # --- registering --------------------------------------------------------------------------------------------------

    def _lock_requested(self, connection: _Connection, message: LockRequest) -> None:
        username, secret = message.username, message.secret
        if secret is None:
            self._harm(f"was asked to lock {username} without a secret")
            return
        self._flood(
            message if self.keeps_extra_fields else LockRequest(username, secret),
            connection.end.conn,
        )
        known = self.users.get(username)
        if known is not None and known != secret:
            self._flood(LockDenied(username, secret))
        else:
            self.users[username] = secret
            self._ledger.locked_at_base[self.name, username] = None
            if connection.process is not None:
                self.asked_by[username] = connection.process
            self._flood(LockAllowed(username, secret))

    def _settle(self, question: _Question) -> None:
        if not question.denied and question.allowed < question.expected:
            return
        self._questions.pop(question.username, None)
        asker = self._connections.get(question.asker)
        if question.denied:
            if asker is not None:
                self._refuse(asker, RegisterFailed(f"{question.username} is registered already"))
            return
        self.users[question.username] = question.secret
        links = [one.end for one in self._servers()]
        told = question.expected > 0 or any(not (end.lane.dead or end.far.lane.dead) for end in links)
        self._ledger.granted[self.name, question.username] = told
        if asker is not None:
            self._say(asker, RegisterSuccess(f"{question.username} is registered"))

    # --- clients ------------------------------------------------------------------------------------------------------

    def _from_client(self, connection: _Connection, message: Login | Logout | Register | ActivityMessage) -> None:
        match message:
            case Login():
                anonymous = message.username == "anonymous"
                known = message.secret is not None and self.users.get(message.username) == message.secret
                if not (anonymous or known):
                    self._refuse(connection, LoginFailed("unknown user or wrong secret"))
                    return
                connection.user, connection.secret = message.username, message.secret
                self._say(connection, LoginSuccess(f"logged in as {message.username}"))
            case Logout():
                connection.end.close("logged out")
                self._connections.pop(connection.end.conn, None)
            case Register():
                self._register(connection, message)
            case ActivityMessage():
                if connection.user is None or connection.user != message.username:
                    self._refuse(connection, AuthenticationFail("log in first"))
                    return
                body = stamp_activity(message.activity, connection.user)
                self._ledger.taken_by_base(self.name, body)
                broadcast = ActivityBroadcast(msgspec.Raw(body))
                self._flood(broadcast)
                self._deliver(broadcast)

    def _register(self, connection: _Connection, message: Register) -> None:
        if message.username in self.users or message.username in self._questions:
            self._refuse(connection, RegisterFailed(f"{message.username} is registered already"))
            return
        question = _Question(message.username, message.secret, connection.end.conn, len(self.announced))
        self._questions[message.username] = question
        self._flood(LockRequest(message.username, message.secret))
        self._settle(question)
