"""Networks of nodes under test and base peers that share no code with them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.base_peers.client import BaseClient
from tests.base_peers.dialects import Dialect
from tests.base_peers.network import BaseNetwork
from tests.base_peers.server import BaseServer
from tests.processes.harness import NodeNetwork, NodeProcess, wait_for

ANNOUNCE_INTERVAL = 0.5


class MixedNetwork:
    """Nodes of ours, as processes, and base servers and clients in the test's own process."""

    def __init__(self, nodes: NodeNetwork, base: BaseNetwork) -> None:
        self.nodes = nodes
        self.base = base

    async def node(self, join: NodeProcess | BaseServer | None = None) -> NodeProcess:
        """Start a node that joins a node or dials a base server."""
        if isinstance(join, BaseServer):
            return await self.nodes.start((join.host, join.port), base=True)
        return await self.nodes.start(join)

    async def base_server(self, remote: NodeProcess | BaseServer | None, dialect: Dialect) -> BaseServer:
        """Start a base server that dials a node or another base server."""
        return await self.base.serve(None if remote is None else (remote.host, remote.port), dialect)

    async def client(self, server: NodeProcess | BaseServer, *, follow: bool = False) -> BaseClient:
        """A base client of a node or of a base server."""
        return await self.base.client((server.host, server.port), follow=follow)

    async def anonymous(self, server: NodeProcess | BaseServer) -> BaseClient:
        """A base client that is logged in as anonymous."""
        client = await self.client(server)
        await client.login()
        return client

    async def settled(self, limit: float = 20.0) -> None:
        """Wait until everybody, node or base server, has heard of everybody else."""
        total = len(self.nodes.running) + len(self.base.servers)
        await self.base.settled(total, limit)

        async def seen() -> bool:
            for node in self.nodes.running:
                status = await node.status()
                there = [server for server in status["servers"] if server["state"] in ("here", "reachable", "guest")]
                if len(there) != total:
                    return False
            return True

        await wait_for(seen, limit, f"every node sees all {total} servers")

    def unharmed(self) -> None:
        """No base peer got what it does not know, got anything twice, was refused or broke."""
        assert [server.harm for server in self.base.servers] == [[] for _ in self.base.servers]
        assert [client.unknown for client in self.base.clients] == [[] for _ in self.base.clients]


@pytest.fixture
async def mixed(tmp_path: Path) -> AsyncIterator[MixedNetwork]:
    options = ("--announce-interval", str(ANNOUNCE_INTERVAL), "--preset", "local", "--backup-interval", "0")
    async with (
        NodeNetwork(tmp_path, options=options) as nodes,
        BaseNetwork(nodes.secret, announce_interval=ANNOUNCE_INTERVAL) as base,
    ):
        yield MixedNetwork(nodes, base)
