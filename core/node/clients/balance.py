"""Balancing: which client is sent where, without herds and without bouncing.

The base rule (some other server has at least 2 clients fewer) is applied to loads that are seconds old. Three things
keep that from doing harm: of the servers that qualify two are drawn at random and the lighter is taken (Mitzenmacher,
"How Useful Is Old Information?", IEEE TPDS 11(1), 2000); each client that anybody has just sent to a server, which is
announced at once, counts as that server's until its own announcements can have caught up; and as many clients as were
sent to a server stay there.
"""

from __future__ import annotations

import bisect
from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import Final, NamedTuple

from core.node.kernel.connections import Session
from core.node.kernel.context import Context
from core.node.map.topology import ServerRecord, Topology
from core.node.map.whereabouts import Whereabouts
from core.wire.address import Address
from core.wire.messages import AttachedServer, Login

DIFFERENCE_MIN: Final = 2
"""How many clients fewer another server must have (base protocol)."""
DRAWN: Final = 8
"""Servers that are drawn from those with few enough clients: some may be where the client has been already."""
BACK_WITHIN: Final = 30.0
"""Seconds within which somebody who was sent away comes back if that was in vain."""
AWAY_MAX: Final = 10_000
"""Of so many it is remembered."""
SEEN_WITHIN: Final = 1.0
"""Seconds within which a server that has let somebody in has announced so."""
NAMELESS_MAX: Final = 3
"""Anonymous people at one host who are sent to servers that let nobody in, before they stay."""
_LAST: Final = chr(0x10FFFF)
"""Behind every id."""
CREDITS_MAX: Final = 1000
"""How many clients that were sent away are believed of one announcement, and counted for one server."""


class Target(NamedTuple):
    """A server to send a client to. `attached` is a base server, which node `host` speaks for."""

    id: str
    name: str
    load: int
    attached: AttachedServer | None = None
    host: str = ""


class SentAway(NamedTuple):
    """A client was sent to a server, which had announced a load, at a monotonic time."""

    at: float
    server: str
    load: int


class RedirectTarget(NamedTuple):
    """Where a client is sent: to a server, at an address that it can use."""

    id: str
    name: str
    address: Address
    load: int = 0
    """Clients that it has, as far as that is known."""


