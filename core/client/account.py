"""Who a client is: its name, its secret, and whether it is known to be registered."""

from __future__ import annotations

import base64
import random
from collections.abc import Sequence

from core.client.client_events import Registered, SecretChangeDone, SecretChangeFailed, SecretChangeUnknown
from core.client.client_settings import FEATURES, ClientSettings
from core.wire import messages as wire
from core.wire.names import ANONYMOUS


def make_secret(rng: random.Random) -> str:
    """A secret as existing clients make them: 26 base-32 characters, 130 bits."""
    return base64.b32encode(rng.randbytes(17)).decode()[:26].lower()


class ClientAccount:
    """The account that a client logs in to; it registers it first if it is to."""

    def __init__(self, settings: ClientSettings, rng: random.Random) -> None:
        self.username = settings.username
        """The name that was given."""
        self.name = settings.username
        """The account's name, which another account may have forced to differ."""
        self.claim: str | None = None
        """That of the account, as a server of ours has told it; None for anonymous, and as long as none has."""
        self._secret = settings.secret
        self._wanted: str | None = None
        """The secret that the account is to have, while it is not known whether it has."""
        self._with_wanted = False
        """Whether the login was, or will be, with that one."""
        self._asked_before = False
        """Whether that was asked for on a connection that was lost before the answer."""
        self._tried_both = False
        self._present: str | None = None
        self._made_secret = False
        if settings.register and not self._secret:
            self._secret = make_secret(rng)
            self._made_secret = True
        self._code = settings.code
        self.registered = not settings.register and settings.code is None
        self.register_unknown = False
        """A registration was sent and its answer lost: it may have succeeded, which a login tells."""

    @property
    def secret(self) -> str | None:
        """What proves who one is; nothing does for somebody anonymous."""
        if self.username == ANONYMOUS:
            return None
        return self._wanted if self._with_wanted else self._secret

    def register(self) -> wire.Register | wire.RedeemCode:
        """What makes the account, or gives it this secret."""
        if self._code is not None:
            return wire.RedeemCode(self.username, self._code, self._secret or "")
        return wire.Register(self.username, self._secret or "", features=list(FEATURES))

    def login(self, *, redirects: int, visited: Sequence[str]) -> wire.Login:
        return wire.Login(
            self.username, self.secret, features=list(FEATURES), redirects=redirects, visited=list(visited)
        )

    # --- another secret -----------------------------------------------------------------------------------------------

    @property
    def changing(self) -> bool:
        """Whether a change of the secret was asked for and has no outcome yet."""
        return self._wanted is not None

    def want(self, secret: str, present: str | None) -> None:
        """The account is to have this secret; `present` is the one before, where the login was without one."""
        self._wanted = secret
        self._present = present
        self._with_wanted = self._asked_before = self._tried_both = False

    def change(self) -> wire.ChangeSecret:
        assert self._wanted is not None
        return wire.ChangeSecret(self._secret or self._present or "", self._wanted)

    def logged_in(self) -> bool:
        """A login succeeded; whether that shows that the secret was changed. If not, it has to be asked for again."""
        self._tried_both = False
        return self._with_wanted

    def refused(self) -> bool:
        """A login was refused; whether the other one of two secrets is to be tried at once.

        They take turns from then on, however often it is refused: a server that has just started may know neither the
        account nor its change yet, and so refuse the right one of them.
        """
        if self._wanted is None or self._secret is None:
            return False
        first, self._tried_both = not self._tried_both, True
        self._with_wanted = not self._with_wanted
        return first

    def connection_lost(self) -> None:
        self._asked_before = self.changing

    def changed(self) -> SecretChangeDone:
        """The account has the new secret; what to tell of it."""
        secret, self._wanted, self._with_wanted = self._wanted or "", None, False
        if self._secret is not None:
            self._secret = secret
        return SecretChangeDone(self.name, secret)

    def not_changed(self, info: str, *, certain: bool) -> SecretChangeFailed | SecretChangeUnknown:
        """It is not changed, as far as this server knows; what to tell of it."""
        unsure = self._asked_before or not certain
        self._wanted, self._with_wanted = None, False
        return SecretChangeUnknown(info) if unsure else SecretChangeFailed(info)

    # --- registering --------------------------------------------------------------------------------------------------

    def registration_done(self) -> Registered:
        """The account exists; what to tell of it."""
        self.registered = True
        self.register_unknown = False
        return Registered(self.username, self._secret or "", self._made_secret)
