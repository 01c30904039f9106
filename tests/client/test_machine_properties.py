"""Whatever comes in whatever order: nothing raises, nothing is told twice."""

from __future__ import annotations

import contextlib
from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.client import (
    ActivityArrived,
    ClientSettings,
    GaveUp,
    LoggedIn,
    PostAccepted,
    PostQueueFull,
    PostRefused,
    PostUnknown,
)
from core.client.client_states import ClientState
from core.wire import messages as wire
from core.wire.entries import parse_entry_id
from core.wire.founding_record import FoundingRecord
from tests.client.scripted import Driven, broadcast
from tests.node.operators import order, signed

MESSAGES: list[wire.Message] = [
    wire.Authenticate("s"),
    wire.AuthenticationFail("no"),
    wire.InvalidMessage("no"),
    wire.Login("a"),
    wire.LoginSuccess(""),
    wire.LoginSuccess("", id="aa", username="ada", vector={"n.1": 3}),
    wire.LoginSuccess("", id="aa", vector={"nonsense": 3}),
    wire.LoginFailed("no"),
    wire.Redirect("one.example", 1),
    wire.Redirect("three.example", 3),
    wire.Logout(),
    wire.Register("a", "s"),
    wire.RegisterSuccess(),
    wire.RegisterFailed("no"),
    wire.ActivityMessage("a", {}),
    broadcast(4),
    broadcast(9, ref="r"),
    wire.ActivityBroadcast(msgspec.Raw(b"{}"), id="nonsense"),
    wire.ActivityBroadcast(msgspec.Raw(b'{"authenticated_user":[]}')),
    wire.ServerAnnounce("i", 1, "h", 1),
    wire.LockRequest("a"),
    wire.LockAllowed("a"),
    wire.LockDenied("a"),
    wire.Quit(),
    wire.Quit("two.example", 2),
    wire.UserInfo({}),
    wire.ServerHello("a", 1, "h", 1),
    wire.ServerProof(b"signature"),
    wire.AdmissionRequest(b"k" * 32, b"share"),
    wire.AdmissionShare(b"share", b"p" * 32, b"n" * 32),
    wire.AdmissionProof(b"p" * 32, b"n" * 32),
    wire.AdmissionGranted(1.0),
    wire.NetworkNews(b"n" * 32),
    wire.ServerRefused("busy"),
    wire.Account("a.1.1", 1, "u", "v", 1, "c"),
    wire.LockRelease("a", "c"),
    wire.Record(version=1, node="a", incarnation=1, first=1, count=1, stamp=1, entries=[msgspec.Raw(b"[{},0,0]")]),
    wire.SyncDigest("d"),
    wire.SyncRequest({}),
    wire.SyncDone(),
    wire.ReconcileDigest(0, 1, 0, ""),
    wire.SignedDocument("n.1.1", 5, "n", msgspec.Raw(b"{}")),
    wire.DocumentsDigest(1, 2, "s"),
    wire.DocumentsCompare(1, ["p"]),
    wire.DocumentsListed(1),
    wire.DocumentsWant(1, ["n.1.1"]),
    wire.DocumentsSent(1),
    wire.DocumentsDone(1),
    wire.KeepDocument(1, msgspec.Raw(b"{}")),
    wire.DocumentKept(1, 5),
    wire.DocumentKept(2**63 - 1, 5),
    wire.DocumentNotKept(1, "no", 2.5),
    wire.AccountDocument(),
    wire.AccountDocument(msgspec.Raw(b'{"mark":5}'), 5),
    wire.AccountDocument(msgspec.Raw(b"[1]"), 5),
    wire.PastRequest(1),
    wire.PastActivity(1, msgspec.Raw(b"{}"), "n.1.1", 5),
    wire.PastActivity(1, msgspec.Raw(b"[]"), "nonsense", 5),
    wire.PastDone(1),
    wire.Reconcile(1, []),
    wire.ReconcileAnswer(1),
    wire.ReconcileWant(1, {}),
    wire.ReconcileSent(1),
    wire.ReconcileGaps(1, {}),
    wire.ReconcileDropped(1),
    wire.ReconcileDone(1),
    wire.MapSummary({}),
    wire.Ping(1),
    wire.Pong(1),
    wire.ActivityAck("r", "nonsense", -1),
    wire.ActivityRefused("r", "no"),
    wire.CaughtUp(1),
    wire.CaughtUp(1, (1, 5), {"n.1": [3, 4]}),
    wire.PlaceReached((1, 7), {"nonsense": [4, 3]}),
    wire.HaveRequest(),
    wire.Have(),
    wire.LoginSuccess(id="aa", features=["place"], begins=wire.HeldEntries(7, {"n.1": [0, 4]}), lacks={}),
    wire.LoginSuccess(id="aa", features=["place"], begins=wire.HeldEntries(7, {"n.1": [4, 0]})),
    wire.AccountRenamed("a", "b"),
    wire.ChangeSecret("a", "b"),
    wire.RedeemCode("a", "c", "b"),
    wire.SecretChanged(),
    wire.SecretNotChanged("no"),
    wire.Founding(FoundingRecord("aa", b"k" * 32, 1)),
    wire.OrdersRequest(b"k" * 32, 1, b"proof"),
    wire.OrderList("aa", False),
    wire.OrderDraft(b"k" * 32, "silence", "ann"),
    wire.OrderDrafted(order("ada", "silence", "aa.1.1")),
    wire.GiveOrder(signed(order("ada", "silence", "aa.1.1"))),
    wire.OrderTaken("id"),
    wire.ActivitiesRemoved(["aa.1.1", "nonsense"], "ada"),
    wire.OrderRefused("no"),
    wire.PastRequest(1),
    wire.PastActivity(1, msgspec.Raw(b"{}"), "aa.1.1", 1),
    wire.PastDone(1, more=True),
    wire.PastDone(1, stamp=1, id="nonsense"),
    wire.StatusRequest(),
    wire.Status({"servers": [{"hostname": 1, "port": "x", "state": "reachable"}, 7]}),
]