class Balance:
    """Decides about redirects."""

    def __init__(self, context: Context, topology: Topology, whereabouts: Whereabouts) -> None:
        self._context = context
        self._topology = topology
        self._whereabouts = whereabouts
        self._sent: dict[str, deque[float]] = {}
        self._expiring: deque[tuple[float, str]] = deque()
        """When each of those no longer counts."""
        self._load_of: dict[str, int] = {}
        """The load of each server that takes clients, as estimated when it was last touched."""
        self._by_load: list[tuple[int, str]] = []
        """The same, the least first."""
        self._attached: dict[str, AttachedServer] = {}
        self._hosts: Mapping[str, str] = {}
        """Who speaks for each of them."""
        self._away: OrderedDict[tuple[str, str | None], list[SentAway]] = OrderedDict()
        """By host and account, those that cannot say themselves where they were sent when they come back."""
        self._touched: dict[str, None] = {}
        """Servers whose load may be another one by now."""
        self._seen: Mapping[str, None] | None = None
        """What could be reached when all of them were looked at."""
        self._own_attached: tuple[AttachedServer, ...] = ()

    @property
    def credits(self) -> int:
        """How many redirects are remembered, over all servers."""
        return sum(map(len, self._sent.values()))

    def redirect_for(self, session: Session, login: Login, load: int) -> RedirectTarget | None:
        """Where a client that has just logged in should go instead; `load` counts it."""
        config = self._context.config
        if not config.redirects or session.origin == "local" or self._context.draining:
            return None
        if self._credits(self._context.id):
            # Somebody sent a client here, and this may be it: it stays. A base client cannot say so itself.
            self._sent[self._context.id].popleft()
            return None
        if login.redirects >= config.redirect_client_limit or self._may_be_back(session):
            return None
        choice = self._lighter(load - DIFFERENCE_MIN, session, login)
        if choice is None:
            return None
        self._credit(choice.id)
        self._note_away(session, choice.id)
        sent = self._topology.own.sent
        if len(sent) >= CREDITS_MAX and choice.id not in sent:
            sent.clear()
        sent[choice.id] = sent.get(choice.id, 0) + 1
        return choice

    def _may_be_back(self, session: Session) -> bool:
        """Whether a client, which speaks only the base protocol and so does not say where it was sent in vain, has
        probably been sent away a moment ago. Nobody else has its account. Anonymous people are told apart by nothing:
        they stay when those who were sent away from the same host have not got in where they were sent."""
        if session.native:
            return False
        now = self._context.now.monotonic
        away = [one for one in self._away.get((session.peer.host, session.claim), ()) if now - one.at <= BACK_WITHIN]
        if session.claim is not None:
            return bool(away)
        return sum(now - one.at >= SEEN_WITHIN and not self._has_risen(one) for one in away) >= NAMELESS_MAX

    def _has_risen(self, away: SentAway) -> bool:
        known = away.server in self._topology.records or away.server in self._attached
        return known and self._announced(away.server) > away.load

    def _note_away(self, session: Session, server: str) -> None:
        if not session.native:
            key = (session.peer.host, session.claim)
            away = SentAway(self._context.now.monotonic, server, self._announced(server))
            self._away[key] = [*self._away.pop(key, []), away][-2 * NAMELESS_MAX :]
            if len(self._away) > AWAY_MAX:
                self._away.popitem(last=False)

    def _address_of(self, target: Target, session: Session, login: Login) -> Address | None:
        if target.attached is None:
            return self._whereabouts.for_peer(target.id, session, login.visited)
        address = self._whereabouts.attached_for_peer(target.attached, target.host, session)
        return None if address is None or str(address) in login.visited else address

    def _credit(self, server: str) -> None:
        sent = self._sent.setdefault(server, deque(maxlen=CREDITS_MAX))
        until = self._context.after(self._credit_time())
        sent.append(until)
        self._expiring.append((until, server))
        self._touched[server] = None

    def _sent_announced(self, before: Mapping[str, int], after: Mapping[str, int]) -> None:
        """A server announced how many clients it has ever sent where: the new ones count before they show in loads."""
        if before == after:
            return
        news = {server: total - before.get(server, 0) for server, total in after.items()}
        news = {server: new for server, new in news.items() if new > 0}
        if not news:
            return
        room = CREDITS_MAX
        hosts = self._topology.hosts_of_attached()
        for server, new in news.items():
            if server in self._topology.reachable or server in hosts:
                for _ in range(min(new, room)):
                    self._credit(server)
                room = max(0, room - new)

    # --- who could take somebody --------------------------------------------------------------------------------------

    def _lighter(self, load: int, session: Session, login: Login) -> RedirectTarget | None:
        """The lighter of two drawn from the servers with at most this load that the client can reach from where it is;
        None if there is none."""
        self._look()
        count = bisect.bisect_right(self._by_load, (load, _LAST))
        drawn = list(range(count)) if count <= DRAWN else self._context.rng.sample(range(count), DRAWN)
        found = [self._target(self._by_load[position][1]) for position in drawn]
        addresses = {target.id: self._address_of(target, session, login) for target in found}
        free = [one for one in found if addresses[one.id] is not None]
        if len(free) > 2:
            free = self._context.rng.sample(free, 2)
        chosen = min(free, key=lambda one: (one.load, one.id), default=None)
        address = addresses[chosen.id] if chosen is not None else None
        return (
            RedirectTarget(chosen.id, chosen.name, address, chosen.load)
            if chosen is not None and address is not None
            else None
        )

    def candidates(self) -> list[Target]:
        """Every other server that takes clients, with its load as estimated now, the one with the least first."""
        self._look()
        return [self._target(server) for _, server in self._by_load]

    def _target(self, server: str) -> Target:
        attached = self._attached.get(server)
        load = self._load_of[server]
        if attached is not None:
            return Target(server, server[:6], load, attached, self._hosts[server])
        return Target(server, self._topology.records[server].name, load)

    def record_merged(self, before: ServerRecord | None, record: ServerRecord) -> None:
        """Another server's record is new."""
        if before is not None:
            self._load_announced(record.id, before.load, record.load)
            self._sent_announced(before.sent, record.sent)
        if before is None or (before.attached, before.draining, before.left) != (
            record.attached,
            record.draining,
            record.left,
        ):
            self._seen = None
        elif record.id in self._load_of:
            self._touched[record.id] = None

    def _look(self) -> None:
        """Bring the order of loads up to date with what has been announced, and who was sent where."""
        now = self._context.now.monotonic
        while self._expiring and self._expiring[0][0] <= now:
            self._touched[self._expiring.popleft()[1]] = None
        reachable, attached = self._topology.reachable, self._topology.own.attached
        if reachable is not self._seen or attached != self._own_attached:
            self._seen, self._own_attached = reachable, attached
            self._look_at_all()
        for server in self._touched:
            load = self._load_of.get(server)
            if load is not None:
                del self._by_load[bisect.bisect_left(self._by_load, (load, server))]
                self._load_of[server] = load = self._announced(server) + self._credits(server)
                bisect.insort(self._by_load, (load, server))
        self._touched.clear()

    def _look_at_all(self) -> None:
        own, records, reachable = self._context.id, self._topology.records, self._topology.reachable
        self._hosts = hosts = self._topology.hosts_of_attached()
        self._attached = {
            attached.id: attached
            for server in reachable
            for attached in records[server].attached
            if hosts.get(attached.id) == server and attached.id not in reachable
        }
        taking = [
            server
            for server in reachable
            if server != own and not records[server].draining and not records[server].left
        ]
        self._load_of = {
            server: self._announced(server) + self._credits(server) for server in (*taking, *self._attached)
        }
        self._by_load = sorted((load, server) for server, load in self._load_of.items())

    def _announced(self, server: str) -> int:
        attached = self._attached.get(server)
        return attached.load if attached is not None else self._topology.records[server].load

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

    def _load_announced(self, server: str, before: int, after: int) -> None:
        """A server announced a new load: clients that were sent there and now show in it are not counted twice."""
        sent = self._sent.get(server)
        if sent is not None:
            self._touched[server] = None
            for _ in range(min(max(after - before, 0), len(sent))):
                sent.popleft()
            if not sent:
                del self._sent[server]
