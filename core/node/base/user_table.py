"""The table of users: what servers tell each other with `USER_INFO`, the failover layer's only way to do so."""

from __future__ import annotations

from typing import Final

from core.node.accounts.book import AccountBook
from core.node.accounts.registration import Registration
from core.node.accounts.secrets import Secrets
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.takers import takes
from core.wire.limits import USER_INFO_CHUNK_BYTES
from core.wire.messages import UserInfo

VERIFIER_PREFIXES: Final = ("$argon2", "$scrypt$", "$2b$")
"""How a salted hash in the PHC string format begins; anything else in a USER_INFO is a secret in clear."""


class UserTable:
    """Tells others of the users that this node knows, and takes in theirs."""

    def __init__(self, context: Context, book: AccountBook, secrets: Secrets, registration: Registration) -> None:
        self._context = context
        self._book = book
        self._secrets = secrets
        self._registration = registration

    def send(self, link: Link) -> None:
        """Every registered user, with a verifier in place of the secret."""
        chunk: dict[str, str] = {}
        size = 0
        sent = False
        for name, fact in self._book:
            verifier = self._secrets.verifier(fact)
            size += len(name.encode()) * 2 + len(verifier) + 8
            chunk[name] = verifier
            if size > USER_INFO_CHUNK_BYTES:
                self._context.send(link, UserInfo(chunk))
                chunk, size, sent = {}, 0, True
        if chunk or not sent:
            self._context.send(link, UserInfo(chunk))

    @takes(Handler.USERS_BEFORE_HELLO)
    def _told_before_hello(self, link: Link, message: UserInfo) -> None:
        if "sync" not in link.features:
            link.features |= {"user_info", "quit"}
        self._told(link, message)

    @takes(Handler.USERS)
    def _told(self, link: Link, message: UserInfo) -> None:
        """Users of a peer that is not ours are taken in."""
        for name, value in message.user_info.items():
            self._registration.import_account(name, value, value.startswith(VERIFIER_PREFIXES))

    @takes(Handler.USERS_KNOWN_OTHERWISE)
    def _told_by_ours(self, link: Link, message: UserInfo) -> None:
        """One of ours tells the same by synchronisation, with more detail."""
