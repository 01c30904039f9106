"""Under way: whatever one neighbour sends, others find no more than a window of it before what they bring."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from core.node.interface import actions, events
from core.node.log.spreading import SPREAD_MAX
from core.node.log.under_way import HELD_MAX, WINDOW
from core.simulation.environment.hash_signing import HashSigner
from core.wire import messages as wire
from core.wire.entries import Entry, EntryId, Stream
from core.wire.keepables import entries_in
from core.wire.messages import Message
from core.wire.records import LogRecord, loose, seal
from core.wire.server_keys import certified_id
from tests.node.one_node import OneNode, native_neighbour
from tests.node.test_records_on_links import HERE, Comparing

NOW = 1_700_000_000_000_000
MANY = 20 * WINDOW


def made_up(count: int = MANY) -> Iterator[Message]:
    """Activities that come by themselves, each of a server of its own."""
    for number in range(count):
        activity = msgspec.Raw(b'{"text":"made up"}')
        yield wire.ActivityBroadcast(activity, id=f"made{number}.1.1", stamp=NOW + number, sender="somebody")


class Reader(OneNode):
    """A node, and which connections it does not read."""

    def __init__(self) -> None:
        super().__init__(signer=HERE)
        self.held: dict[int, bool] = {}

    def handle(self, event: events.Event) -> list[actions.Action]:
        done = super().handle(event)
        self.held.update((action.conn, action.held) for action in done if isinstance(action, actions.Hold))
        return done


class Flooded:
    """A node with two neighbours. What one of them says waits in its connection while that is not read."""

    def __init__(self) -> None:
        self.one = Reader()
        self.held = self.one.held
        self.handle = self.one.handle
        self.flooding = native_neighbour(self.one, "flooding")
        self.other = native_neighbour(self.one, "other", 0, "records")
        self.one.answer()

    def say(self, conn: int, messages: Iterator[Message]) -> int:
        """Somebody says so much of this as is read; how many messages that were."""
        read = 0
        while not self.held.get(conn) and (message := next(messages, None)) is not None:
            self.handle(events.MessageReceived(conn, message))
            read += 1
        return read

    def waiting(self) -> list[Entry]:
        """The entries that wait for the disk, in their order."""
        batches = [one for one in self.one.asked if isinstance(one, actions.Persist)]
        return list(entries_in([one for batch in batches for one in batch.keepables]))

    def commit(self) -> None:
        """The disk keeps all that it was asked to; nothing is spread that waits for another event."""
        batches = [one for one in self.one.asked if isinstance(one, actions.Persist)]
        self.one.asked = [one for one in self.one.asked if not isinstance(one, actions.Persist)]
        own = [one for batch in batches for one in entries_in(batch.keepables) if one.id.node == "here"]
        self.handle(events.Committed(batches[-1].batch, seal(own, b"", HERE) if own else []))


def test_whatever_a_neighbour_sends_a_window_of_it_is_before_what_somebody_posts() -> None:
    flooded = Flooded()
    messages = made_up()
    assert flooded.say(flooded.flooding, messages) == WINDOW
    writer = flooded.one.connect()
    flooded.handle(events.MessageReceived(writer, wire.Login("anonymous")))
    flooded.one.answer()
    flooded.say(flooded.flooding, messages)
    flooded.handle(events.MessageReceived(writer, wire.ActivityMessage("anonymous", {"content": msgspec.Raw(b'"hi"')})))
    waiting = flooded.waiting()
    assert waiting[-1].id.node == "here" and len(waiting) <= WINDOW + 1


def test_whatever_a_neighbour_sends_a_window_of_it_is_before_what_another_brings() -> None:
    flooded = Flooded()
    flooded.say(flooded.flooding, made_up())
    assert not flooded.held.get(flooded.other)
    live = wire.ActivityBroadcast(msgspec.Raw(b'{"text":"live"}'), id="other.1.1", stamp=NOW, sender="ann")
    flooded.say(flooded.other, iter([live]))
    assert [one.id.node for one in flooded.waiting()].index("other") == WINDOW


def test_a_neighbour_is_read_on_when_half_of_what_it_sent_has_been_spread() -> None:
    flooded = Flooded()
    messages = made_up()
    read = 0
    while (more := flooded.say(flooded.flooding, messages)) or flooded.waiting():
        assert more <= WINDOW
        read += more
        flooded.commit()
    assert read == MANY, "nothing is lost"
    ids = [message.id for to, message in flooded.one.said if to == flooded.other and hasattr(message, "id")]
    sent = [one for one in ids if str(one).startswith("made")]
    records = [message for to, message in flooded.one.said if to == flooded.other and isinstance(message, wire.Record)]
    assert len(sent) + len(records) == MANY
    assert flooded.one.node.queues()["links held up for what came over them"] == 0


def test_what_came_in_records_counts_for_less() -> None:
    flooded = Flooded()
    far = HashSigner(b"far")
    stream = Stream(certified_id(far.key), 7)
    entries = [Entry(EntryId(*stream, number), "activity", NOW + number, b"{}", "ann") for number in range(1, MANY + 1)]
    records = loose(entries)
    assert len(records) < WINDOW
    flooded.say(flooded.other, iter([record.message for record in records]))
    assert len(flooded.waiting()) > WINDOW


def test_a_neighbour_that_is_not_read_keeps_its_link_and_hears_that_this_server_is_there() -> None:
    """The disk takes its time: whoever is not read for that cannot be heard, either."""
    flooded = Flooded()
    flooded.say(flooded.flooding, made_up())
    said = len(flooded.one.said)
    end = flooded.one.time + HELD_MAX - 1.0
    while flooded.one.wake_at is not None and flooded.one.wake_at <= end:
        flooded.one.time, flooded.one.wake_at = max(flooded.one.time, flooded.one.wake_at), None
        flooded.handle(events.Woke())
    pings = [to for to, message in flooded.one.said[said:] if isinstance(message, wire.Ping)]
    assert pings.count(flooded.flooding) >= 5
    assert flooded.flooding not in flooded.one.closed
    assert flooded.other in flooded.one.closed, "that one is read, and says nothing"


def test_a_neighbour_is_read_on_in_the_end_even_if_the_disk_takes_nothing() -> None:
    flooded = Flooded()
    messages = made_up()
    flooded.say(flooded.flooding, messages)
    while flooded.held[flooded.flooding]:
        assert flooded.one.wake_at is not None
        flooded.one.time, flooded.one.wake_at = max(flooded.one.time, flooded.one.wake_at), None
        flooded.handle(events.Woke())
    assert flooded.one.time >= HELD_MAX
    assert flooded.say(flooded.flooding, messages) == MANY - WINDOW
    flooded.commit()
    while flooded.one.wake_at == flooded.one.time:
        flooded.one.wake_at = None
        flooded.handle(events.Woke())
    assert flooded.say(flooded.flooding, made_up_later()) == WINDOW, "from then on it has a window again"


def made_up_later() -> Iterator[Message]:
    for number in range(MANY):
        yield wire.ActivityBroadcast(msgspec.Raw(b"{}"), id=f"later{number}.1.1", stamp=NOW + number, sender="somebody")


def test_a_neighbour_that_goes_is_forgotten() -> None:
    flooded = Flooded()
    flooded.say(flooded.flooding, made_up())
    flooded.handle(events.ConnectionClosed(flooded.flooding, "gone"))
    flooded.commit()
    under_way = flooded.one.node.replication.under_way
    assert under_way.held == 0 and under_way.of(flooded.flooding) == 0


# --- the past ---------------------------------------------------------------------------------------------------------


def records_of_one(count: int) -> list[LogRecord]:
    """The past of somebody who posted now and then: each activity is a record."""
    far = HashSigner(b"far")
    records: list[LogRecord] = []
    for number in range(1, count + 1):
        one = Entry(EntryId(certified_id(far.key), 7, number), "activity", NOW + number, b'{"n":1}', "ann")
        records += seal([one], records[-1].digest if records else b"", far)
    return records


def test_of_a_page_of_the_past_no_more_than_a_window_waits_for_the_disk() -> None:
    compared = Comparing()
    for record in records_of_one(1024):
        compared.one.say(compared.conn, record.message)
    compared.one.say(compared.conn, wire.ReconcileSent(compared.number))
    before_the_disk: list[int] = []
    while compared.one.wake_at == compared.one.time or any(isinstance(a, actions.Persist) for a in compared.one.asked):
        while compared.one.wake_at == compared.one.time:
            compared.one.wake_at = None
            compared.one.handle(events.Woke())
        batches = [action for action in compared.one.asked if isinstance(action, actions.Persist)]
        before_the_disk.append(len([*entries_in([one for batch in batches for one in batch.keepables])]))
        compared.one.answer()
    assert max(before_the_disk) <= WINDOW and sum(before_the_disk) == 1024


def test_what_is_live_and_never_ends_does_not_keep_the_past_from_being_spread() -> None:
    compared = Comparing()
    compared.page(0)
    live = native_neighbour(compared.one, "live", 0, "records")
    far = HashSigner(b"live")
    stream = Stream(certified_id(far.key), 7)
    past = compared.records[0].stream
    last = 0
    for _ in range(40):
        run = range(last + 1, last + SPREAD_MAX + 1)
        entries = [Entry(EntryId(*stream, number), "activity", NOW + number, b"{}", "ann") for number in run]
        compared.one.say(live, loose(entries)[0].message)
        last = run[-1]
        compared.one.wake_at = None
        compared.one.handle(events.Woke())
        compared.one.answer()
    assert not compared.one.node.replication.delivery.is_pending(EntryId(*past, 1024))
