"""Registering a name: one lock over the whole network, asked for along the spanning tree and answered back gathered.

The echo algorithm (Chang, 1982): a request travels out along the tree, each node answers its parent once all nodes
behind it have answered. With n settled nodes these are n-1 requests and n-1 answers. Whether a name is free is
decided by mutual exclusion with priorities (after Ricart and Agrawala, 1981): every request visits every node, also
each one that is registering the same name itself; of two such claims the one with the smaller (stamp, id) goes on,
the node with the other one gives up before it answers. So at most one succeeds, and one does if nothing breaks.

A claim that succeeded becomes an account entry, which is durable before the client hears of it; a failed one is
released. Towards a base server this node speaks for everything behind itself: it asks it in clear (such a server can
store nothing but the secret), waits for one answer of each server announced there, and gives it one for each server
announced to it. Such a server records whatever it is asked about first, and its answers name no claim; so it is asked
about one claim to a name at a time, and told to drop what comes to nothing, also if the link was lost meanwhile.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import msgspec

from core.node.accounts.book import AccountBook
from core.node.interface.actions import HashSecret
from core.node.interface.traces import TraceValue
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.kernel.states import ConnectionState
from core.node.log.replication import Replication
from core.node.map.topology import Topology
from core.node.neighbours.neighbours import Neighbours
from core.wire.entries import AccountFact
from core.wire.limits import VERIFIER_CHARACTERS_MAX
from core.wire.messages import LockAllowed, LockDenied, LockRelease, LockRequest
from core.wire.names import registrable_problem, secret_problem

RELEASED_MAX: Final = 10_000
"""How many claims that were given up are remembered: a request that was sent round a cycle of links comes back after
the release, and would otherwise open the claim again, to be followed by the release again, for ever."""
UNTOLD_MAX: Final = 1000
"""How many names are remembered that base servers out of reach may keep for registrations that came to nothing."""
UNTOLD_PAIRS_MAX: Final = 8
"""How many secrets of one such name."""
IMPORTS_AT_ONCE: Final = 4
"""Secrets in clear of one USER_INFO that are hashed at a time: people who register are not to wait for thousands."""
IMPORTS_MAX: Final = 100_000
"""How many of them may wait; what is beyond is not taken in."""
BASE_CLAIMS_MAX: Final = 256
"""Registrations of one base server at a time; more are denied."""
RETRY_DELAY: Final = 0.25
"""Seconds before the network is asked again when it changed under the first question."""

Done = Callable[[str | None], None]
"""Called once with None, or with what went wrong as a clause for a person."""


@dataclass(slots=True)
class Claim:
    """A registration under way, here or elsewhere."""

    id: str
    username: str
    stamp: int
    verifier: str | None
    secret: str | None
    """In clear only where a base server has to be told."""
    done: Done | None = None
    """Not None where this node is the origin."""
    base_conn: int | None = None
    """The base link that a base server's own registration came over."""
    round: int = 0
    decided: bool = False
    """The account entry is being made durable: too late to give way."""
    being_kept: bool = False
    """The account entry has been made."""
    links: dict[int, None] = field(default_factory=dict)
    """Every link that it concerns: the one that it came over, and those over which it was asked about."""
    asked_base: dict[int, int] = field(default_factory=dict)
    """Base links that were asked and have not denied, with the answers that they owe."""
    recorded_at: dict[int, None] = field(default_factory=dict)
    """Base links behind which the pair may be kept, unless they are told to drop it."""
    queued_at: dict[int, None] = field(default_factory=dict)
    """Base links that are asked once another claim to the name is over: they would deny the second pair for the first,
    and nobody could tell of which of the two an answer speaks."""
    begun_at: float = 0.0
    """Monotonic time at which this node heard of it."""

    @property
    def priority(self) -> tuple[int, str]:
        return (self.stamp, self.id)


