"""Whoever is at the other end of one connection of a server, and says what a test has it say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec

from core.certificates.leaf import ShownLeaf
from core.simulation.environment.connection_ends import End
from core.simulation.testing.watched_server import WatchedServer
from core.wire import messages as wire
from core.wire.codec import Frame
from core.wire.messages import Message, command_of

SECRET: Final = "network secret"
NATIVE_CLIENT: Final = ("quit", "resume", "ack", "ping", "status")
BASE_HOST: Final = "base.example"
"""Where base servers are."""

M = TypeVar("M")


class ScriptedPeer:
    """A client or a server, with one connection at a time."""

    def __init__(self, server: WatchedServer | None = None) -> None:
        self.server = server
        """Whom it is connected with."""
        self.host: str | None = None
        """Where it is in the simulated network, once it has been there."""
        self.end: End | None = None
        """Its own end of the connection, or of the last one."""
        self.log: list[Message] = []
        """What it has heard."""
        self.lines: list[bytes] = []
        """The same as it came, without terminators."""
        self.leaf: ShownLeaf | None = None
        """The certificate that it has, if it has one. Who listens encrypts with it, and only then."""
        self.closed: str | None = None
        """Why the connection has ended; None as long as there is one."""

    # --- what a test has it do ----------------------------------------------------------------------------------------

    def say(self, message: Message | bytes) -> None:
        """Send a message, or a line that may be anything, with its terminator."""
        assert self.end is not None, "there is no connection"
        self.end.send(message[:-1] if isinstance(message, bytes) else Frame(message))

    def answer(self, message: Message) -> None:
        """What it does when it hears something; nothing."""

    def hang_up(self) -> None:
        """Close the connection; what was said before still arrives."""
        assert self.end is not None
        self.end.close("hung up")

    def break_off(self) -> None:
        """The connection breaks, and what is under way on it is lost."""
        assert self.end is not None
        self.end.cut("connection reset")

    def go_dead(self) -> None:
        """Nothing gets through in either direction from now on, and nobody is told."""
        assert self.end is not None
        self.end.go_dead()

    def take_each_way(self, seconds: float) -> None:
        """From now on a message takes so long, in either direction."""
        assert self.end is not None
        self.end.take_each_way(seconds)

    # --- what a test looks at -----------------------------------------------------------------------------------------

    @property
    def conn(self) -> int:
        """The number of the connection at the server."""
        assert self.end is not None
        return self.end.far.conn

    def of(self, kind: type[M]) -> list[M]:
        """What it has heard of one kind."""
        return [message for message in self.log if isinstance(message, kind)]

    @property
    def commands(self) -> list[str]:
        return [command_of(message) for message in self.log]

    # --- what happens to its connection -------------------------------------------------------------------------------

    def connected(self, end: End, server: WatchedServer | None) -> Ear:
        """There is a connection, with this server; who listens at its end of it."""
        self.end, self.server, self.closed = end, server, None
        end.party = Ear(self, end)
        return end.party

    def heard(self, end: End, message: Message) -> None:
        """Something has come over a connection."""
        self.log.append(message)
        self.answer(message)

    def lost(self, end: End, reason: str) -> None:
        """A connection is over."""
        if end is self.end:
            self.closed = reason


class Ear:
    """Listens at one end of a connection for a peer that may have several."""

    def __init__(self, peer: ScriptedPeer, end: End) -> None:
        self.peer = peer
        self._end = end

    def received(self, conn: int, message: Message) -> None:
        self.peer.heard(self._end, message)

    def garbled(self, conn: int, info: str) -> None:
        raise AssertionError(f"a server has sent what is no message: {info}")

    def closed(self, conn: int, reason: str) -> None:
        self.peer.lost(self._end, reason)


class ScriptedClient(ScriptedPeer):
    """A client, native unless it shows no features."""

    def __init__(self, server: WatchedServer | None = None, features: Sequence[str] = NATIVE_CLIENT) -> None:
        super().__init__(server)
        self.features = list(features)
        self.answers = True
        """Whether it answers pings."""

    def answer(self, message: Message) -> None:
        if isinstance(message, wire.Ping) and self.answers:
            self.say(wire.Pong(message.number))

    def login(self, username: str = "anonymous", secret: str | None = None, **extra: Any) -> None:
        self.say(wire.Login(username, secret, features=self.features, **extra))

    def register(self, username: str, secret: str = "s") -> None:
        self.say(wire.Register(username, secret, features=self.features))

    def post(self, text: object, username: str = "anonymous", secret: str | None = None, **extra: Any) -> None:
        body = {"text": msgspec.Raw(msgspec.json.encode(text))}
        self.say(wire.ActivityMessage(username, body, secret, **extra))

    def texts(self) -> list[Any]:
        """What was posted, in the order in which it arrived."""
        return [msgspec.json.decode(bytes(one.activity))["text"] for one in self.of(wire.ActivityBroadcast)]


class ScriptedBaseServer(ScriptedPeer):
    """A base server with one link: announces itself, and answers every registration for all ids behind it."""

    def __init__(self, port: int, ids: Sequence[str] = ("base",)) -> None:
        super().__init__()
        self.port = port
        self.ids = list(ids)
        self.users: dict[str, str] = {}
        self.answers = True
        """Whether it answers registrations."""

    def authenticate(self) -> None:
        self.say(wire.Authenticate(SECRET))

    def announce(self, load: int = 0) -> None:
        for number, server in enumerate(self.ids):
            self.say(wire.ServerAnnounce(server, load, BASE_HOST, self.port + number))

    def answer(self, message: Message) -> None:
        match message:
            case wire.LockRequest(username=name, secret=secret) if self.answers and secret is not None:
                if self.users.get(name, secret) != secret:
                    self.say(wire.LockDenied(name, secret))
                else:
                    self.users[name] = secret
                    for _ in self.ids:
                        self.say(wire.LockAllowed(name, secret))
            case wire.LockDenied(username=name, secret=secret):
                if self.users.get(name) == secret:
                    del self.users[name]
