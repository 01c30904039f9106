"""A larger box for a long text."""

from __future__ import annotations

import pytest

from tests.tui.driving import ready, screen_text, settled
from tests.tui.fakes import World
from tui.feed.activities import note


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_in_the_larger_box_enter_begins_a_line_and_the_other_key_sends(world: World, size):
    app = world.app()
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        await pilot.press(*"one", "f9", "enter", *"two")
        await settled(pilot)
        assert app.main.composer.size.height > size[1] // 3
        assert app.main.feed.size.height > 3, "what is answered stays in sight"
        assert "Enter: a new line \u00b7 Alt+Enter: send" in screen_text(app)
        assert world.client.posted == []
        await pilot.press("alt+enter")
        await settled(pilot)
        assert [activity for _, activity in world.client.posted] == [note("one\ntwo")]
        assert app.main.composer.size.height == 1 and not app.main.composer.large


async def test_what_is_written_stays_when_the_box_is_a_line_again_and_enter_sends(world: World):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f9", *"one", "escape")
        assert app.main.composer.has_focus and not app.main.composer.large
        await pilot.press("f9", "f9", "enter")
        assert [activity for _, activity in world.client.posted] == [note("one")]


async def test_the_key_leads_into_the_box_from_the_feed(world: World):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("escape", "f9", "x")
        assert app.main.composer.value == "x" and app.main.composer.large
