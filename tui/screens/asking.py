"""Screens that ask or tell one thing."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from tui.screens.dialog import DialogScreen, ReadFirst, TooSoon, UnhurriedScreen
from tui.text.safe_text import neutralise_lines
from tui.user_actions.action_registry import bindings
from tui.widgets.field import Field


class ConfirmScreen(UnhurriedScreen[bool]):
    """A question with two answers. The safe one has the focus; the other one takes two keys, or a click, that mean it.

    `y` goes to the other answer and Enter gives it. Neither a key that is held down or was meant for something else,
    nor the one that brought the question up, answers it.
    """

    AUTO_FOCUS = "#no"
    BINDINGS: ClassVar = bindings("question")
    harmless = frozenset({"choose", "other", "keep", "app.focus_next", "app.focus_previous"})

    def __init__(
        self, title: str, text: str | Callable[[], str], *, yes: str, no: str, comes_by_itself: bool = False
    ) -> None:
        """`text`: what will happen to whom; where that changes while one thinks about it, what tells it anew. `yes`:
        what changes something. `no`: what leaves everything as it is. `comes_by_itself`: not at once behind the key of
        somebody who knows what they will be asked."""
        super().__init__()
        self.comes_by_itself = comes_by_itself
        self._title, self._yes, self._no = title, yes, no
        self._ask = text if callable(text) else lambda: text

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            yield ReadFirst(Static(neutralise_lines(self._ask()), id="question", markup=False))
            yield TooSoon()
            with Horizontal(classes="buttons"):
                yield Button(f"{self._no} (Esc)", id="no", compact=True)
                yield Button(f"{self._yes} (y, then Enter)", id="yes", compact=True)

    def choose_nothing(self) -> None:
        self.query_one("#no").focus()

    def refresh_question(self) -> None:
        """Something has changed: say anew what will happen."""
        for label in self.query("#question").results(Static):
            label.update(neutralise_lines(self._ask()))

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_keep(self) -> None:
        self.dismiss(False)

    def action_choose(self) -> None:
        self.query_one("#yes").focus()

    def action_other(self) -> None:
        self.focus_next("Button")


class AskScreen(DialogScreen[str | None]):
    """One line to fill in. `problem` says what is wrong with it, in words, or returns None."""

    BINDINGS: ClassVar = bindings("form", "application.help")

    def __init__(
        self, title: str, text: str, *, placeholder: str, go: str, problem: Callable[[str], str | None]
    ) -> None:
        super().__init__()
        self._title, self._text, self._placeholder, self._go = title, text, placeholder, go
        self._problem = problem

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            yield ReadFirst(Static(self._text, markup=False))
            yield Field(self._placeholder, widget_id="answer")
            yield Static("", id="problem", classes="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Button(self._go, id="go", variant="primary", compact=True)
                yield Button("Cancel (Esc)", id="cancel", compact=True)

    def on_input_changed(self) -> None:
        self.query_one("#problem", Static).update("")

    def on_input_submitted(self) -> None:
        value = self.query_one(Input).value.strip()
        problem = self._problem(value)
        if problem is None:
            self.dismiss(value)
        else:
            self.query_one("#problem", Static).update(f"\N{BALLOT X} {problem}")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "go":
            self.on_input_submitted()
        else:
            self.dismiss(None)

    def action_cancel(self) -> None:
        self.dismiss(None)


class CopyScreen(DialogScreen[None]):
    """Something to copy, copied already, and shown for those whose terminal has no clipboard."""

    AUTO_FOCUS = "#close"
    BINDINGS: ClassVar = bindings("text")

    def __init__(self, title: str, before: str, what: str, after: str) -> None:
        super().__init__()
        self._title, self._before, self._what, self._after = title, before, what, after

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide") as dialog:
            dialog.border_title = self._title
            yield ReadFirst(
                Static(neutralise_lines(self._before), markup=False),
                Static(neutralise_lines(self._what), id="what", classes="copied", markup=False),
                Static(neutralise_lines(self._after), classes="quiet", markup=False),
            )
            with Horizontal(classes="buttons"):
                yield Button("Copy (y)", id="copy", variant="primary", compact=True)
                yield Button("Close (Esc)", id="close", compact=True)

    def action_copy_all(self) -> None:
        self.app.copy_to_clipboard(self._what)
        self.app.notify("Copied.", markup=False, timeout=3)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "copy":
            self.action_copy_all()
        else:
            self.dismiss(None)
