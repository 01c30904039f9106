"""People read the past at their server, page by page, either way and from any place, each in turn."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from core.node.clients import past_reading
from core.node.clients.past_reading import ASKED_ANEW
from core.simulation.testing import ScriptedClient, ScriptedNetwork, WatchedServer, chain
from core.wire import messages as wire

Found = tuple[list[int], wire.PastDone]


@pytest.fixture
def network() -> ScriptedNetwork:
    return ScriptedNetwork()


def posted(network: ScriptedNetwork, server: WatchedServer, numbers: range) -> None:
    sender = network.logged_in(server)
    for number in numbers:
        sender.post(number)
    network.run(1.0 + len(numbers) * 0.001)


def page(network: ScriptedNetwork, client: ScriptedClient, number: int, **asked: Any) -> Found:
    client.say(wire.PastRequest(number, **asked))
    assert network.until(lambda: any(one.number == number for one in client.of(wire.PastDone)), 5.0), client.log
    return answer(client, number)


def answer(client: ScriptedClient, number: int) -> Found:
    parts = [one for one in client.of(wire.PastActivity) if one.number == number]
    texts = [msgspec.json.decode(bytes(one.activity))["text"] for one in parts]
    (done,) = (one for one in client.of(wire.PastDone) if one.number == number)
    return texts, done


def test_the_past_is_read_back_to_the_beginning_and_forth_to_the_end(network: ScriptedNetwork) -> None:
    server = network.start("a", redirects=False)
    posted(network, server, range(25))
    client = network.logged_in(server)
    for backward in (True, False):
        found: list[int] = []
        place: dict[str, Any] = {}
        for number in range(1 if backward else 11, 11 if backward else 21):
            texts, done = page(network, client, number, backward=backward, most=10, **place)
            found = texts + found if backward else found + texts
            if not done.more:
                break
            place = {"stamp": done.stamp, "id": done.id}
        assert found == list(range(25))
    # Nothing of that came as news.
    assert client.of(wire.ActivityBroadcast) == []


def test_a_place_of_one_server_is_one_at_every_other(network: ScriptedNetwork) -> None:
    first, second = network.build(chain(2), redirects=False)
    posted(network, first, range(5))
    posted(network, second, range(5, 10))
    texts, done = page(network, network.logged_in(first), 1, most=4)
    assert texts == [6, 7, 8, 9]
    texts, done = page(network, network.logged_in(second), 1, most=4, stamp=done.stamp, id=done.id)
    assert texts == [2, 3, 4, 5]
    assert done.more


def test_what_servers_are_to_hide_is_not_shown_and_the_place_goes_past_it(network: ScriptedNetwork) -> None:
    first, second = network.build(chain(2), redirects=False)
    posted(network, first, range(2))
    posted(network, second, range(2, 6))
    posted(network, first, range(6, 8))
    first.node.replication.removed.hide({second.node.topology.own.id: 0})
    client = network.logged_in(first)
    texts, done = page(network, client, 1, most=4)
    assert texts == [6, 7]
    assert done.more
    texts, done = page(network, client, 2, most=2, stamp=done.stamp, id=done.id)
    assert texts == []
    assert done.more
    texts, done = page(network, client, 3, stamp=done.stamp, id=done.id)
    assert texts == [0, 1]
    assert not done.more


def test_who_asks_anew_before_their_turn_is_told_so_and_has_one_answer(network: ScriptedNetwork) -> None:
    server = network.start("a", redirects=False)
    posted(network, server, range(5))
    network.reading = 1.0
    others = [network.logged_in(server) for _ in range(past_reading.READING_MAX)]
    client = network.logged_in(server)
    for one in others:
        one.say(wire.PastRequest(1))
    client.say(wire.PastRequest(1))
    client.say(wire.PastRequest(2, most=2))
    network.run(0.5)
    assert client.of(wire.PastDone) == [wire.PastDone(1, more=True, info=ASKED_ANEW)]
    network.run(5.0)
    assert answer(client, 2)[0] == [3, 4]
    assert len(client.of(wire.PastDone)) == 2


def test_addresses_have_turns_however_many_ask_at_one(network: ScriptedNetwork) -> None:
    server = network.start("a", redirects=False)
    posted(network, server, range(3))
    crowd = [network.logged_in(server) for _ in range(12)]
    alone = network.client(server, host="203.0.113.9")
    alone.login()
    network.run(0.1)
    network.reading = 1.0
    for one in crowd:
        one.say(wire.PastRequest(1))
    network.run(0.1)
    alone.say(wire.PastRequest(1))
    assert network.until(lambda: bool(alone.of(wire.PastDone)), 60.0)
    waiting = sum(not one.of(wire.PastDone) for one in crowd)
    assert waiting >= 12 - 3 * past_reading.READING_MAX


def test_nothing_is_read_for_who_has_gone(network: ScriptedNetwork) -> None:
    server = network.start("a", redirects=False)
    posted(network, server, range(3))
    network.reading = 1.0
    clients = [network.logged_in(server) for _ in range(6)]
    for one in clients:
        one.say(wire.PastRequest(1))
    network.run(0.1)
    assert server.node.queues()["questions about the past"] == 6
    for one in clients:
        one.hang_up()
    network.run(3.0)
    assert server.node.queues()["questions about the past"] == 0


def test_a_place_that_is_none_ends_the_connection(network: ScriptedNetwork) -> None:
    server = network.start("a", redirects=False)
    for asked in ({"stamp": 1, "id": "nonsense"}, {"id": "a.1.1"}):
        client = network.logged_in(server)
        client.say(wire.PastRequest(1, **asked))
        network.run(1.0)
        assert client.commands[-1] == "INVALID_MESSAGE"


def test_a_base_client_is_shown_nothing_of_it(network: ScriptedNetwork) -> None:
    server = network.start("a", redirects=False)
    client = network.base_client(server)
    client.login()
    network.run(1.0)
    assert client.of(wire.LoginSuccess)[0].features == []
    assert "past" in network.logged_in(server).of(wire.LoginSuccess)[0].features


def test_what_is_looked_for_is_found_page_by_page_the_newest_first(network: ScriptedNetwork) -> None:
    server = network.start("a", redirects=False)
    posted(network, server, range(25))
    client = network.logged_in(server)
    texts, _ = page(network, client, 1, most=1, query="17")
    assert texts == [17]
    place: dict[str, Any] = {}
    found: list[int] = []
    for number in range(2, 14):
        texts, done = page(network, client, number, most=3, query="-17", **place)
        found = texts + found
        if not done.more:
            break
        place = {"stamp": done.stamp, "id": done.id}
    assert found == [number for number in range(25) if number != 17]


def test_what_cannot_be_looked_for_is_told_and_the_connection_goes_on(network: ScriptedNetwork) -> None:
    server = network.start("a", redirects=False)
    posted(network, server, range(3))
    client = network.logged_in(server)
    texts, done = page(network, client, 1, query="from:")
    assert texts == [] and "from: needs a value" in done.info
    texts, _ = page(network, client, 2, query="2")
    assert texts == [2]


def test_what_is_looked_for_forward_is_no_question(network: ScriptedNetwork) -> None:
    server = network.start("a", redirects=False)
    client = network.logged_in(server)
    client.say(wire.PastRequest(1, backward=False, query="2"))
    assert network.until(lambda: bool(client.of(wire.InvalidMessage)), 5.0)


def test_what_is_to_be_hidden_is_not_found(network: ScriptedNetwork) -> None:
    first, second = network.build(chain(2), redirects=False)
    posted(network, first, range(2))
    posted(network, second, range(2, 6))
    first.node.replication.removed.hide({second.node.topology.own.id: 0})
    texts, _ = page(network, network.logged_in(first), 1, query="-9")
    assert texts == [0, 1]
