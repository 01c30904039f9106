"""What all dialogs have in common: they fit into a small terminal, and some are not answered unread.

What was typed before a question stood on the screen was not meant for it: somebody wrote on while it came, a slow link
brought an old `y` and an Enter with it, a key was held down. Such keys give no answer. They are not lost without a
word: text goes on into the line where it was being written, and the question says so. Who has asked for a question by a
key knows it, and may choose ahead; Enter, which gives the answer, counts once it can have been read. Esc changes
nothing, and always counts.
"""

from __future__ import annotations

from typing import ClassVar, Final, TypeVar

from textual._time import get_time
from textual.containers import VerticalScroll
from textual.events import Key, Paste
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from tui.textual_workarounds import toast_placement

_Result = TypeVar("_Result")

READING_TIME: Final = 0.3
"""Seconds in which nobody reads a question and answers it: simple reactions to what is seen take about that long."""


class DialogScreen(ModalScreen[_Result]):
    """A dialog. Its buttons stand one below the other where there is no room beside, and the focus stays in sight.

    What has the focus first is named by `AUTO_FOCUS`: a key that comes at once would go to something else as long as
    the focus has yet to move.
    """

    HORIZONTAL_BREAKPOINTS: ClassVar = [(0, "-narrow"), (56, "-roomy")]  # type: ignore[misc]
    VERTICAL_BREAKPOINTS: ClassVar = [(0, "-low"), (24, "-high")]  # type: ignore[misc]

    def on_resize(self) -> None:
        self.call_after_refresh(self.fit)

    def fit(self, times: int = 3) -> None:
        """Have what is to be read give way to what is to be answered, and the line of the keys stay in sight."""
        changed = [text for text in self.query(ReadFirst) if text.fit(self.size.height - 1)]
        if changed and times:
            # How much room there is follows from sizes that this may have changed.
            self.call_after_refresh(self.fit, times - 1)
        else:
            self.call_after_refresh(self._show_focused)

    def on_key(self, event: Key) -> None:
        if event.key in ("pageup", "pagedown"):
            for text in self.query(ReadFirst):
                text.scroll_relative(y=text.size.height * (1 if event.key == "pagedown" else -1), animate=False)
                event.stop()

    async def action_show_help(self) -> None:
        """Over the dialog: what the application binds is not asked for while one is open."""
        await self.app.run_action("show_help")

    def on_descendant_focus(self) -> None:
        toast_placement.reconsider(self)

    def _show_focused(self) -> None:
        if self.focused is not None:
            self.focused.scroll_visible(animate=False)
        toast_placement.reconsider(self)


class ReadFirst(VerticalScroll):
    """What a dialog has to say before it asks: from its beginning, and scrolled where there is no room for all of it.
    What follows it in the dialog is always in sight."""

    def __init__(self, *children: Widget) -> None:
        super().__init__(*children, can_focus=False)
        self._room = 0

    def on_mount(self) -> None:
        dialog = self.parent
        if isinstance(dialog, Widget):
            # A bar beside everything would make this one higher, and so be needed.
            dialog.add_class("-reads-first")

    def fit(self, rows: int) -> bool:
        """`rows`: that the whole dialog may have. Returns whether anything has changed."""
        dialog = self.parent
        if not isinstance(dialog, Widget):
            return False
        frame = dialog.outer_size.height - dialog.size.height
        others = sum(
            one.outer_size.height + one.styles.margin.height
            for one in dialog.children
            if one is not self and one.display
        )
        room = max(1, rows - frame - others)
        dialog.styles.max_height = rows
        dialog.border_subtitle = "PgDn reads on" if self.virtual_size.height > room else ""
        before, self.styles.max_height = self._room, room
        self._room = room
        return before != room


class UnhurriedScreen(DialogScreen[_Result]):
    """A dialog that answers to nothing that was typed before it could be read, and that keeps none of it to itself."""

    reading_time: float = READING_TIME
    """Seconds; 0 for a dialog that somebody has asked for and types ahead into."""
    comes_by_itself: bool = True
    """Whether nobody has asked for it by a key just now, so that what is typed is meant for what was there before."""
    harmless: ClassVar[frozenset[str]] = frozenset()
    """Actions that choose an answer without giving it, or leave everything as it is: who has asked for the dialog may
    type their keys ahead."""
    _shown_at: float | None = None
    _quiet_since: float | None = None
    """When a key came that was no answer, if one did."""

    def on_screen_resume(self) -> None:
        if self._shown_at is None:
            self.call_after_refresh(self._shown)

    def _shown(self) -> None:
        self._shown_at = get_time()

    def comes_too_soon(self, event: Key | Paste) -> bool:
        """Whether somebody pressed this before they can have read what it would answer. If so it has been dealt with:
        it goes where they were writing, and the dialog says that it answers nothing."""
        if not self.reading_time or (isinstance(event, Key) and event.key == "escape"):
            return False
        since = self._quiet_since or self._shown_at
        if since is not None and event.time >= since + self.reading_time:
            return False
        if isinstance(event, Key) and not self.comes_by_itself and self._does(event.key) in self.harmless:
            return False
        if not self.comes_by_itself and not (isinstance(event, Key) and event.key == "enter"):
            # Somebody writes something else: a pause tells when they have seen where they are.
            self._quiet_since = event.time
            self.choose_nothing()
        passed_on = self.comes_by_itself and self._pass_on(event)
        for label in self.query(TooSoon):
            label.tell(event, passed_on)
        return True

    def _does(self, key: str) -> str:
        """The action that a key is bound to here; "" for none."""
        bound = self.active_bindings.get(key)
        return bound.binding.action if bound is not None else ""

    def choose_nothing(self) -> None:
        """Take back what was chosen by keys of which it turns out that they were meant for something else."""

    def _pass_on(self, event: Key | Paste) -> bool:
        """Give text to the field below in which somebody was writing; whether there is one."""
        stack = self.app.screen_stack
        below = stack[stack.index(self) - 1].focused if stack.index(self) else None
        if not isinstance(below, Input | TextArea) or (isinstance(event, Key) and not event.is_printable):
            return False
        event._set_forwarded()
        return below.post_message(event)


class TooSoon(Static):
    """Says in a dialog what became of keys that came before it could be read."""

    def __init__(self) -> None:
        super().__init__("", classes="quiet", markup=False)
        self.display = False
        self._passed_on = False

    def tell(self, event: Key | Paste, passed_on: bool) -> None:
        """`passed_on`: it went to the field where somebody was writing."""
        self._passed_on = self._passed_on or passed_on
        if self._passed_on:
            words = "What you were typing stands in the line where you were writing. It answered nothing here."
        elif isinstance(event, Key) and event.key == "enter":
            words = "Enter came before this could be read, and answered nothing. Press it again if you mean it."
        else:
            words = "Keys came before this could be read, and answered nothing."
        self.update(words)
        self.display = True
