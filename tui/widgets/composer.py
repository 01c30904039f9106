"""Where one writes: a line that becomes a box with as many rows as are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final

from rich.text import Text
from textual import events
from textual.document._document import Document, DocumentBase
from textual.document._document_navigator import DocumentNavigator
from textual.document._wrapped_document import WrappedDocument
from textual.message import Message
from textual.widgets import TextArea

from tui.text.safe_text import shown_alike
from tui.user_actions.action_registry import bindings
from tui.user_actions.completion_round import CompletionRound
from tui.user_actions.line_completion import Offer, offers
from tui.user_actions.written_text import KEPT_CHARACTERS_MAX, pasted
from tui.widgets.completing_input import runs_at_once, when_needed

HISTORY_KEPT: Final = 100
_NOT_HERE: Final = ("f6", "f7", "pageup", "pagedown", "ctrl+c", "super+c")
"""Keys of Textual's that do something else in the whole application."""


class _ShownDocument(Document):
    """A document as it is shown: its rows are as wide as they are painted."""

    def __init__(self, document: DocumentBase) -> None:
        super().__init__("")
        self._document = document

    @property
    def lines(self) -> list[str]:
        return list(map(shown_alike, self._document.lines))

    @property
    def line_count(self) -> int:
        return self._document.line_count

    def get_line(self, index: int) -> str:
        return shown_alike(self._document.get_line(index))

    def __getitem__(self, line_index: Any) -> Any:
        found = self._document[line_index]
        return shown_alike(found) if isinstance(found, str) else list(map(shown_alike, found))


