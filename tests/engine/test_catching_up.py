"""Somebody who has missed much and reads slowly is sent what it takes, page by page, and is not cut off."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from pathlib import Path

import pytest

from core.engine import ConnectionLimits, EngineSettings, Server
from tests.engine.harness import CHEAP
from tests.store.making import A, activity, open_at

LIMIT = 120.0
READ_BYTES = 64 * 1024
PAUSE = 0.01
"""Between two reads: at most 6 MB a second, and a fraction of that on a machine that is busy."""

_NUMBER = re.compile(rb'"number":(\d+)')


async def fill(data_dir: Path, count: int) -> None:
    """A server's data, with so many activities of others in it."""

    def work() -> None:
        store, _ = open_at(data_dir)
        for first in range(1, count + 1, 10_000):
            store.commit([activity(A, seq, size=100) for seq in range(first, min(first + 10_000, count + 1))])
        store.close()

    await asyncio.to_thread(work)


@pytest.mark.parametrize(
    ("count", "queue_bytes"),
    [(30_000, 300_000), pytest.param(100_000, ConnectionLimits().client_queue_bytes, marks=pytest.mark.slow)],
)
async def test_a_slow_reader_that_missed_much_gets_all_of_it_in_order_and_what_comes_meanwhile(
    tmp_path: Path, count: int, queue_bytes: int
) -> None:
    await fill(tmp_path / "data", count)
    settings = EngineSettings(
        data_dir=tmp_path / "data",
        host="127.0.0.1",
        port=0,
        secret="network",
        preset="local",
        backup_interval=0,
        passwords=CHEAP,
        limits=ConnectionLimits(client_queue_bytes=queue_bytes),
    )
    server = Server(settings)
    await server.start()
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, READ_BYTES)
    try:
        await loop.sock_connect(sock, server.address)
        login = {"command": "LOGIN", "username": "anonymous", "features": ["resume", "ack"], "seen": {}}
        await loop.sock_sendall(sock, json.dumps(login).encode() + b"\n")
        received = bytearray()
        most_queued = 0
        posted = False
        async with asyncio.timeout(LIMIT):
            while b'"CAUGHT_UP"' not in received[-200 - READ_BYTES :]:
                data = await loop.sock_recv(sock, READ_BYTES)
                assert data, f"the connection ended: {[notice.text for notice in server.notices][-3:]}"
                received += data
                if not posted:
                    posted = True
                    post = {"command": "ACTIVITY_MESSAGE", "username": "anonymous", "activity": {"number": count + 1}}
                    await loop.sock_sendall(sock, json.dumps({**post, "ref": "mine"}).encode() + b"\n")
                most_queued = max(most_queued, *(one.queued_bytes for one in server.traffic().values()), 0)
                await asyncio.sleep(PAUSE)
        lines = [line for line in bytes(received).splitlines() if b'"ACTIVITY_BROADCAST"' in line]
        numbers = [int(found[1]) for line in lines if (found := _NUMBER.search(line))]
        assert numbers == list(range(1, count + 2))
        assert most_queued < queue_bytes
    finally:
        sock.close()
        await server.abort()
