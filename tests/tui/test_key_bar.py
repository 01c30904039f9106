"""The keys at the bottom of the screen, and the screen's own size."""

from __future__ import annotations

import asyncio

from textual import events
from textual.geometry import Size
from textual.widgets import Input

from core.client.client_events import LoggedIn
from tests.tui.driving import fill, ready, screen_text, until, welcomed
from tests.tui.fakes import FakeClient, World
from tui.application.app import ActivityApp
from tui.screens.inviting import InvitationScreen
from tui.screens.reading import ReadingScreen
from tui.screens.welcome import WelcomeScreen
from tui.widgets.key_bar import KeyBar


def words(app: ActivityApp) -> str:
    return app.main.query_one(KeyBar).render_line(0).text


async def test_a_click_on_a_key_at_the_bottom_presses_it():
    app = World().app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        assert words(app).startswith("F10 Zoom")
        await pilot.click(KeyBar, offset=(words(app).index("Invite"), 0))
        await until(pilot, lambda: isinstance(app.screen, InvitationScreen))


async def test_the_keys_at_the_bottom_are_those_of_where_one_is():
    app = World().app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        assert "Inspect" not in words(app)
        app.main.feed.focus()
        await until(pilot, lambda: "Inspect" in words(app))


async def test_the_palette_keeps_its_place_where_not_all_keys_have_room():
    app = World().app()
    async with app.run_test(size=(30, 20)) as pilot:
        await ready(pilot)
        assert len(words(app)) == 30
        assert words(app).rstrip().endswith("palette")


async def test_a_key_that_the_mouse_points_at_says_what_it_does():
    app = World().app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        bar = app.main.query_one(KeyBar)
        await pilot.hover(KeyBar, offset=(1, 0))
        await until(pilot, lambda: bar.tooltip is not None)
        await pilot.hover("#feed")
        await until(pilot, lambda: bar.tooltip is None)


async def test_two_sizes_in_quick_succession_do_not_call_each_other_up_for_ever():
    app = World().app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for size in (Size(200, 50), Size(80, 24), Size(200, 50), Size(80, 24)):
            app.main.post_message(events.Resize(size, size))
            # Other messages keep the one from taking the place of the other.
            app.main.call_later(lambda: None)
        await pilot.pause()
        await until(pilot, lambda: app.main.size == (80, 24))
        assert len(screen_text(app).splitlines()) == 24


async def test_under_a_dialog_only_the_keys_are_shown_that_work_in_it_and_help_is_one_of_them():
    app = World().app(first=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        await until(pilot, lambda: "Zoom" not in words(app))
        assert words(app).split() == ["Ctrl+Q", "Quit", "F1", "Help", "▏Ctrl+P", "palette"]
        await pilot.pause()
        assert screen_text(app).splitlines()[-1].split() == words(app).split()
        app.screen.query_one("#name", Input).value = "zoe"
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, ReadingScreen) and bool(app.focused))
        assert "F1" not in words(app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, WelcomeScreen))
        assert app.screen.query_one("#name", Input).value == "zoe"
        assert "F1 Help" in words(app)
        await pilot.press("escape")
        await until(pilot, lambda: "F10 Zoom" in words(app))


async def test_no_help_comes_between_a_login_and_its_answer(world, monkeypatch):
    async def asked(client: FakeClient) -> None:
        world.clients.append(client)
        await asyncio.Event().wait()

    monkeypatch.setattr(FakeClient, "run", asked)
    app = world.app(first=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        fill(app, "#name", "zoe")
        app.screen.query_one("#secret").focus()
        fill(app, "#secret", "opensesame")
        await pilot.press("enter", "f1")
        await until(pilot, lambda: bool(world.clients))
        world.client.tell(LoggedIn("zoe", None))
        await until(pilot, lambda: app.model.online and app.screen is app.main)
