"""Every state of a connection against every command, and what leads from state to state.

What is expected stands here and in the protocol document, as rows that somebody has written: nothing of it is read from
the tables that it examines. What the node does is asked of its actions and of the words of its snapshot.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_type_hints

import msgspec
import pytest

from core.node.interface import actions, events
from core.node.kernel import rules
from core.node.kernel.connections import Connection, Link, Session
from core.node.kernel.rules import RULES, Dispatcher, Handler
from core.node.kernel.states import CLIENT_STATES, SERVER_STATES, TRANSITIONS, ConnectionState, Outcome
from core.simulation.environment.hash_signing import HashSigner
from core.wire import messages as wire
from core.wire.address import Address
from core.wire.founding_record import FoundingRecord
from core.wire.kept_network import KeptNetwork
from core.wire.messages import Message, command_of
from core.wire.state_machine import IllegalTransition
from tests.node import one_node
from tests.node.one_node import SECRET, OneNode, what_was_done
from tests.node.operators import order, signed

PROTOCOL = Path(__file__).parents[2] / "core" / "PROTOCOL.md"
HELLO = {"text": msgspec.Raw(b'"hello"')}
BODY = msgspec.Raw(b'{"text":"hello"}')
NO_SUM, NO_PRINT = "A" * 43 + "=", "A" * 22 + "=="
ENTRY = wire.ActivityBroadcast(BODY, id="elsewhere.1.1", stamp=1)

EXAMPLES: dict[str, Message] = {
    command_of(example): example
    for example in (
        wire.Authenticate(SECRET),
        wire.AuthenticationFail("why"),
        wire.InvalidMessage("why"),
        wire.Login("anonymous"),
        wire.LoginSuccess("welcome"),
        wire.LoginFailed("why"),
        wire.Redirect("other.example", 3780),
        wire.Logout(),
        wire.Register("somebody", "secret"),
        wire.RegisterSuccess("welcome"),
        wire.RegisterFailed("why"),
        wire.ActivityMessage("ann", HELLO, "ann"),
        wire.ActivityBroadcast(BODY),
        wire.ServerAnnounce("another", 1, "third.example", 3780),
        wire.LockRequest("somebody", "secret", claim="elsewhere.1.7", round=1, stamp=1, verifier="$argon2id$x"),
        wire.LockAllowed("somebody", "secret"),
        wire.LockDenied("somebody", "secret"),
        wire.Quit("third.example", 3780),
        wire.UserInfo({"somebody": "$argon2id$x"}),
        wire.ServerHello("elsewhere", 1, "other.example", 3780, features=["sync"]),
        wire.ServerProof(b"signature"),
        wire.AdmissionRequest(b"k" * 32, b"share"),
        wire.AdmissionShare(b"share", b"p" * 32, b"n" * 32),
        wire.AdmissionProof(b"p" * 32, b"n" * 32),
        wire.AdmissionGranted(1.0, (), b"s" * 32),
        wire.NetworkNews(b"n" * 32, 1.0),
        wire.ServerRefused("busy"),
        wire.Account("elsewhere.1.1", 1, "somebody", "$argon2id$x", 1, "elsewhere.1.1"),
        wire.LockRelease("somebody", "elsewhere.1.1"),
        wire.Record(
            version=1, node="elsewhere", incarnation=1, first=1, count=1, stamp=1, entries=[msgspec.Raw(b"[{},0,0]")]
        ),
        wire.SyncDigest("x"),
        wire.SyncRequest({}),
        wire.SyncDone(),
        wire.ReconcileDigest(0, 1, 0, NO_SUM),
        wire.Reconcile(1, [("0.0", [("2.0", 1, NO_PRINT)])]),
        wire.ReconcileAnswer(1),
        wire.ReconcileWant(1, {"elsewhere.1": [1, 2]}),
        wire.ReconcileSent(1),
        wire.ReconcileGaps(1, {"elsewhere.1": [1, 2]}),
        wire.ReconcileDropped(1),
        wire.ReconcileDone(1),
        wire.MapSummary({}),
        wire.Ping(1),
        wire.Pong(1),
        wire.ActivityAck("ref", "elsewhere.1.1", 1),
        wire.ActivityRefused("ref", "why"),
        wire.CaughtUp(1),
        wire.PlaceReached((1, 1)),
        wire.HaveRequest(),
        wire.Have(),
        wire.AccountRenamed("somebody", "somebody~abcdef", "why"),
        wire.ChangeSecret("ann", "another"),
        wire.SecretChanged(),
        wire.SecretNotChanged("why"),
        wire.RedeemCode("ann", "a code", "another"),
        wire.Founding(FoundingRecord("elsewhere", b"k" * 32, 1)),
        wire.OrdersRequest(b"k" * 32, 1, b"proof"),
        wire.OrderList("elsewhere", False),
        wire.OrderDraft(b"k" * 32, "silence", "ann"),
        wire.OrderDrafted(order("ada", "silence", "elsewhere.1.1")),
        wire.GiveOrder(signed(order("ada", "silence", "elsewhere.1.1"))),
        wire.OrderTaken("id"),
        wire.ActivitiesRemoved(["elsewhere.1.1"], "ada"),
        wire.OrderRefused("why"),
        wire.PastRequest(1),
        wire.PastActivity(1, msgspec.Raw(b"{}"), "elsewhere.1.1", 1),
        wire.PastDone(1),
        wire.SignedDocument("elsewhere.1.1", 1, "elsewhere", msgspec.Raw(b"{}")),
        wire.DocumentsDigest(1, 0, NO_SUM),
        wire.DocumentsCompare(1, [NO_PRINT] * wire.BUCKETS),
        wire.DocumentsListed(1),
        wire.DocumentsWant(1, ["elsewhere.1.1"]),
        wire.DocumentsSent(1),
        wire.DocumentsDone(1),
        wire.KeepDocument(1, msgspec.Raw(b"{}")),
        wire.DocumentKept(1, 1),
        wire.DocumentNotKept(1, "why"),
        wire.AccountDocument(),
        wire.StatusRequest(),
        wire.Status({}),
    )
}

SCENES: dict[str, Callable[[OneNode], int]] = {
    "fresh": one_node.fresh,
    "authenticating": one_node.authenticating,
    "proving": one_node.proving,
    "admitting": one_node.admitting,
    "asking": one_node.asking,
    "registering": one_node.registering,
    "greeted": one_node.greeted,
    "logging in": one_node.logging_in,
    "logged in": one_node.logged_in,
    "redirecting": one_node.redirecting,
    "sent on": one_node.sent_on,
    "dialled": one_node.waiting,
    "listening": one_node.listening,
    "quiet": one_node.quiet,
    "base": one_node.base,
    "native": one_node.native,
    "closing": one_node.closing,
}
"""The states as the protocol document calls them, and how a connection gets there."""
BESIDE = {
    "fresh encrypted": one_node.fresh_encrypted,
    "asking proved": one_node.asking_proved,
    "authenticating failover": one_node.authenticating_failover,
    "authenticating native": one_node.authenticating_native,
    "base beside": one_node.base_beside_a_neighbour,
    "base asked": one_node.base_asked,
    "listening asked": one_node.listening_asked,
    "native asked": one_node.native_asked,
}
"""The same states where more can be seen of them."""

WORDS = {
    "fresh": "connected",
    "authenticating failover": "authenticating",
    "authenticating native": "authenticating",
    "fresh encrypted": "connected",
    "proving": "connecting",
    "admitting": "asking to be admitted",
    "asking": "connecting",
    "asking proved": "connecting",
    "greeted": "not logged in",
    "sent on": "waiting to be sent on",
    "dialled": "connecting",
    "listening": "quiet",
    "native": "eager",
    "base beside": "base",
    "base asked": "base",
    "listening asked": "quiet",
    "native asked": "eager",
}
"""What people are told of a state where that is another word."""


class Row(NamedTuple):
    """What a node does about a command, and what people are told of the connection's state afterwards."""

    state: str
    said: str | Message
    done: str
    after: str
    also: Callable[[OneNode, int], bool] = lambda one, conn: True
    """What else can be seen of it."""

    @property
    def message(self) -> Message:
        return EXAMPLES[self.said] if isinstance(self.said, str) else self.said


