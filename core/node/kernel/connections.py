"""Connections: what the node knows of each, of a client's, and of a server's; and all of them together."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from core.certificates.leaf import ShownLeaf
from core.node.interface.events import Origin
from core.node.interface.snapshot import LinkState
from core.node.kernel.states import CLIENT_STATES, SERVER_STATES, TRANSITIONS, ConnectionState, Outcome
from core.wire.address import Address
from core.wire.entries import Entry, EntryId, Fetch, Stream
from core.wire.messages import Message
from core.wire.scope import on_one_machine
from core.wire.state_machine import state_after

if TYPE_CHECKING:
    from core.node.base.base_side import BaseSide
    from core.node.clients.absence import Absence
    from core.node.clients.resumption import Resumption


class Parting(NamedTuple):
    """When a node began to close a connection: nothing is sent over it any more, and its end may be far off."""

    at: int
    """Hybrid logical time."""
    handed_out: int
    """Activities that the node had handed out to its clients until then."""


NO_FEATURES: Final[frozenset[str]] = frozenset()
"""One for all who show none: since Python 3.10 each empty frozenset is an object of its own, of 216 bytes."""
FEATURES_KEPT: Final = 64
"""Sets of features that are kept so that all who show the same ones share one object."""
FEATURES_SHARED_MAX: Final = 256
"""Characters of a set that is: people show what their client understands, which is a few words."""

Watch = Callable[["Connection", ConnectionState, Outcome], None]
"""Is told which state a connection was in, and which outcome has led it on."""


def features_of(shown: Iterable[str]) -> frozenset[str]:
    """The features that a peer shows, as a set: the same object for all who show the same few."""
    features = frozenset(shown)
    if not features:
        return NO_FEATURES
    return _shared(features) if sum(map(len, features)) <= FEATURES_SHARED_MAX else features


@functools.lru_cache(maxsize=FEATURES_KEPT)
def _shared(features: frozenset[str]) -> frozenset[str]:
    return features


class Connection:
    """What every connection has."""

    __slots__ = (
        "at",
        "conn",
        "dial",
        "encrypted",
        "features",
        "heard_at",
        "near",
        "origin",
        "parting",
        "peer",
        "shown",
        "since",
        "state",
        "vouched",
        "watch",
    )

    def __init__(
        self, conn: int, origin: Origin, peer: Address, since: float, heard_at: float, at: Address | None = None
    ) -> None:
        self.conn = conn
        self.origin: Origin = origin
        self.peer = peer
        self.at = at
        """This end's address."""
        self.near = origin == "local" or on_one_machine(peer.host, at.host if at is not None else "")
        """Whether the other end is on this machine."""
        self.state = ConnectionState.FRESH
        self.since = since
        self.heard_at = heard_at
        self.features: frozenset[str] = NO_FEATURES
        self.vouched: str | None = None
        self.dial: int | None = None
        self.shown: ShownLeaf | None = None
        """What the other end has proved to be."""
        self.encrypted = False
        self.parting: Parting | None = None
        """Not None once this node has closed it."""
        self.watch: Watch | None = None
        """Who is told of each change of state; None unless the node is being debugged."""

    def enter(self, outcome: Outcome) -> None:
        """Go on to the state that an outcome leads to: the only way in which a state changes.

        Raises IllegalTransition when it leads nowhere from the present one.
        """
        before = self.state
        self.state = state_after(TRANSITIONS, before, outcome)
        if self.watch is not None:
            self.watch(self, before, outcome)


