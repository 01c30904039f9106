"""Every state of a client against everything that a server may say, and what leads from state to state.

The rows were written from the protocol, not from the tables that they examine.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from core.client import ClientSettings
from core.client.client_states import RULES, TRANSITIONS, ClientHandler, ClientOutcome, ClientState
from core.client.outputs import ClientOutput, Connect, Disconnect, SendMessage, Tell
from core.wire import messages as wire
from core.wire.founding_record import FoundingRecord
from core.wire.messages import Message, command_of
from core.wire.state_machine import IllegalTransition, bound
from tests.client.scripted import THERE, Driven, broadcast
from tests.node.operators import order, signed

EXAMPLES: dict[str, Message] = {
    command_of(example): example
    for example in (
        wire.LoginSuccess("", id="aa", vector={}, features=["change_secret"]),
        wire.LoginFailed("no"),
        wire.Redirect(*THERE),
        wire.RegisterSuccess(""),
        wire.RegisterFailed("no"),
        broadcast(1),
        wire.Quit(*THERE),
        wire.Ping(7),
        wire.Pong(1),
        wire.ActivityAck("r", "aa.1.1", 1),
        wire.ActivityRefused("r", "no"),
        wire.CaughtUp(1),
        wire.PlaceReached((1, 1)),
        wire.HaveRequest(),
        wire.AccountRenamed("ada", "ada~1", "why"),
        wire.SecretChanged(),
        wire.SecretNotChanged("no"),
        wire.OrderList("aa", False),
        wire.OrderDrafted(order("ada", "silence", "aa.1.1")),
        wire.OrderTaken("id"),
        wire.ActivitiesRemoved(["aa.1.1"], "ada"),
        wire.OrderRefused("no"),
        wire.PastActivity(1, msgspec.Raw(b"{}"), "aa.1.1", 1),
        wire.PastDone(1),
        wire.AccountDocument(msgspec.Raw(b'{"a":2}'), 1),
        wire.DocumentKept(1, 1),
        wire.DocumentNotKept(1, "no"),
        wire.Status({"servers": []}),
        wire.LockAllowed("a", "s"),
        wire.InvalidMessage("no"),
        wire.AuthenticationFail("no"),
    )
}
NOT_FOR_CLIENTS: list[Message] = [
    wire.Authenticate("s"),
    wire.Login("a"),
    wire.Logout(),
    wire.Register("a", "s"),
    wire.ActivityMessage("a", {}),
    wire.ServerAnnounce("x", 1, "h", 1),
    wire.LockRequest("a", "s"),
    wire.LockDenied("a", "s"),
    wire.UserInfo({}),
    wire.ServerHello("x", 1, "h", 1),
    wire.ServerProof(b"signature"),
    wire.AdmissionRequest(b"k" * 32, b"share"),
    wire.AdmissionShare(b"share", b"p" * 32, b"n" * 32),
    wire.AdmissionProof(b"p" * 32, b"n" * 32),
    wire.AdmissionGranted(1.0),
    wire.NetworkNews(b"n" * 32),
    wire.ServerRefused("busy"),
    wire.Account("x.1.1", 1, "a", "v", 1, "x.1.1"),
    wire.LockRelease("a", "x"),
    wire.Record(version=1, node="a", incarnation=1, first=1, count=1, stamp=1, entries=[msgspec.Raw(b"[{},0,0]")]),
    wire.SyncDigest("x"),
    wire.SyncRequest({}),
    wire.SyncDone(),
    wire.ReconcileDigest(0, 1, 0, ""),
    wire.Reconcile(1, []),
    wire.ReconcileAnswer(1),
    wire.ReconcileWant(1, {}),
    wire.ReconcileSent(1),
    wire.ReconcileGaps(1, {}),
    wire.ReconcileDropped(1),
    wire.ReconcileDone(1),
    wire.Founding(FoundingRecord("aa", b"k" * 32, 1)),
    wire.OrdersRequest(b"k" * 32, 1, b"proof"),
    wire.OrderDraft(b"k" * 32, "silence", "ann"),
    wire.PastRequest(1),
    wire.SignedDocument("aa.1.1", 1, "aa", msgspec.Raw(b"{}")),
    wire.DocumentsDigest(1, 0, ""),
    wire.DocumentsCompare(1, []),
    wire.DocumentsListed(1),
    wire.DocumentsWant(1, []),
    wire.DocumentsSent(1),
    wire.DocumentsDone(1),
    wire.KeepDocument(1, msgspec.Raw(b"{}")),
    wire.GiveOrder(signed(order("ada", "silence", "aa.1.1"))),
    wire.MapSummary({}),
    wire.ChangeSecret("a", "b"),
    wire.RedeemCode("a", "c", "b"),
    wire.Have(),
    wire.StatusRequest(),
]

ROADS: dict[str, list[str | Message]] = {
    "idle": [],
    "connecting": ["start"],
    "registering": ["start", "connected"],
    "logging in": ["start", "connected", wire.RegisterSuccess()],
    "let in": ["start", "connected", wire.RegisterSuccess(), wire.LoginSuccess("welcome")],
    "online": ["start", "connected", wire.RegisterSuccess(), EXAMPLES["LOGIN_SUCCESS"], wire.CaughtUp(0)],
    "waiting": ["start", "failed"],
    "closed": ["start", "closed"],
}


def go(driven: Driven, step: str | Message) -> None:
    machine = driven.machine
    match step:
        case "start":
            machine.start(driven.now)
        case "connected":
            machine.connected(driven.now)
        case "failed":
            machine.connect_failed("refused", driven.now)
        case "closed":
            machine.close(driven.now)
        case str():
            raise ValueError(step)
        case _:
            machine.received(step, driven.now)


def brought_to(state: str) -> Driven:
    """A machine in a state; one that is online waits for the answers to a post, to the change of its secret, and to its
    account's document."""
    driven = Driven(ClientSettings(username="ada", secret="s", register=True))
    for step in ROADS[state]:
        go(driven, step)
    if state == "online":
        driven.post({"text": "hello"}, "r")
        driven.machine.change_secret("another")
        go(driven, wire.AccountDocument())
        driven.machine.keep_document({"a": 1}, driven.now + 60.0)
    driven.take()
    assert driven.machine.state.value == state
    return driven


