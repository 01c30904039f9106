"""What is pasted is text, whatever is in it."""

from __future__ import annotations

import pytest
from textual import events
from textual._xterm_parser import XTermParser

from tests.tui.driving import ready
from tui import pasting
from tui.pasting import END, START, SYMBOL

HOSTILE = "one\rtwo\r\x1b[31mred\x1b\x11\x1b[20 three"


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    monkeypatch.setattr(XTermParser, "feed", XTermParser.feed)
    pasting.install()


def parsed(*pieces: str) -> list[object]:
    parser = XTermParser()
    return [
        message.text if isinstance(message, events.Paste) else message.key
        for piece in pieces
        for message in parser.feed(piece)
        if isinstance(message, events.Paste | events.Key)
    ]


def test_a_paste_with_escape_characters_is_one_paste_and_no_keys():
    assert parsed(f"{START}{HOSTILE}{END}") == [HOSTILE.replace("\x1b", SYMBOL)]


def test_a_paste_may_arrive_in_any_two_pieces():
    whole = f"a{START}{HOSTILE}{END}b"
    for place in range(1, len(whole)):
        assert parsed(whole[:place], whole[place:]) == ["a", HOSTILE.replace("\x1b", SYMBOL), "b"]


def test_a_paste_may_arrive_a_character_at_a_time():
    assert parsed(*f"{START}{HOSTILE}{END}{START}again{END}") == [HOSTILE.replace("\x1b", SYMBOL), "again"]


def test_keys_are_what_they_were():
    assert parsed("x", "\x1b[A", "\x1b[200", "~pasted", END, "\x1bOP") == ["x", "up", "pasted", "f1"]


async def test_control_characters_that_are_pasted_into_the_line_are_left_out(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        app.post_message(events.Paste("\tdeployed\x07 1.4\x08\x9b\r\n  to\tboth\n\n"))
        await pilot.pause()
        assert app.main.composer.value == "deployed 1.4 to both"
        app.main.composer.value = ""
        app.post_message(events.Paste(" a\tsingle \x00line\x7f "))
        await pilot.pause()
        assert app.main.composer.value == " a single line ", "its blanks may belong there"
