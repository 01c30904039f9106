"""Puts the terminal's cursor on the cell where what is typed next will stand, also at the end of a line.

At the end Textual tells the terminal one cell further right: it counts the room that the painted cursor takes twice.
The painted one is right, and hides the other, but what follows the terminal's own cursor (a screen reader, a braille
display, an input method's window) is led past the place.

Seen in Textual 8.2.8; no report found.
"""

from __future__ import annotations

from textual.geometry import Offset
from textual.widgets import Input

_cursor_screen_offset = Input.cursor_screen_offset


def _where_the_next_one_stands(self: Input) -> Offset:
    x, y, _width, _height = self.content_region
    return Offset(x + self._position_to_cell(self.cursor_position) - self.scroll_offset.x, y)


def install() -> None:
    """Take effect, for every line in which one writes in this process. Harmless when repeated."""
    Input.cursor_screen_offset = property(_where_the_next_one_stands)  # type: ignore[method-assign, assignment]