def another_is_known(one: OneNode, conn: int) -> bool:
    """Whether the base server that was announced is part of the network."""
    return "another" in {server.id for server in one.node.snapshot(one.now).servers}


def nobody_is_heard_of(one: OneNode, conn: int) -> bool:
    """Whether the node's map shows itself alone."""
    return set(one.node.topology.records) == {"here"}


def is_answered(command: str) -> Callable[[OneNode, int], bool]:
    """Whether the answer follows once the store has been asked."""

    def answered(one: OneNode, conn: int) -> bool:
        one.answer()
        return one.heard(conn)[-1] == command

    return answered


def speaks_failover(one: OneNode, conn: int) -> bool:
    """Whether it is noted that the other side understands QUIT."""
    return any("quit" in view.features for view in one.node.snapshot(one.now).connections if view.conn == conn)


def speaks_base_only(one: OneNode, conn: int) -> bool:
    return not speaks_failover(one, conn)


def is_not_waited_for(one: OneNode, conn: int) -> bool:
    """Whether ann, whose base client is gone, has logged out: nothing is kept for her, and nobody is told to."""
    one.handle(events.ConnectionClosed(conn, "closed by the peer"))
    neighbour = one_node.native_neighbour(one)
    one.run(2.0)
    return not any(
        message.away
        for to, message in one.said
        if to == neighbour and isinstance(message, wire.ServerAnnounce) and message.id == "here"
    )


def is_released(one: OneNode, conn: int) -> bool:
    """Whether the neighbour is told that a registration has come to nothing."""
    return any(isinstance(message, wire.LockRelease) for _, message in one.said)


def is_told(one: OneNode, conn: int) -> bool:
    """Whether people are told that the other side wants no link."""
    return any("refused the link" in text for text in one.told)


def does_not_wait(one: OneNode, conn: int) -> bool:
    """Whether nothing is put in the queue of what waits."""
    return one.node.queues()["messages in the longest inbox"] == 0


