"""Screens about a person's secret: one that was made for them, shown until they have it; and how to change it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Checkbox, Input, Static

from core.wire import secret_problem
from tui.screens.dialog import DialogScreen, ReadFirst, TooSoon, UnhurriedScreen
from tui.screens.welcome import Tick
from tui.text.safe_text import neutralise, neutralise_lines
from tui.user_actions.action_registry import bindings
from tui.widgets.field import Field, LeadingField

UNCONFIRMED = "It stays until you say that you have it: Tab goes to the button, Enter presses it."


class SecretScreen(UnhurriedScreen[None]):
    """A secret that was made for somebody, until they say that they have it: no key by accident closes it."""

    AUTO_FOCUS = "#copy"  # Keys that were meant for what was here before end on the button that does no harm.
    BINDINGS: ClassVar = bindings("secret")

    def __init__(self, title: str, before: str, secret: str, after: str, *, kept: bool) -> None:
        """`kept`: whether it is remembered in a file here, as `after` says."""
        super().__init__()
        self._title, self._before, self._secret, self._after, self._kept = title, before, secret, after, kept

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide") as dialog:
            dialog.border_title = self._title
            yield ReadFirst(
                Static(neutralise_lines(self._before), markup=False),
                TooSoon(),
                Static(neutralise_lines(self._secret), id="what", classes="copied", markup=False),
                Static(neutralise_lines(self._after), id="where", classes="quiet" if self._kept else "", markup=False),
            )
            with Horizontal(classes="buttons"):
                yield Button("Copy (y)", id="copy", variant="primary", compact=True)
                yield Button("I have seen it" if self._kept else "I have noted it", id="have", compact=True)

    def action_copy_all(self) -> None:
        self.app.copy_to_clipboard(self._secret)
        self.app.notify("Copied. When you have it: Tab, then Enter.", markup=False, timeout=5)

    def action_other(self) -> None:
        self.focus_next("Button")

    def action_stay(self) -> None:
        self.app.notify(UNCONFIRMED, markup=False, timeout=5)

    @on(Button.Pressed, "#copy")
    def _copy_pressed(self) -> None:
        self.action_copy_all()

    @on(Button.Pressed, "#have")
    def _have_pressed(self) -> None:
        self.dismiss(None)


@dataclass(frozen=True, slots=True)
class SecretWish:
    """Another secret is wanted. `present` is None where it is known here, `new` where one is to be made."""

    present: str | None = field(repr=False)
    new: str | None = field(repr=False)
    remember: bool


class ChangeSecretScreen(DialogScreen[None]):
    """Another secret for an account. It stays until the network has said yes."""

    BINDINGS: ClassVar = bindings("form", "application.help")

    def __init__(self, text: str, *, asks: bool, remembers: bool, chosen: Callable[[SecretWish], None]) -> None:
        """`asks`: for the present secret, which is not known here. `remembers`: whether there is a place for the new
        one."""
        super().__init__()
        self._text, self._asks, self._remembers, self._chosen = text, asks, remembers, chosen
        self._busy = False

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog", can_focus=False) as dialog:
            dialog.border_title = "Change my secret"
            yield Static(neutralise_lines(self._text), classes="quiet", markup=False)
            if self._asks:
                yield LeadingField("Present secret", self.focus_next_field, password=True, widget_id="present")
            yield LeadingField(
                "New secret",
                self.focus_next_field,
                password=True,
                widget_id="secret",
                placeholder="leave empty: one is made for you",
            )
            yield Field("The new one again", password=True, widget_id="again")
            if self._remembers:
                yield Tick("Remember it here (in a file only you can read)", id="remember", value=True, compact=True)
            yield Static("", classes="problem", id="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Change it", id="go", variant="primary", compact=True)
                yield Button("Cancel (Esc)", id="close", compact=True)

    def on_mount(self) -> None:
        self._say("")
        self.query(Input).first().focus()

    def _say(self, problem: str) -> None:
        label = self.query_one("#problem", Static)
        label.update(f"\N{BALLOT X} {neutralise(problem, 300)}" if problem else "")
        label.display = bool(problem)

    def focus_next_field(self) -> None:
        self.focus_next(Input)

    @on(Input.Submitted, "#again")
    def _submitted(self) -> None:
        self._go()

    @on(Button.Pressed, "#go")
    def _go(self) -> None:
        if self._busy:
            return
        new, again = self.query_one("#secret", Input).value, self.query_one("#again", Input).value
        present = self.query_one("#present", Input).value if self._asks else None
        problem = secret_problem(new) if new else None
        if present == "":
            self._wrong("give the present secret first", "#present")
        elif problem is not None:
            self._wrong(problem, "#secret")
        elif new != again:
            self._wrong("the new secret and its repetition differ", "#again")
        else:
            self._busy = True
            self._say("")
            self.query_one("#go", Button).label = "One moment\N{HORIZONTAL ELLIPSIS}"
            remember = self.query_one("#remember", Checkbox).value if self._remembers else False
            self._chosen(SecretWish(present, new or None, remember))

    def _wrong(self, problem: str, where: str) -> None:
        self._say(problem)
        self.query_one(where).focus()

    def refused(self, why: str) -> None:
        """It was not changed; say why."""
        self._busy = False
        self.query_one("#go", Button).label = "Change it"
        self._say(why)
        self.query(Input).first().focus()

    @on(Button.Pressed, "#close")
    def _close_pressed(self) -> None:
        self.action_cancel()

    def action_cancel(self) -> None:
        if not self._busy:
            self.dismiss(None)
