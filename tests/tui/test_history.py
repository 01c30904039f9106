"""The feed is a window on the past: all of it can be reached and read, in bounded memory, and reading never jumps."""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_left

import pytest

from core.client.client_events import ActivityArrived, CatchUpDone, LoggedIn
from core.client.past_questions import PastEntry, PastPage, PastPlace, PastUnreadable
from core.client.questions import NotConnected
from core.wire.address import Address
from core.wire.entries import parse_entry_id
from tests.tui.driving import lines_of, ready, settled, until
from tests.tui.fakes import NOON, World, processed
from tui.feed.activities import note
from tui.feed.feed import Feed
from tui.feed.feed_window import TAIL
from tui.feed.history import BEGINNING, UNSHOWN, History
from tui.model.model_updates import tell
from tui.model.network_faces import SignIn

MICROSECONDS = 1_000_000
DAY = 86_400
PAGE = 500


class Past:
    """What a server keeps: numbered lines, one a second, the last of them at noon."""

    def __init__(self, count: int) -> None:
        self.entries = [self.entry(number, int(NOON) - count + number) for number in range(1, count + 1)]
        self.keys = [key_of(one) for one in self.entries]
        self.asked = 0
        self.queries: list[str] = []
        """What was looked for, where it can be looked through."""
        self.failure: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    @staticmethod
    def entry(number: int, at: float) -> PastEntry:
        return PastEntry(processed(note(f"line {number}"), "bob"), "bob", f"bb.1.{number}", int(at * MICROSECONDS))

    def add(self, entry: PastEntry) -> None:
        """Something is kept from here on, wherever it stands."""
        at = bisect_left(self.keys, key_of(entry))
        self.entries.insert(at, entry)
        self.keys.insert(at, key_of(entry))

    async def __call__(self, place: PastPlace | None, backward: bool) -> PastPage:
        self.asked += 1
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        keys = self.keys
        if place is None:
            at = len(keys) if backward else 0
        else:
            at = bisect_left(keys, place.key)
            if not backward and place.id is not None and at < len(keys) and keys[at] == place.key:
                at += 1
        found = self.entries[max(0, at - PAGE) : at] if backward else self.entries[at : at + PAGE]
        more = at > PAGE if backward else at + PAGE < len(keys)
        if not found:
            return PastPage((), more)
        end = found[0 if backward else -1]
        return PastPage(tuple(found), more, PastPlace(end.stamp, parse_entry_id(end.id)))


def key_of(entry: PastEntry) -> tuple[int, str, int, int]:
    return PastPlace(entry.stamp, parse_entry_id(entry.id)).key


def with_past(count: int, *, sent: int, capacity: int = 5000) -> tuple[World, Past]:
    """A world whose server keeps `count` lines and sent the newest `sent` of them at the login."""
    past = Past(count)
    world = World(capacity=capacity, past=past)
    world.model._client = world.model._make_client(world.model, SignIn("anonymous"))
    for entry in past.entries[count - sent :]:
        arrive(world, entry, live=False)
    tell(world.model, CatchUpDone(sent))
    return world, past


def arrive(world: World, entry: PastEntry, *, live: bool = True) -> None:
    tell(world.model, ActivityArrived(entry.id, entry.body, entry.sender, entry.stamp, live))


def numbers(world: World) -> list[int]:
    """Which lines the feed has, from its top."""
    feed = world.model.feed
    rows = (feed.by_serial(serial) for serial in range(feed.first_serial, feed.end_serial))
    return [int(feed.sentence(row).text.split()[-1]) for row in rows if row is not None and row.state != "mark"]


def shown(app) -> list[str]:
    return [line for line in lines_of(app, "#feed") if line.strip()]


def top(app) -> str:
    return lines_of(app, "#feed")[0]


def line(app, text: str) -> int:
    """On which line of the screen something stands."""
    return next(number for number, words in enumerate(lines_of(app, "#feed")) if text in words)


# --- to the first, to the last, to a date, and back ---


