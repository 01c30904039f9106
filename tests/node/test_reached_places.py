"""A client that says where it was, or what it has, is sent what it missed, once, however many streams there are."""

from __future__ import annotations

import msgspec
import pytest

from core.node.clients import reached_places
from core.node.interface import events
from core.simulation.testing import ScriptedClient, ScriptedNetwork, WatchedServer, chain
from core.simulation.testing.scripted_peers import NATIVE_CLIENT
from core.wire import messages as wire
from core.wire.codec import encode
from core.wire.entries import Entry, EntryId, Stream

FEATURES = (*NATIVE_CLIENT, "place")


@pytest.fixture
def network() -> ScriptedNetwork:
    return ScriptedNetwork()


def posts(network: ScriptedNetwork, server: WatchedServer, first: int, count: int) -> ScriptedClient:
    sender = network.logged_in(server)
    for number in range(first, first + count):
        sender.post(number)
    network.run(1.0 + count * 0.001)
    return sender


def entry(seq: int, previous: int | None = None, *, node: str = "elsewhere", stamp: int = 0) -> Entry:
    """Something of a server that nobody reaches."""
    before = EntryId(node, 1, previous) if previous is not None else None
    return Entry(EntryId(node, 1, seq), "activity", stamp or seq, b'{"text":0}', "ann", before)


class Returning:
    """Somebody who logs in with a new connection each time, and says what the ones before had."""

    def __init__(self, network: ScriptedNetwork) -> None:
        self._network = network
        self._place: tuple[str, int, int] | None = None
        self._lacking: dict[str, list[int]] = {}
        self._have: wire.HeldEntries | None = None
        self.texts: list[object] = []
        self.client: ScriptedClient | None = None

    def come(self, server: WatchedServer) -> ScriptedClient:
        client = self.client = self._network.client(server, features=FEATURES)
        client.login(place=self._place, lacking=self._lacking, have=self._have)
        self._network.run(0.5)
        return client

    def go(self) -> None:
        client = self.client
        assert client is not None
        (success,) = client.of(wire.LoginSuccess)
        if self._have is None:
            self._have = success.begins
        assert self._have is not None
        entries = {stream: list(numbers) for stream, numbers in self._have.entries.items()}
        for one in client.of(wire.ActivityBroadcast):
            stream, _, seq = str(one.id).rpartition(".")
            numbers = entries.setdefault(stream, [int(seq) - 1, int(seq) - 1])
            assert int(seq) > numbers[-1], "in order, and once"
            if int(seq) == numbers[-1] + 1:
                numbers[-1] = int(seq)
            else:
                numbers += [int(seq), int(seq)]
        self._have = wire.HeldEntries(self._have.since, entries)
        for said in client.log:
            if isinstance(said, wire.CaughtUp | wire.PlaceReached) and said.place is not None:
                self._place = (str(success.id), *said.place)
                self._lacking = dict(said.lacking)
        self.texts += client.texts()
        client.hang_up()
        self.client = None


def test_who_comes_back_to_the_same_server_is_sent_what_came_since(network: ScriptedNetwork) -> None:
    server = network.start("a", redirects=False)
    posts(network, server, 0, 5)
    somebody = Returning(network)
    somebody.come(server)
    posts(network, server, 5, 5)
    somebody.go()
    posts(network, server, 10, 1300)
    client = somebody.come(server)
    assert client.texts() == list(range(10, 1310))
    assert [said.count for said in client.of(wire.CaughtUp)] == [1300]
    (success,) = client.of(wire.LoginSuccess)
    assert (success.vector, success.begins) == (None, None)


def test_a_server_that_was_started_again_knows_its_places(network: ScriptedNetwork) -> None:
    server = network.start("a", redirects=False)
    somebody = Returning(network)
    somebody.come(server)
    somebody.go()
    posts(network, server, 0, 3)
    server.crash()
    again = network.start("a", redirects=False)
    posts(network, again, 3, 3)
    client = somebody.come(again)
    assert client.texts() == list(range(6))


