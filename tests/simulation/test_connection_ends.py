"""What a simulated connection carries arrives as over TCP: in order, and without gaps, whatever happens to it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.certificates.leaf import ShownLeaf
from core.simulation.environment.connection_ends import End
from core.simulation.environment.schedule import Schedule
from core.simulation.environment.simulated_network import DialFailure, Encryption, SimulatedNetwork
from core.wire.address import Address
from core.wire.messages import Message

SERVER = Address("server", 3780)
LINES = [f"line {number}".encode() for number in range(6)]


class Ear:
    """Hears what arrives at one end; the lines here are no messages."""

    def __init__(self, leaf: ShownLeaf | None = None) -> None:
        self.leaf = leaf
        self.end: End | None = None
        self.heard: list[str] = []

    def accepted(self, end: End, peer: Address) -> Ear:
        self.end = end
        return self

    def received(self, conn: int, message: Message) -> None:
        raise AssertionError(message)

    def garbled(self, conn: int, info: str) -> None:
        self.heard.append(info)

    def closed(self, conn: int, reason: str) -> None:
        self.heard.append(reason)


def connected(note: Callable[[End, str, bytes], None]) -> tuple[SimulatedNetwork, Ear, Ear]:
    """A network, a server and a client of it."""
    network = SimulatedNetwork(Schedule(), 1, latency=(0.01, 0.02), codec=True, queue_max=100, note=note)
    server, client = Ear(), Ear()
    network.listen(SERVER, SERVER.host, server)

    def then(outcome: End | DialFailure) -> None:
        assert isinstance(outcome, End)
        client.accepted(outcome, SERVER)
        outcome.party = client

    network.dial("client", SERVER, 1.0, then)
    network.schedule.run_until(1.0)
    return network, server, client


@pytest.mark.parametrize("arriving", range(len(LINES) + 1))
def test_of_what_a_process_had_sent_before_it_died_the_first_arrives(arriving: int) -> None:
    """Some of it waits where a path is cut, and the rest is on its way there."""
    heard: list[bytes] = []
    network, server, client = connected(lambda end, command, line: heard.append(line))
    assert server.end is not None and client.end is not None
    network.cuts.add((SERVER.host, "client"))
    for line in LINES[:3]:
        server.end.send(line)
    network.schedule.run_until(1.5)
    for line in LINES[3:]:
        server.end.send(line)
    server.end.lane.lose(arriving)
    network.mend([(SERVER.host, "client")])
    network.schedule.run_until(3.0)
    assert heard == LINES[:arriving]


def dialled(encryption: Encryption | None, shown: ShownLeaf | None) -> tuple[End | DialFailure, Ear]:
    """What comes of dialling a server that shows this."""
    network = SimulatedNetwork(Schedule(), 1, latency=(0.01, 0.02), codec=True, queue_max=100, note=lambda *_: None)
    server = Ear(shown)
    network.listen(SERVER, SERVER.host, server)
    outcomes: list[End | DialFailure] = []
    network.dial("client", SERVER, 1.0, outcomes.append, encryption)
    network.schedule.run_until(1.0)
    (outcome,) = outcomes
    return outcome, server


ONE, OTHER = ShownLeaf(b"network", b"one"), ShownLeaf(b"network", b"other")


@pytest.mark.parametrize("shows", [ONE, None])
def test_ends_of_an_encrypted_connection_know_what_the_other_has_shown(shows: ShownLeaf | None) -> None:
    outcome, server = dialled(Encryption(lambda there: shows), OTHER)
    assert isinstance(outcome, End) and server.end is not None
    assert (outcome.encrypted, outcome.shown) == (True, OTHER)
    assert (server.end.encrypted, server.end.shown) == (True, shows)


def test_who_dials_in_clear_is_shown_nothing() -> None:
    outcome, server = dialled(None, OTHER)
    assert isinstance(outcome, End) and server.end is not None
    assert (outcome.encrypted, outcome.shown, server.end.shown) == (False, None, None)


def test_who_dials_is_told_that_nobody_encrypts_there() -> None:
    outcome, server = dialled(Encryption(lambda there: ONE), None)
    assert isinstance(outcome, DialFailure) and outcome.clear and not outcome.refused
    assert server.end is None


def test_who_shows_another_networks_certificate_sees_who_is_there_and_is_let_in_by_nobody() -> None:
    """As with TLS 1.3: who dials has seen the other side's certificate before that one looks at its own."""
    another = ShownLeaf(b"another network", b"other")
    outcome, server = dialled(Encryption(lambda there: ONE), another)
    assert isinstance(outcome, End)
    assert outcome.shown == another
    assert server.end is None
