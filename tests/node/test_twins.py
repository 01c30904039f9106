"""Two servers with one identity: somebody restored a server's backup while the server runs."""

from __future__ import annotations

import msgspec

from core.node.servers.same_start import FORGOTTEN_AFTER, ROUNDS
from core.simulation.environment.hash_signing import HashSigner
from core.simulation.testing import ScriptedNetwork, WatchedServer
from core.wire import messages as wire
from core.wire.link_state import signed_digest
from tests.node.one_node import OneNode, native_neighbour_with_key


def with_twin(network: ScriptedNetwork, server: WatchedServer, join: WatchedServer) -> WatchedServer:
    """A server that was started later than `server`, elsewhere, with a copy of its data."""
    return network.start_copy(server, "twin", 2000, join)


def test_the_one_that_was_started_later_stays_and_the_other_is_told_why() -> None:
    network = ScriptedNetwork()
    first, second = network.build([None, 0])
    with_twin(network, second, first)
    network.run(60.0)
    assert any("two cannot run from one server's data" in text for text in second.told("refused"))
    assert first.node.topology.records[second.id].port == 2000
    assert not second.neighbours


def test_they_do_not_push_each_other_out_for_ever() -> None:
    network = ScriptedNetwork()
    first, second = network.build([None, 0])
    twin = with_twin(network, second, first)
    network.run(10.0)
    links = len(first.told("linked"))
    network.run(60.0)
    assert len(first.told("linked")) == links
    assert twin.neighbours == {first.id}


def test_the_other_comes_back_when_the_later_one_has_ended() -> None:
    network = ScriptedNetwork()
    first, second = network.build([None, 0])
    twin = with_twin(network, second, first)
    network.run(20.0)
    twin.crash()
    assert network.until(lambda: second.neighbours == {first.id}, 120.0)


def test_servers_find_each_other_again_when_the_later_ones_of_both_have_ended() -> None:
    """Each knew only where the other's had been that was started later."""
    network = ScriptedNetwork()
    first, second = network.build([None, 0])
    one = network.start_copy(first, "one", 2000, second)
    network.run(10.0)
    other = network.start_copy(second, "other", 2001, first)
    assert network.until(lambda: first.node.healing.peers[second.id].port == 2001, 30.0)
    assert second.node.healing.peers[first.id].port == 2000
    network.run(10.0)
    one.crash()
    other.crash()
    assert not network.links_between(first, second)
    assert network.until(lambda: second.neighbours == {first.id} and bool(network.links_between(first, second)), 120.0)


def test_of_two_that_are_linked_with_different_neighbours_one_ends_and_the_other_is_told() -> None:
    """Each found that others knew a later record of it than its own, and said something later, for ever."""
    network = ScriptedNetwork()
    first, second, third = network.build([None, 0, 0], lazy_links=0)
    twin = with_twin(network, second, third)
    assert network.until(lambda: not twin.alive, 20.0)
    assert any("this one ends for it" in text for text in twin.told("identity"))
    goes_on = "that one has to end, and this one goes on"
    assert network.until(lambda: any(goes_on in text for text in second.told("identity")), 10.0)
    assert second.alive and second.neighbours == {first.id} and third.alive
    begun = second.node.replication.own_stream.incarnation
    network.run(60.0)
    assert second.node.topology.own.incarnation - begun < 20


# --- the same start twice -------------------------------------------------------------------------------------------


def with_its_double(
    network: ScriptedNetwork, server: WatchedServer, join: WatchedServer, port: int = 2000
) -> WatchedServer:
    """Another process that goes on as the very start of `server`: a machine's saved memory was resumed twice."""
    store = network.disk_of(server.host).store
    store.incarnation -= 1
    double = network.start_copy(server, "double", port, join)
    store.incarnation += 1
    assert (double.node.id, double.node.topology.own.incarnation) == (server.id, server.node.topology.own.incarnation)
    return double


def test_of_two_processes_that_are_one_start_one_ends_and_says_why() -> None:
    network = ScriptedNetwork()
    first, second = network.build([None, 0])
    double = with_its_double(network, second, first)
    assert network.until(lambda: not double.alive, 10.0)
    assert double.undone is not None and "started again, this server takes another number" in "".join(double.undone)
    assert any("this one ends for it" in text for text in double.told("identity"))
    goes_on = "that one has to end, and this one goes on"
    assert network.until(lambda: any(goes_on in text for text in second.told("identity")), 10.0)
    assert network.until(lambda: second.neighbours == {first.id}, 30.0)
    assert second.undone is None


