"""How much memory a connection takes: of ten thousand strangers, or of the people that a large server has."""

from __future__ import annotations

import asyncio
import gc
import socket
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from core.engine import EngineSettings, Server
from core.engine.transport.plain_transport import Poller
from core.wire.codec import encode
from core.wire.messages import Login, Message, Register
from tests.engine.harness import CHEAP, LIMIT

CROWD: Final = 200
IDLE_BYTES_MAX: Final = 2_600
"""Of somebody who is logged in and says nothing; some 1,900, with a notice and a timer of which a thousand are kept."""

pytestmark = pytest.mark.skipif(not Poller.possible(), reason="the loop's own transports take more")


@asynccontextmanager
async def serving(data_dir: Path) -> AsyncIterator[Server]:
    server = Server(EngineSettings(data_dir=data_dir, host="127.0.0.1", port=0, passwords=CHEAP))
    await server.start()
    try:
        yield server
    finally:
        await server.abort()


async def said(server: Server, *messages: Message) -> socket.socket:
    """A connection over which this was said, each after the answer to what came before."""
    loop = asyncio.get_running_loop()
    peer = socket.socket()
    peer.setblocking(False)
    async with asyncio.timeout(LIMIT):
        await loop.sock_connect(peer, ("127.0.0.1", server.address.port))
        for message in messages:
            await loop.sock_sendall(peer, encode(message))
            assert b"SUCCESS" in await loop.sock_recv(peer, 65536)
    return peer


async def bytes_each(server: Server, come: Callable[[], Awaitable[socket.socket]]) -> float:
    """What the server holds for each of a crowd that comes, and stays in silence."""
    peers = [await come() for _ in range(10)]
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.take_snapshot()
        peers += [await come() for _ in range(CROWD)]
        gc.collect()
        # What is taken once in a while, and is no connection's: a table that grows, a cache, what the store notes.
        held = [
            found.size_diff
            for found in tracemalloc.take_snapshot().compare_to(before, "lineno")
            if found.count_diff >= CROWD // 2 and found.traceback[0].filename != __file__
        ]
        return sum(held) / CROWD
    finally:
        tracemalloc.stop()
        for peer in peers:
            peer.close()


async def test_somebody_anonymous_who_is_silent_takes_little_memory(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        each = await bytes_each(server, lambda: said(server, Login("anonymous")))
    assert each <= IDLE_BYTES_MAX


async def test_somebody_with_a_name_who_is_silent_takes_little_memory(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        await said(server, Register("ann", "secret"))
        each = await bytes_each(server, lambda: said(server, Login("ann", "secret", features=["ack", "ping"])))
    assert each <= IDLE_BYTES_MAX
