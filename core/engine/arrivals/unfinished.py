"""Lines that have begun and not ended: what they hold in memory is bounded, in all, and whoever has most loses first.

A line may have 64 KiB, and a connection costs nobody anything: without a bound ten thousand of them hold 600 MB.
"""

from __future__ import annotations

from typing import Final, Generic, Protocol, TypeVar

RELIEF: Final = 0.75
"""Part of the bound down to which lines are cut, so that it does not have to be done for each of them."""


class Holder(Protocol):
    """A connection, as the sum sees it."""

    share: str
    named: bool
    """Whether somebody is logged in there with an account: such lines go last."""


H = TypeVar("H", bound=Holder)


class Unfinished(Generic[H]):
    """Sums up what connections hold. Noting it costs the same however many there are."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[H, int] = {}
        self._of_share: dict[str, dict[H, None]] = {}
        """Those of each address, the one whose line began first at the front."""
        self.total = 0

    def note(self, holder: H, size: int) -> bool:
        """A connection holds so many bytes now; whether that is too much for all of them together."""
        before = self._held.get(holder, 0)
        self.total += size - before
        if size:
            if not before:
                self._of_share.setdefault(holder.share, {})[holder] = None
            self._held[holder] = size
        elif before:
            del self._held[holder]
            del self._of_share[holder.share][holder]
            if not self._of_share[holder.share]:
                del self._of_share[holder.share]
        return self.total > self._most

    def to_cut(self) -> list[H]:
        """Whose lines to give up: of the addresses with most the oldest ones, people with an account last."""
        cut: list[H] = []
        left = self.total
        for named in (False, True):
            bytes_of = {
                share: sum(self._held[one] for one in holders if one.named is named)
                for share, holders in self._of_share.items()
            }
            for share in sorted(bytes_of, key=lambda one: -bytes_of[one]):
                for holder in self._of_share[share]:
                    if left <= self._most * RELIEF:
                        return cut
                    if holder.named is named:
                        cut.append(holder)
                        left -= self._held[holder]
        return cut
