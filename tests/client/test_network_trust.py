"""Whoever listens where a server of the network should is told nothing and believed nothing, whatever they try."""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest

from core.certificates.leaf import Leaf, make_leaf
from core.certificates.network_key import NetworkKey
from core.certificates.succession import succeed
from core.client import Client, ClientEvent, ClientSettings, Connecting, GaveUp, LoggedIn, NetworkTrust
from core.client.client_events import StrangeServer
from core.engine.sockets.network_tls import NetworkTls, load_leaf
from core.wire.address import Address
from core.wire.codec import encode
from core.wire.kept_network import KeptNetwork
from core.wire.messages import LoginSuccess

LIMIT = 10.0
SECRET = "a-secret-that-nobody-else-hears"
TRIES = 125
"""Of each kind of rogue: a thousand together."""
SETTINGS = ClientSettings("alice", SECRET, retry_min=0.001, retry_max=0.002, connect_limit=2.0)

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def network_of(key: NetworkKey, *before: NetworkKey) -> KeptNetwork:
    return KeptNetwork(key.seed, key.public, 1.0, tuple(succeed(one, key.public) for one in before))


def some_key() -> NetworkKey:
    return NetworkKey(secrets.token_bytes(32))


KNOWN = some_key()


def shows(certificate: str, private: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_leaf(context, Leaf(certificate, private))
    return context


def of_another_network() -> ssl.SSLContext:
    return NetworkTls(secrets.token_bytes(32), network_of(some_key())).listening


def with_a_forged_signature() -> ssl.SSLContext:
    """It names the known network, which has not signed it."""
    seed = secrets.token_bytes(32)
    leaf = make_leaf(KNOWN, seed)
    whole = ssl.PEM_cert_to_DER_cert(leaf.certificate)
    return shows(ssl.DER_cert_to_PEM_cert(whole[:-64] + some_key().sign(whole[4:-74])), leaf.key)


def with_a_succession_that_was_made_up() -> ssl.SSLContext:
    thief = some_key()
    claimed = succeed(thief, thief.public)
    made_up = claimed.__class__(KNOWN.public, thief.public, claimed.signature)
    return NetworkTls(secrets.token_bytes(32), KeptNetwork(thief.seed, thief.public, 1.0, (made_up,))).listening


def with_a_network_that_gave_way_to_the_known_one() -> ssl.SSLContext:
    """A former key leads to the known one, and not back."""
    former = some_key()
    led = succeed(former, KNOWN.public)
    return NetworkTls(secrets.token_bytes(32), KeptNetwork(former.seed, former.public, 1.0, (led,))).listening


LETS_IN = (
    encode(LoginSuccess("welcome", id="n")) + b'{"command":"ACTIVITY_BROADCAST","activity":{"text":"believe me"}}\n'
)


class Rogue:
    """Listens, and writes down all that is said to it, in clear and decrypted."""

    def __init__(self) -> None:
        self.visits = 0
        self.raw = bytearray()
        self.said = bytearray()

    @contextlib.asynccontextmanager
    async def listening(self, make_tls: Callable[[], ssl.SSLContext] | None, says: bytes) -> AsyncIterator[Address]:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.visits += 1
            with contextlib.suppress(OSError, TimeoutError):
                if make_tls is not None:
                    await writer.start_tls(make_tls())
                    writer.write(LETS_IN)
                    self.said += await asyncio.wait_for(reader.read(65536), 0.5)
                else:
                    self.raw += await asyncio.wait_for(reader.read(65536), 0.5)
                    if says:
                        writer.write(says)
                        self.raw += await asyncio.wait_for(reader.read(65536), 0.5)
            writer.transport.abort()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        yield Address(*server.sockets[0].getsockname()[:2])
        server.close()


@contextlib.asynccontextmanager
async def running(addresses: Sequence[Address], trust: NetworkTrust | None) -> AsyncIterator[list[ClientEvent]]:
    told: list[ClientEvent] = []
    client = Client(SETTINGS, addresses, told.append, trust=trust)
    task = asyncio.create_task(client.run())
    try:
        yield told
    finally:
        await client.close()
        await task


async def until(condition: Callable[[], bool], limit: float = LIMIT) -> None:
    async with asyncio.timeout(limit):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


NOISE = random.Random(7)
CLEAR: dict[str, bytes] = {
    "a server in clear": LETS_IN,
    "nothing": b"",
    "noise": NOISE.randbytes(2000),
    "an alert": b"\x15\x03\x03\x00\x02\x02\x28",
}
ENCRYPTED: dict[str, Callable[[], ssl.SSLContext]] = {
    "another network": of_another_network,
    "a forged signature": with_a_forged_signature,
    "a succession that was made up": with_a_succession_that_was_made_up,
    "a network that gave way to the known one": with_a_network_that_gave_way_to_the_known_one,
}


@pytest.mark.parametrize("kind", [*CLEAR, *ENCRYPTED])
async def test_a_rogue_hears_no_secret_and_is_not_believed_in_any_of_so_many_tries(kind: str) -> None:
    rogue = Rogue()
    if kind in ENCRYPTED:
        # Signing anew each time would take most of the time.
        tls = ENCRYPTED[kind]()
    async with (
        rogue.listening((lambda: tls) if kind in ENCRYPTED else None, CLEAR.get(kind, b"")) as address,
        running([address], NetworkTrust(KNOWN.fingerprint)) as told,
    ):
        await until(lambda: rogue.visits >= TRIES, 60.0)
    assert rogue.said == b""
    assert SECRET.encode() not in rogue.raw and b"alice" not in rogue.raw
    assert {type(one).__name__ for one in told} <= {"Connecting", "Disconnected", "StrangeServer", "GaveUp"}
    if kind not in ("nothing", "an alert"):
        strange = [one for one in told if isinstance(one, StrangeServer)]
        assert len(strange) >= TRIES - 5
        assert all((one.address, one.known) == (address, KNOWN.fingerprint) for one in strange)
        assert all((one.shown is not None) == (kind in ENCRYPTED and "forged" not in kind) for one in strange)


@contextlib.asynccontextmanager
async def server_of(tls: NetworkTls) -> AsyncIterator[tuple[Address, list[bytes]]]:
    """One that lets everybody in; what was said to it."""
    said: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            said.append(await reader.readline())
            writer.write(LETS_IN)
            await reader.read()
        writer.transport.abort()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls.listening)
    yield Address(*server.sockets[0].getsockname()[:2]), said
    server.close()


