"""The engine's own transport of an encrypted connection: what its protocol is told, and what the other side sees."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import subprocess
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from core.engine import EngineSettings, Server
from core.engine.transport.plain_transport import Poller
from core.engine.transport.tls_transport import TlsTransport, open_encrypted
from tests.engine.harness import CHEAP, LIMIT, until
from tests.engine.keys import some_tls

pytestmark = pytest.mark.skipif(not Poller.possible(), reason="this system has no epoll")

LARGE = bytes(range(256)) * 20_000
"""More than the kernel takes at once, and than a record holds."""


class Told(asyncio.BufferedProtocol):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.received = bytearray()
        self._buffer = bytearray(65536)
        self.transport: TlsTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, TlsTransport)
        self.transport = transport
        self.calls.append("made")

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.received += self._buffer[:nbytes]

    def eof_received(self) -> bool:
        self.calls.append("end")
        return True

    def pause_writing(self) -> None:
        self.calls.append("pause")

    def resume_writing(self) -> None:
        self.calls.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.calls.append("lost")


class Listening:
    """Encrypts what it is handed, one side of a socket pair at a time."""

    def __init__(self, poller: Poller) -> None:
        self.poller = poller
        tls = some_tls()
        self.context, self.trusting = tls.listening, tls.asking

    def begin(self) -> tuple[socket.socket, Told, asyncio.Task[None]]:
        """The other side's socket, in clear, and what becomes of this one's."""
        theirs, ours = socket.socketpair()
        theirs.settimeout(LIMIT)
        ours.setblocking(False)
        told = Told()
        return theirs, told, asyncio.create_task(open_encrypted(self.poller, ours, self.context, lambda: told))

    async def opened(self) -> tuple[ssl.SSLSocket, Told]:
        """Both sides of a connection that is encrypted."""
        theirs, told, opening = self.begin()
        peer = await asyncio.to_thread(self.trusting.wrap_socket, theirs)
        await opening
        return peer, told


@pytest.fixture
async def listening() -> AsyncIterator[Listening]:
    poller = Poller(asyncio.get_running_loop())
    yield Listening(poller)
    poller.close()


async def test_what_either_side_writes_arrives_whole_and_in_order(listening: Listening) -> None:
    peer, told = await listening.opened()
    receiving = asyncio.create_task(asyncio.to_thread(received, peer, len(LARGE) + 6))
    told.transport.write(LARGE)
    told.transport.write(b"behind")
    assert await receiving == LARGE + b"behind"
    await asyncio.to_thread(peer.sendall, LARGE)
    await until(lambda: told.received == LARGE)
    assert told.calls[:2] == ["made", "pause"] and told.calls[-1] == "resume"
    peer.close()
    await until(lambda: told.calls[-1] == "end")
    told.transport.close()
    await until(lambda: told.calls[-1] == "lost")


async def test_what_waits_for_a_slow_reader_is_no_copy_and_goes_out_as_it_reads(listening: Listening) -> None:
    peer, told = await listening.opened()
    told.transport.write(LARGE)
    waiting = told.transport._waiting
    assert waiting is not None and waiting.obj is LARGE
    left = told.transport.get_write_buffer_size()
    await asyncio.to_thread(received, peer, len(LARGE) - left)
    await until(lambda: told.transport.get_write_buffer_size() < left)
    assert (len(LARGE) - told.transport.get_write_buffer_size()) % 16384 == 0
    told.transport.abort()
    peer.close()


async def test_the_end_is_told_as_close_notify_behind_what_waits_and_what_still_comes_is_taken(
    listening: Listening,
) -> None:
    peer, told = await listening.opened()
    await asyncio.to_thread(peer.sendall, b"asked")
    await until(lambda: told.received == b"asked")
    told.transport.write(LARGE)
    told.transport.write_eof()
    with pytest.raises(RuntimeError):
        told.transport.write(b"more")
    assert await asyncio.to_thread(received, peer, len(LARGE)) == LARGE
    # An end without close_notify would be an error here.
    setattr(peer, "suppress_ragged_eofs", False)  # noqa: B010
    assert await asyncio.to_thread(peer.recv, 1) == b""
    await asyncio.to_thread(peer.sendall, b"nobody reads this")
    peer.close()
    await until(lambda: told.calls[-1] == "end")
    assert told.received == b"asked"
    told.transport.close()
    await until(lambda: told.calls[-1] == "lost")


async def test_an_end_that_is_said_as_soon_as_nothing_waits_any_more_is_said_once(listening: Listening) -> None:
    faults: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(str(context)))
    for _ in range(2):
        peer, told = await listening.opened()
        setattr(told, "resume_writing", told.transport.write_eof)  # noqa: B010
        told.transport.write(LARGE)
        assert await asyncio.to_thread(received, peer, len(LARGE)) == LARGE
        setattr(peer, "suppress_ragged_eofs", False)  # noqa: B010
        assert await asyncio.to_thread(peer.recv, 1) == b""
        peer.close()
        await until(lambda told=told: told.calls[-1] == "end")  # type: ignore[misc]
        told.transport.close()
    assert faults == []


async def test_a_peer_that_has_said_its_end_is_still_written_to(listening: Listening) -> None:
    peer, told = await listening.opened()
    await asyncio.to_thread(said_end, peer)
    await until(lambda: told.calls[-1] == "end")
    told.transport.write(b"last words")
    told.transport.close()
    assert await asyncio.to_thread(received, peer, 10) == b"last words"
    with pytest.raises(ssl.SSLZeroReturnError):
        await asyncio.to_thread(peer.recv, 1)
    await until(lambda: told.calls[-1] == "lost")
    peer.close()


async def test_a_paused_protocol_is_told_nothing_until_it_goes_on(listening: Listening) -> None:
    peer, told = await listening.opened()
    told.transport.pause_reading()
    await asyncio.to_thread(peer.sendall, b"x" * 50_000)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not told.received
    told.transport.resume_reading()
    await until(lambda: len(told.received) == 50_000)
    told.transport.abort()
    peer.close()


async def test_garbage_in_the_midst_ends_that_connection_and_no_other(listening: Listening) -> None:
    first, told = await listening.opened()
    second, other = await listening.opened()
    raw = socket.socket(fileno=first.detach())
    raw.sendall(b"\x17\x03\x03\x00\x20" + b"no record at all" * 2)
    await until(lambda: told.calls == ["made", "lost"])
    await asyncio.to_thread(second.sendall, b"well")
    await until(lambda: other.received == b"well")
    other.transport.abort()
    raw.close()
    second.close()


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01"])
async def test_who_does_not_agree_on_keys_and_hangs_up_is_an_error_of_theirs(listening: Listening, said: bytes) -> None:
    theirs, told, opening = listening.begin()
    theirs.sendall(said)
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(OSError):
        async with asyncio.timeout(LIMIT):
            await opening
    assert told.calls == []
    with suppress(ConnectionResetError):
        while await asyncio.to_thread(theirs.recv, 100):
            pass
    theirs.close()


async def test_who_says_nothing_keeps_no_socket_when_the_wait_is_over(listening: Listening) -> None:
    theirs, told, opening = listening.begin()
    for _ in range(3):
        await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert await asyncio.to_thread(theirs.recv, 100) == b""
    assert (told.calls, listening.poller._transports) == ([], {})
    theirs.close()


async def test_a_fault_of_the_protocol_is_told_to_who_opens(listening: Listening) -> None:
    theirs, ours = socket.socketpair()
    ours.setblocking(False)

    def faulty() -> asyncio.BufferedProtocol:
        raise LookupError("no protocol")

    opening = asyncio.create_task(open_encrypted(listening.poller, ours, listening.context, faulty))
    theirs.settimeout(LIMIT)
    peer = await asyncio.to_thread(listening.trusting.wrap_socket, theirs)
    with pytest.raises(LookupError):
        await opening
    peer.close()


async def test_this_side_can_be_the_one_that_dials(listening: Listening) -> None:
    (theirs, ours), told, other = socket.socketpair(), Told(), Told()
    for one in (theirs, ours):
        one.setblocking(False)
    await asyncio.gather(
        open_encrypted(listening.poller, theirs, listening.context, lambda: other),
        open_encrypted(listening.poller, ours, listening.trusting, lambda: told, dials=True),
    )
    told.transport.write(LARGE)
    other.transport.write(b"hello")
    await until(lambda: bytes(told.received) == b"hello" and bytes(other.received) == LARGE)
    told.transport.close()
    await until(lambda: other.calls[-1] == "end")
    other.transport.close()


async def test_nothing_is_left_of_a_connection_that_has_ended(listening: Listening) -> None:
    peer, told = await listening.opened()
    told.transport.write(b"x")
    there = weakref.ref(told.transport._encrypted)
    told.transport.close()
    await until(lambda: told.calls[-1] == "lost")
    peer.close()
    del told.transport
    gc.disable()
    try:
        await until(lambda: there() is None)
    finally:
        gc.enable()


# --- a server, and the program that everybody has ---------------------------------------------------------------------


Ask = Callable[..., Awaitable[bytes]]


@pytest.fixture
async def serving(tmp_path: Path) -> AsyncIterator[Server]:
    settings = EngineSettings(data_dir=tmp_path / "data", host="127.0.0.1", port=0, passwords=CHEAP)
    server = Server(settings)
    await server.start()
    yield server
    await server.abort()


@pytest.fixture
def clients() -> Iterator[list[subprocess.Popen[bytes]]]:
    begun: list[subprocess.Popen[bytes]] = []
    yield begun
    for one in begun:
        one.kill()
        one.communicate()


def s_client(server: Server, *options: str, loud: bool = False) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["openssl", "s_client", "-connect", str(server.address), *([] if loud else ["-quiet"]), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if loud else subprocess.DEVNULL,
    )


async def test_openssls_client_is_served_and_hears_why_it_is_sent_away(
    serving: Server, clients: list[subprocess.Popen[bytes]]
) -> None:
    client = s_client(serving)
    clients.append(client)
    assert client.stdin is not None and client.stdout is not None
    said = (
        b'{"command":"LOGIN","username":"anonymous"}\n'
        b'{"command":"ACTIVITY_MESSAGE","username":"anonymous","activity":{"n":1}}\n'
    )
    client.stdin.write(said)
    client.stdin.flush()
    lines = [await asyncio.to_thread(client.stdout.readline) for _ in range(2)]
    assert b"LOGIN_SUCCESS" in lines[0] and b'"n":1' in lines[1]
    client.stdin.write(b"nonsense\n" * 1000)
    client.stdin.flush()
    async with asyncio.timeout(LIMIT):
        rest = await asyncio.to_thread(client.stdout.read)
        await asyncio.to_thread(client.wait)
    assert b"INVALID_MESSAGE" in rest


# --- the other side -------------------------------------------------------------------------------------------------


def received(peer: ssl.SSLSocket, size: int) -> bytes:
    """So many bytes, or all there are."""
    pieces = bytearray()
    while len(pieces) < size and (data := peer.recv(65536)):
        pieces += data
    return bytes(pieces)


def said_end(peer: ssl.SSLSocket) -> None:
    """Say close_notify, and go on listening."""
    peer.settimeout(0.0)
    with suppress(ssl.SSLWantReadError):
        peer.unwrap()
    peer.settimeout(LIMIT)
