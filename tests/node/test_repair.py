"""What is damaged on a server's disk and nobody else has: people are told what, and all else goes on."""

from __future__ import annotations

from functools import partial

import pytest

from core.node.clients import catching_up
from core.simulation.environment import simulated_disk
from core.simulation.testing import ScriptedNetwork, WatchedServer
from core.simulation.testing.scripted_peers import NATIVE_CLIENT
from core.wire import messages as wire
from core.wire.entries import EntryId, Fetch
from core.wire.missing import Missing


def post(network: ScriptedNetwork, server: WatchedServer, texts: list[str]) -> list[EntryId]:
    """Post these, each in a commit of its own; their identities."""
    writer = network.logged_in(server)
    for text in texts:
        writer.post(text, ref=text)
        network.run(0.2)
    acks = {ack.ref: ack.id for ack in writer.of(wire.ActivityAck)}
    node, incarnation = server.node.replication.own_stream
    return [EntryId(node, incarnation, int(str(acks[text]).rpartition(".")[2])) for text in texts]


def history(network: ScriptedNetwork, server: WatchedServer) -> list[object]:
    reader = network.logged_in(server, history=100)
    network.run(8.0)
    return reader.texts()


def test_what_nobody_else_has_is_told_by_its_numbers_and_the_rest_is_served() -> None:
    network = ScriptedNetwork()
    server = network.start("only", redirects=False)
    texts = ["text 1", "text 2", "text 3", "text 4"]
    ids = post(network, server, texts)
    network.disk_of("only").flip([ids[1], ids[2]])
    network.run(5.0)
    found, lost = server.told("storage")
    named = f"{ids[1].node}.{ids[1].incarnation}.{ids[1].seq} to {ids[2].seq}"
    assert found.startswith(f"2 entries are damaged on this server's disk, and not served ({named})")
    assert lost.startswith(
        f"no other server is linked that has 2 entries that were damaged on this server's disk ({named})"
    )
    assert history(network, server) == ["text 1", "text 4"]
    post(network, server, ["text 5"])
    assert history(network, server) == ["text 1", "text 4", "text 5"]


def test_a_neighbour_that_never_had_it_is_asked_and_people_are_told_once() -> None:
    network = ScriptedNetwork()
    server = network.start("first", redirects=False)
    [lost] = post(network, server, ["lost 1"])
    network.disk_of("first").flip([lost])
    network.run(5.0)
    other = network.start("other", server, redirects=False)
    network.run(60.0)
    nobody = [text for text in server.told("storage") if "what no other server brings" in text]
    assert len(nobody) <= 2 and all(str(lost) in text for text in nobody)
    assert other.id in server.neighbours
    [after] = post(network, server, ["after 1"])
    assert network.until(lambda: [one["text"] for one in other.activities()] == ["after 1"], 10.0)
    assert after.seq == lost.seq + 1, "a number is never given again"


def test_who_has_it_after_all_brings_it_whenever_it_comes() -> None:
    network = ScriptedNetwork()
    first, second = network.build([None, 0], redirects=False)
    [one] = post(network, first, ["kept elsewhere 1"])
    assert network.until(lambda: len(second.activities()) == 1, 10.0)
    second.crash()
    network.run(20.0)
    network.disk_of(first.host).flip([one])
    network.run(10.0)
    assert any("no other server is linked that has 1 entry" in text for text in first.told("storage"))
    assert history(network, first) == []
    network.start(second.host, first, redirects=False)
    came = "1 entry that had been damaged came again from the other servers"
    assert network.until(lambda: came in first.told("storage"), 30.0)
    assert history(network, first) == ["kept elsewhere 1"]


def test_a_client_that_says_what_it_has_is_sent_what_was_damaged_when_it_came_and_came_again_before_it_was_sent() -> (
    None
):
    network = ScriptedNetwork()
    first, second = network.build([None, 0], redirects=False)
    [one] = post(network, first, ["damaged here 1"])
    assert network.until(lambda: len(second.activities()) == 1, 10.0)
    for conn in second.links:
        second.ends[conn].take_each_way(1.0)
    network.disk_of(second.host).flip([one])
    assert network.until(lambda: any("damaged" in text for text in second.told("storage")), 10.0)
    client = network.client(second, features=(*NATIVE_CLIENT, "place"))
    client.login(have=wire.HeldEntries(0, {str(one.stream): [0, 0]}))
    network.run(0.2)
    assert not client.of(wire.CaughtUp), "it waits for what is asked for"
    assert network.until(lambda: client.of(wire.CaughtUp) != [], 30.0)
    assert client.texts() == ["damaged here 1"]


def two_servers(texts: list[str]) -> tuple[ScriptedNetwork, WatchedServer, WatchedServer, list[EntryId]]:
    """Two servers that have these; they were posted at the first one. The second one has died."""
    network = ScriptedNetwork()
    first, second = network.build([None, 0], redirects=False)
    ids = post(network, first, texts)
    assert network.until(lambda: len(second.activities()) == len(texts), 10.0)
    second.crash()
    return network, first, second, ids


WHOLE_AGAIN = "1 entry that had been damaged came again from the other servers"


def test_who_begins_at_a_server_is_not_handed_what_was_damaged_there_before_its_start() -> None:
    network, first, second, ids = two_servers(["before 1", "before 2"])
    network.disk_of(second.host).flip(ids[:1])
    network.part([first], [second])
    second = network.start(second.host, redirects=False)
    reader = network.logged_in(second)
    network.mend()
    assert network.until(lambda: WHOLE_AGAIN in second.told("storage"), 30.0)
    network.run(2.0)
    assert reader.texts() == []


