"""The life of a stream: what leads from one state to the next, and nothing else does."""

from __future__ import annotations

import inspect
import re

import pytest

from core.engine.transport import stream_connection
from core.engine.transport.stream_states import TRANSITIONS, StreamOutcome, StreamState
from core.wire.state_machine import IllegalTransition, state_after

LEADS_TO = {
    "NEW": "OPEN",
    "OPEN": "CLOSING LOST",
    "CLOSING": "LINGERING OVER",
    "LINGERING": "OVER",
    "LOST": "OVER",
    "OVER": "",
}


def test_no_other_state_follows_than_those_written_down() -> None:
    table = {state.name: {after.name for after in row.values()} for state, row in TRANSITIONS.items()}
    assert table == {state: set(following.split()) for state, following in LEADS_TO.items()}


@pytest.mark.parametrize(
    ("state", "outcome"),
    [(state, outcome) for state in StreamState for outcome in StreamOutcome if outcome not in TRANSITIONS[state]],
)
def test_what_is_not_in_the_table_does_not_happen(state: StreamState, outcome: StreamOutcome) -> None:
    with pytest.raises(IllegalTransition):
        state_after(TRANSITIONS, state, outcome)


def test_a_stream_has_a_socket_while_it_is_open_and_until_what_was_said_last_is_heard() -> None:
    assert {state.name for state in StreamState if state.connected} == {"OPEN", "CLOSING", "LINGERING"}


def test_this_side_has_closed_what_is_flushed_or_over() -> None:
    assert {state.name for state in StreamState if state.closed} == {"CLOSING", "LINGERING", "OVER"}


def test_only_one_method_changes_a_state() -> None:
    source = inspect.getsource(stream_connection)
    assert re.findall(r"self\._state = .*", source) == [
        "self._state = StreamState.NEW",
        "self._state = state_after(TRANSITIONS, self._state, outcome)",
    ]
