"""The engine's own transport of a connection that is not encrypted: what its protocol is told, and when."""

from __future__ import annotations

import asyncio
import gc
import select
import socket
import struct
import weakref
from collections.abc import AsyncIterator

import pytest

from core.engine.transport.plain_transport import AT_ONCE, PlainTransport, Poller
from tests.engine.harness import LIMIT, until

pytestmark = pytest.mark.skipif(not Poller.possible(), reason="this system has no epoll")

LARGE = bytes(range(256)) * 40_000
"""More than the kernel takes at once."""


class Told(asyncio.BufferedProtocol):
    """Writes down what it is told."""

    def __init__(self, *, keeps_open: bool = False) -> None:
        self.calls: list[str] = []
        self.received = bytearray()
        self.lost: Exception | None = None
        self._keeps_open = keeps_open
        self._buffer = bytearray(65536)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, PlainTransport)
        self.transport = transport
        self.calls.append("made")

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if nbytes:
            self.received += self._buffer[:nbytes]

    def eof_received(self) -> bool:
        self.calls.append("end")
        return self._keeps_open

    def pause_writing(self) -> None:
        self.calls.append("pause")

    def resume_writing(self) -> None:
        self.calls.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.calls.append("lost")
        self.lost = exc


class Pair:
    """A protocol, and the socket at the other end of its connection."""

    def __init__(self, poller: Poller, protocol: Told | None = None) -> None:
        self.peer, ours = socket.socketpair()
        ours.setblocking(False)
        self.peer.settimeout(LIMIT)
        self.told = protocol or Told()
        poller.open(ours, self.told)

    @property
    def transport(self) -> PlainTransport:
        return self.told.transport

    def reset(self) -> None:
        self.peer.close()

    async def take(self) -> bytes:
        """Everything up to the end of the stream."""
        return await asyncio.to_thread(self._take)

    def _take(self) -> bytes:
        pieces = []
        while data := self.peer.recv(65536):
            pieces.append(data)
        return b"".join(pieces)


@pytest.fixture
async def poller() -> AsyncIterator[Poller]:
    made = Poller(asyncio.get_running_loop())
    yield made
    made.close()


async def test_what_is_written_arrives_and_what_arrives_is_read(poller: Poller) -> None:
    pair = Pair(poller)
    pair.transport.write(b"hello")
    assert pair.peer.recv(100) == b"hello"
    pair.peer.sendall(b"well")
    await until(lambda: pair.told.received == b"well")
    pair.transport.close()
    await until(lambda: pair.told.calls == ["made", "lost"])
    assert pair.told.lost is None
    assert pair.peer.recv(100) == b""


async def test_the_protocol_waits_while_the_kernel_takes_nothing_and_all_arrives_in_order(poller: Poller) -> None:
    pair = Pair(poller)
    pair.transport.write(LARGE)
    assert pair.told.calls == ["made", "pause"]
    pair.transport.write(b"behind")
    pair.transport.write(bytearray(b" it"))
    assert pair.transport.get_write_buffer_size() > len(b"behind it")
    pair.transport.close()
    assert await pair.take() == LARGE + b"behind it"
    await until(lambda: pair.told.calls == ["made", "pause", "resume", "lost"])


async def test_what_waits_is_no_copy(poller: Poller) -> None:
    pairs = [Pair(poller) for _ in range(3)]
    for pair in pairs:
        pair.transport.write(LARGE)
    waiting = [pair.transport._waiting for pair in pairs]
    assert all(part is not None and part.obj is LARGE for part in waiting)
    for pair in pairs:
        pair.transport.abort()


async def test_the_end_is_told_behind_what_waits_and_reading_goes_on(poller: Poller) -> None:
    pair = Pair(poller)
    pair.transport.write(LARGE)
    pair.transport.write_eof()
    assert await pair.take() == LARGE
    pair.peer.sendall(b"still here")
    await until(lambda: pair.told.received == b"still here")
    with pytest.raises(RuntimeError):
        pair.transport.write(b"more")
    pair.transport.close()


async def test_a_half_closed_connection_can_still_be_written_to_if_the_protocol_keeps_it(poller: Poller) -> None:
    pair = Pair(poller, Told(keeps_open=True))
    pair.peer.shutdown(socket.SHUT_WR)
    await until(lambda: pair.told.calls == ["made", "end"])
    for _ in range(5):
        await asyncio.sleep(0)
    assert pair.told.calls == ["made", "end"]
    pair.transport.write(b"last words")
    assert pair.peer.recv(100) == b"last words"
    pair.transport.close()
    await until(lambda: pair.told.calls == ["made", "end", "lost"])


