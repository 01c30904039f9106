"""Saying who one is, faster than the screen follows."""

from __future__ import annotations

import pytest
from textual import events
from textual.widgets import Button, Checkbox, RadioSet

from tests.tui.driving import screen_text, settled, until, welcomed
from tui.appearance import DEFAULT_THEME
from tui.preferences import Preferences
from tui.screens.secrets import SecretScreen
from tui.screens.welcome import WelcomeScreen
from tui.session import Identity


def key_events(text: str) -> list[events.Key]:
    """Keys as a slow link brings them: all at once. A line feed is Enter."""
    return [events.Key("enter", "\r") if each == "\n" else events.Key(each, each) for each in text]


async def test_what_is_typed_behind_the_name_at_once_is_the_secret_and_not_more_of_the_name(world):
    app = world.app(first=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        for event in key_events("zoe\nopensesame\n"):
            app.post_message(event)
        await until(pilot, lambda: app.session.online and app.focused is app.main.composer, 30.0)
        assert world.client.identity == Identity("register", "zoe", "opensesame")


async def test_two_enters_at_once_register_a_name_whose_secret_is_made(world):
    app = world.app(first=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        for event in key_events("zoe\n\n"):
            app.post_message(event)
        # The secret that was made is shown; the application must not end before that screen is whole.
        await until(pilot, lambda: isinstance(app.screen, SecretScreen) and bool(app.focused), 30.0)
        assert (world.client.identity.way, world.client.identity.username) == ("register", "zoe")


async def test_keys_behind_a_name_that_is_none_stay_with_the_name(world):
    app = world.app(first=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        for event in key_events("\nzoe"):
            app.post_message(event)
        await until(pilot, lambda: app.screen.query_one("#name").value == "zoe", 30.0)
        assert not world.clients


# --- how it looks ---------------------------------------------------------------------------------------------------


MODES = (("I am new", "Register and come in"), ("I have a name", "Log in"), ("Come in anonymously", "Come in"))


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (40, 16)])
async def test_the_button_is_whole_in_every_mode_and_after_every_change_of_it(world, size):
    app = world.app(first=None)
    async with app.run_test(size=size) as pilot:
        await welcomed(pilot)
        app.screen.query_one(RadioSet).focus()
        for mode in (1, 0, 2, 1, 2, 0):
            while app.screen.query_one(RadioSet).pressed_index != mode:
                await pilot.press("down")
            await pilot.pause()
            button = app.screen.query_one("#go", Button)
            assert button.size.width >= len(MODES[mode][1]) + 2
            button.scroll_visible(animate=False)
            await settled(pilot)
            assert f" {MODES[mode][1]} " in screen_text(app)


async def test_choices_and_ticks_are_told_apart_by_characters_and_not_by_colours(world, tmp_path):
    app = world.app(first=None, person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        shown = screen_text(app)
        assert "● I am new" in shown and "○ I have a name" in shown and "○ Come in anon" in shown
        for value, mark in ((True, "[x] Remember"), (False, "[ ] Remember")):
            app.screen.query_one(Checkbox).value = value
            await settled(pilot)
            assert mark in screen_text(app)
        assert not set(screen_text(app)) & set("▐▌█▀▄")


async def test_the_dot_goes_with_the_highlight_and_enter_leads_on(world):
    app = world.app(first=None, suggestion="zoe")
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        ways = app.screen.query_one(RadioSet)
        assert ways.pressed_index == ways._selected == 1
        ways.focus()
        for key, chosen in (("down", 2), ("down", 0), ("up", 2), ("left", 1), ("left", 0), ("right", 1)):
            await pilot.press(key)
            assert ways.pressed_index == ways._selected == chosen
        await pilot.press("enter")
        assert app.focused is not None and app.focused.id == "name"


@pytest.mark.parametrize("theme", [DEFAULT_THEME, "textual-light", "solarized-light", "ansi-light", "ansi-dark"])
async def test_a_field_is_a_box_with_its_name_on_it_in_every_theme(world, theme):
    app = world.app(first=None, preferences=Preferences(theme=theme))
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        lines = screen_text(app).splitlines()
        for name in ("Name", "Secret"):
            [top] = [
                number
                for number, line in enumerate(lines)
                if f" {name} " in line and line.count("━━") + line.count("──")
            ]
            left = lines[top].index(f" {name} ") - 2
            assert lines[top][left] in "┏╭" and lines[top + 1][left] in "┃│" and lines[top + 2][left] in "┗╰"


async def test_the_field_that_has_the_focus_stays_in_sight_when_the_window_shrinks(world):
    app = world.app(first=None)
    async with app.run_test(size=(120, 40)) as pilot:
        await welcomed(pilot)
        for field in ("#name", "#secret", "#go"):
            app.screen.query_one(field).focus()
            for size in ((80, 24), (60, 14), (40, 10), (40, 7), (120, 40), (50, 8)):
                await pilot.resize_terminal(*size)
                await until(pilot, lambda: wholly_shown(app.screen))
            assert app.focused is app.screen.query_one(field)


def wholly_shown(screen: object) -> bool:
    assert isinstance(screen, WelcomeScreen) and screen.focused is not None
    visible = screen.query_one(".dialog").content_region
    return visible.contains_region(screen.focused.region)
