"""Room for what peers bring, and how much of it one of them may have.

Nobody may have more than is left free: who is alone gets half of the room, the next one half of the rest, and however
many want all of it, some is left for one who wants little (dynamic thresholds: Choudhury and Hahne, "Dynamic queue
length thresholds for shared-memory packet switches", 1998). What is there stays. What somebody brought long ago is part
of what is there, and no longer counts against them: a network grows over the same few links for years.

Somebody who only passes on what it keeps itself never offers more than a whole room full. Whoever has offered more than
that in vain has made it up.
"""

from __future__ import annotations

import hashlib
from typing import Final

SETTLED_AFTER: Final = 12 * 3600.0
"""Seconds: what somebody brought counts against them for one to two times as long."""


class SharedRoom:
    """So many places, and who has brought what takes them. Times are monotonic seconds."""

    __slots__ = ("_earlier", "_lately", "_refused", "_since", "places", "taken")

    def __init__(self, places: int, taken: int = 0) -> None:
        """`taken` are those of nobody: of what was there before."""
        self.places = places
        self.taken = taken
        self._lately: dict[str, int] = {}
        self._earlier: dict[str, int] = {}
        self._refused: dict[str, _Offered] = {}
        self._since = float("-inf")

    @property
    def free(self) -> int:
        """Places that nobody has."""
        return max(0, self.places - self.taken)

    def of(self, who: str) -> int:
        """Places of what somebody has brought and that counts against them."""
        return self._lately.get(who, 0) + self._earlier.get(who, 0)

    def has_for(self, who: str, now: float, places: int = 1) -> bool:
        """Whether somebody may take so many more."""
        self._settle(now)
        return self.of(who) + places <= self.places - self.taken - places

    def take(self, who: str, places: int = 1) -> None:
        """Somebody has brought something that takes so many places; whether they may is not asked."""
        self.taken += places
        self._lately[who] = self._lately.get(who, 0) + places

    def give_back(self, who: str, places: int = 1) -> None:
        """Something is gone that somebody once brought."""
        self.taken = max(0, self.taken - places)
        for those in (self._lately, self._earlier):
            less = min(places, those.get(who, 0))
            if less:
                places -= less
                those[who] -= less
                if not those[who]:
                    del those[who]

    def refuse(self, who: str, what: str) -> bool:
        """Something was not taken in; whether somebody has now offered more in vain than one who invents nothing can.

        The same thing counts once, however often it is offered.
        """
        offered = self._refused.get(who)
        if offered is None:
            offered = self._refused[who] = _Offered(self.places)
        offered.add(what)
        return offered.at_least > self.places

    def refused(self, who: str) -> int:
        """How many things of somebody's were not taken in: so many at least."""
        offered = self._refused.get(who)
        return offered.at_least if offered is not None else 0

    def forgive(self, who: str) -> None:
        """Forget what somebody offered in vain: they are gone."""
        self._refused.pop(who, None)

    def _settle(self, now: float) -> None:
        if self._since == float("-inf"):
            self._since = now
        elif now - self._since >= SETTLED_AFTER:
            self._since = now
            self._earlier, self._lately = self._lately, {}
            self._refused.clear()


class _Offered:
    """How many different things somebody has offered, never more than there were.

    A bitmap of hashes (linear counting: Whang, Vander-Zanden and Taylor, 1990): a byte for each of `most` things, so
    that a million of them cost a megabyte. Two that fall together count as one.
    """

    __slots__ = ("_bits", "at_least")

    def __init__(self, most: int) -> None:
        self._bits = bytearray(max(1, most))
        self.at_least = 0

    def add(self, what: str) -> None:
        number = int.from_bytes(hashlib.blake2b(what.encode(errors="replace"), digest_size=8).digest(), "big")
        byte, bit = divmod(number % (8 * len(self._bits)), 8)
        if not self._bits[byte] >> bit & 1:
            self._bits[byte] |= 1 << bit
            self.at_least += 1
