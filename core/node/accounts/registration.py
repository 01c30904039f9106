"""Registering a name: one lock over the whole network, asked for along the spanning tree and answered back gathered.

Whether a name is free is decided by mutual exclusion with priorities (after Ricart and Agrawala, 1981): every request
visits every node (`echoes`), also each one that is registering the same name itself; of two such claims the one with
the smaller (stamp, id) goes on, the node with the other one gives up before it answers. So at most one succeeds, and
one does if nothing breaks.

A claim that succeeded becomes an account entry, which is durable before the client hears of it; a failed one is
released.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec

from core.node.accounts.book import AccountBook
from core.node.accounts.claim_room import ClaimRoom
from core.node.accounts.claims import Claim, Claims, Done, note_claim, trace_claim
from core.node.accounts.echoes import Echoes
from core.node.accounts.lock_bridge import LockBridge, NoBridge
from core.node.interface.actions import HashSecret
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.takers import takes
from core.node.log.replication import Replication
from core.node.map.topology import Topology
from core.node.neighbours.neighbours import Neighbours
from core.node.trust.known_keys import KnownKeys
from core.stories.lines import Why
from core.wire.entries import AccountFact
from core.wire.limits import SECRET_CHARACTERS_MAX, VERIFIER_CHARACTERS_MAX
from core.wire.messages import LockAllowed, LockDenied, LockRelease, LockRequest
from core.wire.names import registrable_problem

RELEASED_MAX: Final = 10_000
"""How many claims that were given up are remembered: a request that was sent round a cycle of links comes back after
the release, and would otherwise open the claim again, to be followed by the release again, for ever."""
TOO_BUSY: Final = "this server has too much to do to hash the secret; try again in a moment"


class Registration:
    """The lock, at this node, for its own clients' registrations and everybody else's."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        book: AccountBook,
        topology: Topology,
        replication: Replication,
        known_keys: KnownKeys,
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._book = book
        self._replication = replication
        self.claims = Claims()
        self.room = ClaimRoom(context)
        self.echoes = Echoes(context, neighbours, topology, known_keys, self.claims)
        self.echoes.on_allowed = self._succeed
        self.echoes.on_denied = lambda claim, reason: self.fail(claim, reason, "denied")
        self._bridge: LockBridge = NoBridge()
        self._released: OrderedDict[str, None] = OrderedDict()
        """Claims whose origin gave up, the latest of them."""
        self._hashing: dict[int, Claim] = {}
        self._waiting: dict[str, list[Callable[[], None]]] = {}
        self.made = 0
        """Claims of this node, ever."""
        self._frozen = False

    def bridge_to(self, bridge: LockBridge) -> None:
        """Have those take part in registrations that do not know the lock."""
        self._bridge = self.echoes.bridge = bridge

    @property
    def open_claims(self) -> int:
        """Registrations under way, here or elsewhere, and logins that wait for their outcome."""
        return len(self.claims) + len(self._hashing) + sum(len(waiting) for waiting in self._waiting.values())

    # --- asked from outside -------------------------------------------------------------------------------------------

    def register(self, username: str, secret: str, done: Done, conn: int | None = None) -> None:
        """Register a name for a client of this node; `done` is called when the network has decided.

        Should the connection `conn` end before the secret has been hashed, nothing is registered.
        """
        problem = self.problem_with(username)
        if problem is not None:
            self._context.notify("refused", f"the registration of {username!r} was refused: {problem}", "warning")
            done(problem)
            return
        self.begin(username, secret, done, conn)

    def problem_with(self, username: str) -> str | None:
        """Why this node need not ask anybody whether a name is free: it is not, or nobody can register here now."""
        problem = registrable_problem(username)
        if problem is not None:
            return problem
        if self._context.draining:
            return "this server is leaving the network"
        if self._context.expelled_itself is not None:
            # The account would be suspended at once, and no other server would hear of it.
            return f"{self._context.expelled_itself}; register at another one"
        if self._context.storage_error is not None:
            return f"this server cannot keep accounts now: {self._context.storage_error}"
        if self._book.knows(username):
            return f"{username} is already registered"
        if self.claims.to(username):
            return f"{username} is being registered by somebody else"
        wait = self.room.own_wait
        if wait:
            return f"too many names are being registered at this server; try again in {max(1, round(wait))} seconds"
        return None

    def is_undecided(self, username: str) -> bool:
        """Whether somebody is registering a name that nobody has yet."""
        return bool(self.claims.to(username)) and not self._book.knows(username)

    def when_settled(self, username: str, then: Callable[[], None]) -> None:
        """Call `then` once nobody is registering `username` any more: at once, or within the lock's limit."""
        if self.is_undecided(username):
            self._waiting.setdefault(username, []).append(then)
        else:
            then()

    def begin(self, username: str, secret: str, done: Done, conn: int | None, grace: float | None = None) -> Claim:
        """Register a name with which there is no problem; with `grace`, success can be taken back for some seconds."""
        context = self._context
        claim = self.new_claim(username, secret=secret, done=done, grace=grace)
        trace_claim(self._context, claim, "opened", conn=conn, grace=grace)
        context.timers.set(("lock", claim.id), context.after(context.config.lock_limit), lambda: self._too_late(claim))
        token = context.token()
        self._hashing[token] = claim
        context.actions.append(HashSecret(token, secret, conn, username))
        return claim

    def new_claim(
        self,
        username: str,
        *,
        done: Done,
        verifier: str | None = None,
        secret: str | None = None,
        grace: float | None = None,
        decided: bool = False,
    ) -> Claim:
        """Open a claim of this node; one that is `decided` is asked about nowhere."""
        context = self._context
        self.made += 1
        self.room.begun()
        claim_id = f"{context.id}.{context.incarnation}.{self.made}"
        claim = Claim(claim_id, username, context.stamp(), verifier, secret, done, grace, decided=decided)
        self.claims.open(claim, context.now.monotonic)
        return claim

    def hashed(self, token: int, verifier: str | None) -> None:
        """The answer to a HashSecret."""
        claim = self._hashing.pop(token, None)
        if claim is None or not self.claims.is_open(claim):
            return
        if verifier is None:
            self.fail(claim, TOO_BUSY)
            return
        claim.verifier = verifier
        self.echoes.ask(claim)

    # --- being asked --------------------------------------------------------------------------------------------------

    @takes(Handler.LOCK_REQUEST)
    def requested(self, link: Link, message: LockRequest) -> None:
        """A neighbour's LOCK_REQUEST arrived."""
        if message.claim is None or message.round is None or message.stamp is None or message.verifier is None:
            self._context.invalid(link, "LOCK_REQUEST between native servers needs claim, round, stamp and verifier")
            return
        if len(message.verifier) > VERIFIER_CHARACTERS_MAX or len(message.secret or "") > SECRET_CHARACTERS_MAX:
            self._context.invalid(link, "LOCK_REQUEST: a verifier or a secret is too long to be kept")
            return
        known = self.claims.get(message.claim)
        if known is not None and known.username != message.username:
            self._context.invalid(link, "LOCK_REQUEST: the claim is a registration of another name")
            return
        is_own = message.claim.startswith(f"{self._context.id}.{self._context.incarnation}.")
        if is_own or message.claim in self._released or (known is not None and known.round >= message.round):
            # A second way to here: this node's own answer goes back the first one.
            self.echoes.send(link, LockAllowed(message.username, claim=message.claim, round=message.round, count=0))
            return
        claim = known or Claim(message.claim, message.username, message.stamp, message.verifier, message.secret)
        claim.round = message.round
        if claim.secret is None:
            claim.secret = message.secret
        problem = self._objection(claim)
        if problem is None and known is None:
            problem = self.room.problem_with(link, claim.id)
        if known is None:
            note_claim(self._context, claim, "asked", claim.id.partition(".")[0])
            note_claim(self._context, claim, "vote", self._context.id, why="allowed" if problem is None else "denied")
        trace_claim(self._context, claim, "voted", conn=link.conn, allowed=problem is None, reason=problem)
        if problem is not None:
            self.vote(claim.username, "denied", problem, in_story=True)
            self.echoes.send(link, LockDenied(message.username, claim=message.claim, round=message.round, info=problem))
            return
        self.vote(claim.username, "allowed", in_story=True)
        self.claims.open(claim, self._context.now.monotonic)
        self.claims.concern(claim, link.conn)
        limit = self._context.config.lock_limit + 5.0
        self._context.timers.set(("lock", claim.id), self._context.after(limit), lambda: self._forget(claim))
        self.echoes.join(claim, link)

    def _objection(self, claim: Claim) -> str | None:
        """Why this node denies another's claim. A claim of its own that comes later gives way."""
        problem = registrable_problem(claim.username)
        if problem is not None:
            return problem
        holder = self._book.holder(claim.username)
        if holder is not None and holder.claim != claim.id:
            return f"{claim.username} is already registered"
        for rival in self.claims.to(claim.username):
            if rival.id == claim.id or rival.done is None:
                continue
            if rival.decided or rival.priority < claim.priority:
                return f"{claim.username} is being registered by somebody who was earlier"
            self.fail(rival, f"{claim.username} is being registered by somebody who was earlier", "denied")
        return None

    def vote(self, username: str, answer: str, why: str = "", *, in_story: bool = False) -> None:
        """Tell people how this node answers somebody else's claim."""
        because = f": {why}" if why else ""
        self._context.notify(
            "vote", f"this server {answer} the registration of {username}{because}", user=username, in_story=in_story
        )

    # --- outcomes -----------------------------------------------------------------------------------------------------

    def _succeed(self, claim: Claim) -> None:
        """Everybody allowed it: the claim becomes an account, once that is durable."""
        if self._frozen:
            return
        trace_claim(self._context, claim, "decided")
        claim.decided = True
        if claim.grace is None:
            self.make_account(claim)
            return
        done, claim.done = claim.done, (lambda problem: None)
        if done is not None:
            done(None)
        self._context.timers.set(("lock", claim.id), self._context.after(claim.grace), lambda: self.make_account(claim))

    def make_account(self, claim: Claim) -> None:
        """A claim that is decided becomes an account, unless it was given up or its secret has not been hashed."""
        if not self.claims.is_open(claim) or claim.verifier is None or claim.being_kept:
            return
        if self._context.storage_error is not None:
            claim.decided = False
            self.fail(claim, f"this server cannot keep accounts now: {self._context.storage_error}")
            return
        fact = AccountFact(claim.username, claim.verifier, claim.stamp, claim.id, vote=claim.vote)
        self._context.timers.cancel(("lock", claim.id))
        claim.being_kept = True

        def kept(problem: str | None) -> None:
            if problem is None:
                self._become_account(claim)
                # Over the tree each server but this one is asked once, and answers once.
                messages = 2 * (claim.allowed_by - 1) if claim.round == 1 and claim.allowed_by else 0
                note_claim(
                    self._context, claim, "registered", self._context.id, count=claim.allowed_by, messages=messages
                )
                self._context.notify(
                    "registered", f"{claim.username} is registered", "good", user=claim.username, in_story=True
                )
                if claim.done is not None:
                    claim.done(None)
                self._wake(claim.username)
            else:
                claim.decided = False
                self.fail(claim, f"this server cannot keep accounts now: {problem}")

        self._replication.own.originate("account", msgspec.json.encode(fact), then=kept)

    def account_known(self, fact: AccountFact) -> None:
        """An account entry arrived from elsewhere: its claim, and rivals of it here, are over."""
        self._bridge.account_known(fact.username)
        for claim in self.claims.to(fact.username):
            if claim.id == fact.claim:
                if claim.done is None:
                    note_claim(self._context, claim, "registered", claim.id.partition(".")[0])
                self._become_account(claim)
            elif claim.done is not None and not claim.decided:
                self.fail(claim, f"{fact.username} is already registered", "denied")
        self._wake(fact.username)

    def _become_account(self, claim: Claim) -> None:
        if self.claims.is_open(claim):
            trace_claim(self._context, claim, "account")
        self._close(claim)
        self._bridge.kept(claim)

    # --- leaving ------------------------------------------------------------------------------------------------------

    @property
    def has_decided(self) -> bool:
        """Whether a registration has succeeded whose account is not durable yet."""
        return any(claim.decided and claim.done is not None for claim in self.claims.all())

    def hurry(self) -> None:
        """Make accounts of all registrations that have succeeded, without waiting whether one is taken back."""
        for claim in self.claims.all():
            if claim.decided and claim.done is not None:
                self.make_account(claim)

    def freeze(self) -> None:
        """From here on no registration of this node succeeds."""
        self._frozen = True

    def abandon(self, reason: str) -> None:
        """Give up every registration of this node that has not succeeded."""
        for claim in self.claims.all():
            if claim.done is not None and not claim.decided:
                self.fail(claim, reason)

    # --- failure ------------------------------------------------------------------------------------------------------

    def _too_late(self, claim: Claim) -> None:
        names = self.echoes.silent(claim)
        silent = f": no answer from {', '.join(names)}" if names else ""
        limit = self._context.config.lock_limit
        text = f"the network did not answer within {limit:g} seconds{silent}; try again later"
        self.fail(claim, text, "too late")

    def fail(self, claim: Claim, reason: str, why: Why = "given up") -> None:
        """A claim of this node comes to nothing: it leaves no trace anywhere."""
        if not self.claims.is_open(claim):
            return
        done = claim.done
        trace_claim(self._context, claim, "failed", reason=reason)
        note_claim(self._context, claim, "not registered", self._context.id, why=why)
        self._context.notify(
            "refused", f"the registration of {claim.username!r} failed: {reason}", "warning", user=claim.username
        )
        self.release(claim)
        if done is not None:
            done(reason)

    @takes(LockRelease)
    def released(self, link: Link, message: LockRelease) -> None:
        """A LOCK_RELEASE arrived: the claim's origin gave up."""
        self._released[message.claim] = None
        if len(self._released) > RELEASED_MAX:
            self._released.popitem(last=False)
        claim = self.claims.get(message.claim)
        if claim is not None and claim.done is None and claim.username == message.username:
            note_claim(self._context, claim, "not registered", claim.id.partition(".")[0], why="given up")
            self.release(claim, link.conn)

    def release(self, claim: Claim, source: int | None = None) -> None:
        """A claim has come to nothing: tell everybody who was asked about it but `source`, who knows."""
        trace_claim(self._context, claim, "released", source=source)
        self._close(claim)
        if claim.round:
            release = LockRelease(claim.username, claim.id)
            self._neighbours.release(release, everywhere=claim.round > 1, source=source)
        self._bridge.dropped(claim)
        self._wake(claim.username)

    def _forget(self, claim: Claim) -> None:
        """The origin of a claim has not said what became of it: it is gone, or cannot reach this node."""
        trace_claim(self._context, claim, "forgotten")
        self._close(claim)
        self._bridge.dropped(claim)
        self._wake(claim.username)

    def _close(self, claim: Claim) -> None:
        self.echoes.drop(claim)
        self._context.timers.cancel(("lock", claim.id))
        self.claims.close(claim)
        self.room.over(claim.id)

    def _wake(self, username: str) -> None:
        """A claim to a name is over."""
        self._bridge.name_free(username)
        if self.is_undecided(username):
            return
        for then in self._waiting.pop(username, ()):
            then()
