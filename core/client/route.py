"""Where a client connects: the servers that it knows, where it was sent, and whether it is sent in circles.

What a server says of itself and others need not hold from here. So an address that means nothing beyond the server's
machine is not taken for one of this machine, and those that a person gave and those that worked are tried again when
one that a server named did not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from core.wire.address import Address
from core.wire.scope import Scope, meant, scope_of

LEARNT_MAX: Final = 16
"""Servers remembered from redirects and farewells."""
VISITED_MAX: Final = 16
"""Servers that a login names as those that have redirected the client."""
WORKED_MAX: Final = 16
"""Addresses remembered because a server let the client in there."""
SERVERS_HEARD_MAX: Final = 16
"""Servers of a picture of the network that are looked at."""


class Route:
    """The next server to try. None as an address is the server in this process."""

    def __init__(self, configured: Sequence[Address], *, home: bool, redirects_max: int) -> None:
        self._home = home
        self._configured = list(configured)
        self._redirects_max = redirects_max
        self._learnt: list[Address] = []
        self._worked: list[Address] = []
        self._vain: list[Address] = []
        """Where the client has been sent since it was last let in, and nobody let it in."""
        self._near = home
        """Whether the present server is on this machine."""
        self.following = False
        """Whether the present address is one that a server has named."""
        self.abroad = False
        """Whether that server was on another machine."""
        self._last_good: Address | None = None
        self._next: Address | None = None
        self._back: Address | None = None
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
        """Where the client need not be sent: servers that have redirected it since it last waited, and where it was
        sent in vain."""
        return [*self._visited, *map(str, self._vain)][-VISITED_MAX:]

    def choose(self, attempts: int) -> Address | None:
        """Where to try now: where the client was sent, else home first, the last good server, the others in turn."""
        self.following = self._next is not None
        self.abroad = self.following and not self._near
        back, self._back = self._back, None
        self.current, self._next = self._next or back or self._candidate(attempts), None
        self._near = self.current is None or scope_of(self.current.host) is Scope.MACHINE
        return self.current

    def connected(self, *, near: bool) -> None:
        """The present server is there; `near`: the connection does not leave this machine."""
        self._near = self._near or near

    def failed(self) -> None:
        """The present address leads nowhere, or to somebody who lets nobody in."""
        if self.following and self.current is not None:
            self._in_vain(self.current)

    def _in_vain(self, address: Address) -> None:
        """Who was sent away in vain goes back first."""
        self._back = self._last_good
        if address not in self._vain:
            self._vain.append(address)
            del self._vain[:-VISITED_MAX]

    def believed(self, named: Address) -> Address | None:
        """What the present server means by an address that it names; None if that leads nowhere from here."""
        return meant(named, self.current.host if self.current is not None else "", near=self._near, itself=False)

    def _candidate(self, attempts: int) -> Address | None:
        if self._home and attempts % 2 == 0:
            return None
        known = [
            address
            for address in dict.fromkeys([self._last_good, *self._configured, *self._worked, *self._learnt])
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
        self._vain.clear()
        self._back = None
        if self.current is not None:
            self._worked = [self.current, *(one for one in self._worked if one != self.current)][:WORKED_MAX]

    def waits(self) -> None:
        """The client pauses: what redirected it before may have changed. Who was sent in vain asks to stay."""
        self.redirects = 1 if self._vain else 0
        self._visited.clear()

    def redirected(self, named: Address) -> bool:
        """The present server sends the client to another; False if it goes round in circles, or leads nowhere."""
        address = self.believed(named)
        if address is None or (address != named and address == self.current):
            self._in_vain(named)
            return False
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

    def left(self, named: Address) -> bool:
        """The present server leaves the network and names another; False if that leads nowhere from here."""
        self._worked = [one for one in self._worked if one != self.current]
        self._last_good = None
        successor = self.believed(named)
        if successor is None or (successor != named and successor == self.current):
            return False
        self.learn(successor)
        self._next = successor
        return True

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
                    if address not in self._learnt and self.believed(address) == address:
                        self._learnt.append(address)
        del self._learnt[LEARNT_MAX:]
