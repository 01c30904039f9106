"""What all dialogs have in common: they fit into a small terminal, and some are not answered unread.

What was typed before a question stood on the screen was not meant for it: somebody wrote on while it came, a slow link
brought an old `y` and an Enter with it, a key was held down. Such keys are dropped; Esc changes nothing, and is not.
"""

from __future__ import annotations

from typing import ClassVar, Final, TypeVar

from textual._time import get_time
from textual.events import Key, Paste
from textual.screen import ModalScreen

from tui.textual_workarounds import toast_placement

_Result = TypeVar("_Result")

READING_TIME: Final = 0.3
"""Seconds in which nobody reads a question and answers it: simple reactions to what is seen take about that long."""


class DialogScreen(ModalScreen[_Result]):
    """A dialog. Its buttons stand one below the other where there is no room beside, and the focus stays in sight."""

    HORIZONTAL_BREAKPOINTS: ClassVar = [(0, "-narrow"), (56, "-roomy")]  # type: ignore[misc]
    VERTICAL_BREAKPOINTS: ClassVar = [(0, "-low"), (24, "-high")]  # type: ignore[misc]

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_focused)

    async def action_show_help(self) -> None:
        """Over the dialog: what the application binds is not asked for while one is open."""
        await self.app.run_action("show_help")

    def on_descendant_focus(self) -> None:
        toast_placement.reconsider(self)

    def _show_focused(self) -> None:
        if self.focused is not None:
            self.focused.scroll_visible(animate=False)
        toast_placement.reconsider(self)


class UnhurriedScreen(DialogScreen[_Result]):
    """A dialog that takes keys from a moment after it was first shown."""

    reading_time: float = READING_TIME
    """Seconds; 0 for a dialog that somebody has asked for and types ahead into."""
    _shown_at: float | None = None

    def on_screen_resume(self) -> None:
        if self._shown_at is None:
            self.call_after_refresh(self._shown)

    def _shown(self) -> None:
        self._shown_at = get_time()

    def comes_too_soon(self, event: Key | Paste) -> bool:
        """Whether somebody pressed this before they can have read what it would answer."""
        if not self.reading_time or (isinstance(event, Key) and event.key == "escape"):
            return False
        return self._shown_at is None or event.time < self._shown_at + self.reading_time
