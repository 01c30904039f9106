"""Account entries: what follows for names, keys, secrets and clients once an account's entry is durable here."""

from __future__ import annotations

import msgspec

from core.node.accounts.account_notices import AccountNotices
from core.node.accounts.book import AccountBook
from core.node.accounts.keys import Keys
from core.node.accounts.registration import Registration
from core.node.accounts.secrets import Secrets
from core.node.clients.sessions import Sessions
from core.node.interface.actions import SecretReplaced
from core.node.kernel.context import Context
from core.node.orders.order_effects import OrderEffects
from core.node.orders.ordering import Orders
from core.wire.entries import AccountFact, change_in_key
from core.wire.signed_orders import is_order


class AccountEntries:
    """Applies registrations, and changes of accounts, in whatever order they come."""

    def __init__(
        self,
        context: Context,
        book: AccountBook,
        keys: Keys,
        secrets: Secrets,
        registration: Registration,
        notices: AccountNotices,
        sessions: Sessions,
        orders: Orders,
    ) -> None:
        self._context = context
        self._book = book
        self._keys = keys
        self._secrets = secrets
        self._registration = registration
        self._notices = notices
        self._sessions = sessions
        self._orders = orders
        # Before it is looked who may stay.
        orders.on_effects.insert(0, self._ordered)
        self._ordered(OrderEffects(), orders.effects)

    def _ordered(self, before: OrderEffects, now: OrderEffects) -> None:
        """What expelled servers have said of others' keys and secrets does not count."""
        if now.expelled == before.expelled:
            return
        distrusted = self._context.config.distrusted

        def is_void(told_by: str, stamp: int) -> bool:
            return told_by in distrusted or now.is_void(told_by, stamp)

        self._keys.judge(is_void)
        self._secrets.judge(is_void)

    def apply(self, fact: AccountFact, voter: bytes | None = None) -> None:
        """An account was registered, or one of its keys or its secret changed, or an operator has ordered something;
        `voter` is the key of who has allowed it.
        """
        if fact.key is not None and is_order(fact.key):
            self._orders.apply(fact.key)
        elif fact.key is not None:
            if fact.told_by in self._context.config.distrusted:
                return
            change = change_in_key(fact.key)
            if change is None:
                self._keys.apply(fact.claim, fact.key, fact.told_by)
                self._notices.changed(fact)
            elif self._secrets.apply(fact.claim, change, fact.told_by):
                self._sessions.secret_changed(fact.claim, change.verifier)
                self._context.actions.append(SecretReplaced(fact.claim, change.verifier))
                self._notices.changed(fact)
        if fact.key is not None:
            fact = msgspec.structs.replace(fact, key=None, told_by=fact.told_by if fact.retold else "")
            known = self._book.fact(fact.claim)
            # What repeats a registration does not say who has allowed it.
            if known is not None and _without_proof(known) == _without_proof(fact):
                return
        renamings = self._book.apply(fact)
        self._notices.registered(fact, voter, renamings)
        for renaming in renamings:
            self._sessions.renamed(renaming)
        self._registration.account_known(fact)
        self._orders.founding.registered(fact)


def _without_proof(fact: AccountFact) -> AccountFact:
    return msgspec.structs.replace(fact, allowed_at=0, retold=False, told_by="")
