"""What a person can do in every list: move, and sort."""

from __future__ import annotations

from typing import Final

from tui.user_actions.user_action import UserAction

LIST_ACTIONS: Final[tuple[UserAction, ...]] = (
    UserAction("rows.down", "down,j", "Down", "One row down.", "Lists", "cursor(1)", scope="rows"),
    UserAction("rows.up", "up,k", "Up", "One row up.", "Lists", "cursor(-1)", scope="rows"),
    UserAction(
        "rows.half_down",
        "ctrl+d",
        "Half a page down",
        "Half a page down.",
        "Lists",
        "page(0.5)",
        scope="rows",
    ),
    UserAction(
        "rows.half_up",
        "ctrl+u",
        "Half a page up",
        "Half a page up.",
        "Lists",
        "page(-0.5)",
        scope="rows",
    ),
    UserAction(
        "rows.page_down",
        "pagedown,space",
        "A page down",
        "A page down.",
        "Lists",
        "page(1)",
        scope="rows",
    ),
    UserAction("rows.page_up", "pageup", "A page up", "A page up.", "Lists", "page(-1)", scope="rows"),
    UserAction(
        "rows.top",
        "g,home",
        "First row",
        "To the first row; in the feed, to the first activity that is kept.",
        "Lists",
        "top",
        scope="rows",
    ),
    UserAction(
        "rows.end",
        "G,end",
        "Last row, and follow",
        "To the last row; the feed and the events follow from there.",
        "Lists",
        "end",
        scope="rows",
    ),
    UserAction(
        "rows.sort",
        "o",
        "Sort by the next column",
        "In a table: sort by the next column.",
        "Lists",
        "sort",
        scope="rows",
        footer="Sort",
    ),
)
