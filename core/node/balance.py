"""Balancing: which client is sent where, without herds and without bouncing.

The base rule (some other server has at least 2 clients fewer) is applied to loads that are seconds old. Three things
keep that from doing harm: of the servers that qualify two are drawn at random and the lighter is taken (Mitzenmacher,
"How Useful Is Old Information?", IEEE TPDS 11(1), 2000); each client that anybody has just sent to a server, which is
announced at once, counts as that server's until its own announcements can have caught up; and as many clients as were
sent to a server stay there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final, NamedTuple

from core.node.connections import Session
from core.node.context import Context
from core.node.topology import Topology
from core.wire.address import Address
from core.wire.messages import Login

DIFFERENCE_MIN: Final = 2
"""How many clients fewer another server must have (base protocol)."""
CREDITS_MAX: Final = 1000
"""How many clients that were sent away are believed of one announcement, and counted for one server."""


class Target(NamedTuple):
    """A server to send a client to."""

    id: str
    name: str
    hostname: str
    port: int
    load: int


class Balance:
    """Decides about redirects."""

    def __init__(self, context: Context, topology: Topology) -> None:
        self._context = context
        self._topology = topology
        self._sent: dict[str, deque[float]] = {}

    def redirect_for(self, session: Session, login: Login, load: int) -> Target | None:
        """Where a client that has just logged in should go instead; `load` counts it."""
        config = self._context.config
        if not config.redirects or session.origin == "local" or self._context.draining:
            return None
        if self._credits(self._context.id):
            # Somebody sent a client here, and this may be it: it stays. A base client cannot say so itself.
            self._sent[self._context.id].popleft()
            return None
        if login.redirects >= config.redirect_client_limit:
            return None
        lighter = [
            target
            for target in self.candidates()
            if target.load + DIFFERENCE_MIN <= load and str(Address(target.hostname, target.port)) not in login.visited
        ]
        if not lighter:
            return None
        drawn = lighter if len(lighter) <= 2 else self._context.rng.sample(lighter, 2)
        target = min(drawn, key=lambda one: (one.load, one.id))
        self._credit(target.id)
        sent = self._topology.own.sent
        if len(sent) >= CREDITS_MAX and target.id not in sent:
            sent.clear()
        sent[target.id] = sent.get(target.id, 0) + 1
        return target

    def _credit(self, server: str) -> None:
        sent = self._sent.setdefault(server, deque(maxlen=CREDITS_MAX))
        sent.append(self._context.after(self._credit_time()))

    def sent_announced(self, before: Mapping[str, int], after: Mapping[str, int]) -> None:
        """A server announced how many clients it has ever sent where: the new ones count before they show in loads."""
        if before == after:
            return
        news = {server: total - before.get(server, 0) for server, total in after.items()}
        news = {server: new for server, new in news.items() if new > 0}
        if not news:
            return
        room = CREDITS_MAX
        hosts = self._topology.guest_hosts()
        for server, new in news.items():
            if server in self._topology.reachable or server in hosts:
                for _ in range(min(new, room)):
                    self._credit(server)
                room = max(0, room - new)

    def candidates(self) -> list[Target]:
        """Every other server that takes clients, with its load as estimated now."""
        own = self._context.id
        found = []
        for server in self._topology.reachable:
            record = self._topology.records[server]
            if server != own and not record.draining and not record.left:
                found.append(
                    Target(server, record.name, record.hostname, record.port, record.load + self._credits(server))
                )
        hosts = self._topology.guest_hosts()
        for server in self._topology.reachable:
            for guest in self._topology.records[server].guests:
                if hosts.get(guest.id) == server and guest.id not in self._topology.reachable:
                    load = guest.load + self._credits(guest.id)
                    found.append(Target(guest.id, guest.id[:6], guest.hostname, guest.port, load))
        return found

    def _credit_time(self) -> float:
        """How long until an announcement that counts the client must have come."""
        return self._context.config.announce_interval

    def _credits(self, server: str) -> int:
        sent = self._sent.get(server)
        if sent is None:
            return 0
        while sent and sent[0] <= self._context.now.monotonic:
            sent.popleft()
        if not sent:
            del self._sent[server]
        return len(sent)

    def load_announced(self, server: str, before: int, after: int) -> None:
        """A server announced a new load: clients that were sent there and now show in it are not counted twice."""
        sent = self._sent.get(server)
        if sent is not None:
            for _ in range(min(max(after - before, 0), len(sent))):
                sent.popleft()
            if not sent:
                del self._sent[server]
