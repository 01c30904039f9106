"""Redirects, servers that leave, and the way back after a loss."""

from __future__ import annotations

import msgspec
import pytest

from core.client import ActivityArrived, ClientSettings, Disconnected, Redirected, ServerQuits
from core.wire import messages as wire
from core.wire.address import Address
from core.wire.entries import Stream
from tests.client.scripted import HERE, THERE, Driven


def test_a_redirect_is_followed_at_once_and_told_to_the_next_server() -> None:
    driven = Driven()
    driven.online()
    driven.say(wire.Redirect(*THERE))
    assert driven.dialled == [HERE, THERE]
    assert [event.address for event in driven.of(Redirected)] == [THERE]
    assert not driven.of(Disconnected)
    driven.connected()
    login = driven.said(wire.Login)[-1]
    assert (login.redirects, login.visited) == (1, ["one.example:1"])


def test_a_client_that_follows_no_redirects_asks_to_be_kept() -> None:
    driven = Driven(ClientSettings(follow_redirects=False))
    driven.start()
    driven.connected()
    assert driven.said(wire.Login)[-1].redirects == 1000
    driven.say(wire.LoginSuccess(id="aa"), wire.Redirect(*THERE))
    assert driven.dialled == [HERE]


def test_redirects_are_followed_only_so_often_without_a_pause() -> None:
    driven = Driven(ClientSettings(redirects_max=3))
    driven.start()
    for number in range(10, 15):
        driven.connected()
        driven.say(wire.LoginSuccess(id="aa"), wire.Redirect("h", number))
        if driven.of(Disconnected):
            break
    assert len(driven.dialled) == 4
    assert driven.of(Disconnected)[0].retry_in is not None


def test_a_redirect_to_where_the_client_just_was_is_not_followed_at_once() -> None:
    driven = Driven()
    driven.online()
    driven.say(wire.Redirect(*THERE))
    driven.connected()
    driven.say(wire.LoginSuccess(id="bb"), wire.Redirect(*HERE))
    assert driven.dialled == [HERE, THERE]
    assert driven.of(Disconnected)


def test_a_server_that_redirects_to_itself_is_not_dialled_at_once() -> None:
    driven = Driven()
    driven.online()
    driven.say(wire.Redirect(*HERE))
    assert driven.dialled == [HERE]
    driven.until_dialled()


def test_a_leaving_servers_successor_is_dialled_at_once() -> None:
    driven = Driven()
    driven.online()
    driven.say(wire.Quit(THERE.host, THERE.port))
    assert driven.dialled == [HERE, THERE]
    assert driven.of(ServerQuits) == [ServerQuits(THERE)]


def test_when_the_network_ends_the_known_servers_are_tried_again_after_a_pause() -> None:
    driven = Driven()
    driven.online()
    driven.say(wire.Quit())
    assert driven.of(ServerQuits) == [ServerQuits(None)]
    assert driven.dialled == [HERE]
    assert driven.until_dialled() == HERE


def test_the_pause_between_attempts_grows_to_its_limit_and_is_jittered_from_nothing_on() -> None:
    pauses: list[list[float]] = []
    for seed in range(40):
        driven = Driven(ClientSettings(retry_min=0.25, retry_max=30.0), seed=seed)
        driven.start()
        for _ in range(12):
            driven.machine.connect_failed("refused", driven.now)
            driven.take()
            driven.until_dialled()
        pauses.append([event.retry_in or 0.0 for event in driven.of(Disconnected)])
    first, last = [one[0] for one in pauses], [one[-1] for one in pauses]
    assert max(first) <= 0.25
    assert 15 < max(last) <= 30
    assert min(last) < 10, "full jitter: clients of a lost server come back spread over the whole pause"


def test_all_known_servers_are_tried_in_turn() -> None:
    addresses = [HERE, THERE, Address("three.example", 3)]
    driven = Driven(addresses=addresses)
    driven.start()
    for _ in range(5):
        driven.machine.connect_failed("refused", driven.now)
        driven.take()
        driven.until_dialled()
    assert set(driven.dialled) == set(addresses)


def test_a_server_learnt_from_the_network_is_found_when_ones_own_has_died() -> None:
    driven = Driven()
    driven.online()
    driven.wait(4)
    assert driven.said(wire.StatusRequest), "nobody asks for it: the client must, while its server lives"
    driven.say(wire.Status({"servers": [{"hostname": "two.example", "port": 2, "state": "reachable"}]}))
    driven.lose()
    for _ in range(6):
        if driven.until_dialled() == THERE:
            return
        driven.machine.connect_failed("refused", driven.now)
        driven.take()
    pytest.fail("the other server was never tried")


