"""Another secret for an account: asked for, answered, and what is done when the connection breaks in between."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from core.client import (
    Client,
    ClientEvent,
    ClientSettings,
    GaveUp,
    LoggedIn,
    LoginRefused,
    OutcomeUnknown,
    PostAccepted,
    SecretChangeDone,
    SecretChangeFailed,
    SecretChangeUnknown,
    SecretRefused,
)
from core.wire import messages as wire
from core.wire.address import Address
from tests.client.scripted import LIMIT, Driven

ADA = ClientSettings(username="ada", secret="old")
WELCOME = wire.LoginSuccess(id="aa", username="ada", vector={}, features=["change_secret"])


def online(settings: ClientSettings = ADA) -> Driven:
    driven = Driven(settings)
    driven.start()
    driven.connected()
    driven.say(WELCOME, wire.CaughtUp(0))
    return driven


def ask(driven: Driven, secret: str = "new") -> str | None:
    problem = driven.machine.change_secret(secret)
    driven.take()
    return problem


def come_back(driven: Driven) -> wire.Login:
    driven.until_dialled()
    driven.connected()
    return driven.said(wire.Login)[-1]


def test_the_present_secret_goes_along_and_the_new_one_counts_once_it_is_answered() -> None:
    driven = online()
    assert ask(driven) is None
    assert driven.said(wire.ChangeSecret) == [wire.ChangeSecret("old", "new")]
    driven.post({"n": 1}, "one")
    driven.say(wire.SecretChanged())
    driven.post({"n": 2}, "two")
    assert [one.secret for one in driven.said(wire.ActivityMessage)] == ["old", "new"]
    assert driven.of(SecretChangeDone) == [SecretChangeDone("ada", "new")]
    driven.lose()
    assert come_back(driven).secret == "new"
    assert "new" not in repr(SecretChangeDone("ada", "new"))


def test_a_refusal_leaves_the_secret_as_it_was() -> None:
    driven = online()
    ask(driven)
    driven.say(wire.SecretNotChanged("not today"))
    assert driven.of(SecretChangeFailed) == [SecretChangeFailed("not today")]
    driven.lose()
    assert come_back(driven).secret == "old"
    driven.say(WELCOME)
    assert ask(driven, "newer") is None


@pytest.mark.parametrize(
    ("welcome", "why"),
    [
        (wire.LoginSuccess(), "base protocol"),
        (wire.LoginSuccess(id="aa", vector={}), "older"),
    ],
)
def test_servers_that_do_not_know_the_command_never_see_it(welcome: wire.LoginSuccess, why: str) -> None:
    driven = Driven(ADA)
    driven.start()
    driven.connected()
    driven.say(welcome)
    assert why in (ask(driven) or "")
    assert not driven.said(wire.ChangeSecret)


def test_without_a_secret_or_a_connection_there_is_nothing_to_change() -> None:
    assert "anonymous" in (ask(online(ClientSettings())) or "")
    vouched = online(ClientSettings(username="ada"))
    assert "without a secret" in (ask(vouched) or "")
    assert vouched.machine.change_secret("new", "old") is None
    vouched.take()
    vouched.say(wire.SecretChanged())
    assert vouched.said(wire.ChangeSecret) == [wire.ChangeSecret("old", "new")]
    vouched.lose()
    assert come_back(vouched).secret is None, "who is vouched for goes on without"
    driven = online()
    assert ask(driven) is None
    assert "already" in (ask(driven, "other") or "")
    driven.lose()
    assert "no connection" in (ask(driven, "other") or "")


def test_after_a_connection_lost_before_the_answer_it_is_asked_for_again() -> None:
    driven = online()
    ask(driven)
    driven.lose()
    assert come_back(driven).secret == "old"
    driven.say(WELCOME)
    assert driven.said(wire.ChangeSecret) == [wire.ChangeSecret("old", "new")] * 2
    driven.say(wire.SecretChanged())
    assert driven.of(SecretChangeDone) == [SecretChangeDone("ada", "new")]


def test_a_login_that_is_refused_after_that_is_tried_with_the_new_secret_which_tells_that_it_was_changed() -> None:
    driven = online()
    ask(driven)
    driven.lose()
    assert come_back(driven).secret == "old"
    driven.say(wire.LoginFailed("no"))
    assert come_back(driven).secret == "new"
    driven.say(WELCOME)
    assert driven.of(SecretChangeDone) == [SecretChangeDone("ada", "new")]
    assert len(driven.said(wire.ChangeSecret)) == 1 and not driven.of(LoginRefused)


@pytest.mark.parametrize("refusals", [1, 2, 3, 4])
def test_both_secrets_take_turns_as_a_server_that_has_just_started_may_not_know_the_right_one(refusals: int) -> None:
    driven = online(ClientSettings(username="ada", secret="old", retry_max=0.1))
    ask(driven)
    driven.lose()
    for number in range(refusals):
        assert come_back(driven).secret == ("old", "new")[number % 2]
        driven.say(wire.LoginFailed("there is no ada" if number == 0 else "no"))
    assert come_back(driven).secret == ("old", "new")[refusals % 2]
    driven.say(WELCOME)
    assert not driven.of(LoginRefused)
    assert driven.of(SecretChangeDone) == ([SecretChangeDone("ada", "new")] if refusals % 2 else [])


def test_when_neither_secret_is_right_any_more_the_client_ends_and_says_so() -> None:
    driven = online(ClientSettings(username="ada", secret="old", retry_max=0.1))
    ask(driven)
    driven.lose()
    for _ in range(12):
        if driven.of(GaveUp):
            break
        come_back(driven)
        driven.say(wire.LoginFailed("no"))
    assert driven.of(LoginRefused)
    assert driven.of(SecretChangeUnknown)


def test_a_refusal_after_a_lost_connection_is_no_certain_one_for_the_server_before_may_have_changed_it() -> None:
    driven = online()
    ask(driven)
    driven.lose()
    come_back(driven)
    driven.say(WELCOME, wire.SecretNotChanged("this server is leaving the network"))
    assert driven.of(SecretChangeUnknown) and not driven.of(SecretChangeFailed)


def test_a_client_that_ends_before_the_answer_says_that_nobody_knows() -> None:
    driven = online()
    ask(driven)
    driven.machine.close(driven.now)
    driven.take()
    assert driven.of(SecretChangeUnknown)


def test_at_a_base_server_on_the_way_the_change_waits_for_one_that_knows_it() -> None:
    driven = online()
    ask(driven)
    driven.lose()
    come_back(driven)
    driven.say(wire.LoginSuccess())
    assert len(driven.said(wire.ChangeSecret)) == 1
    driven.lose()
    come_back(driven)
    driven.say(WELCOME)
    assert len(driven.said(wire.ChangeSecret)) == 2


@pytest.mark.parametrize(
    ("answer", "raises"), [("SECRET_CHANGED", None), ("SECRET_NOT_CHANGED", SecretRefused), ("", OutcomeUnknown)]
)
async def test_who_awaits_the_change_hears_what_became_of_it(answer: str, raises: type[Exception] | None) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b'{"command":"LOGIN_SUCCESS","id":"aa","vector":{},"features":["change_secret"]}\n')
        while line := await reader.readline():
            if b"CHANGE_SECRET" in line and answer:
                writer.write(f'{{"command":"{answer}","info":"so it is"}}\n'.encode())
            elif b"CHANGE_SECRET" in line:
                break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    heard: list[ClientEvent] = []
    settings = ClientSettings(username="ada", secret="old", reconnect=False)
    client = Client(settings, [Address(*server.sockets[0].getsockname())], heard.append)
    running = asyncio.create_task(client.run())
    try:
        async with asyncio.timeout(LIMIT):
            await client.wait_logged_in()
            if raises is None:
                await client.change_secret("new")
            else:
                with pytest.raises(raises, match="so it is" if answer else "closed"):
                    await client.change_secret("new")
            await client.close()
            await running
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        server.close()
        await server.wait_closed()
    assert any(isinstance(one, LoggedIn) for one in heard) and not any(isinstance(one, PostAccepted) for one in heard)
