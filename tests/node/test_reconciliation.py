"""Two servers find out what each lacks of the other, and send that and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import msgspec
import pytest

from core.node.log.answering import AMID
from core.reconciliation.item_order import ACCOUNTS, ACTIVITIES, END, NOTHING, bound, encode_bound, encode_sum
from core.reconciliation.range_comparison import ItemRange, RangePart
from core.reconciliation.range_messages import encode_question
from core.simulation.testing import ScriptedNetwork, ScriptedPeer, WatchedServer, chain
from core.store.identity import KEY_SETTING, SIGNS_FROM_SETTING
from core.store.memory_store import MemoryStore
from core.store.retention import Retention
from core.wire import messages as wire
from core.wire.codec import encode
from core.wire.entries import Entry, EntryId, Stream, StreamMark
from core.wire.messages import Message, command_of
from core.wire.records import read

M = TypeVar("M", bound=Message)

FIRST = 1_700_000_000_000_000
FAR = Stream("far", 1)
NATIVE = ["sync", "reconcile"]


def entry(seq: int, *, node: str = "far", stamp: int | None = None, text: str = "") -> Entry:
    body = msgspec.json.encode({"text": text or f"{node} {seq}"})
    return Entry(EntryId(node, 1, seq), "activity", FIRST + seq if stamp is None else stamp, body)


def broadcast(one: Entry) -> wire.ActivityBroadcast:
    return wire.ActivityBroadcast(msgspec.Raw(one.body), id=str(one.id), stamp=one.stamp)


def keep(network: ScriptedNetwork, name: str, entries: Iterable[Entry]) -> None:
    """A server has had these before it is started (again)."""
    if name not in network.servers:
        network.start(name).crash()
    network.disk_of(name).store.commit(list(entries))


def said(server: WatchedServer, kind: type[M]) -> list[M]:
    return server.said(kind)


def sent_entries(server: WatchedServer) -> list[Entry]:
    """What a server has sent of entries, in records."""
    return [entry for message in said(server, wire.Record) for entry in read(message).signed_columns.entries]


def has(server: WatchedServer) -> set[EntryId]:
    return {one.id for one in server.disk.entries()}


def neighbour(
    network: ScriptedNetwork, server: WatchedServer, features: list[str] = NATIVE, identity: str = "far"
) -> ScriptedPeer:
    """A neighbour that a test speaks for. It has been asked what it has."""
    peer = network.peer(server)
    peer.answer = lambda message: answer_pings(peer, message)  # type: ignore[method-assign]
    peer.say(wire.Authenticate("network secret", id=identity, incarnation=1, features=features))
    network.run(0.05)
    return peer


def answer_pings(peer: ScriptedPeer, message: Message) -> None:
    if isinstance(message, wire.Ping):
        peer.say(wire.Pong(message.number))


def same(peer: ScriptedPeer) -> None:
    """The neighbour says of all that it was asked that it has the same."""
    question = peer.of(wire.Reconcile)[-1]
    end = question.ranges[-1][1][-1][0]
    peer.say(wire.ReconcileAnswer(question.number, end, size=0, sum=encode_sum(0)))


def with_neighbour() -> tuple[ScriptedNetwork, WatchedServer, ScriptedPeer]:
    """A server, and a neighbour that has been asked what it has."""
    network = ScriptedNetwork()
    server = network.start("a")
    return network, server, neighbour(network, server)


def in_agreement() -> tuple[ScriptedNetwork, WatchedServer, ScriptedPeer]:
    """The same, after the neighbour has said that it has the same."""
    network, server, peer = with_neighbour()
    same(peer)
    network.run(0.5)
    return network, server, peer


def lists(peer: ScriptedPeer, entries: dict[str, list[int]], **fields: Any) -> int:
    """The neighbour lists entries among all that it was asked about; the comparison's number."""
    question = peer.of(wire.Reconcile)[-1]
    whole = (encode_bound(bound(ACTIVITIES)), encode_bound(END), entries)
    peer.say(
        wire.ReconcileAnswer(question.number, encode_bound(END), lists=[whole], size=9, sum=encode_sum(9), **fields)
    )
    return question.number


# --- what travels -----------------------------------------------------------------------------------------------------


