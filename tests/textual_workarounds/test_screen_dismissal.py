"""A screen that has gone is gone: what is still on its way to it takes no other screen with it, nor the application."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.command import CommandList, CommandPalette
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input
from textual.worker import WorkerFailed

from tests.tui.driving import ready, until
from tui.textual_workarounds import screen_dismissal


class Question(ModalScreen[str]):
    pass


class Asking(App[None]):
    def __init__(self) -> None:
        super().__init__()
        screen_dismissal.install()
        self.answers: list[str | None] = []

    def ask(self) -> Question:
        question = Question()
        self.push_screen(question, self.answers.append)
        return question


async def test_a_screen_that_is_dismissed_twice_goes_once_and_answers_once():
    app = Asking()
    async with app.run_test() as pilot:
        below, above = app.ask(), app.ask()
        await pilot.pause()
        above.dismiss("first")
        above.dismiss("second")
        await pilot.pause()
        assert app.screen is below and app.answers == ["first"]
        below.dismiss("third")
        below.dismiss("fourth")
        await pilot.pause()
        assert app.is_running and app.answers == ["first", "third"]


class Form(ModalScreen[str]):
    def compose(self) -> ComposeResult:
        yield Input()

    def on_mount(self) -> None:
        self.query_one(Input).focus()


async def test_an_application_that_ends_while_a_screen_comes_ends_in_order():
    app = Asking()
    async with app.run_test():
        app.exit(return_code=0)
        app.push_screen(Form())
    assert app.return_code == 0 and app._exception is None


async def test_a_screen_that_is_dismissed_below_another_one_goes_alone():
    app = Asking()
    async with app.run_test() as pilot:
        below, above = app.ask(), app.ask()
        await pilot.pause()
        below.dismiss("below")
        below.dismiss("again")
        await pilot.pause()
        assert app.screen is above and below not in app.screen_stack
        above.dismiss("above")
        await pilot.pause()
        assert len(app.screen_stack) == 1 and app.answers == ["below", "above"]


async def test_what_a_screen_was_still_doing_when_it_went_may_fail():
    app = Asking()
    async with app.run_test() as pilot:
        question = app.ask()
        await pilot.pause()
        worked: list[bool] = []

        async def work() -> None:
            question.dismiss("gone")
            worked.append(True)
            question.query_one(Input)

        question.run_worker(work())
        await until(pilot, lambda: bool(worked))
        await pilot.pause()
        assert app.is_running and app.answers == ["gone"]


async def test_a_palette_that_is_typed_into_before_it_is_whole_searches_when_it_is():
    app = Asking()
    async with app.run_test() as pilot:
        app.action_command_palette()
        await pilot.pause()
        palette = app.screen
        assert isinstance(palette, CommandPalette)
        results = palette.query_one(CommandList)
        parent = results.parent
        assert isinstance(parent, Widget)
        await results.remove()
        palette.query_one(Input).value = "quit"
        await pilot.pause()
        await parent.mount(CommandList())
        await until(pilot, lambda: palette.query_one(CommandList).option_count > 0)
        assert app.is_running


async def test_what_a_screen_does_that_is_there_may_not_fail():
    app = Asking()

    async def work() -> None:
        raise LookupError("a fault in a test")

    async def fail() -> None:
        async with app.run_test() as pilot:
            question = app.ask()
            await pilot.pause()
            question.run_worker(work())
            await until(pilot, lambda: not app.is_running)

    with pytest.raises(WorkerFailed):
        await fail()


async def test_the_application_with_its_own_way_with_faults_goes_on_as_well(world):
    app = world.app()
    async with app.run_test() as pilot:
        await ready(pilot)
        question = Question()
        app.push_screen(question)
        await pilot.pause()
        worked: list[bool] = []

        async def work() -> None:
            question.dismiss("gone")
            worked.append(True)
            question.query_one(Input)

        question.run_worker(work())
        await until(pilot, lambda: bool(worked))
        await pilot.pause()
        assert app.is_running and not app.failed.is_set()
