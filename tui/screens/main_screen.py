"""The screen on which everything else lies: the panes, and the line where one writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual import on
from textual._time import get_time

from tui.feed.activities import raw_activity
from tui.screens.dialog import READING_TIME
from tui.screens.threads_in_feed import ThreadsScreen
from tui.user_actions import slash_commands
from tui.user_actions.action_registry import bindings
from tui.user_actions.slips import may_be_kept, slip
from tui.user_actions.written_text import too_long
from tui.widgets.composer import Composer


class MainScreen(ThreadsScreen):
    """All of it: what is written goes to everybody, or is a command."""

    AUTO_FOCUS = "#composer"
    BINDINGS: ClassVar = bindings("panes")
    _doubted: tuple[str, float] | None = None
    """The line that was kept back, and when."""
    second_thought: float = READING_TIME
    """Seconds after which a line that was kept back is sent when it is entered again."""

    @on(Composer.Submitted)
    async def _submitted(self, event: Composer.Submitted) -> None:
        text = event.value
        if not text.strip() or self._asks_back(text):
            return
        try:
            await self._carry_out(text)
        except (ValueError, ConnectionError) as error:
            self.composer.give_back(text)
            self._composer_problem(str(error))
            if isinstance(error, ConnectionError) and self.model.stage == "nobody":
                # What is wrong with the line itself no login mends, and a dialog would hide it.
                why = "You are not logged in yet, so this is not sent; the line is kept."
                await self.app.run_action(f"identity({why!r})")
            return
        self.composer.remember(text)
        self._composer_problem("")

    def _asks_back(self, text: str) -> bool:
        """Whether a line is kept back because it looks like none for everybody; the same one once more is sent."""
        now = get_time()
        why = slip(text, self._secrets())
        if why is None:
            self._doubted = None
            return False
        if self._doubted is not None and self._doubted[0] == text and now - self._doubted[1] >= self.second_thought:
            self._doubted = None
            return False
        self._doubted = (text, now)
        self.composer.give_back(text)
        self._composer_problem(f"{why} Nothing was sent. Enter once more sends it to everybody.")
        return True

    @property
    def unsent(self) -> str:
        # Of what must not stand in a file there is nothing to keep.
        text = super().unsent
        return text if may_be_kept(text, self._secrets()) else ""

    def _secrets(self) -> Iterator[str]:
        """What everybody must not read."""
        if self._own_node is not None:
            yield self._own_node.secret
        identity = self.model.identity
        if identity is not None and identity.secret:
            yield identity.secret

    async def _carry_out(self, text: str) -> None:
        """Send a line or do a command. Raises ValueError or ConnectionError with a sentence for a person."""
        line = slash_commands.parse(text, node=self.model.owns_node)
        if problem := too_long(line.text):
            raise ValueError(problem)
        if line.command is None:
            self.send_text(line.text)
            return
        match line.command.name:
            case "who":
                self.action_show_pane("users")
            case "filter":
                self._set_filter(line.text)
            case "view":
                self.view(line.text)
            case "unview":
                self.drop_view(line.text)
            case "mute":
                self.mute(line.text)
            case "unmute":
                self.unmute(line.text)
            case "go":
                self.go_to(line.text)
            case "json":
                self.model.post(raw_activity(line.text))
                self.feed.action_end()
            case "invite":
                self.action_share()
            case "join":
                self._join(line.text)
            case "backup":
                self.action_backup()
            case other:
                await self.app.run_action(f"command({other!r}, {line.text!r})")
