"""The rows of `test_connection_states` have teeth: every single wrong entry of the tables breaks one of them.

Each table here is the right one but for one entry: a legal command taken out, an illegal one let in, a message given to
somebody else who would take such messages of such connections, an outcome that leads to another state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, get_args, get_type_hints

import pytest

from core.node.kernel import connections, rules
from core.node.kernel.connections import Connection, Link, Session
from core.node.kernel.rules import RULES, Handler
from core.node.kernel.states import CLIENT_STATES, SERVER_STATES, TRANSITIONS, ConnectionState, Outcome
from core.wire import messages as wire
from core.wire.messages import Message, MessageType, command_of
from tests.node import test_connection_states as rows
from tests.node.one_node import OneNode, what_was_done

Patch = pytest.MonkeyPatch

SCENE = {
    ConnectionState.FRESH: "fresh",
    ConnectionState.AUTHENTICATING: "authenticating",
    ConnectionState.PROVING: "proving",
    ConnectionState.ADMITTING: "admitting",
    ConnectionState.ASKING: "asking",
    ConnectionState.REGISTERING: "registering",
    ConnectionState.GREETED: "greeted",
    ConnectionState.LOGGING_IN: "logging in",
    ConnectionState.LOGGED_IN: "logged in",
    ConnectionState.REDIRECTING: "redirecting",
    ConnectionState.SENT_ON: "sent on",
    ConnectionState.WAITING: "dialled",
    ConnectionState.LISTENING: "listening",
    ConnectionState.QUIET: "quiet",
    ConnectionState.BASE: "base",
    ConnectionState.NATIVE: "native",
    ConnectionState.CLOSING: "closing",
}
SPEAKING = [state for state in ConnectionState if state is not ConnectionState.CLOSING]
METHODS: dict[Handler, Any] = rows.takers()
ALIKE: dict[tuple[ConnectionState, MessageType], tuple[Handler, ...]] = {
    # Nobody is asked about a name over a link that is listened to: whoever counts answers counts none.
    (ConnectionState.LISTENING, wire.LockAllowed): (Handler.LOCK_ALLOWED,),
    # What has no id is refused by who takes entries.
    (ConnectionState.PROVING, wire.ActivityBroadcast): (Handler.ENTRY,),
    (ConnectionState.ASKING, wire.ActivityBroadcast): (Handler.ENTRY,),
    # Of what is no base link no base server is announced.
    (ConnectionState.PROVING, wire.ServerAnnounce): (Handler.BASE_ANNOUNCEMENT, Handler.OVERHEARD_ANNOUNCEMENT),
    # Over a connection in clear it is refused by who takes it.
    **dict.fromkeys(
        [(state, wire.AdmissionRequest) for state in ConnectionState if state is not ConnectionState.FRESH],
        (Handler.ADMISSION_REQUEST,),
    ),
}
"""Who else may take a message, as it makes no difference."""


def takes(handler: Handler, state: ConnectionState, kind: MessageType) -> bool:
    """Whether somebody could take such a message of such a connection without falling over it."""
    who = Session if state in CLIENT_STATES else Link if state in SERVER_STATES else Connection
    connection, message = list(get_type_hints(METHODS[handler]).values())[:2]
    return issubclass(who, connection) and (message == Message or kind in (get_args(message) or (message,)))


def holds(check: Callable[[], None]) -> bool:
    try:
        check()
    except Exception:
        return False
    return True


def rows_hold(state: ConnectionState, kind: MessageType) -> bool:
    """Whether the rows that say what becomes of a message in a state still hold."""
    scene = SCENE[state]
    legal = [row for row in rows.ROWS if f"{row.state} ".startswith(f"{scene} ") and type(row.message) is kind]
    if legal:
        return all(holds(lambda row=row: rows.test_a_command_is_taken_as_the_protocol_says(row)) for row in legal)  # type: ignore[misc]
    command = next(command for command, example in rows.EXAMPLES.items() if type(example) is kind)
    if state is ConnectionState.CLOSING:
        return holds(lambda: rows.test_nobody_listens_to_a_connection_that_is_being_closed(command))
    return holds(lambda: rows.test_what_is_not_legal_in_a_state_ends_that_connection_and_nothing_else(scene, command))


def wrong_rules(state: ConnectionState) -> Iterator[tuple[str, MessageType, dict[MessageType, Handler]]]:
    right = RULES[state]
    for kind in map(type, rows.EXAMPLES.values()):
        if kind in right:
            yield "taken out", kind, {other: handler for other, handler in right.items() if other is not kind}
        for handler in Handler:
            if handler not in (right.get(kind), *ALIKE.get((state, kind), ())) and takes(handler, state, kind):
                yield f"given to {handler.name}", kind, {**right, kind: handler}


@pytest.mark.parametrize("state", SPEAKING)
def test_a_wrong_rule_breaks_a_row(state: ConnectionState, monkeypatch: Patch) -> None:
    survivors, count = [], 0
    for what, kind, wrong in wrong_rules(state):
        with monkeypatch.context() as patch:
            patch.setattr(rules, "RULES", {**RULES, state: wrong})
            count += 1
            if rows_hold(state, kind):
                survivors.append(f"{kind.__name__} {what}")
    assert survivors == []
    assert count > 5


def row_holds(row: rows.Row) -> bool:
    one, conn = rows.in_state(row.state)
    done = one.say(conn, row.message)
    return " ".join(what_was_done(done, conn)) == row.done and one.state(conn) == row.after


def step_holds(state: str, step: Callable[[OneNode, int], object], after: str) -> bool:
    one, conn = rows.in_state(state)
    step(one, conn)
    return one.state(conn) == after


def steps_hold(first: str = "") -> bool:
    """Whether every row that says what follows on what still holds; those of one scene are looked at first."""
    rows.test_a_login_that_was_right_may_lead_to_another_server()
    checks = [(state, partial(step_holds, state, step, after)) for state, step, after in rows.STEPS]
    checks += [(row.state, partial(row_holds, row)) for row in rows.ROWS]
    checks.sort(key=lambda check: check[0] != first)
    return all(check() for _, check in checks)


def wrong_transitions(
    state: ConnectionState,
) -> Iterator[tuple[str, Mapping[ConnectionState, Mapping[Outcome, ConnectionState]]]]:
    right = TRANSITIONS[state]
    for outcome, after in right.items():
        for other in ConnectionState:
            if other is not after:
                yield f"{outcome.name} leads to {other.name}", {**TRANSITIONS, state: {**right, outcome: other}}
        yield (
            f"{outcome.name} leads nowhere",
            {**TRANSITIONS, state: {one: there for one, there in right.items() if one is not outcome}},
        )


@pytest.mark.parametrize("state", SPEAKING)
def test_a_wrong_transition_breaks_a_row(state: ConnectionState, monkeypatch: Patch) -> None:
    survivors = []
    for what, wrong in wrong_transitions(state):
        with monkeypatch.context() as patch:
            patch.setattr(connections, "TRANSITIONS", wrong)
            try:
                held = steps_hold(SCENE[state])
            except Exception:
                held = False
            if held:
                survivors.append(what)
    assert survivors == []


def test_nobody_is_named_for_what_a_closing_connection_still_says() -> None:
    assert RULES[ConnectionState.CLOSING] == {}
    assert TRANSITIONS[ConnectionState.CLOSING] == {}


def test_the_right_tables_break_none() -> None:
    assert steps_hold()
    assert all(rows_hold(state, type(example)) for state in ConnectionState for example in rows.EXAMPLES.values())
    assert {command_of(row.message) for row in rows.ROWS} <= set(rows.EXAMPLES)
