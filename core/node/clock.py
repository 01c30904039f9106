"""Hybrid logical time: close to wall time, never going backwards, later than all that it has heard of.

Kulkarni, Demirbas et al., "Logical Physical Clocks and Consistent Snapshots in Globally Distributed Databases", 2014. A
stamp is one integer, microseconds since 1970, whose low digits count events where wall time does not advance.
"""

from __future__ import annotations

from typing import Final

MICROSECONDS: Final = 1_000_000
AHEAD_MAX: Final = 300 * MICROSECONDS
"""How far ahead of wall time a peer's stamp may pull this clock; a peer further ahead is not followed."""


class HybridClock:
    """Gives stamps that increase strictly."""

    __slots__ = ("_begun", "_last")

    def __init__(self, last: int = 0) -> None:
        """Go on after `last`, the largest stamp that is remembered. It is believed whatever the wall clock says now: no
        stamp was remembered that was beyond the `horizon` when it came, and a clock may have been set back since."""
        self._last = self._begun = last

    def stamp(self, wall: float, after: int = 0) -> int:
        """A new stamp at `wall` seconds since 1970, later than `after` if that is credible."""
        now = int(wall * MICROSECONDS)
        if after > self._last and after <= now + AHEAD_MAX:
            self._last = after
        self._last = max(now, self._last + 1)
        return self._last

    def read(self, wall: float) -> int:
        """The time at `wall` seconds since 1970: no stamp that is given from now on is earlier."""
        return max(int(wall * MICROSECONDS), self._last)

    def observe(self, stamp: int, wall: float) -> None:
        """Heed a stamp that arrived: what happens here from now on is later than it."""
        if self._last < stamp <= int(wall * MICROSECONDS) + AHEAD_MAX:
            self._last = stamp

    def horizon(self, wall: float) -> int:
        """The latest time that is taken for true of anything that arrives."""
        return max(int(wall * MICROSECONDS), self._begun) + AHEAD_MAX
