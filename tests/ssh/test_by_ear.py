"""The application for somebody who does not see it: what the terminal's cursor and its changed lines say is enough."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.ssh.conftest import SECRET, Place
from tests.ssh.screen_reader import ScreenReader
from tests.ssh.tmux import Tmux

pytestmark = pytest.mark.slow

SAID = ("the first line", "the second line", "a disk is full #ops @grace", "the last line")
WRITING = "Write to everybody"
LIVE = "from here on, live"


@asynccontextmanager
async def by_ear(place: Place) -> AsyncIterator[tuple[Tmux, ScreenReader]]:
    """Somebody who has come in, and hears what is there."""
    await place.register("grace")
    for words in SAID:
        assert (await place.run("anonymous", "post", words))[0] == 0
    async with Tmux(place.directory, size=(80, 24)) as tmux:
        await tmux.enter([*place.command("grace")])
        await tmux.shows("assword:")
        await tmux.enter(SECRET)
        reader = ScreenReader(tmux)
        await reader.hears("you are grace", 30.0)
        await reader.listen()
        yield tmux, reader
        await tmux.keys("C-q")
        await tmux.prompts()


async def to_the_last_row(reader: ScreenReader) -> None:
    """From the line where one writes to the last activity."""
    await reader.presses("Escape")
    await reader.is_at(LIVE)
    await reader.presses("Up")
    await reader.is_at("the last line")


async def test_who_arrives_is_where_one_writes_and_hears_what_was_written(place: Place):
    async with by_ear(place) as (_, reader):
        for words in SAID:
            await reader.hears(words)
        await reader.is_at(WRITING)


async def test_what_arrives_is_heard_and_takes_nobody_from_where_they_are(place: Place):
    async with by_ear(place) as (tmux, reader):
        await tmux.types("half a li")
        await reader.hears("half a li")
        reader.news = []
        assert (await place.run("anonymous", "post", "and one more"))[0] == 0
        await reader.hears("and one more")
        await tmux.types("ne")
        await reader.hears("half a line")


async def test_keys_read_the_feed_row_by_row_and_open_an_activity_and_go_back(place: Place):
    async with by_ear(place) as (_, reader):
        await to_the_last_row(reader)
        await reader.presses("Up")
        await reader.is_at("\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}anonymous    a disk is full")
        await reader.presses("Up")
        await reader.is_at("anonymous    the second line")
        await reader.presses("Enter")
        await reader.hears("Activity")
        await reader.is_at("from")
        await reader.presses("Down")
        await reader.is_at("at ")
        await reader.presses("Escape")
        await reader.is_at("anonymous    the second line")


async def test_a_run_that_is_hidden_says_so_and_is_opened_and_closed(place: Place):
    async with by_ear(place) as (_, reader):
        await to_the_last_row(reader)
        await reader.presses("M")
        await reader.is_at("4 hidden: muted anonymous; Enter shows")
        await reader.presses("Enter")
        await reader.is_at("anonymous    the first line  muted")
        await reader.presses("Left")
        await reader.is_at("4 hidden: muted anonymous; Enter shows")


async def test_dialogs_say_what_they_are_and_each_choice_is_at_the_cursor(place: Place):
    async with by_ear(place) as (tmux, reader):
        await reader.presses("F8")
        await reader.hears("How others join")
        await reader.is_at("Close (Esc)")
        await reader.presses("BTab")
        await reader.is_at("Copy (y)")
        await reader.presses("Escape")
        await reader.is_at(WRITING)
        await reader.presses("Escape")
        await reader.is_at(LIVE)
        await reader.presses("v")
        await reader.hears("Views")
        await reader.is_at("Everything")
        await reader.presses("Down")
        await reader.is_at("What is to you")
        await reader.presses("Escape")
        await reader.is_at(LIVE)
        await reader.presses("i")
        await reader.is_at(WRITING)
        await tmux.types("/login")
        await reader.presses("Enter")
        await reader.hears("Log in as somebody else")
        await reader.is_at("1 to 64 characters")
        await reader.presses("BTab")
        await reader.is_at("I am new")
        await reader.presses("Down")
        await reader.is_at("\N{BLACK CIRCLE} I have")
        await reader.presses("Escape")
        await reader.is_at(WRITING)


async def test_the_palette_says_what_is_written_and_then_what_is_chosen(place: Place):
    async with by_ear(place) as (tmux, reader):
        await reader.presses("C-p")
        await reader.is_at("earch for commands")
        await reader.hears("Show the feed")
        await reader.presses("Down")
        await reader.is_at("Show the connections")
        await reader.presses("Up")
        await reader.is_at("Show the feed")
        await tmux.types("zoom")
        await reader.hears("Zoom this pane")
        await reader.listen()
        assert "Show" not in reader.focus
        await reader.presses("Escape")
        await reader.is_at(WRITING)


async def test_what_one_writes_is_heard_when_it_is_there_and_what_is_wrong_with_it_when_it_is_not_sent(place: Place):
    async with by_ear(place) as (tmux, reader):
        await tmux.types("hello all")
        await reader.presses("Enter")
        await reader.hears("grace        hello all")
        await reader.is_at(WRITING)
        await tmux.types("/nonsense")
        await reader.presses("Enter")
        await reader.hears("\N{BALLOT X} there is no command /nonsense")
        await reader.presses("C-u")
        await reader.is_at(WRITING)


async def test_a_search_is_heard_from_its_first_word_to_the_way_back(place: Place):
    async with by_ear(place) as (tmux, reader):
        await reader.presses("Escape")
        await reader.is_at(LIVE)
        await reader.presses("/")
        await reader.is_at("words, from:NAME")
        await tmux.types("disk")
        await reader.hears("1 found")
        await reader.presses("Enter")
        await reader.is_at("anonymous    a disk is full")
        await reader.presses("h")
        await reader.hears("Hits: disk")
        await reader.hears("1 hit")
        await reader.is_at("anonymous    a disk is full")
        await reader.presses("Enter")
        await reader.hears("the second line")
        await reader.is_at("anonymous    a disk is full")
        await reader.presses("Escape")
        await reader.is_at(LIVE)


async def test_nothing_is_spoken_while_nothing_happens(place: Place):
    async with by_ear(place) as (_, reader):
        for key in ("F2", "F4", "F5", "F6"):
            await reader.presses(key)
            await reader.says_nothing(2.0)
