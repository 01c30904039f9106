"""What the application needs of the node in this process, and of a client; and who one wants to be there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from core.client import OperatorSeat, PastPage, PastPlace
from core.node import NodeSnapshot
from core.wire import ANONYMOUS, Address, Ed25519Signer, Invited

ActivityInput = Mapping[str, Any]
Way = Literal["register", "login", "anonymous"]


class LinkTraffic(Protocol):
    """What went over one connection."""

    @property
    def bytes_in(self) -> int: ...
    @property
    def bytes_out(self) -> int: ...
    @property
    def queued_bytes(self) -> int: ...


class NodeFace(Protocol):
    """What the application needs of the node in this process; `core.engine.Server` is one."""

    @property
    def address(self) -> Address: ...
    @property
    def advertised(self) -> Address: ...
    @property
    def secret(self) -> str: ...
    def snapshot(self) -> NodeSnapshot: ...
    def traffic(self) -> Mapping[int, LinkTraffic]: ...
    def join(self, address: Address, invited: Invited | None = None) -> None: ...
    def disconnect(self, conn: int, reason: str) -> None: ...
    def request_drain(self, reason: str = "") -> None: ...
    async def wait_closed(self) -> Any: ...
    async def backup_now(self) -> Any: ...
    async def invite(self, uses: int, seconds: float) -> Invited:
        """Invite servers by a new code, good so often and for so long. Raises with the reason, in words."""
        ...


class ClientFace(Protocol):
    """What the application needs of a client."""

    async def run(self) -> None: ...
    def post(self, activity: ActivityInput) -> str:
        """Send an activity; the name by which its answer comes back."""
        ...

    async def change_secret(self, secret: str, new_secret: str) -> None:
        """Give the account another secret. Raises SecretUnchanged with a clause, SecretUnknown if nobody can tell."""
        ...

    def operator_seat(self, signer: Ed25519Signer) -> OperatorSeat:
        """What an operator orders with a key."""
        ...

    def keep_document(self, document: bytes) -> None:
        """Have this be what is kept of the account at every server: a JSON object, once a minute."""
        ...

    @property
    def shows_past(self) -> bool:
        """Whether the present server shows pages of the past."""
        ...

    async def read_past(self, place: PastPlace | None, backward: bool) -> PastPage:
        """What stands before a place in the past, or behind it; None: the end of all, or the beginning. Raises
        NotConnected, PastNotShown, PastUnreadable and OutcomeUnknown."""
        ...

    @property
    def searches_past(self) -> bool:
        """Whether it looks for what matches in them."""
        ...

    async def find_in_past(self, place: PastPlace | None, query: str, most: int = 1) -> PastPage:
        """The newest activities before a place that match a query, at most so many, and up to where was looked. Raises
        the same."""
        ...

    async def close(self) -> None: ...
    def silent_for(self) -> float:
        """For how many seconds nothing was heard of a server that was asked whether it is there; 0 if none is asked."""
        ...

    async def status(self) -> Mapping[str, Any] | None:
        """The server's view of the network, or None if it cannot be had."""
        ...


class SecretUnchanged(Exception):
    """The secret is what it was; the text is a clause that says why."""


class SecretUnknown(Exception):
    """Nobody can tell whether the secret is the new one or still the one before; the text is a clause that says why."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """Who a person wants to be. With `way` register and an empty secret, one is made; `made` says that it was.

    `brought`: the secret is one that they came with, before they were asked who they are, and chose for a new name."""

    way: Way
    username: str = ANONYMOUS
    secret: str | None = field(default=None, repr=False)
    remember: bool = False
    made: bool = False
    brought: bool = False
