"""What a filter finds in all of the past, as a list: one is gone to, and Esc goes back."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from core.client.past_questions import PastEntry, PastPage, PastPlace, PastUnreadable
from core.query import document, matches, parse
from tests.tui.conversing import Conversation, body_of, edited, liked, named, removed, said
from tests.tui.driving import lines_of, ready, screen_text, settled, type_line, until
from tests.tui.fakes import NOON, World
from tests.tui.test_history import MICROSECONDS, shown, with_past
from tests.tui.test_key_bar import words
from tests.tui.test_search_in_past import COUNT, LOOKED_AT, SearchedPast, filtered, place_of, selected, told
from tests.tui.test_search_in_past import with_searched_past as with_one_at_a_time
from tui.application.app import ActivityApp
from tui.screens import finding
from tui.screens.finding import HITS_MAX, HitsScreen, matching_part
from tui.screens.searching_past import HITS_AT_A_TIME


class PagedPast(SearchedPast):
    """A past whose hits come several at a time."""

    async def find(self, place: PastPlace | None, query: str, most: int = 1) -> PastPage:
        self.queries.append(query)
        if "about:" in query:
            return self.about(place, query, most)
        self.looks += 1
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        wanted = parse(query, now=0.0)
        before = [one for one in reversed(self.entries) if place is None or place_of(one).key < place.key]
        looked = before[:LOOKED_AT]
        found = [one for one in looked if matches(wanted, document(one.sender, one.body, one.stamp))][:most]
        more = len(before) > LOOKED_AT or len(found) == most
        reached = found[-1] if len(found) == most else looked[-1] if looked else None
        return PastPage(tuple(reversed(found)), more, place_of(reached) if reached is not None else None, 0)


def with_searched_past(*said: tuple[int, str]) -> tuple[World, PagedPast]:
    world, searched = with_one_at_a_time(*said)
    paged = PagedPast(0)
    paged.entries, paged.keys = searched.entries, searched.keys
    world.past = paged
    return world, paged


async def with_list(pilot: Pilot[Any], query: str) -> tuple[ActivityApp, HitsScreen]:
    """The application with the list of what a query finds."""
    app = await filtered(pilot, query)
    await until(pilot, lambda: app.focused is app.main.feed)
    await pilot.press("h")
    await until(pilot, lambda: isinstance(app.screen, HitsScreen) and app.screen.is_mounted and bool(app.focused))
    screen = app.screen
    assert isinstance(screen, HitsScreen)
    return app, screen


def listed(screen: HitsScreen) -> list[str]:
    view = screen.view
    return [line for y in range(view.size.height) if (line := view.render_line(y).text[1:-1].rstrip())]


THREE = ((8_000, "first kiwi"), (5_000, "second kiwi"), (2_000, "third kiwi"))


async def test_hits_are_listed_the_newest_first_with_their_time_and_who_wrote_them() -> None:
    world, _ = with_searched_past(*THREE)
    async with world.app().run_test(size=(80, 24)) as pilot:
        app, screen = await with_list(pilot, "kiwi ")
        await until(pilot, lambda: "all of the past was looked through" in screen_text(app))
        assert [line.split(maxsplit=3)[2:] for line in listed(screen)] == [
            ["bob", "third kiwi"],
            ["bob", "second kiwi"],
            ["bob", "first kiwi"],
        ]
        assert all(line.startswith("20") and line[16] == " " for line in listed(screen))
        assert "3 hits" in screen_text(app)


async def test_enter_goes_to_a_hit_and_shows_what_stands_around_it_and_escape_goes_back() -> None:
    world, _ = with_searched_past(*THREE)
    async with world.app().run_test(size=(80, 24)) as pilot:
        app = await ready(pilot)
        await pilot.press("escape", "k", "k")
        await settled(pilot)
        before = shown(app)
        _, screen = await with_list(pilot, "kiwi ")
        await until(pilot, lambda: len(screen.view.hits) == 3)
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.screen is app.main and selected(app) == "bb.2.4000")
        await settled(pilot)
        assert any("second kiwi" in line for line in shown(app))
        assert sum("line " in line for line in shown(app)) > 5
        await pilot.press("escape")
        await until(pilot, lambda: shown(app) == before)


async def test_escape_in_the_list_leaves_everything_as_it_was() -> None:
    world, _ = with_searched_past(*THREE)
    async with world.app().run_test(size=(80, 24)) as pilot:
        app, _ = await with_list(pilot, "kiwi ")
        at = selected(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        assert app.main.feed.filter and selected(app) == at


async def test_it_tells_how_far_it_has_looked_while_it_looks() -> None:
    world, paged = with_searched_past((8_500, "one kiwi"))
    async with world.app().run_test(size=(80, 24)) as pilot:
        app = await filtered(pilot, "kiwi ")
        await until(pilot, lambda: selected(app) == "bb.2.500")
        looks = paged.looks
        find = paged.find

        async def find_twice(place: PastPlace | None, query: str, most: int = 1) -> PastPage:
            if paged.looks == looks + 2:
                paged.gate.clear()
            return await find(place, query, most)

        paged.find = find_twice  # type: ignore[method-assign]
        await pilot.press("h")
        await until(pilot, lambda: isinstance(app.screen, HitsScreen) and "looked back to 20" in screen_text(app))
        assert "Searching" in screen_text(app)
        paged.gate.set()
        await until(pilot, lambda: "one kiwi" in screen_text(app))


@pytest.mark.slow
async def test_more_hits_come_as_one_goes_down_and_there_is_an_end_to_them() -> None:
    world, _ = with_searched_past()
    async with world.app().run_test(size=(80, 24)) as pilot:
        app, screen = await with_list(pilot, "from:bob ")
        await until(pilot, lambda: len(screen.view.hits) >= 24 and not screen._looking)
        first = len(screen.view.hits)
        assert first < 200
        while len(screen.view.hits) < HITS_MAX:
            at = len(screen.view.hits)
            await pilot.press("end")
            await until(pilot, lambda at=at: len(screen.view.hits) > at and not screen._looking)  # type: ignore[misc]
        await pilot.press("end")
        await settled(pilot)
        assert len(screen.view.hits) < HITS_MAX + 100 < COUNT and "say before:" in screen_text(app)


async def test_there_is_an_end_to_long_ones_before_there_are_so_many(monkeypatch) -> None:
    monkeypatch.setattr(finding, "BYTES_MAX", 5_000)
    world, _ = with_searched_past()
    async with world.app().run_test(size=(80, 24)) as pilot:
        app, screen = await with_list(pilot, "from:bob ")
        await until(pilot, lambda: "say before:" in screen_text(app))
        bodies = [len(one.item.body) for one in screen.view.hits]
        assert sum(bodies) >= 5_000 > sum(bodies) - HITS_AT_A_TIME * max(bodies)


async def test_why_there_are_no_more_is_told() -> None:
    world, paged = with_searched_past(*THREE)
    async with world.app().run_test(size=(80, 24)) as pilot:
        app = await filtered(pilot, "kiwi ")
        await until(pilot, lambda: selected(app) == "bb.2.7000")
        paged.failure = PastUnreadable("it burns")
        await pilot.press("h")
        await until(pilot, lambda: "no more: it burns" in screen_text(app))


async def test_where_the_server_does_not_search_the_list_has_what_is_loaded_and_says_so() -> None:
    world, _ = with_past(COUNT, sent=300)
    async with world.app().run_test(size=(80, 24)) as pilot:
        app, screen = await with_list(pilot, '"line 8" ')
        await until(pilot, lambda: "Nothing matches" in screen_text(app))
        assert "only what is loaded was looked through" in screen_text(app)
        await pilot.press("escape", "escape")
        app, screen = await with_list(pilot, '"line 8900" ')
        await until(pilot, lambda: len(screen.view.hits) == 1)
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.main and selected(app) == "bb.1.8900")


async def test_a_hit_of_somebody_muted_is_shown_where_it_stands() -> None:
    world, _ = with_searched_past(*THREE)
    async with world.app().run_test(size=(80, 24)) as pilot:
        app = await ready(pilot)
        await type_line(pilot, "/mute bob")
        _, screen = await with_list(pilot, "kiwi ")
        await until(pilot, lambda: len(screen.view.hits) == 3)
        await pilot.press("down", "enter")
        await until(pilot, lambda: any("second kiwi" in line for line in lines_of(app, "#feed")))


def posted(searched: SearchedPast, who: str, ref: str, seconds: int, activity: dict[str, Any]) -> None:
    """Somebody with an account has posted something, so many seconds before noon."""
    stamp = int((NOON - seconds) * MICROSECONDS) + 1
    searched.add(PastEntry(body_of(who, ref, activity), who, f"bb.3.{COUNT - seconds}", stamp))


async def test_hits_say_what_was_edited_and_removed_since_and_leave_out_what_matches_no_more() -> None:
    world, searched = with_searched_past()
    for at, text in enumerate(("old kiwi", "kiwi to be gone", "kiwi to be pear", "kiwi that is liked")):
        posted(searched, "cyd", f"p{at}", 8_000 - at, said(text))
    posted(searched, "cyd", "e0", 300, edited(named("cyd", "p0"), "new kiwi"))
    posted(searched, "cyd", "d1", 299, removed(named("cyd", "p1")))
    posted(searched, "cyd", "e2", 298, edited(named("cyd", "p2"), "pear"))
    posted(searched, "alice", "l3", 297, liked(named("cyd", "p3")))
    async with world.app().run_test(size=(120, 40)) as pilot:
        app, screen = await with_list(pilot, "kiwi ")
        await until(pilot, lambda: "all of the past was looked through" in screen_text(app))
        assert [line.split(maxsplit=3)[3] for line in listed(screen)] == [
            "new kiwi  edited",
            "kiwi that is liked  ♥1",
        ]
        await pilot.press("escape", "escape")
        app, screen = await with_list(pilot, "from:cyd ")
        await until(pilot, lambda: "all of the past was looked through" in screen_text(app))
        assert "removed by cyd" in screen_text(app) and "to be gone" not in screen_text(app)


async def test_what_is_edited_and_removed_while_the_list_is_open_is_so_in_the_list() -> None:
    world, searched = with_searched_past()
    posted(searched, "cyd", "p", 8_000, said("one kiwi"))
    posted(searched, "cyd", "q", 7_000, said("two kiwis and a kiwi"))
    async with world.app().run_test(size=(120, 40)) as pilot:
        app, screen = await with_list(pilot, "kiwi ")
        await until(pilot, lambda: len(screen.view.hits) == 2)
        tell = Conversation(world)
        tell("cyd", "e", edited(named("cyd", "p"), "one apple"))
        tell("cyd", "d", removed(named("cyd", "q")))
        await until(pilot, lambda: "one apple  edited" in screen_text(app) and "removed by cyd" in screen_text(app))
        assert "kiwis" not in screen_text(app)


async def test_without_a_filter_it_says_what_sets_one(world: World) -> None:
    async with world.app().run_test(size=(80, 24)) as pilot:
        app = await ready(pilot)
        await pilot.press("escape", "h")
        assert "/ sets one" in told(app)


async def test_the_key_line_tells_the_keys_of_a_search_while_there_is_one() -> None:
    world, _ = with_searched_past(*THREE)
    async with world.app().run_test(size=(80, 24)) as pilot:
        app = await ready(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: "Inspect" in words(app))
        assert not any(word in words(app) for word in ("Next", "Prev", "Hits", "Back"))
        await pilot.press("slash")
        await until(pilot, lambda: "Enter Find" in words(app) and "Esc Back" in words(app))
        await filtered(pilot, "kiwi ")
        await until(
            pilot,
            lambda: all(word in words(app) for word in ("Enter Inspect", "n Next", "N Prev", "h Hits", "Esc Back")),
        )
        await pilot.press("h")
        await until(pilot, lambda: "Enter Go there" in words(app) and "Esc Cancel" in words(app))


def test_the_part_of_a_text_is_shown_in_which_the_words_stand() -> None:
    text = "one two three four five six seven eight nine ten kiwi eleven twelve thirteen fourteen"
    part = matching_part(text, parse("kiwi", now=0.0), 30)
    assert "kiwi" in part and part.startswith("\N{HORIZONTAL ELLIPSIS}") and len(part) == 30
    assert matching_part(text, parse("from:bob", now=0.0), 30).startswith("one two")
    assert matching_part("short kiwi", parse("kiwi", now=0.0), 30).rstrip() == "short kiwi"


async def test_the_place_in_the_whole_past_is_told_and_the_scrollbar_leads_through_all_of_it() -> None:
    world, _ = with_past(COUNT, sent=300)
    async with world.app().run_test(size=(80, 24)) as pilot:
        app = await ready(pilot)
        feed = app.main.feed
        await pilot.press("escape", "pageup")
        for _ in range(40):
            await pilot.press("pageup")
        await until(pilot, lambda: "% of the past" in screen_text(app))
        assert world.model.past.beginning is not None
        x, height = feed.size.width - 1, feed.size.height
        await pilot.mouse_down("#feed", offset=(x, height // 2))
        await pilot.mouse_up("#feed", offset=(x, height // 2))
        await until(pilot, lambda: feed.share is not None and abs(feed.share - 0.5) < 0.1)
        await settled(pilot)
        bar = [feed.render_line(y).text[-1] for y in range(height)]
        assert bar.count("\N{RIGHT HALF BLOCK}") == 1 and abs(bar.index("\N{RIGHT HALF BLOCK}") - height // 2) <= 1
        await pilot.press("g")
        await until(pilot, lambda: feed.share == 0.0)
        await settled(pilot)
        assert "0 % of the past" in screen_text(app)
        await pilot.mouse_down("#feed", offset=(x, height - 1))
        await pilot.mouse_up("#feed", offset=(x, height - 1))
        await until(pilot, lambda: feed.following)
