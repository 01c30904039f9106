"""A network that is met for the first time, in the window: the person decides before anything is said to it."""

from __future__ import annotations

import pytest

from tests.tui.driving import ready, screen_text, until
from tests.tui.fakes import World
from tui.screens.asking import ConfirmScreen
from tui.screens.welcome import WelcomeScreen

NETWORK = "abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def unseen() -> World:
    """A client's world, at a network that was met just now."""
    world = World(node=False)
    world.model.network_is_new = True
    return world


async def test_the_fingerprint_is_shown_and_nothing_is_said_to_anybody_meanwhile(unseen: World) -> None:
    app = unseen.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen) and app.focused is not None)
        await pilot.pause()
        shown = screen_text(app)
        assert NETWORK in shown and "192.0.2.1:3780" in shown
        assert unseen.clients == []


@pytest.mark.parametrize("named", [True, False])
async def test_who_means_that_network_comes_in(unseen: World, named: bool) -> None:
    app = unseen.app() if named else unseen.app(first=None)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen) and app.focused is not None)
        await pilot.pause()
        await pilot.press("y", "enter")
        if named:
            await until(pilot, lambda: unseen.model.online)
        else:
            await until(pilot, lambda: isinstance(app.screen, WelcomeScreen))
        assert not unseen.model.network_is_new


async def test_who_does_not_leaves_and_has_said_nothing(unseen: World) -> None:
    app = unseen.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen) and app.focused is not None)
        await pilot.pause()
        await pilot.press("escape")
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value == 4
    assert unseen.clients == []


async def test_who_talks_in_clear_sees_it_at_the_top_and_among_the_connections() -> None:
    world = World(node=False)
    world.model.network = ""
    app = world.app()
    async with app.run_test(size=(120, 30)) as pilot:
        await ready(pilot)
        assert "in clear, others can read along" in screen_text(app)
        await pilot.press("f3")
        await pilot.pause()
        assert "clear" in screen_text(app)
