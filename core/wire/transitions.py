"""State machines as data: which outcome leads from which state to which is a table.

The idea is h11's (`_state.py`): a transition that is not in the table does not happen by accident, and the picture in
the documents is drawn from what runs.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TypeVar

State = TypeVar("State", bound=enum.Enum)
Outcome = TypeVar("Outcome", bound=enum.Enum)


class IllegalTransition(Exception):
    """An outcome came in a state in which it is not possible: a fault in this program, whatever a peer has said."""


def state_after(table: Mapping[State, Mapping[Outcome, State]], state: State, outcome: Outcome) -> State:
    """The state that an outcome leads to. Raises IllegalTransition when the table has no such pair."""
    following = table[state].get(outcome)
    if following is None:
        raise IllegalTransition(f"{outcome.name} is not possible in {state.name}")
    return following