def test_two_servers_in_agreement_say_little_and_send_nothing() -> None:
    network = ScriptedNetwork()
    for name in "ab":
        keep(network, name, (entry(number, node=f"n{number % 50}") for number in range(1, 1_000)))
    one = network.start("a")
    other = network.start("b", one)
    network.run(40.0)
    about_entries = (wire.Reconcile, wire.ReconcileAnswer, wire.ReconcileDigest, wire.ReconcileDone)
    lines = [
        len(encode(message)) for server in (one, other) for kind in about_entries for message in said(server, kind)
    ]
    assert 0 < sum(lines) < 6_000
    assert not said(one, wire.ReconcileWant) and not said(other, wire.ReconcileWant)
    assert not said(one, wire.SyncRequest) and not said(one, wire.SyncDigest)


def test_each_sends_what_the_other_lacks_and_nothing_else() -> None:
    network = ScriptedNetwork()
    keep(network, "a", (entry(number) for number in range(1, 1_500) if number % 100))
    keep(network, "b", (entry(number) for number in range(1, 1_500) if (number + 50) % 100))
    one = network.start("a")
    other = network.start("b", one)
    network.run(5.0)
    assert has(one) == has(other) == {EntryId("far", 1, number) for number in range(1, 1_500)}
    assert len(sent_entries(one)) == 15 and len(sent_entries(other)) == 14
    assert dict(one.node.replication.vector.contiguous)[FAR] == 1_499


def test_a_long_time_apart_is_made_up_for_page_by_page_in_the_order_of_stamps() -> None:
    network = ScriptedNetwork()
    mine = [entry(number, node="a-side", stamp=FIRST + 2 * number) for number in range(1, 2_000)]
    theirs = [entry(number, node="b-side", stamp=FIRST + 2 * number + 1) for number in range(1, 2_000)]
    keep(network, "a", mine)
    keep(network, "b", theirs)
    one = network.start("a")
    other = network.start("b", one)
    network.run(10.0)
    assert has(one) == has(other) and len(has(one)) == 3_998
    for server in (one, other):
        stamps = [one.stamp for one in sent_entries(server)]
        assert stamps == sorted(stamps) and len(stamps) == 1_999
        longest = max(len(encode(message)) for _, message in server.sent if command_of(message).startswith("RECONCILE"))
        assert longest < 128 * 1024


def test_large_bodies_come_in_pages_of_a_bounded_size() -> None:
    network = ScriptedNetwork()
    large = "x" * 100_000
    keep(network, "a", (entry(number, text=large) for number in range(1, 30)))
    one = network.start("a")
    other = network.start("b", one)
    network.run(5.0)
    assert has(other) == has(one)
    sizes = [0]
    for _, message in one.sent:
        if isinstance(message, wire.Record):
            sizes[-1] += sum(len(part.body) for part in read(message).signed_columns.entries)
        elif isinstance(message, wire.ReconcileSent):
            sizes.append(0)
    assert sum(sizes) > 2_800_000
    # Half a MiB, and the record with which that is more.
    assert max(sizes) <= 512 * 1024 + 300_000


def test_accounts_come_first_and_from_however_long_ago() -> None:
    network = ScriptedNetwork()
    one = network.start("a")
    client = network.registered(one, "ann")
    client.login("ann", "s")
    network.run(0.1)
    client.post("hello", "ann", "s")
    network.run(0.5)
    other = network.start("b", one)
    network.run(2.0)
    assert other.node.book.knows("ann")
    network.logged_in(other, "ann", "s")


def test_who_restores_a_backup_gets_back_what_it_had() -> None:
    network = ScriptedNetwork()
    one, other = network.build(chain(2))
    client = network.logged_in(other)
    client.post("before")
    network.run(0.5)
    network.disk_of(other.host).copy()
    for number in range(20):
        client.post(number)
    network.run(0.5)
    other.crash()
    network.disk_of(other.host).put_back(with_witness=True)
    other = network.start(other.host, one)
    network.run(5.0)
    assert has(other) == has(one) and len(has(one)) == 21


