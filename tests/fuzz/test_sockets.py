"""Servers with real sockets, in clear and encrypted: noise from strangers, from people, from servers, and at the layer
of TLS itself. Whoever minds their own business notices nothing of it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import json
import logging
import random
import socket
import ssl
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from spake2 import SPAKE2_A

from core.certificates import NetworkKey
from core.client import Client, ClientEvent, ClientSettings, LoggedIn, NetworkTrust
from core.engine import EngineSettings, Server
from core.engine.sockets.network_tls import NetworkTls
from core.engine.transport.plain_transport import Poller
from core.engine.transport.stream_connection import StreamConnection
from core.wire.address import Address
from core.wire.codec import encode
from core.wire.kept_network import KeptNetwork
from tests.engine.harness import CHEAP, until
from tests.fuzz.noise import Noise, drawn_seed, generator
from tests.node.test_connection_states import EXAMPLES

pytestmark = pytest.mark.skipif(not Poller.possible(), reason="this system has no epoll")

SECRET = "network"
LIMIT = 20.0
CALLERS = 60
AT_ONCE = 12
HELD_MAX = 5_000
"""What may wait in a server while it hears nothing but noise: `Server.queues`, all together."""
MEMORY_MAX = 800_000
"""Bytes by which what is held may differ after as many connections again: notices, posts, and who has guessed."""
EXAMPLE_LINES = [encode(example) for example in EXAMPLES.values()]


def line(command: str, **fields: Any) -> bytes:
    return json.dumps({"command": command, **fields}).encode() + b"\n"


class Innocent:
    """Somebody who is logged in at a server, posts, and reads what they have posted."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._posts = 0

    @classmethod
    async def at(cls, server: Server) -> Innocent:
        one = cls(*await asyncio.open_connection("127.0.0.1", server.address.port, limit=1 << 24))
        one._writer.write(line("LOGIN", username="anonymous"))
        await one._hears("LOGIN_SUCCESS")
        return one

    async def _hears(self, command: str, text: str = "") -> None:
        async with asyncio.timeout(LIMIT):
            while True:
                said = await self._reader.readline()
                assert said, "the connection is gone"
                message = json.loads(said)
                if message["command"] == command and text in str(message.get("activity", "")):
                    return

    async def post(self) -> str:
        self._posts += 1
        text = f"innocent {id(self)} {self._posts}"
        self._writer.write(line("ACTIVITY_MESSAGE", username="anonymous", secret="", activity={"text": text}))
        return text

    async def reads(self, text: str) -> None:
        await self._hears("ACTIVITY_BROADCAST", text)

    def close(self) -> None:
        self._writer.close()


class World:
    """Two servers of a network with somebody at each, and whoever disturbs them."""

    def __init__(self, directory: Path, rng: random.Random, caplog: pytest.LogCaptureFixture) -> None:
        self.rng = rng
        self.noise = Noise(rng, EXAMPLE_LINES)
        self.caplog = caplog
        self._directory = directory
        self.servers: list[Server] = []
        self.people: list[Innocent] = []
        self.faults: list[dict[str, Any]] = []

    async def begin(self, name: str, **changes: Any) -> Server:
        node = {"lazy_delay": 0.05, "heal_jitter": 0.02, "announce_gap": 0.05, "redirects": False}
        server = Server(
            EngineSettings(
                **{
                    "data_dir": self._directory / name,
                    "host": "127.0.0.1",
                    "port": 0,
                    "name": name,
                    "secret": SECRET,
                    "preset": "local",
                    "passwords": CHEAP,
                    "node": node,
                    **changes,
                }
            )
        )
        await server.start()
        self.servers.append(server)
        return server

    async def furnish(self) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: self.faults.append(context))
        first = await self.begin("first")
        second = await self.begin("second", join=first.address)
        await until(lambda: all(len(one.snapshot().servers) == 2 for one in (first, second)))
        self.people = [await Innocent.at(one) for one in (first, second)]

    @property
    def first(self) -> Server:
        return self.servers[0]

    async def is_well(self) -> None:
        """Nobody was hurt, nothing has gone wrong inside, and nothing piles up."""
        for one in self.people:
            text = await one.post()
            for other in self.people:
                await other.reads(text)
        for server in self.servers[:2]:
            assert sum(server.queues().values()) < HELD_MAX, server.queues()
        assert self.faults == []
        wrong = [record for record in self.caplog.records if record.exc_info or record.levelno >= logging.ERROR]
        assert wrong == [], [record.getMessage() for record in wrong]

    async def only_they_are_there(self) -> None:
        """Whoever has disturbed them has left nothing behind."""
        await until(lambda: len(self.first.snapshot().connections) <= 2)

    async def leave(self) -> None:
        for one in self.people:
            one.close()
        for server in self.servers:
            await server.abort()


