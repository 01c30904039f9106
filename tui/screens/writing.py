"""The place where one writes, as it stands on the screen: what is offered above it, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable

from textual import on
from textual.geometry import Offset
from textual.widgets import Static, TextArea

from tui.screens.operating import OperatorScreen
from tui.text.safe_text import neutralise
from tui.user_actions.action_registry import key_names
from tui.user_actions.action_table import BY_ID
from tui.user_actions.written_text import KEPT_CHARACTERS_MAX, too_long
from tui.widgets.composer import Composer
from tui.widgets.offer_list import OfferList


class WritingScreen(OperatorScreen):
    """The panes, with a place to write."""

    edit_elsewhere: Callable[[str], None] | None = None
    """Has a text written in the person's editor; None where they sit elsewhere."""

    _said_of: str | None = None
    """The text of which something is said above it."""

    @property
    def writing_at(self) -> Offset:
        """Where on the screen somebody who writes is: at the cursor, or at the offer that they have chosen."""
        chosen = self.query_one(OfferList).chosen_offset
        return chosen if chosen is not None else self.composer.cursor_screen_offset

    @property
    def unsent(self) -> str:
        """What somebody has written for everybody, and not sent yet."""
        return self.composer.value

    def action_larger(self) -> None:
        """Have a larger box to write in, or a line again."""
        if not self.composer.has_focus:
            self.action_write()
        self._enlarge(wanted=not self.composer.large)

    def _enlarge(self, *, wanted: bool) -> None:
        self.composer.large = wanted
        line = self.query_one("#composer-line")
        line.set_class(wanted, "-large")
        keymap = self.app._keymap
        keys = [
            key_names(keymap.get(identifier, BY_ID[identifier].keys).partition(",")[0])
            for identifier in ("line.send", "line.new_line", "line.larger")
        ]
        line.border_title = f"{keys[0]}: a new line \N{MIDDLE DOT} {keys[1]}: send \N{MIDDLE DOT} {keys[2]}: smaller"
        self.refresh_bindings()

    def action_edit_elsewhere(self) -> None:
        """Have what is being written be written in the person's own editor."""
        if self.edit_elsewhere is None:
            words = "Nothing is started for you at a server: F9 makes a larger box to write in."
            self.notify(words, severity="warning", markup=False, timeout=4)
        else:
            self.edit_elsewhere(self.composer.value)

    def edited(self, text: str | None, problem: str) -> None:
        """Somebody is back from their editor: what they have written is shown, and nothing is sent."""
        self.action_write()
        if text is not None and text != self.composer.value:
            self.composer.remember(self.composer.value)
            self.composer.value = text
        if problem:
            self.call_after_refresh(self._composer_problem, problem)

    def action_leave_field(self) -> None:
        if self.composer.has_focus and self.composer.large:
            self._enlarge(wanted=False)
        else:
            super().action_leave_field()

    @on(Composer.Submitted)
    def _handed_over(self) -> None:
        if self.composer.large:
            self._enlarge(wanted=False)

    @on(Composer.Offering)
    def _show_offers(self) -> None:
        # Of the feed, at least the row above is seen: most often it is what is answered.
        room = max(1, self.feed.size.height - 2)
        self.query_one(OfferList).show(self.composer.offered, self.composer.chosen, room)

    @on(OfferList.Taken)
    def _offer_taken(self, event: OfferList.Taken) -> None:
        self.composer.take(event.place)

    @on(TextArea.Changed, "#composer")
    def _typing(self) -> None:
        problem = too_long(self.composer.value)
        # What was typed before something was said of it may be told of only now.
        if problem or self.composer.value != self._said_of:
            self._composer_problem(problem)

    @on(Composer.TooMuch)
    def _too_much_pasted(self) -> None:
        self._composer_problem(
            f"{too_long(self.composer.value)} The end of what you pasted was left out:"
            f" no more than {KEPT_CHARACTERS_MAX:,} are kept to be made shorter."
        )

    def _composer_problem(self, problem: str) -> None:
        self.say_of_writing(f"\N{BALLOT X} {neutralise(problem, 300)}" if problem else "", wrong=bool(problem))

    def say_of_writing(self, words: str, *, wrong: bool = False) -> None:
        """Say something above the line where one writes, until it is written in."""
        label = self.query_one("#composer-problem", Static)
        self._said_of = self.composer.value if words else None
        if words != label.content:
            label.set_class(wrong, "problem")
            label.display = bool(words)
            label.update(words)
