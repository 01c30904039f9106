"""What is made from the table of actions: key bindings, the command palette, and the table for the README."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from textual.binding import Binding

from tui.user_actions.action_table import ACTIONS
from tui.user_actions.user_action import ActionScope, UserAction

_OWN_KEYS: Final = frozenset({"application.palette"})
"""Bound by Textual itself; listed here for the help screen."""


def bindings(scope: ActionScope, *also: str) -> list[Binding | tuple[str, str] | tuple[str, str, str]]:
    """The bindings of a scope, each with its action's id so that a keymap can change it.

    `also`: ids of actions of other scopes that work there, too.

    No other bindings are made anywhere: `tests/tui/test_actions.py` looks.
    """
    return [
        Binding(
            action.keys,
            action.call,
            action.footer or action.title,
            show=bool(action.footer),
            tooltip=action.help,
            priority=action.priority,
            id=action.id,
        )
        for action in ACTIONS
        if (action.scope == scope or action.id in also) and action.keys and action.id not in _OWN_KEYS
    ]


def key_names(keys: str) -> str:
    """Keys as people write them: `slash,ctrl+f` is `/ or Ctrl+F`."""
    return " or ".join(key_name(key) for key in keys.split(",") if key)


_NAMES: Final = {
    "slash": "/",
    "at": "@",
    "colon": ":",
    "plus": "+",
    "number_sign": "#",
    "question_mark": "?",
    "escape": "Esc",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "up": "\N{UPWARDS ARROW}",
    "down": "\N{DOWNWARDS ARROW}",
    "left": "\N{LEFTWARDS ARROW}",
    "right": "\N{RIGHTWARDS ARROW}",
}


def key_name(key: str) -> str:
    """One key as people write it: `Ctrl+Q`."""
    *modifiers, last = key.split("+")
    if last not in _NAMES and (len(last) > 1 or modifiers):
        last = last.capitalize()
    return "+".join([*(modifier.capitalize() for modifier in modifiers), _NAMES.get(last, last)])


def palette(*, node: bool) -> Iterable[UserAction]:
    """What the command palette offers; without a node, what needs one is left out."""
    return (action for action in ACTIONS if action.palette and (node or not action.node_only))


def markdown_table() -> str:
    """The table of keys for the README."""
    rows = ["| | Key | Action | What it does |", "|---|---|---|---|"]
    group = ""
    for action in ACTIONS:
        keys = key_names(action.keys) or "palette"
        where, group = ("" if action.group == group else f"**{action.group}**"), action.group
        rows.append(f"| {where} | {keys.replace('|', chr(92) + '|')} | {action.title} | {action.help} |")
    return "\n".join(rows)
