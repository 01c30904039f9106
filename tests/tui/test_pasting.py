"""What is pasted into the line is text, whatever is in it."""

from __future__ import annotations

from textual import events

from tests.tui.driving import ready
from tui.widgets.composer import LINE_CHARACTERS_MAX


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


async def test_what_is_too_long_to_paste_is_cut_and_that_is_said_once(world):
    app = world.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        said: list[str] = []
        app.notify = lambda message, **options: said.append(message)
        app.main.composer.value = "before "
        app.main.composer.cursor_position = 7
        for _ in range(3):
            app.post_message(events.Paste("x" * 300_000))
        await pilot.pause()
        assert app.main.composer.value == "before " + "x" * (LINE_CHARACTERS_MAX - 7)
        assert len(said) == 1 and "12,000 characters" in said[0]
