"""Nothing small stops a server: what leaving asks, and what is no answer to it."""

from __future__ import annotations

import asyncio

import pytest
from textual import events
from textual.widgets import Button, Static

from tests.tui.driving import ready, screen_text, settled, until
from tests.tui.fakes import World, snapshot
from tui.application.app import ActivityApp
from tui.screens.asking import ConfirmScreen
from tui.screens.dialog import READING_TIME, TooSoon, UnhurriedScreen
from tui.screens.leaving_screen import LeavingScreen
from tui.user_actions.action_table import BY_ID


class Leaving:
    """A node that leaves when the test says so."""

    def __init__(self, status: int = 0) -> None:
        self.asked = 0
        self.done = asyncio.Event()
        self.status = status

    async def __call__(self) -> int:
        self.asked += 1
        await self.done.wait()
        return self.status


def focused(app: ActivityApp) -> str | None:
    return app.focused.id if app.focused is not None else None


def told(app: ActivityApp) -> str:
    """What the dialog on top says of keys that came too soon, if it shows that."""
    label = app.screen.query_one(TooSoon)
    return str(label.content) if label.display else ""


@pytest.mark.parametrize("key", ["ctrl+c", "ctrl+q"])
async def test_the_question_says_what_will_happen_to_whom_and_staying_has_the_focus(world, key):
    leaving = Leaving()
    app = world.app(leave=leaving)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await settled(pilot)
        await pilot.press(key)
        assert isinstance(app.screen, ConfirmScreen)
        assert focused(app) == "no"
        # Two clients; three links, of which one takes over and one, curie's, leaves itself.
        assert "2 people and 2 servers go to byron." in screen_text(app)


@pytest.mark.parametrize(
    "keys",
    [
        ("ctrl+c",),
        ("ctrl+c",) * 5,
        ("ctrl+q",),
        ("ctrl+q", "ctrl+c", "ctrl+q"),
        ("enter",),
        ("y",),
        ("Y", "e", "s"),
        ("space",),
        ("escape", "enter"),
        ("y", "n"),
        ("y", "escape", "enter"),
    ],
    ids="-".join,
)
async def test_no_single_key_and_no_key_again_is_a_yes(world, keys):
    leaving = Leaving()
    app = world.app(leave=leaving)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+c", *keys)
        await pilot.pause()
        assert not app.leaving and leaving.asked == 0 and app.return_value is None


async def test_ctrl_c_and_ctrl_q_leave_the_question_where_it_is(world):
    app = world.app(leave=Leaving())
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+c", "ctrl+c", "ctrl+q")
        assert isinstance(app.screen, ConfirmScreen) and focused(app) == "no"
        assert len(app.screen_stack) == 2


@pytest.mark.parametrize(
    "keys", [("y", "enter"), ("tab", "enter"), ("right", "enter"), ("left", "enter"), ("down", "enter")], ids="-".join
)
async def test_whoever_means_it_leaves_with_two_keys(world, keys):
    leaving = Leaving()
    app = world.app(leave=leaving)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+q", *keys)
        await until(pilot, lambda: leaving.asked == 1)


async def test_enter_before_the_question_could_be_read_is_no_answer_and_what_was_chosen_stays_chosen(
    world, monkeypatch
):
    monkeypatch.setattr(UnhurriedScreen, "reading_time", READING_TIME)
    leaving = Leaving()
    app = world.app(leave=leaving)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for key in ("ctrl+c", "y", "enter", "tab", "enter", "y", "enter"):
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen) and app.screen._shown_at is not None)
        await pilot.pause()
        assert focused(app) == "yes" and not app.leaving and leaving.asked == 0
        assert "Enter came before this could be read" in told(app)
        asked = app.screen
        assert isinstance(asked, ConfirmScreen) and asked._shown_at is not None
        later = events.Key("enter", None)
        later.time = asked._shown_at + READING_TIME
        app.post_message(later)
        await until(pilot, lambda: leaving.asked == 1)


async def test_what_is_no_answer_takes_back_what_was_chosen_by_typing_on(world, monkeypatch):
    monkeypatch.setattr(UnhurriedScreen, "reading_time", READING_TIME)
    leaving = Leaving()
    app = world.app(leave=leaving)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for key in ("ctrl+q", "y", "e", "s", "enter"):
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen) and app.screen._shown_at is not None)
        await pilot.pause()
        assert focused(app) == "no" and not app.leaving and leaving.asked == 0
        assert "Enter came before this could be read" in told(app)


async def test_who_types_on_when_the_question_is_there_is_not_asked_before_they_pause(world, monkeypatch):
    monkeypatch.setattr(UnhurriedScreen, "reading_time", READING_TIME)
    leaving = Leaving()
    app = world.app(leave=leaving)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen) and app.screen._shown_at is not None)
        asked = app.screen
        assert isinstance(asked, ConfirmScreen) and asked._shown_at is not None
        since = asked._shown_at

        async def press(key: str, seconds: float) -> None:
            event = events.Key(key, key if len(key) == 1 else None)
            event.time = since + seconds
            app.post_message(event)
            await pilot.pause()

        await press("e", READING_TIME - 0.01)
        await press("y", READING_TIME + 0.1)
        await press("enter", READING_TIME + 0.2)
        assert focused(app) == "yes" and not app.leaving and leaving.asked == 0
        await press("enter", 2 * READING_TIME)
        await until(pilot, lambda: leaving.asked == 1)


