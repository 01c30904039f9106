"""A whole server around a scripted node: starting, ending, and what an application asks of it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import random
import socket
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.engine import (
    CannotBind,
    ConnectionLimits,
    DataDirectoryInUse,
    DataDirectoryUnusable,
    EngineSettings,
    NotRunning,
    Server,
)
from core.engine import server as module
from core.engine.threads.opening_store import SECRET_SETTING
from core.node.interface.actions import Action, Broadcast, Finished, Notify, Persist, Send, Subscribe
from core.node.interface.events import (
    ConnectionClosed,
    ConnectionOpened,
    DisconnectRequested,
    DrainRequested,
    Event,
    JoinRequested,
    MessageReceived,
    Now,
)
from core.node.interface.node_config import NodeConfig
from core.node.interface.notices import Notice
from core.store.kept_network_setting import keep_network
from core.wire.address import Address
from core.wire.messages import Ping
from core.wire.recovered import Recovered
from tests.engine.harness import CHEAP, LIMIT, MemoryStore, Peer, ScriptedNode, entry, frame, until
from tests.engine.keys import some_network

Script = Callable[[Event], list[Action]]


class Place:
    """Makes servers with scripted nodes and stores in memory."""

    def __init__(self, data_dir: Path) -> None:
        self.settings = EngineSettings(
            data_dir=data_dir,
            host="127.0.0.1",
            port=0,
            passwords=CHEAP,
            limits=ConnectionLimits(linger=0.1),
        )
        self.node = ScriptedNode()
        self.store = MemoryStore()
        self.config: NodeConfig | None = None
        self.servers: list[Server] = []

    def make_node(self, config: NodeConfig, recovered: Recovered, rng: random.Random, now: Now) -> ScriptedNode:
        self.config = config
        return self.node

    def make_store(self, settings: EngineSettings) -> tuple[MemoryStore, Recovered]:
        return self.store, Recovered("node-1", 1)

    def server(self, script: Script | None = None, **changes: object) -> Server:
        if script is not None:
            self.node.script = script
        settings = replace(self.settings, **changes)
        made = Server(settings, make_node=self.make_node, make_store=self.make_store)
        self.servers.append(made)
        return made

    async def running(self, script: Script | None = None, **changes: object) -> Server:
        server = self.server(script, **changes)
        await server.start()
        return server


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path / "data")
    yield made
    made.store.gate.set()
    made.store.backup_gate.set()
    for server in made.servers:
        await server.abort()
    leftover = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert leftover == []


# --- starting -----------------------------------------------------------------------------------------------------


async def test_a_server_takes_connections_where_it_says(place: Place) -> None:
    server = await place.running()
    peer = await Peer.dial(server.address.port)
    await peer.ping(0)
    await place.node.told(ConnectionOpened)
    assert server.address == peer.sock.getpeername()
    assert server.advertised == server.address
    assert server.node_id == "node-1"
    peer.close()


async def test_the_node_is_told_the_settings(place: Place) -> None:
    await place.running(
        name="harbour",
        secret="s3cret",
        advertise=Address("node.example", 0),
        preset="wan",
        node={"announce_interval": 7.0, "anonymous": False, "redirects": False, "drain_limit": 9.0},
    )
    config = place.config
    assert config is not None
    assert (config.name, config.secret, config.hostname) == ("harbour", "s3cret", "node.example")
    assert config.port == place.servers[0].address.port
    assert (config.announce_interval, config.anonymous, config.redirects) == (7.0, False, False)
    assert (config.dial_limit, config.drain_limit) == (15.0, 9.0)


async def test_the_server_to_join_is_handed_to_the_node(place: Place) -> None:
    server = await place.running(join=Address("a.example", 1))
    server.join(Address("b.example", 2))
    joined = await place.node.told(JoinRequested, 2)
    assert [one.address.host for one in joined] == ["a.example", "b.example"]


async def test_a_secret_is_made_once_and_kept(place: Place) -> None:
    first = await place.running()
    assert len(first.secret) >= 20
    await first.abort()
    second = await place.running()
    assert second.secret == first.secret
    await second.abort()
    third = await place.running(secret="given")
    assert third.secret == "given"
    await third.abort()
    fourth = await place.running()
    assert fourth.secret == first.secret, "the one that was given was for that start"
    await fourth.abort()
    fifth = await place.running(secret="of the network that was joined")
    await fifth.keep_secret()
    await fifth.abort()
    assert (await place.running()).secret == "of the network that was joined"


async def test_a_taken_port_is_refused_and_nothing_is_left_behind(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CannotBind, match=str(port)):
            await place.running(port=port)
    server = await place.running(port=port)
    assert server.address.port == port


async def test_a_port_that_is_taken_only_when_listening_begins_is_refused_in_words(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = place.make_store

    def slow_store(settings: EngineSettings) -> tuple[MemoryStore, Recovered]:
        late = socket.socket()
        late.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        late.bind(("127.0.0.1", port))
        late.listen()
        stack.callback(late.close)
        return real(settings)

    with contextlib.ExitStack() as stack, socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        monkeypatch.setattr(place, "make_store", slow_store)
        with pytest.raises(CannotBind, match="another program does already"):
            await place.running(port=port)
    assert place.store.closed


async def test_a_node_that_cannot_start_leaves_nothing_behind(place: Place) -> None:
    def make_node(*_: object) -> ScriptedNode:
        raise ValueError("bad settings")

    place.make_node = make_node  # type: ignore[method-assign, assignment]
    server = place.server()
    with pytest.raises(ValueError, match="bad settings"):
        await server.start()
    assert place.store.closed
    with pytest.raises(NotRunning):
        server.snapshot()


async def test_a_start_that_is_cancelled_leaves_nothing_behind(place: Place) -> None:
    place.store.gate.clear()
    starting = asyncio.create_task(place.server().start())
    await asyncio.to_thread(place.store.reached.wait, LIMIT)
    starting.cancel()
    await asyncio.sleep(0.01)
    place.store.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert place.store.closed


# --- what goes on -------------------------------------------------------------------------------------------------


async def test_a_local_connection_speaks_the_protocol_and_is_vouched_for(place: Place) -> None:
    def script(event: Event) -> list[Action]:
        match event:
            case MessageReceived(conn, Ping(number)):
                return [Send(conn, frame(number + 1))]
        return []

    server = await place.running(script)
    peer = Peer(server.connect_local("ada"))
    await peer.ping(1)
    assert await peer.hear(len(frame(2).data)) == frame(2).data
    (opened,) = place.node.of(ConnectionOpened)
    assert (opened.origin, opened.vouched, opened.peer.host) == ("local", "ada", "local")
    peer.close()
    await place.node.told(ConnectionClosed)


async def test_a_connection_from_outside_is_vouched_for_by_nobody(place: Place) -> None:
    server = await place.running()
    peer = await Peer.dial(server.address.port)
    await peer.ping(0)
    peer.close()
    (opened,) = await place.node.told(ConnectionOpened)
    assert (opened.origin, opened.vouched) == ("inbound", None)


async def test_snapshots_are_shared_for_a_moment(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    server = await place.running()
    assert server.snapshot() is server.snapshot()
    assert place.node.snapshots == 1
    monkeypatch.setattr(module, "SNAPSHOT_AGE_MAX", 0.0)
    server.snapshot()
    assert place.node.snapshots == 2


async def test_the_last_snapshot_is_there_after_the_end(place: Place) -> None:
    server = await place.running()
    await server.abort()
    assert server.snapshot().id == "n"


async def test_notices_are_kept_and_told_to_subscribers_until_they_leave(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.node.starting = [Notify(Notice(0.0, "listening", "early"))]

    def script(event: Event) -> list[Action]:
        return [Notify(Notice(1.0, "joined", str(event.address.port)))] if isinstance(event, JoinRequested) else []

    def failing(notice: Notice) -> None:
        raise ZeroDivisionError

    server = await place.running(script)
    heard: list[str] = []
    server.subscribe(failing)
    unsubscribe = server.subscribe(lambda notice: heard.append(notice.text))
    server.join(Address("h", 1))
    unsubscribe()
    unsubscribe()
    server.join(Address("h", 2))
    assert heard == ["1"]
    assert [notice.text for notice in server.notices] == ["early", "1", "2"]
    assert "a subscriber could not take a notice" in caplog.text


async def test_traffic_is_told_by_connection(place: Place) -> None:
    server = await place.running()
    peer = await Peer.dial(server.address.port)
    await peer.ping(1)
    await place.node.numbers(1)
    ((conn, traffic),) = server.traffic().items()
    assert conn == place.node.of(ConnectionOpened)[0].conn
    assert traffic.messages_in == 1
    peer.close()


async def test_disconnecting_is_the_nodes_affair(place: Place) -> None:
    server = await place.running()
    server.disconnect(7, "spam")
    assert place.node.of(DisconnectRequested) == [DisconnectRequested(7, "spam")]


async def test_history_comes_from_the_store(place: Place) -> None:
    place.node.starting = [Persist(1, tuple(entry(seq) for seq in range(1, 6)))]
    server = await place.running()
    page = await server.history(newest=2)
    assert [one.id.seq for one in page.entries] == [4, 5]
    assert len((await server.history()).entries) == 5


# --- housekeeping -------------------------------------------------------------------------------------------------


async def test_a_backup_is_written_on_demand_and_told(place: Place) -> None:
    server = await place.running()
    path = await server.backup_now()
    assert path == place.settings.data_dir / "backups" / "backup-0"
    assert list(server.notices)[-1].kind == "backup"
    assert str(path) in list(server.notices)[-1].text


async def test_backups_are_written_at_the_interval(place: Place) -> None:
    await place.running(backup_interval=0.02)
    await until(lambda: len(place.store.backups) >= 3)


async def test_no_backup_is_written_when_the_interval_is_zero(place: Place) -> None:
    server = await place.running(backup_interval=0.0)
    assert server._runtime is not None
    assert sorted(task.get_name() for task in server._runtime._tasks) == ["damage", "retention"]


async def test_a_backup_that_fails_is_told_and_tried_again(place: Place) -> None:
    place.store.settings[SECRET_SETTING] = "kept"
    keep_network(place.store, some_network())
    place.store.failure = OSError("disk full")
    server = await place.running(backup_interval=0.02)
    await until(lambda: len(server.notices) >= 2)
    assert (list(server.notices)[-1].kind, list(server.notices)[-1].severity) == ("backup", "error")
    assert "disk full" in list(server.notices)[-1].text
    place.store.failure = None
    await until(lambda: bool(place.store.backups))


async def test_old_activities_are_trimmed_step_by_step(place: Place) -> None:
    await place.running(trim_interval=0.02)
    await until(lambda: place.store.trimmed >= 6)


# --- ending -------------------------------------------------------------------------------------------------------


def leaving(event: Event) -> list[Action]:
    match event:
        case ConnectionOpened(conn):
            return [Subscribe(conn)]
        case DrainRequested():
            return [Broadcast(frame(1)), Finished(("one thing",))]
    return []


async def test_a_drained_server_says_its_last_words_and_what_it_could_not_do(place: Place) -> None:
    server = await place.running(leaving)
    peer = await Peer.dial(server.address.port)
    await peer.ping(0)
    await place.node.told(ConnectionOpened)
    server.request_drain("maintenance")
    assert place.node.of(DrainRequested) == [DrainRequested("maintenance")]
    assert await peer.rest() == frame(1).data
    peer.close()
    assert await server.wait_closed() == ("one thing",)
    assert place.store.closed
    with pytest.raises(ConnectionRefusedError):
        await Peer.dial(server.address.port)


async def test_draining_twice_is_draining_once(place: Place) -> None:
    server = await place.running()
    server.request_drain()
    server.request_drain()
    assert len(place.node.of(DrainRequested)) == 1


async def test_a_node_that_does_not_finish_leaving_is_ended_all_the_same(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DRAIN_GRACE", 0.05)
    server = await place.running(node={"drain_limit": 0.05})
    server.request_drain()
    assert await server.wait_closed() == ("the node did not finish leaving",)


async def test_what_was_asked_for_before_the_end_is_on_disk(place: Place) -> None:
    def script(event: Event) -> list[Action]:
        return [Persist(1, (entry(1),)), Finished()] if isinstance(event, DrainRequested) else []

    server = await place.running(script)
    server.request_drain()
    assert await server.wait_closed() == ()
    assert place.store.records == [entry(1)]


async def test_a_disk_that_hangs_does_not_keep_the_server_from_ending(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STORE_LIMIT", 0.05)
    place.node.starting = [Persist(1, (entry(1),))]
    server = await place.running(leaving, secret="s")
    place.store.gate.clear()
    place.store.reached.clear()
    assert server._persistence is not None
    server._persistence.persist(2, (entry(2),))
    await asyncio.to_thread(place.store.reached.wait, LIMIT)
    server.request_drain()
    assert await server.wait_closed() == ("one thing", "the disk did not answer in time")


async def test_an_abort_ends_everything_at_once(place: Place) -> None:
    server = await place.running(limits=ConnectionLimits(linger=LIMIT))
    peer = await Peer.dial(server.address.port)
    await peer.ping(0)
    await place.node.told(ConnectionOpened)
    async with asyncio.timeout(1.0):
        await server.abort()
    assert await server.wait_closed() == ("the server was ended at once",)
    with contextlib.suppress(ConnectionResetError):
        assert await peer.rest() == b""
    peer.close()


async def test_an_abort_cuts_an_orderly_end_short(place: Place) -> None:
    server = await place.running(leaving, limits=ConnectionLimits(linger=LIMIT))
    peer = await Peer.dial(server.address.port)
    await peer.ping(0)
    await place.node.told(ConnectionOpened)
    server.request_drain()
    await peer.hear(len(frame(1).data))
    async with asyncio.timeout(1.0):
        await server.abort()
    peer.close()


async def test_nothing_can_be_asked_of_a_server_that_does_not_run(place: Place) -> None:
    server = place.server()
    with pytest.raises(NotRunning):
        server.connect_local()
    assert await server.wait_closed() == ()
    await server.start()
    await server.abort()
    with pytest.raises(NotRunning):
        server.join(Address("h", 1))
    with pytest.raises(NotRunning):
        await server.backup_now()
    server.request_drain()


# --- the real store -----------------------------------------------------------------------------------------------


async def test_the_data_directory_is_made_private_and_remembers_identity_and_secret(place: Place) -> None:
    first = Server(place.settings, make_node=place.make_node)
    await first.start()
    assert stat.S_IMODE(place.settings.data_dir.stat().st_mode) == 0o700
    await first.abort()
    second = Server(place.settings, make_node=place.make_node)
    await second.start()
    place.servers.append(second)
    assert (second.node_id, second.secret) == (first.node_id, first.secret)


async def test_two_servers_never_share_a_data_directory(place: Place) -> None:
    first = Server(place.settings, make_node=place.make_node)
    await first.start()
    place.servers.append(first)
    with pytest.raises(DataDirectoryInUse, match="in use by process"):
        await Server(place.settings, make_node=place.make_node).start()


async def test_a_data_directory_that_cannot_be_one_is_refused_in_words(place: Place, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    settings = replace(place.settings, data_dir=tmp_path / "file")
    with pytest.raises(DataDirectoryUnusable, match="cannot be used"):
        await Server(settings, make_node=place.make_node).start()


async def test_a_backup_of_the_real_store_is_a_private_file(place: Place) -> None:
    server = Server(place.settings, make_node=place.make_node)
    await server.start()
    place.servers.append(server)
    path = await server.backup_now()
    assert path.parent == place.settings.data_dir / "backups"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_that_the_system_has_no_room_for_a_connection_is_told_once_a_minute(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await place.running()

    def told() -> int:
        return sum("nobody else can connect" in notice.text for notice in server.notices)

    for _ in range(20):
        server._exhausted(OSError(errno.EMFILE, "Too many open files"))
    assert told() == 1
    monkeypatch.setattr(module, "EXHAUSTED_TOLD", 0.0)
    server._exhausted(OSError(errno.EMFILE, "Too many open files"))
    assert told() == 2
