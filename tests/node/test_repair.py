"""What is damaged on a server's disk and nobody else has: people are told what, and all else goes on."""

from __future__ import annotations

from core.simulation.testing import ScriptedNetwork, WatchedServer
from core.simulation.testing.scripted_peers import NATIVE_CLIENT
from core.wire import messages as wire
from core.wire.entries import EntryId


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