def test_at_another_server_somebody_is_sent_what_they_have_not_had(network: ScriptedNetwork) -> None:
    first, second = network.build(chain(2), redirects=False)
    posts(network, first, 0, 3)
    posts(network, second, 3, 3)
    somebody = Returning(network)
    somebody.come(first)
    posts(network, second, 6, 2)
    somebody.go()
    posts(network, first, 8, 2)
    posts(network, second, 10, 2)
    client = somebody.come(second)
    assert somebody.texts == [6, 7]
    assert client.texts() == [8, 9, 10, 11]
    assert client.of(wire.CaughtUp) != []


def test_what_was_said_in_another_part_of_the_network_before_is_not_lost_there(network: ScriptedNetwork) -> None:
    first, second = network.build(chain(2), redirects=False)
    posts(network, second, 0, 1)
    network.part([first], [second])
    network.run(15.0)
    posts(network, second, 1, 2)
    # Later than that, as all clocks here have it.
    posts(network, first, 3, 2)
    somebody = Returning(network)
    somebody.come(first)
    posts(network, first, 5, 1)
    somebody.go()
    assert somebody.texts == [5]
    client = somebody.come(second)
    assert client.texts() == [1, 2]


def test_what_a_server_accepts_that_is_back_with_a_clock_behind_is_sent_to_who_began_after_another_start(
    network: ScriptedNetwork,
) -> None:
    first = network.start("a", redirects=False)
    second = network.start("b", join=first, redirects=False)
    network.run(2.0)
    second.crash()
    posts(network, first, 0, 1)
    first.crash()
    first = network.start("a", redirects=False)
    somebody = Returning(network)
    somebody.come(first)
    somebody.go()
    network.clock_offsets["b"] = -250.0
    network.part([first], [second])
    second = network.start("b", redirects=False)
    posts(network, second, 1, 2)
    client = somebody.come(second)
    assert client.texts() == [1, 2]


def test_what_another_server_accepted_too_is_not_lost_when_that_is_learned_while_the_past_is_read(
    network: ScriptedNetwork,
) -> None:
    first, second = network.build(chain(2), redirects=False)
    somebody = Returning(network)
    somebody.come(first)
    somebody.go()
    network.registered(first, "ann").hang_up()
    network.run(1.0)
    network.part([first], [second])
    network.run(15.0)
    for server in (first, second):
        ann = network.client(server)
        ann.login("ann", "s")
        network.run(0.5)
        ann.post("said at both", "ann", "s", ref="one")
        network.run(0.5)
    usual, network.reading = network.reading, 20.0
    somebody.come(second)
    network.reading = usual
    client = somebody.client
    assert client is not None
    copies: list[EntryId] = []
    second.node.replication.delivery.on_copy.append(copies.append)
    network.mend()
    assert network.until(lambda: copies != [])
    assert client.texts() == []
    assert network.until(lambda: client.of(wire.CaughtUp) != [])
    assert client.texts() == ["said at both"]


def test_of_a_stream_that_the_client_has_never_heard_of_the_stamps_decide(network: ScriptedNetwork) -> None:
    server = network.start("a", redirects=False)
    posts(network, server, 0, 3)
    since = network.logged_in(server).of(wire.LoginSuccess)[0].stamp
    assert since is not None
    posts(network, server, 3, 2)
    client = network.client(server, features=FEATURES)
    client.login(have=wire.HeldEntries(since, {}))
    network.run(0.5)
    assert client.texts() == [3, 4]


def test_somebody_whose_holdings_are_long_is_asked_for_them(network: ScriptedNetwork) -> None:
    server = network.start("a", redirects=False)
    posts(network, server, 0, 6)
    stream = str(Stream(server.id, server.node.replication.own_stream.incarnation))
    client = network.client(server, features=FEATURES)
    client.login(have=wire.HeldEntries(0, more=True))
    network.run(0.5)
    assert client.commands == ["LOGIN_SUCCESS", "HAVE_REQUEST"]
    client.say(wire.Have({stream: [0, 2]}, more=True))
    client.say(wire.Have({"stranger.7": [3, 9], stream: [3, 4]}))
    network.run(0.5)
    assert client.texts() == [2, 4, 5]
    assert client.commands[-1] == "CAUGHT_UP"
    assert server.node.queues()["pages being read"] == 0