class Composer(TextArea):
    """A text that is being written: it remembers what was written before, and offers commands, people and tags.

    Enter hands it over. What is pasted never does: it is shown as it will be sent.
    """

    BINDINGS: ClassVar = bindings("line", "line.complete")

    class Submitted(Message):
        """A text is to be sent, or a command to be done."""

        def __init__(self, composer: Composer, value: str) -> None:
            super().__init__()
            self.composer = composer
            self.value = value

        @property
        def control(self) -> Composer:
            return self.composer

    class Offering(Message):
        """What is offered, or which of it is chosen, has changed."""

        def __init__(self, composer: Composer) -> None:
            super().__init__()
            self.composer = composer

        @property
        def control(self) -> Composer:
            return self.composer

    class TooMuch(Message):
        """More was pasted than can be kept to be made shorter."""

    def __init__(
        self,
        *,
        widget_id: str,
        names: Callable[[], Iterable[str]] = tuple,
        tags: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        super().__init__(
            id=widget_id,
            placeholder="Write to everybody. / for commands, Esc for the feed",
            compact=True,
            highlight_cursor_line=False,
        )
        # A steady cursor: a session in which nothing happens paints nothing.
        self.cursor_blink = False
        self.match_cursor_bracket = False
        for key in _NOT_HERE:
            for binding in self._bindings.key_to_bindings.get(key, ()):
                if not binding.id:
                    del self._bindings.key_to_bindings[key]
                    break
        self._names = names
        self._tags = tags
        self._history: list[str] = []
        self._place = 0
        self._draft = ""
        self.offered: list[Offer] = []
        """What may be shown above the line."""
        self.chosen: int | None = None
        """Which of it Enter takes; None: Enter sends."""
        self._round = CompletionRound()
        self._declined = False
        """Whether nothing more is to be offered for the word that is being written."""
        self.large = False
        """Whether it is a box for a long text, in which Enter begins a line."""

    # --- the text --------------------------------------------------------------------------------------------------

    @property
    def value(self) -> str:
        return self.text

    @value.setter
    def value(self, text: str) -> None:
        """Put another text here, with the cursor at its end."""
        self.load_text(text)
        self.move_cursor(self.document.end)
        self._offer_nothing()

    @property
    def cursor_position(self) -> int:
        """How many characters stand before the cursor."""
        row, column = self.cursor_location
        return sum(len(self.document.get_line(line)) + 1 for line in range(row)) + column

    @cursor_position.setter
    def cursor_position(self, place: int) -> None:
        before = self.text[: max(0, place)]
        self.move_cursor((before.count("\n"), len(before) - before.rfind("\n") - 1))

    def remember(self, text: str) -> None:
        """Keep a text that was sent or cleared, for the up key."""
        if text and (not self._history or self._history[-1] != text):
            self._history.append(text)
            del self._history[:-HISTORY_KEPT]
        self._place = len(self._history)
        self._draft = ""

    def give_back(self, text: str) -> None:
        """A text could not be sent: show it again, or keep it for the up key where another one has been begun."""
        if self.value:
            self.remember(text)
            return
        with self.prevent(TextArea.Changed):
            self.value = text

    def get_line(self, line_index: int) -> Text:
        # What is pasted may be from the network.
        return Text(shown_alike(self.document.get_line(line_index)), end="", no_wrap=True)

    def _set_document(self, text: str, language: str | None) -> None:
        super()._set_document(text, language)
        self.wrapped_document = WrappedDocument(_ShownDocument(self.document), tab_width=self.indent_width)
        self.navigator = DocumentNavigator(self.wrapped_document)
        self.move_cursor((0, 0))
        self._rewrap_and_refresh_virtual_size()

    def _refresh_size(self) -> None:
        # The base class looks for the cursor before it knows that there is another row, and not when it has grown.
        super()._refresh_size()
        if self.is_mounted:
            self.scroll_cursor_visible()

    # --- what keys do ----------------------------------------------------------------------------------------------

    async def _on_key(self, event: events.Key) -> None:
        if await runs_at_once(self, event):
            return
        if event.is_printable:
            await super()._on_key(event)
            self._offer()

    async def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        text = pasted(event.text)
        room = KEPT_CHARACTERS_MAX - len(self.text) + len(self.selected_text)
        if result := self._replace_via_keyboard(text[: max(0, room)], *self.selection):
            self.move_cursor(result.end_location)
        self._offer_nothing()
        if len(text) > room:
            self.post_message(self.TooMuch())

    async def action_send(self) -> None:
        """Take the offer that was chosen; else hand the text over: what is typed from here on is the next one."""
        if self.chosen is not None:
            self.take(self.chosen)
        elif self.large:
            self._break_line()
        else:
            self._hand_over()

    def action_new_line(self) -> None:
        if self.large:
            self._hand_over()
        else:
            self._break_line()

    def _hand_over(self) -> None:
        text, self.value = self.value, ""
        self.post_message(self.Submitted(self, text))

    def _break_line(self) -> None:
        self._replace_via_keyboard("\n", *self.selection)
        self._offer_nothing()

    def action_recall(self, step: int) -> None:
        """To the row above or below; from the first and the last one, to what was written before and after."""
        if self.offered:
            self._choose(step)
            return
        row = self.wrapped_document.location_to_offset(self.cursor_location)[1]
        if row != (0 if step < 0 else self.wrapped_document.height - 1):
            self.action_cursor_up() if step < 0 else self.action_cursor_down()
            return
        if self._place == len(self._history):
            self._draft = self.value
        place = max(0, min(len(self._history), self._place + step))
        if place == self._place:
            return
        self._place = place
        self.value = self._history[place] if place < len(self._history) else self._draft

    def action_delete_left(self) -> None:
        super().action_delete_left()
        self._offer()

    def action_cursor_right(self, select: bool = False) -> None:
        if self.suggestion and self.offered:
            # As the word is spelt, and not as it was begun.
            self.take(self.chosen or 0)
            return
        super().action_cursor_right(select)

    # --- what is offered -------------------------------------------------------------------------------------------

    def _begun(self) -> tuple[str, str]:
        """What stands before the word that is being written, and the line up to the cursor; the line is empty where
        the cursor is within a word."""
        row, column = self.cursor_location
        line = self.document.get_line(row)
        if not self.selection.is_empty or line[column : column + 1].strip():
            return "", ""
        # A slash that does not begin the text begins no command.
        return ("", line[:column]) if row == 0 else (" ", " " + line[:column])

    def _found(self) -> list[Offer]:
        _, line = self._begun()
        return offers(line, when_needed(self._names), when_needed(self._tags)) if line else []

    def _offer(self) -> None:
        """Offer what the word that was just written at may become."""
        found = self._found()
        self._declined = self._declined and bool(found)
        self._show([] if self._declined else found)

    def _offer_nothing(self) -> None:
        self._declined = False
        self._show([])

    def _show(self, found: list[Offer], chosen: int | None = None) -> None:
        if found == self.offered and chosen == self.chosen:
            return
        self.offered, self.chosen = found, chosen
        self.refresh_bindings()
        self.post_message(self.Offering(self))

    def update_suggestion(self) -> None:
        """Show behind the cursor what Tab makes of the word."""
        made, (_, line) = "", self._begun()
        if line and (found := next(iter(self._found()), None)) is not None and len(line) > 1:
            made = found.line[len(line) :]
        self.suggestion = made

    def _choose(self, step: int) -> None:
        count = len(self.offered)
        if self.chosen is None:
            chosen = 0 if step > 0 else count - 1
        else:
            chosen = (self.chosen + step) % count
        self._show(self.offered, chosen)

    def take(self, place: int) -> None:
        """Write an offer into the line."""
        if place < len(self.offered):
            self._become(self.offered[place].line)
            self._offer_nothing()

    def _become(self, line: str) -> None:
        """Have the line up to the cursor become another one."""
        before, _ = self._begun()
        row, column = self.cursor_location
        self._replace_via_keyboard(line[len(before) :], (row, 0), (row, column))

    def action_complete(self) -> None:
        """Take what is offered, or write the word to its end in another way; where there is none, go to the next
        pane."""
        if self.chosen is not None:
            self.take(self.chosen)
            return
        _, line = self._begun()
        made = self._round.next(line, (offer.line for offer in self._found())) if line else None
        if made is None:
            self._offer_nothing()
            self.app.action_focus_next()
            return
        self._become(made)
        self._show([])

    def action_close_offers(self) -> None:
        self._show([])
        self._declined = True

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "close_offers":
            return bool(self.offered)
        return super().check_action(action, parameters)

    def _on_blur(self, event: events.Blur) -> None:
        self._offer_nothing()
