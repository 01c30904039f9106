"""Records on links: what was accepted in one commit travels as one line, proved by its server, and unchanged."""

from __future__ import annotations

import msgspec
import pytest

from core.node.interface import actions, events
from core.node.log.intake import PROOF_WAIT
from core.reconciliation.item_order import ACTIVITIES, END, bound, encode_bound, encode_sum
from core.simulation.environment.hash_signing import HashSigner, HashVerifier
from core.wire import messages as wire
from core.wire.entries import AccountFact, Entry, EntryId, Fetch, Stream
from core.wire.entry_runs import ids_in
from core.wire.keepables import Keepable, entries_in
from core.wire.messages import Message, command_of
from core.wire.records import LogRecord, RecordPage, decode, loose, read, seal
from core.wire.server_keys import certified_id
from tests.node.one_node import SECRET, OneNode, native_neighbour, native_neighbour_with_key

HERE, FAR = HashSigner(b"here"), HashSigner(b"far")
NOW = 1_700_000_000_000_000
STREAM = Stream(certified_id(FAR.key), 7)


def entries(*numbers: int, stamp: int = NOW) -> list[Entry]:
    return [
        Entry(EntryId(*STREAM, number), "activity", stamp + number, b'{"n":%d}' % number, "ann") for number in numbers
    ]


def chain(*runs: tuple[int, ...]) -> list[LogRecord]:
    records: list[LogRecord] = []
    for run in runs:
        records += seal(entries(*run), records[-1].digest if records else b"", FAR)
    return records


class Scene:
    """A node with a key, and neighbours of this version and of the one before."""

    def __init__(self) -> None:
        self.one = OneNode(signer=HERE)
        self.new = native_neighbour(self.one, "new", 0, "records")
        self.other = native_neighbour(self.one, "other", 0, "records")
        self.before = native_neighbour(self.one, "before")
        self.one.answer()
        self.one.said.clear()

    def say(self, conn: int, message: Message) -> list[Keepable]:
        """Somebody says something; what the node wants kept because of that."""
        done = self.one.say(conn, message)
        return [one for action in done if isinstance(action, actions.Persist) for one in action.keepables]

    def commit(self) -> list[tuple[int, Message | bytes]]:
        """The disk keeps what it was asked to; what neighbours are sent then, records as lines."""
        persists = [action for action in self.one.asked if isinstance(action, actions.Persist)]
        self.one.asked = [action for action in self.one.asked if not isinstance(action, actions.Persist)]
        keepables = [one for action in persists for one in action.keepables]
        own = [entry for entry in entries_in(keepables) if entry.id.node == "here"]
        records = [one for one in keepables if isinstance(one, LogRecord)] + (seal(own, b"", HERE) if own else [])
        done = self.one.handle(events.Committed(persists[-1].batch, records))
        neighbours = (self.new, self.other, self.before)
        return [
            (action.conn, action.frame.data if command_of(action.frame.message) == "RECORD" else action.frame.message)
            for action in done
            if isinstance(action, actions.Send) and action.conn in neighbours
        ]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_what_is_accepted_in_one_commit_goes_as_one_record_and_one_by_one_to_the_version_before(scene: Scene) -> None:
    writer = scene.one.connect()
    scene.one.say(writer, wire.Login("anonymous"))
    scene.one.answer()
    for text in (b'"one"', b'"two"'):
        scene.one.say(writer, wire.ActivityMessage("anonymous", {"content": msgspec.Raw(text)}))
    sent = scene.commit()
    (first,) = (line for to, line in sent if to == scene.new)
    (second,) = (line for to, line in sent if to == scene.other)
    assert isinstance(first, bytes) and first is second
    record = decode(first[:-1])
    assert record.is_signed(HashVerifier())
    assert [b'"one"' in entry.body or b'"two"' in entry.body for entry in record.entries] == [True, True]
    singly = [message for to, message in sent if to == scene.before]
    assert [message.id for message in singly if isinstance(message, wire.ActivityBroadcast)] == ["here.1.1", "here.1.2"]


