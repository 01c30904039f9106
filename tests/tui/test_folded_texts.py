"""A text of many lines in the feed: its first lines, how many more there are, and all of them in place."""

from __future__ import annotations

import pytest

from tests.tui.driving import lines_of, ready, screen_text, settled, until
from tests.tui.fakes import World
from tui.feed.activities import sentence
from tui.feed.folded_text import FOLDED_LINES, folded
from tui.widgets.wrapping import wrap

MANY = "\n".join(["the plan:", *(f"    step {number}" for number in range(1, 16))])


def test_lines_stay_lines_and_stay_indented():
    assert wrap([("a\n  b", "text"), ("\n\nc", "tag")], 10, 8) == [
        [("a", "text")],
        [("  ", "text"), ("b", "text")],
        [],
        [("c", "tag")],
    ]


def test_lines_that_do_not_fit_are_as_few_as_are_allowed():
    assert wrap([("\n" * 50, "text")], 10, 3)[-1][-1][0] == "\N{HORIZONTAL ELLIPSIS}"
    assert len(wrap([("\n" * 50, "text")], 10, 3)) == 3


@pytest.mark.parametrize("lines", range(1, 9))
def test_a_text_is_folded_only_where_that_saves_a_line(lines: int):
    text = "\n".join(map(str, range(lines)))
    shown = "".join(piece for piece, _ in folded(((text, "text"),), lines))
    if lines <= FOLDED_LINES + 1:
        assert shown == text
    else:
        assert shown.split("\n")[:-1] == text.split("\n")[:FOLDED_LINES]
        assert f"{lines - FOLDED_LINES} more lines" in shown


def test_people_and_tags_within_the_first_lines_stay_apart_and_what_comes_behind_is_left_out():
    spans = folded((("a\nhi ", "text"), ("@bob", "mention"), ("\nc\nd\ne\nf\ng", "text"), ("#ops", "tag")), 7)
    assert spans[:3] == (("a\nhi ", "text"), ("@bob", "mention"), ("\nc\nd", "text"))
    assert len(spans) == 4 and "3 more lines" in spans[-1][0]


def test_a_sentence_is_on_one_line_where_it_is_told_as_a_sentence(world: World):
    world.says("bob", "one\ntwo")
    entry = next(iter(world.model.feed.newest_first()))
    assert sentence(entry.body).text == "one\N{RETURN SYMBOL}two"
    assert sentence(entry.body).written == "one\ntwo"


async def test_a_text_of_few_lines_is_shown_as_it_was_written(world: World):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.says("bob", "deployed:\n  web\n  db")
        await settled(pilot)
        shown = lines_of(app, "#feed")
        at = next(place for place, line in enumerate(shown) if "deployed:" in line)
        column = shown[at].index("deployed:")
        assert shown[at + 1][column:] == "  web" and shown[at + 2][column:] == "  db"
        assert not shown[at + 1][:column].strip(), "the lines stand below the first one"


async def test_a_text_of_many_lines_is_folded_opened_in_place_and_folded_again(world: World):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.says("bob", MANY)
        world.says("carol", "thanks")
        await settled(pilot)
        shown = "\n".join(lines_of(app, "#feed"))
        assert "step 3" in shown and "step 4" not in shown and "12 more lines" in shown
        await pilot.press("escape", "up", "right")
        await settled(pilot)
        shown = "\n".join(lines_of(app, "#feed"))
        assert "step 15" in shown and "more lines" not in shown
        await pilot.press("left")
        await settled(pilot)
        shown = "\n".join(lines_of(app, "#feed"))
        assert "12 more lines" in shown and "step 15" not in shown and "thanks" in shown


async def test_what_is_opened_is_shown_beyond_what_a_folded_text_looks_at(world: World):
    app = world.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        world.says("bob", "\n".join(f"line {number} {'x' * 60}" for number in range(1, 121)))
        await settled(pilot)
        assert "116 more lines" in screen_text(app)
        await pilot.press("escape", "right")
        for _ in range(20):
            await pilot.press("pagedown")
            await settled(pilot)
            if "line 120" in screen_text(app):
                break
        assert "line 120" in screen_text(app)
        await pilot.press("pageup")
        await settled(pilot)
        shown = screen_text(app)
        assert "line 120" not in shown and "line 9" in shown, "it is read page by page"


async def test_where_nothing_is_folded_the_key_says_so(world: World):
    app = world.app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await ready(pilot)
        world.says("bob", "one line")
        await settled(pilot)
        await pilot.press("escape", "right")
        await until(pilot, lambda: "stands for nothing hidden" in screen_text(app))


async def test_a_search_finds_what_stands_in_the_folded_lines(world: World):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.says("bob", MANY)
        world.says("carol", "something else")
        await settled(pilot)
        app.main._set_filter('"step 14"')
        await until(pilot, lambda: app.main.feed.matches == 1)
        await settled(pilot)
        assert "the plan:" in screen_text(app) and "something else" not in "\n".join(lines_of(app, "#feed"))
