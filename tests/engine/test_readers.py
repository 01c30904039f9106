"""A writer who is faster than everybody can read is slowed; a reader who is slower than everybody else is cut off."""

from __future__ import annotations

import asyncio
import json

import pytest

from core.node.interface.actions import Action, Broadcast, Subscribe
from core.node.interface.events import ConnectionClosed, ConnectionOpened, Event, MessageReceived, PostsReceived
from core.wire.messages import ActivityMessage
from tests.engine.harness import Peer, frame, world

SIZE = 60_000
QUEUE = 4_000_000
POSTS = 300
"""Several times as much as may wait for one reader."""


def relay(event: Event) -> list[Action]:
    match event:
        case ConnectionOpened(conn):
            return [Subscribe(conn)]
        case MessageReceived(_, ActivityMessage()):
            return [Broadcast(frame(1, SIZE))]
        case PostsReceived(_, messages):
            return [Broadcast(frame(1, SIZE)) for _ in messages]
    return []


async def read_slowly(peer: Peer, total: int) -> int:
    """Take so many bytes, a little at a time, until they are there or the connection is closed."""
    taken = 0
    while taken < total:
        data = await asyncio.get_running_loop().sock_recv(peer.sock, min(64 * 1024, total - taken))
        if not data:
            break
        taken += len(data)
        await asyncio.sleep(0.001)
    return taken


def post() -> bytes:
    body = {"command": "ACTIVITY_MESSAGE", "username": "anonymous", "activity": {"text": "x" * SIZE}}
    return json.dumps(body).encode() + b"\n"


@pytest.mark.slow
async def test_a_writer_that_is_too_fast_for_everybody_is_slowed_and_no_reader_is_cut_off() -> None:
    async with world(relay, client_queue_bytes=QUEUE) as here:
        readers = [await here.client(receive_buffer=4096) for _ in range(3)]
        writer = await here.client()
        total = POSTS * len(frame(1, SIZE).data)
        reading = [asyncio.create_task(read_slowly(peer, total)) for peer in (*readers, writer)]
        await writer.say(post() * POSTS)
        taken = await asyncio.gather(*reading)
        assert (taken, here.node.of(ConnectionClosed)) == ([total] * 4, [])


async def test_a_writer_does_not_wait_for_few_that_cannot_follow() -> None:
    async with world(relay, client_queue_bytes=QUEUE) as here:
        slow = await here.client(receive_buffer=4096)
        readers = [await here.client() for _ in range(3)]
        writer = await here.client()
        size = 5 * len(frame(1, SIZE).data)
        for _ in range(POSTS // 5):
            await writer.say(post() * 5)
            heard = await asyncio.gather(*(peer.hear(size) for peer in (*readers, writer)))
            assert [len(data) for data in heard] == [size] * 4
        closed = await here.node.told(ConnectionClosed)
        assert [one.conn for one in closed] == [slow.conn]
