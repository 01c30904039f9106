"""Frames: what is in one, what does not wait for one, and what is not painted at all."""

from __future__ import annotations

import asyncio
import time

import pytest
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from core.client.client_events import LoginRefused
from core.node import NodeSnapshot
from tests.tui.driving import lines_of, ready, settled, until
from tests.tui.fakes import snapshot
from tui.look.appearance import DEFAULT_THEME
from tui.look.preferences import Preferences
from tui.screens.welcome import WelcomeScreen
from tui.widgets.row_view import RowView


async def test_what_arrives_while_a_frame_is_prepared_is_shown_by_the_next(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.says("bob", "the first line")
        steps = app.frame_steps()
        next(steps)
        world.says("bob", "the second line")
        for _ in steps:
            pass
        shown = "\n".join(lines_of(app, "#feed"))
        assert "the first line" in shown and "the second line" not in shown
        await settled(pilot)
        assert "the second line" in "\n".join(lines_of(app, "#feed"))


async def test_a_refused_login_is_told_at_once_however_long_the_feed_waits_for_its_turn(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        app._frame_scheduler._free_at = asyncio.get_running_loop().time() + 1000
        world.says("bob", "a line for a later frame")
        world.client.tell(LoginRefused("that is not your secret"))
        await until(pilot, lambda: isinstance(app.screen, WelcomeScreen))
        assert "a line for a later frame" not in "\n".join(lines_of(app, "#feed"))


async def test_a_pane_that_nobody_sees_is_laid_out_when_it_is_shown(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.notice("joined", "darwin has joined the network", "info")
        await settled(pilot)
        assert "darwin" not in "\n".join(lines_of(app, "#events"))
        await pilot.press("f5")
        await until(pilot, lambda: "darwin has joined" in "\n".join(lines_of(app, "#events")))


@pytest.mark.parametrize(("theme", "no_color"), [(DEFAULT_THEME, False), ("textual-light", False), ("", True)])
async def test_a_list_is_painted_as_textual_would_have_painted_it(world, theme, no_color):
    app = world.app(preferences=Preferences(theme=theme or DEFAULT_THEME, no_color=no_color))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        for number in range(60):
            world.says("bob", f"line {number} @ann #ops https://example.org/ \N{THUMBS UP SIGN}")
        await settled(pilot)
        await pilot.press("escape", "up", "up")
        await settled(pilot)
        seen = 0
        for view in app.main.query(RowView):
            if view.is_laid_out:
                for crop in (view.size.region, Region(3, 1, view.size.width - 7, view.size.height - 2)):
                    ours, theirs = view.render_lines(crop), Widget.render_lines(view, crop)
                    assert [cells(line) for line in ours] == [cells(line) for line in theirs]
                    seen += 1
        assert seen >= 4


def cells(line: Strip) -> list[tuple[str, Style]]:
    """A line, character by character, each with how it looks."""
    return [(character, segment.style or Style()) for segment in line for character in segment.text]


async def test_a_node_that_takes_long_to_look_at_is_looked_at_rarely(world, monkeypatch):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)

        def slow() -> NodeSnapshot:
            until = time.thread_time() + 0.05
            while time.thread_time() < until:
                pass
            return snapshot()

        monkeypatch.setattr(world.node, "snapshot", slow)
        app._look()
        assert app._look_due - asyncio.get_running_loop().time() > 5