ROADS: dict[ClientState, list[str]] = {
    ClientState.IDLE: [],
    ClientState.CONNECTING: ["start"],
    ClientState.REGISTERING: ["start", "connected"],
    ClientState.LOGGING_IN: ["start", "connected", "registered"],
    ClientState.LET_IN: ["start", "connected", "registered", "let in"],
    ClientState.ONLINE: ["start", "connected", "registered", "logged in"],
    ClientState.WAITING: ["start", "failed"],
    ClientState.CLOSED: ["start", "closed"],
}
INPUTS = ["start", "connected", "failed", "lost", "woke", "malformed", "post", "status", "secret", "closed"]


def put_in(driven: Driven, name: str) -> None:
    machine = driven.machine
    match name:
        case "start":
            machine.start(driven.now)
        case "connected":
            machine.connected(driven.now)
        case "failed":
            machine.connect_failed("refused", driven.now)
        case "lost":
            machine.lost("gone", driven.now)
        case "woke":
            driven.now = max(driven.now, driven.wake_at or 0.0)
            machine.woke(driven.now)
        case "malformed":
            machine.malformed("nonsense", driven.now)
        case "post":
            with contextlib.suppress(PostQueueFull):
                machine.post({"n": 1}, None, driven.now)
        case "status":
            machine.request_status()
        case "secret":
            machine.change_secret("another")
        case "closed":
            machine.close(driven.now)
        case "registered":
            machine.received(wire.RegisterSuccess(), driven.now)
        case "let in":
            machine.received(wire.LoginSuccess("welcome"), driven.now)
        case "logged in":
            machine.received(wire.LoginSuccess(id="aa", vector={}, features=["change_secret"]), driven.now)
    driven.take()


def brought_to(state: ClientState) -> Driven:
    driven = Driven(ClientSettings(username="ada", register=True))
    for step in ROADS[state]:
        put_in(driven, step)
    assert driven.machine.state is state
    return driven


def test_every_command_of_the_protocol_is_tried() -> None:
    assert {type(message) for message in MESSAGES} == set(wire.MESSAGES)


