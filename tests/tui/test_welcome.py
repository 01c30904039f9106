"""Saying who one is, faster than the screen follows."""

from __future__ import annotations

from textual import events

from tests.tui.driving import until, welcomed
from tui.screens.asking import CopyScreen
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
        await until(pilot, lambda: isinstance(app.screen, CopyScreen) and bool(app.focused), 30.0)
        assert world.client.identity == Identity("register", "zoe", None)


async def test_keys_behind_a_name_that_is_none_stay_with_the_name(world):
    app = world.app(first=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await welcomed(pilot)
        for event in key_events("\nzoe"):
            app.post_message(event)
        await until(pilot, lambda: app.screen.query_one("#name").value == "zoe", 30.0)
        assert not world.clients