async def test_a_connection_that_nobody_keeps_ends_with_its_peer(poller: Poller) -> None:
    pair = Pair(poller)
    pair.peer.close()
    await until(lambda: pair.told.calls == ["made", "end", "lost"])
    assert pair.told.lost is None


async def test_while_it_is_paused_nothing_is_read_and_a_hang_up_does_not_keep_the_loop_busy(poller: Poller) -> None:
    pair = Pair(poller)
    pair.transport.pause_reading()
    pair.peer.sendall(b"later")
    pair.peer.close()
    looked: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PlainTransport, "happened", lambda transport, events: looked.append(events))
        for _ in range(20):
            await asyncio.sleep(0)
    assert not looked
    assert not pair.told.received
    pair.transport.resume_reading()
    await until(lambda: pair.told.calls == ["made", "end", "lost"])
    assert pair.told.received == b"later"


@pytest.mark.parametrize("waits", [False, True], ids=["reading", "with something to write"])
async def test_a_reset_is_told_with_its_reason(poller: Poller, waits: bool) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    peer = socket.create_connection(listener.getsockname())
    ours, _ = listener.accept()
    ours.setblocking(False)
    told = Told()
    poller.open(ours, told)
    if waits:
        told.transport.write(LARGE)
        told.transport.pause_reading()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    await until(lambda: "lost" in told.calls)
    assert isinstance(told.lost, OSError)
    assert told.calls.count("lost") == 1
    assert told.transport.get_extra_info("peername") is None
    listener.close()


async def test_aborting_tells_the_end_once_and_never_at_once(poller: Poller) -> None:
    pair = Pair(poller)
    pair.transport.write(LARGE)
    pair.transport.abort()
    pair.transport.abort()
    pair.transport.close()
    pair.transport.write(b"too late")
    assert pair.told.calls == ["made", "pause"]
    await until(lambda: pair.told.calls == ["made", "pause", "lost"])
    assert pair.transport.get_write_buffer_size() == 0


async def test_one_that_is_ended_by_another_in_the_same_look_is_not_read_any_more(poller: Poller) -> None:
    pairs: list[Pair] = []

    class Rival(Told):
        def buffer_updated(self, nbytes: int) -> None:
            super().buffer_updated(nbytes)
            for pair in pairs:
                if pair.told is not self:
                    pair.transport.abort()

    pairs += [Pair(poller, Rival()) for _ in range(2)]
    for pair in pairs:
        pair.peer.sendall(b"me")
    poller._look()
    assert sorted(bytes(pair.told.received) for pair in pairs) == [b"", b"me"]
    for pair in pairs:
        pair.transport.abort()


async def test_a_fault_in_one_protocol_ends_its_connection_and_no_other(poller: Poller) -> None:
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["message"]))

    class Faulty(Told):
        def buffer_updated(self, nbytes: int) -> None:
            raise ZeroDivisionError

    faulty, other = Pair(poller, Faulty()), Pair(poller)
    faulty.peer.sendall(b"x")
    other.peer.sendall(b"x")
    await until(lambda: faulty.told.calls == ["made", "lost"] and other.told.received == b"x")
    assert told == ["a fault in a connection"]
    other.transport.close()


async def test_a_protocol_that_cannot_begin_loses_its_socket(poller: Poller) -> None:
    class Faulty(Told):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            raise ZeroDivisionError

    peer, ours = socket.socketpair()
    ours.setblocking(False)
    with pytest.raises(ZeroDivisionError):
        poller.open(ours, Faulty())
    await until(lambda: ours.fileno() == -1)
    assert peer.recv(1) == b""


async def test_so_many_are_looked_at_before_the_loop_does_something_else(poller: Poller) -> None:
    pairs = [Pair(poller) for _ in range(AT_ONCE + 10)]
    for pair in pairs:
        pair.peer.sendall(b"x")
    poller._look()
    assert sum(bool(pair.told.received) for pair in pairs) == AT_ONCE
    poller._look()
    assert all(pair.told.received for pair in pairs)
    for pair in pairs:
        pair.transport.abort()


async def test_nothing_of_it_is_left_for_the_collector(poller: Poller) -> None:
    pair = Pair(poller)
    kept = weakref.ref(pair.told)
    gc.disable()
    try:
        pair.transport.close()
        del pair
        await until(lambda: kept() is None)
    finally:
        gc.enable()


async def test_it_refuses_to_let_more_wait_than_its_protocol_knows_of(poller: Poller) -> None:
    pair = Pair(poller)
    pair.transport.set_write_buffer_limits(high=0)
    with pytest.raises(ValueError, match="paused"):
        pair.transport.set_write_buffer_limits(high=1)
    assert pair.transport.can_write_eof()
    pair.transport.abort()


def test_a_system_without_epoll_has_the_loop_serve_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(select, "epoll")
    assert not Poller.possible()