@pytest.fixture
async def world(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest
) -> AsyncIterator[World]:
    print(f"FUZZ_SEED={drawn_seed()}")
    made = World(tmp_path, generator("sockets", request.node.name), caplog)
    try:
        await made.furnish()
        yield made
    finally:
        await made.leave()


# --- whoever connects -------------------------------------------------------------------------------------------------

BEGINNINGS: dict[str, Callable[[random.Random], bytes]] = {
    "fresh": lambda rng: b"",
    "logged in": lambda rng: line("LOGIN", username="anonymous"),
    "logging in": lambda rng: line("LOGIN", username="ann", secret="no"),
    "registering": lambda rng: line("REGISTER", username=f"n{rng.randrange(10**9)}", secret="secret"),
    "base server": lambda rng: line("AUTHENTICATE", secret=SECRET),
    "speaking base server": lambda rng: (
        line("AUTHENTICATE", secret=SECRET)
        + line("SERVER_ANNOUNCE", id=f"b{rng.randrange(99)}", load=0, hostname="127.0.0.1", port=1)
    ),
    "guesser": lambda rng: line("AUTHENTICATE", secret="guess"),
    "asks for admission": lambda rng: line(
        "ADMISSION_REQUEST", key="A" * 43 + "=", share=base64.b64encode(SPAKE2_A(b"guess").start()).decode()
    ),
    "asks with nonsense": lambda rng: line(
        "ADMISSION_REQUEST", key="A" * 43 + "=", share=base64.b64encode(rng.randbytes(rng.choice((1, 33, 64)))).decode()
    ),
    "server with a key": lambda rng: line(
        *("AUTHENTICATE",), secret=SECRET, id=f"s{rng.randrange(99)}", incarnation=1, hostname="127.0.0.1", port=1,
        features=["sync"], stamp=1, key="A" * 43 + "=", nonce="AAAA",
    ),
}  # fmt: skip
"""What a connection begins with to get into a state; noise follows."""


async def dialled(server: Server, rng: random.Random) -> socket.socket:
    """A connection from an address of this machine that no innocent uses."""
    sock = socket.socket()
    sock.setblocking(False)
    sock.bind((f"127.0.0.{rng.randrange(2, 250)}", 0))
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", server.address.port))
    return sock


async def say(sock: socket.socket, data: bytes, rng: random.Random) -> None:
    """Send in as many pieces as it happens; whoever has hung up need not hear it."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):
        while data:
            size = rng.choice((1, 7, 1000, len(data)))
            await loop.sock_sendall(sock, data[:size])
            data = data[size:]
            if rng.random() < 0.05:
                await asyncio.sleep(0)


async def part(sock: socket.socket, rng: random.Random) -> None:
    """Hear what is said for a moment, and hang up in one way or another."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(rng.choice((0.0, 0.02, 0.3))):
            while await loop.sock_recv(sock, 1 << 16):
                pass
    if rng.random() < 0.3:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()


async def in_clear(world: World) -> None:
    rng = world.rng
    sock = await dialled(world.first, rng)
    await say(sock, BEGINNINGS[rng.choice(list(BEGINNINGS))](rng), rng)
    for _ in range(rng.randrange(1, 6)):
        await say(sock, world.noise.lines(), rng)
    await part(sock, rng)


