"""Each account has one document, the same at every server: its clients write it, and nobody else reads it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from core.node.clients import document_keeping
from core.node.documents import document_comparisons
from core.node.interface.events import MessageReceived
from core.simulation.testing import ScriptedClient, ScriptedNetwork, WatchedServer, chain, star
from core.simulation.testing.scripted_peers import NATIVE_CLIENT
from core.wire import messages as wire
from core.wire.account_documents import DOCUMENT_BYTES_MAX
from tests.node.operators import founded, gives

FEATURES = (*NATIVE_CLIENT, "document")


@pytest.fixture
def network() -> ScriptedNetwork:
    return ScriptedNetwork()


def at(network: ScriptedNetwork, server: WatchedServer, name: str = "ann") -> ScriptedClient:
    """Somebody's client, logged in."""
    client = network.client(server, features=FEATURES)
    client.login(name, "s")
    assert network.until(lambda: bool(client.of(wire.LoginSuccess)), 5.0), client.log
    network.run(0.5)
    return client


def registered(network: ScriptedNetwork, server: WatchedServer, name: str = "ann") -> ScriptedClient:
    network.registered(server, name)
    network.run(1.0)
    return at(network, server, name)


def writes(network: ScriptedNetwork, client: ScriptedClient, document: object, number: int = 1) -> wire.Message:
    """What somebody is answered who has a document kept."""
    body = document if isinstance(document, bytes) else msgspec.json.encode(document)
    client.say(wire.KeepDocument(number, msgspec.Raw(body)))
    network.run(1.0)
    return [one for one in client.log if isinstance(one, wire.DocumentKept | wire.DocumentNotKept)][-1]


def told(client: ScriptedClient) -> list[Any]:
    """The documents that a client was told, in order; None where there was none."""
    bodies = [bytes(one.document) for one in client.of(wire.AccountDocument)]
    return [msgspec.json.decode(one) if one else None for one in bodies]


def document_at(server: WatchedServer) -> list[bytes]:
    table = server.node.documents.table
    return [found.body for claim in table.claims() if (found := table.get(claim)) is not None]


def test_who_has_written_nothing_is_told_that_there_is_no_document(network: ScriptedNetwork) -> None:
    assert told(registered(network, network.start("a"))) == [None]


def test_what_one_client_writes_the_others_of_the_account_are_told_and_whoever_logs_in_later(
    network: ScriptedNetwork,
) -> None:
    a, _, c = network.build(chain(3), redirects=False)
    writer = registered(network, a)
    here, there, stranger = at(network, a), at(network, c), registered(network, c, "bob")
    assert isinstance(writes(network, writer, {"read": 7}), wire.DocumentKept)
    assert told(writer) == [None]
    assert told(here) == told(there) == [None, {"read": 7}]
    assert told(stranger) == [None]
    assert told(at(network, c)) == [{"read": 7}]


def test_a_document_keeps_its_bytes(network: ScriptedNetwork) -> None:
    a, b = network.build(chain(2), redirects=False)
    body = '{ "b":1.10, "a" : [null , {}],"é":"\\u00e9"}'.encode()
    writes(network, registered(network, a), body)
    client = at(network, b)
    assert bytes(client.of(wire.AccountDocument)[0].document) == body


def test_clients_that_show_no_such_feature_are_told_nothing_of_documents(network: ScriptedNetwork) -> None:
    a = network.start("a")
    client = registered(network, a)
    old = network.client(a)
    old.login("ann", "s")
    network.run(1.0)
    writes(network, client, {"x": 1})
    assert old.of(wire.AccountDocument) == []


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"[1]", "not a JSON object"),
        (b'"' + b"x" * 10 + b'"', "not a JSON object"),
        (b'{"x":"' + b"x" * DOCUMENT_BYTES_MAX + b'"}', "has at most 8,192"),
        (b'{"x":' + b"[" * 127 + b"]" * 127 + b"}", "nested too deeply"),
    ],
)
def test_what_is_none_is_refused_for_good_and_the_connection_goes_on(
    network: ScriptedNetwork, document: bytes, why: str
) -> None:
    client = registered(network, network.start("a"))
    answer = writes(network, client, document)
    assert isinstance(answer, wire.DocumentNotKept) and why in answer.info and answer.later is None
    assert isinstance(writes(network, client, {"x": 1}, 2), wire.DocumentKept)


