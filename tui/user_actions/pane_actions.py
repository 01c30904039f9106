"""What a person can do with the panes: go to one, and give it the whole screen."""

from __future__ import annotations

from typing import Final

from tui.user_actions.user_action import UserAction

PANE_ACTIONS: Final[tuple[UserAction, ...]] = (
    UserAction("pane.feed", "f2", "Show the feed", "Go to what people write.", "Panes", "show_pane('feed')"),
    UserAction(
        "pane.connections",
        "f3",
        "Show the connections",
        "Go to the servers and clients that are connected here.",
        "Panes",
        "show_pane('connections')",
    ),
    UserAction(
        "pane.users",
        "f4",
        "Show the users",
        "Go to who is registered, and logged in where.",
        "Panes",
        "show_pane('users')",
    ),
    UserAction(
        "pane.events", "f5", "Show the events", "Go to what happened in the network.", "Panes", "show_pane('events')"
    ),
    UserAction(
        "pane.network",
        "f6",
        "Show the network",
        "Go to the servers, drawn as a tree.",
        "Panes",
        "show_pane('network')",
    ),
    UserAction(
        "pane.zoom",
        "f10,z",
        "Zoom this pane",
        "Give the pane the whole screen, or give it back.",
        "Panes",
        "zoom",
        footer="Zoom",
    ),
    UserAction("pane.next", "tab", "Next pane", "Move to the next pane or field.", "Panes", "app.focus_next"),
    UserAction(
        "pane.previous",
        "shift+tab",
        "Previous pane",
        "Move to the pane or field before.",
        "Panes",
        "app.focus_previous",
    ),
)
