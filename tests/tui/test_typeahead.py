"""What is typed while a screen comes or goes waits for it."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.command import CommandPalette
from textual.screen import ModalScreen
from textual.widgets import Input

from tests.tui.driving import until
from tui import dismissals
from tui.typeahead import TypeAheadApp


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
    dismissals.install()
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