async def test_what_is_being_written_when_a_question_comes_up_by_itself_goes_on_where_it_was(monkeypatch):
    monkeypatch.setattr(UnhurriedScreen, "reading_time", READING_TIME)
    world = World(node=False)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        app.model.gone("the server is gone")
        for key in "hey\n":
            app.post_message(events.Key("enter" if key == "\n" else key, key))
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen) and app.screen._shown_at is not None)
        await until(pilot, lambda: app.main.composer.value == "hey")
        assert isinstance(app.screen, ConfirmScreen) and focused(app) == "no" and not world.client.posted
        assert "stands in the line where you were writing" in told(app)


async def test_the_question_follows_what_happens_meanwhile(world):
    app = world.app(leave=Leaving())
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await settled(pilot)
        await pilot.press("ctrl+q")
        world.node.shown = snapshot(connections=())
        await settled(pilot)
        assert "the network stops with this one" in screen_text(app)


async def test_a_server_that_is_alone_asks_as_well(world):
    world.node.shown = snapshot(connections=())
    leaving = Leaving()
    app = world.app(leave=leaving)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+q")
        assert isinstance(app.screen, ConfirmScreen)
        assert leaving.asked == 0


async def test_the_whole_question_and_both_buttons_are_on_a_narrow_screen(world):
    app = world.app(leave=Leaving())
    async with app.run_test(size=(40, 12)) as pilot:
        await ready(pilot)
        await settled(pilot)
        await pilot.press("ctrl+q")
        await settled(pilot)
        shown = screen_text(app)
        for button in app.screen.query(Button):
            assert str(button.label) in shown


async def test_quitting_asks_then_tells_the_story_and_ends_with_the_nodes_status(world):
    leaving = Leaving()
    app = world.app(leave=leaving)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await settled(pilot)
        await pilot.press("ctrl+q", "y", "enter")
        await until(pilot, lambda: isinstance(app.screen, LeavingScreen))
        await until(pilot, lambda: leaving.asked == 1)
        assert world.client.closed
        world.notice("quit", "everything has been handed to byron", "good")
        await settled(pilot)
        assert "handed to byron" in screen_text(app)
        leaving.done.set()
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value == 0


async def test_a_key_that_is_held_down_does_not_cut_the_handover_short(world):
    leaving = Leaving()
    app = world.app(leave=leaving)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        app.leave()
        await until(pilot, lambda: leaving.asked == 1)
        await pilot.press(*["ctrl+c"] * 20)
        assert app.return_value is None


async def test_who_insists_while_it_leaves_is_told_what_that_does_and_then_goes(world):
    leaving = Leaving()
    app = world.app(leave=leaving)
    app._exit_procedure.patience = 0.0
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        app.leave()
        await until(pilot, lambda: leaving.asked == 1 and isinstance(app.screen, LeavingScreen))
        await pilot.press("ctrl+c")
        assert app.return_value is None
        assert "who is left then loses" in str(app.screen.query_one("#hint", Static).render())
        await pilot.press("ctrl+c")
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value == 130


async def test_a_client_that_nobody_depends_on_quits_without_asking():
    world = World(node=False)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+q")
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value == 0
    assert world.client.closed


async def test_ctrl_c_clears_the_line_first_and_then_offers_to_quit(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press(*"half a line", "ctrl+c")
        assert app.main.composer.value == ""
        assert app.screen is app.main
        await pilot.press("up")
        assert app.main.composer.value == "half a line"
        await pilot.press("ctrl+c", "ctrl+c")
        assert isinstance(app.screen, ConfirmScreen)
        await pilot.press("escape")
        assert app.return_value is None


# --- questions of the same kind -------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["ctrl+c", "enter", "y", "space", "escape"])
async def test_no_single_key_ends_a_connection(world, key):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await settled(pilot)
        await pilot.press("f3", "j", "x", key)
        await pilot.pause()
        assert world.node.calls == []


async def test_ending_a_connection_says_whose_it_is_and_what_that_does(world):
    app = world.app()
    async with app.run_test(size=(100, 24)) as pilot:
        await ready(pilot)
        await settled(pilot)
        app.palette.act(BY_ID["network.disconnect"])
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await settled(pilot)
        assert "the link with the server byron at 192.0.2.2:3780" in screen_text(app)
        await pilot.press("y", "enter")
        assert world.node.calls == [("disconnect", 1)]


async def test_a_client_that_gave_up_goes_on_trying_unless_somebody_means_to_quit():
    world = World(node=False)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.model.gone("the network cannot be reached")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("enter")
        await until(pilot, lambda: len(world.clients) == 2)
        assert app.return_value is None
