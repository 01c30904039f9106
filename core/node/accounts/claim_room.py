"""Room for registrations: how many a neighbour may have under way here, and how many a server may begin.

A claim to a name is held until its origin says what became of it, at most for some seconds. What is beyond a
neighbour's share is denied, as a name that is taken is. Who passes claims on is not who makes them: a neighbour loses
its link only for those that it makes itself.
"""

from __future__ import annotations

from typing import Final

from core.admission.room import SharedRoom
from core.admission.shares import share_of
from core.admission.token_bucket import TokenBucket, TokenBuckets
from core.node.kernel.connections import Link
from core.node.kernel.context import Context
from core.node.log.log_room import BURST_SECONDS, REMEMBERED_MAX, neighbours_rates

BASE_SHARE: Final = 0.5
"""What a base server may have this one register, of what this one may."""


class ClaimRoom:
    """Whose claims are held here."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._room = SharedRoom(context.config.claims_max)
        self._brought: dict[str, str] = {}
        """Which neighbour brought each claim of another server."""
        rate = context.config.server_registrations_per_minute / 60.0
        self._own = TokenBucket(rate, rate * BURST_SECONDS, context.now.monotonic)
        self._rates = neighbours_rates(context)
        self._base_rates = TokenBuckets(BASE_SHARE * rate, BASE_SHARE * rate * BURST_SECONDS, REMEMBERED_MAX)
        """Of base servers, by their addresses."""

    def __len__(self) -> int:
        return len(self._brought)

    # --- this server's own --------------------------------------------------------------------------------------------

    @property
    def own_wait(self) -> float:
        """Seconds until this server may register another name; 0: it may now."""
        now = self._context.now.monotonic
        wait = self._own.take(now)
        if not wait:
            self._own.spend(-1.0, now)
        return wait

    def begun(self) -> None:
        """This server registers a name."""
        self._own.spend(1.0, self._context.now.monotonic)

    # --- others' ------------------------------------------------------------------------------------------------------

    def problem_with(self, link: Link, claim: str) -> str | None:
        """Why a neighbour's claim, which is new here, is not held, as a clause; None holds it.

        A neighbour that begins too many itself loses its link.
        """
        who, now = link.remote_id or "", self._context.now.monotonic
        if claim.startswith(f"{who}.") and self._rates.take(who, now):
            rate = self._context.config.server_registrations_per_minute
            info = f"it registers more names than a server may (server_registrations_per_minute is {rate:g})"
            self._context.bar(link, info)
            return info
        if not self._room.has_for(who, now):
            return "too many names are being registered at the moment; try again later"
        self._room.take(who)
        self._brought[claim] = who
        return None

    def who_is(self, link: Link) -> str:
        """What those are called here who do not show an id that nobody else has: base servers, by their address."""
        return f"base {share_of(link.peer.host)}"

    def base_problem(self, link: Link) -> str | None:
        """Why a base server may not register another name here, as a clause; None takes one of those that it may.

        It has half of what this server may: its own people are to be let in, too.
        """
        if not self._base_rates.take(self.who_is(link), self._context.now.monotonic):
            return None
        return "its server registers too many names at the moment; try again later"

    def over(self, claim: str) -> None:
        """A claim is over."""
        who = self._brought.pop(claim, None)
        if who is not None:
            self._room.give_back(who)