async def test_a_client_goes_on_to_a_server_of_its_network_where_another_address_has_been_taken() -> None:
    rogue = Rogue()
    async with (
        rogue.listening(None, LETS_IN) as taken,
        server_of(NetworkTls(secrets.token_bytes(32), network_of(KNOWN))) as (address, said),
        running([taken, address], NetworkTrust(KNOWN.fingerprint)) as told,
    ):
        await until(lambda: any(isinstance(one, LoggedIn) for one in told))
        assert SECRET.encode() in said[0]
        assert [one.address for one in told if isinstance(one, Connecting)] == [taken, address]
    assert isinstance(told[-1], GaveUp)


async def test_whom_the_network_has_become_is_known_from_then_on() -> None:
    new = some_key()
    succeeded: list[tuple[str, str]] = []
    met: list[Address] = []
    trust = NetworkTrust(
        KNOWN.fingerprint, on_met=met.append, on_succeeded=lambda old, new: succeeded.append((old, new))
    )
    async with (
        server_of(NetworkTls(secrets.token_bytes(32), network_of(new, KNOWN))) as (address, _),
        running([address], trust) as told,
    ):
        await until(lambda: any(isinstance(one, LoggedIn) for one in told))
    assert succeeded == [(KNOWN.fingerprint, new.fingerprint)]
    assert (trust.fingerprint, met) == (new.fingerprint, [address])


async def test_a_client_at_home_that_knows_no_network_talks_to_nobody_else() -> None:
    def nobody() -> socket.socket:
        raise OSError("the server has ended")

    rogue = Rogue()
    async with rogue.listening(None, LETS_IN) as address:
        told: list[ClientEvent] = []
        client = Client(SETTINGS, [address], told.append, home=nobody)
        task = asyncio.create_task(client.run())
        await until(lambda: sum(isinstance(one, Connecting) and one.address == address for one in told) > 2)
        await client.close()
        await task
    assert rogue.visits == 0


async def test_a_home_that_is_gone_does_not_keep_the_client_from_other_servers_of_its_network() -> None:
    class NodeGone(Exception):
        pass

    def gone() -> socket.socket:
        raise NodeGone("the server is not running")

    async with server_of(NetworkTls(secrets.token_bytes(32), network_of(KNOWN))) as (address, _):
        told: list[ClientEvent] = []
        client = Client(SETTINGS, [address], told.append, home=gone, trust=NetworkTrust(KNOWN.fingerprint))
        task = asyncio.create_task(client.run())
        await until(lambda: any(isinstance(one, LoggedIn) for one in told))
        await client.close()
        await task


async def test_a_client_at_home_looks_at_no_certificate() -> None:
    theirs, ours = socket.socketpair()
    theirs.setblocking(False)
    told: list[ClientEvent] = []
    client = Client(SETTINGS, [], told.append, home=lambda: ours, trust=NetworkTrust(KNOWN.fingerprint))
    task = asyncio.create_task(client.run())
    line = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(theirs, 65536), LIMIT)
    assert b"LOGIN" in line
    await client.close()
    await task
    theirs.close()
