"""What waits in a server is told to who knows the network's secret, and to nobody else."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest

from core.node.interface import actions
from core.simulation.testing import ScriptedClient, ScriptedNetwork, WatchedServer
from core.wire import messages as wire


def proof(secret: str, server: str, at: int) -> str:
    """As the protocol document has it."""
    return hmac.new(secret.encode(), f"activity-tui queues {server} {at}".encode(), hashlib.sha256).hexdigest()


def asked(later: float = 0.0, **changes: Any) -> tuple[WatchedServer, ScriptedClient, wire.Status]:
    """The answer to somebody who has seen the status, and after a while asks with a proof that differs in something."""
    network = ScriptedNetwork()
    server = network.start("a")
    client = network.logged_in(server)
    client.say(wire.StatusRequest())
    network.run(0.5)
    [status] = client.of(wire.Status)
    at = changes.pop("at", int(status.status["at"] * 1000))
    network.run(later)
    made = proof(changes.get("secret", server.config.secret), changes.get("server", server.id), at)
    client.say(wire.StatusRequest(changes.get("proof", made), at))
    network.run(3.0)
    return server, client, client.of(wire.Status)[-1]


def test_the_status_that_everybody_is_told_has_no_queues() -> None:
    network = ScriptedNetwork()
    client = network.logged_in(network.start("a"))
    client.say(wire.StatusRequest())
    network.run(0.5)
    assert [(one.queues, one.info) for one in client.of(wire.Status)] == [(None, None)]


def test_who_proves_to_know_the_networks_secret_is_told_what_waits_where() -> None:
    server, _, answer = asked()
    assert answer.info is None and answer.queues is not None
    assert set(server.node.queues()) <= set(answer.queues)
    assert answer.status["id"] == server.id


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"secret": "another"}, "not this network's secret"),
        ({"server": "elsewhere"}, "not this network's secret"),
        ({"proof": ""}, "not this network's secret"),
        ({"proof": "ä"}, "not this network's secret"),
        ({"later": 120.0}, "60 seconds"),
        ({"at": 0}, "60 seconds"),
        ({"at": 10**30}, "60 seconds"),
        ({"at": -1}, "60 seconds"),
    ],
)
def test_nobody_else_is_told_more_than_why_not(changes: dict[str, Any], why: str) -> None:
    _, client, answer = asked(**changes)
    assert answer.queues is None
    assert answer.info is not None and why in answer.info
    assert client.closed is None, "the status is told all the same"


def test_the_networks_secret_cannot_be_guessed_faster_by_asking_for_queues_than_by_linking() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    clients = [network.logged_in(server, "anonymous") for _ in range(20)]
    looked_at = 0

    def count(action: actions.Action) -> None:
        nonlocal looked_at
        looked_at += isinstance(action, actions.Notify) and "wrong network secret" in action.notice.text

    server.watching = count
    for _ in range(50):
        for client in clients:
            client.say(wire.StatusRequest("0" * 64, int(network.now.wall * 1000)))
        network.run(0.1)
    assert 1 <= looked_at < 60, "of a thousand"
