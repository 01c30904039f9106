"""A client that goes on at another server first repeats there what that one has not got of it."""

from __future__ import annotations

import msgspec
import pytest

from core.client import ClientSettings, PostAccepted, PostRefused, PostUnknown
from core.client.write_set import UNDER_WAY_MAX
from core.wire import messages as wire
from tests.client.scripted import Driven

KNOWN = 5
"""What every server has of the stream that the client's posts become part of."""


def writer(posts: int, settings: ClientSettings | None = None) -> tuple[Driven, list[str]]:
    """A client whose server has accepted so many posts, as n.1.6 and so on, and is gone; the posts' names."""
    driven = Driven(settings)
    driven.online(vector={"n.1": KNOWN})
    refs = []
    for number in range(KNOWN + 1, KNOWN + 1 + posts):
        refs.append(driven.post({"n": number}))
        accept(driven, refs[-1], f"n.1.{number}")
    go(driven)
    return driven, refs


def accept(driven: Driven, ref: str, entry_id: str) -> None:
    driven.say(wire.ActivityAck(ref, entry_id, 1000 + int(entry_id.rpartition(".")[2])))


def go(driven: Driven) -> None:
    """Lose the connection, and forget what was sent over it."""
    driven.lose()
    driven.until_dialled()
    driven.sent.clear()


def sent(driven: Driven) -> list[str | None]:
    return [message.ref for message in driven.said(wire.ActivityMessage)]


def test_what_a_server_lacks_is_repeated_before_anything_new() -> None:
    driven, refs = writer(2)
    new = driven.post({"new": True})
    driven.online(vector={"n.1": KNOWN})
    assert sent(driven) == [*refs, new]
    assert driven.said(wire.ActivityMessage)[0].activity["n"] == msgspec.Raw(b"6")


def test_what_a_server_has_is_not_repeated() -> None:
    driven, _ = writer(2)
    driven.online(vector={"n.1": KNOWN + 2})
    assert sent(driven) == []


def test_what_a_server_has_behind_a_gap_is_not_repeated() -> None:
    driven, _ = writer(1)
    driven.connected()
    driven.say(wire.LoginSuccess(id="bb", vector={"n.1": KNOWN - 2}, beyond=[f"n.1.{KNOWN + 1}"]))
    assert sent(driven) == []


def test_only_what_came_after_the_last_that_a_server_has_is_repeated() -> None:
    driven, refs = writer(4)
    driven.online(vector={"n.1": KNOWN + 2})
    assert sent(driven) == refs[2:]


def test_a_repetition_names_what_came_before_it() -> None:
    driven, _ = writer(3)
    driven.online(vector={"n.1": KNOWN + 1})
    named = [(message.previous, message.previous_stamp) for message in driven.said(wire.ActivityMessage)]
    assert named == [("n.1.6", 1006), ("n.1.7", 1007)]


def test_a_repetition_that_is_accepted_is_not_told_again() -> None:
    driven, (ref,) = writer(1)
    driven.online(vector={"n.1": KNOWN})
    accept(driven, ref, "m.1.1")
    assert [event.ref for event in driven.of(PostAccepted)] == [ref]


def test_what_is_known_by_any_of_its_identities_is_not_repeated_and_goes_by_that_one() -> None:
    driven, (ref,) = writer(1)
    driven.online(vector={"n.1": KNOWN})
    accept(driven, ref, "m.1.1")
    for vector, identity in (({"m.1": 1}, "m.1.1"), ({"n.1": KNOWN + 1}, "n.1.6")):
        go(driven)
        driven.online(vector={"n.1": KNOWN} | vector)
        assert sent(driven) == []
        new = driven.post({"new": True})
        assert driven.said(wire.ActivityMessage)[-1].previous == identity
        driven.say(wire.ActivityRefused(new, "no"))


def test_a_repetition_that_was_not_answered_is_repeated_at_the_next_server() -> None:
    driven, (ref,) = writer(1)
    for _ in range(3):
        driven.online(vector={"n.1": KNOWN})
        assert sent(driven) == [ref]
        go(driven)


def test_repetitions_are_paced_by_their_answers_and_new_posts_wait_for_them() -> None:
    driven, refs = writer(UNDER_WAY_MAX + 3)
    new = driven.post({"new": True})
    driven.online(vector={"n.1": KNOWN})
    assert sent(driven) == refs[:UNDER_WAY_MAX]
    accept(driven, refs[0], "m.1.1")
    assert sent(driven) == refs[: UNDER_WAY_MAX + 1]
    for number in (1, 2):
        accept(driven, refs[number], f"m.1.{number + 1}")
    assert sent(driven) == [*refs, new]


def test_no_more_is_repeated_than_is_remembered_and_nothing_if_that_leaves_a_gap() -> None:
    driven, refs = writer(4, ClientSettings(writes_max=3))
    driven.online(vector={"n.1": KNOWN + 1})
    assert sent(driven) == refs[1:]
    driven, _ = writer(4, ClientSettings(writes_max=3))
    driven.online(vector={"n.1": KNOWN})
    assert sent(driven) == []


