"""Connections by the address that they come from, so that of the address that has most the oldest is found at once."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, Protocol, TypeVar

from core.admission.shares import Weights


class Sharing(Protocol):
    """What has its limits in common with all others from its address."""

    @property
    def share(self) -> str: ...


One = TypeVar("One", bound=Sharing)


class ShareTable(Generic[One]):
    """Those, by address. No step depends on how many there are."""

    def __init__(self) -> None:
        self._weights = Weights()
        self._of: dict[str, OrderedDict[One, None]] = {}
        """Ordered dictionaries find their first key at once, also where thousands before it have been taken out."""

    def __len__(self) -> int:
        return self._weights.total

    def __contains__(self, one: One) -> bool:
        return one in self._of.get(one.share, ())

    def add(self, one: One) -> None:
        self._weights.add(one.share)
        self._of.setdefault(one.share, OrderedDict())[one] = None

    def discard(self, one: One) -> None:
        """It is here no more."""
        there = self._of.get(one.share)
        if there is None or one not in there:
            return
        del there[one]
        if not there:
            del self._of[one.share]
        self._weights.remove(one.share)

    def oldest_of_heaviest(self) -> One | None:
        """Of the address that has most of them, the one that came first."""
        heaviest = self._weights.heaviest
        return next(iter(self._of[heaviest])) if heaviest is not None else None
