"""Hybrid logical time: close to wall time, never going backwards, later than all that it has heard of.

Kulkarni, Demirbas et al., "Logical Physical Clocks and Consistent Snapshots in Globally Distributed Databases", 2014. A
stamp is one integer, microseconds since 1970, whose low digits count events where wall time does not advance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

MICROSECONDS: Final = 1_000_000
AHEAD_MAX: Final = 300 * MICROSECONDS
"""How far ahead of wall time a peer's stamp may pull this clock; a peer further ahead is not followed."""
SLEWED: Final = 990_000
"""Microseconds by which this clock goes on in a second while it is ahead of the wall clock, which so catches up: what
was 100 s ahead is right again in three hours."""


class HybridClock:
    """Gives stamps that increase strictly."""

    __slots__ = ("_at", "_begun", "_last", "_lead", "_told", "_unset", "_wall")

    def __init__(self, last: int = 0, told: int = 0) -> None:
        """Go on after `last`, the largest stamp that is remembered. It is believed whatever the wall clock says now: no
        stamp was remembered that was beyond the `horizon` when it came, and a clock may have been set back since.

        `told` is a time that others may build upon, and nothing was dated by. It is believed if it is credible now: a
        clock that is wrong for a moment dates nothing by that.
        """
        self._last = self._begun = last
        self._told = told
        self._at = 0.0
        """When time passed last, in monotonic seconds."""
        self._wall = 0
        """What the wall clock showed then."""
        self._lead: float | None = None
        """By how much the wall clock has been ahead of the monotonic one at most, in seconds."""
        self._unset = 0
        """What the wall clock would show if it had never been set back since this node's start."""

    def passes(self, monotonic: float, wall: float) -> None:
        """Time passes: told of each event.

        A wall clock that is set back, perhaps by days, is not believed more than what it said before: this clock goes
        on, and what others date is as credible as it was. It would stand still while theirs go on.
        """
        before, now = self._wall, int(wall * MICROSECONDS)
        shown = before if before > self._last else self._last
        self._wall = now
        known = self._lead
        if known is not None and shown > now:
            # Ahead of the wall clock, it goes on nearly as fast: spans of its time are spans of time.
            self._last = shown + int((monotonic - self._at) * SLEWED)
        self._at = monotonic
        lead = wall - monotonic
        if known is None or lead > known:
            known = self._lead = lead
        self._unset = int((monotonic + known) * MICROSECONDS)
        if self._told:
            self.observe(self._told, wall)
            self._told = 0

    def stamp(self, wall: float, after: int = 0) -> int:
        """A new stamp at `wall` seconds since 1970, later than `after` if that is credible."""
        now = int(wall * MICROSECONDS)
        if after > self._last and after <= max(now, self._unset) + AHEAD_MAX:
            self._last = after
        self._last = max(now, self._last + 1)
        return self._last

    def stamps(self, wall: float, after: Sequence[int]) -> Sequence[int]:
        """As `stamp` for each of these."""
        if any(after):
            return [self.stamp(wall, one) for one in after]
        first = self.stamp(wall)
        self._last = first + len(after) - 1
        return range(first, first + len(after))

    def read(self, wall: float) -> int:
        """The time at `wall` seconds since 1970: no stamp that is given from now on is earlier."""
        return max(int(wall * MICROSECONDS), self._last)

    def observe(self, stamp: int, wall: float) -> None:
        """Heed a stamp that arrived: what happens here from now on is later than it."""
        if self._last < stamp <= max(int(wall * MICROSECONDS), self._unset) + AHEAD_MAX:
            self._last = stamp

    def horizon(self, wall: float) -> int:
        """The latest time that is taken for true of anything that arrives."""
        return max(int(wall * MICROSECONDS), self._unset, self._begun) + AHEAD_MAX
