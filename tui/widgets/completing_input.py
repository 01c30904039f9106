"""A field in which Tab writes a word to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, ClassVar, Final

from textual import events
from textual.suggester import Suggester
from textual.widgets import Input

from tui.user_actions.action_registry import bindings

COMPLETIONS_MAX: Final = 100
"""So many ends of a word are gone through before it is again as it was written."""


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
            return complete(line, _when_needed(names), _when_needed(tags))

        self._completions = lines
        self._round: list[str] = []
        """What was written, and the lines that Tab makes of it one after the other."""
        self._in_round = 0
        super().__init__(suggester=_FirstCompletion(lines), **options)

    def action_complete(self) -> None:
        """Write the word to its end, or in another way that it may end; where there is none, go to the next pane."""
        if not self._round or self.value != self._round[self._in_round]:
            self._round = [self.value, *islice(self._completions(self.value), COMPLETIONS_MAX)]
            self._in_round = 0
        only_one_is_there = len(self._round) == 2 and self._in_round == 1
        if len(self._round) == 1 or only_one_is_there or not self.cursor_at_end:
            self._round = []
            self.app.action_focus_next()
            return
        self._in_round = (self._in_round + 1) % len(self._round)
        self.value = self._round[self._in_round]
        self.cursor_position = len(self.value)

    async def _on_key(self, event: events.Key) -> None:
        known = self._bindings
        if keymap := self.app._keymap:
            known = known.copy()
            known.apply_keymap(keymap)
        for binding in known.key_to_bindings.get(event.key, ()):
            # Up the tree, the way of bindings, it would be overtaken by what is typed after it.
            event.stop()
            event.prevent_default()
            await self.run_action(binding.action)
            return
        await super()._on_key(event)


def _when_needed(words: Callable[[], Iterable[str]]) -> Iterator[str]:
    yield from words()
