"""The server that accepts an activity looks whether it is what it calls itself; nobody else has to."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from core.node.interface import actions
from core.wire import messages as wire
from core.wire.keepables import entries_in
from core.wire.messages import ActivityMessage
from tests.node import one_node
from tests.node.one_node import OneNode

NATIVE = ["ack", "ping", "quit", "resume"]


def ann(one: OneNode, features: list[str] = NATIVE) -> tuple[int, str | None]:
    """Somebody with an account; the connection, and the claim that the client was told."""
    conn = one.connect()
    one.say(conn, wire.Login("ann", "ann", features=features))
    one.answer()
    (success,) = [said for to, said in one.said if to == conn and isinstance(said, wire.LoginSuccess)]
    return conn, success.claim


def post(activity: str, ref: str | None = None, user: str = "ann") -> ActivityMessage:
    members = msgspec.json.decode(activity, type=dict[str, msgspec.Raw])
    return ActivityMessage(user, members, None if user == "anonymous" else user, ref=ref)


def take(one: OneNode, conn: int, *posts: ActivityMessage) -> list[dict[str, Any]]:
    """Have activities posted; the bodies of those that are kept."""
    done = [action for message in posts for action in one.say(conn, message)]
    one.answer()
    keepables = [k for action in done if isinstance(action, actions.Persist) for k in action.keepables]
    return [json.loads(entry.body) for entry in entries_in(keepables) if entry.kind == "activity"]


def heard(one: OneNode, conn: int, kind: type[Any]) -> list[Any]:
    return [said for to, said in one.said if to == conn and isinstance(said, kind)]


def test_a_client_with_an_account_is_told_its_claim_and_anonymous_is_told_none() -> None:
    one = OneNode()
    claim = ann(one)[1]
    assert claim == one_node.ANN.claim
    conn = one.connect()
    one.say(conn, wire.Login("anonymous", features=NATIVE))
    one.answer()
    assert [said.claim for said in heard(one, conn, wire.LoginSuccess)] == [None]


def test_what_says_its_own_reference_is_accepted() -> None:
    one = OneNode()
    conn, claim = ann(one)
    done = take(one, conn, post(json.dumps({"id": f"activity:{claim}/r-1"}), "r-1"))
    assert [said["id"] for said in done] == [f"activity:{claim}/r-1"]
    assert len(heard(one, conn, wire.ActivityAck)) == 1


OTHERS = [
    '{"id":"activity:bob.1.1/r-1"}',
    '{"\\u0069d":"activity:bob.1.1/r-1"}',
    '{"id":"https://a/1","id":"activity:bob.1.1/r-1"}',
    '{"id":"\\u0041CTIVITY:CLAIM/r-1"}',
    '{"id":" activity:CLAIM/r-1"}',
    '{"@id":"activity:bob.1.1/r-1"}',
    '{"id":"activity:CLAIM/r-2"}',
    '{"id":"activity:there.1.7"}',
]


@pytest.mark.parametrize("activity", OTHERS)
def test_what_says_another_one_s_is_refused_with_a_sentence_and_the_connection_goes_on(activity: str) -> None:
    one = OneNode()
    conn, claim = ann(one)
    assert not take(one, conn, post(activity.replace("CLAIM", str(claim)), "r-1"))
    (refused,) = heard(one, conn, wire.ActivityRefused)
    assert refused.ref == "r-1" and "its id says that it is" in refused.info and "leave the id out" in refused.info
    assert conn not in one.closed
    assert any("was refused: its id says" in told for told in one.told)


def test_what_comes_before_and_behind_it_is_accepted_in_order() -> None:
    one = OneNode()
    conn, _ = ann(one, ["ack"])
    posts = [post(activity, f"r-{number}") for number, activity in enumerate(['{"n":1}', OTHERS[0], '{"n":3}'])]
    assert [said.get("n") for said in take(one, conn, *posts)] == [1, 3]


@pytest.mark.parametrize("features", [[], NATIVE])
def test_base_clients_and_who_gives_no_ref_are_refused_as_the_base_protocol_has_it(features: list[str]) -> None:
    one = OneNode()
    conn, claim = ann(one, features)
    assert not take(one, conn, post(json.dumps({"id": f"activity:{claim or 'elsewhere.1.1'}/r-1"})))
    (failed,) = heard(one, conn, wire.AuthenticationFail)
    assert "leave the id out" in failed.info
    assert conn in one.closed


def test_anonymous_people_are_called_nothing() -> None:
    one = OneNode()
    conn = one_node.logged_in(one)
    assert not take(one, conn, post('{"id":"activity:bob.1.1/r-1"}', user="anonymous"))
    assert heard(one, conn, wire.AuthenticationFail)


@pytest.mark.parametrize(
    "activity", ['{"id":"https://example/1"}', '{"object":{"id":"activity:bob.1.1/r"}}', '{"inReplyTo":"activity:a/r"}']
)
def test_foreign_ids_and_what_an_activity_names_are_nobody_s_business(activity: str) -> None:
    one = OneNode()
    conn, _ = ann(one)
    assert len(take(one, conn, post(activity, "r-1"))) == 1 and len(heard(one, conn, wire.ActivityAck)) == 1
