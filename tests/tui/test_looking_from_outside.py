"""What somebody without a server sees: while they are not logged in, of a base server, and of their own connection."""

from __future__ import annotations

import socket

import pytest

from core.client.client_events import Connecting, Disconnected
from core.wire.address import Address
from tests.terminal.pseudo import ALTERNATE_SCREEN_OFF, Terminal
from tests.tui.driving import lines_of, ready, screen_text, settled, until, welcomed
from tests.tui.fakes import FakeClient, World
from tui.screens.asking import ConfirmScreen
from tui.screens.reading import ReadingScreen

PANES = {"f3": "connections", "f4": "users", "f6": "network"}


@pytest.mark.parametrize("key", PANES)
async def test_who_is_not_logged_in_is_told_what_is_needed_and_not_to_wait(key):
    app = World(node=False).app(first=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        await pilot.press("escape", "escape", key)
        await settled(pilot)
        shown = screen_text(app)
        assert "Waiting for the first look" not in shown
        assert "/login" in shown or key == "f3"
        assert "not logged in at 192.0.2.1:3780" in shown


async def test_the_own_connection_is_in_the_list_before_the_login_and_after_it():
    world = World(node=False)
    app = world.app(first=None)
    async with app.run_test(size=(120, 24)) as pilot:
        await welcomed(pilot)
        await pilot.press("escape", "escape", "f3")
        await settled(pilot)
        [row] = [line for line in lines_of(app, "#connections") if "192.0.2.1:3780" in line]
        assert "you" in row and "not logged in" in row
        await pilot.press("ctrl+p")
        await until(pilot, lambda: app.screen is not app.main, 30.0)
        await pilot.press("escape")
        app.action_identity()
        await welcomed(pilot)
        await pilot.press(*"zoe", "enter", *"pw", "enter")
        await until(pilot, lambda: app.model.online, 30.0)
        await until(pilot, lambda: any("zoe (you)" in line for line in lines_of(app, "#connections")), 30.0)
        [row] = [line for line in lines_of(app, "#connections") if "zoe (you)" in line]
        assert "logged in" in row and "192.0.2.1:3780" in row


async def test_the_own_connection_tells_how_it_stands_and_its_details():
    world = World(node=False)
    app = world.app()
    async with app.run_test(size=(120, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f3")
        world.client.tell(Disconnected("the server closed the connection", 3.0))
        await settled(pilot)
        assert any("alice (you)" in line and "waiting" in line for line in lines_of(app, "#connections"))
        world.client.tell(Connecting(Address("192.0.2.2", 3780)))
        await settled(pilot)
        assert any("connecting" in line and "192.0.2.2:3780" in line for line in lines_of(app, "#connections"))
        await pilot.press("home", "enter")
        await until(pilot, lambda: isinstance(app.screen, ReadingScreen), 30.0)
        await settled(pilot)
        assert "your own connection" in screen_text(app)


async def test_a_picture_of_the_network_that_is_old_says_so():
    world = World(node=False)
    app = world.app()
    async with app.run_test(size=(100, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f6")
        await until(pilot, lambda: "byron" in screen_text(app) and "5 servers" in screen_text(app), 30.0)
        world.client.tell(Disconnected("the server closed the connection", 3.0))
        await settled(pilot)
        assert "as it was: not connected now" in screen_text(app)


async def test_a_guest_of_a_server_sees_their_own_connection_too():
    app = World(operator=False).app()
    async with app.run_test(size=(120, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f3")
        await settled(pilot)
        assert any("alice (you)" in line for line in lines_of(app, "#connections"))


async def test_the_operator_of_a_node_sees_their_connection_once(world):
    app = world.app()
    async with app.run_test(size=(120, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f3")
        await settled(pilot)
        assert len([line for line in lines_of(app, "#connections") if line.split()[:1] == ["alice"]]) == 1


async def test_a_base_server_is_said_to_tell_nothing_of_its_network(monkeypatch):
    async def nothing(self: FakeClient) -> None:
        return None

    monkeypatch.setattr(FakeClient, "status", nothing)
    app = World(node=False).app()
    async with app.run_test(size=(100, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f6")
        await until(pilot, lambda: "the base protocol only" in screen_text(app), 30.0)


async def test_a_client_that_gave_up_says_why_in_the_panes():
    world = World(node=False)
    app = world.app(first=None)
    async with app.run_test(size=(100, 24)) as pilot:
        await welcomed(pilot)
        await pilot.press("escape", "escape", "f6")
        world.model.connecting(None)
        world.model.gone("nobody listens there")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen), 30.0)
        app.screen.dismiss(None)
        await until(pilot, lambda: app.screen is app.main, 30.0)
        await settled(pilot)
        assert "Not connected: nobody listens there" in "\n".join(lines_of(app, "#network"))


@pytest.mark.parametrize("secret", ["", "a-network-secret"], ids=["a client", "a server"])
def test_joining_where_nobody_listens_says_so_before_it_asks_who_one_is(tmp_path, monkeypatch, secret):
    monkeypatch.setenv("ACTIVITY_TUI_SECRET", secret) if secret else monkeypatch.delenv("ACTIVITY_TUI_SECRET", False)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        terminal = Terminal(tmp_path, "join", address, *(("--data-dir", str(tmp_path / "node")) if secret else ()))
        try:
            assert terminal.wait() == 3
        finally:
            terminal.close()
    assert f"{address} cannot be reached: nobody listens there".encode() in terminal.output
    assert b"Welcome" not in terminal.output and ALTERNATE_SCREEN_OFF not in terminal.output
    assert not (tmp_path / "node" / "node.db").exists()
