"""In which order things have come to this node: the numbers of its store's records, by which clients name a place.

A number is believed as far as this node's data knows that it gave it, in which start: see `core.store.own_starts`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from core.wire.base_messages import ServerPlace

_NO_END: Final = float("inf")


class RecordNumbers:
    """Up to which record everything is kept."""

    def __init__(self, node: str, starts: Sequence[tuple[int, int]]) -> None:
        """`starts`: this node's latest ones, each with the number of its first record; the last one is the present."""
        self._node = node
        self._starts = tuple(starts)
        self.number = starts[-1][1] - 1 if starts else 0
        """That of the last record that is durable."""

    @property
    def here(self) -> tuple[int, int] | None:
        """This start, and the number of the last record; None where numbers mean nothing."""
        return (self._starts[-1][0], self.number) if self._starts else None

    def number_of(self, place: ServerPlace | None) -> int | None:
        """The number of a place if this node has given it; None if it is another server's, or of a time that was
        undone."""
        if place is None or place[0] != self._node:
            return None
        _, incarnation, number = place
        index = bisect_right(self._starts, (incarnation, _NO_END)) - 1
        if index < 0 or self._starts[index][0] != incarnation:
            return None
        end = self._starts[index + 1][1] - 1 if index + 1 < len(self._starts) else self.number
        return number if self._starts[index][1] - 1 <= number <= end else None