def test_a_gap_in_what_comes_is_asked_for_by_its_numbers() -> None:
    network, server, peer = in_agreement()
    peer.say(broadcast(entry(1)))
    peer.say(broadcast(entry(5)))
    network.run(0.1)
    [want] = peer.of(wire.ReconcileWant)
    assert want.entries == {"far.1": [2, 4]}
    for number in (2, 3, 4):
        peer.say(broadcast(entry(number)))
    peer.say(wire.ReconcileSent(want.number))
    peer.say(broadcast(entry(6)))
    network.run(1.0)
    assert len(peer.of(wire.ReconcileWant)) == 1
    assert server.node.replication.vector.upto(FAR) == 6


def test_a_gap_that_nobody_fills_is_not_asked_for_again_and_again() -> None:
    network, server, peer = in_agreement()
    for number in (1, 5, 6, 7):
        peer.say(broadcast(entry(number)))
        for want in peer.of(wire.ReconcileWant):
            peer.say(wire.ReconcileSent(want.number)) if want is peer.log[-1] else None
        network.run(0.1)
    assert len(peer.of(wire.ReconcileWant)) == 1
    assert {EntryId("far", 1, 7), EntryId("far", 1, 1)} <= has(server)


# --- when -------------------------------------------------------------------------------------------------------------


def test_digests_of_a_busy_network_lead_to_nothing() -> None:
    network = ScriptedNetwork()
    servers = network.build(chain(3))
    clients = [network.logged_in(server) for server in servers]
    network.run(5.0)
    before = sum(len(said(server, wire.Reconcile)) for server in servers)
    for number in range(400):
        clients[number % 3].post(number)
        network.run(0.1)
    assert sum(len(said(server, wire.ReconcileDigest)) for server in servers) > 10
    assert sum(len(said(server, wire.Reconcile)) for server in servers) == before


def test_what_got_lost_on_its_way_is_found_by_the_next_digest() -> None:
    network = ScriptedNetwork()
    one, other = network.build(chain(2))
    network.run(10.0)
    network.disk_of(one.host).store.commit([entry(1)])
    assert network.until(lambda: EntryId("far", 1, 1) in has(other), 20.0)


def test_a_difference_that_stays_is_settled() -> None:
    """One has dropped what the other keeps: sums differ for good, and nothing is asked for."""
    network = ScriptedNetwork()
    keep(network, "a", [entry(number) for number in range(1, 200)])
    keep(network, "b", [entry(number) for number in range(101, 200)])
    for name in "ab":
        network.disk_of(name).store.commit([])
    network.disk_of("b").store.commit([StreamMark(FAR, 100)])
    one = network.start("a")
    other = network.start("b", one)
    network.run(30.0)
    asked = len(said(other, wire.Reconcile)) + len(said(one, wire.Reconcile))
    client = network.logged_in(one)
    for number in range(50):
        client.post(number)
        network.run(2.0)
    assert len(said(other, wire.Reconcile)) + len(said(one, wire.Reconcile)) == asked
    assert len(has(other)) == 99 + 50
    network.disk_of("a").store.commit([entry(300)])
    assert network.until(lambda: EntryId("far", 1, 300) in has(other), 30.0), "what is new is found all the same"


def test_who_is_amid_catching_up_is_not_compared_with_because_it_lacks_something() -> None:
    network, server, peer = in_agreement()
    everything = RangePart(ItemRange(bound(ACCOUNTS), END), NOTHING.size, NOTHING.print)
    for _ in range(5):
        peer.say(encode_question(7, [everything], begins=True))
        network.run(5.0)
        peer.say(wire.ReconcileDigest(0, FIRST, 3, encode_sum(3)))
        network.run(5.0)
    asked = len(peer.of(wire.Reconcile))
    assert asked == 1, "when they were linked"
    peer.say(wire.ReconcileDone(7, 0))
    peer.say(wire.ReconcileDigest(0, FIRST, 3, encode_sum(3)))
    assert network.until(lambda: len(said(server, wire.Reconcile)) > asked, 5.0), "once it is through, it is"


