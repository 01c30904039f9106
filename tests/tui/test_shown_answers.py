"""A page of the past says what was edited, removed and liked since, far behind what is loaded."""

from __future__ import annotations

from typing import Any

from core.client import NotConnected
from core.client.past_questions import PastEntry
from tests.tui.conversing import Conversation, body_of, edited, liked, named, removed, said
from tests.tui.driving import ready, screen_text, settled, type_line, until
from tests.tui.fakes import NOON, World
from tests.tui.test_history import MICROSECONDS
from tests.tui.test_hits import with_searched_past
from tests.tui.test_search_in_past import COUNT, SearchedPast
from tui.feed.past_answers import past_item
from tui.model.shown_answers import AGAIN, ShownAnswers
from tui.screens.reading import InspectorScreen


def posted(past: SearchedPast, who: str, ref: str, seconds: int, activity: dict[str, Any]) -> None:
    stamp = int((NOON - seconds) * MICROSECONDS) + 1
    past.add(PastEntry(body_of(who, ref, activity), who, f"bb.3.{COUNT - seconds}", stamp))


def old_world() -> tuple[World, SearchedPast]:
    """Somebody wrote three things long ago, and edited, removed and liked them before what is loaded."""
    world, past = with_searched_past()
    for at, text in enumerate(("has a slip", "said in anger", "who comes along?")):
        posted(past, "cyd", f"p{at}", COUNT - 2 - at, said(text))
    posted(past, "cyd", "e", 5_000, edited(named("cyd", "p0"), "has no slip"))
    posted(past, "cyd", "d", 4_999, removed(named("cyd", "p1")))
    posted(past, "alice", "l", 4_998, liked(named("cyd", "p2")))
    posted(past, "bob", "m", 4_997, liked(named("cyd", "p2")))
    posted(past, "bob", "u", 4_996, {"type": "Undo", "object": named("bob", "m")})
    return world, past


async def test_a_page_far_in_the_past_is_shown_as_it_is_now() -> None:
    world, _ = old_world()
    app = world.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await pilot.press("escape", "g")
        await until(pilot, lambda: "has no slip  edited" in screen_text(app))
        await settled(pilot)
        text = screen_text(app)
        assert "removed by cyd" in text and "anger" not in text and "has a slip" not in text
        assert "who comes along?  ♥1" in text


async def test_each_row_is_asked_about_once_and_none_of_the_present_is() -> None:
    world, past = old_world()
    app = world.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await pilot.press("escape", *["k"] * 30)
        await settled(pilot)
        await pilot.pause(0.7)
        assert past.queries == []
        await pilot.press("g")
        await until(pilot, lambda: "has no slip  edited" in screen_text(app))
        await settled(pilot)
        await pilot.pause(0.7)
        count = len(past.queries)
        await pilot.pause(0.7)
        assert len(past.queries) == count
        asked_about = " ".join(past.queries)
        assert [asked_about.count(f'about:"{named("cyd", f"p{at}")}"') for at in range(3)] == [1, 1, 1]


async def test_what_was_forgotten_is_asked_for_where_somebody_reads_and_not_while_they_follow() -> None:
    world, past = old_world()
    app = world.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await pilot.press("escape")
        world.model.feed.answers.table.forgotten = 1
        await pilot.pause(0.7)
        assert app.main.feed.following and past.queries == []
        await pilot.press("k")
        await until(pilot, lambda: past.queries != [])


async def test_a_server_that_could_not_be_asked_is_asked_again_but_not_at_once() -> None:
    world, past = old_world()
    now = 0.0
    world.model.feed.attached = False
    shown = ShownAnswers(world.model, lambda: now)
    items = [past_item(one) for one in past.entries[:3]]
    find = past.find

    async def unreadable(place: Any, query: str, most: int = 1) -> Any:
        raise NotConnected("not now")

    past.find = unreadable  # type: ignore[method-assign]
    assert shown.wanted(items) == items
    await shown.look(items)
    now = AGAIN - 0.1
    assert shown.wanted(items) == []
    now = AGAIN
    past.find = find  # type: ignore[method-assign]
    assert shown.wanted(items) == items
    await shown.look(items)
    assert shown.wanted(items) == []


async def test_what_is_edited_while_it_is_read_changes_at_once() -> None:
    world, _ = old_world()
    app = world.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await pilot.press("escape", "g")
        await until(pilot, lambda: "has no slip  edited" in screen_text(app))
        Conversation(world)("cyd", "e2", edited(named("cyd", "p0"), "is perfect"))
        await until(pilot, lambda: "is perfect  edited" in screen_text(app))


async def test_the_inspector_copies_what_an_activity_says_now() -> None:
    world, _ = old_world()
    app = world.app()
    async with app.run_test(size=(100, 40)) as pilot:
        await ready(pilot)
        tell = Conversation(world)
        tell("cyd", "q", said("has another slip"))
        await settled(pilot)
        await pilot.press("escape", "enter")
        await until(pilot, lambda: isinstance(app.screen, InspectorScreen) and app.screen.is_mounted)

        def is_read(words: str) -> bool:
            view = app.screen.query_one("#reading")
            return any(words in view.render_line(y).text for y in range(view.size.height))

        await until(pilot, lambda: is_read("has another slip"))
        tell("cyd", "e3", edited(named("cyd", "q"), "is perfect"))
        await until(pilot, lambda: is_read("is perfect"))
        await pilot.press("y")
        assert "is perfect" in app.clipboard and "slip" not in app.clipboard


async def test_reactions_of_who_is_muted_do_not_count_there_either() -> None:
    world, past = old_world()
    posted(past, "bob", "n", 4_000, liked(named("cyd", "p2")))
    app = world.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await type_line(pilot, "/mute bob")
        await pilot.press("escape", "g")
        await until(pilot, lambda: "who comes along?  ♥1" in screen_text(app))


async def test_the_inspector_has_the_replies_of_all_of_the_past() -> None:
    world, past = old_world()
    posted(past, "bob", "r", 4_000, said("I do", named("cyd", "p0")))
    app = world.app()
    async with app.run_test(size=(100, 40)) as pilot:
        await ready(pilot)
        await pilot.press("escape", "g")
        await until(pilot, lambda: "\u21b31 edited" in screen_text(app))
        await pilot.press("j", "j", "enter")
        await until(pilot, lambda: "1 answer: bob" in screen_text(app))
        assert "bob: \u201cI do\u201d" in screen_text(app) and "at first" in screen_text(app)
        Conversation(world)("alice", "x", said("me too", named("cyd", "p0")))
        await until(pilot, lambda: "2 answers: bob, alice" in screen_text(app))
