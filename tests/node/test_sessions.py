"""Clients: registering, logging in, posting, and what is refused how."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from core.simulation.testing import NATIVE_CLIENT, ScriptedClient, ScriptedNetwork, WatchedServer
from core.wire import messages as wire
from core.wire.entries import AccountFact


@pytest.fixture
def network() -> ScriptedNetwork:
    return ScriptedNetwork()


@pytest.fixture
def server(network: ScriptedNetwork) -> WatchedServer:
    return network.start("a", redirects=False)


def account(network: ScriptedNetwork, server: WatchedServer, name: str = "ann", secret: str = "s") -> None:
    network.registered(server, name, secret).hang_up()
    network.run(0.1)


# --- registering ------------------------------------------------------------------------------------------------------


def test_after_registering_the_connection_stays_open_for_the_login(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    client = network.base_client(server)
    client.register("ann")
    network.run(1.0)
    client.login("ann", "s")
    network.run(1.0)
    assert client.commands == ["REGISTER_SUCCESS", "LOGIN_SUCCESS"]
    assert client.closed is None


@pytest.mark.parametrize("secret", ["s", "another"])
def test_a_registered_name_is_refused_and_the_connection_closed(
    network: ScriptedNetwork, server: WatchedServer, secret: str
) -> None:
    account(network, server)
    client = network.base_client(server)
    client.register("ann", secret)
    network.run(1.0)
    assert client.commands == ["REGISTER_FAILED"]
    assert client.closed is not None


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        *(
            ("anonymous", "s"),
            ("", "s"),
            (" ann", "s"),
            ("ann ", "s"),
            ("a\nb", "s"),
            ("a\x1b[2Jb", "s"),
            ("\x00", "s"),
        ),
        *(("x" * 65, "s"), ("ann~abc234", "s"), ("ann", ""), ("ann", "s" * 1025)),
    ],
    ids=repr,
)
def test_a_name_or_secret_that_cannot_be_is_refused(
    network: ScriptedNetwork, server: WatchedServer, name: str, secret: str
) -> None:
    client = network.base_client(server)
    client.register(name, secret)
    network.run(1.0)
    assert client.commands == ["REGISTER_FAILED"]
    assert client.of(wire.RegisterFailed)[0].info
    assert client.closed is not None
    assert not len(server.node.book)


@pytest.mark.parametrize(
    "name", ["a", "Ann Lee", "ä", "名前", "a\u0301", "👩‍👩‍👧", "x" * 64, "null", "../etc", "a~b", '"\\', "<b>"]
)
def test_names_are_free_in_their_characters(network: ScriptedNetwork, server: WatchedServer, name: str) -> None:
    account(network, server, name)
    client = network.logged_in(server, name, "s")
    client.post("hello", name, "s")
    network.run(1.0)
    assert msgspec.json.decode(bytes(client.of(wire.ActivityBroadcast)[0].activity))["authenticated_user"] == name


def test_registering_on_a_connection_that_is_logged_in_is_invalid(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    client = network.logged_in(server)
    client.register("ann")
    network.run(1.0)
    assert client.commands[-1] == "INVALID_MESSAGE"
    assert "REGISTER" in client.of(wire.InvalidMessage)[0].info
    assert client.closed is not None


def test_registering_behind_a_login_that_is_being_checked_is_invalid_too(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    account(network, server)
    client = network.base_client(server)
    client.login("ann", "s")
    client.register("bob")
    network.run(1.0)
    assert client.commands == ["LOGIN_SUCCESS", "INVALID_MESSAGE"]


def test_several_names_may_be_registered_on_one_connection(network: ScriptedNetwork, server: WatchedServer) -> None:
    client = network.base_client(server)
    client.register("ann")
    client.register("bob")
    network.run(1.0)
    assert client.commands == ["REGISTER_SUCCESS", "REGISTER_SUCCESS"]


def test_a_client_that_leaves_while_it_registers_hurts_nobody(network: ScriptedNetwork, server: WatchedServer) -> None:
    client = network.base_client(server)
    client.register("ann")
    network.run(0.01)
    client.hang_up()
    network.run(30.0)
    assert server.node.book.knows("ann")


# --- logging in -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", [None, "", "any"])
def test_anonymous_needs_no_secret(network: ScriptedNetwork, server: WatchedServer, secret: str | None) -> None:
    client = network.base_client(server)
    client.login("anonymous", secret)
    network.run(1.0)
    assert client.commands == ["LOGIN_SUCCESS"]
    assert client.closed is None


@pytest.mark.parametrize(
    ("name", "secret"), [("ann", "wrong"), ("ann", None), ("ann", ""), ("bob", "s"), ("bob", None), ("", "s")]
)
def test_a_login_that_is_not_right_fails_and_is_closed(
    network: ScriptedNetwork, server: WatchedServer, name: str, secret: str | None
) -> None:
    account(network, server)
    client = network.base_client(server)
    client.login(name, secret)
    network.run(1.0)
    assert client.commands == ["LOGIN_FAILED"]
    assert client.of(wire.LoginFailed)[0].info
    assert client.closed is not None
    assert server.load == 0


def test_whoever_logs_in_with_a_name_that_nobody_has_is_told_so(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    account(network, server)
    answers = {}
    for name in ("ann", "bob", "x" * 500):
        client = network.base_client(server)
        client.login(name, "wrong")
        network.until(lambda client=client: bool(client.log))  # type: ignore[misc]
        answers[name] = client.of(wire.LoginFailed)[0].info
    assert answers["ann"] == "the name and the secret do not match"
    assert answers["bob"] == "there is no bob; register the name, or look how it is written"
    assert len(answers["x" * 500]) < 150, "an answer quotes no more of a name than a name may have"


def test_a_server_may_refuse_anonymous_clients(network: ScriptedNetwork) -> None:
    client = network.base_client(network.start("a", anonymous=False))
    client.login()
    network.run(1.0)
    assert client.commands == ["LOGIN_FAILED"]
    assert client.closed is not None


def test_a_base_client_sees_no_command_that_it_does_not_know(network: ScriptedNetwork, server: WatchedServer) -> None:
    account(network, server)
    client = network.base_client(server)
    client.login("ann", "s")
    client.post("hello", "ann", "s", ref="r1")
    network.run(60.0)
    assert client.commands == ["LOGIN_SUCCESS", "ACTIVITY_BROADCAST"]


def test_a_later_login_on_a_connection_counts(network: ScriptedNetwork, server: WatchedServer) -> None:
    account(network, server)
    client = network.base_client(server)
    client.login()
    client.login("ann", "s")
    client.post("as ann", "ann", "s")
    network.run(1.0)
    assert client.commands == ["LOGIN_SUCCESS", "LOGIN_SUCCESS", "ACTIVITY_BROADCAST"]
    assert server.load == 1
    assert server.node.sessions.users() == ["ann"]
    client.login()
    client.post("as nobody")
    network.run(1.0)
    assert client.texts() == ["as ann", "as nobody"]
    client.post("as ann", "ann", "s")
    network.run(1.0)
    assert client.commands[-1] == "AUTHENTICATION_FAIL"
    assert server.load == 0


def test_a_later_login_that_fails_ends_the_connection(network: ScriptedNetwork, server: WatchedServer) -> None:
    account(network, server)
    client = network.base_client(server)
    client.login()
    client.login("ann", "wrong")
    network.run(1.0)
    assert client.commands == ["LOGIN_SUCCESS", "LOGIN_FAILED"]
    assert client.closed is not None
    assert server.load == 0


def test_somebody_who_is_logged_in_still_hears_everything_while_a_second_login_is_checked(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    account(network, server)
    network.hashing = 1.0
    client, other = network.base_client(server), network.logged_in(server)
    client.login()
    network.run(0.1)
    client.login("ann", "s")
    network.run(0.1)
    other.post("meanwhile")
    network.run(3.0)
    assert client.commands == ["LOGIN_SUCCESS", "ACTIVITY_BROADCAST", "LOGIN_SUCCESS"]


def test_logging_out_closes_the_connection_without_a_word(network: ScriptedNetwork, server: WatchedServer) -> None:
    client = network.base_client(server)
    client.login()
    client.say(wire.Logout())
    network.run(1.0)
    assert client.commands == ["LOGIN_SUCCESS"]
    assert client.closed is not None
    assert server.load == 0


def test_a_session_that_the_driver_vouches_for_needs_no_secret(network: ScriptedNetwork, server: WatchedServer) -> None:
    account(network, server)
    client = network.client(server, origin="local", vouched="ann")
    client.login("ann")
    client.post("hello", "ann")
    network.run(1.0)
    assert client.texts() == ["hello"]


@pytest.mark.parametrize("name", ["bob", "nobody"])
def test_a_session_is_vouched_for_under_one_name_only(
    network: ScriptedNetwork, server: WatchedServer, name: str
) -> None:
    account(network, server, "ann")
    account(network, server, "bob")
    client = network.client(server, origin="local", vouched="ann")
    client.login(name)
    network.run(1.0)
    assert client.commands == ["LOGIN_FAILED"]


def test_nobody_is_vouched_for_from_outside(network: ScriptedNetwork, server: WatchedServer) -> None:
    account(network, server)
    client = network.client(server, origin="inbound", vouched="ann")
    client.login("ann")
    network.run(1.0)
    assert client.commands == ["LOGIN_FAILED"]


# --- messages that wait -----------------------------------------------------------------------------------------------


def test_messages_that_arrive_while_a_secret_is_checked_keep_their_order(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    client = network.client(server)
    client.register("ann")
    client.login("ann", "s")
    for number in range(5):
        client.post(number, "ann", "s", ref=f"r{number}")
    client.say(wire.Ping(7))
    client.login()
    client.post("nobody")
    network.run(2.0)
    assert client.commands[:2] == ["REGISTER_SUCCESS", "LOGIN_SUCCESS"]
    assert [one.ref for one in client.of(wire.ActivityAck)] == [f"r{number}" for number in range(5)]
    assert client.of(wire.Pong) == [wire.Pong(7)]
    assert [one["text"] for one in server.activities()] == [0, 1, 2, 3, 4, "nobody"]


@pytest.mark.parametrize("message", [wire.Ping(1), wire.StatusRequest()], ids=["PING", "STATUS_REQUEST"])
def test_what_waited_is_judged_by_the_state_in_which_its_turn_comes(
    network: ScriptedNetwork, server: WatchedServer, message: wire.Message
) -> None:
    client = network.client(server)
    client.register("ann")
    client.say(message)
    network.run(1.0)
    assert client.commands == ["REGISTER_SUCCESS", "INVALID_MESSAGE"]
    assert client.closed is not None


def test_any_number_of_logins_may_wait(network: ScriptedNetwork, server: WatchedServer) -> None:
    account(network, server)
    client = network.base_client(server)
    client.login("ann", "s")
    for _ in range(999):
        client.login()
    network.run(1.0)
    assert client.commands == ["LOGIN_SUCCESS"] * 1000
    assert server.load == 1


def test_nothing_that_waited_is_heeded_after_a_refusal(network: ScriptedNetwork, server: WatchedServer) -> None:
    client = network.client(server)
    client.login("ann", "s")
    client.login()
    client.post("hello")
    network.run(1.0)
    assert client.commands == ["LOGIN_FAILED"]
    assert server.activities() == []


def test_a_client_that_sends_much_while_its_secret_is_checked_is_not_read_from(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    account(network, server)
    client = network.client(server)
    client.login("ann", "s")
    for number in range(40):
        client.post(number, "ann", "s")
    network.run(0.01)
    assert client.conn in server.held
    network.run(1.0)
    assert client.conn not in server.held
    assert client.texts() == list(range(40))


def test_a_client_that_goes_on_all_the_same_is_closed(network: ScriptedNetwork, server: WatchedServer) -> None:
    account(network, server)
    client = network.client(server)
    client.login("ann", "s")
    for number in range(1001):
        client.post(number, "ann", "s")
    network.run(1.0)
    assert client.commands == ["INVALID_MESSAGE"]
    assert client.closed is not None


# --- posting ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "secret"), [("ann", "wrong"), ("ann", None), ("bob", "s"), ("anonymous", None), ("anonymous", "s")]
)
def test_an_activity_needs_the_name_and_secret_of_the_login(
    network: ScriptedNetwork, server: WatchedServer, name: str, secret: str | None
) -> None:
    account(network, server)
    client = network.base_client(server)
    client.login("ann", "s")
    client.post("hello", name, secret)
    network.run(1.0)
    assert client.commands == ["LOGIN_SUCCESS", "AUTHENTICATION_FAIL"]
    assert client.closed is not None
    assert server.activities() == []


@pytest.mark.parametrize("secret", [None, "", "any"])
def test_an_anonymous_activity_needs_no_secret(
    network: ScriptedNetwork, server: WatchedServer, secret: str | None
) -> None:
    client = network.base_client(server)
    client.login()
    client.post("hello", "anonymous", secret)
    network.run(1.0)
    assert client.commands == ["LOGIN_SUCCESS", "ACTIVITY_BROADCAST"]


def test_an_anonymous_client_cannot_post_under_a_name(network: ScriptedNetwork, server: WatchedServer) -> None:
    account(network, server)
    client = network.base_client(server)
    client.login()
    client.post("hello", "ann", "s")
    network.run(1.0)
    assert client.commands == ["LOGIN_SUCCESS", "AUTHENTICATION_FAIL"]


@pytest.mark.parametrize("registered", [False, True], ids=["fresh", "registered"])
def test_an_activity_before_the_login_is_not_authentic(
    network: ScriptedNetwork, server: WatchedServer, registered: bool
) -> None:
    client = network.registered(server, "ann") if registered else network.base_client(server)
    client.post("hello", "ann", "s")
    network.run(1.0)
    assert client.commands[-1] == "AUTHENTICATION_FAIL"
    assert client.closed is not None


def test_an_activity_keeps_everything_but_its_user(network: ScriptedNetwork, server: WatchedServer) -> None:
    account(network, server)
    sender, receiver = network.base_client(server), network.base_client(server)
    receiver.login()
    sender.login("ann", "s")
    body = (
        b'{"authenticated_user":{"x":1},"n":1.00000000000000000001,"x":1e400,"deep":[[{"a":"\\u0000\\u00e9"}]],"":null}'
    )
    sender.say(b'{"command":"ACTIVITY_MESSAGE","username":"ann","secret":"s","extra":1,"activity":' + body + b"}\n")
    network.run(1.0)
    received = bytes(receiver.of(wire.ActivityBroadcast)[0].activity)
    members = msgspec.json.decode(received, type=dict[str, msgspec.Raw])
    assert msgspec.json.decode(members.pop("authenticated_user")) == "ann"
    sent = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    del sent["authenticated_user"]
    assert {name: bytes(value) for name, value in members.items()} == {
        name: bytes(value) for name, value in sent.items()
    }


@pytest.mark.parametrize("previous", ["", "x", "a.1", "a.1.x", "a.b.1.1", "." * 100, "a.1." + "9" * 17])
def test_a_previous_that_is_no_identity_is_invalid(
    network: ScriptedNetwork, server: WatchedServer, previous: str
) -> None:
    client = network.logged_in(server)
    client.post("hello", previous=previous)
    network.run(1.0)
    assert client.commands[-1] == "INVALID_MESSAGE"
    assert client.closed is not None


def test_status_is_answered_to_who_is_logged_in(network: ScriptedNetwork, server: WatchedServer) -> None:
    client = network.logged_in(server)
    client.say(wire.StatusRequest())
    network.run(1.0)
    status: dict[str, Any] = client.of(wire.Status)[0].status
    assert status["id"] == server.id
    assert status["load"] == 1


def test_a_status_says_whether_its_load_counts_the_client_that_asks(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    early, late = network.logged_in(server), network.client(server, features=NATIVE_CLIENT)
    early.say(wire.StatusRequest())
    late.login()
    late.say(wire.StatusRequest())
    network.run(0.1)
    told = [client.of(wire.Status)[0].status for client in (early, late)]
    assert [status["load"] for status in told] == [1, 1], "both were answered with the picture of one moment"
    assert [status.get("counts_you") for status in told] == [True, None]
    network.run(1.0)
    late.say(wire.StatusRequest())
    network.run(1.0)
    status: dict[str, Any] = late.of(wire.Status)[1].status
    assert (status["load"], status["counts_you"]) == (2, True)


def test_a_status_names_no_client_addresses(network: ScriptedNetwork, server: WatchedServer) -> None:
    client = network.logged_in(server)
    client.say(wire.StatusRequest())
    network.run(1.0)
    assert b"client.example" not in msgspec.json.encode(client.of(wire.Status)[0].status)


def test_features_shown_while_registering_or_logging_in_make_a_client_native(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    client: ScriptedClient = network.client(server, features=NATIVE_CLIENT)
    client.login()
    network.run(1.0)
    assert client.commands == ["LOGIN_SUCCESS", "CAUGHT_UP"]
    (success,) = client.of(wire.LoginSuccess)
    assert success.id == server.id
    assert success.username == "anonymous"


# --- a name that a lying server has many accounts of ------------------------------------------------------------------


def test_a_wrong_secret_is_tried_for_few_of_the_accounts_that_a_name_may_mean(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    account(network, server)
    tells_of_many(server, "ann", 300)
    client = network.client(server)
    client.login("ann", "wrong")
    assert network.until(lambda: client.closed is not None, 60.0), client.log
    assert 2 <= server.verified <= 16


def test_whoever_has_a_name_is_let_in_by_it_however_many_others_there_are(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    account(network, server)
    fact = server.node.account("ann")
    assert fact is not None
    tells_of_many(server, "ann", 300)
    name = server.node.account_name(fact.claim)
    assert name is not None and name != "ann", "all others say that they were first"
    assert network.logged_in_slowly(server, name, "s").of(wire.LoginSuccess)[0].claim == fact.claim


def tells_of_many(server: WatchedServer, name: str, count: int) -> None:
    """A server says that a name was registered there again and again, and earlier."""
    for number in range(count):
        server.node.book.apply(AccountFact(name, "no verifier", number, f"liar.1.{number}", allowed_at=1 + number))
