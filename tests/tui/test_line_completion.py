"""A command, a person or a tag that is begun in the line where one writes is written to its end."""

from __future__ import annotations

import pytest
from textual import events

from tests.tui.driving import lines_of, ready, settled, until
from tests.tui.fakes import World
from tui.user_actions.line_completion import OFFERS_MAX, Offer, completions, offers, query_completions

NAMES = ("Bob", "bert", "bob", "two words", "ada")
TAGS = ("ops", "Opera")


@pytest.mark.parametrize(
    ("written", "become"),
    [
        ("/lo", ["/login"]),
        ("/he", ["/help"]),
        ("//lo", []),
        ("hi @b", ["hi @Bob", "hi @bert"]),
        ("hi @B", ["hi @Bob", "hi @bert"]),
        ("(@ad", ["(@ada"]),
        ("@two", []),
        ("@ada", []),
        ("@", []),
        ("ada@b", []),
        ("https://example.org/?to=@b", []),
        ("see #o", ["see #ops", "see #Opera"]),
        ("@ada #OPE", ["@ada #Opera"]),
        ("hi @b ", []),
        ("/json @b", ["/json @Bob", "/json @bert"]),
        ("/order sil", ["/order silence"]),
        ("/order silence b", ["/order silence Bob", "/order silence bert"]),
        ("/order silence two", []),
        ("/order expel b", []),
        ("/order nothing b", []),
        ("/order silence ", []),
        ("/mute b", ["/mute Bob", "/mute bert"]),
        ("/mute two w", ["/mute two words"]),
        ("/mute @b", ["/mute @Bob", "/mute @bert"]),
        ("/unmute #op", ["/unmute #ops", "/unmute #Opera"]),
        ("/filter disk from:b", ["/filter disk from:Bob", "/filter disk from:bert"]),
        ("/view broken #op", ["/view broken #ops", "/view broken #Opera"]),
    ],
)
def test_a_line_becomes_what_its_last_word_is_the_beginning_of(written: str, become: list[str]):
    assert list(completions(written, NAMES, TAGS)) == become


@pytest.mark.parametrize(
    ("written", "become"),
    [
        ("from:b", ["from:Bob", "from:bert"]),
        ("disk -to:ad", ["disk -to:ada"]),
        ("FROM:ad", ["FROM:ada"]),
        ("@ad", ["@ada"]),
        ("-#op", ["-#ops", "-#Opera"]),
        ("from:two", []),
        ("b", []),
        ("from:", []),
        ("type:b", []),
        ('"from:b', []),
    ],
)
def test_a_query_becomes_what_its_last_condition_is_the_beginning_of(written: str, become: list[str]):
    assert list(query_completions(written, NAMES, TAGS)) == become


def test_commands_are_offered_with_what_they_do():
    assert offers("/mu", NAMES, TAGS) == [
        Offer("/mute", "/mute [NAME|#TAG]", "Folds what somebody writes, or what has a tag; alone: tells whom.")
    ]
    assert offers("/order sil", NAMES, TAGS) == [Offer("/order silence", "silence USER", "refuse what somebody posts")]


def test_a_sign_alone_offers_everybody_who_can_be_named_the_likeliest_first():
    assert [offer.word for offer in offers("hi @", ("bob", "two words", "ann", "bob"), TAGS)] == ["@bob", "@ann"]
    assert [offer.line for offer in offers("#", NAMES, TAGS)] == ["#ops", "#Opera"]
    assert offers("mail bob@", NAMES, TAGS) == []


def test_no_more_is_offered_than_anybody_would_look_through():
    assert len(offers("@u", (f"user{number}" for number in range(10_000)), TAGS)) == OFFERS_MAX


async def test_tab_completes_in_the_filter_too_and_finds_what_it_has_completed(world: World):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.says("bert", "hello")
        world.says("bob", "good morning")
        await settled(pilot)
        await pilot.press("f7", *"from:be", "tab")
        assert app.main.filter_input.value == "from:bert" and app.focused is app.main.filter_input
        await until(pilot, lambda: not any("good morning" in line for line in lines_of(app, "#feed")))
        assert any("hello" in line for line in lines_of(app, "#feed"))


async def test_tab_writes_a_name_to_its_end_and_once_more_takes_the_next_one(world: World):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.says("bert", "hello")
        world.says("bob", "hello")
        world.says("anonymous", "hello")
        await settled(pilot)
        await pilot.press(*"hi @an", "tab")
        assert app.main.composer.value == "hi @an", "nobody is called so"
        app.main.composer.value = ""
        app.main.composer.focus()
        await pilot.press(*"hi @b", "tab")
        assert app.main.composer.value == "hi @bob", "who has written last comes first"
        await pilot.press("tab")
        assert app.main.composer.value == "hi @bert"
        await pilot.press("tab")
        assert app.main.composer.value == "hi @b", "after the last one it is as it was written"
        await pilot.press("tab", "!")
        assert app.main.composer.value == "hi @bob!" and app.focused is app.main.composer


async def test_the_end_of_a_tag_is_shown_behind_the_cursor_and_taken_with_the_right_key(world: World):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.says("bob", "the disk is full #operations")
        await settled(pilot)
        await pilot.press(*"who does #op")
        await until(pilot, lambda: app.main.composer.suggestion == "erations")
        await pilot.press("right")
        assert app.main.composer.value == "who does #operations"


async def test_tab_goes_to_the_next_pane_where_nothing_can_be_completed_any_more(world: World):
    app = world.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("tab")
        assert app.focused is not app.main.composer
        app.main.composer.focus()
        await pilot.press(*"/lo", "tab")
        assert app.main.composer.value == "/login" and app.focused is app.main.composer
        await pilot.press("tab")
        assert app.focused is not app.main.composer and app.main.composer.value == "/login"


async def test_tab_keeps_its_place_among_letters_typed_without_a_pause(world: World):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        world.says("bob", "hello")
        await settled(pilot)
        for key in (*"@bo", "tab", *", hi"):
            app.post_message(events.Key({",": "comma", " ": "space"}.get(key, key), key if len(key) == 1 else None))
        await until(pilot, lambda: app.main.composer.value.endswith("hi"))
        assert app.main.composer.value == "@bob, hi"
