"""Public keys that open accounts, everywhere in the network.

For each account a last-writer-wins element set (Shapiro et al., 2011): of each key the change with the largest stamp
counts, and of two with the same one the removal. Stamps are hybrid logical time, so whoever takes a key away that they
know of outdoes every earlier change of it, however late that one arrives. What both sides of a parted network do to
the same key is decided by the time at which they did it.

A key belongs to an account and not to its name: after a conflict a name may pass to another account, and whoever had it
must not come in as its new owner.
"""

from __future__ import annotations

from typing import Final

import msgspec

from core.node.accounts.book import AccountBook
from core.node.accounts.changes_before import ChangesBefore, Void, all_count, distrusted_by
from core.node.interface.actions import KeyChanged, KeyRemoved
from core.node.interface.events import KeyChangeRequested
from core.node.kernel.context import Context
from core.node.log.replication import Replication
from core.wire.entries import COUNTER_MAX, AccountFact, KeyChange, change_in_key
from core.wire.packed_facts import PackedFacts
from core.wire.signed_orders import is_order

CHANGES_MAX: Final = 1000
"""Changes of one account's keys that are accepted, ever: each is kept by every node for as long as the account."""
KEYS_MAX: Final = 1000
"""Keys of one account of which anything is known, those that were changed last: a server that lies makes as many as it
likes. Which ones they are follows from the set of changes alone, too."""


def _order(change: KeyChange) -> tuple[int, bool, str]:
    return (change.stamp, not change.bound, change.comment)


class KeyBook:
    """The latest change of each key of each account. What it says follows from the set of changes alone."""

    def __init__(self, before: PackedFacts, is_void: Void = all_count) -> None:
        """`before`: changes that were known before this start. An account's are taken in when somebody asks for it,
        but for what `is_void`."""
        self._before = ChangesBefore(before, is_void)
        self._latest: dict[str, dict[str, KeyChange]] = {}
        self._changes: dict[str, int] = {}

    def _read(self, claim: str) -> None:
        for change in self._before.read(claim):
            if change_in_key(change) is None and not is_order(change):
                self._take(claim, change)

    def apply(self, claim: str, change: KeyChange, told_by: str = "") -> None:
        """Take in a change of a key of the account `claim`, as a server tells it. Commutative and, but for `changes`,
        idempotent."""
        self._read(claim)
        if self._before.note(claim, told_by, change):
            self._take(claim, change)

    def judge(self, is_void: Void) -> None:
        """Other changes are void than before."""
        self._before.judge(is_void)
        self._latest.clear()
        self._changes.clear()

    def _take(self, claim: str, change: KeyChange) -> None:
        latest = self._latest.setdefault(claim, {})
        known = latest.get(change.text)
        if known is None or _order(known) < _order(change):
            latest[change.text] = change
            if len(latest) > KEYS_MAX:
                del latest[min(latest, key=lambda text: (_order(latest[text]), text))]
        self._changes[claim] = self._changes.get(claim, 0) + 1

    def of(self, claim: str) -> tuple[KeyChange, ...]:
        """The keys that open the account, the one that was bound first at the front."""
        self._read(claim)
        bound = [change for change in self._latest.get(claim, {}).values() if change.bound]
        return tuple(sorted(bound, key=lambda change: (change.stamp, change.text)))

    def latest(self, claim: str, text: str) -> KeyChange | None:
        """What happened last to a key."""
        self._read(claim)
        return self._latest.get(claim, {}).get(text)

    def changes(self, claim: str) -> int:
        """How often the account's keys have changed."""
        self._read(claim)
        return self._changes.get(claim, 0)


class Keys:
    """The network's keys, and the changes that this node makes to them."""

    def __init__(self, context: Context, accounts: AccountBook, replication: Replication, before: PackedFacts) -> None:
        self._context = context
        self._accounts = accounts
        self._replication = replication
        self._book = KeyBook(before, distrusted_by(context.config.distrusted))

    def judge(self, is_void: Void) -> None:
        """Other changes are void than before."""
        self._book.judge(is_void)

    def apply(self, claim: str, change: KeyChange, told_by: str = "") -> None:
        """Take in a change that has been committed, as a server tells it."""
        before = self._book.latest(claim, change.text)
        self._book.apply(claim, change, told_by)
        after = self._book.latest(claim, change.text)
        if before is not None and before.bound and after is not None and not after.bound:
            self._context.actions.append(KeyRemoved(claim, change.text))

    def of(self, claim: str) -> tuple[KeyChange, ...]:
        """The keys that open an account, the one that was bound first at the front."""
        return self._book.of(claim)

    def change(self, event: KeyChangeRequested) -> None:
        """Make a change known to the network; it is answered once it is durable here."""

        def answer(problem: str | None) -> None:
            self._context.actions.append(KeyChanged(event.token, problem))

        account = self._accounts.fact(event.claim)
        problem = self._problem(event.claim)
        if account is None or problem is not None:
            answer(problem or "the account is not known here")
            return
        known = self._book.latest(event.claim, event.text)
        stamp = self._context.stamp(known.stamp if known is not None else 0)
        if known is not None:
            # A peer whose clock is far ahead may have dated a change so that no credible stamp outdoes it.
            stamp = min(max(stamp, known.stamp + 1), COUNTER_MAX)
        change = KeyChange(event.text, stamp, event.bound, event.comment)
        body = msgspec.json.encode(msgspec.structs.replace(account, key=change, allowed_at=0))
        try:
            msgspec.json.decode(body, type=AccountFact)
        except msgspec.ValidationError:
            answer("no other server could read this key")
            return

        def kept(problem: str | None) -> None:
            if problem is None:
                name = self._accounts.name_of(event.claim) or account.username
                what = "now opens" if event.bound else "no longer opens"
                self._context.notify("security", f"a key{_called(event.comment)} {what} the account {name}", user=name)
            answer(f"this server cannot keep it now: {problem}" if problem is not None else None)

        self._replication.own.originate("account", body, then=kept)

    def _problem(self, claim: str) -> str | None:
        if self._context.draining:
            return "this server is leaving the network"
        if self._context.expelled_itself is not None:
            # It would count at no server that heeds the order, and not here either.
            return f"{self._context.expelled_itself}; try again at another one"
        if self._context.storage_error is not None:
            return f"this server cannot keep it now: {self._context.storage_error}"
        if self._book.changes(claim) >= CHANGES_MAX:
            return f"the keys of this account have been changed {CHANGES_MAX} times, which is as often as they can be"
        return None


def _called(comment: str) -> str:
    return f" ({comment})" if comment else ""
