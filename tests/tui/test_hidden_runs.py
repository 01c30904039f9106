"""Activities that are hidden: a run of them is one line, opened in place."""

from __future__ import annotations

import pytest

from core.query import parse
from tests.tui.driving import lines_of, ready, settled, type_line, until
from tests.tui.fakes import World
from tui.feed.feed_item import FeedItem
from tui.widgets.hidden_runs import RUN_MAX, SHOWN, HiddenRuns

FOLDED = "\N{BLACK RIGHT-POINTING SMALL TRIANGLE}"


def texts(app) -> list[str]:
    return [line[1:].strip() for line in lines_of(app, "#feed") if line.strip()]


def selected(app) -> str:
    (line,) = [line for line in lines_of(app, "#feed") if line.startswith("\N{LEFT HALF BLOCK}")]
    return line[1:]


async def with_muted_bob(pilot, world: World, *said: tuple[str, str]):
    app = await ready(pilot)
    await type_line(pilot, "/mute bob")
    for sender, text in said:
        world.says(sender, text)
    await settled(pilot)
    return app


SAID = (("carol", "one"), ("bob", "two"), ("bob", "three"), ("bob", "four"), ("carol", "five"))


async def test_a_run_of_muted_activities_is_one_line_that_says_how_many_and_why(world):
    async with world.app().run_test(size=(80, 24)) as pilot:
        app = await with_muted_bob(pilot, world, *SAID)
        assert [line[9:] for line in texts(app)] == [
            "carol        one",
            f"{FOLDED} 3 hidden: muted bob; Enter shows",
            "carol        five",
        ]


async def test_keys_go_over_a_run_as_over_one_row(world):
    async with world.app().run_test(size=(80, 24)) as pilot:
        app = await with_muted_bob(pilot, world, *SAID)
        await pilot.press("escape", "up")
        assert "3 hidden" in selected(app)
        await pilot.press("up")
        assert "one" in selected(app)
        await pilot.press("down", "down")
        assert "five" in selected(app) and app.main.feed.following


@pytest.mark.parametrize("key", ["enter", "right"])
async def test_a_run_is_opened_in_place_and_closed_again(world, key):
    async with world.app().run_test(size=(80, 24)) as pilot:
        app = await with_muted_bob(pilot, world, *SAID)
        await pilot.press("escape", "up", key)
        assert "two  muted" in selected(app)
        shown = texts(app)
        assert "3 hidden: muted bob" in shown[1] and "three  muted" in shown[3] and "five" in shown[5]
        await pilot.press("down", "left")
        assert "3 hidden" in selected(app) and len(texts(app)) == 3


async def test_a_key_that_finds_nothing_hidden_says_so(world):
    async with world.app().run_test(size=(80, 24)) as pilot:
        app = await with_muted_bob(pilot, world, *SAID)
        await pilot.press("escape", "right", "left")
        told = [one.message for one in app._notifications]
        assert "stands for nothing hidden" in told[-2] and "Nothing is open" in told[-1]


async def test_what_a_run_grows_by_moves_nobody_who_reads(world):
    async with world.app().run_test(size=(80, 24)) as pilot:
        app = await with_muted_bob(pilot, world, *[("carol", f"line {one}") for one in range(60)], *SAID)
        await pilot.press("escape", "pageup")
        before = texts(app)
        for number in range(5):
            world.says("bob", f"more {number}")
        await settled(pilot)
        assert texts(app)[:-1] == before[:-1]
        await pilot.press("end")
        await settled(pilot)
        assert "5 hidden" in texts(app)[-1]


async def test_a_feed_that_ends_with_a_run_follows_on_it(world):
    async with world.app().run_test(size=(80, 24)) as pilot:
        app = await with_muted_bob(pilot, world, ("carol", "one"), ("bob", "two"), ("bob", "three"))
        await pilot.press("escape", "up", "down")
        assert app.main.feed.following and "2 hidden" in selected(app)
        world.says("bob", "four")
        await settled(pilot)
        assert "3 hidden" in texts(app)[-1]


