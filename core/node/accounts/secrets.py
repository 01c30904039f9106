"""The secrets of accounts, which their owners may change at any server of the network.

For each account a last-writer-wins register (Shapiro et al., 2011): of its changes the one with the largest (stamp, id)
counts, and any of them before the registration's own verifier. Stamps are hybrid logical time, and who changes a secret
that they know of outdoes every earlier change of it, however late that one arrives. If both parts of a parted network
change one account's secret, the later change counts in the end.

A secret belongs to an account and not to its name: after a conflict each of two accounts is opened by its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from core.node.accounts.book import AccountBook
from core.node.accounts.changes_before import ChangesBefore, Void, all_count, distrusted_by
from core.node.interface.actions import HashSecret, SecretChangeAnswered, VerifySecret
from core.node.interface.events import SecretChangeRequested
from core.node.kernel.clock import MICROSECONDS
from core.node.kernel.context import Context
from core.node.log.replication import Replication
from core.wire.entries import COUNTER_MAX, AccountFact, SecretChange, change_as_key, change_in_key
from core.wire.limits import VERIFIER_CHARACTERS_MAX
from core.wire.names import secret_problem
from core.wire.packed_facts import PackedFacts

CHANGES_MAX: Final = 1000
"""Changes of one account's secret that are accepted, ever: each is kept by every node for as long as the account."""
CHANGES_AN_HOUR_MAX: Final = 20
"""The same within an hour: who would fill the disks of others needs days, and is seen."""
WAITING_MAX: Final = 16
"""Changes of one account's secret that wait for the one that is being made here."""
CODE_MARK: Final = " code "
"""Stands in the id of a change before the order that has let somebody make it without the secret before."""
HOUR: Final = 3600 * MICROSECONDS
WRONG: Final = "the present secret is not right"
"""What is answered to somebody who does not know the present secret."""
BUSY: Final = "this server has too many secrets to check; try again in a moment"

ChangeDone = Callable[[str | None], None]
"""Called once with None, or with what kept the secret from being changed, as a clause for a person."""


class SecretBook:
    """The latest change of each account's secret. What it says follows from the set of changes alone."""

    def __init__(self, before: PackedFacts, is_void: Void = all_count) -> None:
        """`before`: changes that were known before this start. An account's are taken in when somebody asks for it,
        but for what `is_void`."""
        self._before = ChangesBefore(before, is_void)
        self._changes: dict[str, dict[tuple[int, str], None]] = {}
        self._latest: dict[str, SecretChange] = {}

    def apply(self, claim: str, change: SecretChange, told_by: str = "") -> bool:
        """Take in a change that a server tells; whether it is the one that counts now, and was not before. Commutative
        and idempotent."""
        self._read(claim)
        return self._before.note(claim, told_by, change_as_key(change)) and self._take(claim, change)

    def judge(self, is_void: Void) -> None:
        """Other changes are void than before."""
        self._before.judge(is_void)
        self._latest.clear()
        self._changes.clear()

    def _read(self, claim: str) -> None:
        for kept in self._before.read(claim):
            change = change_in_key(kept)
            if change is not None:
                self._take(claim, change)

    def _take(self, claim: str, change: SecretChange) -> bool:
        changes = self._changes.setdefault(claim, {})
        changes[change.stamp, change.id] = None
        if len(changes) > CHANGES_MAX:
            # A server that lies makes more. The latest of them are enough to know that there are too many.
            del changes[min(changes)]
        known = self._latest.get(claim)
        if known is not None and known >= change:
            return False
        self._latest[claim] = change
        return True

    def latest(self, claim: str) -> SecretChange | None:
        self._read(claim)
        return self._latest.get(claim)

    def has_used(self, claim: str, order_id: str) -> bool:
        """Whether one of the account's changes was made with the code of an order."""
        self._read(claim)
        return any(one.endswith(f"{CODE_MARK}{order_id}") for _, one in self._changes.get(claim, ()))

    def changes(self, claim: str, since: int = 0) -> int:
        """How often the account's secret has been changed since a stamp."""
        self._read(claim)
        return sum(stamp >= since for stamp, _ in self._changes.get(claim, ()))