class Tls:
    """The side of a person who encrypts, byte by byte: OpenSSL in memory."""

    def __init__(self, sock: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._sock = sock
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._ssl = context.wrap_bio(self._in, self._out)

    def hello(self) -> bytes:
        with contextlib.suppress(ssl.SSLWantReadError):
            self._ssl.do_handshake()
        return self._out.read()

    async def agree(self) -> None:
        """Go through with the handshake. Raises OSError, TimeoutError."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(LIMIT):
            while True:
                try:
                    self._ssl.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    await loop.sock_sendall(self._sock, self._out.read())
                    said = await loop.sock_recv(self._sock, 1 << 16)
                    if not said:
                        raise ConnectionResetError from None
                    self._in.write(said)
            await loop.sock_sendall(self._sock, self._out.read())

    def records(self, data: bytes) -> bytes:
        """What goes over the wire for these bytes."""
        if data:
            self._ssl.write(data)
        return self._out.read()


async def encrypted(world: World) -> None:
    """As in clear, within TLS."""
    rng = world.rng
    sock = await dialled(world.first, rng)
    tls = Tls(sock)
    with contextlib.suppress(OSError):
        await tls.agree()
        await say(sock, tls.records(BEGINNINGS[rng.choice(list(BEGINNINGS))](rng)), rng)
        for _ in range(rng.randrange(1, 6)):
            await say(sock, tls.records(world.noise.lines()), rng)
    await part(sock, rng)


def torn(data: bytes, rng: random.Random) -> bytes:
    """Records of which some bytes are others, missing, doubled, or in clear."""
    at = rng.randrange(len(data) + 1)
    match rng.randrange(7):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + rng.randbytes(rng.choice((1, 5, 500))) + data[at:]
        case 2:
            return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
        case 3:
            return data + data
        case 4:
            return data + line("LOGIN", username="anonymous")
        case 5:
            # A record that says that it is larger than any may be, and one that is empty.
            return data + rng.choice(
                (b"\x17\x03\x03\xff\xff", b"\x17\x03\x03\x00\x00" * 50, b"\x15\x03\x03\x00\x02\x02\x28")
            )
        case _:
            return data[:at] + data[at + rng.choice((1, 5, 100)) :]


async def torn_records(world: World) -> None:
    """TLS that goes wrong: before there are keys, or afterwards."""
    rng = world.rng
    sock = await dialled(world.first, rng)
    tls = Tls(sock)
    with contextlib.suppress(OSError):
        match rng.randrange(4):
            case 0:
                await say(sock, torn(tls.hello(), rng), rng)
            case 1:
                await say(sock, b"\x16" + rng.randbytes(rng.choice((0, 4, 300, 20_000))), rng)
            case 2:
                # What answers the server's flight is not what it waits for.
                await say(sock, tls.hello(), rng)
                await asyncio.get_running_loop().sock_recv(sock, 1 << 16)
                await say(
                    sock, rng.choice((rng.randbytes(200), world.noise.lines(), b"\x14\x03\x03\x00\x01\x01" * 99)), rng
                )
            case _:
                await tls.agree()
                said = BEGINNINGS[rng.choice(list(BEGINNINGS))](rng) + world.noise.lines()
                await say(sock, torn(tls.records(said), rng), rng)
    await part(sock, rng)


CALLER_KINDS = (in_clear, encrypted, torn_records)


async def many_call(world: World, *kinds: Callable[[World], Awaitable[None]]) -> None:
    """So many connections, some of them at a time, each with its noise."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def calls(number: int) -> None:
        async with turn:
            await kinds[number % len(kinds)](world)

    async with asyncio.timeout(LIMIT * 2):
        await asyncio.gather(*(calls(number) for number in range(CALLERS)))


@pytest.mark.parametrize("kind", CALLER_KINDS, ids=lambda one: one.__name__)
async def test_noise_of_whoever_connects_hurts_nobody_else(
    world: World, kind: Callable[[World], Awaitable[None]]
) -> None:
    await many_call(world, kind)
    await world.is_well()
    await world.only_they_are_there()


async def test_noise_leaves_nothing_in_memory(world: World) -> None:
    async def held() -> int:
        await many_call(world, *CALLER_KINDS)
        await world.is_well()
        await world.only_they_are_there()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        # What is there once, and what is kept of the latest (notices, guesses, histories), is there after this.
        await held()
        before = await held()
        after = await held()
    finally:
        tracemalloc.stop()
    assert after - before < MEMORY_MAX, "bytes for sixty connections that are gone"


# --- a server that is dialled -----------------------------------------------------------------------------------------


async def test_noise_of_whoever_is_dialled_hurts_nobody_else(world: World) -> None:
    """The server dials somebody who says anything, in clear or encrypted, or breaks off."""
    rng, answered = world.rng, 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        answered += 1
        with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
            async with asyncio.timeout(1.0):
                if rng.random() < 0.7:
                    await reader.read(1 << 16)
                for _ in range(rng.randrange(5)):
                    writer.write(world.noise.lines())
                    await writer.drain()
        writer.close()

    # Of a server of another network.
    seed = rng.randbytes(32)
    context = NetworkTls(rng.randbytes(32), KeptNetwork(seed, NetworkKey(seed).public, 1.0)).listening
    listeners = [
        await asyncio.start_server(answer, f"127.0.0.{number}", 0, ssl=context if number % 2 else None)
        for number in range(2, 10)
    ]
    for _ in range(3):
        for listener in listeners:
            world.first.join(Address(*listener.sockets[0].getsockname()[:2]))
        before = answered
        await until(lambda: answered >= before + len(listeners) // 2)  # noqa: B023
        await world.is_well()
    for listener in listeners:
        listener.close()
    await world.is_well()


# --- a server of the network ------------------------------------------------------------------------------------------


class Mangled:
    """A server's transport over which now and then something else goes than was meant."""

    def __init__(self, transport: Any, noise: Noise, lies: Callable[[], bool]) -> None:
        self._transport = transport
        self._noise = noise
        self._lies = lies
        # Some connections say what is meant for a while, so that each state hears noise.
        self._spared = noise.rng.choice((0, 1, 2, 3, 5, 8, 20))

    def write(self, data: bytes) -> None:
        rng = self._noise.rng
        if not self._lies():
            self._transport.write(data)
            return
        self._spared -= 1
        if self._spared >= 0 or rng.random() < 0.6:
            self._transport.write(data)
        elif rng.random() < 0.5:
            self._transport.write(self._noise.lines())
            self._transport.write(data)
        else:
            lines = bytes(data).split(b"\n")
            rng.shuffle(lines)
            self._transport.write(b"\n".join(lines[: rng.randrange(len(lines)) + 1]) + b"\n")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


@pytest.mark.parametrize("dials", ["the liar dials", "the liar is dialled"])
async def test_noise_of_a_server_of_the_network_hurts_nobody_else(
    world: World, dials: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows the secret and has a key, and is a server in every respect but what it says."""
    lies: dict[int, bool] = {}
    opened = []
    made: Callable[[StreamConnection, Any], None] = StreamConnection.connection_made

    def connection_made(self: StreamConnection, transport: Any) -> None:
        host = id(self._host)
        if host in lies:
            opened.append(self)
            transport = Mangled(transport, world.noise, lambda: lies[host])
        made(self, transport)

    monkeypatch.setattr(StreamConnection, "connection_made", connection_made)
    for number in range(4):
        liar = await world.begin(f"liar-{number}")
        assert liar._runtime is not None
        host = id(liar._runtime.connections)
        # Half of them are of the network before they lie; the others lie on the way.
        lies[host] = bool(number % 2)
        before = len(opened)
        (liar.join if dials == "the liar dials" else world.first.join)(
            world.first.address if dials == "the liar dials" else liar.address
        )
        if not lies[host]:
            await until(lambda: len(liar.snapshot().servers) >= 3)  # noqa: B023
            lies[host] = True
        else:
            await until(lambda: len(opened) > before)  # noqa: B023
        # What a server says by itself, and because of others: each of these is passed on.
        for _ in range(3):
            await world.is_well()
        assert len(opened) > before, "nobody spoke with the liar"
        await liar.abort()
    await world.is_well()


# --- a client ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wire", ["in clear", "encrypted", "encrypted by another network"])
async def test_noise_of_whatever_a_client_connects_to_ends_in_words(
    wire: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A client of a script: it gets somewhere, or says why not, and never hangs."""
    rng = generator("sockets", "client", wire)
    print(f"FUZZ_SEED={drawn_seed()}")
    noise, welcome = Noise(rng, EXAMPLE_LINES), line("LOGIN_SUCCESS", id="x", vector={}, features=["change_secret"])

    said: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            said.append(await reader.read(1 << 16))
            writer.write(rng.choice((b"", welcome, welcome)))
            for _ in range(rng.randrange(6)):
                writer.write(noise.lines())
                await writer.drain()
        writer.close()

    context, trust = None, None
    if wire != "in clear":
        seed = rng.randbytes(32)
        context = NetworkTls(rng.randbytes(32), KeptNetwork(seed, NetworkKey(seed).public, 1.0)).listening
        known = NetworkKey(seed if wire == "encrypted" else rng.randbytes(32))
        trust = NetworkTrust(known.fingerprint)
    listener = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    address = Address(*listener.sockets[0].getsockname()[:2])
    heard = 0
    for _ in range(CALLERS):
        events: list[ClientEvent] = []
        settings = ClientSettings(username="ann", secret="s", reconnect=False, follow_redirects=False, history=5)
        client = Client(settings, [address], events.append, trust=trust)
        running = asyncio.create_task(client.run())
        client.post({"text": "hello"})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await asyncio.shield(running)
        await client.close()
        async with asyncio.timeout(LIMIT):
            await running
        heard += any(isinstance(event, LoggedIn) for event in events)
        assert len(events) < 10_000
    listener.close()
    strange = wire == "encrypted by another network"
    assert bool(heard) == any(said) == (not strange), (
        "nobody is told a name or a secret who is no server of the network"
    )
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