class Session(Connection):
    """A client's connection."""

    __slots__ = (
        "absence",
        "announced_name",
        "backlog",
        "backlog_bytes",
        "backlog_fingerprints",
        "caught_up",
        "changing",
        "claim",
        "complete",
        "counted",
        "damage_known",
        "fingerprints_sent",
        "held",
        "inbox",
        "kept_post",
        "last_post",
        "logged_out",
        "login_name",
        "login_number",
        "only_here",
        "reading",
        "resuming",
        "secret_macs",
        "shown_key",
        "suspect",
        "user",
        "verifier",
        "wanted",
        "wrong_secrets",
    )

    def __init__(self, connection: Connection) -> None:
        known = connection
        super().__init__(known.conn, known.origin, known.peer, known.since, known.heard_at, known.at)
        self.vouched = connection.vouched
        self.encrypted = connection.encrypted
        self.watch = connection.watch
        self.inbox: deque[Message] | tuple[()] = ()
        """Messages that wait for the answer to what came before them. A deque while there are any: an empty one is 760
        bytes, and most never need one."""
        self.held = False
        self.resuming = False
        """Whether the messages that waited are being taken up."""
        self.logged_out = False
        self.login_name: str | None = None
        """The name as the client gives it: what its ACTIVITY_MESSAGEs repeat."""
        self.user: str | None = None
        """The account's name; differs from `login_name` after a rename."""
        self.claim: str | None = None
        """The account, or None for `anonymous`."""
        self.secret_macs: tuple[bytes, ...] = ()
        """Of the secrets that its ACTIVITY_MESSAGEs may repeat: the login's, and the one that it was changed to."""
        self.verifier: str | None = None
        """What the login's secret was found to fit; None for `anonymous`, and for who was vouched for."""
        self.changing = False
        """Whether the account's secret is being changed for this client."""
        self.wrong_secrets = 0
        """How often in a row it gave a wrong one for the present secret."""
        self.last_post: EntryId | None = None
        """The client's newest activity on this connection: the next one names it as its previous one."""
        self.kept_post: EntryId | None = None
        """The newest of them that is durable."""
        self.absence: Absence | None = None
        """What a base client had when it began to catch up."""
        self.backlog: dict[EntryId, Entry] | None = None
        """Not None while the client catches up: live activities wait here."""
        self.backlog_bytes = 0
        self.backlog_fingerprints: dict[EntryId, bytes] = {}
        """Of what waits there, as far as it has been looked at: idempotency fingerprints (`core.wire.idempotency`)."""
        self.only_here: deque[Entry] | None = None
        """What it missed, has not been sent, and only the memory has because the disk does not take it, in the order of
        stamps. None until that is looked for, once the client catches up."""
        self.complete = False
        """Whether it has been sent all that it missed, as far as is known."""
        self.caught_up = 0
        """How many activities it has been sent meanwhile."""
        self.fingerprints_sent: dict[bytes, None] | None = None
        """Those of what it has been sent and has a ref: another server may have accepted it as well. Not None while the
        client catches up."""
        self.reading = False
        """Whether a page is being read for it."""
        self.wanted: Fetch | Resumption | None = None
        """What a later login asked for while that page was being read."""
        self.damage_known = 0
        """How often damage had been found when the client was told what it need not expect."""
        self.counted = False
        """Whether the client is part of this server's load."""
        self.login_number = 0
        """Which login at this node was its last one, counted from 1."""
        self.shown_key = b""
        """The public key of the operator whose private one it has proved to have."""
        self.suspect = False
        """Whether it has been silent for so long that it may have gone elsewhere."""

    @property
    def whence(self) -> str:
        """Where the client is, as a clause for a person."""
        return "here" if self.origin == "local" else f"from {self.peer}"

    @property
    def native(self) -> bool:
        """Whether the client understands what base clients do not."""
        return "ack" in self.features


class Link(Connection):
    """A connection to a server."""

    __slots__ = (
        "asked",
        "base",
        "clean",
        "dialled",
        "drift_told",
        "drift_told_at",
        "eager",
        "eager_since",
        "established_at",
        "first_heard_at",
        "gone_there",
        "handed",
        "has_everything",
        "held",
        "hostname",
        "incarnation",
        "key",
        "keyless_told",
        "lazy",
        "lead",
        "name",
        "nonce",
        "nonce_there",
        "peer_has",
        "ping_number",
        "pinged_at",
        "port",
        "proved",
        "remote_id",
        "round_trip",
        "stamp",
        "suspected",
        "unanswered",
    )

    def __init__(self, connection: Connection) -> None:
        known = connection
        super().__init__(known.conn, known.origin, known.peer, known.since, known.heard_at, known.at)
        self.state = connection.state
        self.dial = connection.dial
        self.shown, self.encrypted = connection.shown, connection.encrypted
        self.watch = connection.watch
        self.dialled: Address | None = None
        self.remote_id: str | None = None
        """For a native link, and for a base link once the neighbour has announced itself."""
        self.incarnation = 0
        self.name = ""
        self.hostname = connection.peer.host
        self.port = connection.peer.port
        self.stamp = 0
        self.key: bytes | None = None
        """The public key that the other side shows; None: none, it is of a version before keys."""
        self.proved = False
        """Whether it has proved to have that."""
        self.nonce = b""
        """What this node has drawn for that."""
        self.nonce_there = b""
        """What the other side has drawn, to have this node prove its key."""
        self.lazy = False
        """Whether who dialled wants it beside the tree."""
        self.keyless_told = False
        """Whether people were told that it passes on what its server should have signed."""
        self.established_at: float | None = None
        """Monotonic time at which both sides had introduced themselves."""
        self.eager = False
        self.eager_since = 0.0
        """Monotonic time at which it became so."""
        self.asked = False
        """Whether a SYNC_REQUEST of ours is unanswered."""
        self.peer_has: dict[str, int] | None = None
        """The neighbour's version vector, as last told."""
        self.gone_there: dict[Stream, int] = {}
        """Of streams, up to which number nothing is left at the neighbour, as it says, although it is not believed that
        nothing is left anywhere."""
        self.has_everything = False
        """Whether the neighbour has said that all that this node had is durable there; who relies on it says since when
        (`Answering.forget_what_it_has`)."""
        self.handed = b""
        """The public half of the network's key that it was handed last."""
        self.ping_number = 0
        self.pinged_at = 0.0
        self.unanswered = 0
        self.suspected = False
        """Whether it was noted that a ping was left unanswered."""
        self.held = False
        """Whether it is not read for a moment, because of what has come over it: no answer can be heard."""
        self.lead: int | None = None
        """How far what the neighbour dates is ahead of the monotonic clock here, in microseconds; None: it has not said
        so. The time by which things are dated here may leap."""
        self.drift_told = 0
        """By how much its clock was ahead when people were told of that, in microseconds; 0: it agrees."""
        self.drift_told_at = float("-inf")
        self.round_trip: float | None = None
        self.clean = False
        """Whether the link's end is expected: no loss to heal."""
        self.base: BaseSide | None = None
        """What is known of the other side because it speaks only the base protocol, or may (`base_side`)."""
        self.first_heard_at: float | None = None
        """Monotonic time at which the other side said its first word."""

    @property
    def view_state(self) -> LinkState:
        match self.state:
            case ConnectionState.NATIVE:
                return "eager" if self.eager else "lazy"
            case ConnectionState.BASE:
                return "base"
            case ConnectionState.QUIET | ConnectionState.LISTENING:
                return "quiet"
            case ConnectionState.CLOSING:
                return "closing"
            case _:
                return "connecting"


