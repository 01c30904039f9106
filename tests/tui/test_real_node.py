"""The application on a real node: sockets, a database, the protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from core.engine import EngineSettings, Server
from core.engine.engine_settings import PasswordSettings
from core.wire.address import Address
from core.wire.invitations import Invited
from tests.tui.driving import lines_of, screen_text, settled, type_line, until, welcomed
from tui.application.app import ActivityApp
from tui.feed.history import BEGINNING
from tui.model.client_model import ClientModel
from tui.model.network_client import HISTORY, client_factory
from tui.model.network_faces import SignIn


async def running_server(
    directory: Path,
    name: str,
    join: Address | None = None,
    port: int = 0,
    invited: Invited | None = None,
    secret: str = "s",
) -> Server:
    server = Server(
        EngineSettings(
            data_dir=directory / name,
            host="127.0.0.1",
            port=port,
            name=name,
            secret=secret if invited is None else None,
            join=join,
            invited=invited,
            preset="local",
            node={"announce_interval": 0.2},
            passwords=PasswordSettings(memory_kib=64, passes=1),
        )
    )
    await server.start()
    return server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = await running_server(tmp_path, "ada")
    yield server
    await server.abort()


def app_on(server: Server, first: SignIn | None = None) -> ActivityApp:
    model = ClientModel(client_factory((server.advertised,), home=server.connect_local), node=server)
    server.subscribe(model.noticed)

    async def leave() -> int:
        server.request_drain("quit")
        await server.wait_closed()
        return 0

    return ActivityApp(model, first=first, leave=leave)


async def test_a_person_registers_writes_a_line_and_sees_it(server):
    app = app_on(server)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        await pilot.press(*"zoe", "enter")
        await pilot.press(*"pw", "enter")
        await until(pilot, lambda: app.model.online)
        await type_line(pilot, "hello, network")
        await until(pilot, lambda: app.model.feed.arrived == 1 and not app.model.feed.pending())
        await settled(pilot)
        assert "hello, network" in "\n".join(lines_of(app, "#feed"))
        await pilot.press("f5")
        await until(pilot, lambda: "The name zoe is registered" in " ".join(screen_text(app).split()))
        await app.model.stop()


async def test_a_wrong_secret_is_said_and_the_right_one_lets_in(server):
    app = app_on(server, SignIn("register", "zoe", "pw"))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.model.online)
        await app.model.stop()
    app = app_on(server, SignIn("login", "zoe", "wrong"))
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        await pilot.press(*"pw", "enter")
        await until(pilot, lambda: app.model.online)
        await app.model.stop()


async def test_two_servers_see_each_other_and_a_leave_is_told_in_words(server, tmp_path):
    other = await running_server(tmp_path, "byron", server.advertised)
    app = app_on(server, SignIn("register", "zoe", "pw"))
    try:
        async with app.run_test(size=(200, 50)) as pilot:
            await until(pilot, lambda: app.model.online)
            await until(pilot, lambda: any("byron" in line for line in lines_of(app, "#network")))
            await until(pilot, lambda: any("byron" in line for line in lines_of(app, "#connections")))
            other.request_drain("quit")
            await asyncio.wait_for(other.wait_closed(), 10)
            await until(pilot, lambda: not any("byron" in line for line in lines_of(app, "#network")))
            await until(pilot, lambda: any("byron" in line and "leave" in line for line in lines_of(app, "#events")))
            await app.model.stop()
    finally:
        await other.abort()


async def test_quitting_takes_the_node_out_of_the_network(server):
    app = app_on(server, SignIn("anonymous"))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.model.online)
        await pilot.press("ctrl+q", "y", "enter")
        await until(pilot, lambda: app.return_value is not None, 10)
    assert app.return_value == 0
    await asyncio.wait_for(server.wait_closed(), 1)


async def test_a_client_only_sees_the_network_through_its_server(server):
    model = ClientModel(client_factory((server.advertised,), home=None), target=server.advertised)
    app = ActivityApp(model, first=SignIn("register", "bob", "pw"))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: model.online)
        await pilot.press("f6")
        await until(pilot, lambda: any("ada" in line for line in lines_of(app, "#network")))
        await type_line(pilot, "from afar")
        await until(pilot, lambda: model.feed.arrived == 1)
        await pilot.press("ctrl+q")
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value == 0


async def test_who_logs_in_as_somebody_else_sees_what_was_written_while_they_were_nobody(server):
    models = [ClientModel(client_factory((server.advertised,), home=None), target=server.advertised) for _ in range(2)]
    reader, writer = models
    changed = asyncio.Event()
    for model in models:
        model.on_change = changed.set

    async def once(condition: Callable[[], bool]) -> None:
        while not condition():
            changed.clear()
            await changed.wait()

    async with asyncio.timeout(30):
        await writer.enter(SignIn("register", "ann", "pw"))
        await reader.enter(SignIn("anonymous"))
        await once(lambda: reader.online and writer.online)
        writer.write("before")
        await once(lambda: reader.feed.arrived == 1)
        await reader.stop()
        writer.write("meanwhile")
        await once(lambda: writer.feed.arrived == 2)
        await reader.enter(SignIn("login", "nobody-has-this-name", "pw"))
        await once(lambda: reader.stage == "nobody")
        await reader.enter(SignIn("register", "bob", "pw"))
        await once(lambda: reader.feed.arrived == 2)
        for model in models:
            await model.stop()


async def test_who_scrolls_to_the_top_reads_what_is_older_than_the_login_brought(server):
    count = HISTORY + 120
    writer = ClientModel(client_factory((server.advertised,), home=server.connect_local), node=server)
    changed = asyncio.Event()
    writer.on_change = changed.set

    async def once(condition: Callable[[], bool]) -> None:
        while not condition():
            changed.clear()
            await changed.wait()

    await writer.enter(SignIn("register", "ann", "pw"))
    async with asyncio.timeout(30):
        await once(lambda: writer.online)
        for number in range(1, count + 1):
            await once(lambda: len(writer.feed.pending()) < 50)
            writer.write(f"line {number}")
        await once(lambda: writer.feed.arrived == count)
    await writer.stop()
    app = app_on(server, SignIn("anonymous"))
    async with app.run_test(size=(80, 24)) as pilot:
        feed = app.model.feed
        await until(pilot, lambda: feed.arrived == HISTORY, 10)
        await settled(pilot)
        await pilot.press("escape", "g")
        await until(pilot, lambda: app.model.past.above == "all", 10)
        await settled(pilot)
        assert "line 1" in lines_of(app, "#feed")[0]
        await pilot.press("up")
        await settled(pilot)
        assert BEGINNING in lines_of(app, "#feed")[0]
        await app.model.stop()


async def test_a_line_of_ones_own_that_waited_for_the_server_is_not_counted_as_missed(tmp_path):
    server = await running_server(tmp_path, "ada")
    address = server.advertised
    app = ActivityApp(
        ClientModel(client_factory((address,), home=None), target=address), first=SignIn("register", "alice", "pw")
    )
    try:
        async with app.run_test(size=(100, 30)) as pilot:
            await until(pilot, lambda: app.model.online and app.focused is app.main.composer)
            await type_line(pilot, "before")
            await until(pilot, lambda: app.model.feed.arrived == 1)
            await server.abort()
            await until(pilot, lambda: not app.model.online)
            await type_line(pilot, "while it was away")
            assert [each.state for each in app.model.feed.pending()] == ["sending"]
            server = await running_server(tmp_path, "ada", port=address.port)
            await until(pilot, lambda: app.model.online and not app.model.feed.pending())
            await type_line(pilot, "live again")
            await until(pilot, lambda: app.model.feed.arrived == 3)
            await settled(pilot)
            marks = [each.body.decode() for each in app.model.feed.newest_first() if each.state == "mark"]
            assert marks == []
    finally:
        await server.abort()
