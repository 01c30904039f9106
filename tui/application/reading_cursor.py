"""Where the terminal's own cursor stands: at what a person reads, chooses or writes.

It is hidden, but screen readers, braille displays and magnifiers go where it goes.
"""

from __future__ import annotations

from typing import Final

from textual.command import CommandInput, CommandList, CommandPalette
from textual.geometry import Offset
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, OptionList, RadioButton, RadioSet, TextArea

from tui.widgets.row_view import RowView

_NOWHERE: Final = -1


class ReadingCursor:
    """Finds the place on the screen of one application."""

    def __init__(self) -> None:
        self._chosen_for: str | None = None
        """What was written in the palette when somebody went into the list below."""

    def place(self, screen: Screen[object], focused: Widget | None, writing: Offset) -> Offset:
        """Where the focus is on the screen. `writing`: where Textual has it while nothing has the focus."""
        match focused:
            case None:
                return writing
            case CommandInput() if isinstance(screen, CommandPalette):
                commands = screen.query_one(CommandList)
                return _highlighted(commands) if self._is_in_list(focused, commands) else focused.cursor_screen_offset
            case Input() | TextArea():
                # Not where one said last that it is: it may have moved, and another one may have the focus again.
                return focused.cursor_screen_offset
            case RowView():
                return focused.cursor_offset
            case OptionList():
                return _highlighted(focused)
            case RadioSet():
                return _selected(focused)
        return focused.content_region.offset

    def _is_in_list(self, field: Input, commands: CommandList) -> bool:
        """Whether somebody has gone down from the line of the palette, and not gone on writing there."""
        if commands.highlighted:
            self._chosen_for = field.value
        elif self._chosen_for != field.value:
            self._chosen_for = None
        return self._chosen_for is not None and commands.highlighted is not None


def _highlighted(options: OptionList) -> Offset:
    line = options._index_to_line.get(options.highlighted if options.highlighted is not None else _NOWHERE, 0)
    row = max(0, min(line - options.scroll_offset.y, options.content_region.height - 1))
    return options.content_region.offset + (0, row)


def _selected(choices: RadioSet) -> Offset:
    buttons = list(choices.query(RadioButton))
    place = choices._selected
    chosen = buttons[place] if place is not None and place < len(buttons) else choices
    return chosen.content_region.offset
