"""The one hook of the lock: whoever speaks for servers that take part in registrations but do not know the lock.

What stands behind it is in `core.node.base`. Without such servers there is nothing behind it (`NoBridge`).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from core.node.accounts.claims import Claim
from core.node.kernel.connections import Link


class Asked(NamedTuple):
    """What has come of asking."""

    waiting: list[int]
    """Connections over which an answer is owed."""
    is_complete: bool
    """Whether everybody could be asked."""


class LockBridge(Protocol):
    """What the lock asks of it, and tells it."""

    def ask(self, claim: Claim, source: int | None) -> Asked:
        """Ask them about a claim; `source` is the connection over which this node was asked.

        Each connection that owes an answer is to say so once (`Echoes.answered`, `Echoes.deny`), or end.
        """

    def secret_for(self, claim: Claim, link: Link) -> str | None:
        """The secret, if a neighbour has to be told it: somebody behind it can do with nothing else."""

    def link_closed(self, claim: Claim, conn: int) -> None:
        """A link is gone that concerned a claim."""

    def kept(self, claim: Claim) -> None:
        """A claim has become an account."""

    def dropped(self, claim: Claim) -> None:
        """A claim has come to nothing: have it dropped wherever it was told of."""

    def name_free(self, username: str) -> None:
        """A claim to a name is over: another one may be asked about."""

    def account_known(self, username: str) -> None:
        """A name has an account, wherever it was registered."""


class NoBridge:
    """Nobody takes part in registrations but servers of this network."""

    def ask(self, claim: Claim, source: int | None) -> Asked:
        return Asked([], is_complete=True)

    def secret_for(self, claim: Claim, link: Link) -> str | None:
        return None

    def link_closed(self, claim: Claim, conn: int) -> None: ...

    def kept(self, claim: Claim) -> None: ...

    def dropped(self, claim: Claim) -> None: ...

    def name_free(self, username: str) -> None: ...

    def account_known(self, username: str) -> None: ...
