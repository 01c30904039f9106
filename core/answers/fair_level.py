"""Max-min fairness: what many take of one room is cut at one level, so whoever takes little keeps all of it."""

from __future__ import annotations

from collections.abc import Iterable


def fair_level(taken: Iterable[int], room: int) -> int:
    """Up to how much each may keep, so that all together keep no more than `room` (Bertsekas and Gallager, *Data
    Networks*, section 6.5.2)."""
    level = 0
    ascending = sorted(taken)
    for place, one in enumerate(ascending):
        level = max(0, room) // (len(ascending) - place)
        if one > level:
            return level
        room -= one
    return max(ascending, default=0)
