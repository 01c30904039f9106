"""Small networks of base servers on ephemeral loopback ports."""

from __future__ import annotations

import random
from types import TracebackType
from typing import Self

from tests.base_peers.client import BaseClient
from tests.base_peers.dialects import TEXT, Dialect
from tests.base_peers.lines import wait_until
from tests.base_peers.server import BaseServer

SECRET = "the network's secret"


def chain(count: int) -> list[int]:
    """For each server after the first, whom it dials: everyone its predecessor."""
    return list(range(count - 1))


def star(count: int) -> list[int]:
    """For each server after the first, whom it dials: everyone the first."""
    return [0] * (count - 1)


def random_tree(count: int, seed: int) -> list[int]:
    """For each server after the first, whom it dials: anyone who is there already."""
    chance = random.Random(seed)
    return [chance.randrange(index) for index in range(1, count)]


class BaseNetwork:
    """Base servers and clients that end with it."""

    def __init__(self, secret: str = SECRET, *, announce_interval: float = 0.3) -> None:
        self.secret = secret
        self.announce_interval = announce_interval
        self.servers: list[BaseServer] = []
        self.clients: list[BaseClient] = []

    async def serve(self, remote: tuple[str, int] | None = None, dialect: Dialect = TEXT) -> BaseServer:
        """Start one more server, which dials `remote`."""
        server = BaseServer(self.secret, dialect=dialect, remote=remote, announce_interval=self.announce_interval)
        await server.start()
        self.servers.append(server)
        return server

    async def build(self, parents: list[int], dialect: Dialect = TEXT) -> list[BaseServer]:
        """Start a first server and one for each of `parents`, and wait until everyone has heard of everyone."""
        first = len(self.servers)
        await self.serve(dialect=dialect)
        for parent in parents:
            above = self.servers[first + parent]
            await self.serve((above.host, above.port), dialect)
        await self.settled()
        return self.servers[first:]

    async def settled(self, total: int | None = None, limit: float = 10.0) -> None:
        """Wait until every living server has heard of all others: `total` servers in the whole network."""
        total = len(self.servers) if total is None else total
        living = [server for server in self.servers if not server.died]
        await wait_until(
            lambda: all(len(server.announced) >= total - 1 for server in living),
            limit,
            f"everyone hears of everyone; heard of: {[len(server.announced) for server in living]}, want {total - 1}",
        )

    async def client(self, server: BaseServer | tuple[str, int], *, follow: bool = False) -> BaseClient:
        """A client that is connected to a server."""
        host, port = (server.host, server.port) if isinstance(server, BaseServer) else server
        client = await BaseClient.connect(host, port, follow=follow)
        self.clients.append(client)
        return client

    async def stop(self) -> None:
        for client in self.clients:
            await client.close()
        for server in self.servers:
            await server.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
