"""State machines as data: which outcome leads from which state to which, and who takes what in which state, are tables.

The idea is h11's (`_state.py`): a transition that is not in the table does not happen by accident, and the picture in
the documents is drawn from what runs. Beyond h11, what may come in a state stands beside who takes it, so that nothing
is legal without anybody who does something about it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TypeVar

_State = TypeVar("_State", bound=enum.Enum)
_Outcome = TypeVar("_Outcome", bound=enum.Enum)
_Handler = TypeVar("_Handler", bound=enum.Enum)
_Kind = TypeVar("_Kind")
_Taker = TypeVar("_Taker")


class Symbol(enum.Enum):
    """An enumeration that tables are looked up by. Members are unique, so what they are hashed by is which one it is;
    `Enum` calls Python code to hash the name, which is a tenth of what a message costs."""

    __hash__ = object.__hash__


class IllegalTransition(Exception):
    """An outcome came in a state in which it is not possible: a fault in this program, whatever a peer has said."""


def state_after(table: Mapping[_State, Mapping[_Outcome, _State]], state: _State, outcome: _Outcome) -> _State:
    """The state that an outcome leads to. Raises IllegalTransition when the table has no such pair."""
    following = table[state].get(outcome)
    if following is None:
        raise IllegalTransition(f"{outcome.name} is not possible in {state.name}")
    return following


def bound(
    rules: Mapping[_State, Mapping[_Kind, _Handler]], takers: Mapping[_Handler, _Taker]
) -> dict[_State, dict[_Kind, _Taker]]:
    """A table of rules with whoever takes it in place of each handler.

    Raises ValueError when somebody is missing who is named in the table, or a state has no row.
    """
    without = sorted(
        state.name for states in {type(state) for state in rules} for state in states if state not in rules
    )
    if without:
        raise ValueError(f"there is no row for {', '.join(without)}")
    named = {handler.name: handler for row in rules.values() for handler in row.values()}
    missing = sorted(name for name, handler in named.items() if handler not in takers)
    if missing:
        raise ValueError(f"nobody takes {', '.join(missing)}")
    return {state: {kind: takers[handler] for kind, handler in row.items()} for state, row in rules.items()}
