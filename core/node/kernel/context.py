"""What the parts of a node share: settings, identity, time, random source, timers, and the actions to come out."""

from __future__ import annotations

import hashlib
import hmac
import random
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from core.admission.shares import share_of
from core.admission.token_bucket import TokenBucket
from core.node.interface.actions import Action, Close, KeepSecret, Noted, Notify, Send, SendAll, Trace
from core.node.interface.events import Now
from core.node.interface.node_config import NodeConfig
from core.node.interface.notices import Notice, NoticeKind, Severity
from core.node.interface.traces import TraceKind, TraceValue
from core.node.kernel.clock import MICROSECONDS, HybridClock
from core.node.kernel.connections import Connection, Connections, Link, Parting, Session, Watch
from core.node.kernel.states import ConnectionState, Outcome
from core.node.kernel.timers import Timers
from core.stories.lines import REMARK_CHARACTERS_MAX, LineKind, ServerName, StoryLine, TreeLink, Why
from core.wire.codec import Frame, Frames
from core.wire.messages import InvalidMessage, Message
from core.wire.network_orders import HeldSecret
from core.wire.recovered import Recovered
from core.wire.server_keys import NONCE_BYTES

NOTICE_CHARACTERS_MAX: Final = 600
"""Notices quote what peers say, who may say a lot."""
TOLD_AT_ONCE: Final = 10.0
TOLD_A_SECOND: Final = 1 / 60
"""How many notices of one kind about one address there are at once, and on average: a flood would hide all else."""
NOTED_AT_ONCE: Final = 200.0
NOTED_A_SECOND: Final = 10.0
"""Lines of one kind that are noted at once, and on average: a crowd or a flood fills neither memory nor disk."""
TELLERS_MAX: Final = 1024
BARRED_FOR: Final = 600.0
"""Seconds for which a server that has made this one keep too much is not let in again."""
BARRED_MAX: Final = 1024
FULL_TOLD_AGAIN: Final = 3600.0
"""Seconds after which people are told again that there is no room for something."""
LATE: Final = 0.1
"""Seconds after which a timer that was due is told to have run late, when the node is being debugged."""
STILL: Final = 2.0
"""Seconds after which a process whose timer runs so late is taken to have stood still."""
RECORDS: Final = "records"
"""Shown by who takes entries as records."""
RECONCILE: Final = "reconcile"
"""Shown by who compares sums of ranges instead of version vectors."""
PAGES: Final = "pages"
"""Shown by who takes a summary of the map in pages."""
ORDERS: Final = "orders"
"""Shown by who heeds operators' orders, and knows who has begun the network."""
DOCUMENTS: Final = "documents"
"""Shown by who keeps the documents of accounts."""
PLACE: Final = "place"
"""The feature of clients that say at a login where they were in what has come here, and are told."""
FEATURES: Final = ("quit", "user_info", "sync", RECORDS, RECONCILE, PAGES, ORDERS, DOCUMENTS)
"""What a node shows other servers: QUIT, USER_INFO, the native layer, records, sets that are reconciled, pages,
orders, and documents of accounts."""
SHOWN_WITH_KEY: Final = frozenset({RECORDS, RECONCILE, PAGES, ORDERS, DOCUMENTS})
"""What servers of the version before keys have never heard of."""
NONCE_SEED_BYTES: Final = 32


