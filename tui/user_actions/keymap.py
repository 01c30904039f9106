"""Other keys for actions: what a person writes down for them, read, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from tui.text.quantities import shown, suggestion
from tui.user_actions.action_registry import key_name
from tui.user_actions.action_table import ACTIONS
from tui.user_actions.user_action import ActionScope, UserAction

Keymap = Mapping[str, str]
"""Keys by the id of their action, several parted by commas, in Textual's names."""

_BY_ID: Final = {action.id: action for action in ACTIONS}

_TOGETHER: Final[tuple[frozenset[ActionScope], ...]] = (
    frozenset({"application", "panes", "rows", "connections"}),
    frozenset({"application", "panes", "line"}),
    frozenset({"application", "question"}),
    frozenset({"application", "form"}),
    frozenset({"application", "text", "invitation", "rows"}),
    frozenset({"application", "text", "help", "rows"}),
    frozenset({"application", "secret"}),
    frozenset({"application", "panes", "completion", "filter"}),
    frozenset({"application", "hits", "rows"}),
    frozenset({"application", "rows", "thread"}),
)
"""Scopes whose keys work in one place at the same time."""

_MODIFIERS: Final = ("ctrl", "alt", "shift", "super", "meta")
_ARROWS: Final = ("up", "down", "left", "right")
_NAMED: Final[Mapping[str, str]] = {
    **{name: name for name in ("enter", "tab", "space", "backspace", "delete", "insert", "home", "end")},
    **{name: name for name in ("up", "down", "left", "right", "escape", "pageup", "pagedown")},
    **{f"f{number}": f"f{number}" for number in range(1, 25)},
    **dict(zip("\N{UPWARDS ARROW}\N{DOWNWARDS ARROW}\N{LEFTWARDS ARROW}\N{RIGHTWARDS ARROW}", _ARROWS, strict=True)),
    "esc": "escape",
    "return": "enter",
    "del": "delete",
    "ins": "insert",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "pgdown": "pagedown",
}
_TYPES: Final = frozenset({"space", "enter", "backspace", "delete", "left", "right", "home", "end"})
"""Keys with names that do something while one types."""

_TAKE_ENTER: Final = frozenset({"line.send", "line.new_line"})


class KeyProblem(NamedTuple):
    """Something wrong with the keys of an action."""

    action: str
    """What stands there as the action's id."""
    sentence: str


def read_keymap(table: Mapping[str, object]) -> tuple[Keymap, list[KeyProblem]]:
    """Keys as a person has written them, in tables that may lie within each other, with all that is wrong with them.

    A value is a key, or a list of keys, as people write them: `Ctrl+X`, `F5`, `/`, `PgDn`, `G`.
    """
    keymap: dict[str, str] = {}
    problems: list[KeyProblem] = []
    for identifier, value in _flat(table):
        if identifier not in _BY_ID:
            near = suggestion(identifier, _BY_ID)
            problems.append(KeyProblem(identifier, f"there is no action {shown(identifier)}{near}"))
            continue
        try:
            keys = [key_of(each) for each in (value if isinstance(value, list) and value else [value])]
            _check(_BY_ID[identifier], keys)
        except ValueError as error:
            problems.append(KeyProblem(identifier, str(error)))
        else:
            keymap[identifier] = ",".join(dict.fromkeys(keys))
    return keymap, problems + list(_conflicts(keymap))


def usual_keys() -> Iterator[tuple[str, list[str]]]:
    """Each action that has keys, and those, as people write them."""
    for action in ACTIONS:
        if action.keys:
            yield action.id, [key_name(key) for key in action.keys.split(",")]


def key_of(written: object) -> str:
    """Textual's name for a key as a person writes it. Raises ValueError with a sentence."""
    if not isinstance(written, str) or not written.strip():
        raise ValueError(f"{shown(written)} is no key: write one like Ctrl+X, F5, PgDn, / or g, or a list of them")
    *modifiers, last = _parts(written.strip())
    held = [modifier.lower() for modifier in modifiers]
    wrong = next((each for each in held if each not in _MODIFIERS), None)
    if wrong is not None:
        raise ValueError(f"{shown(written)} is no key: there is no {shown(wrong)} to hold, but {', '.join(_MODIFIERS)}")
    if (known := _NAMED.get(last.lower())) is not None:
        named = known
    elif len(last) == 1:
        named = _of_character(last if not held else last.lower())
    else:
        raise ValueError(f"{shown(written)} is no key{suggestion(last.lower(), _NAMED)}")
    return "+".join([*(each for each in _MODIFIERS if each in held), named])


def _parts(written: str) -> list[str]:
    """What is parted by `+`, which is a key itself."""
    if written.endswith("+"):
        return [*(part for part in written[:-1].split("+") if part), "+"]
    return written.split("+")


def _of_character(character: str) -> str:
    from textual.keys import _character_to_key

    if not character.isprintable():
        raise ValueError(f"{shown(character)} is no key")
    return _character_to_key(character)


def _flat(table: Mapping[str, object], before: str = "") -> Iterator[tuple[str, object]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, value


def _check(action: UserAction, keys: Iterable[str]) -> None:
    """Raises ValueError if an action would get a key that has to stay what it is there."""
    for key in keys:
        is_typed = key in _TYPES or ("+" not in key and key not in _NAMED.values())
        if (
            is_typed
            and not (key == "enter" and action.id in _TAKE_ENTER)
            and (action.scope == "line" or (action.priority and action.scope == "application"))
        ):
            raise ValueError(f"{key_name(key)} is for writing, and {action.id} would take it while one writes")


def _conflicts(keymap: Keymap) -> Iterator[KeyProblem]:
    """One key for two actions in one place, where a changed key is one of them."""
    for identifier, changed in keymap.items():
        action = _BY_ID[identifier]
        for other in ACTIONS:
            if other.id == identifier or not _in_one_place(action.scope, other.scope):
                continue
            if other.id in keymap and other.id < identifier:
                continue  # It has been told.
            usual = set(action.keys.split(",")) & set(other.keys.split(","))
            theirs = set(keymap.get(other.id, other.keys).split(",")) - usual
            for key in (key for key in changed.split(",") if key in theirs):
                yield KeyProblem(
                    identifier, f"{key_name(key)} is the key of {other.id} in the same place: give that another one"
                )


def _in_one_place(one: ActionScope, other: ActionScope) -> bool:
    return any(one in together and other in together for together in _TOGETHER)
