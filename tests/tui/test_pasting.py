"""What is pasted into the line is text, whatever is in it, and is sent by nothing but a key."""

from __future__ import annotations

import pytest
from textual import events
from textual.widgets import Static

from tests.tui.driving import ready, screen_text, settled, type_line
from tui.feed.activities import note
from tui.user_actions.written_text import KEPT_CHARACTERS_MAX, TEXT_CHARACTERS_MAX, pasted, too_long, trimmed


def problem_of(app) -> str:
    return str(app.main.query_one("#composer-problem", Static).render())


@pytest.mark.parametrize(
    ("clipboard", "text"),
    [
        (" a\tsingle \x00line\x7f ", " a single line "),
        ("\tdeployed\x07 1.4\x08\x9b\r\n  to\tboth\n\n", "    deployed 1.4\n  to both"),
        ("one\rtwo\u2028three\x0bfour\n\nfive", "one\ntwo\nthree\nfour\n\nfive"),
        ("\n", ""),
        ("", ""),
    ],
)
def test_a_paste_keeps_its_lines_and_loses_what_is_no_character_of_a_text(clipboard: str, text: str):
    assert pasted(clipboard) == text


def test_of_several_lines_the_first_stays_indented_when_they_are_sent():
    assert trimmed("\n\n    def f():\n        pass\n\n") == "    def f():\n        pass"
    assert trimmed("  one line ") == "one line"
    assert trimmed(" \n ") == ""


def test_it_is_told_by_how_much_a_text_is_too_long():
    assert too_long("x" * TEXT_CHARACTERS_MAX) == ""
    assert too_long("x" * (TEXT_CHARACTERS_MAX + 1)).startswith("This is 1 character too long")
    assert "1,000 characters too long" in too_long("x" * (TEXT_CHARACTERS_MAX + 1000))


async def test_several_lines_that_are_pasted_are_shown_and_only_enter_sends_them(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        app.post_message(events.Paste("deployed:\r\n  web 1.4\r\n  db 2.0\r\n"))
        await settled(pilot)
        assert world.client.posted == [] and app.main.composer.value == "deployed:\n  web 1.4\n  db 2.0"
        shown = screen_text(app)
        assert "deployed:" in shown and "  web 1.4" in shown and "  db 2.0" in shown
        await pilot.press("enter")
        assert [activity for _, activity in world.client.posted] == [note("deployed:\n  web 1.4\n  db 2.0")]


async def test_what_is_pasted_over_a_selection_takes_its_place(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        app.main.composer.value = "one two"
        await pilot.press("shift+left", "shift+left", "shift+left")
        app.post_message(events.Paste("three\nfour"))
        await settled(pilot)
        assert app.main.composer.value == "one three\nfour"


async def test_what_is_too_long_stays_to_be_made_shorter_and_is_not_sent(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        app.post_message(events.Paste("x" * (TEXT_CHARACTERS_MAX + 3)))
        await settled(pilot)
        assert "3 characters too long" in problem_of(app)
        await pilot.press("enter")
        await settled(pilot)
        assert world.client.posted == [] and len(app.main.composer.value) == TEXT_CHARACTERS_MAX + 3
        assert "3 characters too long" in problem_of(app)
        await pilot.press("backspace", "backspace", "backspace")
        await settled(pilot)
        assert problem_of(app) == ""
        await pilot.press("enter")
        assert len(world.client.posted) == 1


async def test_megabytes_that_are_pasted_are_kept_up_to_a_bound_and_that_is_said(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        app.main.composer.value = "before "
        for _ in range(3):
            app.post_message(events.Paste("x" * 300_000))
        await settled(pilot)
        assert app.main.composer.value == "before " + "x" * (KEPT_CHARACTERS_MAX - 7)
        assert "36,000 characters too long" in problem_of(app) and "was left out" in problem_of(app)


async def test_what_a_paste_hides_is_shown_where_it_is_written(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        app.post_message(events.Paste("pay \u202eeve\u202c 5"))
        await settled(pilot)
        assert "pay \ufffdeve\ufffd 5" in screen_text(app)
        assert app.main.composer.value == "pay \u202eeve\u202c 5", "what is sent is what was pasted"


async def test_a_text_of_several_lines_that_begins_with_a_slash_is_no_command(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await type_line(pilot, "/mute bob\nand more")
        assert "/mute takes one line, and this has 2" in problem_of(app)
        assert app.main.composer.value == "/mute bob\nand more"
        await type_line(pilot, '/json {\n  "type": "Note",\n  "content": "x"\n}')
        assert len(world.client.posted) == 1