_STATES_OF: Final = {
    Connection: {
        ConnectionState.FRESH,
        ConnectionState.AUTHENTICATING,
        ConnectionState.ADMITTING,
        ConnectionState.CLOSING,
    },
    Session: CLIENT_STATES | {ConnectionState.CLOSING},
    Link: SERVER_STATES | {ConnectionState.CLOSING},
}
"""What each kind of connection can be between two events."""


class Connections:
    """Every connection of the node, by number, in the order in which they came."""

    __slots__ = ("_all", "_links", "catching_up", "staying")

    def __init__(self) -> None:
        self._all: dict[int, Connection] = {}
        self._links: dict[int, Link] = {}
        self.catching_up: dict[int, Session] = {}
        """Clients that are being sent what they missed."""
        self.staying: dict[int, Session] = {}
        """Clients that have not been sent away: all of them, as long as this server does not leave."""

    def add(self, connection: Connection) -> None:
        """Take in a connection, or what it turned out to be."""
        self._all[connection.conn] = connection
        if isinstance(connection, Link):
            self._links[connection.conn] = connection
        elif isinstance(connection, Session):
            self.staying[connection.conn] = connection

    def __len__(self) -> int:
        return len(self._all)

    def broken(self) -> Iterator[str]:
        """What does not hold of them."""
        for conn, connection in self._all.items():
            if connection.conn != conn:
                yield f"connection {connection.conn} is kept as {conn}"
            if connection.state not in _STATES_OF[type(connection)]:
                yield f"a {type(connection).__name__} is {connection.state.name}"
            if connection.parting is not None and connection.state is not ConnectionState.CLOSING:
                yield f"connection {conn} was closed, and is {connection.state.name}"
            if isinstance(connection, Session):
                yield from self._broken_in(connection)
        for kept in (self._links, self.staying, self.catching_up):
            gone = [conn for conn, one in kept.items() if self._all.get(conn) is not one]
            if gone:
                yield f"connections {gone} are gone, and kept"

    def _broken_in(self, session: Session) -> Iterator[str]:
        conn, state = session.conn, session.state
        if (session.backlog is not None) != (conn in self.catching_up):
            yield f"client {conn} catches up, and does not"
        if session.backlog is not None and not session.counted:
            yield f"client {conn} catches up, and is not logged in"
        if session.counted and session.user is None:
            yield f"client {conn} counts, and is nobody"
        if state in (ConnectionState.LOGGED_IN, ConnectionState.SENT_ON) and not session.counted:
            yield f"client {conn} is logged in, and does not count"
        if state in (ConnectionState.GREETED, ConnectionState.REDIRECTING) and session.counted:
            yield f"client {conn} is {state.name}, and counts"
        if session.inbox and state in (ConnectionState.GREETED, ConnectionState.LOGGED_IN):
            yield f"what client {conn} said waits for nothing"

    def get(self, conn: int) -> Connection | None:
        return self._all.get(conn)

    def session(self, conn: int) -> Session | None:
        found = self._all.get(conn)
        return found if isinstance(found, Session) else None

    def link(self, conn: int) -> Link | None:
        return self._links.get(conn)

    def remove(self, conn: int) -> Connection | None:
        self._links.pop(conn, None)
        self.staying.pop(conn, None)
        self.catching_up.pop(conn, None)
        return self._all.pop(conn, None)

    def all(self) -> list[Connection]:
        return list(self._all.values())

    def first(self, most: int) -> list[Connection]:
        """The so many that came first."""
        return list(islice(self._all.values(), most))

    def sessions(self) -> list[Session]:
        return [c for c in self._all.values() if isinstance(c, Session)]

    def links(self, *states: ConnectionState) -> list[Link]:
        """The server links in one of these states."""
        return [link for link in self._links.values() if link.state in states]

    def waiting(self) -> dict[str, int]:
        """How much waits for some connection, by what it waits for."""
        sessions = self.sessions()
        return {
            "messages in the longest inbox": max((len(session.inbox) for session in sessions), default=0),
            "activities behind the longest catching up": max(
                (len(session.backlog) for session in sessions if session.backlog is not None), default=0
            ),
            "sessions catching up": len(self.catching_up),
        }
