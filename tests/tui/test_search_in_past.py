"""A filter looks through all of the past: what is not loaded is looked for at the server, and Esc goes back."""

from __future__ import annotations

from typing import Any

from textual.pilot import Pilot

from core.client.past_questions import PastEntry, PastPage, PastPlace, PastUnreadable
from core.query import document, matches, parse
from core.wire.entries import parse_entry_id
from tests.tui.driving import ready, screen_text, settled, until
from tests.tui.fakes import NOON, World, processed
from tests.tui.test_history import MICROSECONDS, Past, shown, with_past
from tui.application.app import ActivityApp
from tui.feed.activities import note

LOOKED_AT = 700
COUNT = 9_000


def place_of(entry: PastEntry) -> PastPlace:
    return PastPlace(entry.stamp, parse_entry_id(entry.id))


class SearchedPast(Past):
    """A past that can be looked through, some hundred activities at a time."""

    looks = 0

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
        for one in before[:LOOKED_AT]:
            if matches(wanted, document(one.sender, one.body, one.stamp)):
                return PastPage((one,), True, place_of(one))
        if len(before) <= LOOKED_AT:
            return PastPage((), False)
        return PastPage((), True, place_of(before[LOOKED_AT - 1]))

    def about(self, place: PastPlace | None, query: str, most: int) -> PastPage:
        """What names one of some activities, by an index: a few do."""
        wanted = parse(query, now=0.0)
        found = [
            one
            for one in self.entries
            if b"activity:" in one.body
            and (place is None or place_of(one).key < place.key)
            and matches(wanted, document(one.sender, one.body, one.stamp))
        ]
        return PastPage(tuple(found[-most:]), len(found) > most, place_of(found[-most:][0]) if found else None, 0)


def with_searched_past(*words: tuple[int, str]) -> tuple[World, SearchedPast]:
    """A world whose server keeps many lines, of which the newest were sent; `words` stand behind lines so many seconds
    before noon."""
    world, past = with_past(COUNT, sent=300)
    searched = SearchedPast(0)
    searched.entries, searched.keys = past.entries, past.keys
    for seconds, text in words:
        stamp = int((NOON - seconds) * MICROSECONDS) + 1
        searched.add(PastEntry(processed(note(text), "bob"), "bob", f"bb.2.{COUNT - seconds}", stamp))
    world.past = searched
    return world, searched


def told(app: ActivityApp) -> str:
    """The short notices, as they were said."""
    return " ".join(one.message for one in app._notifications)


def selected(app: ActivityApp) -> str | None:
    index = app.main.feed.selected
    return None if index is None else app.main.feed.entry(index).id


async def filtered(pilot: Pilot[Any], words: str) -> ActivityApp:
    """The application, with a filter that was typed and sent."""
    app = pilot.app
    assert isinstance(app, ActivityApp)
    await until(pilot, lambda: app.model.online)
    await pilot.press("escape", "slash")
    app.main.filter_input.value = words
    await settled(pilot)
    await pilot.press("enter")
    return app


async def test_what_is_far_back_is_found_by_its_words_and_escape_goes_back() -> None:
    world, searched = with_searched_past((7_000, "one kiwi"))
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("escape", "k", "k", "j")
        await settled(pilot)
        before = shown(app)
        await filtered(pilot, "kiwi ")
        await until(pilot, lambda: any("one kiwi" in line for line in shown(app)))
        await settled(pilot)
        assert searched.looks >= 7_000 // LOOKED_AT - 1
        assert selected(app) == "bb.2.2000"
        await pilot.press("escape")
        await until(pilot, lambda: shown(app) == before)


async def test_from_match_to_match_one_goes_beyond_what_is_loaded_and_back() -> None:
    world, _ = with_searched_past((8_000, "first kiwi"), (5_000, "second kiwi"), (2_000, "third kiwi"))
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await filtered(pilot, "kiwi ")
        went: list[str | None] = []
        for key, there in (("", 7000), ("N", 4000), ("N", 1000), ("n", 4000), ("n", 7000)):
            if key:
                await pilot.press(key)
            await until(pilot, lambda there=there: selected(app) == f"bb.2.{there}")  # type: ignore[misc]
            await settled(pilot)
            went.append(selected(app))
        assert went == [f"bb.2.{there}" for there in (7000, 4000, 1000, 4000, 7000)]
        for there in (4000, 1000):
            await pilot.press("N")
            await until(pilot, lambda there=there: selected(app) == f"bb.2.{there}")  # type: ignore[misc]
            await settled(pilot)
        await pilot.press("N")
        await until(pilot, lambda: "all of the past was looked through" in told(app))


async def test_a_server_that_cannot_look_through_its_past_is_told_of() -> None:
    world, _ = with_past(COUNT, sent=300)
    app = world.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await filtered(pilot, "kiwi ")
        await until(pilot, lambda: "Only what is loaded was looked through" in told(app))


async def test_what_cannot_be_looked_for_now_is_told() -> None:
    world, searched = with_searched_past()
    app = world.app()
    async with app.run_test(size=(120, 40)) as pilot:
        searched.failure = PastUnreadable("it burns")
        await filtered(pilot, "kiwi ")
        await until(pilot, lambda: "it burns" in told(app))


async def test_how_far_it_has_looked_is_told_and_escape_ends_it() -> None:
    world, searched = with_searched_past()
    app = world.app()
    async with app.run_test(size=(120, 40)) as pilot:
        find = searched.find

        async def find_twice(place: PastPlace | None, query: str, most: int = 1) -> PastPage:
            if searched.looks == 2:
                searched.gate.clear()
            return await find(place, query, most)

        searched.find = find_twice  # type: ignore[method-assign]
        await filtered(pilot, "nowhere ")
        await until(pilot, lambda: "looked back to" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "looked back to" not in screen_text(app))
        searched.gate.set()
        await settled(pilot)
        assert searched.looks == 3 and not app.main.feed.filter
