"""The list of what is offered to whoever writes: it lies over the rows above the line, and moves nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.geometry import Offset
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.text.fitting import fit
from tui.text.safe_text import neutralise
from tui.user_actions.line_completion import Offer

ROWS_MAX: Final = 6
_CHOSEN: Final = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} "


class OfferList(Widget):
    """A few offers, one a row, with what each does. The chosen one has a mark besides its colour."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"offers--word", "offers--help", "offers--chosen"}
    DEFAULT_CSS = """
    OfferList {
        display: none; overlay: screen; height: 1; width: 1fr; background: $panel;
        & > .offers--word { color: $text-accent; text-style: bold; }
        & > .offers--help { color: $foreground 80%; }
        & > .offers--chosen { background: $primary; color: $text; text-style: bold; }
        &:ansi > .offers--chosen { background: ansi_default; text-style: bold reverse; }
        &:nocolor > .offers--chosen { text-style: bold reverse; }
    }
    """

    class Taken(Message):
        """An offer was clicked on."""

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def __init__(self) -> None:
        super().__init__()
        self._offers: Sequence[Offer] = ()
        self._chosen: int | None = None
        self._first = 0

    def show(self, offers: Sequence[Offer], chosen: int | None, rows: int) -> None:
        """Show these, in so many rows at most; none: show nothing."""
        height = min(len(offers), ROWS_MAX, rows)
        self._offers, self._chosen = offers, chosen
        self.display = height > 0
        if height <= 0:
            return
        self.styles.height = height
        self.styles.offset = (0, -height)
        room = self._room(height)
        if chosen is None:
            self._first = 0
        else:
            self._first = max(min(self._first, chosen, len(offers) - room), chosen - room + 1, 0)
        self.refresh()

    @property
    def chosen_offset(self) -> Offset | None:
        """Where the chosen offer stands on the screen; None when there is none."""
        if not self.display or self._chosen is None:
            return None
        return self.region.offset + Offset(0, self._chosen - self._first)

    def _room(self, height: int) -> int:
        """How many offers have a row: the last row says how many more there are, if it has to."""
        return height if len(self._offers) <= height or height == 1 else height - 1

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        base = self.rich_style
        room = self._room(height)
        place = self._first + y
        if y >= room:
            more = len(self._offers) - room
            words = f"  \N{HORIZONTAL ELLIPSIS} {more} more: \N{UPWARDS ARROW} \N{DOWNWARDS ARROW}"
            return Strip([Segment(fit(words, width), self.get_component_rich_style("offers--help"))])
        if place >= len(self._offers):
            return Strip.blank(width, base)
        offer, chosen = self._offers[place], place == self._chosen
        word = neutralise(offer.word, 200)
        column = max(cell_len(neutralise(each.word, 200)) for each in self._offers[self._first : self._first + room])
        column = min(column, width // 2)
        help_words = _beginning(offer.help, width - column - 4)
        word = fit(word, column if help_words else max(1, width - 2))
        if chosen:
            style = self.get_component_rich_style("offers--chosen")
            return Strip([Segment(fit(f"{_CHOSEN}{word}{help_words}", width), style)])
        left = f"  {word}"
        return Strip(
            [
                Segment(left, self.get_component_rich_style("offers--word")),
                Segment(fit(help_words, width - cell_len(left)), self.get_component_rich_style("offers--help")),
            ]
        )

    def on_mouse_down(self, event: events.MouseDown) -> None:
        event.stop()
        if event.y < self._room(self.size.height):
            self.post_message(self.Taken(self._first + event.y))


def _beginning(text: str, room: int) -> str:
    """As many sentences of a help as there is room for, behind two blanks: none of them is cut."""
    sentences = text.split(". ")
    for count in range(len(sentences), 0, -1):
        words = ". ".join(sentences[:count]) + ("." if count < len(sentences) else "")
        if cell_len(words) <= room:
            return f"  {words}"
    return f"  {text}" if text else ""
