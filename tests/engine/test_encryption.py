"""One port for who encrypts and who does not, what a server shows there, and who proves to be one of the network's."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sqlite3
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from core.certificates.leaf import ShownLeaf, read_leaf
from core.engine import EngineSettings, Server
from core.engine.arrivals import lobby as lobby_module
from core.engine.arrivals.lobby import Lobby
from core.engine.sockets.network_tls import NetworkTls
from core.node.interface.actions import Action, AdoptNetwork, Dial, Known
from core.node.interface.events import ConnectionOpened, DialFailed, Event, MessageReceived, NetworkAdopted
from core.store import restore_backup
from core.store.kept_network_setting import read_network
from core.wire.address import Address
from core.wire.codec import decode, encode
from core.wire.messages import InvalidMessage, Login, LoginSuccess, Ping
from tests.engine.harness import CHEAP, LIMIT, Peer, World, frame, until, world
from tests.engine.keys import some_network, some_person, some_tls

Begin = Callable[..., Awaitable[Server]]


@pytest.fixture
async def begin(tmp_path: Path) -> AsyncIterator[Begin]:
    """Starts servers, each in a data directory of its own."""
    servers: list[Server] = []

    async def begin(name: str, **changes: Any) -> Server:
        server = Server(EngineSettings(data_dir=tmp_path / name, host="127.0.0.1", port=0, passwords=CHEAP, **changes))
        await server.start()
        servers.append(server)
        return server

    yield begin
    for server in servers:
        await server.abort()


async def encrypted(port: int, tls: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection by asyncio's own TLS."""
    return await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=""), LIMIT)


async def shown_by(server: Server) -> ShownLeaf:
    _, writer = await encrypted(server.address.port, some_person())
    certificate = writer.get_extra_info("ssl_object").getpeercert(True)
    writer.close()
    return read_leaf(certificate)


async def logs_in(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(encode(Login("anonymous")))
    line = await asyncio.wait_for(reader.readline(), LIMIT)
    assert isinstance(decode(line.rstrip(b"\n")), LoginSuccess)


# --- a server ---------------------------------------------------------------------------------------------------------


async def test_people_are_served_on_one_port_whether_they_encrypt_or_not(begin: Begin) -> None:
    server = await begin("a")
    writers = []
    for tls in (some_person(), None):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.address.port, ssl=tls, server_hostname="" if tls else None
        )
        await logs_in(reader, writer)
        writers.append(writer)
    assert [one.encrypted for one in server.snapshot().connections] == [True, False]
    for writer in writers:
        writer.close()


async def test_a_server_shows_its_own_key_under_the_networks(begin: Begin) -> None:
    server = await begin("a")
    leaf = await shown_by(server)
    assert leaf.fingerprint == server.network == server.snapshot().network
    assert leaf.is_of(server.network)


async def test_servers_of_two_networks_show_two(begin: Begin) -> None:
    assert (await shown_by(await begin("a"))).network != (await shown_by(await begin("b"))).network


async def test_nothing_older_than_tls_1_3_is_spoken_and_no_ticket_is_given(begin: Begin) -> None:
    server = await begin("a")
    old = some_person()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        await encrypted(server.address.port, old)
    assert some_tls().listening.num_tickets == 0
    reader, writer = await encrypted(server.address.port, some_person())
    await logs_in(reader, writer)
    assert not writer.get_extra_info("ssl_object").session.has_ticket
    writer.close()


async def test_a_server_stays_of_its_network_after_a_restart_and_from_a_backup(begin: Begin, tmp_path: Path) -> None:
    server = await begin("a")
    leaf = await shown_by(server)
    backup = await server.backup_now()
    await server.abort()
    assert await shown_by(await begin("a")) == leaf
    restore_backup(backup, tmp_path / "restored")
    assert await shown_by(await begin("restored")) == leaf


async def test_data_without_a_networks_key_gets_one_at_the_next_start(begin: Begin) -> None:
    server = await begin("a")
    first = await shown_by(server)
    await server.abort()
    # As the version before left it.
    with contextlib.closing(sqlite3.connect(server.settings.data_dir / "node.db")) as database, database:
        database.execute("DELETE FROM settings WHERE name = 'network_key'")
    again = await begin("a")
    leaf = await shown_by(again)
    assert leaf.server == first.server
    assert leaf.network != first.network
    assert [one.text for one in again.notices if one.kind == "security"] == [
        f"the data had no key of the network: it has one now, {again.network}"
    ]
    await again.abort()
    assert await shown_by(await begin("a")) == leaf