@pytest.mark.parametrize("state", list(ClientState), ids=lambda state: state.name)
def test_no_message_makes_a_machine_raise_in_any_state(state: ClientState) -> None:
    for message in MESSAGES:
        brought_to(state).say(message)


@pytest.mark.parametrize("state", list(ClientState), ids=lambda state: state.name)
def test_no_other_input_makes_a_machine_raise_in_any_state(state: ClientState) -> None:
    for name in INPUTS:
        put_in(brought_to(state), name)


@pytest.mark.parametrize(
    "message",
    [
        m
        for m in MESSAGES
        if isinstance(m, wire.ServerAnnounce | wire.LockRequest | wire.SyncRequest | wire.Authenticate)
    ],
    ids=lambda m: type(m).__name__,
)
def test_what_is_not_for_clients_is_answered_as_invalid_and_ends_the_connection(message: wire.Message) -> None:
    driven = brought_to(ClientState.ONLINE)
    driven.say(message)
    assert driven.said(wire.InvalidMessage)
    assert driven.disconnects


steps = st.lists(
    st.one_of(
        st.sampled_from(INPUTS[:-1]),
        st.sampled_from(["post", "woke", "connected", "lost", "native", "base"]),
        st.sampled_from(MESSAGES),
        st.builds(broadcast, st.integers(1, 8), node=st.sampled_from("ab"), ref=st.sampled_from([None, "x", "y"])),
        st.tuples(st.sampled_from(["ack", "refuse", "echo"]), st.integers(0, 5)),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(steps, st.booleans(), st.booleans())
def test_no_history_makes_an_activity_arrive_twice_or_a_post_end_twice(
    history: list[object], register: bool, close: bool
) -> None:
    driven = Driven(ClientSettings(username="ada", secret="s", register=register, posts_max=5))
    driven.start()
    acknowledged = 0
    for step in history:
        posts = driven.said(wire.ActivityMessage)
        match step:
            case str("native"):
                driven.connected()
                driven.say(wire.RegisterSuccess(), wire.LoginSuccess(id="aa", vector={"a.1": 2}), wire.CaughtUp(0))
            case str("base"):
                driven.connected()
                driven.say(wire.RegisterSuccess(), wire.LoginSuccess())
                driven.wait(1)
            case str(name):
                put_in(driven, name)
            case (str(kind), int(number)):
                if posts:
                    post = posts[-1 - number % len(posts)]
                    acknowledged += 1
                    if kind == "ack":
                        driven.say(wire.ActivityAck(post.ref or "", f"a.1.{acknowledged}", acknowledged))
                    elif kind == "refuse":
                        driven.say(wire.ActivityRefused(post.ref or "", "no"))
                    else:
                        body = {**{k: msgspec.json.decode(bytes(v)) for k, v in post.activity.items()}}
                        body["authenticated_user"] = "ada"
                        driven.say(wire.ActivityBroadcast(msgspec.Raw(msgspec.json.encode(body))))
            case _:
                driven.say(step)  # type: ignore[arg-type]
    if close:
        put_in(driven, "closed")

    arrived = Counter(event.id for event in driven.of(ActivityArrived) if event.id is not None and _is_id(event.id))
    assert not [entry_id for entry_id, times in arrived.items() if times > 1]
    ended = Counter(e.ref for e in driven.events if isinstance(e, PostAccepted | PostRefused | PostUnknown))
    assert not [ref for ref, times in ended.items() if times > 1]
    assert len(driven.of(GaveUp)) <= 1
    if driven.of(GaveUp):
        assert driven.machine.unanswered == 0
    assert len(driven.of(LoggedIn)) <= len(driven.dialled) + history.count("native") + history.count("base")


def _is_id(text: str) -> bool:
    try:
        parse_entry_id(text)
    except ValueError:
        return False
    return True


def test_one_seed_gives_one_history() -> None:
    def outputs() -> list[object]:
        driven = brought_to(ClientState.ONLINE)
        put_in(driven, "post")
        put_in(driven, "lost")
        return [*driven.events, *driven.lines()]

    assert outputs() == outputs()
