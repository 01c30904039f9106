"""What a client posts says what it is called by: its account's claim and its ref, the same bytes for ever."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from core.client import ActivityArrived, ClientSettings, LoggedIn, PostAccepted, PostUnknown
from core.wire import messages as wire
from core.wire.codec import encode
from core.wire.limits import CLIENT_LINE_BYTES_MAX
from tests.client.scripted import Driven

ADA = ClientSettings(username="ada", secret="s3cret")
CLAIM = "abcd.7.1"


def log_in(driven: Driven, claim: str | None = CLAIM, **fields: Any) -> None:
    if not driven.dialled:
        driven.start()
    driven.connected()
    driven.say(wire.LoginSuccess("", id="aa", username="ada", vector={}, claim=claim, **fields), wire.CaughtUp(0))


def online(claim: str | None = CLAIM) -> Driven:
    driven = Driven(ADA)
    log_in(driven, claim)
    return driven


def posted(driven: Driven) -> list[bytes]:
    return [msgspec.json.encode(message.activity) for message in driven.said(wire.ActivityMessage)]


def test_a_client_is_told_its_claim_at_the_login() -> None:
    assert [event.claim for event in online().of(LoggedIn)] == [CLAIM]


def test_what_it_posts_says_its_claim_and_ref() -> None:
    driven = online()
    ref = driven.post({"type": "Note"}, "r 1")
    assert posted(driven) == [b'{"type":"Note","id":"activity:abcd.7.1/r%201"}']
    driven.say(wire.ActivityAck(ref, "n.1.7", 1007))
    assert driven.of(PostAccepted) == [PostAccepted(ref, "n.1.7", 1007, "activity:abcd.7.1/r%201")]


def test_what_was_written_before_the_login_says_it_too() -> None:
    driven = Driven(ADA)
    driven.post({"n": 1}, "r")
    log_in(driven)
    assert posted(driven) == [b'{"n":1,"id":"activity:abcd.7.1/r"}']


@pytest.mark.parametrize("activity", [{"id": "https://example/1"}, {"@id": "https://example/1"}, {"id": None}])
def test_what_is_called_something_else_stays_so_and_is_referred_to_by_its_entry(activity: dict[str, object]) -> None:
    driven = online()
    ref = driven.post(activity)
    driven.say(wire.ActivityAck(ref, "n.1.7", 1007))
    assert posted(driven) == [msgspec.json.encode(activity)]
    assert [event.reference for event in driven.of(PostAccepted)] == ["activity:n.1.7"]


@pytest.mark.parametrize("claim", [None])
def test_anonymous_people_and_those_at_older_servers_write_none(claim: None) -> None:
    driven = online(claim)
    driven.post({"n": 1})
    assert posted(driven) == [b'{"n":1}']


def test_what_is_sent_again_elsewhere_is_the_same_bytes() -> None:
    driven = online()
    ref = driven.post({"n": 1})
    driven.say(wire.ActivityAck(ref, "n.1.7", 1007))
    driven.post({"n": 2})
    driven.lose()
    driven.until_dialled()
    # It lacks both: one is repeated, of the other nobody knows.
    log_in(driven, features=["place"], lacks={"n.1": [7, 7]})
    driven.say(wire.ActivityAck(ref, "m.1.1", 1008))
    one, two, one_again, two_again = posted(driven)
    assert (one, two) == (one_again, two_again) and one != two


def test_that_holds_where_the_first_server_told_no_claim() -> None:
    driven = online(None)
    driven.post({"n": 1})
    driven.lose()
    driven.until_dialled()
    log_in(driven)
    first, again = posted(driven)
    assert first == again


def test_what_another_account_of_that_name_may_have_posted_is_unknown_and_is_not_posted_twice() -> None:
    driven = online("other.1.1")
    accepted = driven.post({"n": 1})
    driven.say(wire.ActivityAck(accepted, "n.1.7", 1007))
    unsure = driven.post({"n": 2})
    driven.lose()
    driven.until_dialled()
    driven.post({"n": 3}, "r")
    log_in(driven, features=["place"], lacks={"n.1": [7, 7]})
    assert [event.ref for event in driven.of(PostUnknown)] == [unsure]
    assert posted(driven)[2:] == [b'{"n":3,"id":"activity:abcd.7.1/r"}']


def test_what_no_server_can_have_accepted_is_posted_as_what_the_new_account_calls_it() -> None:
    driven = online("other.1.1")
    ref = driven.post({"n": 1}, "r")
    driven.say(wire.Redirect("h", 1))
    driven.lose()
    driven.until_dialled()
    log_in(driven)
    assert posted(driven)[-1] == b'{"n":1,"id":"activity:abcd.7.1/r"}'
    driven.say(wire.ActivityAck(ref, "n.1.7", 1007))
    assert [event.reference for event in driven.of(PostAccepted)] == ["activity:abcd.7.1/r"]
    assert driven.of(PostUnknown) == []


def test_what_a_base_server_was_sent_is_unknown_and_the_next_one_says_its_own() -> None:
    driven = Driven(ADA)
    driven.online(native=False)
    driven.post({"n": 1})
    driven.lose()
    driven.until_dialled()
    assert len(driven.of(PostUnknown)) == 1
    log_in(driven)
    driven.post({"n": 2}, "r")
    assert posted(driven) == [b'{"n":1}', b'{"n":2,"id":"activity:abcd.7.1/r"}']


def test_the_longest_activity_that_is_taken_fits_with_its_reference_into_a_line() -> None:
    driven = online("c" * 128)
    for size in range(CLIENT_LINE_BYTES_MAX - 2000, CLIENT_LINE_BYTES_MAX, 7):
        try:
            driven.post({"n": "x" * size}, f"{'é' * 50}{size}")
        except ValueError:
            break
    else:
        raise AssertionError("any length is taken")
    said = driven.said(wire.ActivityMessage)
    assert said and all(len(encode(message)) <= CLIENT_LINE_BYTES_MAX for message in said)
    assert b"activity:" in bytes(said[-1].activity["id"])


def test_its_own_is_known_when_it_comes_back() -> None:
    driven = online()
    ref = driven.post({"n": 1})
    body = b'{"n":1,"id":"activity:abcd.7.1/%b","authenticated_user":"ada"}' % ref.encode()
    driven.say(wire.ActivityBroadcast(msgspec.Raw(body), id="n.1.7", stamp=1, sender="ada", ref=ref))
    assert [event.own_ref for event in driven.of(ActivityArrived)] == [ref]