@dataclass(slots=True)
class Echo:
    """One node's part in gathering the answers to one round of a claim."""

    claim: Claim
    round: int
    parent: int | None
    waiting: dict[int, int]
    """Link to answers it still owes: one of a native neighbour, one per announced server of a base link."""
    count: int = 1
    """Nodes that have allowed so far in this part of the tree, this one included."""
    incomplete: bool = False


class Registration:
    """The lock, at this node, for its own clients' registrations and everybody else's."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        book: AccountBook,
        topology: Topology,
        replication: Replication,
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._book = book
        self._topology = topology
        self._replication = replication
        self._claims: dict[str, dict[str, Claim]] = {}
        self._claims_by_id: dict[str, Claim] = {}
        self._echoes: dict[str, Echo] = {}
        self._released: OrderedDict[str, None] = OrderedDict()
        """Claims whose origin gave up, the latest of them."""
        self._untold: OrderedDict[str, dict[str, float]] = OrderedDict()
        """Name to secrets of which nothing came, and which a base server may still keep if it has another link than it
        had at that time."""
        self._hashing: dict[int, Claim] = {}
        self._waiting: dict[str, list[Callable[[], None]]] = {}
        self._over: dict[int, dict[str, Claim]] = {}
        """Registrations that concern each link."""
        self._of_base: dict[int, dict[str, Claim]] = {}
        """Registrations of base servers, by link."""
        self._imports: deque[tuple[str, str]] = deque()
        """Users that peers told of with their secrets, to be hashed."""
        self._importing = 0
        self._counter = 0
        self._frozen = False
        self.lock_messages = 0
        """Lock messages sent by this node, for those who count."""

    @property
    def open_claims(self) -> int:
        """Registrations under way, here or elsewhere, and logins that wait for their outcome."""
        return (
            sum(len(claims) for claims in self._claims.values())
            + len(self._hashing)
            + sum(len(waiting) for waiting in self._waiting.values())
        )

    @property
    def open_echoes(self) -> int:
        """Claims whose answers are being gathered."""
        return len(self._echoes)

    def remembers(self, username: str, secret: str) -> bool:
        """Whether this node can tell a base server to drop a pair of which nothing came."""
        claims = self._claims.get(username, {}).values()
        return secret in self._untold.get(username, {}) or any(claim.secret == secret for claim in claims)

    # --- asked from outside -------------------------------------------------------------------------------------------

    def register(self, username: str, secret: str, done: Done, conn: int | None = None) -> None:
        """Register a name for a client of this node; `done` is called when the network has decided.

        Should the connection `conn` end before the secret has been hashed, nothing is registered.
        """
        problem = self._local_problem(username)
        if problem is not None:
            self._context.notify("refused", f"the registration of {username!r} was refused: {problem}", "warning")
            done(problem)
            return
        self._begin(username, secret, done, base_conn=None, conn=conn)

    def _local_problem(self, username: str) -> str | None:
        problem = registrable_problem(username)
        if problem is not None:
            return problem
        if self._context.draining:
            return "this server is leaving the network"
        if self._context.storage_error is not None:
            return f"this server cannot keep accounts now: {self._context.storage_error}"
        if self._book.knows(username):
            return f"{username} is already registered"
        if self._claims.get(username):
            return f"{username} is being registered by somebody else"
        return None

    def when_settled(self, username: str, then: Callable[[], None]) -> None:
        """Call `then` once nobody is registering `username` any more: at once, or within the lock's limit."""
        if self._claims.get(username) and not self._book.knows(username):
            self._waiting.setdefault(username, []).append(then)
        else:
            then()

    def _begin(self, username: str, secret: str, done: Done, base_conn: int | None, conn: int | None = None) -> None:
        context = self._context
        self._counter += 1
        claim = Claim(
            f"{context.id}.{context.incarnation}.{self._counter}",
            username,
            context.stamp(),
            None,
            secret,
            done,
            base_conn,
        )
        self._open(claim)
        self._trace(claim, "opened", conn=conn if base_conn is None else base_conn, base=base_conn is not None)
        context.timers.set(("lock", claim.id), context.after(context.config.lock_limit), lambda: self._too_late(claim))
        token = context.token()
        self._hashing[token] = claim
        context.actions.append(HashSecret(token, secret, conn if base_conn is None else base_conn, username))

    def hashed(self, token: int, verifier: str | None) -> None:
        """The answer to a HashSecret."""
        claim = self._hashing.pop(token, None)
        if claim is not None and claim.decided:
            self._import_more()
        if claim is None or not self._is_open(claim):
            return
        if verifier is None:
            self._fail(claim, "this server has too much to do to hash the secret; try again in a moment")
            return
        claim.verifier = verifier
        if claim.decided:
            self._make_account(claim)
        else:
            self._ask(claim)

    def _trace(self, claim: Claim, step: str, **fields: TraceValue) -> None:
        self._context.trace("claim", claim=claim.id, step=step, name=claim.username, round=claim.round, **fields)

    def _open(self, claim: Claim) -> None:
        self._claims.setdefault(claim.username, {})[claim.id] = claim
        if claim.base_conn is not None:
            self._concerns(claim, claim.base_conn)
            self._of_base.setdefault(claim.base_conn, {})[claim.id] = claim
        self._claims_by_id[claim.id] = claim
        claim.begun_at = self._context.now.monotonic

    def _concerns(self, claim: Claim, conn: int) -> None:
        claim.links[conn] = None
        self._over.setdefault(conn, {})[claim.id] = claim

    def _is_open(self, claim: Claim) -> bool:
        return self._claims_by_id.get(claim.id) is claim

    # --- asking the network -------------------------------------------------------------------------------------------

    def _ask(self, claim: Claim) -> None:
        if not self._is_open(claim) or claim.decided:
            return
        claim.round += 1
        echo = Echo(claim, claim.round, None, {})
        self._echoes[claim.id] = echo
        self._spread(echo)

    def _spread(self, echo: Echo) -> None:
        """Send the request on to everywhere but where it came from."""
        claim = echo.claim
        # A first round trusts the tree; a repetition means that the tree was changing, so it takes every link.
        asked = self._neighbours.ask(
            lambda link: self._request(claim, echo.round, self._leads_to_base(link)),
            everywhere=echo.round > 1,
            source=echo.parent,
        )
        self.lock_messages += len(asked)
        self._trace(claim, "asks", everywhere=echo.round > 1, neighbours=len(asked), parent=echo.parent)
        for link in asked:
            echo.waiting[link.conn] = 1
            self._concerns(claim, link.conn)
        for link in self._context.connections.links(ConnectionState.BASE):
            if link.conn in (echo.parent, claim.base_conn) or claim.secret is None:
                continue
            self._concerns(claim, link.conn)
            if link.conn not in claim.asked_base:
                # Once a claim, however many rounds it takes: a base server would take a second for a new one.
                if self._is_taken(link.conn, claim):
                    claim.queued_at[link.conn] = None
                    echo.waiting[link.conn] = 1
                    continue
                self._ask_base(link, claim, claim.secret)
            if claim.asked_base[link.conn] > 0:
                echo.waiting[link.conn] = claim.asked_base[link.conn]
        listened_to = self._context.connections.links(ConnectionState.LISTENING)
        if self._context.connections.links(ConnectionState.QUIET) or any(link.first_heard_at for link in listened_to):
            # A base server that is not spoken to yet cannot be asked yet, and may know the name.
            echo.incomplete = True
        self._gathered(echo)

    def _is_taken(self, conn: int, claim: Claim) -> bool:
        """Whether a base server may keep the pair of another claim to the same name."""
        rivals = self._claims.get(claim.username, {}).values()
        return any(rival is not claim and conn in rival.recorded_at for rival in rivals)

    def _ask_base(self, link: Link, claim: Claim, secret: str) -> None:
        for untold, begun_at in self._untold.get(claim.username, {}).items():
            if untold != secret and (link.established_at or 0.0) >= begun_at:
                self._count(link, LockDenied(claim.username, untold))
        claim.asked_base[link.conn] = max(1, len(link.guests))
        claim.recorded_at[link.conn] = None
        self._count(link, LockRequest(claim.username, secret))
        self._expect_a_sign(link)
        if not link.guests:
            # It has not announced itself in all that time, so it may be anything.
            self._wait_for_more(claim, link.conn)
        self._context.notify(
            "security", f"the secret of {claim.username} was sent in clear to base server {link.peer}", "warning"
        )

    def _ask_queued(self, username: str) -> None:
        """A claim to a name is over: those that waited for it at base servers have their turn, the earliest first."""
        claims = sorted(self._claims.get(username, {}).values(), key=lambda claim: claim.priority)
        for claim in claims:
            if claim.queued_at and self._book.knows(username):
                claim.queued_at.clear()
                self._denied(claim, f"{username} is already registered")
                continue
            echo = self._echoes.get(claim.id)
            for conn in list(claim.queued_at):
                link = self._context.connections.link(conn)
                if echo is None or link is None or claim.secret is None:
                    # It asks there with its next round, if there is one.
                    del claim.queued_at[conn]
                elif not self._is_taken(conn, claim):
                    del claim.queued_at[conn]
                    self._ask_base(link, claim, claim.secret)

    def _expect_a_sign(self, link: Link) -> None:
        """A base server that says nothing at all after a question is gone, and would fail every registration."""
        context = self._context
        asked_at = context.now.monotonic

        def look() -> None:
            if link.state is ConnectionState.BASE and link.heard_at <= asked_at:
                context.close(link, f"no sign of life for {context.now.monotonic - link.heard_at:.0f} s")

        if ("sign", link.conn) not in context.timers:
            context.timers.set(("sign", link.conn), context.after(2 * context.config.announce_interval), look)

    def _request(self, claim: Claim, round_number: int, with_secret: bool) -> LockRequest:
        return LockRequest(
            claim.username,
            claim.secret if with_secret else None,
            claim=claim.id,
            round=round_number,
            stamp=claim.stamp,
            verifier=claim.verifier,
        )

    def _leads_to_base(self, link: Link) -> bool:
        """Whether a base server is somewhere behind a link: its registrations need the secret in clear."""
        hosts = set(self._topology.guest_hosts().values())
        hosts.discard(self._context.id)
        if not hosts or link.remote_id is None:
            return False
        return any(self._topology.next_hop(host) == link.remote_id for host in sorted(hosts)) or not link.eager

    def _count(self, link: Link, message: LockRequest | LockAllowed | LockDenied) -> None:
        self.lock_messages += 1
        self._context.send(link, message)

    def _gathered(self, echo: Echo) -> None:
        """Go on if every answer is in."""
        if echo.waiting or self._echoes.get(echo.claim.id) is not echo:
            return
        claim = echo.claim
        if echo.parent is not None:
            del self._echoes[claim.id]
            parent = self._context.connections.link(echo.parent)
            if parent is not None:
                self._count(
                    parent,
                    LockAllowed(
                        claim.username,
                        claim=claim.id,
                        round=echo.round,
                        count=echo.count,
                        incomplete=echo.incomplete,
                    ),
                )
            return
        del self._echoes[claim.id]
        complete = not echo.incomplete and echo.count >= len(self._topology.reachable)
        self._trace(claim, "gathered", count=echo.count, of=len(self._topology.reachable), complete=complete)
        if not complete:
            self._context.timers.set(("ask", claim.id), self._context.after(RETRY_DELAY), lambda: self._ask(claim))
            return
        self._succeed(claim)

    # --- being asked --------------------------------------------------------------------------------------------------

    def requested(self, link: Link, message: LockRequest) -> None:
        """A LOCK_REQUEST arrived."""
        if not self._neighbours.is_neighbour(link):
            self._requested_by_base(link, message)
            return
        if message.claim is None or message.round is None or message.stamp is None or message.verifier is None:
            self._context.invalid(link, "LOCK_REQUEST between native servers needs claim, round, stamp and verifier")
            return
        known = self._claims_by_id.get(message.claim)
        if known is not None and known.username != message.username:
            self._context.invalid(link, "LOCK_REQUEST: the claim is a registration of another name")
            return
        is_own = message.claim.startswith(f"{self._context.id}.{self._context.incarnation}.")
        if is_own or message.claim in self._released or (known is not None and known.round >= message.round):
            # A second way to here: this node's own answer goes back the first one.
            self._count(link, LockAllowed(message.username, claim=message.claim, round=message.round, count=0))
            return
        claim = known or Claim(message.claim, message.username, message.stamp, message.verifier, message.secret)
        claim.round = message.round
        if claim.secret is None:
            claim.secret = message.secret
        problem = self._objection(claim)
        self._trace(claim, "voted", conn=link.conn, allowed=problem is None, reason=problem)
        if problem is not None:
            self._vote(claim.username, "denied", problem)
            self._count(link, LockDenied(message.username, claim=message.claim, round=message.round, info=problem))
            return
        self._vote(claim.username, "allowed", "")
        self._open(claim)
        self._concerns(claim, link.conn)
        limit = self._context.config.lock_limit + 5.0
        self._context.timers.set(("lock", claim.id), self._context.after(limit), lambda: self._forget(claim))
        echo = Echo(claim, message.round, link.conn, {})
        self._echoes[claim.id] = echo
        self._spread(echo)

    def _objection(self, claim: Claim) -> str | None:
        """Why this node denies another's claim. A claim of its own that comes later gives way."""
        problem = registrable_problem(claim.username)
        if problem is not None:
            return problem
        holder = self._book.holder(claim.username)
        if holder is not None and holder.claim != claim.id:
            return f"{claim.username} is already registered"
        for rival in list(self._claims.get(claim.username, {}).values()):
            if rival.id == claim.id or rival.done is None:
                continue
            if rival.decided or rival.priority < claim.priority:
                return f"{claim.username} is being registered by somebody who was earlier"
            self._fail(rival, f"{claim.username} is being registered by somebody who was earlier")
        return None

    def _vote(self, username: str, answer: str, why: str) -> None:
        because = f": {why}" if why else ""
        self._context.notify("vote", f"this server {answer} the registration of {username}{because}", user=username)

    def _requested_by_base(self, link: Link, message: LockRequest) -> None:
        """A base server registers somebody: this node asks everything behind itself, and answers for it."""
        secret = message.secret
        if secret is None:
            self._context.invalid(link, "LOCK_REQUEST: object missing required field `secret`")
            return
        problem = self._local_problem(message.username) or secret_problem(secret)
        if problem is None and len(self._of_base.get(link.conn, ())) >= BASE_CLAIMS_MAX:
            problem = f"its server registers more than {BASE_CLAIMS_MAX} names at a time"
        if problem is not None:
            self._vote(message.username, "denied", problem)
            self._answer_base(link.conn, message.username, secret, allowed=False)
            return

        def done(problem: str | None) -> None:
            self._answer_base(link.conn, message.username, secret, allowed=problem is None)

        self._begin(message.username, secret, done, base_conn=link.conn)

    def _answer_base(self, conn: int, username: str, secret: str, *, allowed: bool) -> None:
        link = self._context.connections.link(conn)
        if link is None or link.state not in (ConnectionState.BASE, ConnectionState.LISTENING):
            return
        answers = max(1, len(link.announced))
        if not allowed:
            self._count(link, LockDenied(username, secret))
            answers -= 1
        for _ in range(answers):
            self._count(link, LockAllowed(username, secret))

    # --- answers ------------------------------------------------------------------------------------------------------

    def allowed(self, link: Link, message: LockAllowed) -> None:
        """A LOCK_ALLOWED arrived."""
        if self._neighbours.is_neighbour(link):
            echo = self._echoes.get(message.claim or "")
            if echo is None or echo.round != message.round or link.conn not in echo.waiting:
                return
            echo.count += message.count or 0
            echo.incomplete |= message.incomplete
            del echo.waiting[link.conn]
            if echo.parent is None:
                behind = (message.count or 1) - 1
                more = f" and {behind} server{'s' if behind > 1 else ''} behind it" if behind > 0 else ""
                self._context.notify(
                    "vote", f"{link.name or link.peer}{more} allowed the registration of {message.username}"
                )
            self._gathered(echo)
            return
        for claim in list(self._claims.get(message.username, {}).values()):
            if claim.asked_base.get(link.conn, 0) > 0 and message.secret in (None, claim.secret):
                claim.asked_base[link.conn] -= 1
                if claim.asked_base[link.conn] == 0:
                    self._base_answered(claim, link.conn)
                else:
                    self._wait_for_more(claim, link.conn)
                return

    def _wait_for_more(self, claim: Claim, conn: int) -> None:
        self._context.timers.set(
            ("gather", claim.id, conn),
            self._context.after(self._context.config.gather_wait),
            partial(self._base_answered, claim, conn),
        )

    def _base_answered(self, claim: Claim, conn: int) -> None:
        """Everything behind a base link has allowed: each server itself, or one for all, as some of them do."""
        self._context.timers.cancel(("gather", claim.id, conn))
        if conn in claim.asked_base:
            claim.asked_base[conn] = 0
        echo = self._echoes.get(claim.id)
        if echo is not None and echo.waiting.pop(conn, None) is not None:
            self._gathered(echo)

    def denied(self, link: Link, message: LockDenied) -> None:
        """A LOCK_DENIED arrived."""
        if self._neighbours.is_neighbour(link):
            echo = self._echoes.get(message.claim or "")
            if echo is None or echo.round != message.round or link.conn not in echo.waiting:
                return
            reason = message.info or "another server knows the name"
            self._denied(echo.claim, reason[:200])
            return
        for claim in list(self._claims.get(message.username, {}).values()):
            # A base server may put the secret that it stores in place of the one that was asked about.
            if claim.base_conn == link.conn:
                self._release(claim)
            elif link.conn in claim.asked_base:
                claim.asked_base.pop(link.conn)
                self._denied(claim, f"{message.username} is already registered at a base server")

    def _denied(self, claim: Claim, reason: str) -> None:
        echo = self._echoes.pop(claim.id, None)
        if claim.done is not None:
            self._fail(claim, reason)
        elif echo is not None and echo.parent is not None:
            parent = self._context.connections.link(echo.parent)
            if parent is not None:
                self._count(parent, LockDenied(claim.username, claim=claim.id, round=echo.round, info=reason))

    def link_closed(self, conn: int) -> None:
        """A link is gone: whoever waits for answers over it knows that they will be incomplete."""
        concerned = list(self._over.pop(conn, {}).values())
        for claim in concerned:
            echo = self._echoes.get(claim.id)
            if echo is not None and echo.parent == conn:
                self._echoes.pop(claim.id, None)
            elif echo is not None and conn in echo.waiting:
                del echo.waiting[conn]
                echo.incomplete = True
                self._gathered(echo)
        for claim in concerned:
            claim.asked_base.pop(conn, None)
            claim.queued_at.pop(conn, None)
            if conn in claim.recorded_at:
                self._context.timers.cancel(("gather", claim.id, conn))
                del claim.recorded_at[conn]
            if claim.base_conn == conn and not claim.decided:
                self._fail(claim, "the base server's link is gone")

    # --- outcomes -----------------------------------------------------------------------------------------------------

    def _succeed(self, claim: Claim) -> None:
        """Everybody allowed it: the claim becomes an account, once that is durable."""
        if self._frozen:
            return
        self._trace(claim, "decided")
        context = self._context
        if claim.base_conn is not None and not claim.decided:
            # A base server has no word for success: unless it takes the request back, it will have succeeded.
            claim.decided = True
            done, claim.done = claim.done, (lambda problem: None)
            if done is not None:
                done(None)
            context.timers.set(
                ("lock", claim.id), context.after(context.config.base_grace), lambda: self._make_account(claim)
            )
            return
        claim.decided = True
        self._make_account(claim)

    def _make_account(self, claim: Claim) -> None:
        if not self._is_open(claim) or claim.verifier is None or claim.being_kept:
            return
        if self._context.storage_error is not None:
            claim.decided = False
            self._fail(claim, f"this server cannot keep accounts now: {self._context.storage_error}")
            return
        fact = AccountFact(claim.username, claim.verifier, claim.stamp, claim.id)
        self._context.timers.cancel(("lock", claim.id))
        claim.being_kept = True

        def kept(problem: str | None) -> None:
            if problem is None:
                self._close(claim)
                self._context.notify("registered", f"{claim.username} is registered", "good", user=claim.username)
                if claim.done is not None:
                    claim.done(None)
                self._wake(claim.username)
            else:
                claim.decided = False
                self._fail(claim, f"this server cannot keep accounts now: {problem}")

        self._replication.originate("account", msgspec.json.encode(fact), then=kept)

    # --- leaving ------------------------------------------------------------------------------------------------------

    @property
    def has_decided(self) -> bool:
        """Whether a registration has succeeded whose account is not durable yet."""
        return any(claim.decided and claim.done is not None for claim in self._claims_by_id.values())

    def hurry(self) -> None:
        """Make accounts of all registrations that have succeeded, without waiting whether one is taken back."""
        for claim in list(self._claims_by_id.values()):
            if claim.decided and claim.done is not None:
                self._make_account(claim)

    def freeze(self) -> None:
        """From here on no registration of this node succeeds."""
        self._frozen = True

    def abandon(self, reason: str) -> None:
        """Give up every registration of this node that has not succeeded."""
        for claim in list(self._claims_by_id.values()):
            if claim.done is not None and not claim.decided:
                self._fail(claim, reason)

    # --- failure ------------------------------------------------------------------------------------------------------

    def _too_late(self, claim: Claim) -> None:
        echo = self._echoes.get(claim.id)
        silent = ""
        if echo is not None and echo.waiting:
            links = [self._context.connections.link(conn) for conn in echo.waiting]
            silent = ": no answer from " + ", ".join(
                sorted((link.name or str(link.peer)) for link in links if link is not None)
            )
        limit = self._context.config.lock_limit
        self._fail(claim, f"the network did not answer within {limit:g} seconds{silent}; try again later")

    def _fail(self, claim: Claim, reason: str) -> None:
        """A claim of this node comes to nothing: it leaves no trace anywhere."""
        if not self._is_open(claim):
            return
        done = claim.done
        self._trace(claim, "failed", reason=reason)
        self._context.notify(
            "refused", f"the registration of {claim.username!r} failed: {reason}", "warning", user=claim.username
        )
        self._release(claim)
        if done is not None:
            done(reason)

    def released(self, link: Link, message: LockRelease) -> None:
        """A LOCK_RELEASE arrived: the claim's origin gave up."""
        self._note_released(message.claim)
        claim = self._claims_by_id.get(message.claim)
        if claim is not None and claim.done is None and claim.username == message.username:
            self._release(claim, link.conn)

    def _release(self, claim: Claim, source: int | None = None) -> None:
        self._trace(claim, "released", source=source)
        self._close(claim)
        if claim.round:
            release = LockRelease(claim.username, claim.id)
            self._neighbours.release(release, everywhere=claim.round > 1, source=source)
        self._tell_base_to_drop(claim)
        self._wake(claim.username)

    def _note_released(self, claim_id: str) -> None:
        self._released[claim_id] = None
        if len(self._released) > RELEASED_MAX:
            self._released.popitem(last=False)

    def _tell_base_to_drop(self, claim: Claim) -> None:
        if claim.secret is None:
            return
        for conn in claim.recorded_at:
            base = self._context.connections.link(conn)
            if base is not None:
                self._count(base, LockDenied(claim.username, claim.secret))
        self._remember_untold(claim.username, claim.secret, claim.begun_at)

    def _remember_untold(self, username: str, secret: str, begun_at: float) -> None:
        """A base server may keep a pair of which nothing came, because its link was dead, or its neighbour was lost: it
        is told over a later link before it is asked about the name again."""
        secrets = self._untold.setdefault(username, {})
        self._untold.move_to_end(username)
        secrets[secret] = begun_at
        if len(secrets) > UNTOLD_PAIRS_MAX:
            del secrets[next(iter(secrets))]
        if len(self._untold) > UNTOLD_MAX:
            self._untold.popitem(last=False)

    def _forget(self, claim: Claim) -> None:
        """The origin of a claim has not said what became of it: it is gone, or cannot reach this node."""
        self._trace(claim, "forgotten")
        self._close(claim)
        self._tell_base_to_drop(claim)
        self._wake(claim.username)

    def _close(self, claim: Claim) -> None:
        self._echoes.pop(claim.id, None)
        self._context.timers.cancel(("lock", claim.id))
        self._context.timers.cancel(("ask", claim.id))
        for conn in claim.recorded_at:
            self._context.timers.cancel(("gather", claim.id, conn))
        if self._is_open(claim):
            del self._claims_by_id[claim.id]
        for conn in claim.links:
            over = self._over.get(conn, {})
            over.pop(claim.id, None)
            if not over:
                self._over.pop(conn, None)
        if claim.base_conn is not None and claim.base_conn in self._of_base:
            self._of_base[claim.base_conn].pop(claim.id, None)
            if not self._of_base[claim.base_conn]:
                del self._of_base[claim.base_conn]
        claims = self._claims.get(claim.username)
        if claims is not None:
            claims.pop(claim.id, None)
            if not claims:
                del self._claims[claim.username]

    def _wake(self, username: str) -> None:
        """A claim to a name is over."""
        self._ask_queued(username)
        if self._claims.get(username) and not self._book.knows(username):
            return
        for then in self._waiting.pop(username, ()):
            then()

    def account_known(self, fact: AccountFact) -> None:
        """An account entry arrived from elsewhere: its claim, and rivals of it here, are over."""
        self._untold.pop(fact.username, None)
        for claim in list(self._claims.get(fact.username, {}).values()):
            if claim.id == fact.claim:
                self._trace(claim, "account")
                self._close(claim)
            elif claim.done is not None and not claim.decided:
                self._fail(claim, f"{fact.username} is already registered")
        self._wake(fact.username)

    def import_account(self, username: str, secret_or_verifier: str, is_verifier: bool) -> None:
        """A peer that is not one of ours told of a user: take the account in, if nobody has the name."""
        if not is_verifier and self._importing >= IMPORTS_AT_ONCE:
            if len(self._imports) < IMPORTS_MAX and self._may_import(username, secret_or_verifier):
                self._imports.append((username, secret_or_verifier))
            return
        if self._local_problem(username) is not None:
            return
        if (len(secret_or_verifier) > VERIFIER_CHARACTERS_MAX) if is_verifier else secret_problem(secret_or_verifier):
            return
        self._counter += 1
        context = self._context
        claim = Claim(
            f"{context.id}.{context.incarnation}.{self._counter}",
            username,
            context.stamp(),
            secret_or_verifier if is_verifier else None,
            None,
            lambda problem: None,
            decided=True,
        )
        self._open(claim)
        if is_verifier:
            self._make_account(claim)
            return
        token = context.token()
        self._hashing[token] = claim
        self._importing += 1
        context.actions.append(HashSecret(token, secret_or_verifier, account="USER_INFO"))

    def _may_import(self, username: str, secret: str) -> bool:
        return self._local_problem(username) is None and secret_problem(secret) is None

    def _import_more(self) -> None:
        """A secret of those that peers told of has been hashed: go on with the next."""
        self._importing -= 1
        while self._imports and self._importing < IMPORTS_AT_ONCE:
            username, secret = self._imports.popleft()
            self.import_account(username, secret, False)