def test_a_record_from_a_link_is_kept_and_passed_on_as_the_same_bytes(scene: Scene) -> None:
    (record,) = chain((1, 2))
    assert scene.say(scene.new, record.message) == [record]
    sent = scene.commit()
    assert [line for to, line in sent if to == scene.other] == [record.line + b"\n"]
    assert [to for to, _ in sent] == [scene.other, scene.before, scene.before]
    assert scene.one.node.snapshot(scene.one.now).activities == 2


def test_what_was_left_out_is_passed_on_as_it_came_and_not_taken_for_gone(scene: Scene) -> None:
    """A neighbour could leave out of a signed record what others are not to see."""
    (record,) = chain((1, 2, 3))
    scene.say(scene.new, record.without([2]).message)
    scene.commit()
    vector = scene.one.node.replication.vector
    assert [number in [one.seq for one in ids_in(vector.beyond)] for number in (2, 3)] == [False, True]
    assert scene.say(scene.other, record.message) == [record]
    assert vector.upto(STREAM) == 3


def test_a_record_of_which_everything_is_known_is_not_kept_again(scene: Scene) -> None:
    first, second = chain((1, 2), (3,))
    scene.say(scene.new, first.message)
    assert scene.say(scene.other, first.message) == []
    assert scene.say(scene.other, second.message) == [second]


def test_what_no_signature_proves_is_not_taken(scene: Scene) -> None:
    (record,) = chain((1,))
    forged = msgspec.structs.replace(record.message, entries=[msgspec.Raw(b'[{"n":2},0,0,"ann"]')])
    assert scene.say(scene.new, forged) == []
    assert scene.one.state(scene.new) == "eager"
    assert scene.say(scene.new, record.message) == [record]


def test_an_unsigned_record_is_taken_as_single_entries_are(scene: Scene) -> None:
    (record,) = loose(entries(1, 2))
    assert scene.say(scene.new, record.message) == [record]


@pytest.mark.parametrize(
    "fact",
    [
        AccountFact("x" * 65, "$argon2id$x", 1, "far.7.1"),
        AccountFact("eve", "x" * 1025, 1, "far.7.1"),
        AccountFact("eve", "$argon2id$x", 1, ""),
        AccountFact("eve~abcdef", "$argon2id$x", 1, "far.7.1"),
    ],
    ids=["a long name", "a long verifier", "no claim", "a kept name"],
)
def test_an_account_that_would_not_be_taken_by_itself_ends_the_link(scene: Scene, fact: object) -> None:
    (record,) = seal([Entry(EntryId(*STREAM, 1), "account", NOW, msgspec.json.encode(fact))], b"", FAR)
    assert scene.say(scene.new, record.message) == []
    assert scene.new in scene.one.closed


def test_accounts_in_records_are_applied(scene: Scene) -> None:
    fact = AccountFact("eve", "$argon2id$eve", NOW, f"{STREAM}.1")
    (record,) = seal([Entry(EntryId(*STREAM, 1), "account", NOW, msgspec.json.encode(fact))], b"", FAR)
    scene.say(scene.new, record.message)
    sent = scene.commit()
    assert scene.one.node.account("eve") == fact
    assert [command_of(message) for to, message in sent if to == scene.before and not isinstance(message, bytes)] == [
        "ACCOUNT"
    ]


# --- pages ------------------------------------------------------------------------------------------------------------


def asks(scene: Scene) -> None:
    """The node asks its neighbour for what it lacks: an entry beyond a gap has come."""
    scene.say(scene.new, chain((100,))[0].message)
    scene.commit()
    assert "SYNC_REQUEST" in scene.one.heard(scene.new)


