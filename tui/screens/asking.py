"""Screens that ask or tell one thing."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from tui.safe_text import neutralise_lines


class ConfirmScreen(ModalScreen[bool]):
    """A question with two answers; `no` is chosen by Esc."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "answer(False)", "No"),
        Binding("y", "answer(True)", "Yes"),
        Binding("left,right", "app.focus_next", show=False),
    ]

    def __init__(self, title: str, text: str, *, yes: str, no: str) -> None:
        super().__init__()
        self._title, self._text, self._yes, self._no = title, neutralise_lines(text), yes, no

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            yield Static(self._text, markup=False)
            with Horizontal(classes="buttons"):
                yield Button(f"{self._yes} (y)", id="yes", variant="warning", compact=True)
                yield Button(f"{self._no} (n)", id="no", compact=True)

    def on_mount(self) -> None:
        self.query_one("#yes").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)


class AskScreen(ModalScreen[str | None]):
    """One line to fill in. `problem` says what is wrong with it, in words, or returns None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel")]

    def __init__(
        self, title: str, text: str, *, placeholder: str, go: str, problem: Callable[[str], str | None]
    ) -> None:
        super().__init__()
        self._title, self._text, self._placeholder, self._go = title, text, placeholder, go
        self._problem = problem

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            yield Static(self._text, markup=False)
            yield Input(placeholder=self._placeholder, id="answer", compact=True)
            yield Static("", id="problem", classes="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Button(self._go, id="go", variant="primary", compact=True)
                yield Button("Cancel (Esc)", id="cancel", compact=True)

    def on_mount(self) -> None:
        self.query_one(Input).focus()

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


class CopyScreen(ModalScreen[None]):
    """Something to copy, copied already, and shown for those whose terminal has no clipboard."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", "Close"),
        Binding("y", "copy", "Copy"),
    ]

    def __init__(self, title: str, before: str, what: str, after: str) -> None:
        super().__init__()
        self._title, self._before, self._what, self._after = title, before, what, after

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide") as dialog:
            dialog.border_title = self._title
            yield Static(neutralise_lines(self._before), markup=False)
            yield Static(neutralise_lines(self._what), id="what", classes="copied", markup=False)
            yield Static(neutralise_lines(self._after), classes="quiet", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Copy (y)", id="copy", variant="primary", compact=True)
                yield Button("Close (Esc)", id="close", compact=True)

    def on_mount(self) -> None:
        self.query_one("#close").focus()

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self._what)
        self.app.notify("Copied.", markup=False, timeout=3)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "copy":
            self.action_copy()
        else:
            self.dismiss(None)
