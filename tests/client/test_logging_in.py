"""Registering, logging in, and the answers that end a client."""

from __future__ import annotations

from core.client import (
    ClientSettings,
    Disconnected,
    GaveUp,
    LoggedIn,
    LoginRefused,
    Registered,
    RegisterRefused,
    Renamed,
)
from core.wire import messages as wire
from tests.client.scripted import HERE, Driven

ADA = ClientSettings(username="ada", secret="s3cret")


def test_an_anonymous_client_sends_no_secret() -> None:
    driven = Driven(ClientSettings(secret="ignored"))
    driven.online()
    assert driven.said(wire.Login)[0].secret is None
    assert [event.username for event in driven.of(LoggedIn)] == ["anonymous"]


def test_a_registration_is_followed_by_a_login_on_the_same_connection() -> None:
    driven = Driven(ClientSettings(username="ada", secret="s3cret", register=True))
    driven.start()
    driven.connected()
    driven.say(wire.RegisterSuccess(), wire.LoginSuccess(id="aa"))
    assert [type(message) for message in driven.sent[:2]] == [wire.Register, wire.Login]
    assert driven.dialled == [HERE]
    assert driven.of(LoggedIn)


def test_a_registration_without_a_secret_makes_one_of_26_base32_characters_and_tells_it() -> None:
    driven = Driven(ClientSettings(username="ada", register=True))
    driven.start()
    driven.connected()
    driven.say(wire.RegisterSuccess())
    (registered,) = driven.of(Registered)
    assert len(registered.secret) == 26
    assert set(registered.secret) <= set("abcdefghijklmnopqrstuvwxyz234567")
    assert driven.said(wire.Login)[0].secret == driven.said(wire.Register)[0].secret == registered.secret


def test_a_secret_does_not_show_in_what_is_logged_of_settings_and_events() -> None:
    assert "s3cret" not in repr(ADA)
    assert "s3cret" not in repr(Registered("ada", "s3cret"))


def test_a_refused_login_is_final() -> None:
    driven = Driven(ADA)
    driven.start()
    driven.connected()
    driven.say(wire.LoginFailed("no"))
    assert [event.info for event in driven.of(LoginRefused)] == ["no"]
    assert driven.of(GaveUp)
    driven.wait(100)
    assert driven.dialled == [HERE]


def test_a_refused_registration_is_final() -> None:
    driven = Driven(ClientSettings(username="ada", register=True))
    driven.start()
    driven.connected()
    driven.say(wire.RegisterFailed("taken"))
    assert [event.info for event in driven.of(RegisterRefused)] == ["taken"]
    assert driven.of(GaveUp)


def test_a_login_that_was_right_before_is_tried_again_when_a_server_refuses_it() -> None:
    driven = Driven(ADA)
    driven.online()
    driven.lose()
    driven.until_dialled()
    driven.connected()
    driven.say(wire.LoginFailed("unknown here"))
    assert not driven.of(LoginRefused)
    assert driven.until_dialled() == HERE


def test_somebody_who_was_in_goes_on_trying_as_long_as_there_is_only_no_room() -> None:
    driven = Driven(ADA)
    driven.online()
    driven.lose()
    for _ in range(10):
        driven.until_dialled()
        driven.connected()
        driven.say(wire.LoginFailed("no room", later=True))
    assert not driven.of(LoginRefused)
    assert driven.until_dialled() == HERE


def test_somebody_who_comes_for_the_first_time_is_told_that_there_is_no_room() -> None:
    driven = Driven(ADA)
    driven.start()
    driven.connected()
    driven.say(wire.LoginFailed("no room", later=True))
    assert [event.info for event in driven.of(LoginRefused)] == ["no room"]


def test_a_registration_whose_answer_was_lost_is_settled_by_logging_in() -> None:
    driven = Driven(ClientSettings(username="ada", register=True))
    driven.start()
    driven.connected()
    driven.lose()
    driven.until_dialled()
    driven.connected()
    driven.say(wire.LoginSuccess(id="aa"))
    assert len(driven.of(Registered)) == 1
    assert len(driven.said(wire.Register)) == 1


def test_without_reconnecting_the_first_loss_is_the_end() -> None:
    driven = Driven(ClientSettings(reconnect=False))
    driven.online()
    driven.lose("cut")
    assert [event.retry_in for event in driven.of(Disconnected)] == [None]
    assert driven.of(GaveUp)


def test_a_changed_name_is_told_and_logins_go_on_with_the_one_that_servers_know() -> None:
    driven = Driven(ADA)
    driven.online()
    driven.say(wire.AccountRenamed("ada", "ada-2", "earlier"))
    assert [(event.username, event.renamed) for event in driven.of(Renamed)] == [("ada", "ada-2")]
    driven.lose()
    driven.until_dialled()
    driven.connected()
    assert driven.said(wire.Login)[-1].username == "ada"


def test_a_server_that_does_not_answer_the_login_is_given_up() -> None:
    driven = Driven(ADA)
    driven.start()
    driven.connected()
    driven.wait(ADA.answer_limit + 1)
    assert driven.of(Disconnected)
    assert driven.disconnects
