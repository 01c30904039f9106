"""A queue in which nobody waits for somebody else's flood: round robin over addresses, and over names at each.

Fair queueing after J. Nagle, "On Packet Switches with Infinite Storage" (RFC 970, 1985). When it is full, whoever has
most in it loses the newest of theirs (longest queue drop), so that there is always room for who has little.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

import msgspec

from core.admission.shares import Weights

T = TypeVar("T")


class Place(msgspec.Struct, frozen=True):
    """Where something stands in the queue."""

    host: str
    account: str
    number: int


class FairQueue(Generic[T]):
    """Holds up to `most` items. No step depends on how many there are."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._hosts: OrderedDict[str, OrderedDict[str, OrderedDict[int, T]]] = OrderedDict()
        self._of_host: dict[str, Weights] = {}
        """How much of each name waits there."""
        self._weights = Weights()
        self._numbers = 0

    def __len__(self) -> int:
        return self._weights.total

    def put(self, host: str, account: str, item: T) -> tuple[Place, T | None]:
        """Put something at the end of who asks; its place, and what lost its own, which may be the item itself."""
        self._numbers += 1
        place = Place(host, account, self._numbers)
        self._hosts.setdefault(host, OrderedDict()).setdefault(account, OrderedDict())[place.number] = item
        self._weights.add(host)
        self._of_host.setdefault(host, Weights()).add(account)
        if self._weights.total <= self._most:
            return place, None
        heaviest = self._weights.heaviest
        assert heaviest is not None
        if heaviest != host and self._weights[heaviest] == self._weights[host]:
            heaviest = host
        largest = self._of_host[heaviest].heaviest
        assert largest is not None
        number = next(reversed(self._hosts[heaviest][largest]))
        return place, self.remove(Place(heaviest, largest, number))

    def take(self) -> T:
        """The next one. Raises KeyError when there is none."""
        host, accounts = next(iter(self._hosts.items()), ("", OrderedDict()))
        if not accounts:
            raise KeyError("the queue is empty")
        account, items = next(iter(accounts.items()))
        number = next(iter(items))
        self._hosts.move_to_end(host)
        accounts.move_to_end(account)
        item = self.remove(Place(host, account, number))
        assert item is not None
        return item

    def remove(self, place: Place) -> T | None:
        """Take out what stands at a place; None when it is not there any more."""
        accounts = self._hosts.get(place.host, OrderedDict())
        items = accounts.get(place.account, OrderedDict())
        item = items.pop(place.number, None)
        if item is None:
            return None
        self._weights.remove(place.host)
        self._of_host[place.host].remove(place.account)
        if not items:
            del accounts[place.account]
            if not accounts:
                del self._hosts[place.host], self._of_host[place.host]
        return item
