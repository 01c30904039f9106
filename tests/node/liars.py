"""Liars: neighbours that know the network's secret and say what they like, beside a row of honest servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.simulation.testing import EPOCH, SECRET, ScriptedNetwork, ScriptedPeer, WatchedServer, chain
from core.wire import messages as wire
from core.wire.messages import LinkEnd

STAMP = int(EPOCH * 1_000_000)
PLACES = 64


class LiarsEnd(ScriptedPeer):
    """Its end of its connection."""

    answers_pings = False

    def answer(self, message: wire.Message) -> None:
        if isinstance(message, wire.Ping) and self.answers_pings:
            self.say(wire.Pong(message.number))


class Liar:
    """A neighbour that knows the network's secret, and says of the map what it likes."""

    def __init__(self, network: ScriptedNetwork, server: WatchedServer, identity: str = "liar", **shown: Any) -> None:
        self.id = identity
        self.network = network
        self.server = server
        self.peer = LiarsEnd(server)
        network.connect(self.peer, server)
        features = ["sync"]
        self.peer.say(wire.Authenticate(SECRET, id=identity, incarnation=1, features=features, stamp=STAMP, **shown))
        self.peer.say(wire.SyncDone())
        self.version = 0
        self.links = {server.id: STAMP}
        self.announce()

    def announce(self) -> None:
        """Its own record, with all its links."""
        self.version += 1
        self.peer.say(self.record(self.id, self.links, self.version))
        self.network.run(0.05)

    def record(self, server: str, links: dict[str, int] | None = None, version: int = 1) -> wire.ServerAnnounce:
        ends = [LinkEnd(neighbour, stamp) for neighbour, stamp in (links or {}).items()]
        return wire.ServerAnnounce(server, 0, "nowhere.example", 1, incarnation=1, version=version, links=ends)

    def invent(self, count: int, prefix: str = "invented") -> None:
        """So many servers that have no links."""
        for number in range(count):
            if self.peer.closed is None:
                self.peer.say(self.record(f"{prefix}{number:05}"))
                if number % 20 == 19:
                    self.network.run(0.02)
        self.network.run(0.2)

    def invent_linked(self, count: int, *, depth: int = 1, prefix: str = "linked") -> None:
        """So many servers in rows of `depth` that hang on this one: everybody can reach them, by what it says."""
        links: dict[str, dict[str, int]] = {}
        before = self.id
        for number in range(count):
            server = f"{prefix}{number:05}"
            before = self.id if number % depth == 0 else before
            around = self.links if before == self.id else links[before]
            links[server] = {before: STAMP + number}
            around[server] = STAMP + number
            before = server
        self.announce()
        for number, (server, around) in enumerate(links.items()):
            if self.peer.closed is None:
                self.peer.say(self.record(server, around))
                if number % 20 == 19:
                    self.network.run(0.02)
        self.network.run(0.5)


class Row:
    """A chain: a liar beside the first of three honest servers."""

    def __init__(self, **settings: Any) -> None:
        self.network = ScriptedNetwork()
        settings = {"servers_max": PLACES, "redirects": False, "lazy_links": 0} | settings
        self.settings = settings
        self.servers = self.network.build(chain(3), **settings)
        self.first, self.second, self.third = self.servers
        self.links = [self.network.links_between(*pair) for pair in self.pairs()]
        self.liar = Liar(self.network, self.first)

    def pairs(self) -> Iterator[tuple[WatchedServer, WatchedServer]]:
        yield self.first, self.second
        yield self.second, self.third

    @property
    def is_whole(self) -> bool:
        """Whether the honest servers have the links that they had."""
        return [self.network.links_between(*pair) for pair in self.pairs()] == self.links

    def known(self, server: WatchedServer) -> set[str]:
        return set(server.node.topology.records)

    def newcomer(self, at: WatchedServer, name: str = "newcomer") -> WatchedServer:
        """Another honest server joins there; everybody has a few seconds to hear of it."""
        server = self.network.start(name, at, **self.settings)
        self.network.run(10.0)
        return server
