"""Addresses from which operators have banned everybody: what comes from there is sent away before it is served.

A few a second get as far as the node, which tells them why, in whatever they speak; the others are cut.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterable
from typing import Final

from core.admission.token_bucket import TokenBucket

TOLD_A_SECOND: Final = 2.0
TOLD_AT_ONCE: Final = 10.0


class BannedHosts:
    """The addresses, which change as operators say."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
        self._now = now
        self._told = TokenBucket(TOLD_A_SECOND, TOLD_AT_ONCE, now())

    def become(self, networks: Iterable[str]) -> None:
        """From here on these are banned, and no others."""
        self._networks = tuple(ipaddress.ip_network(network) for network in networks)

    def __contains__(self, host: str) -> bool:
        if not self._networks:
            return False
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)

    def cuts(self, host: str) -> bool:
        """Whether a connection from a host is cut without a word."""
        return host in self and self._told.take(self._now()) > 0.0
