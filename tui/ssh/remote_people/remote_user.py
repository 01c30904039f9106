"""Who is at the other end of an SSH connection."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.wire import ANONYMOUS
from tui.ssh.remote_people.keyring import Key


@dataclass(frozen=True, slots=True)
class RemoteUser:
    """Who came in. `claim` is the account, None for `anonymous` and for somebody with a new name.

    `secret` is what a newcomer gave as the password, `key` the public key that a person came in with.
    """

    name: str
    claim: str | None
    secret: str | None = field(default=None, repr=False)
    key: Key | None = None

    @property
    def newcomer(self) -> bool:
        """Whether the name is to be registered first."""
        return self.claim is None and self.name != ANONYMOUS
