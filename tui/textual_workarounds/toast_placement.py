"""Where the short notices are shown: never over a line that somebody writes in.

Textual puts them at the bottom right, which is where the line of a chat is. Here they go to the tallest stretch of rows
that no field has a part in, at its top, and take no more rows than it has.

Seen in Textual 8.2.8, which has no setting for it; no report found.
"""

from __future__ import annotations

from typing import Any, Final

from textual.css.query import NoMatches
from textual.geometry import Region
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, TextArea
from textual.widgets._toast import ToastRack

CSS: Final = """
ToastRack { dock: top; align: right top; margin: 0; scrollbar-size: 0 0; }
ToastHolder { max-width: 80; padding: 0 1; }
Toast { width: auto; max-width: 100%; margin: 0; padding: 0 1; background: $panel; }
"""


def reconsider(screen: Screen[Any]) -> None:
    """A field of this screen has come, gone or moved; harmless when there are no notices."""
    if len(screen.app._notifications):
        screen.call_after_refresh(place, screen)


def place(screen: Screen[Any]) -> None:
    """Put a screen's notices where they cover no field, as it is laid out now."""
    try:
        rack = screen.get_child_by_type(ToastRack)
    except NoMatches:
        return
    if not rack.display:
        return
    start, rows = free_rows(screen.size.height, _first_row(screen), [each.region for each in _fields(screen)])
    rack.styles.margin = (start, 0, 0, 0)
    rack.styles.max_height = rows


def free_rows(height: int, first: int, fields: list[Region]) -> tuple[int, int]:
    """The first of the rows that no field has a part in, from `first` on, and how many there are: at least one."""
    taken = {row for field in fields for row in range(field.y, field.bottom)}
    best = (0, 0)
    start = first
    for row in range(first, height + 1):
        if row == height or row in taken:
            if row - start > best[1]:
                best = (start, row - start)
            start = row + 1
    return best if best[1] else (0, 1)


def _fields(screen: Screen[Any]) -> list[Widget]:
    fields = [*screen.query(Input), *screen.query(TextArea)]
    return [each for each in fields if each.display and each.region.area and each.is_on_screen]


def _first_row(screen: Screen[Any]) -> int:
    """Below the lines at the top, where there are such."""
    panes = screen.query("#panes")
    return panes.first().region.y if panes else 0
