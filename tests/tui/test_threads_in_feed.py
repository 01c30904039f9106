"""Threads that open and close in place: beneath an activity stands what answers it, and nobody's reading jumps."""

from __future__ import annotations

from typing import Any

import pytest

from core.client import NotConnected, PastEntry, PastPage, PastPlace
from core.client.client_events import CatchUpDone
from core.query import document, matches, parse
from core.wire.entries import parse_entry_id
from tests.tui.conversing import body_of, liked, named, removed, said
from tests.tui.driving import lines_of, ready, screen_text, settled, type_line, until
from tests.tui.fakes import NOON, World
from tests.tui.reader import Reader
from tests.tui.test_history import MICROSECONDS, Past, with_past
from tui.screens.reading import InspectorScreen
from tui.widgets.opened_threads import OPENED_THREADS_MAX, SHOWN_AT_ONCE

POST = named("bob", "p")
CLOSED, OPENED = "▸", "▾"


def rows(reader: Reader) -> list[str]:
    return [line[1:].rstrip() for line in lines_of(reader.app, "#feed") if line.strip()]


def selected(reader: Reader) -> str:
    return next(line[1:] for line in lines_of(reader.app, "#feed") if line.startswith("▌"))


def line_of(reader: Reader, words: str) -> int:
    return next(number for number, line in enumerate(lines_of(reader.app, "#feed")) if words in line)


def a_thread(reader: Reader) -> None:
    reader.says("bob", "p", said("who comes along?"))
    reader.says("cyd", "a", said("I do", POST))
    reader.says("dan", "x", said("something else"))
    reader.says("alice", "b", said("I, too", POST))
    reader.says("bob", "c", said("good", named("cyd", "a")))


async def at_a_thread(reader: Reader) -> list[str]:
    """The rows, with the beginning of a thread selected, which is closed."""
    a_thread(reader)
    await reader.select("who comes")
    return rows(reader)


async def closes_at_its_beginning(reader: Reader, key: str, before: list[str]) -> None:
    await reader.press(key)
    assert rows(reader) == before
    assert "who comes along?" in selected(reader)


async def test_what_answers_an_activity_opens_beneath_it_each_as_deep_as_it_stands(reader):
    before = await at_a_thread(reader)
    assert f"{CLOSED}↳2" in before[0]
    await reader.press("C")
    assert [line[9:].rstrip() for line in rows(reader)[1:4]] == [
        "  ↳ cyd I do  ↳1",
        "    ↳ bob good",
        "  ↳ alice I, too",
    ]
    assert f"{OPENED}↳2" in selected(reader) and "who comes along?" in selected(reader)
    assert "this server does not look for older ones" in rows(reader)[4]
    assert rows(reader)[5:] == before[1:]
    await closes_at_its_beginning(reader, "C", before)


async def test_the_arrows_open_and_close_it_too_from_inside_it_as_well(reader):
    before = await at_a_thread(reader)
    await reader.press("right", "down", "down")
    assert "bob good" in selected(reader)
    await closes_at_its_beginning(reader, "left", before)


async def test_what_was_opened_last_is_closed_first_a_text_before_the_thread_that_it_stands_in(reader):
    reader.says("bob", "p", said("who comes along?"))
    reader.says("cyd", "a", said("\n".join(f"word {number}." for number in range(8)), POST))
    await reader.select("who comes")
    await reader.press("right", "down", "right")
    assert "word 7." in screen_text(reader.app)
    await reader.press("left")
    assert "word 0." in selected(reader) and "word 7." not in screen_text(reader.app)
    await reader.press("left")
    assert f"{CLOSED}↳1" in selected(reader)


@pytest.mark.parametrize(("size", "words"), [((100, 30), "↳ cyd answer 5."), ((50, 24), "↳ (5 deep) cyd answer 5.")])
async def test_on_a_narrow_screen_what_stands_deep_says_how_deep_and_is_not_pushed_out(size, words):
    world = World()
    async with world.app().run_test(size=size) as pilot:
        reader = Reader(pilot, await ready(pilot), world)
        reader.says("bob", "p", said("who comes along?"))
        before = POST
        for depth in range(1, 6):
            reader.says("cyd", f"a{depth}", said(f"answer {depth}.", before))
            before = named("cyd", f"a{depth}")
        await reader.select("who comes")
        await reader.press("C")
        assert words in screen_text(reader.app)


