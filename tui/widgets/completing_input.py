"""A field in which Tab writes a word to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

from textual import events
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Input

from tui.user_actions.action_registry import bindings
from tui.user_actions.completion_round import CompletionRound


class _FirstCompletion(Suggester):
    """Shows behind the cursor what Tab makes of the line."""

    def __init__(self, lines: Callable[[str], Iterator[str]]) -> None:
        # People and tags come and go: what was found once may be wrong the next time.
        super().__init__(use_cache=False, case_sensitive=True)
        self._lines = lines

    async def get_suggestion(self, value: str) -> str | None:
        return next(self._lines(value), None)


class CompletingInput(Input):
    """An input that shows how the word at its end may go on, and takes it with Tab, as a shell does."""

    BINDINGS: ClassVar = bindings("completion")

    def __init__(
        self,
        complete: Callable[[str, Iterable[str], Iterable[str]], Iterator[str]],
        names: Callable[[], Iterable[str]],
        tags: Callable[[], Iterable[str]],
        **options: Any,
    ) -> None:
        """`complete` makes whole lines of one, and of the people and tags that `names` and `tags` tell, the likeliest
        first; these are asked only for a word that can be one. `options` are those of `Input`."""

        def lines(line: str) -> Iterator[str]:
            return complete(line, when_needed(names), when_needed(tags))

        self._completions = lines
        self._round = CompletionRound()
        super().__init__(suggester=_FirstCompletion(lines), **options)

    def action_complete(self) -> None:
        """Write the word to its end, or in another way that it may end; where there is none, go to the next pane."""
        line = self._round.next(self.value, self._completions(self.value)) if self.cursor_at_end else None
        if line is None:
            self.app.action_focus_next()
            return
        self.value = line
        self.cursor_position = len(line)

    async def _on_key(self, event: events.Key) -> None:
        if not await runs_at_once(self, event):
            await super()._on_key(event)


async def runs_at_once(widget: Widget, event: events.Key) -> bool:
    """Do what a key of the widget's own does, here and now: up the tree, the way of bindings, it would be overtaken by
    what is typed after it. False: the key is none of its own."""
    known = widget._bindings
    if keymap := widget.app._keymap:
        known = known.copy()
        known.apply_keymap(keymap)
    for binding in known.key_to_bindings.get(event.key, ()):
        if widget.app._check_action_state(binding.action, widget):
            event.stop()
            event.prevent_default()
            await widget.run_action(binding.action)
            return True
    return False


def when_needed(words: Callable[[], Iterable[str]]) -> Iterator[str]:
    yield from words()
