"""The help is searched by words of what somebody wants to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.driving import ready, screen_text, until
from tui.application.app import ActivityApp
from tui.look.preferences import Preferences
from tui.screens.help import NOTHING_FOUND, HelpScreen
from tui.screens.main_screen import MainScreen


async def helped(pilot: Pilot[Any]) -> ActivityApp:
    app = await ready(pilot)
    await pilot.press("f1")
    await until(pilot, lambda: isinstance(app.screen, HelpScreen) and bool(app.focused))
    return app


async def looked_for(pilot: Pilot[Any], words: str) -> str:
    """What the help shows once somebody has looked for these words."""
    app = await helped(pilot)
    await pilot.press("slash", *(" " if key == " " else key for key in words))
    await until(pilot, lambda: app.screen.query_one("#search", Input).value == words)
    await pilot.pause()
    return screen_text(app)


@pytest.mark.parametrize("size", [(60, 18), (80, 24), (200, 50)], ids=str)
async def test_a_word_leaves_only_the_lines_that_have_it_each_under_its_heading(world, size):
    async with world.app().run_test(size=size) as pilot:
        shown = await looked_for(pilot, "mute")
        assert "Feed" in shown and "Mute, or not any more" in shown
        assert size[1] < 50 or ("Commands, in the line where you write" in shown and "/mute" in shown)
        assert "Disconnect" not in shown and "Light or dark" not in shown


async def test_several_words_have_all_to_be_there_in_any_order_and_case(world):
    async with world.app().run_test(size=(120, 40)) as pilot:
        shown = await looked_for(pilot, "PAGE up")
        assert "A page up" in shown and "Show all lines" not in shown


async def test_another_word_for_it_finds_an_action_too(world):
    async with world.app().run_test(size=(120, 40)) as pilot:
        assert "Zoom this pane" in await looked_for(pilot, "maximize")


async def test_what_is_nowhere_is_said(world):
    async with world.app().run_test(size=(80, 24)) as pilot:
        assert NOTHING_FOUND in await looked_for(pilot, "teleport")


async def test_enter_reads_on_in_what_was_found_and_escape_shows_all_again_and_then_closes(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await looked_for(pilot, "mute")
        await pilot.press("enter", "j", "y")
        helping = app.screen
        assert isinstance(helping, HelpScreen) and helping.focused is helping._view
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is helping and "Show the feed" in screen_text(app)
        assert not helping.query_one("#search", Input).display
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))


async def test_letters_that_are_keys_elsewhere_are_letters_in_the_search(world):
    async with world.app().run_test(size=(80, 24)) as pilot:
        await looked_for(pilot, "qyjk/")


@pytest.mark.parametrize("keys", [{"question.choose": "j"}, {"feed.mute": "ctrl+k"}], ids=str)
async def test_it_shows_the_keys_that_somebody_has_chosen_in_dialogs_too(world, keys: Mapping[str, str]):
    app = world.app(preferences=Preferences(keymap=keys))
    async with app.run_test(size=(120, 40)) as pilot:
        wanted, key = {"question.choose": ("other answer", "  j  "), "feed.mute": ("mute, or", "Ctrl+K")}[
            next(iter(keys))
        ]
        assert key in await looked_for(pilot, wanted)