def waits(one: OneNode, conn: int) -> bool:
    return one.node.queues()["messages in the longest inbox"] == 1


def two_wait(one: OneNode, conn: int) -> bool:
    """The activity because of which the client is sent on has waited before."""
    return one.node.queues()["messages in the longest inbox"] == 2


WAITS = (
    "AUTHENTICATION_FAIL INVALID_MESSAGE LOGIN LOGOUT REGISTER ACTIVITY_MESSAGE PING PONG CHANGE_SECRET STATUS_REQUEST"
    " HAVE REDEEM_CODE ORDERS_REQUEST ORDER_DRAFT GIVE_ORDER PAST_REQUEST"
    " KEEP_DOCUMENT"
)

ROWS = [
    # The first command decides what a connection is.
    Row("fresh", "AUTHENTICATE", "", "quiet"),
    Row("fresh", wire.Authenticate(SECRET, features=["quit"]), "SERVER_ANNOUNCE", "base"),
    Row(
        "fresh",
        wire.Authenticate(SECRET, id="b", incarnation=1, features=["sync"]),
        "SERVER_HELLO SERVER_ANNOUNCE MAP_SUMMARY SYNC_REQUEST",
        "lazy",
    ),
    Row(
        "fresh",
        wire.Authenticate(SECRET, id="b", incarnation=1, features=["sync"], key=b"k" * 32, nonce=one_node.NONCE),
        "SERVER_HELLO",
        "connecting",
    ),
    Row("fresh", wire.Authenticate("wrong"), "AUTHENTICATION_FAIL close", "closing"),
    Row("fresh", "LOGIN", "LOGIN_SUCCESS", "anonymous"),
    Row("fresh", wire.Login("ann", "ann"), "verify", "logging in"),
    Row("fresh", wire.Login("nobody", "x"), "LOGIN_FAILED close", "closing"),
    Row("fresh", "REGISTER", "hash", "registering"),
    Row("fresh", "REDEEM_CODE", "SECRET_NOT_CHANGED close", "closing"),
    Row("fresh", "LOGOUT", "close", "closing"),
    Row("fresh", "ACTIVITY_MESSAGE", "AUTHENTICATION_FAIL close", "closing"),
    Row("fresh", "INVALID_MESSAGE", "close", "closing"),
    Row("fresh", "AUTHENTICATION_FAIL", "close", "closing"),
    Row("fresh", "ADMISSION_REQUEST", "INVALID_MESSAGE close", "closing"),
    Row("fresh encrypted", "ADMISSION_REQUEST", "agree", "asking to be admitted", is_answered("ADMISSION_SHARE")),
    # Until the secret has been looked at, nothing but a farewell counts.
    Row("authenticating", "INVALID_MESSAGE", "close", "closing"),
    Row("authenticating", "AUTHENTICATION_FAIL", "close", "closing"),
    # Who shows a key has to prove it, and may find meanwhile that it wants no link.
    Row("proving", "SERVER_ANNOUNCE", "", "connecting"),
    Row(
        "proving",
        wire.ServerAnnounce("another", 1, "third.example", 3780, incarnation=1, version=1),
        "",
        "connecting",
        nobody_is_heard_of,
    ),
    Row("proving", "SERVER_PROOF", "SERVER_REFUSED close", "closing"),
    Row("proving", "SERVER_REFUSED", "close", "closing"),
    Row("proving", "INVALID_MESSAGE", "close", "closing", is_told),
    Row("proving", "AUTHENTICATION_FAIL", "close", "closing", is_told),
    # Only who has agreed on the key gets anything, at either side.
    Row("admitting", "ADMISSION_PROOF", "AUTHENTICATION_FAIL close", "closing"),
    Row("admitting", "INVALID_MESSAGE", "close", "closing"),
    Row("admitting", "AUTHENTICATION_FAIL", "close", "closing"),
    Row("asking", "ADMISSION_SHARE", "agree", "connecting", is_answered("AUTHENTICATION_FAIL")),
    Row("asking", "ADMISSION_GRANTED", "INVALID_MESSAGE close", "closing"),
    Row("asking proved", wire.AdmissionGranted(1.0, (), one_node.ANOTHER_NETWORK), "adopt close", "closing"),
    Row("asking proved", "ADMISSION_GRANTED", "INVALID_MESSAGE close", "closing"),
    Row("asking", "SERVER_REFUSED", "close", "closing"),
    Row("asking", "INVALID_MESSAGE", "close", "closing", is_told),
    Row("asking", "AUTHENTICATION_FAIL", "close", "closing", is_told),
    # After a registration the client may log in.
    Row("greeted", "REDEEM_CODE", "SECRET_NOT_CHANGED close", "closing"),
    Row("greeted", "LOGIN", "LOGIN_SUCCESS", "anonymous"),
    Row("greeted", wire.Login("ann", "ann"), "verify", "logging in"),
    Row("greeted", "REGISTER", "hash", "registering"),
    Row("greeted", "LOGOUT", "close", "closing"),
    Row("greeted", "ACTIVITY_MESSAGE", "AUTHENTICATION_FAIL close", "closing"),
    Row("greeted", "INVALID_MESSAGE", "close", "closing"),
    Row("greeted", "AUTHENTICATION_FAIL", "close", "closing"),
    # Somebody may log in again; the later login counts. REGISTER is not possible any more.
    Row("logged in", "LOGIN", "LOGIN_SUCCESS", "anonymous"),
    Row("logged in", wire.Login("ann", "ann"), "verify", "logging in"),
    Row("logged in", "LOGOUT", "close", "closing", is_not_waited_for),
    Row("logged in", "ACTIVITY_MESSAGE", "persist", "logged in"),
    Row("logged in", wire.ActivityMessage("bob", HELLO, "ann"), "AUTHENTICATION_FAIL close", "closing"),
    Row("logged in", "PING", "PONG", "logged in"),
    Row("logged in", "PONG", "", "logged in", does_not_wait),
    # Nobody has asked.
    Row("logged in", "HAVE", "", "logged in", does_not_wait),
    Row("logged in", "STATUS_REQUEST", "STATUS", "logged in"),
    Row("logged in", "CHANGE_SECRET", "verify", "logged in"),
    Row("logged in", "ORDERS_REQUEST", "ORDER_REFUSED", "logged in"),
    Row("logged in", "ORDER_DRAFT", "ORDER_DRAFTED", "logged in"),
    Row("logged in", "GIVE_ORDER", "ORDER_REFUSED", "logged in"),
    Row("logged in", "KEEP_DOCUMENT", "persist", "logged in", is_answered("DOCUMENT_KEPT")),
    Row("logged in", "PAST_REQUEST", "read", "logged in", is_answered("PAST_DONE")),
    Row("logged in", "INVALID_MESSAGE", "close", "closing"),
    Row("logged in", "AUTHENTICATION_FAIL", "close", "closing"),
    # Answers come in the order of questions: what is said before the answer waits for it, whatever it is.
    *(Row("registering", said, "", "registering", waits) for said in WAITS.split()),
    *(Row("logging in", said, "", "logging in", waits) for said in WAITS.split()),
    *(Row("redirecting", said, "", "redirecting", waits) for said in WAITS.split()),
    *(Row("sent on", said, "", "waiting to be sent on", two_wait) for said in WAITS.split()),
    # A dialled server is one of ours if it says so, and else a base server, whatever it says.
    Row("dialled", "SERVER_HELLO", "SERVER_ANNOUNCE MAP_SUMMARY SYNC_REQUEST", "lazy"),
    Row("dialled", "SERVER_REFUSED", "close", "closing"),
    Row("dialled", "USER_INFO", "persist", "connecting", speaks_failover),
    Row("dialled", "SERVER_ANNOUNCE", "SERVER_ANNOUNCE", "base"),
    Row("dialled", "ACTIVITY_BROADCAST", "SERVER_ANNOUNCE persist", "base"),
    Row("dialled", "LOCK_REQUEST", "SERVER_ANNOUNCE hash", "base"),
    Row("dialled", "LOCK_ALLOWED", "SERVER_ANNOUNCE", "base"),
    Row("dialled", "LOCK_DENIED", "SERVER_ANNOUNCE", "base"),
    Row("dialled", "QUIT", "SERVER_ANNOUNCE quit close", "closing"),
    Row("dialled", "INVALID_MESSAGE", "close", "closing", is_told),
    Row("dialled", "AUTHENTICATION_FAIL", "close", "closing", is_told),
    # Who listens says nothing but answers to LOCK_REQUEST, and takes nothing in that another may have taken in; a
    # server of its own network that is announced there speaks to it already.
    Row("listening", "SERVER_ANNOUNCE", "", "quiet"),
    Row("listening", wire.ServerAnnounce("elsewhere", 1, "other.example", 3780), "close", "closing"),
    Row("listening", "ACTIVITY_BROADCAST", "", "quiet"),
    Row("listening", "LOCK_REQUEST", "hash", "quiet"),
    Row("listening", "LOCK_ALLOWED", "", "quiet"),
    Row("listening", "LOCK_DENIED", "", "quiet"),
    Row("listening asked", "LOCK_DENIED", "", "quiet", is_released),
    Row("listening", "QUIT", "quit close", "closing"),
    Row("listening", "USER_INFO", "persist", "quiet", speaks_base_only),
    Row("listening", "INVALID_MESSAGE", "close", "closing", is_told),
    Row("listening", "AUTHENTICATION_FAIL", "close", "closing", is_told),
    # Who shows nothing is spoken to from its first message on.
    Row("quiet", "SERVER_ANNOUNCE", "SERVER_ANNOUNCE persist", "base"),
    Row("quiet", "ACTIVITY_BROADCAST", "SERVER_ANNOUNCE persist", "base"),
    Row("quiet", "LOCK_REQUEST", "SERVER_ANNOUNCE hash", "base"),
    Row("quiet", "LOCK_ALLOWED", "SERVER_ANNOUNCE", "base"),
    Row("quiet", "LOCK_DENIED", "SERVER_ANNOUNCE", "base"),
    Row("quiet", "QUIT", "SERVER_ANNOUNCE quit close", "closing"),
    Row("quiet", "USER_INFO", "SERVER_ANNOUNCE persist", "base"),
    Row("quiet", "INVALID_MESSAGE", "close", "closing", is_told),
    Row("quiet", "AUTHENTICATION_FAIL", "close", "closing", is_told),
    Row("base", "SERVER_ANNOUNCE", "", "base", another_is_known),
    Row("base beside", wire.ServerAnnounce("elsewhere", 1, "other.example", 3780), "SERVER_ANNOUNCE", "base"),
    Row("base", "ACTIVITY_BROADCAST", "persist", "base"),
    Row("base", "LOCK_REQUEST", "hash", "base"),
    Row("base", wire.LockRequest("ann", "x"), "LOCK_DENIED", "base"),
    Row("base", "LOCK_ALLOWED", "", "base"),
    Row("base", "LOCK_DENIED", "", "base"),
    # An answer names no claim; whoever denies is told to drop what it was asked about.
    Row("base asked", "LOCK_ALLOWED", "persist", "base"),
    Row("base asked", "LOCK_DENIED", "LOCK_DENIED", "base"),
    Row("base", "QUIT", "quit close", "closing"),
    Row("base", "USER_INFO", "persist", "base", speaks_base_only),
    Row("base", "INVALID_MESSAGE", "close", "closing", is_told),
    Row("base", "AUTHENTICATION_FAIL", "close", "closing", is_told),
    # Between servers of ours.
    Row("native", "SERVER_ANNOUNCE", "", "eager"),
    Row("native", ENTRY, "persist", "eager"),
    Row("native", "ACTIVITY_BROADCAST", "INVALID_MESSAGE close", "closing"),
    Row("native", "ACCOUNT", "persist", "eager"),
    Row("native", "RECORD", "persist", "eager"),
    Row("native", "LOCK_REQUEST", "LOCK_ALLOWED", "eager"),
    Row("native", wire.LockRequest("somebody", "secret"), "INVALID_MESSAGE close", "closing"),
    Row("native", "LOCK_ALLOWED", "", "eager"),
    Row("native", "LOCK_DENIED", "", "eager"),
    Row("native asked", wire.LockAllowed("newcomer", claim="here.1.1", round=1, count=1), "persist", "eager"),
    Row("native asked", wire.LockDenied("newcomer", claim="here.1.1", round=1), "LOCK_RELEASE", "eager"),
    Row("native", "LOCK_RELEASE", "", "eager"),
    Row("native", "SYNC_DIGEST", "", "eager"),
    Row("native", "SYNC_REQUEST", "SYNC_DONE", "eager"),
    Row("native", wire.SyncDone({"nonsense": 1}), "", "eager"),
    Row("native", "SYNC_DONE", "", "eager"),
    Row("native", "RECONCILE_DIGEST", "sum", "eager"),
    Row("native", "RECONCILE", "sum", "eager", is_answered("RECONCILE_ANSWER")),
    Row("native", "RECONCILE_ANSWER", "INVALID_MESSAGE close", "closing"),
    Row("native", "RECONCILE_WANT", "read", "eager", is_answered("RECONCILE_SENT")),
    Row("native", "RECONCILE_SENT", "INVALID_MESSAGE close", "closing"),
    Row("native", "RECONCILE_GAPS", "sum", "eager", is_answered("RECONCILE_DROPPED")),
    Row("native", "RECONCILE_DROPPED", "INVALID_MESSAGE close", "closing"),
    Row("native", "RECONCILE_DONE", "", "eager"),
    # Nobody has signed it.
    Row("native", "SIGNED_DOCUMENT", "", "eager"),
    # Both have none; the other side has one.
    Row("native", "DOCUMENTS_DIGEST", "", "eager"),
    Row("native", wire.DocumentsDigest(1, 1, NO_SUM), "DOCUMENTS_COMPARE", "eager"),
    Row("native", wire.DocumentsDigest(1, 0, NO_SUM, asks=True), "DOCUMENTS_DONE", "eager"),
    Row("native", "DOCUMENTS_COMPARE", "DOCUMENTS_LISTED", "eager"),
    Row("native", "DOCUMENTS_LISTED", "", "eager"),
    Row("native", "DOCUMENTS_WANT", "DOCUMENTS_SENT", "eager"),
    Row("native", "DOCUMENTS_SENT", "", "eager"),
    Row("native", "DOCUMENTS_DONE", "", "eager"),
    Row("native", "FOUNDING", "INVALID_MESSAGE close", "closing"),
    Row("native", "MAP_SUMMARY", "SERVER_ANNOUNCE", "eager"),
    Row("native", "PING", "PONG", "eager"),
    Row("native", "PONG", "", "eager"),
    Row("native", "QUIT", "quit", "eager"),
    # One of ours tells of users by synchronisation, with more detail.
    Row("native", "USER_INFO", "", "eager"),
    # Without a certificate on either side.
    Row("native", "NETWORK_NEWS", "INVALID_MESSAGE close", "closing"),
    Row("native", "SERVER_REFUSED", "close", "closing"),
    Row("native", "INVALID_MESSAGE", "close", "closing", is_told),
    Row("native", "AUTHENTICATION_FAIL", "close", "closing", is_told),
]

