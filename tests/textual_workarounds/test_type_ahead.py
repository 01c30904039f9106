"""What is typed while a screen comes or goes waits for it."""

from __future__ import annotations

import asyncio

import pytest
from textual import events
from textual.app import ComposeResult
from textual.command import CommandPalette
from textual.screen import ModalScreen
from textual.widgets import Button, Input

from tests.tui.driving import ready, until
from tests.tui.fakes import World
from tui.textual_workarounds import screen_dismissal
from tui.textual_workarounds.type_ahead import WAIT_LIMIT, TypeAheadApp


class Question(ModalScreen[str]):
    def compose(self) -> ComposeResult:
        yield Input()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)


async def test_what_is_typed_behind_the_key_that_opens_a_screen_goes_into_it():
    app, answers = TypeAheadApp(), list[str | None]()
    async with app.run_test() as pilot:
        app.push_screen(Question(), answers.append)
        for letter in "hello":
            app.post_message(events.Key(letter, letter))
        app.post_message(events.Key("enter", "\r"))
        await until(pilot, lambda: bool(answers))
        assert answers == ["hello"]


async def test_a_palette_that_is_still_being_taken_down_is_not_opened_a_second_time():
    screen_dismissal.install()
    app = TypeAheadApp()
    async with app.run_test() as pilot:
        app.action_command_palette()
        await pilot.pause()
        palette = app.screen
        assert isinstance(palette, CommandPalette)
        palette.dismiss()
        app.action_command_palette()
        await until(pilot, lambda: palette not in app._nodes)
        assert app.is_running and len(app.screen_stack) == 1
        app.action_command_palette()
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))


@pytest.mark.parametrize(
    "burst",
    [
        ("escape", *"ihello"),
        ("f2", *"ihello"),
        ("f4", "f2", "j", "k", *"ihello"),
        ("escape", *"ihxllo", "left", "left", "left", "backspace", "e"),
        ("f7", "a", "enter", *"ihello"),
    ],
)
async def test_what_is_typed_behind_a_key_that_moves_the_focus_goes_where_it_moved(burst):
    app = World().app()
    async with app.run_test() as pilot:
        await ready(pilot)
        theme = app.theme
        for key in burst:
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: not app.has_keys_waiting and app.focused is app.main.composer)
        await until(pilot, lambda: app.main.composer.value == "hello")
        assert app.theme == theme


class Beginning(TypeAheadApp):
    """A line, and a dialog with a field that comes when all else is there."""

    def __init__(self) -> None:
        super().__init__()
        self.has_begun = False

    @property
    def is_begun(self) -> bool:
        return self.has_begun

    def compose(self) -> ComposeResult:
        yield Input(id="line")

    def begin(self) -> None:
        self.push_screen(Asking())
        self.has_begun = True


class Asking(ModalScreen[None]):
    def compose(self) -> ComposeResult:
        yield Button("first in the order of the focus")
        yield Input(id="field")

    def on_mount(self) -> None:
        self.query_one("#field").focus()


async def test_what_is_typed_while_the_program_begins_waits_for_the_dialog_with_which_it_begins():
    app = Beginning()
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.focused is not None)
        for key in "ada":
            app.post_message(events.Key(key, key))
        await until(pilot, lambda: len(app._ahead) == 3)
        await asyncio.sleep(1.5 * WAIT_LIMIT)
        app.begin()
        await until(pilot, lambda: isinstance(app.screen, Asking) and not app.has_keys_waiting)
        await until(pilot, lambda: app.screen.query_one("#field", Input).value == "ada")
        assert app.screen_stack[0].query_one("#line", Input).value == ""


async def test_a_program_that_does_not_begin_can_be_ended_all_the_same():
    app = Beginning()
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.focused is not None)
        app.post_message(events.Key("a", "a"))
        app.post_message(events.Key("ctrl+q", None))
        await until(pilot, lambda: not app.is_running)


class Vanishing(TypeAheadApp):
    """A button that is no more after it was pressed, and a field."""

    def compose(self) -> ComposeResult:
        yield Button("away")
        yield Input()

    async def key_x(self) -> None:
        await self.query_one(Button).remove()


async def test_keys_behind_one_whose_receiver_is_gone_are_given_to_who_has_the_focus_then():
    app = Vanishing()
    async with app.run_test() as pilot:
        app.query_one(Button).focus()
        await pilot.pause()
        for key in ("x", "y"):
            app.post_message(events.Key(key, key))
        await until(pilot, lambda: app.query_one(Input).value == "y")