def words(outputs: list[ClientOutput]) -> str:
    """What a machine wants done, in words; the timers left out."""
    said = []
    for output in outputs:
        match output:
            case SendMessage(message=message):
                said.append(command_of(message))
            case Tell(event=event):
                said.append(type(event).__name__)
            case Connect() | Disconnect():
                said.append(type(output).__name__.lower())
            case _:
                pass
    return " ".join(said)


ON = "connect"
ROWS = [
    # What may come at any time: a server has clients behind it that live, and leaves when it likes.
    *(
        (state, command, done, after or state)
        for state in ("registering", "logging in", "let in", "online")
        for command, done, after in (
            ("ACTIVITY_BROADCAST", "ActivityArrived", ""),
            ("CAUGHT_UP", "CatchUpDone", ""),
            ("PLACE_REACHED", "", ""),
            ("HAVE_REQUEST", "HAVE", ""),
            ("PING", "PONG", ""),
            ("PONG", "", ""),
            ("LOCK_ALLOWED", "", ""),
            ("ACCOUNT_RENAMED", "Renamed", ""),
            ("ACTIVITIES_REMOVED", "Removed", ""),
            ("STATUS", "StatusArrived", ""),
            # No page was asked for.
            ("PAST_ACTIVITY", "", ""),
            ("PAST_DONE", "", ""),
            ("ACCOUNT_DOCUMENT", "DocumentArrived", ""),
            ("REDIRECT", f"disconnect Redirected Connecting {ON}", "connecting"),
            ("QUIT", f"disconnect ServerQuits Connecting {ON}", "connecting"),
        )
    ),
    *(
        (state, command, "OrderAnswered" if state in ("let in", "online") else "", state)
        for state in ("registering", "logging in", "let in", "online")
        for command in ("ORDER_LIST", "ORDER_DRAFTED", "ORDER_TAKEN", "ORDER_REFUSED")
    ),
    # An answer to a question that is not open is no answer.
    *((state, "DOCUMENT_KEPT", "", state) for state in ("registering", "logging in", "let in")),
    *((state, "DOCUMENT_NOT_KEPT", "", state) for state in ("registering", "logging in", "let in")),
    ("online", "DOCUMENT_KEPT", "DocumentSaved", "online"),
    ("online", "DOCUMENT_NOT_KEPT", "DocumentRefused", "online"),
    ("registering", "REGISTER_SUCCESS", "Registered LOGIN", "logging in"),
    ("registering", "REGISTER_FAILED", "RegisterRefused disconnect GaveUp", "closed"),
    ("registering", "LOGIN_SUCCESS", "", "registering"),
    ("registering", "LOGIN_FAILED", "LoginRefused disconnect GaveUp", "closed"),
    ("registering", "ACTIVITY_ACK", "", "registering"),
    ("registering", "ACTIVITY_REFUSED", "", "registering"),
    ("registering", "SECRET_CHANGED", "", "registering"),
    ("registering", "SECRET_NOT_CHANGED", "", "registering"),
    ("registering", "INVALID_MESSAGE", "disconnect LoginRefused disconnect GaveUp", "closed"),
    ("registering", "AUTHENTICATION_FAIL", "disconnect LoginRefused disconnect GaveUp", "closed"),
    ("logging in", "REGISTER_SUCCESS", "", "logging in"),
    ("logging in", "REGISTER_FAILED", "", "logging in"),
    ("logging in", "LOGIN_SUCCESS", "LoggedIn", "online"),
    ("logging in", wire.LoginSuccess("welcome"), "LoggedIn", "let in"),
    ("logging in", "LOGIN_FAILED", "LoginRefused disconnect GaveUp", "closed"),
    ("logging in", "ACTIVITY_ACK", "", "logging in"),
    ("logging in", "ACTIVITY_REFUSED", "", "logging in"),
    ("logging in", "SECRET_CHANGED", "", "logging in"),
    ("logging in", "SECRET_NOT_CHANGED", "", "logging in"),
    ("logging in", "INVALID_MESSAGE", "disconnect LoginRefused disconnect GaveUp", "closed"),
    ("logging in", "AUTHENTICATION_FAIL", "disconnect LoginRefused disconnect GaveUp", "closed"),
    # Whoever was in comes back.
    ("let in", "REGISTER_SUCCESS", "", "let in"),
    ("let in", "REGISTER_FAILED", "", "let in"),
    ("let in", "LOGIN_SUCCESS", "", "let in"),
    ("let in", "LOGIN_FAILED", "disconnect Disconnected", "waiting"),
    ("let in", "ACTIVITY_ACK", "", "let in"),
    ("let in", "ACTIVITY_REFUSED", "", "let in"),
    ("let in", "SECRET_CHANGED", "", "let in"),
    ("let in", "SECRET_NOT_CHANGED", "", "let in"),
    ("let in", "INVALID_MESSAGE", "disconnect Disconnected", "waiting"),
    ("let in", "AUTHENTICATION_FAIL", "disconnect Disconnected", "waiting"),
    ("online", "REGISTER_SUCCESS", "", "online"),
    ("online", "REGISTER_FAILED", "", "online"),
    ("online", "LOGIN_SUCCESS", "", "online"),
    # The secret was being changed: the other one may be right.
    ("online", "LOGIN_FAILED", f"disconnect Connecting {ON}", "connecting"),
    ("online", "ACTIVITY_ACK", "PostAccepted", "online"),
    ("online", "ACTIVITY_REFUSED", "PostRefused", "online"),
    ("online", "SECRET_CHANGED", "SecretChangeDone", "online"),
    ("online", "SECRET_NOT_CHANGED", "SecretChangeFailed", "online"),
    # It may be an operator who ends the connection; AUTHENTICATION_FAIL is about the activity.
    ("online", "INVALID_MESSAGE", "disconnect Disconnected", "waiting"),
    ("online", "AUTHENTICATION_FAIL", "disconnect PostRefused Disconnected", "waiting"),
]


