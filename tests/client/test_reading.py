"""Activities that arrive: each once, and nothing missed."""

from __future__ import annotations

import msgspec

from core.client import ActivityArrived, CatchUpDone, ClientSettings, PostAccepted
from core.wire import messages as wire
from tests.client.scripted import Driven, broadcast


def reported(driven: Driven) -> list[str | None]:
    return [event.id for event in driven.of(ActivityArrived)]


def test_an_activity_that_arrives_twice_is_reported_once() -> None:
    driven = Driven()
    driven.online()
    driven.say(broadcast(1), broadcast(1), broadcast(2), broadcast(1))
    assert reported(driven) == ["n.1.1", "n.1.2"]


def test_whoever_checks_a_server_hears_of_repetitions_and_that_they_are_some() -> None:
    driven = Driven(ClientSettings(tell_repetitions=True))
    driven.online()
    driven.say(broadcast(1, ref="r-1"), broadcast(1, ref="r-1"), broadcast(1, node="m", ref="r-1"), broadcast(3))
    heard = [(event.id, event.again) for event in driven.of(ActivityArrived)]
    assert heard == [("n.1.1", False), ("n.1.1", True), ("m.1.1", True), ("n.1.3", False)]


def test_a_repetition_of_an_own_post_at_a_base_server_answers_nothing_a_second_time() -> None:
    driven = Driven(ClientSettings(tell_repetitions=True))
    driven.online(native=False)
    ref = driven.post({"n": 1})
    own = wire.ActivityBroadcast(msgspec.Raw(b'{"n":1,"authenticated_user":"anonymous"}'))
    driven.say(own, own)
    assert [event.ref for event in driven.of(PostAccepted)] == [ref]


def test_an_activity_that_two_servers_accepted_under_one_ref_is_reported_once() -> None:
    driven = Driven()
    driven.online()
    driven.say(broadcast(1, node="a", ref="r-1"), broadcast(1, node="b", ref="r-1"))
    assert reported(driven) == ["a.1.1"]


def test_what_a_server_says_under_somebodys_ref_hides_nothing_that_they_wrote_under_it() -> None:
    driven = Driven()
    driven.online()
    driven.say(broadcast(1, node="a", ref="r-1"), broadcast(2, node="b", ref="r-1"))
    assert reported(driven) == ["a.1.1", "b.1.2"]


def test_what_a_server_says_under_ones_own_ref_is_not_taken_for_ones_own_unless_it_says_the_same() -> None:
    driven = Driven()
    driven.online()
    ref = driven.post({"n": 1})
    other = wire.ActivityBroadcast(
        msgspec.Raw(b'{"n":2,"authenticated_user":"anonymous"}'), id="l.1.1", stamp=1, sender="", ref=ref
    )
    own = wire.ActivityBroadcast(
        msgspec.Raw(b'{"n":1,"authenticated_user":"anonymous"}'), id="n.1.1", stamp=2, sender="", ref=ref
    )
    driven.say(other, own)
    assert [(event.id, event.own_ref) for event in driven.of(ActivityArrived)] == [("l.1.1", None), ("n.1.1", ref)]


def test_the_same_ref_of_two_senders_names_two_activities() -> None:
    driven = Driven()
    driven.online()
    driven.say(broadcast(1, sender="ann", ref="r-1"), broadcast(2, sender="bob", ref="r-1"))
    assert len(reported(driven)) == 2


def test_the_next_login_names_what_was_seen_from_the_first_logins_vector_on() -> None:
    driven = Driven()
    driven.online(vector={"n.1": 4, "m.2": 9})
    driven.say(broadcast(5), broadcast(6))
    driven.lose()
    driven.until_dialled()
    driven.connected()
    assert driven.said(wire.Login)[-1].seen == {"n.1": 6, "m.2": 9}


def test_what_came_before_the_first_login_behind_a_gap_is_not_reported_later() -> None:
    driven = Driven()
    driven.start()
    driven.connected()
    driven.say(wire.LoginSuccess(id="aa", vector={"n.1": 4}, beyond=["n.1.6"]), wire.CaughtUp(0), broadcast(7))
    driven.lose()
    driven.until_dialled()
    driven.connected()
    assert driven.said(wire.Login)[-1].seen == {"n.1": 4}
    driven.say(wire.LoginSuccess(id="aa", vector={"n.1": 7}), *map(broadcast, (5, 6, 7)), wire.CaughtUp(2))
    assert [event.id for event in driven.of(ActivityArrived)] == ["n.1.7", "n.1.5"]


def test_what_was_missed_is_reported_as_past_and_what_follows_as_live() -> None:
    driven = Driven()
    driven.online(vector={"n.1": 4})
    driven.lose()
    driven.until_dialled()
    driven.connected()
    driven.say(wire.LoginSuccess(id="aa", vector={"n.1": 5}), broadcast(5), wire.CaughtUp(1), broadcast(6))
    assert [(event.id, event.live) for event in driven.of(ActivityArrived)] == [("n.1.5", False), ("n.1.6", True)]
    assert driven.of(CatchUpDone)[-1].count == 1


def test_what_a_server_repeats_behind_a_gap_is_not_counted_as_missed() -> None:
    driven = Driven()
    driven.online(vector={"n.1": 1})
    # n.1.2 is a change of an account, which no client is sent.
    driven.say(broadcast(3))
    driven.lose()
    driven.until_dialled()
    driven.connected()
    driven.say(wire.LoginSuccess(id="aa", vector={"n.1": 4}), broadcast(3), broadcast(4), wire.CaughtUp(2))
    assert reported(driven) == ["n.1.3", "n.1.4"]
    assert driven.of(CatchUpDone)[-1].count == 1


def test_history_is_reported_although_the_logins_vector_covers_it() -> None:
    driven = Driven(ClientSettings(history=2))
    driven.start()
    driven.connected()
    assert driven.said(wire.Login)[0].history == 2
    driven.say(
        wire.LoginSuccess(id="aa", vector={"n.1": 8}), broadcast(7), broadcast(8), wire.CaughtUp(2), broadcast(8)
    )
    assert reported(driven) == ["n.1.7", "n.1.8"]


def test_a_login_that_was_redirected_at_once_asks_the_next_server_for_history_all_the_same() -> None:
    driven = Driven(ClientSettings(history=2))
    driven.start()
    driven.connected()
    driven.say(wire.LoginSuccess(id="aa", vector={"n.1": 8}), wire.Redirect("two.example", 2))
    driven.connected()
    assert driven.said(wire.Login)[-1].history == 2


def test_an_activity_without_an_id_is_reported_each_time() -> None:
    driven = Driven()
    driven.online(native=False)
    plain = wire.ActivityBroadcast(broadcast(1).activity)
    driven.say(plain, plain)
    assert reported(driven) == [None, None]


def test_at_a_base_server_catching_up_is_over_at_once() -> None:
    driven = Driven()
    driven.online(native=False)
    assert driven.of(CatchUpDone) == [CatchUpDone(0)]


def test_a_login_names_no_more_streams_than_its_line_can_hold() -> None:
    driven = Driven()
    driven.online(vector={f"{'n' * 60}{number}.{10**15}": number + 1 for number in range(1500)})
    driven.lose()
    driven.until_dialled()
    driven.connected()
    assert len(driven.lines()[-1]) < 64 * 1024
