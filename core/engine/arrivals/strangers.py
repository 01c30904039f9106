"""Connections of which nobody knows yet who is at the other end."""

from __future__ import annotations

from collections import OrderedDict

from core.admission.shares import Weights
from core.engine.arrivals.lobby import Caller
from core.engine.transport.stream_connection import StreamConnection

Stranger = StreamConnection | Caller


class Strangers:
    """Those, by address. No step depends on how many there are."""

    def __init__(self) -> None:
        self._weights = Weights()
        self._of: dict[str, OrderedDict[Stranger, None]] = {}
        """Ordered dictionaries find their first key at once, also where thousands before it have been taken out."""

    def __len__(self) -> int:
        return self._weights.total

    def __contains__(self, connection: Stranger) -> bool:
        return connection in self._of.get(connection.share, ())

    def add(self, connection: Stranger) -> None:
        self._weights.add(connection.share)
        self._of.setdefault(connection.share, OrderedDict())[connection] = None

    def discard(self, connection: Stranger) -> None:
        """It is known now, or gone."""
        there = self._of.get(connection.share)
        if there is None or connection not in there:
            return
        del there[connection]
        if not there:
            del self._of[connection.share]
        self._weights.remove(connection.share)

    def oldest_of_heaviest(self) -> Stranger | None:
        """Of the address that has most of them, the one that came first."""
        heaviest = self._weights.heaviest
        return next(iter(self._of[heaviest])) if heaviest is not None else None
