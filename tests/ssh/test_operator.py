"""The operator at the node's own screen sees who is in over SSH, and can end a session."""

from __future__ import annotations

from tests.ssh.conftest import Place, serving
from tests.tui.driving import lines_of, screen_text, until
from tui.application.app import ActivityApp
from tui.model.client_model import ClientModel
from tui.model.network_client import client_factory
from tui.model.network_faces import SignIn

SIZE = "100\u00d730"


async def test_the_connections_pane_shows_sessions_over_ssh_and_x_ends_one(place: Place):
    await place.register("grace", key="grace")
    session = ClientModel(client_factory((), home=place.node.connect_local), node=place.node)
    session.visitors = place.ssh
    app = ActivityApp(session, first=SignIn("anonymous"))
    async with (
        place.terminal("grace", key="grace", size=(100, 30)) as terminal,
        place.terminal("anonymous", size=(90, 25)) as other,
        app.run_test(size=(200, 50)) as pilot,
    ):
        await terminal.shows("you are grace")
        await other.shows("you are anonymous")
        terminal.type("typed something")
        await pilot.press("f3", "z")
        await until(pilot, lambda: any(SIZE in line for line in lines_of(app, "#connections")))
        rows = lines_of(app, "#connections")
        number = next(number for number, row in enumerate(rows) if SIZE in row)
        for word in ("grace", "ssh", "127.0.0.1 OpenSSH", "15 B", "ms"):
            assert word in rows[number]
        await pilot.press("home", *["down"] * (number - 1), "enter")
        await until(pilot, lambda: "session over SSH" in screen_text(app))
        for word in ("grace", "127.0.0.1", "OpenSSH", "xterm-256color", SIZE, "key to paint", "received", "sent"):
            assert word in screen_text(app)
        await pilot.press("escape", "x")
        await until(pilot, lambda: "grace" in screen_text(app) and app.screen is not app.main)
        await pilot.press("y", "enter")
        await terminal.shows("activity-tui: The operator of this server has ended your session.")
        assert await terminal.status() == 0
        other.type("i was left alone\r")
        await other.shows("i was left alone")
        await app.model.stop()


async def test_nobody_who_came_by_ssh_is_redirected(tmp_path):
    async with serving(tmp_path) as place, serving(tmp_path, "bob", place.node.advertised) as other:
        await place.until(lambda: len(other.node.snapshot().servers) == 2)
        async with (
            place.terminal("anonymous") as one,
            place.terminal("anonymous") as two,
            place.terminal("anonymous") as three,
        ):
            for terminal in (one, two, three):
                await terminal.shows("you are anonymous on ada")
            await place.until(lambda: place.node.snapshot().load == 3)
            assert other.node.snapshot().load == 0


async def test_the_invitation_names_the_way_in_over_ssh(place: Place):
    session = ClientModel(client_factory((), home=place.node.connect_local), node=place.node)
    app = ActivityApp(session, first=SignIn("anonymous"))
    way = f"With nothing installed: ssh -p {place.port} NAME@127.0.0.1"
    async with app.run_test(size=(120, 40)) as pilot, place.terminal("anonymous") as guest:
        await until(pilot, lambda: session.online and session.snapshot is not None)
        await pilot.press("f8")
        await until(pilot, lambda: way in screen_text(app))
        assert f"@cert-authority [127.0.0.1]:{place.port} ssh-ed25519" in screen_text(app)
        await guest.shows("you are anonymous")
        guest.type("\x1b[19~")
        await guest.shows(way)
        await guest.shows(f"@cert-authority [127.0.0.1]:{place.port} ssh-ed25519")
        await app.model.stop()
