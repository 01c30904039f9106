"""What is older than the feed's first row."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from core.client.client_events import ActivityArrived, CatchUpDone
from core.store.store_errors import StoreUnreadable
from core.wire.entries import Entry, EntryId
from tests.tui.driving import lines_of, ready, settled, until
from tests.tui.fakes import NOON, World, processed
from tui.feed.activities import note
from tui.feed.history import BEGINNING, FULL, PAGE
from tui.model.model_updates import tell

MICROSECONDS = 1_000_000
DAY = 86_400


class Archive:
    """A store of numbered lines, one a second, the last of them at noon."""

    def __init__(self, count: int) -> None:
        self.entries = [self._entry(number, count) for number in range(1, count + 1)]
        self.asked = 0
        self.failure: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    @staticmethod
    def _entry(number: int, count: int) -> Entry:
        stamp = (int(NOON) - count + number) * MICROSECONDS
        body = processed(note(f"line {number}"), "bob")
        return Entry(EntryId("bb", 1, number), "activity", stamp, body, "bob", None, f"ref-{number}")

    async def activities_before(self, before: tuple[int, EntryId] | None, most: int) -> Sequence[Entry]:
        self.asked += 1
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return [one for one in self.entries if before is None or (one.stamp, one.id) < before][-most:]


def with_past(count: int, *, sent: int, capacity: int = 5000) -> tuple[World, Archive]:
    """A world whose node keeps `count` lines and sent the newest `sent` of them at the login."""
    archive = Archive(count)
    world = World(capacity=capacity, archive=archive)
    for entry in archive.entries[count - sent :]:
        arrive(world, entry, live=False)
    tell(world.model, CatchUpDone(sent))
    return world, archive


def arrive(world: World, entry: Entry, *, live: bool = True) -> None:
    tell(world.model, ActivityArrived(str(entry.id), entry.body, entry.sender, entry.stamp, live))


def numbers(world: World) -> list[int]:
    """Which lines the feed has, from its top."""
    feed = world.model.feed
    rows = (feed.by_serial(serial) for serial in range(feed.first_serial, feed.end_serial))
    return [int(feed.sentence(row).text.split()[-1]) for row in rows if row is not None and row.state != "mark"]


def top(app) -> str:
    return lines_of(app, "#feed")[0]


async def test_going_to_the_top_brings_what_is_older_and_moves_nothing():
    world, _ = with_past(1200, sent=100)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("escape", "g")
        await until(pilot, lambda: len(numbers(world)) == 100 + PAGE)
        await settled(pilot)
        assert "line 1101" in top(app)
        assert numbers(world) == list(range(1101 - PAGE, 1201))
        await pilot.press("k")
        await settled(pilot)
        assert "line 1100" in top(app)


async def test_the_top_of_all_says_that_there_is_nothing_older():
    world, archive = with_past(700, sent=100)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("escape")
        for _ in range(3):
            await pilot.press("g")
            await until(pilot, lambda: not app.main._looking_back)
            await settled(pilot)
        await pilot.press("g")
        await settled(pilot)
        assert BEGINNING in top(app)
        assert numbers(world) == list(range(1, 701))
        asked = archive.asked
        await pilot.press("g", "k")
        await settled(pilot)
        assert archive.asked == asked


async def test_the_wheel_and_the_page_key_bring_it_too():
    world, archive = with_past(300, sent=5)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        assert archive.asked == 0
        app.main.feed.scroll_lines(-3)
        await until(pilot, lambda: len(numbers(world)) == 300)
        await pilot.press("escape", "g", "pageup")
        await until(pilot, lambda: BEGINNING in top(app))


async def test_a_filter_looks_through_what_is_older_until_something_matches():
    world, archive = with_past(2000, sent=100)
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f7", *'"line 300"', "enter")
        await settled(pilot)
        assert app.main.feed.matches == 0
        assert archive.asked == 0
        await pilot.press("g")
        await until(pilot, lambda: app.main.feed.matches == 1)
        await settled(pilot)
        assert "line 300" in "\n".join(lines_of(app, "#feed"))
        assert archive.asked == 4


async def test_nothing_is_shown_twice_when_old_activities_arrive_late():
    world, archive = with_past(50, sent=10)
    arrive(world, archive.entries[20])
    await world.model.look_back()
    assert sorted(numbers(world)) == list(range(1, 51))


async def test_a_repetition_after_a_crash_is_shown_once():
    world, archive = with_past(50, sent=10)
    first = archive.entries[20]
    archive.entries[30] = Entry(
        EntryId("cc", 1, 7), "activity", archive.entries[30].stamp, first.body, "bob", None, first.ref
    )
    await world.model.look_back()
    assert numbers(world).count(21) == 1


async def test_the_feed_grows_no_further_than_it_may_and_says_so():
    world, _ = with_past(400, sent=50, capacity=201)
    assert await world.model.look_back()
    feed = world.model.feed
    assert len(feed) == 200, "with the line where live begins"
    assert numbers(world) == list(range(202, 401))
    assert not await world.model.look_back()
    first = feed.by_serial(feed.first_serial)
    assert first is not None and feed.sentence(first).text == FULL
    assert len(feed) == 201


async def test_a_feed_that_has_dropped_rows_does_not_grow_upwards_again():
    world, archive = with_past(400, sent=50, capacity=60)
    for number in range(30):
        world.says("carol", f"new {number}")
    before = numbers(world)
    assert not await world.model.look_back()
    assert numbers(world) == before
    assert archive.asked == 1


async def test_without_anything_at_the_login_nothing_is_older():
    world, archive = with_past(0, sent=0)
    assert not await world.model.look_back()
    assert archive.asked == 0


async def test_a_store_that_cannot_be_read_is_told_among_the_events_and_tried_again():
    world, archive = with_past(50, sent=10)
    archive.failure = StoreUnreadable("the disk is on fire")
    assert not await world.model.look_back()
    assert "the disk is on fire" in world.model.notices[-1].text
    archive.failure = None
    assert await world.model.look_back()
    assert numbers(world) == list(range(1, 51))


async def test_what_arrives_while_the_past_is_read_keeps_its_place():
    world, archive = with_past(50, sent=10)
    archive.gate.clear()
    reading = asyncio.create_task(world.model.look_back())
    await asyncio.sleep(0)
    world.says("carol", "new 51")
    assert not await world.model.look_back(), "one page at a time"
    archive.gate.set()
    assert await reading
    assert numbers(world) == list(range(1, 52))


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
    while await world.model.look_back():
        pass
    assert numbers(world) == list(range(1, count + 4))