async def test_keys_do_to_an_answer_beneath_what_they_do_to_any_activity(reader):
    await at_a_thread(reader)
    await reader.press("C", "down", "f")
    assert reader.posted == {**reader.posted, "type": "Like", "object": named("cyd", "a")}
    reader.says.deliver("ref-0")
    await until(reader.pilot, lambda: "♥1" in rows(reader)[1])
    await reader.press("enter")
    assert isinstance(reader.app.screen, InspectorScreen)
    await reader.press("escape", "r")
    assert "Reply to cyd" in screen_text(reader.app)
    await type_line(reader.pilot, "so do we")
    assert reader.posted["object"]["inReplyTo"] == named("cyd", "a")
    reader.says.deliver("ref-1")
    await settled(reader.pilot)
    assert "↳ alice so do we" in rows(reader)[3]


async def test_what_comes_to_an_open_thread_moves_nobody_who_reads_below_it(reader):
    a_thread(reader)
    for number in range(40):
        reader.says("dan", f"n{number}", said(f"line {number}"))
    await reader.select("who comes")
    await reader.press("C")
    await reader.select("line 3")
    before = rows(reader)
    place = line_of(reader, "line 3")
    reader.says("cyd", "d", said("one more", POST))
    await settled(reader.pilot)
    assert line_of(reader, "line 3") == place
    assert "one more" in "".join(rows(reader)) or "who comes" not in before[0]
    assert "line 3" in selected(reader)


async def test_a_thread_that_opens_at_the_end_has_its_activity_and_its_answers_in_sight(reader):
    for number in range(40):
        reader.says("dan", f"n{number}", said(f"line {number}"))
    a_thread(reader)
    reader.says("bob", "q", said("who brings what?"))
    for number in range(3):
        reader.says("cyd", f"q{number}", said(f"cake {number}", named("bob", "q")))
    await reader.select("who brings what?")
    await reader.press("C")
    shown_rows = rows(reader)
    at = next(number for number, line in enumerate(shown_rows) if "who brings" in line)
    assert ["cake" in line for line in shown_rows[at + 1 : at + 4]] == [True, True, True]
    assert "who brings what?" in selected(reader)


async def test_removed_and_muted_answers_stand_there_only_where_somebody_answers_them(reader):
    a_thread(reader)
    reader.says("cyd", "a2", said("and another", POST))
    reader.says("alice", "gone", said("never mind", POST))
    reader.says("alice", "gone2", removed(named("alice", "gone")))
    await type_line(reader.pilot, "/mute cyd")
    await reader.select("who comes")
    await reader.press("C")
    assert [line[9:].rstrip() for line in rows(reader)[1:4]] == ["    muted cyd", "    ↳ bob good", "  ↳ alice I, too"]


async def test_who_cannot_open_a_thread_is_told_why(reader):
    await reader.press("escape", "right")
    assert "no activity here" in reader.told
    a_thread(reader)
    await reader.select("something else")
    await reader.press("right")
    assert "C looks in the past" in reader.told
    await reader.press("C")
    await until(reader.pilot, lambda: "Nothing answers this one in what is loaded" in reader.told)
    assert "looking" not in screen_text(reader.app)
    await reader.select("who comes")
    await reader.press("C", "down", "right")
    assert "beneath it already" in reader.told


async def test_the_key_line_offers_to_open_a_thread_where_there_is_one(reader):
    a_thread(reader)
    await reader.select("something else")
    assert "C Thread" not in screen_text(reader.app)
    await reader.select("who comes")
    await until(reader.pilot, lambda: "C Thread" in screen_text(reader.app))
    await reader.press("C", "down")
    await until(reader.pilot, lambda: "C Thread" in screen_text(reader.app))
    await reader.press("f7")
    assert "C Thread" not in screen_text(reader.app)


async def test_so_many_threads_are_open_at_a_time(reader):
    for number in range(OPENED_THREADS_MAX + 1):
        reader.says("bob", f"p{number}", said(f"question {number}"))
        reader.says("cyd", f"a{number}", said(f"answer {number}", named("bob", f"p{number}")))
    for number in range(OPENED_THREADS_MAX + 1):
        await reader.select(f"question {number}")
        await reader.press("C")
    assert f"{OPENED_THREADS_MAX} threads are open" in reader.told
    assert CLOSED in selected(reader)


