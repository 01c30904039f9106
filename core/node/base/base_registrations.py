"""Registrations where base servers take part: the bridge between the lock and servers that do not know it.

Towards a base server this node speaks for everything behind itself: it asks it in clear (such a server can store
nothing but the secret), waits for one answer of each server announced there, and gives it one for each server announced
to it. Such a server records whatever it is asked about first, and its answers name no claim; so it is asked about one
claim to a name at a time, and told to drop what comes to nothing, also if the link was lost meanwhile.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import Final

from core.node.accounts.book import AccountBook
from core.node.accounts.claims import Claim
from core.node.accounts.lock_bridge import Asked
from core.node.accounts.registration import Registration
from core.node.base.base_side import base_side
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.states import ConnectionState
from core.node.kernel.takers import takes
from core.node.map.topology import Topology
from core.wire.messages import LockAllowed, LockDenied, LockRequest
from core.wire.names import secret_problem

UNTOLD_MAX: Final = 1000
"""How many names are remembered that base servers out of reach may keep for registrations that came to nothing."""
UNTOLD_PAIRS_MAX: Final = 8
"""How many secrets of one such name."""
BASE_CLAIMS_MAX: Final = 256
"""Registrations of one base server at a time; more are denied."""


class BaseShare:
    """What base servers have to do with one claim."""

    __slots__ = ("origin", "owed", "queued", "recorded")

    def __init__(self, origin: int | None = None) -> None:
        self.origin = origin
        """The base link that a base server's own registration came over."""
        self.owed: dict[int, int] = {}
        """Base links that were asked and have not denied, with the answers that they owe."""
        self.recorded: dict[int, None] = {}
        """Base links behind which the pair may be kept, unless they are told to drop it."""
        self.queued: dict[int, None] = {}
        """Base links that are asked once another claim to the name is over: they would deny the second pair for the
        first, and nobody could tell of which of the two an answer speaks."""