LEGAL = {state: {command_of(row.message) for row in ROWS if row.state == state} for state in SCENES}
ILLEGAL = [
    (state, command) for state in SCENES for command in EXAMPLES if state != "closing" and command not in LEGAL[state]
]


NETWORK = KeptNetwork(b"s" * 32, HashSigner(b"s" * 32).key)
"""One that nobody has founded: its server asks the first server that it is told of."""
WITH_NETWORK = frozenset({"admitting", "asking", "asking proved", "fresh encrypted"})
"""What there is only where there is a network's key: all else is the same with it and without."""


def in_state(state: str) -> tuple[OneNode, int]:
    """A node with a connection that has got into a state."""
    one = OneNode(network=NETWORK if state in WITH_NETWORK else None)
    conn = (SCENES | BESIDE)[state](one)
    assert one.state(conn) == WORDS.get(state, state)
    return one, conn


def name_of(row: Row) -> str:
    return f"{row.state}-{command_of(row.message)}" + ("" if isinstance(row.said, str) else "-another")


def test_every_command_has_an_example() -> None:
    assert {type(example) for example in EXAMPLES.values()} == set(wire.MESSAGES)


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_a_command_is_taken_as_the_protocol_says(row: Row) -> None:
    one, conn = in_state(row.state)
    done = one.say(conn, row.message)
    assert " ".join(what_was_done(done, conn)) == row.done
    assert one.state(conn) == row.after
    assert row.also(one, conn)


