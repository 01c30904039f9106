"""The line where one writes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from typing import ClassVar, Final

from textual import events
from textual.widgets import Input

from tui.user_actions.action_registry import bindings
from tui.user_actions.line_completion import completions
from tui.widgets.completing_input import CompletingInput

LINE_CHARACTERS_MAX: Final = 12_000
"""So that a line in the widest encoding, escaped, fits into the protocol's 64 KiB."""
HISTORY_KEPT: Final = 100
SAY_INTERVAL: Final = 5.0
"""Seconds between two words on the same: a long paste comes in several parts."""
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Composer(CompletingInput):
    """An input that remembers what was written, and completes commands, people and tags."""

    BINDINGS: ClassVar = bindings("line")

    def __init__(
        self,
        *,
        widget_id: str,
        names: Callable[[], Iterable[str]] = tuple,
        tags: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        super().__init__(
            completions,
            names,
            tags,
            id=widget_id,
            placeholder="Write to everybody. / for commands, Esc for the feed",
            max_length=LINE_CHARACTERS_MAX,
            select_on_focus=False,
            compact=True,
        )
        # A steady cursor: a session in which nothing happens paints nothing.
        self.cursor_blink = False
        self._history: list[str] = []
        self._place = 0
        self._draft = ""
        self._said_cut = -SAY_INTERVAL

    def remember(self, line: str) -> None:
        """Keep a line that was sent or cleared, for the up key."""
        if line and (not self._history or self._history[-1] != line):
            self._history.append(line)
            del self._history[:-HISTORY_KEPT]
        self._place = len(self._history)
        self._draft = ""

    def action_recall(self, step: int) -> None:
        if self._place == len(self._history):
            self._draft = self.value
        place = max(0, min(len(self._history), self._place + step))
        if place == self._place:
            return
        self._place = place
        self.value = self._history[place] if place < len(self._history) else self._draft
        self.cursor_position = len(self.value)

    async def action_submit(self) -> None:
        """Hand the line over: what is typed from here on is the next one."""
        line, self.value = self.value, ""
        self.post_message(self.Submitted(self, line))

    def give_back(self, line: str) -> None:
        """A line could not be sent: show it again, or keep it for the up key where another one has been begun."""
        if self.value:
            self.remember(line)
            return
        with self.prevent(Input.Changed):
            self.value = line
        self.cursor_position = len(line)

    def _on_paste(self, event: events.Paste) -> None:
        # The base class keeps the first line of what is pasted and drops the rest without a word.
        event.stop()
        event.prevent_default()
        # More than a few times what fits is not even looked at: it may be megabytes.
        pasted = event.text[: 4 * LINE_CHARACTERS_MAX]
        lines = [_CONTROLS.sub("", line.replace("\t", " ")) for line in pasted.splitlines()]
        text = lines[0] if len(lines) == 1 else " ".join(line.strip() for line in lines if line.strip())
        room = LINE_CHARACTERS_MAX - len(self.value) + len(self.selected_text)
        if len(text) > room:
            # The base class would drop all of it without a word.
            text = text[: max(0, room)]
            self._say_cut()
        if self.selection.is_empty:
            self.insert_text_at_cursor(text)
        else:
            self.replace(text, *self.selection)

    def _say_cut(self) -> None:
        now = time.monotonic()
        if now - self._said_cut > SAY_INTERVAL:
            self.app.notify(
                f"A line has {LINE_CHARACTERS_MAX:,} characters at most: the end of what you pasted was left out.",
                severity="warning",
                markup=False,
            )
        self._said_cut = now
