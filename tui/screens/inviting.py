"""How others are invited: a person by what everybody may know, a server by a code that is good once or so often."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from tui.screens.dialog import DialogScreen, ReadFirst
from tui.text.invitation import GOOD_FOR, GOOD_FOR_USUAL, USES, USES_USUAL
from tui.text.safe_text import neutralise, neutralise_lines
from tui.user_actions.action_registry import bindings
from tui.widgets.field import Field, LeadingField

WITH_SERVER: Final = "Who joins with a server of their own is invited by a line that is good once: s makes it."
NO_SERVER: Final = "Only who runs a server of this network can invite others to join with one: F8 there."


class InvitationScreen(DialogScreen[None]):
    """How a person joins, copied already; and the way to an invitation for a server, for who runs one here."""

    # Its four buttons need more room than other dialogs' do.
    HORIZONTAL_BREAKPOINTS: ClassVar = [(0, "-narrow"), (48, "-paired"), (80, "-roomy")]  # type: ignore[misc]
    AUTO_FOCUS = "#close"
    BINDINGS: ClassVar = bindings("invitation", "text.close", "text.copy")

    def __init__(
        self,
        before: str,
        command: str,
        after: str,
        *,
        server: Callable[[], None] | None,
        secret: Callable[[], None] | None,
    ) -> None:
        """`server`: asks for an invitation for a server; `secret`: shows what admits servers for good; None where there
        is no server of one's own."""
        super().__init__()
        self._before, self._command, self._after = before, command, after
        self._server, self._secret = server, secret

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide") as dialog:
            dialog.border_title = "How others join"
            yield ReadFirst(
                Static(neutralise_lines(self._before), markup=False),
                Static(neutralise_lines(self._command), id="what", classes="copied", markup=False),
                Static(neutralise_lines(self._after), classes="quiet", markup=False),
            )
            with Horizontal(classes="buttons"):
                yield Button("Copy (y)", id="copy", variant="primary", compact=True)
                if self._server is not None:
                    yield Button("A server\N{HORIZONTAL ELLIPSIS} (s)", id="server", compact=True)
                if self._secret is not None:
                    yield Button("For scripts (w)", id="secret", compact=True)
                yield Button("Close (Esc)", id="close", compact=True)

    def action_copy_all(self) -> None:
        self.app.copy_to_clipboard(self._command)
        self.app.notify("Copied.", markup=False, timeout=3)

    def action_invite_server(self) -> None:
        if self._server is not None:
            self._server()
        else:
            self.app.notify(NO_SERVER, severity="warning", markup=False, timeout=5)

    def action_show_secret(self) -> None:
        if self._secret is not None:
            self._secret()
        else:
            self.app.notify(NO_SERVER, severity="warning", markup=False, timeout=5)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        match event.button.id:
            case "copy":
                self.action_copy_all()
            case "server":
                self.action_invite_server()
            case "secret":
                self.action_show_secret()
            case _:
                self.dismiss(None)


class ServerInvitationScreen(DialogScreen[None]):
    """How often an invitation for a server is to be good, and how long. It stays until there is one."""

    AUTO_FOCUS = "#go"  # Who wants the usual presses Enter.
    BINDINGS: ClassVar = bindings("form", "application.help")

    def __init__(self, chosen: Callable[[int, float], None]) -> None:
        """`chosen`: is told how often, and for how many seconds."""
        super().__init__()
        self._chosen = chosen
        self._busy = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Invite a server"
            yield ReadFirst(
                Static(
                    "A server joins at this one by a code, and needs no secret. Whoever has the code can use it, as "
                    "often and as long as it is good, and then has all that a server of this network has. On this "
                    "machine `activity-tui invite list` tells which ones are open, and `invite revoke` takes them "
                    "back.",
                    classes="quiet",
                    markup=False,
                )
            )
            yield LeadingField("How often it is good", self._go_on, value=USES_USUAL, widget_id="uses")
            yield Field("How long (90m, 24h, 7d)", value=GOOD_FOR_USUAL, widget_id="good-for")
            yield Static("", classes="problem", id="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Make it", id="go", variant="primary", compact=True)
                yield Button("Cancel (Esc)", id="cancel", compact=True)

    def on_mount(self) -> None:
        self._say("")

    def _say(self, problem: str) -> None:
        label = self.query_one("#problem", Static)
        label.update(f"\N{BALLOT X} {neutralise(problem, 300)}" if problem else "")
        label.display = bool(problem)

    def _go_on(self) -> None:
        self.query_one("#good-for").focus()

    @on(Input.Changed)
    def _typing(self) -> None:
        self._say("")

    @on(Input.Submitted, "#good-for")
    def _submitted(self) -> None:
        self._go()

    @on(Button.Pressed, "#go")
    def _go(self) -> None:
        if self._busy:
            return
        where = "#uses"
        try:
            uses = USES(self.query_one("#uses", Input).value.strip())
            where = "#good-for"
            seconds = GOOD_FOR(self.query_one("#good-for", Input).value.strip())
        except ValueError as error:
            self._say(str(error))
            self.query_one(where).focus()
            return
        self._busy = True
        self.query_one("#go", Button).label = "One moment\N{HORIZONTAL ELLIPSIS}"
        self._chosen(uses, seconds)

    def refused(self, why: str) -> None:
        """There is none; say why."""
        self._busy = False
        self.query_one("#go", Button).label = "Make it"
        self._say(why)
        self.query_one("#go").focus()

    @on(Button.Pressed, "#cancel")
    def _cancel_pressed(self) -> None:
        self.action_cancel()

    def action_cancel(self) -> None:
        if not self._busy:
            self.dismiss(None)