@pytest.mark.parametrize(("state", "said", "done", "after"), ROWS)
def test_what_a_server_says_is_taken_as_the_protocol_says(
    state: str, said: str | Message, done: str, after: str
) -> None:
    driven = brought_to(state)
    driven.machine.received(EXAMPLES[said] if isinstance(said, str) else said, driven.now)
    assert words(driven.machine.take_outputs()) == done
    assert driven.machine.state.value == after


def test_there_is_a_row_for_each_command_in_each_state_with_a_server() -> None:
    assert {type(example) for example in [*EXAMPLES.values(), *NOT_FOR_CLIENTS]} == set(wire.MESSAGES)
    for state in ("registering", "logging in", "let in", "online"):
        assert {said for where, said, _, _ in ROWS if where == state and isinstance(said, str)} == set(EXAMPLES)


@pytest.mark.parametrize("state", ["registering", "logging in", "let in", "online"])
@pytest.mark.parametrize("message", NOT_FOR_CLIENTS, ids=command_of)
def test_what_is_not_for_clients_is_answered_and_ends_the_connection(state: str, message: Message) -> None:
    driven = brought_to(state)
    driven.machine.received(message, driven.now)
    assert words(driven.machine.take_outputs()) == "INVALID_MESSAGE disconnect Disconnected"
    assert driven.machine.state.value == "waiting"


@pytest.mark.parametrize("state", ["idle", "connecting", "waiting", "closed"])
@pytest.mark.parametrize("message", [*EXAMPLES.values(), *NOT_FOR_CLIENTS], ids=command_of)
def test_nothing_is_heard_where_there_is_no_server(state: str, message: Message) -> None:
    driven = brought_to(state)
    driven.machine.received(message, driven.now)
    assert driven.machine.take_outputs() == []
    assert driven.machine.state.value == state


