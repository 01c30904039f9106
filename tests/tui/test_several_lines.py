"""A text of several lines: how it is written, and how the place where it is written grows."""

from __future__ import annotations

import pytest
from textual import events

from tests.tui.driving import lines_of, ready, settled, until
from tests.tui.fakes import World
from tui.feed.activities import note
from tui.look.preferences import Preferences


@pytest.mark.parametrize("key", ["alt+enter", "shift+enter", "ctrl+j"])
async def test_a_key_begins_a_new_line_and_enter_sends_all_of_them(world: World, key: str):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press(*"one", key, *"two")
        assert world.client.posted == [] and app.main.composer.value == "one\ntwo"
        await pilot.press("enter")
        assert [activity for _, activity in world.client.posted] == [note("one\ntwo")]
        assert app.main.composer.value == ""


async def test_the_keys_that_send_and_begin_a_line_can_be_changed_for_each_other():
    world = World()
    app = world.app(preferences=Preferences(keymap={"line.send": "ctrl+j", "line.new_line": "enter"}))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press(*"one", "enter", *"two", "ctrl+j")
        assert [activity for _, activity in world.client.posted] == [note("one\ntwo")]


async def test_new_lines_keep_their_place_among_letters_typed_without_a_pause(world: World):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for key in (*"ab", "alt+enter", *"cd", "enter", *"ef"):
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: app.main.composer.value == "ef")
        assert [activity for _, activity in world.client.posted] == [note("ab\ncd")]


@pytest.mark.parametrize(("size", "most"), [((80, 24), 7), ((120, 40), 12)])
async def test_the_place_to_write_grows_up_to_a_share_of_the_screen_and_then_scrolls(world: World, size, most: int):
    app = world.app()
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        for number in range(60):
            world.says("bob", f"number {number}")
        await settled(pilot)
        composer = app.main.composer
        heights = []
        for _ in range(most + 2):
            await pilot.press("x", "alt+enter")
            await settled(pilot)
            heights.append(composer.size.height)
        assert heights == [*range(2, most + 1), most, most, most]
        assert app.cursor_position.y == composer.region.bottom - 1, "the cursor is seen"
        assert "number 59" in lines_of(app, "#feed")[-1], "the feed still ends with what came last"
        await pilot.press("ctrl+c")
        await settled(pilot)
        assert composer.size.height == 1


async def test_who_reads_further_up_keeps_their_row_while_the_place_to_write_grows(world: World):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for number in range(60):
            world.says("bob", f"number {number}")
        await settled(pilot)
        await pilot.press("pageup", "pageup")
        await settled(pilot)
        before = lines_of(app, "#feed")
        assert not any("number 59" in line for line in before)
        await pilot.press(*"one", "alt+enter", "alt+enter", *"two")
        await settled(pilot)
        now = lines_of(app, "#feed")
        assert len(now) == len(before) - 2
        assert now == before[: len(now)] or now == before[-len(now) :]


async def test_the_arrows_move_within_the_text_and_at_its_ends_through_what_was_written(world: World):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press(*"first", "enter", *"a", "alt+enter", *"b", "up")
        composer = app.main.composer
        assert composer.value == "a\nb" and composer.cursor_location == (0, 1)
        await pilot.press("up")
        assert composer.value == "first"
        await pilot.press("down")
        assert composer.value == "a\nb" and composer.cursor_location == (1, 1)


async def test_the_keys_of_the_panes_and_of_leaving_work_while_one_writes(world: World):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press(*"draft", "f6")
        assert app.main.current == "network"
        await pilot.press("i", "f7")
        assert app.main.filter_input.has_focus
        await pilot.press("escape", "i", "escape")
        assert app.main.feed.has_focus and app.main.composer.value == "draft"


async def test_wide_characters_and_those_without_width_are_counted_as_they_are_painted(world: World):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        composer = app.main.composer
        composer.value = "\u5b57\u202ex\u2764\ufe0f"
        await settled(pilot)
        begin = composer.content_region.x
        # Two cells, one for what is shown in place of the mark, one each for the letter and the heart.
        assert app.cursor_position.x == begin + 5
        assert composer.render_line(0).text.rstrip() == "\u5b57\ufffdx\u2764\u2060"