class Context:
    """The node's surroundings as its parts see them. `actions` is what the event in hand has led to so far."""

    def __init__(self, config: NodeConfig, recovered: Recovered, rng: random.Random, now: Now) -> None:
        self.config = config
        self.id = recovered.node
        self.incarnation = recovered.incarnation
        self.secrets: Sequence[HeldSecret] = ()
        """The network's secrets, the present one first, where operators have ordered another one; see `config` for the
        present one."""
        self.asked_secret: str | None = None
        """By which secret this node asks to be admitted somewhere, if not by its own network's."""
        self.network = recovered.network
        """The network that this node is of; None where nothing has a key."""
        self.name = config.name or recovered.node[:6]
        self.features = tuple(one for one in FEATURES if one not in SHOWN_WITH_KEY or recovered.signer is not None)
        """What this node shows other servers: without a key it is as one of the version before."""
        self.rng = rng
        self.now = now
        self.clock = HybridClock(recovered.stamp, recovered.told)
        self.timers = Timers()
        self.connections = Connections()
        self.actions: list[Action] = []
        self.ended: list[tuple[Link, str]] = []
        """Links that have ended since they were last seen to, and why: what relied on them does not wait until they are
        flushed."""
        self.dispatch: Callable[[Connection, Message], None]
        """Has a message taken that has waited, or that is to be looked at again in another state."""
        self.handed_out = 0
        """Activities that went to all of this node's clients."""
        self.draining = False
        self.storage_error: str | None = None
        self.tracing = config.tracing
        """Whether somebody listens to traces. What costs something to find out is found out only then."""
        self.watch: Watch | None = self._trace_state if config.tracing else None
        self._tokens = 0
        self._told: OrderedDict[tuple[NoticeKind, str], tuple[TokenBucket, int]] = OrderedDict()
        """How many notices of each kind may still be told of each address, and how many were not."""
        self.name_of: Callable[[str], str] = lambda server: server[:6]
        """What a server is called, as far as that is known here."""
        self._lines = 0
        self._noting: dict[LineKind, TokenBucket] = {}
        self._unnoted: dict[LineKind, int] = {}
        self._barred: OrderedDict[str, float] = OrderedDict()
        """Servers that are not let in, and until when."""
        self.expelled: Mapping[str, str] = {}
        """Other servers that operators have expelled, by id, and what those are told."""
        self.expelled_itself: str | None = None
        """The same of this server, as it hears of it."""
        self._full_told: dict[str, float] = {}
        """Until when people are not told again that there is no room, by the setting that says how much there is."""

    def token(self) -> int:
        """A number that no other question of this node has."""
        self._tokens += 1
        return self._tokens

    def nonce(self) -> bytes:
        """Bytes that nobody has seen or can foresee. What is drawn for them is not shown: with enough of it somebody
        could tell what comes next."""
        return hashlib.blake2b(self.rng.randbytes(NONCE_SEED_BYTES), digest_size=NONCE_BYTES).digest()

    def learn_secret(self, secret: str) -> None:
        """This node has been told the network's secret, which it did not know."""
        if secret != self.config.secret:
            self.config = replace(self.config, secret=secret)
            self.actions.append(KeepSecret(secret))

    @property
    def holding_secrets(self) -> list[str]:
        """The secrets by which somebody may come, the present one first: none where that is not known here yet, and
        those before it hold no more."""
        now = self.ago(0.0)
        return [one.secret for one in self.secrets if one.until > now] if self.secrets else [self.config.secret]

    def knows_secret(self, secret: str) -> bool:
        """Whether somebody shows a secret that holds."""
        shown = secret.encode(errors="replace")
        fits = [hmac.compare_digest(shown, one.encode(errors="replace")) for one in self.holding_secrets]
        return any(fits)

    def pass_to(self, now: Now) -> None:
        """It is `now`."""
        self.now = now
        self.clock.passes(now.monotonic, now.wall)

    def stamp(self, after: int = 0) -> int:
        return self.clock.stamp(self.now.wall, after)

    def stamps(self, after: Sequence[int]) -> Sequence[int]:
        """One for each, later than that."""
        return self.clock.stamps(self.now.wall, after)

    def ago(self, seconds: float) -> int:
        """The hybrid logical time so many seconds ago."""
        return max(0, self.clock.read(self.now.wall) - int(seconds * MICROSECONDS))

    def send(self, connection: Connection, message: Message | Frame) -> None:
        if connection.state is not ConnectionState.CLOSING:
            frame = message if isinstance(message, Frame) else Frame(message)
            self.actions.append(Send(connection.conn, frame))

    def send_all(self, connection: Connection, messages: Sequence[Message]) -> None:
        """Send several messages."""
        if len(messages) == 1:
            self.send(connection, messages[0])
        elif messages and connection.state is not ConnectionState.CLOSING:
            self.actions.append(SendAll(connection.conn, Frames(lambda: map(Frame, messages))))

    def close(self, connection: Connection, reason: str, *, told: str | None = None) -> None:
        """Close a connection once it is flushed; `told`: why, for those who relied on it."""
        if connection.state is not ConnectionState.CLOSING:
            self._end(connection, told or reason)
            connection.parting = Parting(self.clock.read(self.now.wall), self.handed_out)
            self.actions.append(Close(connection.conn, reason))

    def lost(self, connection: Connection, reason: str) -> None:
        """The connection is gone: by itself, or because it was closed."""
        if connection.state is not ConnectionState.CLOSING:
            self._end(connection, reason)

    def _end(self, connection: Connection, reason: str) -> None:
        connection.enter(Outcome.ENDED)
        if isinstance(connection, Link):
            self.ended.append((connection, reason))

    def refuse(self, connection: Connection, answer: Message, reason: str) -> None:
        """Send a last answer, and close once it has been flushed."""
        self.send(connection, answer)
        self.close(connection, reason)

    def invalid(self, connection: Connection, info: str) -> None:
        """Answer nonsense: INVALID_MESSAGE, close."""
        if connection.state is ConnectionState.CLOSING:
            return
        self.tell_refused(connection, f"{connection.peer} was disconnected: {info}")
        self.refuse(connection, InvalidMessage(info), f"invalid message: {info}")

    def bar(self, link: Link, info: str) -> None:
        """A neighbour would have this node keep more than it may: it loses its link, and gets no other for a while."""
        if link.state is ConnectionState.CLOSING:
            return
        if link.remote_id is not None:
            self._barred[link.remote_id] = self.after(BARRED_FOR)
            if len(self._barred) > BARRED_MAX:
                self._barred.popitem(last=False)
        text = f"{link.name or link.peer} has lost its link for {BARRED_FOR / 60:.0f} minutes: {info}"
        self.notify("refused", text, "error", server=link.remote_id)
        self.note("refused", self.party(link.remote_id or "", link.name), why="ended here", remark=info)
        self.refuse(link, InvalidMessage(info), "it had this server keep too much")

    def tell_full(self, link: Link, things: str, setting: str, places: int) -> None:
        """Tell people, now and then, that there is no room for what a neighbour brings."""
        until = self._full_told.get(setting, 0.0)
        if self.now.monotonic < until:
            return
        self._full_told[setting] = self.after(FULL_TOLD_AGAIN)
        self.notify(
            "limits",
            f"no room for all {things} that {link.name or link.peer} brings: they are not taken in;"
            f" if the network really is so large, raise {setting} (it is {places:,})",
            "warning",
            server=link.remote_id,
        )

    def barred_for(self, server: str) -> float:
        """Seconds for which a server is not let in; 0 when it is."""
        if server in self.expelled:
            return float("inf")
        return max(0.0, self._barred.get(server, 0.0) - self.now.monotonic)

    def tell_refused(self, connection: Connection, text: str) -> None:
        """Tell operators of nonsense that came over a connection."""
        self.tell_few(connection, "refused", text, "warning")

    def tell_few(
        self, connection: Connection, kind: NoticeKind, text: str, severity: Severity, *, server: str | None = None
    ) -> None:
        """Tell operators what a peer brings any number of: of a few from one address at a time, and then of how many
        more there were."""
        self.tell_few_of(share_of(connection.peer.host), kind, text, severity, server=server)

    def tell_few_of(
        self,
        share: str,
        kind: NoticeKind,
        text: str,
        severity: Severity,
        *,
        server: str | None = None,
        user: str | None = None,
    ) -> None:
        """The same of whoever it is that brings it: an address, or a server by its id."""
        bucket, untold = self._told.pop((kind, share), (None, 0))
        if bucket is None:
            bucket = TokenBucket(TOLD_A_SECOND, TOLD_AT_ONCE, self.now.monotonic)
        if bucket.take(self.now.monotonic):
            untold += 1
        else:
            more = f" (and {untold} more from {share} before)" if untold else ""
            self.notify(kind, text + more, severity, server=server, user=user)
            untold = 0
        self._told[kind, share] = (bucket, untold)
        if len(self._told) > TELLERS_MAX:
            self._told.popitem(last=False)

    def notify(
        self,
        kind: NoticeKind,
        text: str,
        severity: Severity = "info",
        *,
        server: str | None = None,
        user: str | None = None,
        in_story: bool = False,
    ) -> None:
        """Tell people of something; `in_story`: lines are noted as well that say the same."""
        if len(text) > NOTICE_CHARACTERS_MAX:
            text = f"{text[: NOTICE_CHARACTERS_MAX - 1]}…"
        self.actions.append(Notify(Notice(self.now.wall, kind, text, severity, server, user, in_story)))

    def party(self, server: str, name: str = "") -> ServerName:
        """A server as lines name it."""
        if server == self.id:
            return ServerName(server, self.name)
        return ServerName(server, name or self.name_of(server))

    def note(
        self,
        kind: LineKind,
        about: ServerName | None = None,
        *,
        other: ServerName | None = None,
        servers: tuple[ServerName, ...] = (),
        person: str = "",
        after: str = "",
        claim: str = "",
        why: Why = "",
        count: int = 0,
        taken: tuple[TreeLink, ...] = (),
        gone: tuple[TreeLink, ...] = (),
        loads: tuple[int, int] | None = None,
        messages: int = 0,
        remark: str = "",
    ) -> None:
        """Note a line of what happens. Called where something changes, never for each message or activity.

        Only `remark` is free text, and only whoever runs this server reads it.
        """
        bucket = self._noting.get(kind)
        if bucket is None:
            bucket = self._noting[kind] = TokenBucket(NOTED_A_SECOND, NOTED_AT_ONCE, self.now.monotonic)
        if bucket.take(self.now.monotonic):
            self._unnoted[kind] = self._unnoted.get(kind, 0) + 1
            return
        self._lines += 1
        line = StoryLine(
            stamp=self.clock.read(self.now.wall),
            number=self._lines,
            tick=int(self.now.monotonic * MICROSECONDS),
            witness=ServerName(self.id, self.name),
            kind=kind,
            about=about,
            other=other,
            servers=servers,
            person=person,
            after=after,
            claim=claim,
            why=why,
            count=count,
            taken=taken,
            gone=gone,
            loads=loads,
            messages=messages,
            unnoted=self._unnoted.pop(kind, 0),
            # What file systems name may be no Unicode, which lines are kept as.
            remark=remark.encode(errors="backslashreplace").decode()[:REMARK_CHARACTERS_MAX],
        )
        self.actions.append(Noted(line))

    def trace(self, kind: TraceKind, **fields: TraceValue) -> None:
        """Say what goes on, for whoever debugs this node; nothing when nobody does. Called where something changes, not
        for each message. A name that is a word of Python's has a `_` behind it (`from_`)."""
        if self.tracing:
            self.actions.append(Trace(kind, {name.rstrip("_"): value for name, value in fields.items()}))

    def look_at_lateness(self) -> None:
        """Say so if the loop did not come round in time, or the machine slept."""
        earliest = self.timers.earliest()
        late = self.now.monotonic - earliest[0] if earliest is not None else 0.0
        if earliest is None or late < LATE:
            return
        if late >= STILL:
            self.note("stood still", self.party(self.id), count=round(late * 1000))
        if self.tracing:
            name = earliest[1]
            # The rest of a name may be anything: an address, a claim.
            kind = name[0] if isinstance(name, tuple) else name
            self.trace("timer", name=kind, late=round(late, 3), timers=len(self.timers))

    def _trace_state(self, connection: Connection, before: ConnectionState, outcome: Outcome) -> None:
        who: dict[str, TraceValue] = {}
        if isinstance(connection, Link):
            who["server"] = connection.remote_id
        elif isinstance(connection, Session):
            who["user"] = connection.user
        self.trace(
            "state",
            conn=connection.conn,
            from_=before.name.lower(),
            outcome=outcome.name.lower(),
            to=connection.state.name.lower(),
            peer=connection.peer,
            **who,
        )

    def backoff(self, attempts: int, most: float | None = None) -> float:
        """How long to wait before the next attempt: doubled each time up to `most`, with jitter."""
        ceiling = min(most or self.config.redial_max, self.config.redial_min * 2.0 ** min(attempts, 16))
        return ceiling * (0.5 + 0.5 * self.rng.random())

    def after(self, seconds: float) -> float:
        """The monotonic time in so many seconds."""
        return self.now.monotonic + seconds