def test_anonymous_people_have_none(network: ScriptedNetwork) -> None:
    client = network.client(network.start("a"), features=FEATURES)
    client.login()
    network.run(1.0)
    answer = writes(network, client, {"x": 1})
    assert isinstance(answer, wire.DocumentNotKept) and "log in with a name" in answer.info
    assert client.of(wire.AccountDocument) == []


def test_an_account_writes_once_a_minute_and_what_is_written_sooner_waits_the_latest_of_it(
    network: ScriptedNetwork,
) -> None:
    a, b = network.build(chain(2), redirects=False)
    client, elsewhere = registered(network, a), at(network, b)
    assert isinstance(writes(network, client, {"x": 1}), wire.DocumentKept)
    client.say(wire.KeepDocument(2, msgspec.Raw(b'{"x":2}')))
    network.run(10.0)
    client.say(wire.KeepDocument(3, msgspec.Raw(b'{"x":3}')))
    network.run(1.0)
    (answer,) = client.of(wire.DocumentNotKept)
    assert answer.number == 2 and answer.later is not None and 45.0 < answer.later < 50.0
    network.run(45.0)
    assert [one.number for one in client.of(wire.DocumentKept)] == [1] and told(elsewhere) == [None, {"x": 1}]
    network.run(5.0)
    assert [one.number for one in client.of(wire.DocumentKept)] == [1, 3] and told(elsewhere)[2:] == [{"x": 3}]


def test_the_last_word_of_who_has_left_counts_when_it_may(network: ScriptedNetwork) -> None:
    a = network.start("a")
    client = registered(network, a)
    writes(network, client, {"x": 1})
    client.say(wire.KeepDocument(2, msgspec.Raw(b'{"x":2}')))
    client.say(wire.Logout())
    network.run(5.0)
    assert document_at(a) == [b'{"x":1}']
    network.run(60.0)
    assert document_at(a) == [b'{"x":2}']


def test_a_server_that_leaves_keeps_at_once_what_waits(network: ScriptedNetwork) -> None:
    a, b = network.build(chain(2), redirects=False)
    client = registered(network, a)
    writes(network, client, {"x": 1})
    client.say(wire.KeepDocument(2, msgspec.Raw(b'{"x":2}')))
    network.run(1.0)
    a.drain()
    assert network.until(lambda: a.left, 10.0)
    assert document_at(b) == [b'{"x":2}']


def test_where_too_many_wait_it_is_said_when_to_try_again(
    network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_keeping, "WAITING_MAX", 0)
    client = registered(network, network.start("a"))
    writes(network, client, {"x": 1})
    answer = writes(network, client, {"x": 2}, 2)
    assert isinstance(answer, wire.DocumentNotKept) and answer.later is not None and 58.0 < answer.later < 60.0


def test_the_same_document_again_is_acknowledged_at_once_as_what_it_was(network: ScriptedNetwork) -> None:
    client = registered(network, network.start("a"))
    first = writes(network, client, {"x": 1})
    assert writes(network, client, {"x": 1}, 2) == msgspec.structs.replace(first, number=2)


def test_who_goes_back_to_what_is_kept_has_what_waits_take_its_place_no_more(network: ScriptedNetwork) -> None:
    server = network.start("a")
    one = registered(network, server)
    other = at(network, server)
    writes(network, one, {"read": 1})
    other.say(wire.KeepDocument(7, msgspec.Raw(b'{"read":0}')))
    network.run(1.0)
    assert isinstance(writes(network, one, {"read": 1}, 2), wire.DocumentKept)
    refused = other.of(wire.DocumentNotKept)[-1]
    assert refused.number == 7 and "a later one" in refused.info
    network.run(120.0)
    assert document_at(server) == [b'{"read":1}']


