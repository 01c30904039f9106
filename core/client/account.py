"""Who a client is: its name, its secret, and whether it is known to be registered."""

from __future__ import annotations

import base64
import random
from collections.abc import Mapping, Sequence

from core.client.events import Registered
from core.client.settings import FEATURES, ClientSettings
from core.wire import messages as wire
from core.wire.names import ANONYMOUS


def make_secret(rng: random.Random) -> str:
    """A secret as existing clients make them: 26 base-32 characters, 130 bits."""
    return base64.b32encode(rng.randbytes(17)).decode()[:26].lower()


class Account:
    """The account that a client logs in to; it registers it first if it is to."""

    def __init__(self, settings: ClientSettings, rng: random.Random) -> None:
        self.username = settings.username
        """The name that was given."""
        self.name = settings.username
        """The account's name, which another account may have forced to differ."""
        self._secret = settings.secret
        self._made_secret = False
        if settings.register and not self._secret:
            self._secret = make_secret(rng)
            self._made_secret = True
        self.registered = not settings.register
        self.register_unknown = False
        """A registration was sent and its answer lost: it may have succeeded, which a login tells."""

    @property
    def secret(self) -> str | None:
        """What proves who one is; nothing does for somebody anonymous."""
        return None if self.username == ANONYMOUS else self._secret

    def register(self) -> wire.Register:
        return wire.Register(self.username, self._secret or "", features=list(FEATURES))

    def login(
        self, seen: Mapping[str, int] | None, *, history: int, redirects: int, visited: Sequence[str]
    ) -> wire.Login:
        return wire.Login(
            self.username,
            self.secret,
            features=list(FEATURES),
            seen=dict(seen) if seen is not None else None,
            history=history,
            redirects=redirects,
            visited=list(visited),
        )

    def registration_done(self) -> Registered:
        """The account exists; what to tell of it."""
        self.registered = True
        self.register_unknown = False
        return Registered(self.username, self._secret or "", self._made_secret)