async def test_the_keys_for_the_first_and_the_last_row_go_to_the_first_and_the_last_of_all():
    world, _ = with_past(30_000, sent=100)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("escape", "g")
        await until(pilot, lambda: not world.model.feed.attached)
        await settled(pilot)
        assert top(app).split()[-2:] == ["line", "1"]
        assert numbers(world) == list(range(1, PAGE + 1))
        await pilot.press("up", "up")
        await settled(pilot)
        assert BEGINNING in top(app)
        await pilot.press("G")
        await settled(pilot)
        assert "line 30000" in "\n".join(shown(app))
        assert app.main.feed.following


async def test_escape_goes_back_to_where_one_was():
    world, _ = with_past(30_000, sent=400)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("escape", *["k"] * 40)
        await settled(pilot)
        before = shown(app)
        assert any("line 29965" in words for words in before)
        await pilot.press("g")
        await until(pilot, lambda: not world.model.feed.attached)
        await settled(pilot)
        assert "line 1" in "\n".join(shown(app))
        await pilot.press("escape")
        await until(pilot, lambda: any("line 29965" in words for words in shown(app)))
        await settled(pilot)
        assert shown(app) == before


async def test_a_date_is_gone_to_by_a_key_and_a_dialog_and_by_a_command():
    world, _ = with_past(3 * DAY // 10, sent=100)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("escape", "colon")
        await settled(pilot)
        await pilot.press(*"2026-11-22 08:00", "enter")
        await until(pilot, lambda: not world.model.feed.attached)
        await settled(pilot)
        assert "08:00:00" in "\n".join(shown(app)[:2])
        assert "reading 08:00" in (app.main.pane("feed").border_subtitle or "")
        await pilot.press("escape")
        await until(pilot, lambda: app.main.feed.following)
        await pilot.press("i", *"/go 09:30", "enter")
        await until(pilot, lambda: not world.model.feed.attached)
        await settled(pilot)
        assert "09:30:00" in "\n".join(shown(app)[:2])


async def test_after_the_last_activity_is_the_end():
    world, _ = with_past(2000, sent=100)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.time = NOON + DAY
        app.main.go_to("2026-11-23")
        await settled(pilot)
        assert app.main.feed.following


# --- page by page ---


async def test_scrolling_up_brings_what_is_older_and_moves_nothing():
    world, _ = with_past(1200, sent=100)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("escape")
        app.main.feed.select(30)
        await settled(pilot)
        app.main.feed.select(15)
        await settled(pilot)
        before = shown(app)
        await until(pilot, lambda: len(numbers(world)) == 100 + PAGE)
        await settled(pilot)
        assert shown(app) == before
        assert numbers(world) == list(range(1101 - PAGE, 1201))


async def test_all_of_the_past_is_read_page_by_page_in_the_memory_of_a_window():
    world, _ = with_past(6000, sent=100, capacity=1500)
    feed = world.model.feed
    seen: list[int] = []
    most = 0
    while await world.model.past.load_older():
        seen = sorted({*seen, *numbers(world)})
        most = max(most, feed.settled)
        assert numbers(world) == list(range(numbers(world)[0], numbers(world)[-1] + 1))
    assert seen == list(range(1, 6001))
    assert most <= 1500
    assert not feed.attached
    feed.reading = feed.end_serial - 1
    while not feed.attached:
        await world.model.past.load_newer()
        feed.reading = feed.end_serial - 1
        assert numbers(world) == list(range(numbers(world)[0], numbers(world)[-1] + 1))
        assert feed.settled <= 1500 + 1
    assert numbers(world)[-1] == 6000
    arrive(world, Past.entry(6001, NOON + 1))
    assert numbers(world)[-1] == 6001


async def test_going_down_to_the_present_follows_again():
    world, _ = with_past(1500, sent=100)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("escape", "g")
        await until(pilot, lambda: not world.model.feed.attached)
        for _ in range(5):
            app.main.feed.select(app.main.feed.row_count() - 1)
            await settled(pilot)
        await until(pilot, lambda: world.model.feed.attached)
        app.main.feed.select(app.main.feed.row_count() - 1)
        await settled(pilot)
        assert app.main.feed.following
        assert numbers(world) == list(range(1, 1501))


async def test_what_arrives_far_below_moves_nothing_and_is_counted():
    world, past = with_past(5000, sent=100)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("escape", "g")
        await until(pilot, lambda: not world.model.feed.attached)
        await settled(pilot)
        before = shown(app)
        for number in range(5001, 5001 + 2 * TAIL):
            entry = Past.entry(number, NOON + number - 5000)
            past.add(entry)
            arrive(world, entry)
        await settled(pilot)
        assert shown(app)[:-1] == before[:-1]
        assert f"{2 * TAIL} new below" in shown(app)[-1]
        await pilot.press("G")
        await settled(pilot)
        assert numbers(world) == list(range(5001 + TAIL, 5001 + 2 * TAIL))
        app.main.feed.select(0)
        await until(pilot, lambda: len(numbers(world)) == TAIL + PAGE)
        assert numbers(world) == list(range(5001 + TAIL - PAGE, 5001 + 2 * TAIL))


async def test_what_is_read_stays_while_much_arrives_although_the_window_is_full():
    world, past = with_past(2000, sent=500, capacity=1000)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("escape")
        app.main.feed.select(100)
        await settled(pilot)
        before = shown(app)
        for number in range(2001, 4001):
            entry = Past.entry(number, NOON + number - 2000)
            past.add(entry)
            arrive(world, entry)
        await settled(pilot)
        assert shown(app)[:-1] == before[:-1]
        assert "2000 new below" in shown(app)[-1]
        assert world.model.feed.settled <= 1000


async def test_what_is_read_stays_when_it_is_removed_and_when_the_terminal_changes():
    world, _ = with_past(5000, sent=100)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("escape")
        app.main.go_to("11:00")
        await until(pilot, lambda: not world.model.feed.attached)
        await settled(pilot)
        first = top(app)
        world.model.removed([f"bb.1.{5000 - 3600 + 3}"], "ada", "spam")
        await settled(pilot)
        assert top(app) == first
        assert "was removed by ada" in shown(app)[3]
        await pilot.resize_terminal(120, 40)
        await settled(pilot)
        assert "11:00:00" in top(app)


# --- at the edges of what there is ---


async def test_the_top_of_all_says_that_there_is_nothing_older():
    world, past = with_past(700, sent=100)
    while await world.model.past.load_older():
        pass
    feed = world.model.feed
    first = feed.by_serial(feed.first_serial)
    assert first is not None and feed.sentence(first).text == BEGINNING
    assert numbers(world) == list(range(1, 701))
    asked = past.asked
    assert not await world.model.past.load_older()
    assert past.asked == asked


async def test_a_server_that_shows_no_past_is_said_to():
    world = World(capacity=1000)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for number in range(1, 101):
            arrive(world, Past.entry(number, NOON - 100 + number), live=False)
        tell(world.model, CatchUpDone(100))
        await settled(pilot)
        await pilot.press("escape", "g")
        await settled(pilot)
        await until(pilot, lambda: UNSHOWN in "\n".join(shown(app)) or "line 1" in top(app))
        await pilot.press("up")
        await until(pilot, lambda: UNSHOWN in "\n".join(shown(app)))
        assert numbers(world) == list(range(1, 101))


async def test_at_a_server_that_shows_it_the_past_goes_on():
    world, past = with_past(300, sent=100)
    world.past = None
    assert not await world.model.past.load_older()
    feed = world.model.feed
    first = feed.by_serial(feed.first_serial)
    assert first is not None and feed.sentence(first).text == UNSHOWN
    world.past = past
    tell(world.model, LoggedIn("anonymous", Address("192.0.2.9", 3780)))
    tell(world.model, CatchUpDone(0))
    while await world.model.past.load_older():
        pass
    assert numbers(world) == list(range(1, 301))
    rows = [feed.by_serial(serial) for serial in range(feed.first_serial, feed.end_serial)]
    assert UNSHOWN not in [feed.sentence(row).text for row in rows if row is not None]


async def test_without_anything_at_the_login_nothing_is_older():
    world, past = with_past(0, sent=0)
    assert not await world.model.past.load_older()
    assert past.asked == 0


async def test_a_past_that_cannot_be_read_is_told_and_read_later():
    world, past = with_past(2000, sent=100)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        past.failure = PastUnreadable("the server cannot read what it keeps")
        await pilot.press("escape")
        app.main.feed.select(5)
        await settled(pilot)
        assert "the server cannot read what it keeps" in (app.main.pane("feed").border_subtitle or "")
        past.failure = None
        app.main.feed.select(4)
        await until(pilot, lambda: len(numbers(world)) == 100 + PAGE)
        await settled(pilot)
        assert "cannot" not in (app.main.pane("feed").border_subtitle or "")


async def test_who_reads_far_back_stays_there_while_the_server_is_lost_and_goes_on_at_another():
    world, past = with_past(5000, sent=100)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("escape")
        app.main.go_to("11:00")
        await until(pilot, lambda: not world.model.feed.attached)
        await settled(pilot)
        before = shown(app)
        past.failure = NotConnected("the connection ended before the server answered")
        app.main.feed.scroll_lines(-490)
        await settled(pilot)
        assert "the connection ended" in (app.main.pane("feed").border_subtitle or "")
        app.main.feed.scroll_lines(490)
        await settled(pilot)
        assert shown(app) == before
        # The other one has what this one lacked.
        other = Past(5000)
        other.add(PastEntry(processed(note("line 777"), "bob"), "bob", "cc.1.1", other.entries[776].stamp))
        world.past = other
        app.main.feed.scroll_lines(-490)
        await until(pilot, lambda: other.asked > 0)
        await settled(pilot)
        assert numbers(world) == sorted(numbers(world))
        assert numbers(world).count(777) == 2 and len(set(numbers(world))) == len(numbers(world)) - 1


async def test_a_filter_looks_through_what_is_older_until_something_matches():
    world, past = with_past(2000, sent=100)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f7", *'"line 300"', "enter")
        await settled(pilot)
        assert app.main.feed.matches == 0
        assert past.asked == 0
        await pilot.press("g")
        await until(pilot, lambda: app.main.feed.matches == 1)
        await settled(pilot)
        assert "line 300" in "\n".join(lines_of(app, "#feed"))
        assert past.asked == 4


async def test_a_filter_that_is_closed_leaves_one_where_one_was():
    world, _ = with_past(3000, sent=400)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("escape", *["k"] * 60)
        await settled(pilot)
        before = shown(app)
        await pilot.press("slash", *"2900", "enter")
        await until(pilot, lambda: app.main.feed.matches == 1)
        await settled(pilot)
        assert len(shown(app)) == 1
        await pilot.press("escape")
        await settled(pilot)
        assert shown(app) == before


# --- order ---


async def test_nothing_is_shown_twice_when_old_activities_arrive_late():
    world, past = with_past(50, sent=10)
    arrive(world, past.entries[20])
    await world.model.past.load_older()
    assert sorted(numbers(world)) == list(range(1, 51))


async def test_what_arrives_while_the_past_is_read_keeps_its_place():
    world, past = with_past(50, sent=10)
    past.gate.clear()
    reading = asyncio.create_task(world.model.past.load_older())
    await asyncio.sleep(0)
    arrive(world, Past.entry(51, NOON + 1))
    assert not await world.model.past.load_older(), "one page at a time"
    past.gate.set()
    assert await reading
    assert numbers(world) == list(range(1, 52))


async def test_a_page_for_a_window_that_is_left_is_dropped():
    world, past = with_past(3000, sent=100)
    await world.model.past.go_to_beginning()
    past.gate.clear()
    reading = asyncio.create_task(world.model.past.load_newer())
    await asyncio.sleep(0)
    world.model.feed.to_present()
    past.gate.set()
    await reading
    assert numbers(world) == list(range(2901, 3001))


@pytest.mark.parametrize("seed", range(12))
async def test_wherever_one_goes_the_window_has_what_the_server_keeps_without_gaps_and_once(seed):
    rng = random.Random(seed)
    past = Past(rng.choice((300, 3000, 6000)))
    feed = Feed(capacity=4000, window=rng.choice((700, 1500)))
    history = History(feed, past, lambda sender: False)
    number = len(past.entries)
    late: set[str] = set()

    def come(at: float, *, is_late: bool = False) -> None:
        nonlocal number
        number += 1
        entry = Past.entry(number, at)
        past.add(entry)
        if is_late:
            late.add(entry.id)
        feed.add(entry.body, "bob", at, entry_id=entry.id, stamp=entry.stamp)

    for entry in past.entries[-200:]:
        history.arrived(feed.add(entry.body, "bob", 0.0, entry_id=entry.id, stamp=entry.stamp, live=False))
    history.caught_up(shows=True)
    clock = NOON
    for _ in range(60):
        match rng.randrange(8):
            case 0:
                await history.go_to_beginning()
            case 1:
                somewhere = rng.choice(past.entries)
                await history.go_to(PastPlace(somewhere.stamp))
            case 2:
                feed.to_present()
            case 3 | 4:
                feed.reading = feed.first_serial
                await history.load_older()
            case 5 | 6:
                feed.reading = feed.end_serial - 1
                await history.load_newer()
            case _:
                feed.reading = rng.choice((None, feed.first_serial, feed.end_serial - 1))
                for _ in range(rng.choice((1, 30, 300))):
                    clock += 1
                    if rng.random() < 0.02:
                        come(rng.choice(past.entries).stamp / MICROSECONDS, is_late=True)
                    else:
                        come(clock)
        rows = [feed.by_serial(serial) for serial in range(feed.first_serial, feed.end_serial)]
        ids = [row.id for row in rows if row is not None and row.id is not None]
        assert len(rows) <= feed._window + 1
        assert len(ids) == len(set(ids))
        # What came late stands where it came, or is left out: all else is there in order.
        in_order = [one for one in ids if one not in late]
        kept = [one.id for one in past.entries if one.id not in late]
        if in_order:
            begin = kept.index(in_order[0])
            assert in_order == kept[begin : begin + len(in_order)]
            if feed.attached:
                assert in_order[-1] == kept[-1]
            if history.above == "all":
                assert begin == 0


async def test_another_day_has_its_date_above_it():
    world, _ = with_past(0, sent=0)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for at, text in ((NOON - 2 * DAY, "old"), (NOON - 2 * DAY + 60, "as old"), (NOON, "of today")):
            world.time = at
            world.says("bob", text)
        await settled(pilot)
        shown = [line.strip(" \N{BOX DRAWINGS LIGHT HORIZONTAL}") for line in lines_of(app, "#feed") if line.strip()]
        assert [line for line in shown if "2026" in line] == ["Friday 20 November 2026", "Sunday 22 November 2026"]
        assert shown[0] == "Friday 20 November 2026" and "of today" in shown[-1]


async def test_lines_of_the_applications_own_have_no_date(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.says("bob", "before")
        world.time = NOON + 3 * DAY
        world.model.feed.mark("by another clock", world.time)
        world.time = NOON
        world.says("bob", "after")
        await settled(pilot)
        world.time = NOON
        shown = [line for line in lines_of(app, "#feed") if line.strip()]
        assert len(shown) == 3 and not any("2026" in line for line in shown)


async def test_a_feed_of_today_has_no_date(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.says("bob", "of today")
        await settled(pilot)
        assert "of today" in top(app)


@pytest.mark.parametrize("count", [1, 511, 512, 513, 1200])
async def test_older_rows_keep_their_order_whatever_their_number(count):
    world, _ = with_past(count + 3, sent=3)
    while await world.model.past.load_older():
        pass
    assert numbers(world) == list(range(1, count + 4))
