"""The table of users: what servers tell each other with `USER_INFO`, the failover layer's only way to do so."""

from __future__ import annotations

from collections import deque
from typing import Final

from core.admission.room import SharedRoom
from core.node.accounts.book import AccountBook
from core.node.accounts.claims import Claim
from core.node.accounts.registration import TOO_BUSY, Registration
from core.node.accounts.secrets import Secrets
from core.node.interface.actions import HashSecret
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.kernel.rules import Handler
from core.node.kernel.takers import takes
from core.wire.limits import USER_INFO_CHUNK_BYTES, VERIFIER_CHARACTERS_MAX
from core.wire.messages import UserInfo
from core.wire.names import secret_problem

VERIFIER_PREFIXES: Final = ("$argon2", "$scrypt$", "$2b$")
"""How a salted hash in the PHC string format begins; anything else in a USER_INFO is a secret in clear."""
IMPORTS_AT_ONCE: Final = 4
"""Secrets in clear of one USER_INFO that are hashed at a time: people who register are not to wait for thousands."""
IMPORT_PAUSE: Final = 1.0
"""Seconds between looks whether this server may register more of them."""
IMPORTS_MAX: Final = 100_000
"""How many users may wait to be taken in; what is beyond is not."""


class UserTable:
    """Tells others of the users that this node knows, and takes in theirs."""

    def __init__(
        self, context: Context, book: AccountBook, secrets: Secrets, registration: Registration, accounts: SharedRoom
    ) -> None:
        """`accounts` is the room for accounts of others: nobody has this server make all that there is room for."""
        self._context = context
        self._book = book
        self._secrets = secrets
        self._registration = registration
        self._accounts = accounts
        self._waiting: deque[tuple[str, str, str]] = deque()
        """Who told of users, and each with a verifier, or a secret that is to be hashed."""
        self._hashing: dict[int, Claim] = {}

    @property
    def hashing(self) -> int:
        """Secrets that are being hashed."""
        return len(self._hashing)

    def send(self, link: Link) -> None:
        """Tell of every registered user, with a verifier in place of the secret."""
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

    @takes(Handler.USERS)
    def _told(self, link: Link, message: UserInfo) -> None:
        who = self._registration.room.who_is(link)
        for name, value in message.user_info.items():
            if len(self._waiting) < IMPORTS_MAX:
                self._waiting.append((who, name, value))
        self._go_on()

    def _go_on(self) -> None:
        """Take in who waits, as far as this server may register names, and as secrets can be hashed."""
        while self._waiting and len(self._hashing) < IMPORTS_AT_ONCE:
            if self._registration.room.own_wait:
                self._context.timers.set("imports", self._context.after(IMPORT_PAUSE), self._go_on)
                return
            who, name, value = self._waiting.popleft()
            if not self._accounts.has_for(who, self._context.now.monotonic):
                continue
            before = self._registration.made
            if value.startswith(VERIFIER_PREFIXES):
                self._take_in(name, value)
            else:
                self._hash(name, value)
            self._accounts.take(who, self._registration.made - before)

    @takes(Handler.USERS_BEFORE_HELLO)
    def _told_before_hello(self, link: Link, message: UserInfo) -> None:
        if "sync" not in link.features:
            link.features |= {"user_info", "quit"}
        self._told(link, message)

    @takes(Handler.USERS_KNOWN_OTHERWISE)
    def _told_by_ours(self, link: Link, message: UserInfo) -> None:
        """One of ours tells the same by synchronisation, with more detail."""

    def _take_in(self, username: str, verifier: str) -> None:
        if self._registration.problem_with(username) is None and len(verifier) <= VERIFIER_CHARACTERS_MAX:
            self._registration.make_account(self._claim(username, verifier))

    def _hash(self, username: str, secret: str) -> None:
        if self._registration.problem_with(username) is not None or secret_problem(secret) is not None:
            return
        claim = self._claim(username)
        token = self._context.token()
        self._hashing[token] = claim
        self._context.actions.append(HashSecret(token, secret, account="USER_INFO"))

    def _claim(self, username: str, verifier: str | None = None) -> Claim:
        """A claim that nobody is asked about: whoever has the name, the account book decides."""
        return self._registration.new_claim(username, verifier=verifier, done=lambda problem: None, decided=True)

    def hashed(self, token: int, verifier: str | None) -> bool:
        """The answer to a HashSecret; False if it is somebody else's."""
        claim = self._hashing.pop(token, None)
        if claim is None:
            return False
        if verifier is None:
            self._registration.fail(claim, TOO_BUSY)
        else:
            claim.verifier = verifier
            self._registration.make_account(claim)
        self._go_on()
        return True