@pytest.mark.parametrize(("state", "command"), ILLEGAL)
def test_what_is_not_legal_in_a_state_ends_that_connection_and_nothing_else(state: str, command: str) -> None:
    one, conn = in_state(state)
    if not one.node.snapshot(one.now).draining:
        bystander = one.connect()
        one.say(bystander, wire.Login("anonymous"))
    assert one.state(conn) == WORDS.get(state, state)
    others = {other.conn: other.state for other in one.node.snapshot(one.now).connections if other.conn != conn}
    done = one.say(conn, EXAMPLES[command])
    answers = [action for action in done if isinstance(action, actions.Send | actions.Close)]
    assert what_was_done(done, conn) == ["INVALID_MESSAGE", "close"]
    assert [action.conn for action in answers] == [conn, conn]
    assert isinstance(answers[0], actions.Send)
    answer = answers[0].frame.message
    assert isinstance(answer, wire.InvalidMessage)
    assert command in answer.info
    assert one.state(conn) == "closing"
    after = {other.conn: other.state for other in one.node.snapshot(one.now).connections if other.conn != conn}
    assert after == others


@pytest.mark.parametrize("command", EXAMPLES)
def test_nobody_listens_to_a_connection_that_is_being_closed(command: str) -> None:
    one, conn = in_state("closing")
    assert one.say(conn, EXAMPLES[command]) == []
    assert one.state(conn) == "closing"