async def test_of_many_answers_the_first_are_shown_and_more_by_a_key(reader):
    reader.says("bob", "p", said("who comes along?"))
    for number in range(SHOWN_AT_ONCE + 12):
        reader.says("cyd", f"a{number}", said(f"answer {number}.", POST))
    await reader.select("who comes")
    await reader.press("C", "G")
    await reader.select("… 12 more")
    await reader.press("enter")
    assert f"answer {SHOWN_AT_ONCE}." in selected(reader)
    assert "more" not in "".join(rows(reader))


async def test_a_thread_opens_beneath_a_match_of_the_filter(reader):
    a_thread(reader)
    await settled(reader.pilot)
    await reader.press("f7", *"along", "enter")
    await until(reader.pilot, lambda: len(rows(reader)) == 1)
    await reader.press("C")
    assert len(rows(reader)) == 5
    await reader.press("C", "escape")
    assert len(rows(reader)) == 5


class ThreadedPast(Past):
    """A past that is asked what is about an activity, so many answers a page."""

    at_once = 200
    indexed = False
    searched = 0
    failure_of_search: Exception | None = None

    async def find(self, place: PastPlace | None, query: str, most: int = 1) -> PastPage:
        self.queries.append(query)
        await self.gate.wait()
        self.searched += 1
        if self.failure_of_search is not None:
            raise self.failure_of_search
        wanted = parse(query, now=0.0)
        before = [
            one for one in self.entries if place is None or PastPlace(one.stamp, parse_entry_id(one.id)).key < place.key
        ]
        # What names no activity is about none, and most of these lines do not.
        candidates = [one for one in before if "about:" not in query or b"activity:" in one.body]
        found = [one for one in candidates if matches(wanted, document(one.sender, one.body, one.stamp))]
        page = tuple(found[-min(most, self.at_once) :])
        more = len(found) > len(page)
        reached = PastPlace(page[0].stamp, parse_entry_id(page[0].id)) if more else None
        return PastPage(page, more, reached, 0 if self.indexed else None)


COUNT = 5_000


def with_thread_in_past(answers: int) -> tuple[World, ThreadedPast]:
    """A world whose server keeps many lines, of which the newest were sent. An activity among the first of these is
    answered so often, long after; its answers were not sent."""
    world, past = with_past(COUNT, sent=300)
    threaded = ThreadedPast(0)
    threaded.entries, threaded.keys = past.entries, past.keys

    def put(seconds_before: float, who: str, ref: str, activity: dict[str, Any]) -> None:
        stamp = int((NOON - seconds_before) * MICROSECONDS) + 1
        threaded.add(PastEntry(body_of(who, ref, activity), who, f"bb.2.{len(threaded.entries)}", stamp))

    put(COUNT - 100, "bob", "p", said("the oldest question"))
    for number in range(answers):
        put(COUNT - 2_000 - number, "cyd", f"a{number}", said(f"late answer {number}.", POST))
    put(COUNT - 3_000, "alice", "deep", said("thank you", named("cyd", "a0")))
    put(COUNT - 3_001, "dan", "like", liked(POST))
    world.past = threaded
    return world, threaded


async def at_the_question(pilot) -> Reader:
    reader = Reader(pilot, await ready(pilot), World())
    await until(pilot, lambda: reader.app.model.past.above == "more")
    await reader.press("escape", "g")
    await until(pilot, lambda: "line 1" in screen_text(reader.app))
    await until(pilot, lambda: not reader.app.model.past.loading)
    await reader.select("the oldest question")
    return reader


@pytest.mark.parametrize("size", [(80, 24), (60, 18)], ids=["80x24", "60x18"])
async def test_answers_that_are_not_loaded_are_looked_for_in_the_past(size):
    world, _ = with_thread_in_past(3)
    async with world.app().run_test(size=size) as pilot:
        reader = await at_the_question(pilot)
        await reader.press("C")
        await until(pilot, lambda: "late answer 2." in screen_text(reader.app))
        at = line_of(reader, "the oldest question")
        beneath = [line.split("↳")[1].strip() for line in rows(reader)[at + 1 : at + 5]]
        assert beneath == ["cyd late answer 0.", "alice thank you", "cyd late answer 1.", "cyd late answer 2."]
        assert "the oldest question" in selected(reader)