def test_one_signature_proves_a_page(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    asks(scene)
    asked: list[bytes] = []
    whole = HashVerifier.fits

    def fits(self: HashVerifier, signature: bytes, key: bytes, data: bytes) -> bool:
        asked.append(signature)
        return whole(self, signature, key, data)

    monkeypatch.setattr(HashVerifier, "fits", fits)
    records = chain((1, 2), (3,), (4, 5))
    for record in records:
        assert scene.say(scene.new, record.message) == []
    assert scene.say(scene.new, wire.SyncDone({str(STREAM): 5})) == records
    assert len(asked) == 1
    assert scene.one.node.replication.vector.upto(STREAM) == 5


def test_a_record_of_a_page_waits_for_its_proof_for_a_moment_only(scene: Scene) -> None:
    asks(scene)
    (record,) = chain((1, 2))
    assert scene.say(scene.new, record.message) == []
    scene.one.run(PROOF_WAIT)
    assert scene.one.node.replication.vector.upto(STREAM) == 2


def test_what_has_come_of_a_page_is_taken_when_the_link_ends(scene: Scene) -> None:
    asks(scene)
    (record,) = chain((1, 2))
    scene.say(scene.new, record.message)
    scene.one.handle(events.ConnectionClosed(scene.new))
    assert scene.one.node.replication.vector.upto(STREAM) == 2


def test_in_a_page_only_what_is_proved_is_taken(scene: Scene) -> None:
    asks(scene)
    first, second, third = chain((1, 2), (3,), (4, 5))
    changed = read(msgspec.structs.replace(second.message, entries=[msgspec.Raw(b'[{"n":33},0,0,"ann"]')], before=""))
    for record in (first, changed, third):
        scene.say(scene.new, record.message)
    assert scene.say(scene.new, wire.SyncDone()) == [first, third]


def test_what_only_the_record_behind_it_proves_is_taken_whichever_of_them_has_come_before(scene: Scene) -> None:
    """A server could sign one of its records wrongly and name it in the next: whoever took that from a page would have
    what others never take, and compare with them for ever."""
    first, second = chain((1,), (2,))
    wrong = read(msgspec.structs.replace(first.message, signature=second.message.signature))
    (behind,) = seal(entries(2), wrong.digest, FAR)
    assert scene.say(scene.new, wrong.message) == []
    assert scene.say(scene.new, behind.message) == [behind]
    scene.commit()
    assert "SYNC_REQUEST" in scene.one.heard(scene.new)
    scene.say(scene.new, wrong.message)
    scene.say(scene.new, behind.message)
    assert scene.say(scene.new, wire.SyncDone()) == [wrong]


def test_whoever_takes_records_is_answered_with_them_as_they_lie(scene: Scene) -> None:
    records = chain((1, 2), (3,), (4,))
    for record in records:
        scene.say(scene.new, record.message)
    scene.commit()
    late = native_neighbour(scene.one, "late", 0, "records")
    scene.one.answer()
    done = scene.one.say(late, wire.SyncRequest({str(STREAM): 2}))
    (asked,) = (action for action in done if isinstance(action, actions.FetchRecords))
    assert isinstance(asked.query, Fetch) and dict(asked.query.seen) == {STREAM: 2}
    done = scene.one.handle(events.RecordsFetched(asked.token, RecordPage(tuple(records[1:]), {STREAM: 4}, False)))
    sent = [action.frame for action in done if isinstance(action, actions.Send) and action.conn == late]
    assert [frame.data for frame in sent[:-1]] == [record.line + b"\n" for record in records[1:]]
    assert sent[-1].message == wire.SyncDone({str(STREAM): 4}, vector={str(STREAM): 4})


def test_a_page_that_cannot_be_read_ends_the_answer(scene: Scene) -> None:
    scene.say(scene.other, chain((1,))[0].message)
    done = scene.one.say(scene.new, wire.SyncRequest({}))
    (asked,) = (action for action in done if isinstance(action, actions.FetchRecords))
    scene.one.handle(events.RecordsFetched(asked.token, None))
    assert scene.one.said[-1] == (scene.new, wire.SyncDone())


def test_whoever_knows_no_records_is_answered_with_entries(scene: Scene) -> None:
    done = scene.one.say(scene.before, wire.SyncRequest({}))
    assert not any(isinstance(action, actions.FetchRecords) for action in done)


def much_is_durable(scene: Scene) -> list[str]:
    """So much has become durable at once that one event does not spread it; what clients got in that event."""
    first = 1
    for record in chain(*[tuple(range(1 + 128 * at, 129 + 128 * at)) for at in range(10)]):
        scene.say(scene.new, record.message)
        first = record.last
    scene.one.said.clear()
    persists = [action for action in scene.one.asked if isinstance(action, actions.Persist)]
    scene.one.asked = []
    done = scene.one.handle(events.Committed(persists[-1].batch))
    assert first == 1280
    return broadcast(done)


def broadcast(done: list[actions.Action]) -> list[str]:
    frames = [action.frame for action in done if isinstance(action, actions.Broadcast)]
    frames += [frame for action in done if isinstance(action, actions.BroadcastAll) for frame in action.frames]
    return [frame.message.id or "" for frame in frames if isinstance(frame.message, wire.ActivityBroadcast)]


def test_what_is_very_much_is_spread_in_several_events_and_in_order(scene: Scene) -> None:
    got = much_is_durable(scene)
    assert 0 < len(got) < 1280
    assert scene.one.wake_at == scene.one.time
    while len(got) < 1280:
        more = broadcast(scene.one.handle(events.Woke()))
        assert 0 < len(more) < 1280
        got += more
    assert got == [f"{STREAM}.{number}" for number in range(1, 1281)]


def test_what_is_durable_is_spread_before_it_is_told_that_the_disk_fails(scene: Scene) -> None:
    got = much_is_durable(scene)
    writer = scene.one.connect()
    scene.one.say(writer, wire.Login("anonymous"))
    scene.one.answer()
    scene.one.say(writer, wire.ActivityMessage("anonymous", {"content": msgspec.Raw(b'"mine"')}))
    (persist,) = (action for action in scene.one.asked if isinstance(action, actions.Persist))
    got += broadcast(scene.one.handle(events.CommitFailed(persist.batch, "it is full")))
    assert got == [f"{STREAM}.{number}" for number in range(1, 1281)]


# --- dates ------------------------------------------------------------------------------------------------------------

HOUR = 3_600_000_000


def test_what_comes_from_a_server_whose_clock_is_far_behind_is_dated_as_a_whole(scene: Scene) -> None:
    far = native_neighbour_with_key(scene.one)
    lead = NOW - HOUR - int(scene.one.now.monotonic * 1_000_000)
    next(link for link in scene.one.node.neighbours if link.conn == far).lead = lead
    its_own = [
        msgspec.structs.replace(one, id=EntryId("elsewhere", 7, one.id.seq)) for one in entries(1, 2, stamp=NOW - HOUR)
    ]
    (record,) = seal(its_own, b"", HashSigner(b"elsewhere"))
    (found,) = scene.say(far, record.dated_by(12345).message)
    assert isinstance(found, LogRecord)
    assert found.dated == pytest.approx(HOUR, abs=1_000_000)
    assert found == record.dated_by(found.dated)


def test_nothing_in_a_record_is_taken_for_later_than_a_clock_may_be_ahead(scene: Scene) -> None:
    (record,) = seal(entries(1, 2, stamp=NOW + HOUR), b"", FAR)
    (kept,) = scene.say(scene.new, record.message)
    assert isinstance(kept, LogRecord)
    latest = int(scene.one.now.wall * 1_000_000) + 300_000_000
    assert [entry.stamp for entry in kept.entries] == [latest - 1, latest]
    assert kept.is_signed(HashVerifier())


def test_how_another_server_has_dated_what_one_signed_whose_clock_nobody_knows_to_be_off_is_not_taken_over(
    scene: Scene,
) -> None:
    (record,) = seal(entries(1, stamp=NOW - HOUR), b"", FAR)
    assert scene.say(scene.new, record.dated_by(HOUR).message) == [record]


def test_how_another_server_has_dated_what_nobody_signed_is_taken_over(scene: Scene) -> None:
    (record,) = loose(entries(1, stamp=NOW - HOUR))
    assert scene.say(scene.new, record.dated_by(HOUR).message) == [record.dated_by(HOUR)]


# --- pages of a comparison --------------------------------------------------------------------------------------------


def say_at_once(one: OneNode, conn: int, messages: list[Message]) -> list[actions.Action]:
    """Say all of this without any time for what follows; what the node did about the last."""
    done: list[actions.Action] = []
    for message in messages:
        done = one.say(conn, message)
    return done


def wanted(done: list[actions.Action]) -> list[wire.ReconcileWant]:
    sent = [action.frame.message for action in done if isinstance(action, actions.Send)]
    return [message for message in sent if isinstance(message, wire.ReconcileWant)]


def kept(done: list[actions.Action]) -> list[Keepable]:
    return [one for action in done if isinstance(action, actions.Persist) for one in action.keepables]


class Comparing:
    """A neighbour that has listed three thousand entries, of which the first thousand are asked for."""

    def __init__(self) -> None:
        self.one = OneNode(signer=HERE)
        self.conn = self.one.connect()
        features = ["sync", "quit", "records", "reconcile"]
        self.one.say(self.conn, wire.Authenticate(SECRET, id="new", incarnation=1, features=features, stamp=1))
        self.one.answer()
        (question,) = [message for _, message in self.one.said if isinstance(message, wire.Reconcile)]
        self.number = question.number
        self.records = chain(*[tuple(range(1 + 128 * at, 129 + 128 * at)) for at in range(24)])
        spans = [(first, first + 511) for first in range(1, 3073, 512)]
        bounds = [encode_bound(bound(ACTIVITIES, first - 1)) for first, _ in spans] + [encode_bound(END)]
        lists = [
            (lower, upper, {str(STREAM): [*span]})
            for lower, upper, span in zip(bounds, bounds[1:], spans, strict=False)
        ]
        answer = wire.ReconcileAnswer(self.number, encode_bound(END), lists=lists, size=9, sum=encode_sum(9))
        self.one.say(self.conn, answer)
        self.one.answer()
        (self.want,) = [message for _, message in self.one.said if isinstance(message, wire.ReconcileWant)]

    def page(self, number: int) -> list[actions.Action]:
        """The neighbour sends the next thousand; what was done when it had sent them."""
        records = [record.message for record in self.records[8 * number : 8 * number + 8]]
        return say_at_once(self.one, self.conn, [*records, wire.ReconcileSent(self.number)])


def test_the_next_page_is_asked_for_before_the_one_that_came_is_taken_in() -> None:
    compared = Comparing()
    assert compared.want.entries == {str(STREAM): [1, 1024]}
    done = compared.page(0)
    assert [want.entries for want in wanted(done)] == [{str(STREAM): [1025, 2048]}]
    assert kept(done) == []
    assert compared.one.node.queues()["records to be taken in"] >= 8
    compared.one.run(0.0)
    assert compared.one.node.queues()["records to be taken in"] == 0


def test_a_page_is_taken_in_in_several_events_and_in_order() -> None:
    compared = Comparing()
    compared.page(0)
    taken: list[Keepable] = []
    events_taken = 0
    while compared.one.wake_at == compared.one.time:
        compared.one.wake_at = None
        done = compared.one.handle(events.Woke())
        taken += kept(done)
        events_taken += bool(kept(done))
    assert taken == compared.records[:8] and events_taken > 1


def test_what_is_missing_before_something_live_is_asked_for_before_the_past() -> None:
    compared = Comparing()
    live = Stream(certified_id(FAR.key), 8)
    (record,) = seal([Entry(EntryId(*live, 9), "activity", NOW, b"{}", "ann", EntryId(*live, 8))], b"", FAR)
    compared.one.say(compared.conn, record.message)
    done = compared.page(0)
    assert [want.entries for want in wanted(done)] == [{str(STREAM): [1025, 2040], str(live): [1, 8]}]


def test_no_third_page_is_asked_for_before_one_of_two_is_durable() -> None:
    compared = Comparing()
    compared.page(0)
    assert wanted(compared.page(1)) == []
    for _ in range(20):
        assert wanted(compared.one.handle(events.Woke())) == [], "nothing of it is durable"
    said = len(compared.one.said)
    compared.one.run(0.0)
    wants = [message for _, message in compared.one.said[said:] if isinstance(message, wire.ReconcileWant)]
    assert [want.entries for want in wants] == [{str(STREAM): [2049, 3072]}]


def test_what_is_live_does_not_wait_behind_the_past() -> None:
    compared = Comparing()
    compared.page(0)
    live = Stream(certified_id(FAR.key), 8)
    (record,) = seal([Entry(EntryId(*live, 1), "activity", NOW, b"{}", "ann")], b"", FAR)
    assert kept(compared.one.say(compared.conn, record.message)) == [record]
    assert compared.one.node.replication.vector.upto(STREAM) == 0


def test_what_is_live_is_handed_out_before_the_past_and_lets_no_more_of_that_be_asked_for() -> None:
    compared = Comparing()
    compared.page(0)
    compared.page(1)
    while compared.one.node.queues()["records to be taken in"] > 8:
        compared.one.handle(events.Woke())
    live = Stream(certified_id(FAR.key), 8)
    (record,) = seal([Entry(EntryId(*live, 1), "activity", NOW, b'{"live":1}', "bob")], b"", FAR)
    compared.one.say(compared.conn, record.message)
    batch = max(action.batch for action in compared.one.asked if isinstance(action, actions.Persist))
    done = compared.one.handle(events.Committed(batch))
    first, *others = [one for one in done if isinstance(one, actions.Broadcast | actions.BroadcastAll)]
    assert isinstance(first, actions.Broadcast) and b'"live"' in first.frame.data
    assert 0 < len(others) < 8, "the past follows, and not all of it at once"
    assert wanted(done) == [], "not all of a page has been handed out"


def test_a_comparison_ends_when_all_that_came_is_taken_in_and_durable() -> None:
    compared = Comparing()
    for number in range(3):
        compared.page(number)
        compared.one.run(0.0)
    done = [message for _, message in compared.one.said if isinstance(message, wire.ReconcileDone)]
    assert done == [wire.ReconcileDone(compared.number)]
    assert compared.one.node.replication.vector.upto(STREAM) == 3072


def test_what_is_not_believed_of_a_page_is_lacking_at_its_end() -> None:
    compared = Comparing()
    forged = read(
        msgspec.structs.replace(compared.records[7].message, entries=[msgspec.Raw(b'[{"n":33},0,0]')], count=1)
    )
    compared.records[7] = forged
    for number in range(3):
        compared.page(number)
        compared.one.run(0.0)
    compared.one.say(compared.conn, wire.ReconcileDropped(compared.number))
    done = [message for _, message in compared.one.said if isinstance(message, wire.ReconcileDone)]
    assert done == [wire.ReconcileDone(compared.number, lacking=128)]


def test_what_waits_of_a_page_is_taken_when_the_link_ends() -> None:
    compared = Comparing()
    compared.page(0)
    compared.one.handle(events.ConnectionClosed(compared.conn))
    compared.one.run(1.0)
    assert compared.one.node.replication.vector.upto(STREAM) == 1024
