"""Broadcasts on the short way into the kernel: order, what a reader that does not read gets, and what is counted."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator

import pytest

from core.engine.transport.outbox import Outbox
from core.engine.transport.output import Output
from core.engine.transport.plain_transport import PlainTransport, Poller
from tests.engine.harness import said, two_forms, until

pytestmark = pytest.mark.skipif(not Poller.possible(), reason="this system has no epoll")


class Reader(asyncio.BufferedProtocol):
    """One connection's writing half, and the socket at its other end, which reads when it is told to."""

    def __init__(self, poller: Poller, bytes_max: int = 1 << 30) -> None:
        self._bytes_max = bytes_max
        self.peer, ours = socket.socketpair()
        self.peer.setblocking(False)
        ours.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.got = b""
        self.ends: list[str] = []
        poller.open(ours, self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, PlainTransport)
        self.transport = transport
        self.outbox = Outbox(self, transport, self._bytes_max)

    def get_buffer(self, sizehint: int) -> bytearray:
        return bytearray(100)

    def pause_writing(self) -> None:
        self.outbox.choke()

    def resume_writing(self) -> None:
        self.outbox.release()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ends.append(type(exc).__name__)

    def flushed(self) -> None:
        self.ends.append("flushed")

    def too_slow(self, reason: str) -> None:
        self.ends.append(reason)

    def read(self) -> None:
        try:
            while data := self.peer.recv(1 << 16):
                self.got += data
        except BlockingIOError:
            pass


@pytest.fixture
async def poller() -> AsyncIterator[Poller]:
    made = Poller(asyncio.get_running_loop())
    yield made
    made.close()


@pytest.mark.parametrize("seed", range(20))
async def test_everybody_gets_what_is_theirs_in_order_and_it_is_counted(poller: Poller, seed: int) -> None:
    chance = random.Random(seed)
    output = Output(asyncio.get_running_loop())
    readers = [Reader(poller) for _ in range(4)]
    theirs, messages = [b""] * 4, [0] * 4
    forms: dict[int, bool] = {}
    for number in range(300):
        who = chance.randrange(4)
        piece = b"<a%d%s>" % (number, b"." * chance.choice((0, 10, 3000)))
        match chance.choice(("send", "broadcast", "broadcast", "broadcast", "join", "leave", "pass", "pass", "read")):
            case "send":
                output.send(readers[who].outbox, piece)
                theirs[who] += piece
                messages[who] += 1
            case "broadcast":
                output.broadcast(two_forms(piece))
                for one, base in forms.items():
                    theirs[one] += piece.upper() if base else piece
                    messages[one] += 1
            case "join":
                forms[who] = chance.random() < 0.5
                output.subscribe(readers[who].outbox, base=forms[who])
            case "leave":
                output.unsubscribe(readers[who].outbox)
                forms.pop(who, None)
            case "pass":
                await asyncio.sleep(0)
            case "read":
                readers[who].read()
    output.flush()

    def all_through() -> bool:
        for reader in readers:
            reader.read()
        return [reader.got for reader in readers] == theirs

    await until(all_through)
    assert [reader.outbox.messages for reader in readers] == messages
    assert [reader.outbox.accepted_bytes for reader in readers] == [len(one) for one in theirs]
    await until(lambda: not any(reader.outbox.waiting_bytes for reader in readers))


async def test_who_does_not_read_is_cut_off_and_nobody_else(poller: Poller) -> None:
    output = Output(asyncio.get_running_loop())
    readers = [Reader(poller, bytes_max=100_000) for _ in range(3)]
    for reader in readers:
        output.subscribe(reader.outbox)
    output.flush()
    for _ in range(300):
        output.broadcast(said(b"x" * 1000))
        output.flush()
        for reader in readers[1:]:
            while reader.outbox.waiting_bytes:
                reader.read()
                await asyncio.sleep(0)
    assert readers[0].ends and "more than 100000 bytes waited" in readers[0].ends[0]
    for reader in readers[1:]:
        reader.read()
        assert (len(reader.got), reader.ends) == (300_000, [])


async def test_a_peer_that_is_gone_ends_its_own_connection_only(poller: Poller) -> None:
    output = Output(asyncio.get_running_loop())
    readers = [Reader(poller) for _ in range(3)]
    for reader in readers:
        output.subscribe(reader.outbox)
    output.flush()
    readers[1].peer.close()
    for _ in range(3):
        output.broadcast(said(b"still here"))
        output.flush()
    await until(lambda: readers[1].ends == ["BrokenPipeError"])
    for reader in (readers[0], readers[2]):
        reader.read()
        assert (reader.got, reader.ends) == (b"still here" * 3, [])


async def test_what_is_larger_than_one_piece_may_be_arrives_as_well(poller: Poller) -> None:
    output = Output(asyncio.get_running_loop())
    reader = Reader(poller)
    output.subscribe(reader.outbox)
    output.flush()
    large = bytes(range(256)) * 3000
    expected = b""

    def all_through() -> bool:
        reader.read()
        return reader.got == expected

    for piece in (large, b"and this", large, b"too"):
        expected += piece
        output.broadcast(said(piece))
        if piece is not large:
            await until(all_through)
