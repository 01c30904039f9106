"""What a client missed, or asks for, comes first and once; what happens meanwhile comes after it, and once."""

from __future__ import annotations

from typing import Any

import pytest

from core.node.interface.actions import FetchPage
from core.node.interface.events import StoreRecovered
from core.node.log import delivery
from core.simulation.testing import ScriptedClient, ScriptedNetwork, WatchedServer, chain
from core.wire import messages as wire


@pytest.fixture
def network() -> ScriptedNetwork:
    return ScriptedNetwork()


@pytest.fixture
def server(network: ScriptedNetwork) -> WatchedServer:
    return network.start("a", redirects=False)


def posts(network: ScriptedNetwork, server: WatchedServer, count: int, first: int = 0) -> ScriptedClient:
    sender = network.logged_in(server)
    for number in range(first, first + count):
        sender.post(number)
    network.run(1.0 + count * 0.001)
    return sender


def vector(client: ScriptedClient) -> dict[str, int]:
    """What a client has: where it started, and what it got since."""
    (success, *_) = client.of(wire.LoginSuccess)
    has = dict(success.vector or {})
    for one in client.of(wire.ActivityBroadcast):
        stream, _, seq = str(one.id).rpartition(".")
        has[stream] = max(has.get(stream, 0), int(seq))
    return has


@pytest.mark.parametrize(("asked", "got"), [(0, 0), (1, 1), (5, 5), (30, 20)])
def test_a_login_may_ask_for_the_newest_activities(
    network: ScriptedNetwork, server: WatchedServer, asked: int, got: int
) -> None:
    posts(network, server, 20)
    client = network.logged_in(server, history=asked)
    assert client.texts() == list(range(20 - got, 20))
    assert client.of(wire.CaughtUp) == [wire.CaughtUp(got)]
    assert client.commands[-1] == "CAUGHT_UP"


def test_history_is_bounded_by_the_servers_setting(network: ScriptedNetwork) -> None:
    server = network.start("a", history_max=7)
    posts(network, server, 20)
    assert network.logged_in(server, history=100_000).texts() == list(range(13, 20))


def test_not_everything_waits_for_a_client_whose_past_takes_long_to_read(
    network: ScriptedNetwork, server: WatchedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "BACKLOG_BYTES_MAX", 100_000)
    writer = posts(network, server, 5)
    network.reading = 60.0
    reader = network.client(server)
    reader.login(history=5)
    network.run(0.5)
    assert server.node.queues()["sessions catching up"] == 1
    for _ in range(5):
        writer.post("x" * 10_000)
    network.run(0.5)
    assert reader.closed is None
    for _ in range(10):
        writer.post("x" * 10_000)
    network.run(0.5)
    assert reader.closed is not None


def test_a_base_client_gets_no_history(network: ScriptedNetwork, server: WatchedServer) -> None:
    posts(network, server, 5)
    client = network.base_client(server)
    client.login(history=5, seen={})
    network.run(1.0)
    assert client.commands == ["LOGIN_SUCCESS"]


def test_a_client_that_was_away_gets_what_it_missed(network: ScriptedNetwork, server: WatchedServer) -> None:
    client = network.logged_in(server)
    posts(network, server, 5)
    client.hang_up()
    posts(network, server, 5, first=5)
    again = network.logged_in(server, seen=vector(client))
    assert client.texts() == list(range(5))
    assert again.texts() == list(range(5, 10))
    assert again.of(wire.CaughtUp) == [wire.CaughtUp(5)]


def test_it_gets_that_at_another_server_too(network: ScriptedNetwork) -> None:
    first, second = network.build(chain(2), redirects=False)
    client = network.logged_in(first)
    posts(network, first, 3)
    posts(network, second, 3, first=3)
    client.hang_up()
    posts(network, first, 3, first=6)
    again = network.logged_in(second, seen=vector(client))
    assert again.texts() == [6, 7, 8]


def test_a_client_that_missed_nothing_is_told_so(network: ScriptedNetwork, server: WatchedServer) -> None:
    client = network.logged_in(server)
    posts(network, server, 5)
    again = network.logged_in(server, seen=vector(client))
    assert again.commands == ["LOGIN_SUCCESS", "CAUGHT_UP"]


def test_a_client_with_an_empty_vector_gets_everything(network: ScriptedNetwork, server: WatchedServer) -> None:
    posts(network, server, 1300)
    client = network.logged_in(server, seen={})
    network.run(1.0)
    assert client.texts() == list(range(1300))


def test_nothing_is_lost_or_doubled_while_a_client_catches_up(network: ScriptedNetwork, server: WatchedServer) -> None:
    posts(network, server, 1300)
    sender = network.logged_in(server)
    client = network.client(server)
    client.login(seen={})
    for number in range(1300, 1400):
        sender.post(number)
        network.run(0.0002)
    network.run(2.0)
    assert client.texts() == list(range(1400))
    live = client.commands.index("CAUGHT_UP")
    assert 1300 <= live - 1 <= 1400


