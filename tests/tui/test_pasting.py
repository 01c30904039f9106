"""What is pasted into the line is text, whatever is in it."""

from __future__ import annotations

from textual import events

from tests.tui.driving import ready


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