def connects(driven: Driven) -> None:
    driven.machine.connected(driven.now)


def cannot_connect(driven: Driven) -> None:
    driven.machine.connect_failed("refused", driven.now)


def loses(driven: Driven) -> None:
    driven.lose()


def closes(driven: Driven) -> None:
    driven.machine.close(driven.now)


def waits(driven: Driven) -> None:
    assert driven.wake_at is not None
    driven.now = driven.wake_at
    driven.machine.woke(driven.now)


@pytest.mark.parametrize(
    ("state", "step", "after"),
    [
        ("idle", Driven.start, "connecting"),
        ("idle", connects, "idle"),
        ("idle", loses, "idle"),
        ("connecting", Driven.start, "connecting"),
        ("connecting", connects, "registering"),
        ("connecting", cannot_connect, "waiting"),
        ("connecting", loses, "connecting"),
        ("connecting", waits, "waiting"),
        ("registering", connects, "registering"),
        ("registering", cannot_connect, "registering"),
        ("registering", loses, "waiting"),
        ("registering", waits, "waiting"),
        ("logging in", loses, "waiting"),
        ("logging in", waits, "waiting"),
        ("let in", waits, "online"),
        ("let in", loses, "waiting"),
        ("online", waits, "online"),
        ("online", loses, "waiting"),
        ("waiting", waits, "connecting"),
        ("waiting", connects, "waiting"),
        ("waiting", loses, "waiting"),
        ("closed", Driven.start, "closed"),
        ("closed", connects, "closed"),
        ("closed", loses, "closed"),
        *((state, closes, "closed") for state in ROADS),
    ],
)
def test_time_and_the_network_lead_on(state: str, step: Callable[[Driven], object], after: str) -> None:
    driven = brought_to(state)
    step(driven)
    assert driven.machine.state.value == after


def test_whoever_has_an_account_logs_in_at_once() -> None:
    driven = Driven(ClientSettings(username="ada", secret="s"))
    driven.start()
    driven.connected()
    assert driven.machine.state.value == "logging in"


LEADS_TO = {
    "IDLE": "CONNECTING CLOSED",
    "CONNECTING": "REGISTERING LOGGING_IN WAITING CLOSED",
    "REGISTERING": "LOGGING_IN WAITING CLOSED",
    "LOGGING_IN": "LET_IN ONLINE WAITING CLOSED",
    "LET_IN": "ONLINE WAITING CLOSED",
    "ONLINE": "WAITING CLOSED",
    "WAITING": "CONNECTING CLOSED",
    "CLOSED": "",
}


def test_no_other_state_follows_than_those_written_down() -> None:
    table = {state.name: {after.name for after in row.values()} for state, row in TRANSITIONS.items()}
    assert table == {state: set(following.split()) for state, following in LEADS_TO.items()}


@pytest.mark.parametrize("state", ClientState)
@pytest.mark.parametrize("outcome", ClientOutcome)
def test_an_outcome_that_is_not_in_the_table_is_refused(state: ClientState, outcome: ClientOutcome) -> None:
    machine = Driven().machine
    machine.state = state
    if outcome in TRANSITIONS[state]:
        machine.enter(outcome)
        assert machine.state is TRANSITIONS[state][outcome]
    else:
        with pytest.raises(IllegalTransition, match=outcome.name):
            machine.enter(outcome)


def test_only_one_method_changes_a_state() -> None:
    room = Path(__file__).parents[2] / "core" / "client"
    changes = [
        line.strip()
        for path in sorted(room.glob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"self\.state(: \w+)? = ", line)
    ]
    assert changes == [
        "self.state = ClientState.IDLE",
        "self.state = state_after(TRANSITIONS, self.state, outcome)",
    ]


def test_who_takes_a_message_says_that_it_takes_such_messages() -> None:
    takers: dict[ClientHandler, Any] = Driven().machine.takers()
    for row in RULES.values():
        for kind, handler in row.items():
            message = next(iter(get_type_hints(takers[handler]).values()))
            assert message == Message or kind in (get_args(message) or (message,)), f"{handler.name}: {kind}"


def test_a_table_that_names_somebody_who_is_not_there_is_refused() -> None:
    takers: dict[ClientHandler, Any] = {
        handler: print for handler in ClientHandler if handler is not ClientHandler.REDIRECTED
    }
    with pytest.raises(ValueError, match="REDIRECTED"):
        bound(RULES, takers)


def test_every_handler_is_used() -> None:
    assert {handler for row in RULES.values() for handler in row.values()} == set(ClientHandler)
