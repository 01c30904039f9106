"""On small screens a dialog begins with its first sentence, has its answers in sight, and spares the keys' line."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.widgets import Button

from tests.tui.driving import ready, screen_text, until
from tests.tui.fakes import World
from tests.tui.test_actions import DIALOGS, Opened, on_top
from tui.application.app import ActivityApp
from tui.screens.asking import ConfirmScreen
from tui.screens.inviting import InvitationScreen

LONG = "First of all. " + "Much is to be said about this before it is answered. " * 30
OPENED: list[Opened] = [
    ("ConfirmScreen", lambda app: app.push_screen(ConfirmScreen("Sure?", LONG, yes="Do it", no="Leave it"))),
    (
        "InvitationScreen",
        lambda app: app.push_screen(
            InvitationScreen("First of all.", "activity-tui join h:1", LONG, server=lambda: None, secret=lambda: None)
        ),
    ),
    *((name, opened) for name, opened in DIALOGS if name not in ("ConfirmScreen", "LeavingScreen", "CopyScreen")),
]


@pytest.mark.parametrize("size", [(60, 18), (48, 14)], ids=str)
@pytest.mark.parametrize(("name", "opened"), OPENED, ids=[name for name, _ in OPENED])
async def test_the_answers_and_the_line_of_the_keys_are_in_sight(
    name: str, opened: Callable[[ActivityApp], object], size: tuple[int, int]
) -> None:
    app = World().app()
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        opened(app)
        await until(pilot, lambda: on_top(app, name))
        labels = [str(button.label).split(" (")[0] for button in app.screen.query(Button)]
        await until(pilot, lambda: all(label in screen_text(app) for label in labels))
        await until(pilot, lambda: "Ctrl+Q Quit" in screen_text(app).splitlines()[-1])


@pytest.mark.parametrize("size", [(60, 18), (48, 14)], ids=str)
@pytest.mark.parametrize(("name", "opened"), OPENED[:2], ids=["question", "invitation"])
async def test_a_long_text_begins_at_its_beginning_says_that_it_goes_on_and_is_read_on_by_key(
    name: str, opened: Callable[[ActivityApp], object], size: tuple[int, int]
) -> None:
    app = World().app()
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        opened(app)
        await until(pilot, lambda: on_top(app, name) and "PgDn reads on" in screen_text(app))
        assert "First of all." in screen_text(app)
        for _ in range(10):
            await pilot.press("pagedown")
        await until(pilot, lambda: "First of all." not in screen_text(app))
        assert all(str(button.label).split(" (")[0] in screen_text(app) for button in app.screen.query(Button))


async def test_a_text_for_which_there_is_room_says_nothing_of_going_on() -> None:
    app = World().app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        app.push_screen(ConfirmScreen("Sure?", "A short question.", yes="Do it", no="Leave it"))
        await until(pilot, lambda: "A short question." in screen_text(app))
        await pilot.pause()
        assert "PgDn" not in screen_text(app)