class _Request(msgspec.Struct):
    """Somebody wants another secret for their account."""

    claim: str
    secret: str
    new_secret: str
    done: ChangeDone
    made: Callable[[str], None]
    code: str = ""
    """The order that lets them do it without the present one."""
    checked: str = ""
    """The verifier that the present secret was found to fit."""


class Secrets:
    """The network's secrets, and the changes that this node makes to them."""

    def __init__(self, context: Context, accounts: AccountBook, replication: Replication, before: PackedFacts) -> None:
        self._context = context
        self._accounts = accounts
        self._replication = replication
        self._book = SecretBook(before, distrusted_by(context.config.distrusted))
        self._counter = 0
        self._verifying: dict[int, Callable[[bool | None], None]] = {}
        self._hashing: dict[int, _Request] = {}
        self._waiting: dict[str, deque[_Request]] = {}
        """For each account whose secret is being changed here, who wants to change it after that."""

    @property
    def under_way(self) -> int:
        """Changes that somebody waits for."""
        return sum(1 + len(waiting) for waiting in self._waiting.values())

    def verifier(self, fact: AccountFact) -> str:
        """What the account's secret is checked against."""
        latest = self._book.latest(fact.claim)
        return latest.verifier if latest is not None else fact.verifier

    def apply(self, claim: str, change: SecretChange, told_by: str = "") -> bool:
        """Take in a change that has been committed, as a server tells it; whether the account has another secret
        now."""
        return self._book.apply(claim, change, told_by)

    def judge(self, is_void: Void) -> None:
        """Other changes are void than before."""
        self._book.judge(is_void)

    # --- changing -----------------------------------------------------------------------------------------------------

    def change_requested(self, event: SecretChangeRequested) -> None:
        """A person at this server changes their secret."""

        def done(problem: str | None) -> None:
            self._context.actions.append(SecretChangeAnswered(event.token, problem))

        self.change(event.claim, event.secret, event.new_secret, done)

    def change(
        self,
        claim: str,
        secret: str,
        new_secret: str,
        done: ChangeDone,
        made: Callable[[str], None] = lambda verifier: None,
    ) -> None:
        """Give an account another secret, for somebody who knows the present one.

        `made` is told the new verifier before it counts anywhere. One change of an account at a time: another one
        waits until it is over. Asked for again after it has succeeded, a change has succeeded.
        """
        request = _Request(claim, secret, new_secret, done, made)
        waiting = self._waiting.get(claim)
        if waiting is not None:
            if len(waiting) < WAITING_MAX:
                waiting.append(request)
            else:
                done("it is being changed by too many at a time; try again in a moment")
            return
        self._waiting[claim] = deque()
        self._check(request)

    def replace(self, claim: str, new_secret: str, order_id: str, done: ChangeDone) -> None:
        """Give an account another secret, for somebody to whom an order has given a code for that."""
        if claim in self._waiting:
            done("it is being changed; try again in a moment")
            return
        self._waiting[claim] = deque()
        self._hash(_Request(claim, "", new_secret, done, lambda verifier: None, order_id))

    def is_used(self, claim: str, order_id: str) -> bool:
        """Whether an account's secret has been changed with the code of an order."""
        return self._book.has_used(claim, order_id)

    def _hash(self, request: _Request) -> None:
        """Whoever asks may: make a verifier of the new secret."""
        fact = self._accounts.fact(request.claim)
        problem = self._problem(request)
        if fact is None or problem is not None:
            self._over(request, problem or "the account is not known here")
            return
        request.checked = self.verifier(fact)
        token = self._context.token()
        self._hashing[token] = request
        self._context.actions.append(HashSecret(token, request.new_secret))

    def _over(self, request: _Request, problem: str | None) -> None:
        waiting = self._waiting[request.claim]
        if waiting:
            self._check(waiting.popleft())
        else:
            del self._waiting[request.claim]
        request.done(problem)

    def _problem(self, request: _Request) -> str | None:
        if self._context.draining:
            return "this server is leaving the network; try again at another one"
        if self._context.expelled_itself is not None:
            # It would count at no server that heeds the order, and not here either.
            return f"{self._context.expelled_itself}; try again at another one"
        if self._context.storage_error is not None:
            return f"this server cannot keep it now: {self._context.storage_error}"
        if self._book.changes(request.claim) >= CHANGES_MAX:
            return f"it has been changed {CHANGES_MAX} times, which is as often as it can be"
        lately = self._context.clock.read(self._context.now.wall) - HOUR
        if self._book.changes(request.claim, lately) >= CHANGES_AN_HOUR_MAX:
            return f"it has been changed {CHANGES_AN_HOUR_MAX} times within an hour; try again later"
        if request.new_secret == request.secret:
            return "the new secret is the present one"
        problem = secret_problem(request.new_secret)
        return f"the new one will not do: {problem}" if problem is not None else None

    def _check(self, request: _Request) -> None:
        """Find out whether whoever asks knows the present secret."""
        fact = self._accounts.fact(request.claim)
        problem = self._problem(request)
        if fact is None or problem is not None:
            self._over(request, problem or "the account is not known here")
            return
        verifier = self.verifier(fact)

        def verified(matches: bool | None) -> None:
            if matches is None:
                self._over(request, BUSY)
            elif self.verifier(fact) != verifier:
                self._check(request)
            elif matches:
                request.checked = verifier
                token = self._context.token()
                self._hashing[token] = request
                self._context.actions.append(HashSecret(token, request.new_secret))
            else:
                # Perhaps its answer was lost, and it is asked for again.
                self._verify(request.new_secret, verifier, repeated)

        def repeated(matches: bool | None) -> None:
            if matches:
                request.made(verifier)
            self._over(request, BUSY if matches is None else None if matches else WRONG)

        self._verify(request.secret, verifier, verified)

    def _verify(self, secret: str, verifier: str, then: Callable[[bool | None], None]) -> None:
        token = self._context.token()
        self._verifying[token] = then
        self._context.actions.append(VerifySecret(token, secret, verifier))

    def verified(self, token: int, matches: bool | None) -> bool:
        """The answer to a VerifySecret; whether the question was this part's."""
        then = self._verifying.pop(token, None)
        if then is not None:
            then(matches)
        return then is not None

    def hashed(self, token: int, verifier: str | None) -> bool:
        """The answer to a HashSecret; whether the question was this part's."""
        request = self._hashing.pop(token, None)
        if request is None:
            return False
        fact = self._accounts.fact(request.claim)
        problem = self._problem(request)
        if verifier is None or len(verifier) > VERIFIER_CHARACTERS_MAX:
            problem = problem or "the secret could not be hashed; try again"
        if fact is None or verifier is None or problem is not None:
            self._over(request, problem or "the account is not known here")
        elif request.code and self.is_used(request.claim, request.code):
            self._over(request, "the code has been used meanwhile")
        elif self.verifier(fact) != request.checked and not request.code:
            # It has been changed elsewhere meanwhile.
            self._check(request)
        else:
            self._make(request, fact, verifier)
        return True

    def _make(self, request: _Request, fact: AccountFact, verifier: str) -> None:
        latest = self._book.latest(fact.claim)
        stamp = self._context.stamp(latest.stamp if latest is not None else 0)
        if latest is not None:
            # A peer whose clock is far ahead may have dated a change so that no credible stamp outdoes it.
            stamp = min(max(stamp, latest.stamp + 1), COUNTER_MAX)
        self._counter += 1
        by_code = f"{CODE_MARK}{request.code}" if request.code else ""
        change_id = f"{self._context.id}.{self._context.incarnation}.{self._counter}{by_code}"
        change = SecretChange(stamp, change_id, verifier)
        request.made(verifier)

        def kept(problem: str | None) -> None:
            if problem is None:
                name = self._accounts.name_of(fact.claim) or fact.username
                self._context.notify("security", f"the secret of {name} was changed", user=name)
            else:
                request.made(request.checked)
                problem = f"this server cannot keep it now: {problem}"
            self._over(request, problem)

        body = msgspec.json.encode(msgspec.structs.replace(fact, key=change_as_key(change), allowed_at=0))
        self._replication.own.originate("account", body, then=kept)
