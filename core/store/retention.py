"""What is kept of past activities: of an age, so many, so many bytes; and whose go first when there are too many.

Where there is room everybody's stay. Where there is not, those go first whose writer has more than a share of the
whole, the oldest at the front: whoever writes without end pushes out what they wrote themselves. If nobody has more,
the oldest of all go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import msgspec

TRIM_STEP: Final = 2_000
"""Most activities that one `trim` drops: a few milliseconds of work between two commits."""
SCAN_STEP: Final = 20_000
"""Most activities that are looked at in one `trim` to find those of one writer."""
ROW_BYTES: Final = 200
"""What an activity takes on disk beside its body: its place in a record, in time and among refs, and a share of the
record's seal."""
PLACE_BYTES: Final = 60
"""Of these what it takes beside its record."""


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of past activities; None means without limit. Accounts are kept for ever."""

    activities: int | None = None
    """How many of the newest."""
    seconds: float | None = None
    """How old, by the activity's stamp against wall time."""
    bytes: int | None = None
    """How many bytes, each activity with `ROW_BYTES`, and what records take beyond that."""
    share: float = 0.25
    """Which part of those one writer keeps when there is no more room; anonymous people are one writer together."""

    def excess(self, kept: Usage) -> Usage:
        """How much of what is kept is too much."""
        return Usage(
            0 if self.activities is None else max(0, kept.activities - self.activities),
            0 if self.bytes is None else max(0, kept.bytes - self.bytes),
        )

    def fullness(self, kept: Usage) -> float:
        """Which part of what may be kept is kept, by the count or the bytes, whichever is nearer to its limit."""
        return max(
            kept.activities / self.activities if self.activities else 0.0,
            kept.bytes / self.bytes if self.bytes else 0.0,
        )

    def heaviest(self, usage: Mapping[str, Usage]) -> str | None:
        """Of the writers that have more than their share the one that has the most; None if nobody has."""
        if not usage:
            return None
        most = max(usage, key=lambda sender: (self.fullness(usage[sender]), sender))
        return most if self.fullness(usage[most]) > self.share else None


def overhead_of(line_bytes: int, entries: int, bodies_bytes: int) -> int:
    """Bytes that a record takes beyond what its entries count for: of a seal that few share, or of what was dropped."""
    return max(0, line_bytes + PLACE_BYTES * entries - ROW_BYTES * entries - bodies_bytes)


KEEP_EVERYTHING: Final = Retention()


class Usage(NamedTuple):
    """What is kept of activities: how many, and how many bytes they take."""

    activities: int = 0
    bytes: int = 0

    def minus(self, body_bytes: int) -> Usage:
        return Usage(self.activities - 1, self.bytes - body_bytes - ROW_BYTES)


class Dropping:
    """Which activities one `trim` drops, of those that it is shown from the oldest on."""

    def __init__(
        self,
        retention: Retention,
        usage_of: Callable[[str], Usage],
        heavy: Callable[[], Mapping[str, Usage]],
        total: Usage,
        wall: float,
        overhead: int = 0,
    ) -> None:
        """`heavy` has what is kept of all who have more than a share, and perhaps of others. `overhead`: bytes that
        count for nobody."""
        self._retention = retention
        self.usage: dict[str, Usage] = {}
        """What is left to each writer who loses something."""
        self._usage_of = usage_of
        self._total = Usage(total.activities, total.bytes + overhead)
        total = self._total
        self.dropped = 0
        self.horizon = 0
        """The stamp of the oldest activity that is not too old."""
        if retention.seconds is not None:
            self.horizon = int((wall - retention.seconds) * 1_000_000)
        self.sender = retention.heaviest(heavy()) if any(retention.excess(total)) else None
        """Whose activities go, if not those of all."""

    @property
    def over(self) -> bool:
        """Whether there is still too much."""
        return any(self._retention.excess(self._total))

    @property
    def full(self) -> bool:
        """Whether this was as much as is dropped at once."""
        return self.dropped >= TRIM_STEP

    def drops(self, sender: str, stamp: int, body_bytes: int) -> bool:
        """Whether the activity goes; the next one has to be newer."""
        if self.full or not (stamp < self.horizon or (self.over and self.sender in (None, sender))):
            return False
        left = self.usage.get(sender) or self._usage_of(sender)
        if self.sender == sender and stamp >= self.horizon and self._retention.fullness(left) <= self._retention.share:
            return False
        self.usage[sender] = left.minus(body_bytes)
        self._total = self._total.minus(body_bytes)
        self.dropped += 1
        return True