def test_nothing_is_acknowledged_told_or_passed_on_before_it_is_durable(network: ScriptedNetwork) -> None:
    a, b = network.build(chain(2), redirects=False)
    client, other = registered(network, a), at(network, b)
    network.disk_of("n000").delay = (3.0, 3.0)
    client.say(wire.KeepDocument(1, msgspec.Raw(b"{}")))
    network.run(2.0)
    assert client.of(wire.DocumentKept) == [] and told(other) == [None] and document_at(a) == []
    network.run(3.0)
    assert len(client.of(wire.DocumentKept)) == 1 and told(other) == [None, {}]


def test_a_document_is_there_after_a_crash(network: ScriptedNetwork) -> None:
    a = network.start("a")
    writes(network, registered(network, a), {"x": 1})
    a.crash()
    again = network.start("a")
    network.run(1.0)
    assert told(at(network, again)) == [{"x": 1}]


def test_a_disk_that_takes_no_writes_refuses_for_now_and_the_document_is_what_it_was(network: ScriptedNetwork) -> None:
    a = network.start("a", document_interval=0.0)
    client = registered(network, a)
    writes(network, client, {"x": 1})
    network.disk_of("a").full = True
    answer = writes(network, client, {"x": 2}, 2)
    assert isinstance(answer, wire.DocumentNotKept) and answer.later is not None and "takes no writes" in answer.info
    assert document_at(a) == [b'{"x":1}']


def test_of_what_was_written_in_two_parts_of_a_network_the_later_counts_everywhere(network: ScriptedNetwork) -> None:
    servers = network.build(chain(3), redirects=False)
    a, b, c = servers
    one = registered(network, a)
    other = at(network, c)
    network.part([a], [b, c])
    network.run(15.0)
    writes(network, one, {"at": "a"})
    network.run(1.0)
    writes(network, other, {"at": "c"})
    assert (document_at(a), document_at(b), document_at(c)) == ([b'{"at":"a"}'], [b'{"at":"c"}'], [b'{"at":"c"}'])
    network.mend()
    assert network.until(lambda: all(document_at(server) == [b'{"at":"c"}'] for server in servers), 60.0)
    network.run(0.5)
    assert told(one)[-1] == {"at": "c"}


def test_a_server_that_comes_later_has_every_document_and_a_comparison_of_the_same_costs_one_message(
    network: ScriptedNetwork,
) -> None:
    a = network.start("a", redirects=False)
    for number in range(40):
        writes(network, registered(network, a, f"p{number}"), {"p": number})
    b = network.start("b", a, redirects=False)
    assert network.until(lambda: sorted(document_at(b)) == sorted(document_at(a)), 30.0)
    assert len(document_at(b)) == 40
    asked = len(b.said(wire.DocumentsCompare))
    wanted = [one.claims for one in b.said(wire.DocumentsWant)]
    assert sum(map(len, wanted)) == 40 and max(map(len, wanted)) <= wire.WANTED_MAX
    network.run(60.0)
    assert len(b.said(wire.DocumentsCompare)) == asked
    assert len(b.said(wire.DocumentsDigest)) >= 4


def test_lists_have_pages(network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_comparisons, "LISTED_MAX", 3)
    a = network.start("a", redirects=False)
    for number in range(10):
        writes(network, registered(network, a, f"p{number}"), {"p": number})
    b = network.start("b", a, redirects=False)
    assert network.until(lambda: len(document_at(b)) == 10, 30.0)
    network.run(1.0)
    lists = a.said(wire.DocumentsListed)[:4]
    assert [len(one.versions) for one in lists] == [3, 3, 3, 1] and [bool(one.after) for one in lists] == [1, 1, 1, 0]


