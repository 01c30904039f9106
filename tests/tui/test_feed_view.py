"""The feed on the screen."""

from __future__ import annotations

import time

import pytest
from rich.style import Style

from core.query import parse
from tests.tui.driving import lines_of, ready, settled, until
from tests.tui.fakes import World
from tui.look.preferences import Preferences


def texts(app) -> list[str]:
    return [line for line in lines_of(app, "#feed") if line.strip()]


async def test_the_feed_follows_while_it_is_at_its_end(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for number in range(100):
            world.says("bob", f"line {number}")
        await settled(pilot)
        assert "line 99" in texts(app)[-1]


async def test_the_feed_stays_where_somebody_reads_and_says_how_much_is_new(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for number in range(100):
            world.says("bob", f"line {number}")
        await settled(pilot)
        await pilot.press("escape", "pageup", "pageup")
        before = texts(app)
        for number in range(7):
            world.says("bob", f"more {number}")
        await settled(pilot)
        assert texts(app)[:-1] == before[:-1]
        assert "7 new below" in texts(app)[-1]
        await pilot.press("end")
        await settled(pilot)
        assert "more 6" in texts(app)[-1]
        assert app.main.feed.following


async def test_what_somebody_reads_stays_when_the_oldest_rows_leave_the_ring():
    world = World(capacity=200)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for number in range(200):
            world.says("bob", f"line {number}")
        await settled(pilot)
        await pilot.press("escape", "pageup", "pageup", "pageup")
        before = texts(app)[:-1]
        for number in range(100):
            world.says("bob", f"more {number}")
        await settled(pilot)
        assert texts(app)[:-1] == before
        await pilot.press("g")
        assert "line 100" in texts(app)[0]


async def test_a_click_on_the_marker_goes_to_the_end(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for number in range(100):
            world.says("bob", f"line {number}")
        await settled(pilot)
        await pilot.press("escape", "g")
        world.says("bob", "the newest")
        await settled(pilot)
        view = app.main.feed
        await pilot.click("#feed", offset=(10, view.size.height - 1))
        assert view.following and "the newest" in texts(app)[-1]


async def test_the_wheel_scrolls_and_the_end_follows_again(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for number in range(100):
            world.says("bob", f"line {number}")
        await settled(pilot)
        view = app.main.feed
        view.scroll_lines(-3)
        assert not view.following
        view.scroll_lines(2)
        assert not view.following
        view.scroll_lines(1)
        assert view.following


async def test_long_rows_are_wrapped_under_themselves_and_cut_at_some_length(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.says("bob", "word " * 300)
        await settled(pilot)
        shown = texts(app)
        assert len(shown) == 8
        assert shown[1].startswith(" " * 20) and shown[-1].endswith("…")


@pytest.mark.serial
async def test_a_hundred_thousand_activities_scroll_and_repaint_like_thirty():
    world = World(capacity=100_000)
    app = world.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        for number in range(100_000):
            world.model.feed.add(b'{"type":"Note","content":"line %d"}' % number, "bob", world.time)
        view = app.main.feed
        begun = time.process_time()
        view.changed()
        view.select(0)
        for _ in range(100):
            view.scroll_lines(50)
        view.select(50_000)
        view.action_end()
        spent = time.process_time() - begun
        assert "line 99999" in texts(app)[-1]
        # 104 layouts; one costs below 5 ms on the slowest machine at hand, a list of widgets takes minutes.
        assert spent < 3.0


async def test_a_filter_hides_what_does_not_match_and_highlights_what_does(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.says("bob", "the harbour is closed")
        world.says("carol", "the market is open")
        world.says("dave", "who was in the harbour?")
        await settled(pilot)
        await pilot.press("escape", "slash", *"harbour")
        await until(pilot, lambda: not app.main.feed.searching)
        assert [line.split()[1] for line in texts(app)] == ["bob", "dave"]
        strip = app.main.feed.render_line(0)
        assert any(segment.text == "harbour" and segment.style.bold for segment in strip)


async def test_new_activities_pass_through_the_filter(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f7", *"from:carol", "enter")
        world.says("bob", "no")
        world.says("carol", "yes")
        await settled(pilot)
        assert len(texts(app)) == 1 and "yes" in texts(app)[0]
        await pilot.press("escape")
        await settled(pilot)
        assert len(texts(app)) == 2


async def test_matches_are_walked_through_among_the_rest(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for number in range(300):
            world.says("bob", f"needle {number}" if number % 100 == 50 else f"hay {number}")
        await settled(pilot)
        await pilot.press("escape", "slash", *"needle", "enter")
        await until(pilot, lambda: app.main.feed.matches == 3)
        await pilot.press("m", "N")
        view = app.main.feed
        assert view.row_count() == 300
        assert view.selected == 150
        await pilot.press("N")
        assert view.selected == 50
        await pilot.press("n")
        assert view.selected == 150


async def test_a_search_through_many_rows_leaves_room_for_everything_else():
    world = World(capacity=50_000)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for number in range(50_000):
            world.model.feed.add(b'{"type":"Note","content":"line %d"}' % number, "bob", world.time)
        await settled(pilot)
        await pilot.press("f7")
        app.main.filter_input.value = "line 7777"
        await pilot.pause()
        await pilot.press("escape")
        app.main.filter_input.value = "line 49999"
        await until(pilot, lambda: app.main.feed.matches == 1 and not app.main.feed.searching, 20)


async def test_an_activity_that_comes_before_the_search_has_begun_is_found_once(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        view = app.main.feed
        view.apply_filter(parse("boats", now=0.0))
        world.says("bob", "about boats")
        view.changed()
        await until(pilot, lambda: not view.searching)
        assert view.matches == 1


async def test_a_bad_filter_says_what_is_wrong_beside_it(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f7", *"from:")
        assert "needs a value" in str(app.main.query_one("#filter-words").render())


async def test_enter_shows_the_whole_activity_with_its_numbers_as_they_came(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.model.arrived(
            b'{"n": 123456789012345678901234567890, "f": 1.50}', "bob", world.time, live=True, own_ref=None
        )
        await settled(pilot)
        await pilot.press("escape", "enter")
        await pilot.pause()
        reading = app.screen.query_one("#reading")
        shown = "\n".join(reading.render_line(y).text for y in range(reading.size.height))
        assert "123456789012345678901234567890" in shown and "1.50" in shown
        await pilot.press("y", "escape")
        assert app.clipboard == '{"n":123456789012345678901234567890,"f":1.50}'


async def test_only_lines_that_differ_are_painted_again(world, monkeypatch):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for number in range(5):
            world.says("bob", f"line {number}")
        await settled(pilot)
        view = app.main.feed
        painted = []
        monkeypatch.setattr(view, "refresh", lambda *regions, **_: painted.append(regions))
        view.changed()
        assert painted == []
        world.says("bob", "one more")
        view.changed()
        assert [[region.y for region in regions] for regions in painted] == [[5]]


async def test_what_matches_may_leave_the_ring_while_a_frame_is_prepared_and_between_two_frames():
    world = World(capacity=50)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for number in range(50):
            world.says("bob", f"needle {number}" if number < 3 else f"hay {number}")
        await settled(pilot)
        feed = app.main.feed
        feed.apply_filter(parse("needle", now=0.0))
        await until(pilot, lambda: not feed.searching)
        await settled(pilot)
        assert len(texts(app)) == 3
        preparing = feed.prepare()
        next(preparing)
        # As the engine does it, between two steps of a frame.
        world.says("bob", "hay")
        for _ in preparing:
            pass
        feed.changed()
        world.says("bob", "hay")
        feed.select(0)
        assert feed.row_count() == 1
        await settled(pilot)
        assert [line.split()[-1] for line in texts(app)] == ["2"]


# --- what a text refers to -------------------------------------------------------------------------------------------


def looks(app, word: str) -> list[Style]:
    """The styles of the pieces of the feed that have a word in them."""
    view = app.main.feed
    segments = (segment for y in range(view.size.height) for segment in view.render_line(y))
    return [segment.style for segment in segments if word in segment.text and segment.style is not None]


@pytest.mark.parametrize("no_color", [False, True])
@pytest.mark.parametrize("theme", ["textual-dark", "textual-light", "ansi-dark"])
async def test_people_tags_and_links_stand_out_by_more_than_their_colour(world, theme, no_color):
    app = world.app(preferences=Preferences(theme=theme, no_color=no_color))
    async with app.run_test(size=(100, 24)) as pilot:
        await ready(pilot)
        world.says("bob", "plain @carol #ops https://example.org/a @alice")
        await settled(pilot)
        (plain,), (other,), (tag,), (link,), (me,) = (
            looks(app, word) for word in ("plain", "@carol", "#ops", "https://", "@alice")
        )
        assert not (plain.bold or plain.underline or plain.reverse)
        assert other.bold and tag.bold and link.underline
        assert me.bold and (me.reverse or me.bgcolor != plain.bgcolor)


async def test_a_line_to_the_reader_has_a_mark_before_its_sender_whatever_its_text_says(world):
    app = world.app()
    async with app.run_test(size=(100, 24)) as pilot:
        await ready(pilot)
        world.arrives("bob", {"type": "Note", "content": "without a name in it", "to": ["alice"]})
        world.says("bob", "alice, malice and @alicea")
        await settled(pilot)
        first, second = texts(app)
        assert "›bob" in first and " bob" in second


async def test_whoever_logs_in_as_somebody_else_has_their_own_marks(world):
    app = world.app()
    async with app.run_test(size=(100, 24)) as pilot:
        await ready(pilot)
        world.says("bob", "hello @alice")
        await settled(pilot)
        assert "›bob" in texts(app)[0]
        app.model.renamed("alice", "alice-2", "")
        await settled(pilot)
        assert "›bob" not in texts(app)[0]
