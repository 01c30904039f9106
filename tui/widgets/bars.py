"""The lines above the panes: where one is, how others join, and the tabs and the network on a small screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from tui.text.fitting import fit


class Bar(Static):
    """One line, painted when it says something else than before."""

    ALLOW_SELECT = False

    _said: Sequence[tuple[str, str]] | None = None

    def say(self, parts: Sequence[tuple[str, str]]) -> None:
        """`parts`: safe texts with their styles."""
        if parts != self._said:
            self._said = parts
            self.update(Content.assemble(*parts), layout=False)


class TopBar(Bar):
    """Who and where one is."""

    @staticmethod
    def room(width: int) -> int:
        """How many cells of words a screen of this width has place for, between its margins."""
        return max(0, width - 4)

    def show(self, left: Sequence[tuple[str, str]], right: str) -> None:
        """`left`: safe texts with their styles; the end is cut where there is no room."""
        room = self.room(self.outer_size.width)
        parts: list[tuple[str, str]] = []
        used = 0
        for text, style in left:
            if used + cell_len(text) > room:
                text = fit(text, room - used)
            parts.append((text, style))
            used += cell_len(text)
        if used + cell_len(right) + 2 <= room:
            parts.append((" " * (room - used - cell_len(right)), ""))
            parts.append((right, "$foreground 70%"))
        self.say(parts)


class ShareBar(Bar):
    """The command with which others join; a click copies it."""

    class Clicked(Message):
        pass

    def __init__(self) -> None:
        super().__init__(markup=False)
        self.tooltip = "Click to copy the command with which others join"

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.post_message(self.Clicked())


class StripBar(Bar):
    """The network, where its pane is not in sight; a click shows that."""

    class Clicked(Message):
        pass

    def __init__(self) -> None:
        super().__init__(markup=False)
        self.tooltip = "The servers and how many people each has; a click shows how they hang together"

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.post_message(self.Clicked())


class TabBar(Bar):
    """One tab a pane."""

    TABS: ClassVar[tuple[tuple[str, str, str], ...]] = (
        ("feed", "F2", "Feed"),
        ("connections", "F3", "Connections"),
        ("users", "F4", "Users"),
        ("events", "F5", "Events"),
        ("network", "F6", "Network"),
    )

    class Chosen(Message):
        def __init__(self, pane: str) -> None:
            super().__init__()
            self.pane = pane

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._ends: list[tuple[int, str]] = []

    def show(self, current: str, notes: dict[str, str]) -> None:
        """`notes`: a few characters beside a tab's name, such as how much is new there."""
        texts = [self._text(key, title, notes.get(name, "")) for name, key, title in self.TABS]
        if sum(map(cell_len, texts)) > self.size.width > 0:
            # The key is enough to get there, and the border says where one is.
            texts = [
                text if name == current else self._text(key, "", notes.get(name, ""))
                for text, (name, key, _) in zip(texts, self.TABS, strict=True)
            ]
        parts: list[tuple[str, str]] = []
        self._ends = []
        used = 0
        for text, (name, _, _) in zip(texts, self.TABS, strict=True):
            # Which one it is shows in the text, too: who hears the screen knows no colours.
            text = f"[{text[1:-1]}]" if name == current else text
            parts.append((text, "reverse bold" if name == current else ""))
            used += cell_len(text)
            self._ends.append((used, name))
        self.say(parts)

    @staticmethod
    def _text(key: str, title: str, note: str) -> str:
        return f" {' '.join(word for word in (key, title, note) if word)} "

    def on_click(self, event: events.Click) -> None:
        event.stop()
        for end, name in self._ends:
            if event.x < end:
                self.post_message(self.Chosen(name))
                return
