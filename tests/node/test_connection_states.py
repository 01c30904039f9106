"""Every state of a connection against every command: what the table of legal commands says is what happens."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from core.node.interface import actions, events
from core.node.kernel.connections import LEGAL, ConnectionState
from core.wire import messages as wire
from core.wire.address import Address
from core.wire.messages import Message, command_of
from tests.node.network import SECRET, Network, Peer, Server

BODY = msgspec.Raw(b'{"text":"hello"}')

EXAMPLES: list[Message] = [
    wire.Authenticate(SECRET),
    wire.AuthenticationFail("why"),
    wire.InvalidMessage("why"),
    wire.Login("anonymous"),
    wire.LoginSuccess("welcome"),
    wire.LoginFailed("why"),
    wire.Redirect("other.example", 3780),
    wire.Logout(),
    wire.Register("somebody", "secret"),
    wire.RegisterSuccess("welcome"),
    wire.RegisterFailed("why"),
    wire.ActivityMessage("anonymous", {"text": msgspec.Raw(b'"hello"')}),
    wire.ActivityBroadcast(BODY, id="elsewhere.1.1", stamp=1),
    wire.ServerAnnounce("elsewhere", 1, "other.example", 3780),
    wire.LockRequest("somebody", "secret", claim="elsewhere.1.1", round=1, stamp=1, verifier="$argon2id$x"),
    wire.LockAllowed("somebody", "secret"),
    wire.LockDenied("somebody", "secret"),
    wire.Quit("other.example", 3780),
    wire.UserInfo({"somebody": "$argon2id$x"}),
    wire.ServerHello("elsewhere", 1, "other.example", 3780, features=["sync"]),
    wire.ServerRefused("busy"),
    wire.Account("elsewhere.1.1", 1, "somebody", "$argon2id$x", 1, "elsewhere.1.1"),
    wire.LockRelease("somebody", "elsewhere.1.1"),
    wire.SyncDigest("x"),
    wire.SyncRequest({}),
    wire.SyncDone(),
    wire.MapSummary({}),
    wire.Ping(1),
    wire.Pong(1),
    wire.ActivityAck("ref", "elsewhere.1.1", 1),
    wire.ActivityRefused("ref", "why"),
    wire.CaughtUp(1),
    wire.AccountRenamed("somebody", "somebody~abcdef", "why"),
    wire.ChangeSecret("secret", "another"),
    wire.SecretChanged(),
    wire.SecretNotChanged("why"),
    wire.StatusRequest(),
    wire.Status({}),
]

CASES = [
    pytest.param(state, example, id=f"{state.name}-{command_of(example)}")
    for state in ConnectionState
    for example in EXAMPLES
]


def connection_in(state: ConnectionState, network: Network, server: Server) -> Peer:
    """A connection of `server` that has got into `state`."""
    peer: Peer
    match state:
        case ConnectionState.WAITING:
            peer = network.listening_base_server()
            server.handle(events.JoinRequested(Address("base.example", 9000)))
        case ConnectionState.FRESH:
            peer = network.peer(server)
        case ConnectionState.SETTLING:
            peer = network.peer(server)
            network.hashing = 1000.0
            peer.say(wire.Register("newcomer", "secret"))
        case ConnectionState.GREETED:
            peer = network.registered(server, "else")
        case ConnectionState.LOGGED_IN:
            peer = network.logged_in(server)
        case ConnectionState.QUIET:
            peer = network.peer(server)
            peer.say(wire.Authenticate(SECRET))
        case ConnectionState.LISTENING:
            network.start("b", server)
            network.run(1.0)
            base = network.listening_base_server()
            server.handle(events.JoinRequested(Address("base.example", 9000)))
            network.run(0.1)
            base.announce()
            peer = base
        case ConnectionState.BASE:
            peer = network.base_server(server)
        case ConnectionState.NATIVE:
            peer = network.peer(server)
            peer.say(wire.Authenticate(SECRET, id="elsewhere", incarnation=1, features=["sync"]))
        case ConnectionState.CLOSING:
            peer = network.peer(server)
            network.run(0.02)
            assert peer.wire is not None
            server.handle(events.MalformedReceived(peer.wire.number, "nonsense"))
            return peer
    network.run(0.02)
    return peer


def test_every_command_has_an_example() -> None:
    assert {type(example) for example in EXAMPLES} == set(get_args(Message))


@pytest.mark.parametrize(("state", "message"), CASES)
def test_a_command_is_answered_as_the_table_of_its_state_says(state: ConnectionState, message: Message) -> None:
    network = Network()
    server = network.start("a")
    bystander = network.logged_in(server)
    heard = len(bystander.log)
    peer = connection_in(state, network, server)
    assert peer.wire is not None
    conn = peer.wire.number
    connection = server.node.links._context.connections.get(conn)
    assert connection is not None
    assert connection.state is state

    done = server.handle(events.MessageReceived(conn, message))

    answers = [action for action in done if not isinstance(action, actions.Notify | actions.WakeAt)]
    if state is ConnectionState.CLOSING:
        assert done == []
    elif type(message) in LEGAL[state]:
        sent = [action.frame.message for action in answers if isinstance(action, actions.Send)]
        assert not [one for one in sent if isinstance(one, wire.InvalidMessage)]
    else:
        first, second = answers
        assert isinstance(first, actions.Send)
        assert first.conn == conn
        assert isinstance(first.frame.message, wire.InvalidMessage)
        assert command_of(message) in first.frame.message.info
        assert isinstance(second, actions.Close)
        assert second.conn == conn
        network.run(1.0)
        assert peer.of(wire.InvalidMessage)
        assert conn not in server.wires
        assert len(bystander.log) == heard
        assert bystander.closed is None


@pytest.mark.parametrize(
    "state", [state for state in ConnectionState if state is not ConnectionState.CLOSING], ids=lambda one: one.name
)
def test_what_is_no_message_is_answered_and_closes_only_its_connection(state: ConnectionState) -> None:
    network = Network()
    server = network.start("a")
    bystander = network.logged_in(server)
    peer = connection_in(state, network, server)
    assert peer.wire is not None
    conn = peer.wire.number
    peer.say(b"h\n")
    network.run(1.0)
    (answer,) = peer.of(wire.InvalidMessage)
    assert "JSON" in answer.info
    assert conn not in server.wires
    assert bystander.closed is None


def test_a_connection_that_says_nothing_valid_is_closed_after_ten_seconds() -> None:
    network = Network()
    peer = network.peer(network.start("a"))
    network.run(9.9)
    assert peer.closed is None
    network.run(0.2)
    assert peer.commands == ["INVALID_MESSAGE"]
    assert peer.closed is not None


def test_a_connection_that_has_said_something_valid_may_be_silent() -> None:
    network = Network()
    server = network.start("a")
    anonymous, registered = network.logged_in(server), network.registered(server, "ann")
    network.run(60.0)
    assert anonymous.closed is None
    assert registered.closed is None


def test_nothing_is_said_to_a_connection_that_closed_before_its_first_word() -> None:
    network = Network()
    server = network.start("a")
    peer = network.peer(server)
    peer.hang_up()
    network.run(20.0)
    assert peer.log == []
    assert not [one for one in server.sent if isinstance(one[1], wire.InvalidMessage)]