def test_who_does_not_say_what_they_have_is_not_waited_for(network: ScriptedNetwork) -> None:
    server = network.start("a", redirects=False)
    client = network.client(server, features=FEATURES)
    client.login(have=wire.HeldEntries(0, more=True))
    network.run(40.0)
    assert client.closed is not None
    assert server.node.queues()["pages being read"] == 0


def test_clients_say_what_they_have_some_at_a_time(network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.node.clients.catching_up.ASKED_MAX", 1)
    server = network.start("a", redirects=False)
    clients = [network.client(server, features=FEATURES) for _ in range(3)]
    for client in clients:
        client.login(have=wire.HeldEntries(0, more=True))
    network.run(0.5)
    for number, client in enumerate(clients):
        asked = [one for one in clients if "HAVE_REQUEST" in one.commands]
        assert asked == clients[: number + 1]
        if number == 1:
            client.hang_up()
        else:
            client.say(wire.Have())
        network.run(0.5)
    assert [client.commands[-1] for client in clients] == ["CAUGHT_UP", "HAVE_REQUEST", "CAUGHT_UP"]


@pytest.mark.parametrize("entries", [{"x": [1, 2]}, {"a.1": [1]}, {"a.1": [5, 4]}, {"a.1": [0, 3, 3, 4]}])
def test_holdings_that_are_none_are_invalid(network: ScriptedNetwork, entries: dict[str, list[int]]) -> None:
    server = network.start("a", redirects=False)
    client = network.client(server, features=FEATURES)
    client.login(have=wire.HeldEntries(0, entries))
    network.run(0.5)
    assert client.commands == ["INVALID_MESSAGE"]
    other = network.client(server, features=FEATURES)
    other.login(have=wire.HeldEntries(0, more=True))
    network.run(0.5)
    other.say(wire.Have(entries))
    network.run(0.5)
    assert other.commands[-1] == "INVALID_MESSAGE"


def test_a_place_of_a_time_that_was_undone_counts_as_another_servers(network: ScriptedNetwork) -> None:
    server = network.start("a", redirects=False)
    posts(network, server, 0, 2)
    network.disk_of("a").copy()
    somebody = Returning(network)
    somebody.come(server)
    posts(network, server, 2, 5)
    somebody.go()
    server.crash()
    disk = network.disk_of("a")
    disk.put_back(with_witness=False)
    again = network.start("a", redirects=False)
    # The numbers that those five had are given anew.
    posts(network, again, 7, 6)
    client = somebody.come(again)
    assert client.texts() == list(range(7, 13))


def test_what_waits_for_what_comes_before_it_is_told_as_lacking_and_sent_later(network: ScriptedNetwork) -> None:
    server = network.start("a", redirects=False)
    somebody = Returning(network)
    somebody.come(server)
    replication = server.node.replication
    replication.receive(entry(2, previous=1), None)
    server.handle(events.Woke())
    network.run(0.5)
    posts(network, server, 0, reached_places.TELL_EVERY + 1)
    client = somebody.client
    assert client is not None
    (reached,) = client.of(wire.PlaceReached)
    assert list(reached.lacking) == ["elsewhere.1"]
    somebody.go()
    replication.receive(entry(1, previous=None), None)
    server.handle(events.Woke())
    network.run(0.5)
    again = somebody.come(server)
    assert [one.id for one in again.of(wire.ActivityBroadcast)] == ["elsewhere.1.1", "elsewhere.1.2"]


def test_a_login_is_as_long_with_very_many_streams_as_with_few(network: ScriptedNetwork) -> None:
    server = network.start("a", redirects=False)
    vector = server.node.replication.vector
    for number in range(30_000):
        vector.raise_to(Stream(f"past{number:020}", number + 1), 7)
    somebody = Returning(network)
    client = somebody.come(server)
    (success,) = client.of(wire.LoginSuccess)
    assert success.vector is None
    assert len(encode(success)) < 1_000
    somebody.go()
    again = somebody.come(server)
    assert sum(len(encode(message)) for message in again.log) < 1_000


def test_an_older_client_is_told_a_vector_as_before(network: ScriptedNetwork) -> None:
    server = network.start("a", redirects=False)
    posts(network, server, 0, 2)
    (success,) = network.logged_in(server).of(wire.LoginSuccess)
    assert success.vector == {str(server.node.replication.own_stream): 2}
    assert (success.begins, success.lacks, "place" in success.features) == (None, None, False)


def test_a_server_says_what_it_lacks_of_a_clients_own(network: ScriptedNetwork) -> None:
    server = network.start("a", redirects=False)
    posts(network, server, 0, 2)
    stream = str(server.node.replication.own_stream)
    mine = {stream: [1, 2], "unreachable.5": [3, 3]}
    client = network.client(server, features=FEATURES)
    client.login(have=wire.HeldEntries(0, {stream: [0, 2]}), mine=mine)
    network.run(0.5)
    assert client.of(wire.LoginSuccess)[0].lacks == {"unreachable.5": [3, 3]}
    stranger = network.client(server, features=FEATURES)
    stranger.login(have=wire.HeldEntries(0, {"another.1": [0, 2]}), mine={"another.1": [3, 3]})
    network.run(0.5)
    assert stranger.of(wire.LoginSuccess)[0].lacks is None


def test_what_a_client_begins_with_goes_into_few_words_and_loses_nothing(network: ScriptedNetwork) -> None:
    server = network.start("a", redirects=False)
    replication = server.node.replication
    for number in range(1, 301):
        replication.receive(entry(1, node=f"elsewhere{number:015}", stamp=1_000_000 + number), None)
    server.handle(events.Woke())
    network.run(0.5)
    begins = server.node.reached.begins()
    assert len(msgspec.json.encode(begins)) < reached_places.BEGINS_BYTES + 100
    listed = {stream for stream, numbers in begins.entries.items() if numbers == [0, 1]}
    unlisted = {number for number in range(1, 301) if f"elsewhere{number:015}.1" not in listed}
    assert listed and unlisted
    # All that was handed out counts as had, and nothing later.
    assert begins.since == 1_000_000 + max(unlisted) + 1


def test_who_begins_at_a_server_that_was_started_again_is_not_sent_what_was_there_by_one_that_dates_it_later() -> None:
    network = ScriptedNetwork(clock_offsets={"n001": 200_000.0})
    first, ahead = network.build([None, 0], redirects=False)
    posts(network, ahead, 1, 3)
    assert network.until(lambda: len(first.activities()) == 3, 10.0)
    network.part([first], [ahead])
    first.crash()
    first = network.start(first.host, redirects=False)
    somebody = Returning(network)
    somebody.come(first)
    posts(network, first, 4, 2)
    somebody.go()
    somebody.come(ahead)
    somebody.go()
    assert somebody.texts == [4, 5]


def test_who_comes_to_a_server_whose_clock_is_years_behind_is_sent_what_it_has_dated_so() -> None:
    """They have begun elsewhere, and name no stream of what they missed: their beginning has not come yet there."""
    network = ScriptedNetwork(clock_offsets={"n001": -17 * 365 * 86_400.0})
    a, b = network.build(chain(2), redirects=False)
    network.run(60.0)
    begun = int(a.now.wall * 1_000_000)
    posts(network, a, 1, 3)
    network.run(5.0)
    assert {entry.stamp < begun for entry in b.disk.entries() if entry.kind == "activity"} == {True}
    client = network.client(b, features=FEATURES)
    client.login(have=wire.HeldEntries(begun, {}))
    network.run(2.0)
    assert client.texts() == [1, 2, 3]