async def test_the_date_of_a_day_that_began_within_a_run_is_told_below_it(world):
    async with world.app().run_test(size=(80, 24)) as pilot:
        app = await with_muted_bob(pilot, world, ("carol", "one"), ("bob", "two"))
        world.time += 86_400
        world.says("bob", "three")
        world.says("carol", "four")
        await settled(pilot)
        shown = texts(app)
        assert "2 hidden" in shown[-3] and "\N{BOX DRAWINGS LIGHT HORIZONTAL}" in shown[-2] and "four" in shown[-1]


async def test_those_that_operators_have_removed_are_one_line_with_the_reason(world):
    async with world.app().run_test(size=(100, 30)) as pilot:
        app = await ready(pilot)
        feed = world.model.feed
        for number in range(5):
            feed.add(b'{"type":"Note","content":"spam"}', "eve", world.time, entry_id=f"n.1.{number}", stamp=number + 1)
        world.model.removed([f"n.1.{number}" for number in range(1, 4)], "ada", "spam")
        await settled(pilot)
        assert [line[9:] for line in texts(app)][-2] == f"{FOLDED} 3 hidden: removed by ada; Enter shows"
        await pilot.press("escape", "up", "enter")
        await settled(pilot)
        assert sum("an activity of eve was removed by ada (spam)" in line for line in texts(app)) == 3


async def test_one_that_was_removed_says_so_itself(world):
    async with world.app().run_test(size=(100, 30)) as pilot:
        app = await ready(pilot)
        for number in range(3):
            world.model.feed.add(b"{}", "eve", world.time, entry_id=f"n.1.{number}", stamp=number + 1)
        world.model.removed(["n.1.1"], "ada", "")
        await settled(pilot)
        assert any("an activity of eve was removed by ada" in line for line in texts(app))


async def test_what_an_expelled_server_accepted_is_one_line(world):
    async with world.app().run_test(size=(100, 30)) as pilot:
        app = await ready(pilot)
        for number in range(4):
            world.model.feed.add(b"{}", "eve", world.time, entry_id=f"n.1.{number}", stamp=number + 1)
        world.model.removed([], "ada", "it lies", "n", 0.0)
        await settled(pilot)
        assert "4 hidden: of a server that ada has expelled" in texts(app)[-1]
        world.model.removed([], "ada", "", "n", 0.0, undone=True)
        await settled(pilot)
        assert "hidden" not in "".join(texts(app))


async def test_matches_of_a_filter_that_are_muted_are_one_line_each_run(world):
    async with world.app().run_test(size=(80, 24)) as pilot:
        app = await with_muted_bob(pilot, world, *SAID, ("bob", "six"), ("bob", "nothing of it"))
        app.main.feed.apply_filter(parse("type:note", now=0))
        await until(pilot, lambda: not app.main.feed.searching)
        await settled(pilot)
        assert sum("hidden" in line for line in texts(app)) == 2


def runs_of(reasons: list[str], first: int = 0) -> HiddenRuns:
    rows = [FeedItem(first + place, b"", "", 0.0) for place in range(len(reasons))]
    return HiddenRuns(
        rows.__getitem__,
        lambda entry: ("muted", reasons[entry.serial - first]) if reasons[entry.serial - first] else SHOWN,
    )


@pytest.mark.parametrize("first", [0, -700, 300])
def test_every_row_of_a_run_finds_the_same_run_and_no_row_is_in_two(first):
    reasons = ["" if place % 7 == 0 else "bob" for place in range(50)] + ["bob"] * (3 * RUN_MAX)
    runs = runs_of(reasons, first)
    for place, reason in enumerate(reasons):
        run = runs.at(place, len(reasons))
        assert (run is None) == (not reason)
        if run is not None:
            assert place in run.rows and len(run.rows) <= RUN_MAX
            assert all(runs.at(other, len(reasons)) == run for other in (run.rows[0], run.rows[-1]))


def test_who_is_hidden_is_named_and_many_are_counted():
    run = runs_of(["a", "b", "a", "c", "d", "e"]).at(3, 6)
    assert run is not None and run.words == "6 hidden: muted a, b, c and 2 more"