class BaseRegistrations:
    """What the lock does not know of base servers: a `LockBridge`."""

    def __init__(self, context: Context, topology: Topology, book: AccountBook, lock: Registration) -> None:
        self._context = context
        self._topology = topology
        self._book = book
        self._lock = lock
        self._shares: dict[str, BaseShare] = {}
        """By claim."""
        self._of_base: dict[int, dict[str, Claim]] = {}
        """Registrations of base servers, by link."""
        self._untold: OrderedDict[str, dict[str, float]] = OrderedDict()
        """Name to secrets of which nothing came, and which a base server may still keep if it has another link than it
        had at that time."""

    def remembers(self, username: str, secret: str) -> bool:
        """Whether this node can tell a base server to drop a pair of which nothing came."""
        claims = self._lock.claims.to(username)
        return secret in self._untold.get(username, {}) or any(claim.secret == secret for claim in claims)

    def account_known(self, username: str) -> None:
        """A name has an account: base servers that keep it for somebody else are not told."""
        self._untold.pop(username, None)

    def _share(self, claim: Claim) -> BaseShare:
        return self._shares.get(claim.id) or BaseShare()

    # --- base servers are asked ---------------------------------------------------------------------------------------

    def ask(self, claim: Claim, source: int | None) -> Asked:
        """Ask every base server to which this node speaks, or have it wait until it can be asked."""
        links = self._context.connections.links
        waiting = []
        if claim.secret is not None:
            for link in links(ConnectionState.BASE):
                share = self._shares.setdefault(claim.id, BaseShare())
                if link.conn in (source, share.origin):
                    continue
                self._lock.claims.concern(claim, link.conn)
                if link.conn not in share.owed:
                    # Once a claim, however many rounds it takes: a base server would take a second for a new one.
                    if self._is_taken(link.conn, claim):
                        share.queued[link.conn] = None
                        waiting.append(link.conn)
                        continue
                    self._ask(link, claim, share, claim.secret)
                if share.owed[link.conn] > 0:
                    waiting.append(link.conn)
        # A base server that is not spoken to yet cannot be asked yet, and may know the name.
        silent = links(ConnectionState.QUIET) or any(link.first_heard_at for link in links(ConnectionState.LISTENING))
        return Asked(waiting, is_complete=not silent)

    def _is_taken(self, conn: int, claim: Claim) -> bool:
        """Whether a base server may keep the pair of another claim to the same name."""
        rivals = self._lock.claims.to(claim.username)
        return any(rival is not claim and conn in self._share(rival).recorded for rival in rivals)

    def _ask(self, link: Link, claim: Claim, share: BaseShare, secret: str) -> None:
        side = base_side(link)
        for untold, begun_at in self._untold.get(claim.username, {}).items():
            if untold != secret and (link.established_at or 0.0) >= begun_at:
                self._lock.echoes.send(link, LockDenied(claim.username, untold))
        share.owed[link.conn] = max(1, len(side.attached))
        share.recorded[link.conn] = None
        self._lock.echoes.send(link, LockRequest(claim.username, secret))
        self._expect_a_sign(link)
        if not side.attached:
            # It has not announced itself in all that time, so it may be anything.
            self._wait_for_more(claim, link.conn)
        self._context.notify(
            "security", f"the secret of {claim.username} was sent in clear to base server {link.peer}", "warning"
        )

    def name_free(self, username: str) -> None:
        """A claim to a name is over: those that waited for it at base servers have their turn, the earliest first."""
        for claim in sorted(self._lock.claims.to(username), key=lambda claim: claim.priority):
            share = self._share(claim)
            if share.queued and self._book.knows(username):
                share.queued.clear()
                self._lock.echoes.deny(claim, f"{username} is already registered")
                continue
            for conn in list(share.queued):
                link = self._context.connections.link(conn)
                if link is None or claim.secret is None or not self._lock.echoes.is_gathering(claim):
                    # It asks there with its next round, if there is one.
                    del share.queued[conn]
                elif not self._is_taken(conn, claim):
                    del share.queued[conn]
                    self._ask(link, claim, share, claim.secret)

    def _expect_a_sign(self, link: Link) -> None:
        """A base server that says nothing at all after a question is gone, and would fail every registration."""
        context = self._context
        asked_at = context.now.monotonic

        def look() -> None:
            if link.state is ConnectionState.BASE and link.heard_at <= asked_at:
                context.close(link, f"no sign of life for {context.now.monotonic - link.heard_at:.0f} s")

        if ("sign", link.conn) not in context.timers:
            context.timers.set(("sign", link.conn), context.after(2 * context.config.announce_interval), look)

    def secret_for(self, claim: Claim, link: Link) -> str | None:
        """The secret in clear, if a base server is somewhere behind a neighbour."""
        hosts = set(self._topology.hosts_of_attached().values())
        hosts.discard(self._context.id)
        if not hosts or link.remote_id is None:
            return None
        is_behind = any(self._topology.next_hop(host) == link.remote_id for host in sorted(hosts)) or not link.eager
        return claim.secret if is_behind else None

    # --- what they answer ---------------------------------------------------------------------------------------------

    @takes(Handler.BASE_LOCK_ALLOWED)
    def _allowed(self, link: Link, message: LockAllowed) -> None:
        for claim in self._lock.claims.to(message.username):
            owed = self._share(claim).owed
            if owed.get(link.conn, 0) > 0 and message.secret in (None, claim.secret):
                owed[link.conn] -= 1
                if owed[link.conn] == 0:
                    self._all_allowed(claim, link.conn)
                else:
                    self._wait_for_more(claim, link.conn)
                return

    def _wait_for_more(self, claim: Claim, conn: int) -> None:
        self._context.timers.set(
            ("gather", claim.id, conn),
            self._context.after(self._context.config.gather_wait),
            partial(self._all_allowed, claim, conn),
        )

    def _all_allowed(self, claim: Claim, conn: int) -> None:
        """Everything behind a base link has allowed: each server itself, or one for all, as some of them do."""
        self._context.timers.cancel(("gather", claim.id, conn))
        owed = self._share(claim).owed
        if conn in owed:
            owed[conn] = 0
        self._lock.echoes.answered(claim, conn)

    @takes(Handler.BASE_LOCK_DENIED)
    def _denied(self, link: Link, message: LockDenied) -> None:
        for claim in self._lock.claims.to(message.username):
            share = self._share(claim)
            # A base server may put the secret that it stores in place of the one that was asked about.
            if share.origin == link.conn:
                self._lock.release(claim)
            elif link.conn in share.owed:
                share.owed.pop(link.conn)
                self._lock.echoes.deny(claim, f"{message.username} is already registered at a base server")

    def link_closed(self, claim: Claim, conn: int) -> None:
        """A base link is gone: what was asked over it is asked again over the next one."""
        share = self._share(claim)
        share.owed.pop(conn, None)
        share.queued.pop(conn, None)
        if conn in share.recorded:
            self._context.timers.cancel(("gather", claim.id, conn))
            del share.recorded[conn]
        if share.origin == conn and not claim.decided:
            self._lock.fail(claim, "the base server's link is gone")

    # --- what has come of a claim -------------------------------------------------------------------------------------

    def kept(self, claim: Claim) -> None:
        """A claim has become an account: what base servers keep is right."""
        self._over(claim)

    def dropped(self, claim: Claim) -> None:
        """A claim has come to nothing: base servers that were told of it drop it."""
        share = self._over(claim)
        if claim.secret is None:
            return
        for conn in share.recorded:
            base = self._context.connections.link(conn)
            if base is not None:
                self._lock.echoes.send(base, LockDenied(claim.username, claim.secret))
        self.remember_untold(claim.username, claim.secret, claim.begun_at)

    def _over(self, claim: Claim) -> BaseShare:
        share = self._shares.pop(claim.id, None) or BaseShare()
        for conn in share.recorded:
            self._context.timers.cancel(("gather", claim.id, conn))
        if share.origin is not None and share.origin in self._of_base:
            self._of_base[share.origin].pop(claim.id, None)
            if not self._of_base[share.origin]:
                del self._of_base[share.origin]
        return share

    def remember_untold(self, username: str, secret: str, begun_at: float) -> None:
        """A base server may keep a pair of which nothing came, because its link was dead, or its neighbour was lost: it
        is told over a later link before it is asked about the name again."""
        secrets = self._untold.setdefault(username, {})
        self._untold.move_to_end(username)
        secrets[secret] = begun_at
        if len(secrets) > UNTOLD_PAIRS_MAX:
            del secrets[next(iter(secrets))]
        if len(self._untold) > UNTOLD_MAX:
            self._untold.popitem(last=False)

    # --- base servers ask ---------------------------------------------------------------------------------------------

    @takes(Handler.BASE_LOCK_REQUEST)
    def _requested(self, link: Link, message: LockRequest) -> None:
        """A base server registers somebody: this node asks everything behind itself, and answers for it."""
        secret = message.secret
        if secret is None:
            self._context.invalid(link, "LOCK_REQUEST: object missing required field `secret`")
            return
        problem = self._lock.problem_with(message.username) or secret_problem(secret)
        if problem is None and len(self._of_base.get(link.conn, ())) >= BASE_CLAIMS_MAX:
            problem = f"its server registers more than {BASE_CLAIMS_MAX} names at a time"
        problem = problem or self._lock.room.base_problem(link)
        if problem is not None:
            self._lock.vote(message.username, "denied", problem)
            self._answer(link.conn, message.username, secret, allowed=False)
            return

        def done(problem: str | None) -> None:
            self._answer(link.conn, message.username, secret, allowed=problem is None)

        # A base server has no word for success: unless it takes the request back, it will have succeeded.
        grace = self._context.config.base_grace
        claim = self._lock.begin(message.username, secret, done, link.conn, grace)
        self._lock.claims.concern(claim, link.conn)
        self._shares[claim.id] = BaseShare(origin=link.conn)
        self._of_base.setdefault(link.conn, {})[claim.id] = claim

    def _answer(self, conn: int, username: str, secret: str, *, allowed: bool) -> None:
        link = self._context.connections.link(conn)
        if link is None or link.state not in (ConnectionState.BASE, ConnectionState.LISTENING):
            return
        answers = max(1, len(base_side(link).announced))
        if not allowed:
            self._lock.echoes.send(link, LockDenied(username, secret))
            answers -= 1
        for _ in range(answers):
            self._lock.echoes.send(link, LockAllowed(username, secret))
