"""What is offered while one writes: a list above the line, from which nothing is taken unless one says so."""

from __future__ import annotations

import pytest

from tests.tui.driving import lines_of, ready, screen_text, settled, until
from tests.tui.fakes import World
from tui.application.app import ActivityApp
from tui.feed.activities import note
from tui.widgets.offer_list import ROWS_MAX, OfferList


def list_of(app: ActivityApp) -> OfferList:
    return app.main.query_one(OfferList)


def offered(app: ActivityApp) -> list[str]:
    """What stands in the list, a row each."""
    shown = list_of(app)
    return [shown.render_line(y).text.rstrip() for y in range(shown.size.height)] if shown.display else []


async def people(world: World, pilot) -> None:
    world.says("bert", "hello")
    world.says("bob", "the disk is full #operations")
    await settled(pilot)


async def test_commands_are_listed_with_their_help_as_soon_as_a_slash_is_there(world: World):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("slash")
        await settled(pilot)
        rows = offered(app)
        assert len(rows) == ROWS_MAX and rows[0].split(maxsplit=1) == ["/help", "Shows the keys and the commands."]
        assert "more" in rows[-1], "it is said that there are others"
        assert all(row in screen_text(app) for row in rows)
        await pilot.press(*"mut")
        await settled(pilot)
        assert [row.split()[0] for row in offered(app)] == ["/mute"]


@pytest.mark.parametrize(("typed", "rows"), [("hi @b", ["@bob", "@bert"]), ("see #", ["#operations"])])
async def test_people_and_tags_are_listed_the_likeliest_first(world: World, typed: str, rows: list[str]):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await people(world, pilot)
        await pilot.press(*typed)
        await settled(pilot)
        assert [row.strip() for row in offered(app)] == rows


async def test_the_list_lies_over_the_feed_and_moves_nothing_in_it(world: World):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for number in range(40):
            world.says("bob", f"number {number}")
        await settled(pilot)
        before, place = lines_of(app, "#feed"), app.main.composer.region
        await pilot.press("slash")
        await settled(pilot)
        assert lines_of(app, "#feed") == before and app.main.composer.region == place
        shown = list_of(app).region
        assert shown.bottom == place.y and shown.height == ROWS_MAX
        assert app.cursor_position == app.main.composer.cursor_screen_offset


async def test_enter_sends_what_was_written_though_something_is_offered(world: World):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await people(world, pilot)
        await pilot.press(*"hi @b")
        assert app.main.composer.offered
        await pilot.press("enter")
        assert [activity for _, activity in world.client.posted] == [note("hi @b")]


async def test_the_arrows_choose_and_enter_takes_what_was_chosen_and_sends_nothing(world: World):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await people(world, pilot)
        await pilot.press(*"hi @b", "down", "down")
        await settled(pilot)
        rows = offered(app)
        assert rows[1].startswith("\u203a @bert"), "the chosen one has a mark"
        assert app.cursor_position.y == list_of(app).region.y + 1, "and the cursor stands there for who hears it"
        await pilot.press("enter")
        assert world.client.posted == [] and app.main.composer.value == "hi @bert"
        assert offered(app) == []
        await pilot.press("enter")
        assert [activity for _, activity in world.client.posted] == [note("hi @bert")]


async def test_up_chooses_from_the_end_and_the_list_goes_along(world: World):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("slash", "up")
        await settled(pilot)
        assert any(row.startswith("\u203a /quit") for row in offered(app))
        await pilot.press("down")
        await settled(pilot)
        assert offered(app)[0].startswith("\u203a /help")


async def test_escape_closes_the_list_and_then_leaves_the_line(world: World):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await people(world, pilot)
        await pilot.press(*"@b", "escape")
        await settled(pilot)
        assert offered(app) == [] and app.main.composer.has_focus and app.main.composer.value == "@b"
        await pilot.press("o")
        await settled(pilot)
        assert offered(app) == [], "it was declined for this word"
        await pilot.press(*"y @b")
        await settled(pilot)
        assert offered(app), "and not for the next one"
        await pilot.press("escape", "escape")
        assert app.main.feed.has_focus


async def test_tab_takes_what_is_offered_in_the_middle_of_a_text_and_leaves_the_rest(world: World):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await people(world, pilot)
        app.main.composer.value = "first\n says so\nlast"
        app.main.composer.move_cursor((1, 0))
        await pilot.press(*"@bo", "tab")
        assert app.main.composer.value == "first\n@bob says so\nlast"


async def test_a_slash_offers_commands_only_where_the_text_begins(world: World):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("a", "alt+enter", "slash", "h")
        await settled(pilot)
        assert offered(app) == []


async def test_what_comes_back_with_the_up_key_or_a_paste_offers_nothing(world: World):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await people(world, pilot)
        await pilot.press(*"@b", "enter", "up")
        await settled(pilot)
        assert app.main.composer.value == "@b" and offered(app) == []
        await pilot.press("down")
        assert app.main.composer.value == "", "the arrows still go through what was written"


async def test_a_click_takes_an_offer(world: World):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await people(world, pilot)
        await pilot.press(*"hi @b")
        await settled(pilot)
        await pilot.click(OfferList, offset=(4, 1))
        await until(pilot, lambda: app.main.composer.value == "hi @bert")
        assert app.focused is app.main.composer


async def test_a_list_is_no_higher_than_what_is_seen_of_the_feed(world: World):
    app = world.app()
    async with app.run_test(size=(60, 10)) as pilot:
        await ready(pilot)
        await pilot.press("slash")
        await settled(pilot)
        rows = offered(app)
        assert 0 < len(rows) < app.main.feed.size.height


@pytest.mark.parametrize("size", [(60, 18), (80, 24), (48, 12)], ids=str)
async def test_what_is_replied_to_stays_in_sight_above_the_line_while_something_is_offered(
    world: World, size: tuple[int, int]
):
    app = world.app()
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        world.says("bob", "who has seen the ladder?")
        await settled(pilot)
        await pilot.press("escape", "r", *"ask @")
        await until(pilot, lambda: bool(app.main.composer.offered))
        await pilot.pause()
        lines = screen_text(app).splitlines()
        at = next(number for number, line in enumerate(lines) if "ask @" in line)
        assert "Reply to bob" in lines[at - 1]
        assert offered(app)[-1].strip() in lines[at - 2] and lines[at - 2].strip().startswith("@")
