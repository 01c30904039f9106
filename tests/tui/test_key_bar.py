"""The keys at the bottom of the screen, and the screen's own size."""

from __future__ import annotations

import asyncio

import pytest
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
        assert words(app).startswith("Enter Send Alt+Enter New line F10 Zoom")
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
        assert words(app).split() == ["Esc", "Cancel", "F1", "Help", "Ctrl+Q", "Quit", "▏Ctrl+P", "palette"]
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


async def test_each_pane_shows_what_can_be_done_with_its_rows_and_no_key_that_does_nothing_there():
    app = World().app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        for pane, there, missing in (
            ("f2", ("Copy", "Write"), ("Sort", "Disconnect")),
            ("f3", ("Copy", "Sort", "Disconnect"), ()),
            ("f4", ("Copy", "Sort"), ("Disconnect",)),
            ("f5", ("Copy",), ("Sort", "Disconnect")),
        ):
            await pilot.press(pane)
            await until(pilot, lambda: all(word in words(app) for word in there))  # noqa: B023
            assert [word for word in missing if word in words(app)] == [], pane


async def test_where_one_writes_no_key_is_shown_that_would_be_written():
    app = World().app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        assert app.focused is app.main.composer
        assert "Write" not in words(app) and "Invite" in words(app)


async def test_what_works_in_all_panes_gives_way_to_what_works_in_this_one():
    app = World().app()
    async with app.run_test(size=(70, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f3")
        await until(pilot, lambda: "Disconnect" in words(app))
        assert "Invite" not in words(app) and "Quit" in words(app) and "Help" in words(app)


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        (("escape", "o"), "tables can be sorted"),
        (("escape", "n"), "There is no filter"),
        (("escape", "m"), "There is no filter"),
        (("escape", "y"), "There is no row here yet"),
        (("escape", "enter"), "There is no row here yet"),
    ],
)
async def test_a_key_that_cannot_act_says_why(keys, why):
    app = World().app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press(*keys)
        await until(pilot, lambda: any(why in one.message for one in app._notifications))
