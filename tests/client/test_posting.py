"""Posts: each has one outcome, and what is not known is not called a failure."""

from __future__ import annotations

import msgspec
import pytest

from core.client import (
    ActivityArrived,
    ClientSettings,
    GaveUp,
    PostAccepted,
    PostQueueFull,
    PostRefused,
    PostUnknown,
)
from core.wire import messages as wire
from core.wire.codec import decode
from tests.client.scripted import Driven

ADA = ClientSettings(username="ada", secret="s3cret")


def accept(driven: Driven, ref: str, seq: int) -> None:
    driven.say(wire.ActivityAck(ref, f"n.1.{seq}", 1000 + seq))


def outcomes(driven: Driven) -> list[tuple[str, str]]:
    kinds = (PostAccepted, PostRefused, PostUnknown)
    return [(type(event).__name__, event.ref) for event in driven.events if isinstance(event, kinds)]


def test_an_acknowledged_post_is_accepted_with_its_id_and_stamp() -> None:
    driven = Driven()
    driven.online()
    ref = driven.post({"a": 1})
    accept(driven, ref, 7)
    assert driven.of(PostAccepted) == [PostAccepted(ref, "n.1.7", 1007, "activity:n.1.7")]


def test_an_acknowledgement_that_comes_twice_is_told_once() -> None:
    driven = Driven()
    driven.online()
    ref = driven.post({"a": 1})
    accept(driven, ref, 7)
    accept(driven, ref, 7)
    assert len(outcomes(driven)) == 1


def test_a_post_names_the_one_before_it_as_the_server_told_it() -> None:
    driven = Driven()
    driven.online()
    accept(driven, driven.post({"a": 1}), 7)
    driven.post({"a": 2})
    sent = driven.said(wire.ActivityMessage)[-1]
    assert (sent.previous, sent.previous_stamp) == ("n.1.7", 1007)


def test_an_acknowledgement_with_a_senseless_id_is_not_passed_on_to_other_servers() -> None:
    driven = Driven()
    driven.online()
    driven.say(wire.ActivityAck(driven.post({"a": 1}), "not an id", -5))
    driven.post({"a": 2})
    line = driven.lines()[-1]
    message = decode(line.strip())
    assert isinstance(message, wire.ActivityMessage)
    assert message.previous is None
    assert message.ref is not None, "an extension that cannot be read costs all of them"


def test_unanswered_posts_are_sent_again_in_order_and_under_the_same_refs() -> None:
    driven = Driven()
    driven.online()
    refs = [driven.post({"n": n}) for n in range(3)]
    accept(driven, refs[0], 1)
    driven.lose()
    assert outcomes(driven) == [("PostAccepted", refs[0])]
    driven.sent.clear()
    driven.until_dialled()
    driven.online()
    assert [message.ref for message in driven.said(wire.ActivityMessage)] == refs[1:]


def test_what_is_posted_before_the_login_goes_out_after_it() -> None:
    driven = Driven()
    driven.start()
    ref = driven.post({"n": 1})
    assert not driven.said(wire.ActivityMessage)
    driven.online()
    assert [message.ref for message in driven.said(wire.ActivityMessage)] == [ref]


def test_a_refused_post_is_refused_and_the_connection_goes_on() -> None:
    driven = Driven()
    driven.online()
    ref = driven.post({"n": 1})
    driven.say(wire.ActivityRefused(ref, "disk full"))
    assert driven.of(PostRefused) == [PostRefused(ref, "disk full")]
    assert driven.machine.native


def test_too_many_unanswered_posts_are_not_taken() -> None:
    driven = Driven(ClientSettings(posts_max=2))
    driven.start()
    driven.post({})
    driven.post({})
    with pytest.raises(PostQueueFull):
        driven.post({})


@pytest.mark.parametrize("activity", [b"[1]", b"nonsense", b'{"a":"\xff"}', b"", {"a": object()}, 7])
def test_what_is_no_json_object_is_not_taken(activity: object) -> None:
    driven = Driven()
    driven.online()
    with pytest.raises(ValueError):
        driven.post(activity)


def test_line_breaks_inside_an_activity_do_not_break_the_line() -> None:
    driven = Driven()
    driven.online()
    driven.post(b'{\n  "deep": {\r\n    "n": 123456789012345678901234567890\n  }\n}')
    line = driven.lines()[-1]
    assert line.count(b"\n") == 1
    assert b"\r" not in line
    assert b"123456789012345678901234567890" in line


def test_an_activity_that_no_server_would_take_is_refused_at_once_and_harms_no_connection() -> None:
    driven = Driven()
    driven.online()
    with pytest.raises(ValueError, match="long"):
        driven.post({"text": "x" * 70_000})
    with pytest.raises(ValueError, match="deep"):
        driven.post(b'{"a":' * 200 + b"1" + b"}" * 200)
    assert not driven.said(wire.ActivityMessage)


def test_a_backlog_of_large_posts_does_not_go_out_all_at_once() -> None:
    driven = Driven()
    driven.start()
    refs = [driven.post({"text": "x" * 60_000}) for _ in range(500)]
    driven.online()
    waiting = sum(len(line) for line in driven.lines())
    assert waiting < 4 * 1024 * 1024
    for seq, ref in enumerate(refs, 1):
        accept(driven, ref, seq)
    assert [ref for _, ref in outcomes(driven)] == refs
    assert [message.ref for message in driven.said(wire.ActivityMessage)] == refs