@pytest.mark.parametrize("state", [state for state in SCENES if state != "closing"])
def test_what_is_no_message_is_answered_and_closes_only_its_connection(state: str) -> None:
    one, conn = in_state(state)
    others = {other.conn: other.state for other in one.node.snapshot(one.now).connections if other.conn != conn}
    done = one.handle(events.MalformedReceived(conn, "this is no JSON"))
    answers = [action for action in done if isinstance(action, actions.Send | actions.Close)]
    assert what_was_done(done, conn) == ["INVALID_MESSAGE", "close"]
    assert [action.conn for action in answers] == [conn, conn]
    after = {other.conn: other.state for other in one.node.snapshot(one.now).connections if other.conn != conn}
    assert after == others


# --- what the protocol document says ----------------------------------------------------------------------------------


def rows_of_the_document() -> dict[str, set[str]]:
    """For each state the commands that the document's tables allow there, by their columns `command` and `state`."""
    found: dict[str, set[str]] = {state: set() for state in SCENES}
    columns: list[str] = []
    for line in PROTOCOL.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not cells:
            columns = []
        elif not columns:
            columns = cells
        elif "state" in columns and "command" in columns and not set(line) <= set("|-: "):
            where = cells[columns.index("state")]
            for command in re.findall(r"`([A-Z_]+)`", cells[columns.index("command")]):
                for state in SCENES if where == "any" else filter(None, where.split(", ")):
                    found[state].add(command)
    for state in ("registering", "logging in", "redirecting", "sent on"):
        # "Whatever would be legal in greeted or logged in is kept until then."
        found[state] = found["greeted"] | found["logged in"]
    return found


@pytest.mark.parametrize("state", [state for state in SCENES if state != "closing"])
def test_the_document_allows_in_a_state_what_the_node_takes_there(state: str) -> None:
    assert rows_of_the_document()[state] == LEGAL[state]


# --- from state to state ----------------------------------------------------------------------------------------------


def is_right(one: OneNode, conn: int) -> None:
    one.answer()


def is_wrong(one: OneNode, conn: int) -> None:
    one.answer(right=False)


def logs_in(one: OneNode, conn: int) -> None:
    one.say(conn, wire.Login("ann", "ann"))
    one.answer()