def test_a_newcomer_that_has_had_nothing_is_asked_for_nothing_and_told_no_sums_while_it_catches_up() -> None:
    network, server, peer = in_agreement()
    everything = RangePart(ItemRange(bound(ACCOUNTS), END), NOTHING.size, NOTHING.print)
    peer.say(encode_question(7, [everything], begins=True))
    network.run(0.5)
    asked, told = len(peer.of(wire.Reconcile)), len(peer.of(wire.ReconcileDigest))
    peer.say(broadcast(entry(5_000)))
    for _ in range(5):
        peer.say(encode_question(7, [everything], begins=True))
        network.run(4.0)
    assert EntryId("far", 1, 5_000) in has(server)
    assert len(peer.of(wire.Reconcile)) == asked, "although much is missing before that"
    assert len(peer.of(wire.ReconcileDigest)) == told
    peer.say(wire.ReconcileDone(7, 0))
    assert network.until(lambda: len(peer.of(wire.ReconcileDigest)) > told, 20.0)


def test_who_breaks_off_catching_up_is_compared_with_again_after_a_while() -> None:
    network, server, peer = in_agreement()
    everything = RangePart(ItemRange(bound(ACCOUNTS), END), NOTHING.size, NOTHING.print)
    peer.say(encode_question(7, [everything], begins=True))

    def differ(message: Message) -> None:
        answer_pings(peer, message)
        if isinstance(message, wire.ReconcileDigest):
            peer.say(wire.ReconcileDigest(0, message.until, 3, encode_sum(3)))

    peer.answer = differ  # type: ignore[method-assign]
    network.run(AMID - 5.0)
    asked = len(peer.of(wire.Reconcile))
    assert network.until(lambda: len(said(server, wire.Reconcile)) > asked, 30.0)


def trimmed_server(network: ScriptedNetwork, count: int, kept: int, share: float) -> WatchedServer:
    """A server that has had so many activities, and keeps the last of them: because their writer has more than a share
    of what may be kept, or because they are the oldest."""
    network.start("a").crash()
    disk = network.disk_of("a")
    first = disk.store
    store = disk.store = MemoryStore(first.node, retention=Retention(activities=kept, share=share), signer=first.signer)
    for name in (KEY_SETTING, SIGNS_FROM_SETTING):
        store.set_setting(name, first.get_setting(name) or "", backed_up=True)
    store.commit([entry(number) for number in range(1, count + 1)])
    while store.trim(0.0):
        pass
    assert store.usage().activities == kept
    return network.start("a")


@pytest.mark.parametrize("share", [0.25, 5.0], ids=["one writer has too many", "the oldest go"])
def test_a_newcomer_gets_what_is_kept_and_asks_for_nothing_more(share: float) -> None:
    network = ScriptedNetwork()
    one = trimmed_server(network, 2_000, 700, share)
    other = network.start("b", one)
    network.run(30.0)
    assert has(other) == has(one) == {EntryId("far", 1, number) for number in range(1_301, 2_001)}
    asked = len(said(other, wire.Reconcile))
    network.run(60.0)
    assert len(said(other, wire.Reconcile)) == asked
    assert len(sent_entries(one)) + len(said(one, wire.ActivityBroadcast)) == 700


@pytest.mark.parametrize("share", [0.25, 5.0], ids=["one writer has too many", "the oldest go"])
def test_a_client_of_a_newcomer_is_not_sent_the_same_again_when_it_comes_back(share: float) -> None:
    network = ScriptedNetwork()
    one = trimmed_server(network, 2_000, 700, share)
    other = network.start("b", one)
    network.run(30.0)
    client = network.client(other)
    client.login(seen={})
    network.run(5.0)
    [welcome] = client.of(wire.LoginSuccess)
    assert len(client.of(wire.ActivityBroadcast)) == 700
    assert welcome.vector is not None and welcome.vector["far.1"] == 2_000
    other.crash()
    other = network.start("b", one)
    network.run(30.0)
    again = network.client(other)
    again.login(seen=welcome.vector)
    network.run(5.0)
    [welcome] = again.of(wire.LoginSuccess)
    assert again.of(wire.ActivityBroadcast) == [] and (welcome.vector or {})["far.1"] == 2_000