def test_who_was_put_back_to_older_data_gets_what_is_the_document_now(network: ScriptedNetwork) -> None:
    a, b = network.build(chain(2), redirects=False, document_interval=0.0)
    client = registered(network, a)
    writes(network, client, {"x": 1})
    network.disk_of("n000").copy()
    writes(network, client, {"x": 2}, 2)
    a.crash()
    network.disk_of("n000").put_back(with_witness=True)
    again = network.start("n000", b, redirects=False)
    assert network.until(lambda: document_at(again) == [b'{"x":2}'], 30.0)


def test_a_server_that_leaves_hands_over_what_its_successor_had_not_got(network: ScriptedNetwork) -> None:
    a, b = network.build(chain(2), redirects=False)
    client = registered(network, a)
    # Nothing goes live: the successor has to ask.
    network.disk_of("n001").delay = (1.0, 1.0)
    client.say(wire.KeepDocument(1, msgspec.Raw(b'{"x":1}')))
    assert network.until(lambda: bool(client.of(wire.DocumentKept)), 5.0)
    a.drain()
    assert network.until(lambda: a.left, 10.0)
    assert a.undone == () and document_at(b) == [b'{"x":1}']
    assert b.said(wire.DocumentsDone)


def test_an_account_that_is_closed_has_no_document_and_gets_none() -> None:
    network, (a, b), operator = founded(2)
    client = registered(network, b, "bob")
    writes(network, client, {"x": 1})
    assert document_at(a) == document_at(b) == [b'{"x":1}']
    gives(network, operator, "ada", "close", "bob")
    network.run(2.0)
    assert document_at(a) == document_at(b) == []
    b.crash()
    again = network.start("n001", a, redirects=False)
    network.run(20.0)
    assert document_at(again) == []


def test_a_version_that_its_server_has_not_signed_is_not_believed(network: ScriptedNetwork) -> None:
    a, b = network.build(chain(2), redirects=False)
    writes(network, registered(network, a), {"x": 1})
    (version,) = a.said(wire.SignedDocument)
    (link,) = b.links
    forged = msgspec.structs.replace(version, stamp=version.stamp + 1, document=msgspec.Raw(b'{"x":"forged"}'))
    b.handle(MessageReceived(link, forged))
    network.run(1.0)
    assert document_at(a) == document_at(b) == [b'{"x":1}']
    assert any("a document" in text for text in b.told("refused"))


def test_a_clock_that_is_far_ahead_does_not_keep_others_from_writing(network: ScriptedNetwork) -> None:
    a, b = network.build(chain(2), redirects=False, document_interval=0.0)
    client, other = registered(network, a), at(network, b)
    network.run(5.0)
    a.clock_offset = 40 * 86_400.0
    network.run(60.0)
    assert isinstance(writes(network, client, {"at": "a"}), wire.DocumentKept)
    assert network.until(lambda: document_at(b) == [b'{"at":"a"}'], 30.0)
    writes(network, other, {"at": "b"})
    assert network.until(lambda: document_at(a) == document_at(b) == [b'{"at":"b"}'], 30.0)


def test_of_a_clock_that_is_far_ahead_a_neighbour_that_was_not_heard_since_says_nothing(
    network: ScriptedNetwork,
) -> None:
    hub, *others = network.build(star(4), redirects=False, document_interval=0.0)
    client = registered(network, hub)
    network.run(5.0)
    hub.clock_offset = 40 * 86_400.0
    # What is dated so far ahead pulls the others' clocks as far as they let themselves be pulled.
    at(network, hub).post(1)
    network.run(60.0)
    stale = next(link for link in hub.node.neighbours if link.remote_id == others[0].id)
    stale.lead = int((hub.now.wall - hub.now.monotonic) * 1e6)
    assert isinstance(writes(network, client, {"x": 1}), wire.DocumentKept)
    assert network.until(lambda: all(document_at(one) == [b'{"x":1}'] for one in others), 5.0)