def test_who_wants_the_past_right_after_a_start_waits_for_what_was_damaged_before_it() -> None:
    network, _, second, ids = two_servers(["before 1", "before 2"])
    network.disk_of(second.host).flip(ids[:1])
    second = network.start(second.host, redirects=False)
    reader = network.client(second)
    reader.login(history=100)
    assert second.node.replication.damaged.count == 1
    assert network.until(lambda: reader.of(wire.CaughtUp) != [], 30.0)
    assert reader.texts() == ["before 1", "before 2"]


def test_what_was_damaged_before_a_start_and_nobody_has_is_told_and_nobody_waits_longer() -> None:
    network, first, second, ids = two_servers(["before 1", "before 2"])
    first.crash()
    network.disk_of(second.host).flip(ids[:1])
    second = network.start(second.host, redirects=False)
    reader = network.logged_in(second, history=100)
    network.run(10.0)
    assert reader.texts() == ["before 2"]
    assert any(f"has 1 entry that was damaged on this server's disk ({ids[0]})" in t for t in second.told("storage"))


def test_an_account_that_was_damaged_before_a_start_is_known_when_it_has_come_again() -> None:
    network = ScriptedNetwork()
    first, second = network.build([None, 0], redirects=False)
    network.registered(first, "ada")
    assert network.until(lambda: second.node.book.knows("ada"), 10.0)
    [account] = [entry.id for entry in second.entries() if entry.kind == "account"]
    second.crash()
    network.disk_of(second.host).flip([account])
    second = network.start(second.host, redirects=False)
    assert not second.node.book.knows("ada")
    assert network.until(lambda: second.node.book.knows("ada"), 30.0)
    assert WHOLE_AGAIN in second.told("storage")


def test_what_was_damaged_before_a_start_is_passed_on_to_a_neighbour_that_never_had_it() -> None:
    network, first, second, ids = two_servers(["before 1", "before 2"])
    network.disk_of(second.host).flip(ids[:1])
    third = network.start("third", redirects=False)
    network.part([first], [second, third])
    second = network.start(second.host, third, redirects=False)
    assert network.until(lambda: len(third.activities()) == 1, 10.0)
    network.run(1.0)
    network.mend_between(first, second)
    assert network.until(lambda: len(second.activities()) == 2, 60.0)
    network.run(0.1)
    assert len(third.activities()) == 2


def memory_that_has(texts: list[str], place: int) -> tuple[ScriptedNetwork, WatchedServer, list[EntryId]]:
    """A server that has these, one of them only in memory because its disk takes no writes."""
    network, _, second, ids = two_servers(texts)
    network.disk_of(second.host).flip([ids[place]])
    network.disk_of(second.host).full = True
    second = network.start(second.host, redirects=False)
    assert network.until(lambda: WHOLE_AGAIN in second.told("storage"), 30.0)
    return network, second, ids


@pytest.mark.parametrize("page", [1, 2, 500])
def test_what_the_disk_does_not_take_is_sent_in_its_place_amid_the_past(
    page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "Missing", partial(Missing, entries_max=page))
    texts = [f"text {number}" for number in range(1, 6)]
    network, second, ids = memory_that_has(texts, 1)
    client = network.client(second, features=(*NATIVE_CLIENT, "place"))
    client.login(have=wire.HeldEntries(0, {str(ids[0].stream): [0, 0]}))
    assert network.until(lambda: client.of(wire.CaughtUp) != [], 30.0)
    assert client.texts() == texts


def test_what_the_disk_does_not_take_is_sent_in_its_place_in_a_past_of_several_pages() -> None:
    texts = [f"text {number}" for number in range(1, 700)]
    network, second, _ = memory_that_has(texts, 1)
    reader = network.logged_in(second, history=1000)
    assert network.until(lambda: reader.of(wire.CaughtUp) != [], 30.0)
    assert reader.texts() == texts
    assert len(texts) > Fetch({}).entries_max, "in several pages"


def test_what_the_disk_takes_while_somebody_catches_up_is_not_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catching_up, "Missing", partial(Missing, entries_max=1))
    texts = [f"text {number}" for number in range(1, 6)]
    network, second, ids = memory_that_has(texts, 3)
    client = network.client(second, features=(*NATIVE_CLIENT, "place"))
    client.login(have=wire.HeldEntries(0, {str(ids[0].stream): [0, 0]}))
    assert network.until(lambda: len(client.texts()) == 2, 30.0)
    network.disk_of(second.host).mend()
    assert network.until(lambda: client.of(wire.CaughtUp) != [], 30.0)
    assert client.texts() == texts


def test_what_two_neighbours_have_lost_comes_to_both_once_one_of_them_has_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(simulated_disk, "READ_THROUGH", 0.0)
    network = ScriptedNetwork()
    first, second, third = network.build([None, 0, 1], redirects=False, lazy_links=0)
    ids = post(network, first, ["lost twice 1"])
    assert network.until(lambda: len(third.activities()) == 1, 10.0)
    for end in network.links_between(first, second):
        end.take_each_way(1.0)
    for server in (second, third):
        network.disk_of(server.host).flip(ids)
    assert network.until(lambda: any("nobody" in t or "no server" in t for t in third.told("storage")), 5.0)
    assert third.activities() == []
    assert network.until(lambda: WHOLE_AGAIN in second.told("storage"), 5.0)
    network.run(0.1)
    assert WHOLE_AGAIN in third.told("storage")
    assert history(network, third) == ["lost twice 1"]
