"""Saying who one is, faster than the screen follows."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from textual import events
from textual.widgets import Button, Checkbox, Input, RadioButton, RadioSet

from core.client.client_events import Disconnected, LoggedIn, LoginRefused
from core.wire.address import Address
from tests.tui.driving import ready, screen_text, settled, type_line, until, welcomed
from tests.tui.fakes import World
from tui.look.appearance import DEFAULT_THEME
from tui.look.preferences import Preferences
from tui.model.network_faces import SignIn
from tui.remembered import credentials
from tui.screens.dialog import READING_TIME, TooSoon, UnhurriedScreen
from tui.screens.secret_dialogs import SecretScreen
from tui.screens.welcome import WelcomeScreen


def key_events(text: str) -> list[events.Key]:
    """Keys as a slow link brings them: all at once. A line feed is Enter."""
    return [events.Key("enter", "\r") if each == "\n" else events.Key(each, each) for each in text]


async def test_what_is_typed_behind_the_name_at_once_is_the_secret_and_not_more_of_the_name(world):
    app = world.app(first=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        for event in key_events("zoe\nopensesame\n"):
            app.post_message(event)
        await until(pilot, lambda: app.model.online and app.focused is app.main.composer, 30.0)
        assert world.client.identity == SignIn("register", "zoe", "opensesame")


async def test_two_enters_at_once_register_a_name_whose_secret_is_made(world):
    app = world.app(first=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        for event in key_events("zoe\n\n"):
            app.post_message(event)
        # The secret that was made is shown; the application must not end before that screen is whole.
        await until(pilot, lambda: isinstance(app.screen, SecretScreen) and bool(app.focused), 30.0)
        assert (world.client.identity.way, world.client.identity.username) == ("register", "zoe")


async def test_arrows_lead_from_field_to_field_and_to_the_choices_above_them(world):
    app = world.app(first=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        assert app.focused is app.screen.query_one("#name")
        await pilot.press("down")
        assert app.focused is app.screen.query_one("#secret")
        await pilot.press("up", "up")
        assert isinstance(app.focused, RadioSet)
        await pilot.press("down", "down")
        await until(pilot, lambda: app.screen.query(RadioButton)[2].value)
        await pilot.press("enter", "enter")
        await until(pilot, lambda: app.model.online, 30.0)
        assert world.client.identity.way == "anonymous"


async def test_keys_behind_a_name_that_is_none_stay_with_the_name(world):
    app = world.app(first=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        for event in key_events("\nzoe"):
            app.post_message(event)
        await until(pilot, lambda: app.screen.query_one("#name").value == "zoe", 30.0)
        assert not world.clients


async def test_a_name_that_the_network_would_not_register_is_refused_at_once_and_may_log_in_all_the_same(world):
    app = world.app(first=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        app.screen.query_one("#name").value = "bob~abcdef"
        app.screen.query_one("#go", Button).press()
        problem = app.screen.query_one("#name-problem")
        await until(pilot, lambda: "kept for renamed accounts" in str(problem.content))
        assert not world.clients
        app.screen.query_one(RadioSet).query(RadioButton)[1].value = True
        await until(pilot, lambda: not problem.display)
        app.screen.query_one("#secret").value = "whatever"
        app.screen.query_one("#go", Button).press()
        await until(pilot, lambda: bool(world.clients))
        assert (world.client.identity.way, world.client.identity.username) == ("login", "bob~abcdef")


async def test_a_name_given_at_the_start_that_the_network_would_not_register_is_offered_as_one_to_log_in_with(world):
    app = world.app(first=None, suggestion="bob~abcdef")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, WelcomeScreen) and app.screen.is_mounted)
        assert (app.screen.way, app.screen.query_one("#name").value) == ("login", "bob~abcdef")


async def test_a_name_that_may_be_mistyped_is_registered_only_by_who_says_so(world, tmp_path):
    app = world.app(first=None, suggestion="alcie", new_name="alcie", person_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        await settled(pilot)
        assert "alcie is not remembered here: register it if it is new" in " ".join(screen_text(app).split())
        assert app.screen.way == "register" and not world.clients
        await pilot.press("enter", "enter")
        await until(pilot, lambda: bool(world.clients))
        assert (world.client.identity.way, world.client.identity.username) == ("register", "alcie")


# --- how it looks ---------------------------------------------------------------------------------------------------


MODES = (("I am new", "Register and come in"), ("I have a name", "Log in"), ("Come in anonymously", "Come in"))


def is_whole(button: Button, words: str) -> bool:
    return button.size.width >= len(words) + 2


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (40, 16)])
async def test_the_button_is_whole_in_every_mode_and_after_every_change_of_it(world, size):
    app = world.app(first=None)
    async with app.run_test(size=size) as pilot:
        await welcomed(pilot)
        app.screen.query_one(RadioSet).focus()
        for mode in (1, 0, 2, 1, 2, 0):
            while app.screen.query_one(RadioSet).pressed_index != mode:
                await pilot.press("down")
            button = app.screen.query_one("#go", Button)
            await until(pilot, partial(is_whole, button, MODES[mode][1]))
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
        for field in ("#secret", "#go"):
            app.screen.query_one(field).focus()
            for size in ((60, 14), (40, 7), (120, 40), (50, 8)):
                await pilot.resize_terminal(*size)
                await until(pilot, lambda: wholly_shown(app.screen))
            assert app.focused is app.screen.query_one(field)


def wholly_shown(screen: object) -> bool:
    assert isinstance(screen, WelcomeScreen) and screen.focused is not None
    visible = screen.query_one(".dialog").content_region
    return visible.contains_region(screen.focused.region)


# --- whom it is for -------------------------------------------------------------------------------------------------


async def test_closing_it_says_what_that_means_for_whoever_sees_it():
    for world, words in ((World(), "Look around first (Esc)"), (World(node=False), "Not now (Esc)")):
        app = world.app(first=None)
        async with app.run_test(size=(80, 24)) as pilot:
            await welcomed(pilot)
            assert words in screen_text(app)


async def test_who_is_logged_in_already_is_told_so_and_stays_who_they_are_when_another_name_is_refused(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        app.action_identity()
        await welcomed(pilot)
        shown = screen_text(app)
        assert "You are alice here now" in shown and "Stay alice (Esc)" in shown
        world.refuse = "the name zoe is taken"
        app.screen.query_one("#name", Input).value = "zoe"
        app.screen.query_one("#secret", Input).value = "pw"
        app.screen.query_one("#secret").focus()
        await pilot.press("enter")
        await until(pilot, lambda: "taken" in screen_text(app))
        world.refuse = None
        await pilot.press("escape")
        await until(pilot, lambda: app.model.online)
        assert app.model.username == "alice" and world.client.identity.way == "login"


async def test_what_it_says_of_who_and_where_one_is_changes_with_that_while_it_is_open(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        app.action_identity()
        await welcomed(pilot)
        app.screen.query_one("#name", Input).value = "half a na"
        world.client.tell(Disconnected("the server has closed the connection", 3.0))
        await until(pilot, lambda: "You were alice, and no server is reached now" in screen_text(app))
        assert "the server has closed the connection; trying again" in " ".join(screen_text(app).split())
        world.client.tell(LoggedIn("alice", None))
        await until(pilot, lambda: "You are alice here now" in screen_text(app))
        assert isinstance(app.screen, WelcomeScreen) and app.screen.query_one("#name", Input).value == "half a na"
        assert "trying again" not in screen_text(app).partition("Welcome")[0].partition("Log in as")[2]


async def test_where_one_joins_changes_with_the_server_while_it_is_asked(monkeypatch):
    world = World(node=False)
    app = world.app(first=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        assert "You join at 192.0.2.1:3780" in screen_text(app)
        app.model.redirected(Address("192.0.2.9", 3780), "the server leaves")
        await until(pilot, lambda: "You join at 192.0.2.9:3780" in screen_text(app))


async def test_what_is_being_written_when_it_comes_up_by_itself_does_not_go_into_it(world, monkeypatch):
    monkeypatch.setattr(UnhurriedScreen, "reading_time", READING_TIME)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.client.tell(LoginRefused("the secret is wrong"))
        for event in key_events("half of what I wanted to say\n"):
            app.post_message(event)
        await until(pilot, lambda: isinstance(app.screen, WelcomeScreen) and app.screen._shown_at is not None)
        await pilot.pause()
        fields = [each.value for each in app.screen.query(Input)]
        assert fields == ["alice", ""] and len(world.clients) == 1
        await until(pilot, lambda: app.main.composer.value == "half of what I wanted to say")
        assert "stands in the line where you were writing" in str(app.screen.query_one(TooSoon).content)


async def test_somebody_who_is_logged_in_and_wants_to_be_another_is_not_offered_the_name_they_have(world):
    app = world.app()
    async with app.run_test() as pilot:
        await ready(pilot)
        await app.run_action("identity")
        await welcomed(pilot)
        assert app.screen.query_one("#name", Input).value == ""


# --- coming back to it ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [{}, {"node": False}, {"operator": False}], ids=["server", "client", "guest"])
@pytest.mark.parametrize("way", ["login", "register"])
async def test_after_a_refusal_it_comes_back_as_it_was_used_with_the_name_and_no_secret(place, way):
    world = World(**place, refuse="there is no bbo; register it" if way == "login" else "the name bbo is taken")
    app = world.app(first=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        app.screen.query_one(RadioSet).query(RadioButton)[int(way == "login")].value = True
        await pilot.pause()
        app.screen.query_one("#name", Input).value = "bbo"
        app.screen.query_one("#secret", Input).value = "wrong"
        app.screen.query_one("#secret").focus()
        await pilot.press("enter")
        await until(pilot, lambda: str(world.refuse) in screen_text(app))
        await pilot.press("escape")
        await type_line(pilot, "/login")
        await welcomed(pilot)
        assert isinstance(app.screen, WelcomeScreen) and app.screen.way == way
        assert [each.value for each in app.screen.query(Input)] == ["bbo", ""]
        await pilot.press("enter", "enter")
        await pilot.pause()
        # A login without a secret goes nowhere; a registration gets one that is made, and shown.
        tried = [(each.identity.way, each.identity.secret == "wrong") for each in world.clients[1:]]
        assert tried == ([] if way == "login" else [("register", False)])


async def test_a_secret_that_was_typed_to_log_in_does_not_become_that_of_a_new_name(world):
    app = world.app(first=None)
    world.refuse = "there is no bbo; register the name"
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        ways = app.screen.query_one(RadioSet).query(RadioButton)
        secret = app.screen.query_one("#secret", Input)
        ways[1].value = True
        await pilot.pause()
        app.screen.query_one("#name", Input).value = "bbo"
        secret.value = "wrong"
        secret.focus()
        await pilot.press("enter")
        await until(pilot, lambda: "there is no bbo" in screen_text(app))
        for index in (2, 0):
            ways[index].value = True
            await pilot.pause()
        assert secret.value == ""
        secret.value = "for the new name"
        for index in (1, 0):
            ways[index].value = True
            await pilot.pause()
        assert secret.value == "for the new name"


async def test_a_name_that_was_registered_is_one_to_log_in_with_once_the_connection_is_gone(world):
    app = world.app(first=SignIn("register", "zoe", "opensesame"))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.client.tell(Disconnected("the server is gone", 5.0))
        await settled(pilot)
        await type_line(pilot, "/login")
        await welcomed(pilot)
        assert app.screen.way == "login"
        assert [each.value for each in app.screen.query(Input)] == ["zoe", ""]


async def test_a_remembered_secret_that_was_refused_is_not_offered_again(tmp_path: Path):
    credentials.enter(tmp_path, "zoe", "old-secret", "192.0.2.1:3780")
    world = World(node=False, refuse="the name and the secret do not match")
    app = world.app(first=None, person_dir=tmp_path, remembered=credentials.load(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        app.screen.query_one("#way").query(RadioButton)[1].value = True
        app.screen.query_one("#name", Input).value = "zoe"
        await pilot.pause()
        field = app.screen.query_one("#secret", Input)
        assert "leave it empty" in field.placeholder
        field.focus()
        await pilot.press("enter")
        await until(pilot, lambda: "do not match" in screen_text(app))
        assert world.client.identity.secret == "old-secret"
        assert field.placeholder == "the secret of this name"
        asked = len(world.clients)
        await pilot.press("enter")
        await settled(pilot)
        assert len(world.clients) == asked, "an empty field is not the refused secret once more"


async def test_whom_commands_have_remembered_here_is_named_and_filled_in_and_not_logged_in_unasked(tmp_path: Path):
    for name in ("deploybot", "backup"):
        credentials.confirm(tmp_path, name, f"secret of {name}", "192.0.2.1:3780")
    world = World(node=False)
    remembered = credentials.load(tmp_path)
    app = world.app(first=None, suggestion="backup", person_dir=tmp_path, remembered=remembered)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        assert "Remembered here: backup, deploybot." in screen_text(app) and not world.clients
        asked = app.screen
        assert isinstance(asked, WelcomeScreen) and asked.way == "login"
        assert asked.query_one("#name", Input).value == "backup"
        await pilot.press("enter")
        await until(pilot, lambda: bool(world.clients))
        assert world.client.identity.secret == "secret of backup"
