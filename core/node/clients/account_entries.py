"""Account entries: what follows for names, keys, secrets and clients once an account's entry is durable here."""

from __future__ import annotations

import msgspec

from core.node.accounts.book import AccountBook
from core.node.accounts.keys import Keys
from core.node.accounts.registration import Registration
from core.node.accounts.secrets import Secrets
from core.node.clients.sessions import Sessions
from core.node.interface.actions import SecretReplaced
from core.node.kernel.context import Context
from core.wire.entries import AccountFact, change_in_key


class AccountEntries:
    """Applies registrations, and changes of accounts, in whatever order they come."""

    def __init__(
        self,
        context: Context,
        book: AccountBook,
        keys: Keys,
        secrets: Secrets,
        registration: Registration,
        sessions: Sessions,
    ) -> None:
        self._context = context
        self._book = book
        self._keys = keys
        self._secrets = secrets
        self._registration = registration
        self._sessions = sessions

    def apply(self, fact: AccountFact) -> None:
        """An account was registered, or one of its keys or its secret changed."""
        if fact.key is not None:
            change = change_in_key(fact.key)
            if change is None:
                self._keys.apply(fact.claim, fact.key)
            elif self._secrets.apply(fact.claim, change):
                self._sessions.secret_changed(fact.claim, change.verifier)
                self._context.actions.append(SecretReplaced(fact.claim, change.verifier))
            fact = msgspec.structs.replace(fact, key=None)
            known = self._book.fact(fact.claim)
            # What repeats a registration does not say who has allowed it.
            if known is not None and _without_proof(known) == _without_proof(fact):
                return
        renamings = self._book.apply(fact)
        for renaming in renamings:
            self._context.notify(
                "renamed",
                f"{renaming.before} was registered twice while the network was parted: the later account is now"
                f" {renaming.after}",
                "warning",
                user=renaming.after,
            )
            self._sessions.renamed(renaming)
        name = self._book.name_of(fact.claim)
        if name is not None and name != fact.username and not any(one.claim == fact.claim for one in renamings):
            self._context.notify(
                "renamed",
                f"{fact.username} was registered twice while the network was parted: the later account is now {name}",
                "warning",
                user=name,
            )
        self._registration.account_known(fact)


def _without_proof(fact: AccountFact) -> AccountFact:
    return msgspec.structs.replace(fact, allowed_at=0, retold=False)