def logs_in_where_many_are(one: OneNode, conn: int) -> None:
    one_node.lighter_neighbour(one)
    one.say(conn, wire.Login("anonymous"))


def proves_its_key(one: OneNode, conn: int) -> None:
    one.say(conn, one_node.proof(one, conn))


def has_its_turn(one: OneNode, conn: int) -> None:
    for _ in range(600):
        one.run(0.1)
        if one.state(conn) != "authenticating":
            return


STEPS: list[tuple[str, Callable[[OneNode, int], object], str]] = [
    ("authenticating", has_its_turn, "quiet"),
    ("authenticating failover", has_its_turn, "base"),
    ("authenticating native", has_its_turn, "lazy"),
    ("proving", proves_its_key, "lazy"),
    ("proving", lambda one, conn: one.run(5.9), "connecting"),
    ("proving", lambda one, conn: one.run(6.1), "closing"),
    ("admitting", lambda one, conn: one.run(5.9), "asking to be admitted"),
    ("admitting", lambda one, conn: one.run(6.1), "closing"),
    ("asking", lambda one, conn: one.run(5.9), "connecting"),
    ("asking", lambda one, conn: one.run(6.1), "closing"),
    ("registering", lambda one, conn: one.run(2.0), "not logged in"),
    ("logging in", is_right, "logged in"),
    ("logging in", is_wrong, "closing"),
    ("fresh", logs_in_where_many_are, "redirecting"),
    ("greeted", logs_in_where_many_are, "redirecting"),
    ("logged in", logs_in_where_many_are, "redirecting"),
    ("greeted", logs_in, "logged in"),
    ("logged in", logs_in, "logged in"),
    ("redirecting", lambda one, conn: one.run(0.1), "closing"),
    ("sent on", lambda one, conn: one.run(6.0), "closing"),
    ("listening", lambda one, conn: one.run(2.0), "base"),
    ("quiet", lambda one, conn: one.run(5.9), "quiet"),
    ("quiet", lambda one, conn: one.run(6.1), "base"),
    ("dialled", lambda one, conn: one.run(6.1), "base"),
    ("fresh", lambda one, conn: one.run(9.9), "connected"),
    ("fresh", lambda one, conn: one.run(10.1), "closing"),
    ("greeted", lambda one, conn: one.run(100.0), "not logged in"),
    ("native", lambda one, conn: one.run(9.0), "closing"),
    *((state, lambda one, conn: one.handle(events.ConnectionClosed(conn, "reset")), "") for state in SCENES),
    *((state, lambda one, conn: one.handle(events.DisconnectRequested(conn, "enough")), "closing") for state in SCENES),
]


@pytest.mark.parametrize(("state", "step", "after"), STEPS)
def test_time_and_answers_lead_on(state: str, step: Callable[[OneNode, int], object], after: str) -> None:
    one, conn = in_state(state)
    step(one, conn)
    assert one.state(conn) == after


def test_a_login_that_was_right_may_lead_to_another_server() -> None:
    one = OneNode()
    one_node.lighter_neighbour(one)
    conn = one_node.logging_in(one)
    assert one.state(conn) == "logging in"
    one.answer()
    assert one.state(conn) == "redirecting"


@pytest.mark.parametrize(
    ("state", "said", "heard"),
    [
        ("registering", "LOGIN", ["REGISTER_SUCCESS", "LOGIN_SUCCESS"]),
        ("registering", "ACTIVITY_MESSAGE", ["REGISTER_SUCCESS", "AUTHENTICATION_FAIL"]),
        ("registering", "PING", ["REGISTER_SUCCESS", "INVALID_MESSAGE"]),
        ("logging in", "PING", ["LOGIN_SUCCESS", "PONG"]),
        ("logging in", "REGISTER", ["LOGIN_SUCCESS", "INVALID_MESSAGE"]),
        ("logging in", "LOGOUT", ["LOGIN_SUCCESS"]),
        ("redirecting", "PING", ["LOGIN_SUCCESS", "REDIRECT"]),
    ],
)
def test_what_waited_is_taken_up_after_the_answer(state: str, said: str, heard: list[str]) -> None:
    one, conn = in_state(state)
    one.say(conn, EXAMPLES[said])
    one.run(2.0)
    assert one.heard(conn) == heard


def test_a_server_that_is_behind_is_asked_a_moment_after_its_digest() -> None:
    one, conn = in_state("native")
    before = one.heard(conn).count("SYNC_REQUEST")
    one.say(conn, EXAMPLES["SYNC_DIGEST"])
    one.run(1.0)
    assert one.heard(conn).count("SYNC_REQUEST") == before + 1


def test_what_was_overheard_is_taken_in_once_the_base_server_may_be_spoken_to() -> None:
    one, conn = in_state("listening")
    one.say(conn, EXAMPLES["ACTIVITY_BROADCAST"])
    activities = one.node.snapshot(one.now).activities
    one.run(2.0)
    assert one.node.snapshot(one.now).activities == activities + 1


