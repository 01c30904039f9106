"""The first thing a person sees: who do you want to be?"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.widgets import Button, Checkbox, Input, RadioButton, RadioSet, Static

from core.wire import ANONYMOUS, name_problem, registrable_problem, secret_problem
from tui.model.network_faces import SignIn, Way
from tui.screens.dialog import TooSoon, UnhurriedScreen
from tui.text.safe_text import neutralise
from tui.user_actions.action_registry import bindings
from tui.widgets.field import Field, LeadingField

_WAYS: tuple[Way, ...] = ("register", "login", "anonymous")


class Option(RadioButton):
    """One of several, with a mark of its own for each state: colours and half blocks say nothing on many terminals."""

    BUTTON_LEFT = BUTTON_RIGHT = ""

    @property
    def BUTTON_INNER(self) -> str:  # type: ignore[override]  # noqa: N802
        return "\N{BLACK CIRCLE}" if self.value else "\N{WHITE CIRCLE}"


class Tick(Checkbox):
    """A box whose tick is there only while it is set."""

    BUTTON_LEFT = BUTTON_RIGHT = ""

    @property
    def BUTTON_INNER(self) -> str:  # type: ignore[override]  # noqa: N802
        return "[x]" if self.value else "[ ]"


class Ways(RadioSet):
    """Choices of which the one with the highlight is the one that is chosen. Enter leads on to the next field."""

    def action_next_button(self) -> None:
        chosen = [index for index, button in enumerate(self.query(Option)) if button.value]
        if self._pressed_button is None and chosen:
            # It is being mounted: the highlight begins where the dot is, not at the top.
            self._selected = chosen[0]
            return
        super().action_next_button()
        self._choose_highlighted()

    def action_previous_button(self) -> None:
        super().action_previous_button()
        self._choose_highlighted()

    def _choose_highlighted(self) -> None:
        if self._selected is not None:
            button = self._nodes[self._selected]
            assert isinstance(button, Option)
            button.value = True

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key) and event.key == "enter":
            event.stop()
            self.screen.focus_next()
        else:
            await super().on_event(event)


class WelcomeScreen(UnhurriedScreen[None]):
    """Register a name, log in with one, or be anonymous. It stays until the network has said yes."""

    BINDINGS: ClassVar = bindings("form", "application.help")

    class Chosen(Message):
        def __init__(self, identity: SignIn) -> None:
            super().__init__()
            self.identity = identity

    def __init__(
        self,
        where: str,
        *,
        username: str = "",
        secret: str = "",
        way: Way = "register",
        anonymous: bool = True,
        remembers: bool = True,
        known: Callable[[str], str | None] = lambda name: None,
        title: str = "Welcome to the activity network",
        later: str = "Look around first",
        unasked: bool = False,
    ) -> None:
        """`secret`: one that they have chosen before they came here. `remembers`: whether there is a place where the
        secret can be kept for the next time. `known`: the secret of a name, if it is remembered there already.
        `later`: what closing it means. `unasked`: whether it comes up by itself, so that what is being typed is not
        meant for it."""
        super().__init__()
        self._title, self._later = title, later
        if not unasked:
            self.reading_time = 0.0
        self._known = known
        self._ticked: bool | None = None
        """Whether the secret is to be remembered, once somebody has said so."""
        self._refused_secret: str | None = None
        self._remembers = remembers
        self._where = where
        self._username = username
        self._secret = secret
        self._chosen_secret = secret if way == "register" else ""
        """What was typed as the secret of a new name."""
        self._way: Way = way
        self.AUTO_FOCUS = "#secret" if way == "login" and username else "#name"  # type: ignore[misc]
        self._anonymous = anonymous
        self._busy = False

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog", can_focus=False) as dialog:
            dialog.border_title = self._title
            yield Static(self._where, id="asked", classes="quiet", markup=False)
            yield TooSoon()
            with Ways(id="way", compact=True):
                yield Option("I am new: register a name", value=self._way == "register", compact=True)
                yield Option("I have a name: log in", value=self._way == "login", compact=True)
                yield Option(
                    "Come in anonymously", value=self._way == "anonymous", disabled=not self._anonymous, compact=True
                )
            yield LeadingField(
                "Name", self._name_entered, value=self._username, placeholder="1 to 64 characters", widget_id="name"
            )
            yield Static("", classes="problem", id="name-problem", markup=False)
            yield Field("Secret", value=self._secret, password=True, widget_id="secret")
            yield Static("", classes="problem", id="secret-problem", markup=False)
            yield Tick("Remember it here (in a file only you can read)", id="remember", compact=True)
            yield Static("", classes="problem", id="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Come in", id="go", variant="primary", compact=True)
                yield Button(f"{self._later} (Esc)", id="close", compact=True)

    def on_mount(self) -> None:
        self._show_way()

    @property
    def way(self) -> Way:
        index = self.query_one(RadioSet).pressed_index
        return _WAYS[index] if index >= 0 else "register"

    @on(RadioSet.Changed)
    def _way_changed(self) -> None:
        self._part_secrets()
        self._show_way()

    def _part_secrets(self) -> None:
        """What was typed to log in becomes no new name's secret: it may be wrong, and it is not seen."""
        before, self._way = self._way, self.way
        field = self.query_one("#secret", Input)
        if before == "register" != self._way:
            self._chosen_secret = field.value
        elif before != "register" == self._way:
            field.value = self._chosen_secret

    def _show_way(self) -> None:
        way = self.way
        for selector in ("#name", "#secret", "#remember"):
            self.query_one(selector).display = way != "anonymous" and (selector != "#remember" or self._remembers)
        self._show_placeholder()
        with self.prevent(Checkbox.Changed):
            # What was made for somebody they cannot know by heart.
            self.query_one("#remember", Checkbox).value = way == "register" if self._ticked is None else self._ticked
        self._label_go({"register": "Register and come in", "login": "Log in", "anonymous": "Come in"}[way])
        self._clear()

    def _label_go(self, label: str) -> None:
        self.query_one("#go", Button).label = label

    def _show_placeholder(self) -> None:
        hint = "leave empty: one is made for you, and shown"
        if self.way == "login":
            remembered = self._usable(self.query_one("#name", Input).value) is not None
            hint = "it is remembered here: leave it empty" if remembered else "the secret of this name"
        self.query_one("#secret", Input).placeholder = hint

    def _usable(self, name: str) -> str | None:
        """The remembered secret of a name, unless it is what was refused just now."""
        remembered = self._known(name)
        return remembered if remembered != self._refused_secret else None

    @on(Checkbox.Changed, "#remember")
    def _remember_changed(self, event: Checkbox.Changed) -> None:
        self._ticked = event.value

    def _clear(self) -> None:
        for selector in ("#name-problem", "#secret-problem", "#problem"):
            self._say(selector, "")

    def _say(self, selector: str, problem: str) -> None:
        label = self.query_one(selector, Static)
        label.update(f"\N{BALLOT X} {neutralise(problem, 300)}" if problem else "")
        label.display = bool(problem)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._say(f"#{event.input.id}-problem", "")
        if event.input.id == "name":
            self._show_placeholder()

    def _name_entered(self) -> None:
        if not self._name_wrong():
            self.set_focus(self.query_one("#secret"))

    @on(Input.Submitted, "#secret")
    def _secret_entered(self) -> None:
        self._go()

    @on(Button.Pressed, "#go")
    def _go_pressed(self) -> None:
        self._go()

    @on(Button.Pressed, "#close")
    def _close_pressed(self) -> None:
        self.action_cancel()

    async def action_show_help(self) -> None:
        # The answer that is awaited closes this dialog, and it has to be the one on top then.
        if not self._busy:
            await super().action_show_help()

    def action_cancel(self) -> None:
        self.dismiss(None)

    def _name_wrong(self) -> bool:
        # Accounts that were renamed have names that nobody may register.
        wrong = registrable_problem if self.way == "register" else name_problem
        problem = wrong(self.query_one("#name", Input).value)
        self._say("#name-problem", problem or "")
        return problem is not None

    def _go(self) -> None:
        if self._busy:
            return
        self._clear()
        self._part_secrets()
        way = self.way
        if way == "anonymous":
            self._choose(SignIn("anonymous", ANONYMOUS))
            return
        secret = self.query_one("#secret", Input).value
        remember = self.query_one(Checkbox).value
        if way == "login" and not secret:
            secret = self._usable(self.query_one("#name", Input).value) or ""
            remember = remember or bool(secret)
        wrong = self._name_wrong()
        problem = secret_problem(secret) if secret or way == "login" else None
        if problem is not None:
            self._say("#secret-problem", problem)
        if wrong:
            self.query_one("#name").focus()
        elif problem is not None:
            self.query_one("#secret").focus()
        else:
            name = self.query_one("#name", Input).value
            self._choose(SignIn(way, name, secret or None, remember and self._remembers))

    def _choose(self, identity: SignIn) -> None:
        self._busy = True
        button = self.query_one("#go", Button)
        button.disabled = True
        self._label_go("One moment\N{HORIZONTAL ELLIPSIS}")
        self.post_message(self.Chosen(identity))

    @property
    def is_answered(self) -> bool:
        """Whether somebody has said who they want to be, and waits for what the network says."""
        return self._busy

    def say_where(self, where: str) -> None:
        """Something has changed for them meanwhile: say anew what is asked."""
        self._where = where
        for label in self.query("#asked").results(Static):
            label.update(where)

    def delayed(self, why: str) -> None:
        """No answer yet, and why; "" where there is nothing to wait for any more."""
        self._say("#problem", why)

    def refused(self, why: str, secret: str | None = None) -> None:
        """The network said no; say why beside the field that it is about. `secret`: what was tried."""
        self._busy = False
        about_secret = self.way == "login" and "secret" in why.lower()
        if about_secret:
            self._refused_secret = secret
        self.query_one("#go", Button).disabled = False
        self._show_way()
        where = "#problem" if self.way == "anonymous" else "#secret-problem" if about_secret else "#name-problem"
        self._say(where, why)
        if self.way != "anonymous":
            self.query_one("#secret" if about_secret else "#name").focus()