async def test_somebody_who_reads_on_meanwhile_stays_where_they_are():
    world, past = with_thread_in_past(30)
    async with world.app().run_test(size=(80, 24)) as pilot:
        past.failure_of_search = NotConnected("not now")
        reader = await at_the_question(pilot)
        past.failure_of_search = None
        past.gate.clear()
        await reader.press("C")
        assert "looking for its answers" in screen_text(reader.app)
        await reader.press("down", "down", "down", "down")
        reading, place = selected(reader), line_of(reader, selected(reader).strip())
        past.gate.set()
        await until(pilot, lambda: reader.app.main.feed.row_count() > 530)
        await settled(pilot)
        assert selected(reader) == reading
        assert line_of(reader, reading.strip()) == place


async def test_a_thread_stays_open_while_one_is_elsewhere():
    world, _ = with_thread_in_past(3)
    async with world.app().run_test(size=(80, 24)) as pilot:
        reader = await at_the_question(pilot)
        await reader.press("C")
        await until(pilot, lambda: "late answer 2." in screen_text(reader.app))
        await reader.press("G")
        await until(pilot, lambda: "oldest question" not in screen_text(reader.app))
        await reader.press("escape")
        await until(pilot, lambda: "late answer 2." in screen_text(reader.app))
        assert "the oldest question" in selected(reader)


async def test_why_the_past_cannot_be_asked_is_told_where_nothing_is_known_to_answer():
    world, past = with_thread_in_past(3)
    async with world.app().run_test(size=(80, 24)) as pilot:
        past.failure_of_search = NotConnected("the server is gone")
        other = await at_the_question(pilot)
        await other.press("C")
        await until(pilot, lambda: "Nothing answers this one in what is loaded: the server is gone." in other.told)


async def test_more_pages_of_answers_are_read_up_to_a_bound():
    world, past = with_thread_in_past(700)
    past.at_once = 100
    async with world.app().run_test(size=(80, 24)) as pilot:
        reader = await at_the_question(pilot)
        await reader.press("C")
        await until(pilot, lambda: "looking" not in screen_text(reader.app) and reader.app.main.feed.row_count() > 530)
        await reader.select("more — Enter shows 40")
        assert "… 4" in selected(reader)


async def test_what_is_in_sight_is_not_told_to_be_below_and_what_is_not_is(reader):
    for number in range(10):
        reader.says("dan", f"n{number}", said(f"line {number}"))
    a_thread(reader)
    await reader.select("good")
    await reader.press("C", "up")
    assert not reader.app.main.feed.following
    reader.says("cyd", "d", said("seen at once"))
    await settled(reader.pilot)
    assert "seen at once" in rows(reader)[-1]
    assert "new below" not in screen_text(reader.app)
    for number in range(30):
        reader.says("dan", f"m{number}", said(f"later {number}"))
    await settled(reader.pilot)
    assert "new below" in screen_text(reader.app)


async def test_what_one_writes_oneself_is_not_new_to_one(reader):
    for number in range(60):
        reader.says("dan", f"n{number}", said(f"line {number}"))
    await reader.select("line 1")
    reader.says("alice", "mine", said("from my other screen"), own_ref="mine")
    await settled(reader.pilot)
    assert reader.app.main.feed.unseen == 0
    reader.says("dan", "more", said("and this is new"))
    await settled(reader.pilot)
    assert "1 new below" in screen_text(reader.app)


async def test_the_border_tells_the_time_of_what_the_cursor_is_at(reader):
    for number in range(60):
        reader.says("dan", f"n{number}", said(f"line {number}"))
    await reader.select("line 30")
    await reader.press("up", "up", "up")
    await until(reader.pilot, lambda: f"reading {selected(reader)[:5]}" in screen_text(reader.app))
    await reader.press("down")
    await until(reader.pilot, lambda: f"reading {selected(reader)[:5]}" in screen_text(reader.app))


async def test_an_empty_feed_says_that_the_past_is_read_until_it_has_come():
    world = World()
    async with world.app().run_test(size=(80, 24)) as pilot:
        app = await ready(pilot)
        await settled(pilot)
        assert "Reading the past…" in screen_text(app)
        world.client.tell(CatchUpDone(0))
        await settled(pilot)
        assert "Nothing here yet." in screen_text(app)