def test_only_a_gap_that_a_neighbour_has_dropped_is_hidden_from_clients() -> None:
    network, server, peer = with_neighbour()
    number = lists(peer, {"far.1": [5, 5, 8, 8]})
    network.run(0.1)
    for one in (entry(5), entry(8)):
        peer.say(broadcast(one))
    peer.say(wire.ReconcileSent(number))
    network.run(0.1)
    [asked] = peer.of(wire.ReconcileGaps)
    assert asked.entries == {"far.1": [1, 4, 6, 7]}
    client = network.logged_in(server, seen={})
    assert "far.1" not in (client.of(wire.LoginSuccess)[0].vector or {})
    peer.say(wire.ReconcileDropped(number, {"far.1": [1, 4, 6, 6]}))
    network.run(0.1)
    client = network.logged_in(server, seen={})
    assert (client.of(wire.LoginSuccess)[0].vector or {})["far.1"] == 5


# --- neighbours of the version before ---------------------------------------------------------------------------------


def test_a_neighbour_of_the_version_before_is_asked_with_a_vector() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    peer = neighbour(network, server, ["sync"])
    network.run(15.0)
    assert peer.of(wire.SyncRequest)
    assert peer.of(wire.SyncDigest)
    assert not [command for command in peer.commands if command.startswith("RECONCILE")]


def test_nobody_else_is_sent_a_message_of_it() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    new, old = neighbour(network, server), neighbour(network, server, ["sync"], "old")
    base = network.base_server(server)
    same(new)
    network.run(30.0)
    assert new.of(wire.ReconcileDigest)
    for peer in (old, base):
        assert not [command for command in peer.commands if command.startswith("RECONCILE")]


# --- leaving ----------------------------------------------------------------------------------------------------------


def test_a_server_that_leaves_waits_until_its_successor_has_everything() -> None:
    network = ScriptedNetwork()
    server = network.start("a", drain_limit=60.0)
    peer = neighbour(network, server)
    same(peer)
    network.run(0.5)
    peer.say(wire.Reconcile(7, [(encode_bound(bound(ACCOUNTS)), [(encode_bound(END), 0, "A" * 22 + "==")])], True))
    network.run(0.1)
    server.drain()
    network.run(0.1)
    [farewell] = peer.of(wire.Quit)
    peer.say(wire.ReconcileDone(7))
    network.run(1.0)
    assert len(peer.of(wire.Quit)) == 1, "what was compared before it said so does not count"
    peer.say(wire.Reconcile(8, [(encode_bound(bound(ACCOUNTS)), [(encode_bound(END), 0, "A" * 22 + "==")])], True))
    network.run(0.1)
    peer.say(wire.ReconcileDone(8, lacking=1))
    network.run(1.0)
    assert not server.left and not server.undone
    phase = server.node.drain.phase
    peer.say(wire.Reconcile(9, [(encode_bound(bound(ACCOUNTS)), [(encode_bound(END), 0, "A" * 22 + "==")])], True))
    network.run(0.1)
    peer.say(wire.ReconcileDone(9))
    network.run(1.0)
    assert server.node.drain.phase is not phase and farewell.successor == "far"


def test_everything_goes_to_the_successor_before_a_server_leaves() -> None:
    network = ScriptedNetwork()
    keep(network, "b", (entry(number) for number in range(1, 1_200)))
    one = network.start("a")
    other = network.start("b", one)
    network.run(0.03)
    other.drain()
    assert network.until(lambda: other.left, 20.0)
    assert other.undone == () and len(has(one)) == 1_199


# --- disks ------------------------------------------------------------------------------------------------------------


def test_what_only_the_memory_has_is_told_of_and_sent() -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    first = neighbour(network, server)
    same(first)
    network.run(0.5)
    server.disk.full = True
    first.say(broadcast(entry(1)))
    network.run(1.0)
    assert has(server) == set()
    other = network.start("b", server)
    network.run(3.0)
    assert has(other) == {EntryId("far", 1, 1)}


def test_nothing_is_said_to_be_durable_that_a_failing_disk_has_not_taken() -> None:
    network, server, peer = with_neighbour()
    server.disk.full = True
    number = lists(peer, {"far.1": [1, 1]})
    network.run(0.1)
    peer.say(broadcast(entry(1)))
    peer.say(wire.ReconcileSent(number))
    network.run(1.0)
    end = peer.of(wire.Reconcile)[-1]
    assert [done for done in peer.of(wire.ReconcileDone) if done.number == number and not done.lacking] == []
    assert end.number == number