def test_what_arrives_during_a_slow_read_comes_once_and_in_order(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    posts(network, server, 600)
    sender = network.logged_in(server)
    server.disk.delay = (0.3, 0.3)
    client = network.client(server)
    client.login(history=10)
    network.run(0.01)
    for number in range(600, 605):
        sender.post(number)
    network.run(5.0)
    assert client.texts()[-5:] == [600, 601, 602, 603, 604]
    assert client.texts() == list(range(client.texts()[0], 605))


def test_an_activity_that_still_waits_for_its_previous_one_is_not_history_yet(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    waiting = network.logged_in(server)
    waiting.post("waits", previous="gone.1.1")
    network.run(1.0)
    client = network.logged_in(server, history=10)
    assert client.texts() == []
    network.run(40.0)
    assert client.texts() == ["waits"]


def test_a_client_is_told_of_no_more_than_it_can_expect(network: ScriptedNetwork, server: WatchedServer) -> None:
    """What waits at login comes live later, so the vector that the login starts from does not cover it."""
    posts(network, server, 3)
    waiting = network.logged_in(server)
    waiting.post("waits", previous="gone.1.1")
    network.run(1.0)
    client = network.logged_in(server)
    assert vector(client) == {f"{server.id}.1": 3}
    network.run(40.0)
    assert client.texts() == ["waits"]


def test_accounts_in_between_do_not_show(network: ScriptedNetwork, server: WatchedServer) -> None:
    posts(network, server, 2)
    for name in ("ann", "bob", "cyd"):
        network.registered(server, name)
    posts(network, server, 2, first=2)
    assert network.logged_in(server, seen={}).texts() == [0, 1, 2, 3]
    assert network.logged_in(server, history=3).texts() == [1, 2, 3]


@pytest.mark.parametrize(
    "seen", [{"x": 1}, {"a.b": 1}, {".1": 1}, {"a.1.2": 1}, {"a." + "9" * 17: 1}], ids=lambda one: next(iter(one))[:9]
)
def test_a_vector_that_is_none_is_invalid(
    network: ScriptedNetwork, server: WatchedServer, seen: dict[str, int]
) -> None:
    client = network.client(server)
    client.login(seen=seen)
    network.run(1.0)
    assert client.commands == ["INVALID_MESSAGE"]
    assert client.closed is not None
    assert server.load == 0


def test_a_vector_of_streams_that_nobody_knows_is_taken_as_it_is(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    posts(network, server, 3)
    seen = {f"stranger{number}.{number}": 2**53 - 1 for number in range(1000)}
    client = network.logged_in(server, seen=seen)
    assert client.texts() == [0, 1, 2]


def test_a_vector_beyond_what_there_is_misses_nothing(network: ScriptedNetwork, server: WatchedServer) -> None:
    posts(network, server, 3)
    client = network.logged_in(server, seen={f"{server.id}.1": 2**53 - 1})
    assert client.texts() == []
    posts(network, server, 1, first=3)
    assert client.texts() == [3]


def test_a_client_that_leaves_while_it_catches_up_hurts_nobody(network: ScriptedNetwork, server: WatchedServer) -> None:
    posts(network, server, 1300)
    client = network.client(server)
    client.login(seen={})
    network.run(0.006)
    client.hang_up()
    network.run(1.0)
    other = network.logged_in(server)
    posts(network, server, 1)
    assert other.texts() == [0]
    assert server.node.queues()["pages being read"] == 0


def test_a_client_that_logs_in_again_meanwhile_gets_what_the_later_login_asks_for(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    posts(network, server, 1300)
    client = network.client(server)
    client.login(history=1300)
    client.login(seen={f"{server.id}.1": 1290})
    network.run(2.0)
    posts(network, server, 1, first=1300)
    assert client.texts()[-11:] == list(range(1290, 1301))
    assert client.commands.count("LOGIN_SUCCESS") == 2


def test_one_page_at_a_time_is_read_for_a_client_however_often_it_logs_in(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    posts(network, server, 1300)
    reading = 0

    def watch(action: Any) -> None:
        nonlocal reading
        if isinstance(action, FetchPage):
            reading = max(reading, server.node.queues()["pages being read"])

    server.watching = watch
    client = network.client(server)
    for _ in range(200):
        client.login(seen={})
    network.run(5.0)
    assert reading == 1
    assert client.texts()[-1300:] == list(range(1300))
    posts(network, server, 1, first=1300)
    assert client.texts()[-1] == 1300
    assert client.texts().count(1300) == 1


def test_a_store_that_cannot_be_read_lets_the_client_follow_live_all_the_same(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    posts(network, server, 3)
    server.disk.unreadable = True
    client = network.logged_in(server, seen={})
    assert client.of(wire.CaughtUp) == [wire.CaughtUp(0)]
    assert server.told("storage")
    posts(network, server, 1, first=3)
    assert client.texts() == [3]


def come_with_nothing(network: ScriptedNetwork, server: WatchedServer) -> ScriptedClient:
    """A client that shows places logs in, and says that it has nothing yet."""
    client = network.client(server, features=("quit", "resume", "ack", "ping", "status", "place"))
    client.login(have=wire.HeldEntries(0, {}))
    network.run(0.5)
    return client


def test_who_was_not_sent_what_could_not_be_read_is_sent_away_when_it_can_and_gets_it(
    network: ScriptedNetwork, server: WatchedServer
) -> None:
    posts(network, server, 3)
    whole = come_with_nothing(network, server)
    assert whole.texts() == [0, 1, 2]
    server.disk.unreadable = True
    client = come_with_nothing(network, server)
    assert client.of(wire.CaughtUp) and client.texts() == [] and client.closed is None
    server.disk.unreadable = False
    server.handle(StoreRecovered())
    network.run(0.5)
    assert client.closed is not None
    assert whole.closed is None
    assert come_with_nothing(network, server).texts() == [0, 1, 2]
