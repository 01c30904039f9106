"""Where a client connects: the servers that it knows, where it was sent, and whether it is sent in circles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from core.wire.address import Address

LEARNT_MAX: Final = 16
"""Servers remembered from redirects and farewells."""
VISITED_MAX: Final = 16
"""Servers that a login names as those that have redirected the client."""
SERVERS_HEARD_MAX: Final = 16
"""Servers of a picture of the network that are looked at."""


class Route:
    """The next server to try. None as an address is the server in this process."""

    def __init__(self, configured: Sequence[Address], *, home: bool, redirects_max: int) -> None:
        self._home = home
        self._configured = list(configured)
        self._redirects_max = redirects_max
        self._learnt: list[Address] = []
        self._last_good: Address | None = None
        self._next: Address | None = None
        self._turn = 0
        self._visited: list[str] = []
        self.current: Address | None = None
        self.redirects = 0
        """Redirects followed since the client last waited."""

    @property
    def where(self) -> str:
        """The present server, for a person."""
        return str(self.current) if self.current is not None else "the server in this process"

    @property
    def visited(self) -> list[str]:
        """The servers that have redirected the client since it last waited, the latest of them."""
        return self._visited[-VISITED_MAX:]

    def choose(self, attempts: int) -> Address | None:
        """Where to try now: where the client was sent, else home first, the last good server, the others in turn."""
        self.current, self._next = self._next or self._candidate(attempts), None
        return self.current

    def _candidate(self, attempts: int) -> Address | None:
        if self._home and attempts % 2 == 0:
            return None
        known = [
            address
            for address in dict.fromkeys([self._last_good, *self._configured, *self._learnt])
            if address is not None
        ]
        if not known:
            return None
        address = known[self._turn % len(known)]
        self._turn += 1
        return address

    def arrived(self) -> None:
        """The present server has let the client in."""
        self._last_good = self.current

    def waits(self) -> None:
        """The client pauses: what redirected it before may have changed."""
        self.redirects = 0
        self._visited.clear()

    def redirected(self, address: Address) -> bool:
        """The present server sends the client to another; False if it goes round in circles."""
        self.learn(address)
        here = str(self.current) if self.current is not None else ""
        back = str(address) == here or str(address) in self._visited
        self.redirects += 1
        if here:
            self._visited.append(here)
        if back or self.redirects > self._redirects_max:
            return False
        self._next = address
        return True

    def left(self, successor: Address) -> None:
        """The present server leaves the network and names another."""
        self.learn(successor)
        self._last_good = None
        self._next = successor

    def learn(self, address: Address) -> None:
        """A server that is surely there now."""
        if address in self._learnt:
            self._learnt.remove(address)
        self._learnt.insert(0, address)
        del self._learnt[LEARNT_MAX:]

    def hear_of(self, status: Mapping[str, object]) -> None:
        """A server's picture of the network: the servers that it says are there."""
        servers = status.get("servers")
        for server in servers[:SERVERS_HEARD_MAX] if isinstance(servers, list) else ():
            if isinstance(server, dict) and server.get("state") == "reachable":
                host, port = server.get("hostname"), server.get("port")
                if isinstance(host, str) and isinstance(port, int):
                    address = Address(host, port)
                    if address not in self._learnt:
                        self._learnt.append(address)
        del self._learnt[LEARNT_MAX:]