def test_a_store_that_cannot_be_read_claims_nothing() -> None:
    network, server, peer = in_agreement()
    server.disk.unreadable = True
    peer.say(wire.Reconcile(1, [(encode_bound(bound(ACCOUNTS)), [(encode_bound(END), 3, "A" * 22 + "==")])], True))
    peer.say(wire.ReconcileDigest(0, FIRST, 3, encode_sum(3)))
    network.run(5.0)
    assert peer.of(wire.ReconcileAnswer)[-1] == wire.ReconcileAnswer(1)
    assert peer.closed is None
    asked = len(peer.of(wire.Reconcile))
    server.disk.unreadable = False
    peer.say(wire.ReconcileDigest(0, FIRST, 3, encode_sum(3)))
    network.run(5.0)
    assert len(peer.of(wire.Reconcile)) == asked + 1


def test_entries_that_were_listed_and_do_not_come_are_not_waited_for() -> None:
    network, server, peer = with_neighbour()
    number = lists(peer, {"far.1": [1, 3]})
    network.run(0.1)
    peer.say(broadcast(entry(2)))
    peer.say(wire.ReconcileSent(number))
    network.run(0.1)
    peer.say(wire.ReconcileDropped(number))
    network.run(1.0)
    assert peer.of(wire.ReconcileDone) == [wire.ReconcileDone(number, lacking=2)]
    assert server.node.queues()["comparisons with neighbours"] == 0


def test_what_is_left_over_is_asked_for_again_and_nothing_else() -> None:
    network, _, peer = with_neighbour()
    number = lists(peer, {"far.1": [1, 3]})
    network.run(0.1)
    peer.say(broadcast(entry(1)))
    peer.say(wire.ReconcileSent(number, {"far.1": [2, 9], "other.1": [1, 5]}))
    network.run(0.1)
    assert [want.entries for want in peer.of(wire.ReconcileWant)] == [{"far.1": [1, 3]}, {"far.1": [2, 3]}]
    peer.say(wire.ReconcileSent(number, {"far.1": [2, 3]}))
    network.run(0.5)
    assert len(peer.of(wire.ReconcileWant)) == 2, "who sends nothing is not asked for ever"
    assert peer.of(wire.ReconcileDone) == [wire.ReconcileDone(number, lacking=2)]


# --- liars ------------------------------------------------------------------------------------------------------------


def nonsense() -> Iterator[tuple[str, Message]]:
    start, end = encode_bound(bound(ACTIVITIES)), encode_bound(END)
    digits = "A" * 22 + "=="
    yield "an answer to nothing", wire.ReconcileAnswer(1, end)
    yield "the end of what nobody asked for", wire.ReconcileSent(1)
    yield "a sum that is none", wire.ReconcileDigest(0, 9, 1, "nonsense")
    yield "no ranges", wire.Reconcile(1, [])
    yield "a bound that is none", wire.Reconcile(1, [("nonsense", [(end, 1, digits)])])
    yield "a range that ends before it begins", wire.Reconcile(1, [(end, [(start, 1, digits)])])
    yield "ranges that overlap", wire.Reconcile(1, [(start, [(end, 1, digits)]), (start, [(end, 1, digits)])])
    yield "a print that is none", wire.Reconcile(1, [(start, [(end, 1, "nonsense")])])
    yield "too many ranges", wire.Reconcile(1, [(f"1.{n}", [(f"1.{n + 1}", 1, digits)]) for n in range(2_000)])
    yield "too many entries", wire.ReconcileWant(1, {"far.1": [1, 2**53 - 1]})
    yield "numbers that descend", wire.ReconcileWant(1, {"far.1": [5, 9, 1, 2]})
    yield "half a run", wire.ReconcileWant(1, {"far.1": [5]})
    yield "the end of gaps that nobody asked about", wire.ReconcileDropped(1)
    yield "too many gaps", wire.ReconcileGaps(1, {"far.1": list(range(1, 3_000))[:2_000]})
    yield "a stream that is none", wire.ReconcileWant(1, {"far": [1, 2]})