def test_an_operator_who_ends_the_connection_does_not_make_a_post_fail() -> None:
    driven = Driven()
    driven.online()
    ref = driven.post({"n": 1})
    driven.say(wire.InvalidMessage("disconnected by the operator"))
    assert outcomes(driven) == []
    driven.until_dialled()
    driven.online()
    accept(driven, ref, 1)
    assert outcomes(driven) == [("PostAccepted", ref)]


def test_a_post_that_makes_servers_hang_up_is_found_and_does_not_hold_up_the_others() -> None:
    driven = Driven()
    driven.online()
    good, bad, last = driven.post({"n": 1}), driven.post({"n": 2}), driven.post({"n": 3})
    for _ in range(8):
        taken = len(driven.sent)
        driven.say(*[wire.InvalidMessage("I do not like it")])
        driven.until_dialled()
        driven.online()
        for _ in range(3):
            posts = [m for m in driven.sent[taken:] if isinstance(m, wire.ActivityMessage)]
            if not posts or posts[-1].ref == bad:
                break
            taken = len(driven.sent)
            accept(driven, str(posts[-1].ref), 1 if posts[-1].ref == good else 3)
        if len(outcomes(driven)) == 3:
            break
    assert {ref: kind for kind, ref in outcomes(driven)} == {
        good: "PostAccepted",
        bad: "PostUnknown",
        last: "PostAccepted",
    }


def test_at_the_end_what_was_sent_is_unknown_and_what_was_not_is_refused() -> None:
    driven = Driven()
    driven.online()
    sent = driven.post({"n": 1})
    driven.lose()
    unsent = driven.post({"n": 2})
    driven.machine.close(driven.now)
    driven.take()
    assert outcomes(driven) == [("PostUnknown", sent), ("PostRefused", unsent)]
    assert driven.of(GaveUp)


# --- base servers ---


def own(body: dict[str, object], user: str = "ada") -> wire.ActivityBroadcast:
    return wire.ActivityBroadcast(msgspec.Raw(msgspec.json.encode({**body, "authenticated_user": user})))


def test_a_base_server_accepts_by_broadcasting() -> None:
    driven = Driven(ADA)
    driven.online(native=False)
    ref = driven.post({"n": 1, "authenticated_user": "forged"})
    driven.say(own({"n": 1}))
    assert outcomes(driven) == [("PostAccepted", ref)]
    assert driven.of(ActivityArrived)[0].own_ref == ref


def test_somebody_elses_activity_or_other_content_is_not_taken_for_ones_own() -> None:
    driven = Driven(ADA)
    driven.online(native=False)
    driven.post({"n": 1})
    driven.say(own({"n": 1}, "bob"), own({"n": 2}), own({"n": True}), own({"n": 1, "m": 0}))
    assert outcomes(driven) == []


def test_two_posts_of_the_same_content_need_two_broadcasts() -> None:
    driven = Driven(ADA)
    driven.online(native=False)
    first, second = driven.post({"n": 1}), driven.post({"n": 1})
    driven.say(own({"n": 1}))
    assert outcomes(driven) == [("PostAccepted", first)]
    driven.say(own({"n": 1}))
    assert outcomes(driven) == [("PostAccepted", first), ("PostAccepted", second)]


def test_a_post_at_a_base_server_that_is_lost_is_unknown_and_never_sent_again() -> None:
    driven = Driven(ADA)
    driven.online(native=False)
    ref = driven.post({"n": 1})
    driven.lose()
    assert outcomes(driven) == [("PostUnknown", ref)]
    driven.sent.clear()
    driven.until_dialled()
    driven.online(native=False)
    assert not driven.said(wire.ActivityMessage)


def test_a_post_that_a_native_server_may_have_accepted_is_not_repeated_to_a_base_server() -> None:
    driven = Driven(ADA)
    driven.online()
    ref = driven.post({"n": 1})
    driven.lose()
    driven.until_dialled()
    driven.sent.clear()
    driven.online(native=False)
    assert not driven.said(wire.ActivityMessage)
    assert outcomes(driven) == [("PostUnknown", ref)]


def test_a_base_server_that_redirects_right_after_the_login_costs_no_post() -> None:
    driven = Driven(ADA)
    driven.start()
    ref = driven.post({"n": 1})
    driven.connected()
    driven.say(wire.LoginSuccess(), wire.Redirect("two.example", 2))
    assert outcomes(driven) == []
    driven.sent.clear()
    driven.online(native=False)
    assert [message.ref for message in driven.said(wire.ActivityMessage)] == [ref]


def test_a_base_server_is_sent_no_command_that_it_does_not_know() -> None:
    driven = Driven(ADA)
    driven.online(native=False)
    assert driven.machine.request_status() is False
    driven.post({"n": 1})
    driven.wait(600)
    assert {type(message) for message in driven.sent} == {wire.Login, wire.ActivityMessage}


def test_an_activity_that_a_base_server_refuses_by_name_is_refused() -> None:
    driven = Driven(ADA)
    driven.online(native=False)
    ref = driven.post({"n": 1})
    driven.say(wire.AuthenticationFail("not yours"))
    assert outcomes(driven) == [("PostRefused", ref)]