def test_large_posts_are_remembered_only_up_to_so_many_bytes() -> None:
    driven = Driven(ClientSettings(writes_bytes_max=10_000))
    driven.online(vector={"n.1": KNOWN})
    for number in range(6, 10):
        accept(driven, driven.post({"text": "x" * 4_000}, f"r{number}"), f"n.1.{number}")
    go(driven)
    driven.online(vector={"n.1": KNOWN + 2})
    assert sent(driven) == ["r8", "r9"]


def test_an_activity_that_is_posted_again_under_its_name_is_repeated_once() -> None:
    driven, (ref,) = writer(1)
    driven.online(vector={"n.1": KNOWN + 1})
    accept(driven, driven.post({"n": 6}, ref), "n.1.6")
    go(driven)
    driven.online(vector={"n.1": KNOWN})
    assert sent(driven) == [ref]


def test_an_answer_with_a_senseless_identity_holds_up_nothing() -> None:
    driven, refs = writer(UNDER_WAY_MAX + 1)
    driven.online(vector={"n.1": KNOWN})
    driven.say(wire.ActivityAck(refs[0], "not an id", 1))
    assert sent(driven) == refs


def test_nothing_is_repeated_to_a_network_that_knows_nothing_of_the_one_before() -> None:
    driven, _ = writer(1)
    driven.online(vector={"other.1": 7})
    assert sent(driven) == []


def test_when_a_repetition_is_refused_the_rest_is_not_sent_and_nothing_is_told() -> None:
    driven, refs = writer(UNDER_WAY_MAX + 1)
    new = driven.post({"new": True})
    driven.online(vector={"n.1": KNOWN})
    driven.say(wire.ActivityRefused(refs[0], "the disk is full"))
    assert sent(driven) == [*refs[:UNDER_WAY_MAX], new]
    assert not driven.of(PostRefused)


def test_a_server_that_objects_to_repetitions_is_sent_none_again_and_no_post_is_blamed() -> None:
    driven, (ref,) = writer(1)
    new = driven.post({"new": True})
    driven.online(vector={"n.1": KNOWN})
    driven.say(wire.AuthenticationFail("not that"))
    driven.until_dialled()
    driven.sent.clear()
    driven.online(vector={"n.1": KNOWN})
    assert sent(driven) == [new]
    assert not driven.of(PostRefused)
    assert not driven.of(PostUnknown)
    assert ref != new


def test_what_was_accepted_before_a_visit_at_a_base_server_is_not_repeated_after_it() -> None:
    driven, _ = writer(1)
    driven.online(native=False)
    go(driven)
    driven.online(vector={"n.1": KNOWN})
    assert sent(driven) == []


def ages(driven: Driven) -> list[float | None]:
    return [message.age for message in driven.said(wire.ActivityMessage)]


def test_what_is_repeated_says_for_how_long_a_server_may_have_had_it() -> None:
    driven = Driven()
    driven.online(vector={"n.1": KNOWN})
    accepted = driven.post({"n": 1})
    accept(driven, accepted, f"n.1.{KNOWN + 1}")
    driven.now += 10.0
    driven.post({"n": 2})
    assert ages(driven) == [None, None]
    began = driven.now
    go(driven)
    driven.now += 30.0
    driven.post({"n": 3})
    driven.online(vector={"n.1": KNOWN})
    passed = driven.now - began
    assert ages(driven) == [pytest.approx(10.0 + passed), pytest.approx(passed), None]


@pytest.mark.parametrize(
    "farewell",
    [wire.Redirect("other.example", 3780), wire.Quit("other.example", 3780)],
    ids=["redirected", "left"],
)
def test_what_a_server_has_not_answered_before_it_sends_its_client_on_was_not_accepted(farewell: wire.Message) -> None:
    driven = Driven()
    driven.online(vector={"n.1": KNOWN})
    driven.post({"n": 1})
    driven.say(farewell)
    driven.sent.clear()
    driven.online(vector={"n.1": KNOWN})
    assert ages(driven) == [None]


@pytest.mark.parametrize(
    ("farewell", "told"),
    [(wire.Redirect("other.example", 3780), PostRefused), (None, PostUnknown)],
    ids=["redirected", "lost"],
)
def test_a_post_that_the_next_server_refuses_is_unknown_only_where_an_earlier_answer_may_have_been_lost(
    farewell: wire.Message | None, told: type
) -> None:
    driven = Driven()
    driven.online(vector={"n.1": KNOWN})
    ref = driven.post({"n": 1})
    if farewell is None:
        driven.lose()
        driven.until_dialled()
    else:
        driven.say(farewell)
    driven.online(vector={"n.1": KNOWN})
    driven.say(wire.ActivityRefused(ref, "you may not post"))
    assert [type(event) for event in (*driven.of(PostRefused), *driven.of(PostUnknown))] == [told]
