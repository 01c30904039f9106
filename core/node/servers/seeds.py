"""Seeds: servers that a person named, each tried until this node has had a link with somebody there."""

from __future__ import annotations

from core.node.kernel.context import Context
from core.node.neighbours.neighbours import Neighbours
from core.node.servers.dialling import Attempt, Dialling
from core.wire.address import Address
from core.wire.invitations import Invited


class Seed:
    """A server that a person named: tried until this node has had a link with somebody there."""

    __slots__ = ("address", "attempts", "base", "invited", "linked", "refused")

    def __init__(self, address: Address, *, base: bool, invited: Invited | None) -> None:
        self.invited = invited
        self.address = address
        self.base = base
        """Whether it was named as a server of 2018."""
        self.attempts = 0
        self.linked = False
        self.refused = False

    @property
    def is_open(self) -> bool:
        """Whether it is still to be tried."""
        return not self.linked and not self.refused


class Seeds:
    """What a person named, and what came of it."""

    def __init__(self, context: Context, neighbours: Neighbours, dialling: Dialling) -> None:
        self._context = context
        self._neighbours = neighbours
        self._dialling = dialling
        self._seeds: dict[Address, Seed] = {}

    def join(self, address: Address, *, base: bool = False, invited: Invited | None = None) -> None:
        """A person names a server to join, which may be one of 2018, or has invited this one."""
        self._seeds[address] = Seed(address, base=base, invited=invited)
        for link in self._neighbours:
            if address in (link.dialled, Address(link.hostname, link.port)):
                self._seeds[address].linked = True
        self._dial(address)

    def _dial(self, address: Address) -> None:
        seed = self._seeds.get(address)
        if seed is not None and seed.is_open and not self._context.draining:
            seed.attempts += 1
            self._dialling.dial((address,), "join")

    def is_base(self, address: Address) -> bool:
        """Whether a person has named a server of 2018 there."""
        seed = self._seeds.get(address)
        return seed is not None and seed.base

    def invitation_to(self, address: Address) -> Invited | None:
        """By what this node is to be admitted there, if not by the secret."""
        seed = self._seeds.get(address)
        return seed.invited if seed is not None else None

    def linked(self, attempt: Attempt) -> None:
        """A dial has led to somebody there, or to this node itself."""
        seed = self._seeds.get(attempt.address)
        if seed is not None:
            seed.linked = True

    def refused(self, attempt: Attempt, why: str, info: str = "") -> bool:
        """Whoever is there wants no link; whether it is not to be tried any more."""
        seed = self._seeds.get(attempt.address)
        if seed is None:
            return False
        if why in ("duplicate", "self"):
            seed.linked = True
        elif why == "AUTHENTICATION_FAIL":
            seed.refused = True
            wrong = "the secret is not its network's" if seed.invited is None else "the invitation is not good there"
            text = f"{attempt.address} does not let this server in: {info or wrong}"
            self._context.notify("join_refused", text, "error")
        return not seed.is_open

    def turned_away(self, attempt: Attempt, reason: str) -> bool:
        """Whoever is there is not spoken to, whatever they say; whether a person has named them."""
        seed = self._seeds.get(attempt.address)
        if seed is None or seed.linked:
            return False
        seed.refused = True
        self._context.notify("join_refused", f"{attempt.address} cannot be joined: {reason}", "error")
        return True

    def failed(self, attempt: Attempt, reason: str) -> None:
        """A dial came to nothing: try again, the later the oftener it was tried."""
        context = self._context
        seed = self._seeds.get(attempt.address)
        if seed is not None and not seed.linked:
            if seed.attempts == 1:
                context.notify("unlinked", f"{attempt.address} cannot be reached yet: {reason}", "warning")
            delay = context.backoff(seed.attempts)
            context.timers.set(("seed", attempt.address), context.after(delay), lambda: self._dial(attempt.address))