def test_the_one_that_ends_is_told_by_its_address_and_not_by_who_came_first() -> None:
    network = ScriptedNetwork()
    first, second = network.build([None, 0])
    double = with_its_double(network, second, first, port=7)
    assert network.until(lambda: not second.alive, 10.0)
    assert network.until(lambda: double.neighbours == {first.id}, 30.0)
    assert double.undone is None


def test_both_find_out_although_they_are_linked_with_different_neighbours() -> None:
    network = ScriptedNetwork()
    first, second, third = network.build([None, 0, 0], lazy_links=0)
    double = with_its_double(network, second, third)
    assert network.until(lambda: not double.alive, 10.0)
    assert second.alive and first.alive


def test_the_one_that_has_ended_takes_no_more_posts_and_comes_back_as_a_later_start() -> None:
    network = ScriptedNetwork()
    first, second = network.build([None, 0])
    double = with_its_double(network, second, first)
    writer = network.logged_in(double)
    assert network.until(lambda: double.undone is not None, 10.0)
    kept = len(double.activities())
    writer.post("too late")
    assert len(double.activities()) == kept
    assert network.until(lambda: not double.alive, 10.0)
    again = network.start_copy(double, "again", 2001, first)
    assert again.node.topology.own.incarnation > second.node.topology.own.incarnation
    assert network.until(lambda: again.neighbours == {first.id}, 30.0)
    cannot = "two cannot run from one server's data"
    assert network.until(lambda: any(cannot in text for text in second.told("refused")), 60.0)


# --- what others have kept ------------------------------------------------------------------------------------------


class Remembered:
    """A node whose neighbour tells it of records that its key has signed, and that it has not said in this start."""

    def __init__(self) -> None:
        self.signer = HashSigner(b"here")
        self.one = OneNode(signer=self.signer)
        self.conn = native_neighbour_with_key(self.one)
        self.incarnation = self.one.node.topology.own.incarnation

    @property
    def ended(self) -> bool:
        return any("this one ends for it" in text for text in self.one.told)

    def say(self, version: int, incarnation: int | None = None) -> None:
        """Of a process at an address before this one's: this one would end for it."""
        record = wire.ServerAnnounce(
            "here", 0, "a.example", 1, incarnation=incarnation or self.incarnation, version=version, links=[]
        )
        record = msgspec.structs.replace(record, key=self.signer.key)
        signed = msgspec.structs.replace(record, signature=self.signer.sign(signed_digest(record)))
        self.one.say(self.conn, signed)
        self.one.run(1.0)

    def say_on(self, rounds: int, *, another_start: bool = False) -> None:
        """Somebody is there who says something later than what this node answers."""
        for _ in range(rounds):
            own = self.one.node.topology.own
            self.say(own.version + 1, own.incarnation + 1 if another_start else None)


def test_nobody_ends_for_what_others_have_kept_of_a_process_that_has_ended() -> None:
    """Its own address may have become the larger one since then."""
    remembered = Remembered()
    version = remembered.one.node.topology.own.version + 1
    for _ in range(2 * ROUNDS):
        remembered.say(version)
        remembered.one.run(5.0)
    assert not remembered.ended
    assert remembered.one.node.topology.own.version > version, "it is answered with something later"


def test_nobody_ends_for_several_records_that_are_all_older_than_the_answer() -> None:
    remembered = Remembered()
    for version in range(1, 2 * ROUNDS):
        remembered.say(version)
    assert not remembered.ended


def test_who_says_something_later_again_and_again_is_there() -> None:
    remembered = Remembered()
    remembered.say_on(ROUNDS - 1)
    assert not remembered.ended
    remembered.say_on(1)
    assert remembered.ended


def test_the_same_holds_of_another_start() -> None:
    remembered = Remembered()
    remembered.say_on(ROUNDS - 1, another_start=True)
    assert not remembered.ended
    remembered.say_on(1, another_start=True)
    assert remembered.ended


def test_what_was_heard_long_ago_counts_no_more() -> None:
    remembered = Remembered()
    remembered.say_on(ROUNDS - 1)
    for _ in range(int(FORGOTTEN_AFTER)):
        remembered.one.run(2.0)
        remembered.one.say(remembered.conn, wire.Ping(1))
    remembered.say_on(ROUNDS - 1)
    assert not remembered.ended
