"""Keys that edit the line keep their place among the letters, however fast they come."""

from __future__ import annotations

from textual import events
from textual.app import App, ComposeResult

from tests.tui.driving import until
from tui.widgets.composer import Composer


class Writing(App[None]):
    def compose(self) -> ComposeResult:
        yield Composer(widget_id="composer")


async def test_keys_that_edit_are_not_overtaken_by_letters_typed_behind_them():
    app = Writing()
    async with app.run_test() as pilot:
        composer = app.query_one(Composer)
        for key in ("a", "b", "ctrl+u", "c", "x", "backspace", "d", "left", "e", "end", "f"):
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: composer.value.endswith("f"))
        assert composer.value == "cedf"
