"""Activities that were read at once: they mean what they would one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import pytest

from core.node.interface import actions, events
from core.simulation.testing import ScriptedNetwork
from core.wire import messages as wire
from core.wire.entries import Entry
from core.wire.keepables import entries_in
from core.wire.limits import ACTIVITY_BYTES_MAX
from core.wire.messages import ActivityMessage, Message
from tests.node import one_node
from tests.node.one_node import OneNode

NATIVE = ["ack", "ping", "quit", "resume"]


def post(
    text: str, ref: str | None = None, user: str = "ann", secret: str | None = "ann", previous: str | None = None
) -> ActivityMessage:
    body = msgspec.Raw(msgspec.json.encode(text))
    return ActivityMessage(user, {"text": body}, secret, ref=ref, previous=previous)


def ann(one: OneNode) -> int:
    conn = one.connect()
    one.say(conn, wire.Login("ann", "ann", features=NATIVE))
    one.answer()
    return conn


def anybody(one: OneNode) -> int:
    return one_node.logged_in(one)


CASES: dict[str, tuple[Callable[[OneNode], int], Sequence[ActivityMessage]]] = {
    "named by their client": (ann, [post("1", "r1"), post("2", "r2"), post("3", "r3")]),
    "some without a name": (ann, [post("1", "r1"), post("2"), post("3", "r3")]),
    "one of them twice": (ann, [post("1", "r1"), post("1", "r1"), post("2", "r2"), post("1", "r1"), post("3", "r3")]),
    "a name for another one": (ann, [post("1", "r1"), post("2", "r1")]),
    "one with a wrong secret": (ann, [post("1", "r1"), post("2", "r2", secret="wrong"), post("3", "r3")]),
    "one that is too long": (ann, [post("1", "r1"), post("x" * ACTIVITY_BYTES_MAX, "r2"), post("3", "r3")]),
    "one behind nonsense": (ann, [post("1", "r1"), post("2", "r2", previous="none"), post("3", "r3")]),
    "one behind another server's": (ann, [post("1", "r1", previous="there.1.7"), post("2", "r2")]),
    "of nobody in particular": (anybody, [post(str(n), user="anonymous", secret=None) for n in range(5)]),
}


def outcome(case: str, *, at_once: bool, disk_fails: bool = False) -> tuple[object, ...]:
    log_in, posts = CASES[case]
    one = OneNode()
    conn = log_in(one)
    said = [events.PostsReceived(conn, posts)] if at_once else [events.MessageReceived(conn, one) for one in posts]
    done = [action for event in said for action in one.handle(event)]
    kept: list[Entry] = [
        *entries_in(k for action in done if isinstance(action, actions.Persist) for k in action.keepables)
    ]
    if disk_fails:
        batches = [action.batch for action in one.asked if isinstance(action, actions.Persist)]
        for batch in batches:
            one.handle(events.CommitFailed(batch, "it is full"))
    else:
        one.answer()
    heard: list[Message] = [message for to, message in one.said if to == conn]
    # They go out together, so between each other they stand otherwise.
    heard.sort(key=lambda message: type(message).__name__)
    return kept, heard, one.closed, one.told, one.state(conn)


@pytest.mark.parametrize("case", CASES)
def test_they_are_kept_and_answered_as_one_by_one(case: str) -> None:
    assert outcome(case, at_once=True) == outcome(case, at_once=False)


@pytest.mark.parametrize("case", ["named by their client", "of nobody in particular"])
def test_they_are_refused_as_one_by_one_when_the_disk_does_not_take_them(case: str) -> None:
    assert outcome(case, at_once=True, disk_fails=True) == outcome(case, at_once=False, disk_fails=True)


def test_they_are_one_batch_and_their_answers_one_action() -> None:
    one = OneNode()
    conn = ann(one)
    done = one.handle(events.PostsReceived(conn, [post(str(n), f"r{n}") for n in range(20)]))
    (batch,) = [action for action in done if isinstance(action, actions.Persist)]
    done = one.handle(events.Committed(batch.batch))
    (answers,) = [action for action in done if isinstance(action, actions.SendAll)]
    refs = [frame.message.ref for frame in answers.frames if isinstance(frame.message, wire.ActivityAck)]
    assert answers.conn == conn and refs == [f"r{n}" for n in range(20)]


def test_those_of_one_commit_are_handed_out_by_the_records_that_they_are_in() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    writers, reader = [network.logged_in(server) for _ in range(3)], network.logged_in(server)
    network.run(1.0)
    handed_out: list[actions.Action] = []
    server.watching = handed_out.append
    for number in range(60):
        for writer in writers:
            writer.post(number)
    network.run(1.0)
    assert sorted(reader.texts()) == sorted([*range(60)] * 3)
    together = [action for action in handed_out if isinstance(action, actions.BroadcastAll)]
    assert sum(len([*action.frames]) for action in together) > 150


def test_what_is_in_two_records_is_answered_when_both_are_handed_out() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    client = network.client(server, features=NATIVE)
    client.login("anonymous")
    network.run(1.0)
    for number in range(200):
        client.post(number, ref=f"r{number}")
    network.run(1.0)
    acks = client.of(wire.ActivityAck)
    assert [one.ref for one in acks] == [f"r{number}" for number in range(200)]
    assert [int(one.id.rpartition(".")[2]) for one in acks] == [*range(1, 201)]