async def test_a_server_whose_database_is_damaged_stays_of_its_network(begin: Begin) -> None:
    server = await begin("a")
    leaf = await shown_by(server)
    await server.abort()
    database = server.settings.data_dir / "node.db"
    with database.open("r+b") as file:
        for place in range(100, database.stat().st_size, 64):
            file.seek(place)
            file.write(b"\xff" * 8)
    again = await begin("a")
    assert await shown_by(again) == leaf
    assert any("damaged" in notice.text for notice in again.notices)


@pytest.mark.parametrize("joins", [False, True])
async def test_who_begins_a_network_has_founded_it_and_who_is_to_join_one_has_not(begin: Begin, joins: bool) -> None:
    server = await begin("a", join=Address("127.0.0.1", 9) if joins else None)
    network = await server._store_thread().call(read_network)
    assert network is not None
    assert (network.founded_at is None) == joins


# --- who dials --------------------------------------------------------------------------------------------------------


def dials(port: int, *, shows: bool = True) -> list[Action]:
    return [Dial(1, Address("127.0.0.1", port), encrypted=True, shows=shows)]


async def test_servers_of_one_network_prove_to_each_other_who_they_are() -> None:
    network = some_network()
    one, other = some_tls(network), some_tls(network)
    async with world(tls=other, lobby=LIMIT) as there, world(tls=one, starting=dials(there.port)) as here:
        (out,) = await here.node.told(ConnectionOpened)
        (into,) = await there.node.told(ConnectionOpened)
        assert out.encrypted and into.encrypted
        assert out.shown is not None and into.shown is not None
        assert out.shown.network == into.shown.network == network.key
        assert out.shown.server != into.shown.server
        assert (out.dial, into.dial) == (1, None)


async def test_who_dials_without_showing_who_it_is_learns_all_the_same_who_the_other_is() -> None:
    one, other = some_tls(), some_tls()
    async with (
        world(tls=other, lobby=LIMIT) as there,
        world(tls=one, starting=dials(there.port, shows=False)) as here,
    ):
        (out,) = await here.node.told(ConnectionOpened)
        (into,) = await there.node.told(ConnectionOpened)
        assert out.shown is not None and out.shown.network == other.network.key
        assert into.shown is None and into.encrypted


async def test_a_server_of_another_network_is_never_told_of_to_the_node() -> None:
    async with world(tls=some_tls(), lobby=LIMIT) as there, world(tls=some_tls(), starting=dials(there.port)):
        await until(lambda: there.runtime.connections.lobby is not None and not there.runtime.queues()["connections"])
        peer = await there.client_that_says(frame(7).data)
        assert len(there.node.of(ConnectionOpened)) == 1
        peer.close()


@pytest.mark.parametrize("said", [b"", b'{"command":"INVALID_MESSAGE"}\n', b"\x15\x03\x03\x00\x02\x02\x50"])
async def test_whoever_speaks_in_clear_where_a_server_is_dialled_is_not_one(said: bytes) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    loop = asyncio.get_running_loop()
    async with world(tls=some_tls(), starting=dials(listener.getsockname()[1])) as here:
        accepted, _ = await asyncio.wait_for(loop.sock_accept(listener), LIMIT)
        await loop.sock_sendall(accepted, said)
        assert (await loop.sock_recv(accepted, 1)) == b"\x16"
        accepted.close()
        (failed,) = await here.node.told(DialFailed)
        assert "no encrypted connection could be made" in failed.reason
        assert not here.node.of(ConnectionOpened)
    listener.close()


async def test_who_dials_someone_that_has_a_certificate_of_another_make_does_not_take_it_for_a_server(
    tmp_path: Path,
) -> None:
    strange = _strange_certificate(tmp_path)
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0, ssl=strange)
    port = server.sockets[0].getsockname()[1]
    async with world(tls=some_tls(), starting=dials(port)) as here:
        (failed,) = await here.node.told(DialFailed)
        assert "not known" in failed.reason
        assert not here.node.of(ConnectionOpened)
    server.close()