LEADS_TO = {
    "FRESH": "REGISTERING LOGGING_IN LOGGED_IN REDIRECTING WAITING AUTHENTICATING ADMITTING ASKING CLOSING",
    "AUTHENTICATING": "PROVING QUIET BASE NATIVE CLOSING",
    "PROVING": "NATIVE CLOSING",
    "ADMITTING": "CLOSING",
    "ASKING": "CLOSING",
    "REGISTERING": "GREETED CLOSING",
    "GREETED": "REGISTERING LOGGING_IN LOGGED_IN REDIRECTING CLOSING",
    "LOGGING_IN": "LOGGED_IN REDIRECTING CLOSING",
    "LOGGED_IN": "LOGGING_IN LOGGED_IN REDIRECTING SENT_ON CLOSING",
    "REDIRECTING": "CLOSING",
    "SENT_ON": "CLOSING",
    "WAITING": "NATIVE LISTENING BASE CLOSING",
    "LISTENING": "BASE CLOSING",
    "QUIET": "BASE CLOSING",
    "BASE": "CLOSING",
    "NATIVE": "CLOSING",
    "CLOSING": "",
}


def test_no_other_state_follows_than_those_written_down() -> None:
    table = {state.name: {after.name for after in row.values()} for state, row in TRANSITIONS.items()}
    assert table == {state: set(following.split()) for state, following in LEADS_TO.items()}


@pytest.mark.parametrize("state", ConnectionState)
@pytest.mark.parametrize("outcome", Outcome)
def test_an_outcome_that_is_not_in_the_table_is_refused(state: ConnectionState, outcome: Outcome) -> None:
    connection = Connection(1, "inbound", Address("h", 1), 0.0, 0.0)
    connection.state = state
    if outcome in TRANSITIONS[state]:
        connection.enter(outcome)
        assert connection.state is TRANSITIONS[state][outcome]
    else:
        with pytest.raises(IllegalTransition, match=outcome.name):
            connection.enter(outcome)
        assert connection.state is state


def test_only_one_method_changes_a_state() -> None:
    rooms = Path(__file__).parents[2] / "core" / "node"
    changes = [
        f"{path.relative_to(rooms)}: {line.strip()}"
        for path in sorted(rooms.rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"\.state(: \w+)? = ", line)
    ]
    assert changes == [
        "kernel/connections.py: self.state = ConnectionState.FRESH",
        "kernel/connections.py: self.state = state_after(TRANSITIONS, before, outcome)",
        "kernel/connections.py: self.state = connection.state",
    ]


# --- who takes what ---------------------------------------------------------------------------------------------------


def test_a_node_does_not_start_with_a_handler_that_nobody_takes() -> None:
    with pytest.raises(ValueError, match="QUIT"):
        Dispatcher(
            {handler: lambda c, m: None for handler in Handler if handler is not Handler.QUIT}, lambda c, w: None
        )


@pytest.mark.parametrize("state", ConnectionState)
def test_a_node_does_not_start_with_a_state_that_has_no_row(
    state: ConnectionState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "RULES", {one: row for one, row in RULES.items() if one is not state})
    with pytest.raises(ValueError, match=state.name):
        Dispatcher(dict.fromkeys(Handler, lambda connection, message: None), lambda connection, why: None)


def takers() -> dict[Any, Callable[..., None]]:
    return OneNode().node.takers


@pytest.mark.parametrize("state", ConnectionState)
def test_who_takes_a_message_says_that_it_takes_such_messages_of_such_connections(state: ConnectionState) -> None:
    methods = takers()
    who = Session if state in CLIENT_STATES else Link if state in SERVER_STATES else Connection
    for kind, handler in RULES[state].items():
        connection, message = list(get_type_hints(methods[handler]).items())[:2]
        assert issubclass(who, connection[1]), f"{handler.name} is not for a connection in {state.name}"
        assert message[1] == Message or kind in (get_args(message[1]) or (message[1],)), f"{handler.name}: {kind}"


def test_who_takes_what_servers_of_ours_say_to_each_other_says_that_it_takes_such_messages_of_links() -> None:
    kinds = [what for what in takers() if not isinstance(what, Handler)]
    assert wire.SyncRequest in kinds
    for kind in kinds:
        connection, message = list(get_type_hints(takers()[kind]).items())[:2]
        assert (connection[1], message[1]) == (Link, kind)


def test_a_message_that_has_a_row_is_not_taken_beside_the_table() -> None:
    everybody: dict[Any, Any] = dict.fromkeys(Handler, lambda connection, message: None)
    with pytest.raises(ValueError, match="LockRequest"):
        Dispatcher({**everybody, wire.LockRequest: lambda connection, message: None}, lambda connection, why: None)


def test_every_handler_is_used() -> None:
    assert {handler for row in RULES.values() for handler in row.values()} == set(Handler)


# --- the first message ------------------------------------------------------------------------------------------------


def test_nothing_is_said_to_a_connection_that_closed_before_its_first_word() -> None:
    one, conn = in_state("fresh")
    one.handle(events.ConnectionClosed(conn, "closed by the peer"))
    one.run(20.0)
    assert one.heard(conn) == []


def test_a_connection_that_has_said_something_valid_may_be_silent() -> None:
    one, conn = in_state("logged in")
    one.run(60.0)
    assert one.state(conn) == "logged in"