def test_what_was_taken_when_nobody_could_tell_that_the_clock_is_far_ahead_comes_to_all(
    network: ScriptedNetwork,
) -> None:
    a, b = network.build(chain(2), redirects=False)
    client = registered(network, a)
    network.part([a], [b])
    network.run(15.0)
    a.clock_offset = 40 * 86_400.0
    writes(network, client, {"x": 1})
    assert document_at(b) == []
    network.mend()
    assert network.until(lambda: document_at(b) == [b'{"x":1}'], 60.0)
    (claim,) = b.node.documents.table.claims()
    found = b.node.documents.get(claim)
    assert found is not None and found.stamp < (b.now.wall + 301.0) * 1e6


@pytest.mark.parametrize("heard_last", ["long ago", "just now"])
def test_what_is_dated_anew_stays_behind_what_its_account_had_before(network: ScriptedNetwork, heard_last: str) -> None:
    """Whoever is at the other server has that: it would take the place of what its person has written since."""
    a, b = network.build(chain(2), redirects=False, document_interval=0.0)
    client = registered(network, a)
    network.run(5.0)
    writes(network, client, {"x": 1})
    assert network.until(lambda: document_at(b) == [b'{"x":1}'], 5.0)
    network.part([a], [b])
    if heard_last == "long ago":
        network.run(15.0)
    a.clock_offset = 40 * 86_400.0
    writes(network, client, {"x": 2})
    assert isinstance(writes(network, client, {"x": 3}, 2), wire.DocumentKept)
    network.run(15.0)
    network.mend()
    assert network.until(lambda: document_at(a) == document_at(b) == [b'{"x":3}'], 60.0), document_at(b)
    network.run(60.0)
    assert document_at(a) == document_at(b) == [b'{"x":3}']


def test_without_room_the_largest_documents_go_and_people_are_told(network: ScriptedNetwork) -> None:
    a = network.start("a", redirects=False, documents_bytes_max=10_000)
    answers = [
        writes(network, registered(network, a, f"p{number}"), {"x": "x" * size})
        for number, size in enumerate((100, 7_000, 2_000, 100))
    ]
    assert [type(answer) for answer in answers] == [wire.DocumentKept] * 4
    assert sorted(map(len, document_at(a))) == [108, 108, 2_008]
    assert any("documents_bytes_max" in text for text in a.told("limits"))
    again = writes(network, registered(network, a, "late"), {"x": "x" * 7_000})
    assert isinstance(again, wire.DocumentNotKept) and "no room" in again.info
    a.crash()
    restarted = network.start("a", redirects=False, documents_bytes_max=10_000)
    network.run(1.0)
    assert sorted(map(len, document_at(restarted))) == [108, 108, 2_008]


def test_a_server_that_hears_that_it_is_expelled_keeps_no_document_nor_one_that_waits_there(
    network: ScriptedNetwork,
) -> None:
    """No server that heeds the order would have it, nor would this one."""
    network, servers, ada = founded(2)
    ann = registered(network, servers[1])
    assert isinstance(writes(network, ann, {"read": 1}), wire.DocumentKept)
    ann.say(wire.KeepDocument(2, msgspec.Raw(b'{"read":2}')))
    network.run(1.0)
    stamp = str(int(servers[1].now.wall * 1_000_000))
    assert isinstance(gives(network, ada, "ada", "expel", servers[1].id, stamp, "keep"), wire.OrderTaken)
    network.run(62.0)
    (refused,) = ann.of(wire.DocumentNotKept)
    assert (refused.number, refused.later) == (2, document_keeping.AGAIN)
    assert refused.info == "this server was expelled from the network by ada; another one keeps it"
    assert [document_at(server) for server in servers] == [[b'{"read":1}']] * 2
