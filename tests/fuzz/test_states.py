"""The node alone: in every state of a connection it is told nearly what may be said there, and whatever else."""

from __future__ import annotations

import random

import pytest

from core.client import ClientSettings
from core.client.client_states import RULES as CLIENT_RULES
from core.node.interface import events
from core.node.kernel.rules import RULES
from core.node.kernel.states import ConnectionState
from core.wire import messages as wire
from core.wire.codec import MalformedLine, decode, encode
from core.wire.messages import Message, command_of
from tests.client.scripted import Driven
from tests.client.test_client_states import EXAMPLES as SAID_TO_CLIENTS
from tests.client.test_client_states import NOT_FOR_CLIENTS, ROADS, go
from tests.fuzz.noise import Noise, drawn_seed, generator
from tests.node.one_node import OneNode
from tests.node.test_connection_states import BESIDE, ENTRY, EXAMPLES, NETWORK, SCENES, WITH_NETWORK

ROUNDS = 12
SAID_MAX = 60
WAITING_MAX = 2_000
"""How much may wait in a node at which a few people and servers are: what one of them says may pile up to no more."""

ALL_SCENES = {**SCENES, **BESIDE}
EXAMPLE_LINES = [encode(example) for example in (*EXAMPLES.values(), ENTRY)]
FAREWELLS = {"AUTHENTICATION_FAIL", "INVALID_MESSAGE", "QUIT", "LOGOUT", "SERVER_REFUSED"}
"""What is legal, and the last that is said: seldom, or nothing else would be."""


def placed(scene: str) -> OneNode:
    """A node for a scene; of a network with a key where the scene needs one."""
    return OneNode(network=NETWORK if scene in WITH_NETWORK else None)


def test_every_state_has_a_scene():
    seen = set()
    for name, scene in ALL_SCENES.items():
        one = placed(name)
        seen.add(state_of(one, scene(one)) or ConnectionState.CLOSING)
    assert seen == set(ConnectionState)


class Innocents:
    """Somebody who is logged in, and a server that has proved its key: nobody else's noise concerns them."""

    def __init__(self, one: OneNode) -> None:
        self.one = one
        self.client = one.connect("innocent.example")
        one.say(self.client, wire.Login("anonymous", features=["ack"]))
        one.run(0.1)
        self.posts = 0

    def are_served(self) -> bool:
        """Whether what the client says is accepted still, and the connection is there."""
        one, before = self.one, self.one.heard(self.client).count("ACTIVITY_ACK")
        self.posts += 1
        one.say(self.client, wire.ActivityMessage("anonymous", {}, "anonymous", ref=f"post {self.posts}"))
        one.run(1.0)
        return self.client not in one.closed and one.heard(self.client).count("ACTIVITY_ACK") == before + 1


def command_name(kind: type[Message]) -> str:
    return str(kind.__struct_config__.tag)


def state_of(one: OneNode, conn: int) -> ConnectionState | None:
    """A connection's state; None when it is gone."""
    connection = one.node._context.connections.get(conn)
    return connection.state if connection is not None else None


def legal(one: OneNode, conn: int) -> set[str]:
    """What may be said on a connection, and does not end it."""
    state = state_of(one, conn)
    return set() if state is None else {command_name(kind) for kind in RULES.get(state, ())} - FAREWELLS


def bother(one: OneNode, conn: int, noise: Noise, rng: random.Random) -> int:
    """Say something on a connection until it is closed or enough was said; the rest of the world goes on meanwhile.

    How much of it was taken.
    """
    for said in range(rng.randrange(1, SAID_MAX)):
        if conn in one.closed:
            return said
        line = noise.line(legal(one, conn) if rng.random() < 0.95 else None)
        try:
            one.handle(events.MessageReceived(conn, decode(line.rstrip(b"\n"))))
        except MalformedLine as error:
            if rng.random() < 0.1:
                one.handle(events.MalformedReceived(conn, str(error)))
        match rng.randrange(12):
            case 0:
                one.answer(right=rng.random() < 0.5)
            case 1:
                one.run(rng.choice((0.01, 0.5, 5.0)))
            case 2 if one.dials:
                one.handle(events.DialFailed(one.dials.pop().dial, "nobody is there"))
            case _:
                pass
    return SAID_MAX


@pytest.mark.parametrize("scene", ALL_SCENES)
def test_whatever_is_said_in_a_state_breaks_nothing_and_hurts_nobody_else(scene: str) -> None:
    rng = generator("states", scene)
    print(f"FUZZ_SEED={drawn_seed()}")
    noise = Noise(rng, EXAMPLE_LINES)
    for _ in range(ROUNDS):
        one = placed(scene)
        leaves = scene == "sent on"
        innocents = None if leaves or scene == "redirecting" else Innocents(one)
        conn = ALL_SCENES[scene](one)
        bother(one, conn, noise, rng)
        one.answer()
        assert innocents is None or innocents.are_served(), scene
        assert sum(one.node.queues().values()) < WAITING_MAX, one.node.queues()
        if conn not in one.closed:
            one.handle(events.ConnectionClosed(conn, "closed by the peer"))
        one.run(30.0)
        assert innocents is None or innocents.are_served(), scene


def test_the_noise_reaches_the_node_and_is_not_all_refused_at_the_door():
    """Otherwise the others would say nothing."""
    noise = Noise(generator("noise"), EXAMPLE_LINES)
    read, commands = 0, set()
    for _ in range(2000):
        try:
            commands.add(command_of(decode(noise.line().rstrip(b"\n"))))
        except MalformedLine:
            continue
        read += 1
    assert 200 < read < 1900
    assert len(commands) > len(EXAMPLES) * 3 // 4


# --- the client -------------------------------------------------------------------------------------------------------

CLIENT_LINES = [encode(example) for example in (*SAID_TO_CLIENTS.values(), *NOT_FOR_CLIENTS)]


def heard_by_client(driven: Driven, noise: Noise, rng: random.Random) -> Message | None:
    """Something that a server may say where the client is, or whatever else; None when it is no message."""
    taken = {command_name(kind) for kind in CLIENT_RULES.get(driven.machine.state, ())}
    try:
        return decode(noise.line(taken if rng.random() < 0.9 else None).rstrip(b"\n"))
    except MalformedLine:
        return None


@pytest.mark.parametrize("state", ROADS)
def test_whatever_a_server_says_to_a_client_breaks_nothing_in_it(state: str) -> None:
    rng = generator("client", state)
    print(f"FUZZ_SEED={drawn_seed()}")
    noise = Noise(rng, CLIENT_LINES)
    for _ in range(ROUNDS):
        driven = Driven(ClientSettings(username="ada", secret="s", register=True), seed=rng.randrange(2**32))
        for step in ROADS[state]:
            go(driven, step)
        driven.take()
        for _ in range(rng.randrange(1, SAID_MAX)):
            message = heard_by_client(driven, noise, rng)
            if message is not None:
                driven.say(message)
            match rng.randrange(12):
                case 0:
                    driven.wait(rng.choice((0.1, 5.0, 100.0)))
                case 1:
                    driven.lose()
                case 2 if driven.machine.state.value == "connecting":
                    driven.connected()
                case 3 if driven.machine.unanswered < 50:
                    driven.post({"text": "hello"})
                case _:
                    pass
        assert len(driven.dialled) < 2 * SAID_MAX and driven.machine.unanswered <= 50
        driven.machine.close(driven.now)
        driven.take()