def _strange_certificate(directory: Path) -> ssl.SSLContext:
    from tests.benchmarks.other_certificate import certificate

    files = certificate(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    return context


# --- another network --------------------------------------------------------------------------------------------------


async def test_a_server_that_is_taken_into_another_network_shows_itself_there_and_how_it_came() -> None:
    tls, wanted = some_tls(), some_network(founded_at=0.5)
    before = tls.network

    def script(event: Event) -> list[Action]:
        return [AdoptNetwork(wanted)] if isinstance(event, MessageReceived) else []

    async with world(script, tls=tls, lobby=LIMIT) as here:
        peer = await here.client_that_says(frame(1).data)
        (adopted,) = await here.node.told(NetworkAdopted)
        assert (adopted.network.key, adopted.network.founded_at) == (wanted.key, 0.5)
        _, writer = await encrypted(here.port, some_person())
        leaf = read_leaf(writer.get_extra_info("ssl_object").getpeercert(True))
        assert leaf.network == wanted.key
        assert leaf.is_of(NetworkTls(bytes(32), before).fingerprint)
        await until(lambda: read_network(here.store) == adopted.network)
        writer.close()
        peer.close()


# --- floods -----------------------------------------------------------------------------------------------------------


pytest_lobby = pytest.mark.skipif(not Lobby.possible(), reason="this system has no epoll")


async def half_open(here: World, count: int, source: str = "127.0.0.1") -> list[Peer]:
    """So many that say the first byte of a handshake, and nothing more."""
    peers = [await Peer.dial(here.port, source=source) for _ in range(count)]
    for peer in peers:
        await peer.say(b"\x16")
    return peers


async def ended(peer: Peer) -> bool:
    """Wait until it is sent away; whether nothing was said to it."""
    try:
        return await peer.rest() == b""
    except ConnectionResetError:
        # What it has said was not read.
        return True


def agreeing(here: World) -> int:
    return here.runtime.queues()["connections being encrypted"]


@pytest_lobby
async def test_of_those_who_never_agree_on_keys_the_oldest_go_of_the_address_that_has_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lobby_module, "AGREEING_MAX", 10)
    async with world(tls=some_tls(), lobby=LIMIT) as here:
        honest = (await half_open(here, 1, "127.0.0.2"))[0]
        await until(lambda: agreeing(here) == 1)
        flood = await half_open(here, 30)
        assert await ended(flood[0])
        await until(lambda: agreeing(here) == 10)
        _, writer = await encrypted(here.port, some_person())
        writer.write(frame(1).data)
        assert await here.node.numbers(1) == [1]
        honest.sock.send(b"\x03\x01")
        with pytest.raises(BlockingIOError):
            honest.sock.recv(1)
        assert not here.node.of(ConnectionOpened)[1:]
        writer.close()
        for peer in (*flood, honest):
            peer.close()


@pytest_lobby
async def test_those_who_agree_on_keys_count_as_connections_and_give_way_when_there_is_no_room() -> None:
    async with world(tls=some_tls(), lobby=LIMIT, connections=20) as here:
        flood = await half_open(here, 60)
        await until(lambda: 0 < agreeing(here) <= 20)
        for number in range(5):
            honest = await Peer.dial(here.port, source=f"127.0.0.{2 + number}")
            await honest.ping(number)
            await here.node.told(MessageReceived, number + 1)
            flood.append(honest)
        taken = agreeing(here) + len(here.runtime.connections.open)
        assert taken <= 20
        for peer in flood:
            peer.close()
        await until(lambda: agreeing(here) == 0 and not len(here.runtime.connections.strangers))


@pytest_lobby
async def test_who_takes_too_long_to_agree_on_keys_keeps_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.engine.arrivals import accepting

    monkeypatch.setattr(accepting, "HANDSHAKE_LIMIT", 0.1)
    async with world(tls=some_tls(), lobby=LIMIT) as here:
        (peer,) = await half_open(here, 1)
        assert await ended(peer)
        await until(lambda: agreeing(here) == 0 and not len(here.runtime.connections.strangers))
        assert not here.node.events
        peer.close()


@pytest_lobby
async def test_who_encrypts_and_finds_no_room_is_told_so_in_a_way_that_it_understands() -> None:
    def script(event: Event) -> list[Action]:
        return [Known(event.conn, named=True)] if isinstance(event, MessageReceived) else []

    async with world(script, tls=some_tls(), lobby=LIMIT, connections=1) as here:
        only = await Peer.dial(here.port, source="127.0.0.2")
        await only.ping(1)
        await here.node.told(MessageReceived)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await encrypted(here.port, some_person())
        plain = await Peer.dial(here.port)
        assert isinstance(decode((await plain.rest()).rstrip(b"\n")), InvalidMessage)
        plain.close()
        only.close()


@pytest_lobby
async def test_what_comes_behind_a_handshake_in_the_same_packet_is_read() -> None:
    async with world(tls=some_tls(), lobby=LIMIT) as here:
        _, writer = await encrypted(here.port, some_person())
        writer.write(b"".join(frame(number).data for number in range(1000)))
        assert await here.node.numbers(1000) == list(range(1000))
        assert all(isinstance(one, Ping) for one in here.node.messages)
        writer.close()
