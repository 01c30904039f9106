"""The help: every key and command, and a line in which somebody writes what they look for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Final, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input

from tui.screens.reading import ReadingScreen
from tui.text.safe_text import neutralise_lines
from tui.user_actions import slash_commands
from tui.user_actions.action_registry import bindings, key_names
from tui.user_actions.action_table import ACTIONS
from tui.user_actions.synonyms import SYNONYMS
from tui.widgets.roles import Piece
from tui.widgets.text_view import TextView

INDENT: Final = 24
NOTHING_FOUND: Final = "Nothing here has all of these words."

HelpLine = Sequence[Piece]


class HelpEntry(NamedTuple):
    """One line of the help, under its heading."""

    heading: str
    pieces: HelpLine
    other_words: str = ""
    """By which it is found, too."""

    def matches(self, words: Sequence[str]) -> bool:
        """Whether all of these folded words, or parts of words, are in it."""
        text = f"{self.heading} {''.join(text for text, _ in self.pieces)} {self.other_words}".casefold()
        return all(word in text for word in words)


class HelpScreen(ReadingScreen):
    """Every key and command. What is looked for leaves only the lines that have all of its words."""

    BINDINGS: ClassVar = bindings("help", "text.close", "text.copy")

    def __init__(self, key_of: Mapping[str, str]) -> None:
        """`key_of` tells the keys in use by action id."""
        self._entries = tuple(_entries(key_of))
        lines = [*_INTRODUCTION, *_lines(self._entries)]
        text = neutralise_lines("\n".join("".join(text for text, _ in line) for line in lines))
        super().__init__("Help", lines, text, indent=INDENT)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -large") as dialog:
            dialog.border_title = self._title
            search = Input(placeholder="a word of what you look for", id="search", compact=True)
            search.cursor_blink = False
            search.display = False
            yield search
            yield self._view
            with Horizontal(classes="buttons"):
                yield Button("Search (/)", id="look", compact=True)
                yield Button("Copy (y)", id="copy", compact=True)
                yield Button("Close (Esc)", id="close", compact=True, variant="primary")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "look":
            self.action_search()
        else:
            super().on_button_pressed(event)

    def action_search(self) -> None:
        field = self.query_one("#search", Input)
        field.display = True
        field.focus()

    async def action_dismiss(self, result: None = None) -> None:
        """Out of the search first."""
        field = self.query_one("#search", Input)
        if field.display:
            field.value = ""
            field.display = False
            self._view.focus()
        else:
            await super().action_dismiss(result)

    @on(Input.Changed, "#search")
    def _typed(self, event: Input.Changed) -> None:
        words = event.value.casefold().split()
        found = [entry for entry in self._entries if entry.matches(words)]
        assert isinstance(self._view, TextView)
        if words:
            self._view.show(list(_lines(found)) or [[(NOTHING_FOUND, "text")]])
        else:
            self._view.show([*_INTRODUCTION, *_lines(self._entries)])

    @on(Input.Submitted, "#search")
    def _entered(self) -> None:
        self._view.focus()


_INTRODUCTION: Final[Sequence[HelpLine]] = (
    [("Write a line and press Enter: everybody in the network gets it.", "text")],
    [("/ here finds a key or a command by a word of what it does.", "text")],
    [("Every action is also found by its name in the palette (Ctrl+P).", "text")],
    [("", "text")],
)


def _entries(key_of: Mapping[str, str]) -> Iterator[HelpEntry]:
    for action in ACTIONS:
        keys = key_names(key_of.get(action.id, action.keys)) or "palette"
        # One that is longer than its column has a gap behind it all the same.
        pieces = [
            (f"  {keys:<{INDENT - 4}}  ", "name-0"),
            (f"{action.title}  ", "object"),
            (action.help, "dim"),
        ]
        yield HelpEntry(action.group, pieces, SYNONYMS.get(action.id, ""))
    for command in slash_commands.COMMANDS:
        usage = (f"  {command.usage:<{INDENT - 2}}", "name-0")
        yield HelpEntry("Commands, in the line where you write", [usage, (command.help, "dim")])
    plain = (f"  {'//text':<{INDENT - 2}}", "name-0")
    yield HelpEntry("Commands, in the line where you write", [plain, ("Writes a line that begins with a /.", "dim")])
    mouse = (
        "Click a pane, tab, row or button; twice on a row inspects it; the wheel scrolls; "
        "click a table's header to sort. Shift and drag selects text in most terminals."
    )
    yield HelpEntry("Mouse", [("  ", "text"), (mouse, "dim")])


def _lines(entries: Sequence[HelpEntry]) -> Iterator[HelpLine]:
    """The entries, with each heading above the first of its own."""
    heading = ""
    for entry in entries:
        if entry.heading != heading:
            if heading:
                yield [("", "text")]
            heading = entry.heading
            yield [(heading, "header")]
        yield entry.pieces