def test_a_server_that_takes_logins_and_dies_at_once_is_not_dialled_ever_faster() -> None:
    driven = Driven(seed=3)
    driven.start()
    for _ in range(12):
        driven.connected()
        driven.say(wire.LoginSuccess(id="aa"), wire.CaughtUp(0))
        driven.lose()
        driven.until_dialled()
    pauses = [event.retry_in or 0.0 for event in driven.of(Disconnected)]
    assert max(pauses) > 2


def test_home_is_preferred_and_others_are_tried_when_it_cannot_be_had() -> None:
    driven = Driven(home=True)
    driven.start()
    assert driven.dialled == [None]
    driven.machine.connect_failed("no node", driven.now)
    driven.take()
    assert driven.until_dialled() == HERE


def test_a_silent_native_server_is_asked_and_given_up_after_three_missed_answers() -> None:
    driven = Driven()
    driven.online()
    driven.wait(60)
    assert len(driven.said(wire.Ping)) == 3
    assert driven.of(Disconnected)


def test_a_native_server_that_answers_is_kept() -> None:
    driven = Driven()
    driven.online()
    for _ in range(20):
        driven.wait(10.5)
        for ping in driven.said(wire.Ping)[-1:]:
            driven.say(wire.Pong(ping.number))
    assert not driven.of(Disconnected)


def test_a_client_is_heard_of_regularly_also_while_it_only_reads() -> None:
    driven = Driven(ClientSettings(ping_interval=10.0, discover_after=None))
    driven.online()
    for _ in range(60):
        driven.wait(1.0)
        driven.say(wire.Pong(0))
    assert len(driven.said(wire.Ping)) == 6
    assert not driven.of(Disconnected)


def test_a_server_that_was_asked_and_says_nothing_is_silent_since_it_was_last_heard() -> None:
    driven = Driven(ClientSettings(ping_interval=2.0, ping_misses=23, discover_after=None))
    driven.online()
    driven.wait(1.5)
    assert driven.machine.silent_for(driven.now) == 0
    driven.wait(1.5)
    assert driven.machine.silent_for(driven.now) == pytest.approx(3.0)
    driven.wait(20)
    assert driven.machine.silent_for(driven.now) == pytest.approx(23.0)
    assert not driven.of(Disconnected), "it is given up as late as by others"
    driven.say(wire.Pong(driven.said(wire.Ping)[-1].number))
    assert driven.machine.silent_for(driven.now) == 0
    driven.wait(30)
    assert driven.of(Disconnected)


def test_nobody_says_of_a_base_server_that_it_is_silent_as_it_cannot_be_asked() -> None:
    driven = Driven(ClientSettings(ping_interval=2.0))
    driven.online(native=False)
    driven.wait(30)
    assert driven.machine.silent_for(driven.now) == 0


def test_a_client_answers_a_server_that_asks_whether_it_is_there() -> None:
    driven = Driven()
    driven.online()
    driven.say(wire.Ping(7))
    assert driven.said(wire.Pong) == [wire.Pong(7)]


def sent_to_a_base_server(settings: ClientSettings) -> Driven:
    """A client whose server left before it had logged it in, and that has been at a base server since."""
    driven = Driven(settings)
    driven.start()
    driven.connected()
    driven.say(wire.Quit(*THERE, vector={"n.1": 5}))
    driven.online(native=False)
    assert driven.dialled == [HERE, THERE]
    return driven


def test_who_came_by_way_of_a_base_server_asks_for_what_it_has_missed_since_the_first_server_left() -> None:
    driven = sent_to_a_base_server(ClientSettings())
    driven.lose()
    driven.until_dialled()
    driven.connected()
    assert driven.said(wire.Login)[-1].seen == {"n.1": 5}
    driven.say(wire.LoginSuccess(id="aa", vector={"n.1": 7}))
    driven.say(wire.ActivityBroadcast(msgspec.Raw(b'{"n":6}'), id="n.1.6", sender="ann"))
    assert [event.id for event in driven.of(ActivityArrived)] == ["n.1.6"]


def test_who_wants_the_past_anyway_asks_for_that() -> None:
    driven = sent_to_a_base_server(ClientSettings(history=50))
    driven.lose()
    driven.until_dialled()
    driven.connected()
    login = driven.said(wire.Login)[-1]
    assert (login.seen, login.history) == (None, 50)


def test_what_a_leaving_server_says_of_the_past_does_not_hide_what_is_being_caught_up_with() -> None:
    driven = Driven(ClientSettings(seen={Stream("n", 1): 2}))
    driven.start()
    driven.connected()
    driven.say(wire.Quit(*THERE, vector={"n.1": 5}))
    driven.connected()
    assert driven.said(wire.Login)[-1].seen == {"n.1": 2}


def test_a_leaving_server_that_talks_nonsense_of_the_past_is_not_followed() -> None:
    driven = Driven()
    driven.start()
    driven.connected()
    driven.say(wire.Quit(*THERE, vector={"no stream": 5}))
    assert driven.dialled == [HERE]
    assert "nonsense" in driven.of(Disconnected)[0].reason
