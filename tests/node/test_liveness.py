"""A client that has been silent for longer than a living one is asked whether it is there before it is believed."""

from __future__ import annotations

from core.simulation.testing import ScriptedClient, ScriptedNetwork, chain
from core.wire import messages as wire


def silent(network: ScriptedNetwork, client: ScriptedClient) -> None:
    """Longer than a client of ours ever is."""
    network.run(20.0)
    client.log.clear()


def test_what_a_silent_client_posts_is_accepted_once_it_has_answered() -> None:
    network = ScriptedNetwork()
    client = network.logged_in(network.start("a"))
    silent(network, client)
    for number in range(3):
        client.post(number, ref=f"r{number}")
    network.run(1.0)
    assert client.texts() == [0, 1, 2]
    assert client.commands[0] == "PING"
    assert client.commands.count("PING") == 1
    client.post(3, ref="r3")
    network.run(1.0)
    assert [ack.ref for ack in client.of(wire.ActivityAck)] == ["r0", "r1", "r2", "r3"]
    assert client.commands.count("PING") == 1


def test_what_comes_from_a_connection_that_was_given_up_is_not_accepted() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    reader = network.logged_in(second)
    gone = network.logged_in(first)
    gone.answers = False
    silent(network, gone)
    gone.post("late", ref="r1")
    network.run(1.0)
    moved = network.logged_in(second)
    moved.post("late", ref="r1")
    moved.post("later", ref="r2")
    gone.hang_up()
    network.run(30.0)
    assert reader.texts() == ["late", "later"]
    assert gone.of(wire.ActivityAck) == []
    assert len(first.activities()) == 2


def test_a_client_that_does_not_answer_is_closed() -> None:
    network = ScriptedNetwork()
    client = network.logged_in(network.start("a"))
    client.answers = False
    silent(network, client)
    client.post("anybody there?")
    network.run(11.0)
    assert client.closed is not None


def test_what_waits_for_the_answer_is_bounded() -> None:
    network = ScriptedNetwork()
    client = network.logged_in(network.start("a"))
    client.answers = False
    silent(network, client)
    for _ in range(60):
        client.post("x" * 40_000)
    network.run(1.0)
    assert client.commands == ["PING", "INVALID_MESSAGE"]


def test_a_client_that_is_heard_now_and_then_is_not_asked() -> None:
    network = ScriptedNetwork()
    client = network.logged_in(network.start("a"))
    for number in range(6):
        network.run(10.0)
        client.say(wire.Ping(number))
    client.post("hello")
    network.run(1.0)
    assert client.texts() == ["hello"]
    assert "PING" not in client.commands


def test_a_base_client_is_never_asked() -> None:
    network = ScriptedNetwork()
    client = network.base_client(network.start("a"))
    client.login()
    silent(network, client)
    client.post("hello")
    network.run(1.0)
    assert client.texts() == ["hello"]
    assert client.commands == ["ACTIVITY_BROADCAST"]


def test_what_comes_right_behind_a_refusal_is_accepted_once_the_client_has_heard_of_it() -> None:
    network = ScriptedNetwork()
    first, second = network.build(chain(2), redirects=False)
    reader = network.logged_in(second)
    gone = network.logged_in(first)
    first.disk.full = True
    gone.post("refused", ref="r1")
    network.run(0.5)
    first.disk.mend()
    gone.answers = False
    gone.post("behind it", ref="r2")
    network.run(1.0)
    moved = network.logged_in(second)
    moved.post("refused", ref="r1")
    moved.post("behind it", ref="r2")
    gone.hang_up()
    network.run(30.0)
    assert reader.texts() == ["refused", "behind it"]


def test_a_client_that_has_heard_of_a_refusal_goes_on() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    client = network.logged_in(server)
    server.disk.full = True
    for number in range(3):
        client.post(number, ref=f"r{number}")
    network.run(0.5)
    server.disk.mend()
    for number in range(3, 6):
        client.post(number, ref=f"r{number}")
    network.run(1.0)
    assert [refusal.ref for refusal in client.of(wire.ActivityRefused)] == ["r0", "r1", "r2"]
    assert [ack.ref for ack in client.of(wire.ActivityAck)] == ["r3", "r4", "r5"]
    assert client.texts() == [3, 4, 5]