@pytest.mark.parametrize("message", [pytest.param(message, id=name) for name, message in nonsense()])
def test_nonsense_ends_its_own_link_and_nothing_else(message: Message) -> None:
    network = ScriptedNetwork()
    server = network.start("a")
    liar, other = neighbour(network, server, identity="liar"), neighbour(network, server)
    same(liar)
    same(other)
    network.run(0.5)
    liar.say(message)
    network.run(1.0)
    assert liar.closed is not None and liar.of(wire.InvalidMessage)
    assert other.closed is None
    client = network.logged_in(server)
    client.post("hello")
    network.run(0.5)
    assert client.texts() == ["hello"]


@pytest.mark.parametrize(
    "answer",
    [
        lambda number: wire.ReconcileAnswer(number + 1, encode_bound(END)),
        lambda number: wire.ReconcileAnswer(number, "0.0"),
        lambda number: wire.ReconcileAnswer(number, encode_bound(END), [("1.0", [("2.0", 1, "A" * 22 + "==")])]),
        lambda number: wire.ReconcileAnswer(number, encode_bound(END), [], [("1.5", "1.1", {})]),
        lambda number: wire.ReconcileAnswer(number, encode_bound(END), [], [("1.0", "2.0", {"far.1": [1, 10**15]})]),
        lambda number: wire.ReconcileAnswer(number, encode_bound(END), also={"far.1": [1, 10**15]}),
        lambda number: wire.ReconcileAnswer(number, encode_bound(END), size=1, sum="nonsense"),
    ],
    ids=["another one's", "no progress", "not cut", "the wrong way round", "too long", "too much besides", "no sum"],
)
def test_an_answer_that_cannot_be_ends_the_link(answer: Any) -> None:
    network, server, peer = with_neighbour()
    peer.say(answer(peer.of(wire.Reconcile)[0].number))
    network.run(1.0)
    assert peer.closed is not None and peer.of(wire.InvalidMessage)
    assert server.node.queues()["comparisons with neighbours"] == 0


def test_who_asks_without_waiting_for_answers_loses_the_link() -> None:
    network, _, peer = with_neighbour()
    question = wire.Reconcile(1, [(encode_bound(bound(ACCOUNTS)), [(encode_bound(END), 3, "A" * 22 + "==")])], True)
    for _ in range(3):
        peer.say(question)
    network.run(1.0)
    assert peer.closed is not None and peer.of(wire.InvalidMessage)


def test_sums_that_never_agree_are_compared_less_and_less_often() -> None:
    network, _, peer = with_neighbour()
    same(peer)

    class Changing:
        number = 0

    def lie(message: Message) -> None:
        answer_pings(peer, message)
        if isinstance(message, wire.Reconcile):
            Changing.number += 1
            end = message.ranges[-1][1][-1][0]
            total = encode_sum(Changing.number)
            peer.say(wire.ReconcileAnswer(message.number, end, size=Changing.number, sum=total))
        if isinstance(message, wire.ReconcileDigest):
            Changing.number += 1
            peer.say(wire.ReconcileDigest(0, message.until, Changing.number, encode_sum(Changing.number)))

    peer.answer = lie  # type: ignore[method-assign]
    network.run(1_800.0)
    assert peer.closed is None
    # One each ten seconds would be 180.
    assert 5 < len(peer.of(wire.Reconcile)) < 25


def test_cutting_without_end_ends_the_comparison() -> None:
    network, server, peer = with_neighbour()
    digits = "A" * 22 + "=="

    def cut(message: Message) -> None:
        answer_pings(peer, message)
        if isinstance(message, wire.Reconcile):
            lower, parts = message.ranges[-1]
            lower = parts[-2][0] if len(parts) > 1 else lower
            item_set, stamp = (int(number) for number in lower.split(".")[:2])
            between = f"{item_set}.{stamp + 1}"
            end = parts[-1][0]
            peer.say(
                wire.ReconcileAnswer(
                    message.number, end, [(lower, [(between, 1, digits), (end, 5, digits)])], size=6, sum=encode_sum(1)
                )
            )

    peer.answer = cut  # type: ignore[method-assign]
    cut(peer.of(wire.Reconcile)[0])
    network.run(60.0)
    assert peer.closed is None
    assert server.node.queues()["comparisons with neighbours"] == 0
    assert len(peer.of(wire.Reconcile)) < 200
    assert all(done.lacking for done in peer.of(wire.ReconcileDone))
