"""The feed as data."""

from __future__ import annotations

import tracemalloc
from collections import deque
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.query import parse
from tui.feed.feed import Feed, PastRow

BODY = b'{"type":"Note","content":"hello"}'


def test_rows_keep_their_serial_while_older_ones_leave():
    feed = Feed(capacity=1000)
    for number in range(2500):
        feed.add(b'{"n":%d}' % number, "bob", 0.0)
    assert feed.settled == 1000
    assert feed.first_serial == 1500
    entry = feed.by_serial(1777)
    assert entry is not None and entry.body == b'{"n":1777}'
    assert feed.by_serial(1499) is None
    assert feed.by_serial(2500) is None


Change = tuple[str, int]


@given(
    st.lists(
        st.tuples(st.sampled_from(("add", "mark", "prepend", "refuse")), st.integers(1, 300)), min_size=1, max_size=12
    ),
    st.integers(300, 1500),
    st.randoms(use_true_random=False),
)
def test_rows_are_as_they_came_wherever_they_are_read(changes: list[Change], capacity: int, chance: Random) -> None:
    feed, known = Feed(capacity=capacity), deque[tuple[bytes, str, float, str, str]]()
    count = 0
    for kind, length in changes:
        for _ in range(length):
            count += 1
            body, sender, at = b"%d" % count, f"s{count % 7}", float(count)
            match kind:
                case "add":
                    feed.add(body, sender, at)
                    known.append((body, sender, at, "arrived", ""))
                case "mark":
                    feed.mark(str(count), at)
                    known.append((body, "", at, "mark", ""))
                case "refuse":
                    feed.sending("r", body, sender, at)
                    feed.refused("r", "no")
                    known.append((body, sender, at, "refused", "no"))
                case _ if feed.room_above:
                    feed.prepend([PastRow(body, sender, at, own=False)])
                    known.appendleft((body, sender, at, "arrived", ""))
            if len(known) > capacity:
                known.popleft()
    serials = list(range(feed.first_serial, feed.end_serial))
    assert len(serials) == len(known)
    chance.shuffle(serials)
    for serial in serials[:200]:
        row = feed.by_serial(serial)
        assert row is not None and row.serial == serial
        assert (row.body, row.sender, row.at, row.state, row.why) == known[serial - feed.first_serial]
    assert [row.body for row in feed.newest_first()] == [body for body, *_ in reversed(known)]


def test_what_is_far_up_takes_little_memory() -> None:
    feed = Feed()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(20_000):
            body = b'{"type":"Note","content":"reading %d of the sensor in room %d is %d","authenticated_user":"bob"}'
            feed.add(body % (number, number % 17, number * 7919 % 1000), "bob", 1e9 + number, entry_id=f"aa.1.{number}")
        each = (tracemalloc.get_traced_memory()[0] - before) / 20_000
    finally:
        tracemalloc.stop()
    assert each < 100, "a body alone has 90 bytes, and a row some 300"


def test_an_own_activity_is_pending_until_it_comes_back():
    feed = Feed()
    feed.sending("r1", BODY, "alice", 0.0)
    assert [entry.state for entry in feed.pending()] == ["sending"]
    feed.accepted("r1")
    assert [entry.state for entry in feed.pending()] == ["accepted"]
    entry = feed.add(BODY, "alice", 1.0, own_ref="r1")
    assert feed.pending() == ()
    assert entry.own and entry.state == "arrived"


def test_a_refused_activity_stays_with_its_reason():
    feed = Feed()
    feed.sending("r1", BODY, "alice", 0.0)
    feed.refused("r1", "too long")
    assert feed.pending() == ()
    entry = feed.by_serial(0)
    assert entry is not None and (entry.state, entry.why) == ("refused", "too long")


def test_an_activity_with_an_unknown_fate_is_never_called_failed():
    feed = Feed()
    feed.sending("r1", BODY, "alice", 0.0)
    feed.unknown("r1", "the connection broke")
    assert [entry.state for entry in feed.pending()] == ["unknown"]
    feed.add(BODY, "alice", 1.0, own_ref="r1")
    assert feed.pending() == ()


