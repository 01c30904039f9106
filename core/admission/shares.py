"""Who counts as one where what everybody may have is limited: an address, and who has the most."""

from __future__ import annotations

import functools
import ipaddress
from typing import Final

PREFIX: Final = 64
"""Bits of an IPv6 address that name a network: whoever has one address of it has 2^64 (RFC 4291, 2.5.1)."""


@functools.lru_cache(maxsize=4096)
def share_of(host: str) -> str:
    """Whom an address belongs to: an IPv4 address stands for itself, an IPv6 address for its /64.

    An IPv4 address that arrives in IPv6 clothes is the same IPv4 address. What is no address stands for itself.
    """
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    if address.is_loopback:
        return "::1"
    return str(ipaddress.IPv6Network((int(address) >> PREFIX << PREFIX, PREFIX)))


class Weights:
    """How many of something each key has, and who has the most. No step depends on how many there are."""

    __slots__ = ("_by_weight", "_of", "_top", "total")

    def __init__(self) -> None:
        self._of: dict[str, int] = {}
        self._by_weight: dict[int, dict[str, None]] = {}
        self._top = 0
        self.total = 0

    def __getitem__(self, key: str) -> int:
        return self._of.get(key, 0)

    def __len__(self) -> int:
        return len(self._of)

    def add(self, key: str) -> None:
        """The key has one more."""
        self.total += 1
        weight = self._of.get(key, 0)
        if weight:
            self._take(key, weight)
        self._put(key, weight + 1)

    def remove(self, key: str) -> None:
        """The key has one fewer; nothing if it has none."""
        weight = self._of.get(key, 0)
        if not weight:
            return
        self.total -= 1
        self._take(key, weight)
        if weight > 1:
            self._put(key, weight - 1)
        else:
            del self._of[key]
        if weight == self._top and weight not in self._by_weight:
            self._top -= 1

    @property
    def heaviest(self) -> str | None:
        """The key that has the most; of several, the one that has had so many for the longest time."""
        return next(iter(self._by_weight[self._top])) if self._top else None

    def _put(self, key: str, weight: int) -> None:
        self._of[key] = weight
        self._by_weight.setdefault(weight, {})[key] = None
        self._top = max(self._top, weight)

    def _take(self, key: str, weight: int) -> None:
        keys = self._by_weight[weight]
        del keys[key]
        if not keys:
            del self._by_weight[weight]
