"""Dials: which are under way and why, and which servers are left alone for a while after one that came to nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from core.node.interface.actions import Dial
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.wire.address import Address
from core.wire.scope import Scope, scope_of

Purpose = Literal["join", "heal", "lazy", "base", "successor", "signed"]

DialWay = Literal["member", "newcomer", "clear"]
"""How a server is dialled: encrypted, and with this server's certificate or without one, or not encrypted at all."""


class Attempt:
    """A dial under way, from Dial until the link is established or has failed."""

    __slots__ = ("abroad", "addresses", "purpose", "server", "tried_again", "way")

    def __init__(self, addresses: tuple[Address, ...], purpose: Purpose, server: str | None, *, abroad: bool) -> None:
        self.addresses = addresses
        self.purpose: Purpose = purpose
        self.server = server
        self.abroad = abroad
        self.way: DialWay = "clear"
        self.tried_again = 0
        """How often it was dialled again at once, because it was busy becoming of another network."""

    @property
    def address(self) -> Address:
        return self.addresses[0]


class Dialling:
    """The dials of this node."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._attempts: dict[int, Attempt] = {}
        self._dials = 0
        self._suspended: dict[str, float] = {}
        """Servers that are not dialled before a monotonic time."""
        self.way_of: Callable[[Attempt], DialWay] = lambda attempt: attempt.way
        """How somebody is dialled to begin with."""

    def __len__(self) -> int:
        """Dials under way, up to the link they lead to."""
        return len(self._attempts)

    def __iter__(self) -> Iterator[Attempt]:
        return iter(self._attempts.values())

    def under_way(self, purpose: Purpose) -> int:
        """How many of them have a purpose."""
        return sum(attempt.purpose == purpose for attempt in self)

    def dial(
        self, addresses: tuple[Address, ...], purpose: Purpose, server: str | None = None, *, abroad: bool = False
    ) -> None:
        """Dial the first of some addresses, or the next if that fails; not while it is being dialled anyway."""
        if any(attempt.address == addresses[0] for attempt in self):
            return
        attempt = Attempt(addresses, purpose, server, abroad=abroad)
        attempt.way = self.way_of(attempt)
        self._begin(attempt)

    def again(self, attempt: Attempt, way: DialWay) -> None:
        """Dial once more for the same, in another way: what has come of it before is no matter."""
        if not self._context.draining and not any(other.address == attempt.address for other in self):
            attempt.way = way
            self._begin(attempt)

    def _begin(self, attempt: Attempt) -> None:
        self._dials += 1
        self._attempts[self._dials] = attempt
        addresses = attempt.addresses
        self._context.trace(
            "dial",
            dial=self._dials,
            step="begin",
            to=addresses[0],
            others=len(addresses) - 1,
            why=attempt.purpose,
            server=attempt.server,
            way=attempt.way,
        )
        encrypted, shows = attempt.way != "clear", attempt.way == "member"
        self._context.actions.append(
            Dial(self._dials, addresses[0], addresses[1:], attempt.abroad, encrypted=encrypted, shows=shows)
        )

    def dial_server(self, server: str, addresses: Sequence[Address], purpose: Purpose) -> None:
        """Dial a server of the network where it may be."""
        abroad = all(scope_of(address.host) is Scope.ANYWHERE for address in addresses)
        self.dial(tuple(addresses), purpose, server, abroad=abroad)

    # --- what comes of them -------------------------------------------------------------------------------------------

    def opened(self, link: Link) -> None:
        """A dialled connection is up; it is a link only once both sides have introduced themselves."""
        attempt = self.attempt_of(link)
        if attempt is not None:
            link.dialled = link.peer if link.peer in attempt.addresses else attempt.address

    def attempt_of(self, link: Link) -> Attempt | None:
        """The dial that a link came from, as long as it is not known what came of that."""
        return self.attempt_by(link.dial)

    def attempt_by(self, dial: int | None) -> Attempt | None:
        """The same by the number of its last dial."""
        return self._attempts.get(dial or 0)

    def over(self, dial: int | None) -> Attempt | None:
        """It is known what came of a dial; None if it was known before."""
        return self._attempts.pop(dial or 0, None)

    # --- who is left alone --------------------------------------------------------------------------------------------

    def suspend(self, server: str, seconds: float) -> None:
        """Do not dial a server for so long."""
        self._suspended[server] = self._context.after(seconds)

    def resume(self, server: str) -> None:
        """A server may be dialled again."""
        self._suspended.pop(server, None)

    def may_dial(self, server: str) -> bool:
        """Whether a server is not left alone now."""
        return self._suspended.get(server, 0.0) <= self._context.now.monotonic