def test_pending_rows_stay_in_the_order_in_which_they_were_sent():
    feed = Feed()
    for ref in ("r1", "r2", "r3"):
        feed.sending(ref, ref.encode(), "alice", 0.0)
    feed.add(b"r2", "alice", 1.0, own_ref="r2")
    assert [entry.body for entry in feed.pending()] == [b"r1", b"r3"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("hello", True),
        ("hell*", True),
        ("from:alice", False),
        ("from:alice from:bob", True),
        ("after:1970-01-02", False),
    ],
)
def test_a_row_is_wanted_if_it_is_what_somebody_looks_for(text, wanted):
    feed = Feed()
    entry = feed.add(BODY, "bob", 0.0)
    assert feed.is_wanted(entry, parse(text, now=0.0)) is wanted


def test_a_line_of_the_application_is_never_looked_for():
    feed = Feed()
    feed.mark("from here on, live", 0.0)
    assert not any(feed.is_wanted(row, parse("live", now=0.0)) for row in feed.newest_first())


def test_a_search_through_old_rows_survives_rows_that_come_and_go():
    feed = Feed(capacity=1000)
    for number in range(1000):
        feed.add(b'{"n":%d}' % number, "bob", 0.0)
    found = []
    for entry in feed.newest_first():
        found.append(entry.serial)
        feed.add(b"{}", "bob", 0.0)
    assert found == list(range(999, 499, -1))


def test_what_was_hidden_is_shown_again_where_it_stood_but_for_what_was_removed_meanwhile() -> None:
    feed = Feed(capacity=2000)
    for number in range(2000):
        server = "liar" if number % 2 else "fair"
        feed.add(b'{"n":%d}' % number, "bob", float(number), entry_id=f"{server}.1.{number}")
    feed.hide("liar", 1000.0, lambda sender: f"{sender}'s is hidden")
    hidden = [row.serial for row in feed.newest_first() if row.state == "mark"]
    assert hidden == list(range(1999, 1000, -2))
    row = feed.by_serial(1001)
    assert row is not None and feed.sentence(row).text == "bob's is hidden"
    feed.remove(["liar.1.1003"], str)
    feed.add(b"{}", "eve", 2000.0)  # the oldest row leaves
    feed.show_again("fair")
    version = feed.version
    feed.show_again("liar")
    assert feed.version > version
    assert [row.serial for row in feed.newest_first() if row.state == "mark"] == [1003]
    again = feed.by_serial(1001)
    assert again is not None and (again.body, again.id) == (b'{"n":1001}', "liar.1.1001")
    assert feed.sentence(again).text != "bob's is hidden"


def test_what_was_hidden_and_has_left_the_feed_does_not_come_back() -> None:
    feed = Feed(capacity=10)
    feed.add(b"{}", "bob", 1.0, entry_id="liar.1.1")
    feed.hide("liar", 0.0, str)
    for number in range(20):
        feed.add(b"{}", "eve", float(number))
    feed.show_again("liar")
    assert {row.sender for row in feed.newest_first()} == {"eve"} and len(feed) == 10


def test_what_operators_have_removed_is_gone_wherever_it_stands_and_a_line_says_so() -> None:
    feed = Feed()
    for number in range(2000):
        feed.add(b'{"n":%d}' % number, "bob", float(number), entry_id=f"n.1.{number}")
    feed.prepend([PastRow(b'{"n":-1}', "eve", -1.0, own=False, id="n.0.1")])
    # Some are packed, some were read, one is not here.
    assert feed.by_serial(900) is not None
    gone = ["n.1.3", "n.1.900", "n.1.1999", "n.0.1", "n.9.9"]
    version = feed.version
    assert feed.remove(gone, lambda sender: f"{sender}'s was removed") == 4
    assert feed.version > version and feed.settled == 2001
    for serial, sender in ((3, "bob"), (900, "bob"), (1999, "bob"), (-1, "eve")):
        row = feed.by_serial(serial)
        assert row is not None and row.state == "mark" and feed.sentence(row).text == f"{sender}'s was removed"
    assert not any(row.id in gone for row in feed.newest_first())
    kept = feed.by_serial(901)
    assert kept is not None and kept.body == b'{"n":901}'
    assert feed.remove(gone, str) == 0
