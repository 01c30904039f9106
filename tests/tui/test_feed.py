"""The feed as data."""

from __future__ import annotations

import pytest

from tui.feed.feed import Feed, Filter, parse_filter

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


def test_a_filter_has_words_senders_and_types():
    assert parse_filter('from:Bob type:Note hello "two words"') == Filter(
        ("hello", "two words"), ("bob",), ("note",), 'from:Bob type:Note hello "two words"'
    )
    assert not parse_filter("   ")


@pytest.mark.parametrize(("text", "reason"), [('"open', "without its partner"), ("from:", "needs a value")])
def test_a_bad_filter_says_what_is_wrong(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_filter(text)


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("hell", True),
        ("HELLO", True),
        ("hello there", False),
        ("from:bo", True),
        ("from:alice", False),
        ("from:alice from:bob", True),
        ("type:note", True),
        ("type:like", False),
        ("bob", True),
        ("from:bob type:note hello", True),
    ],
)
def test_a_filter_matches_what_is_shown(text, matches):
    feed = Feed()
    entry = feed.add(BODY, "bob", 0.0)
    assert parse_filter(text).matches(entry.sender, feed.sentence(entry)) is matches


def test_a_search_through_old_rows_survives_rows_that_come_and_go():
    feed = Feed(capacity=1000)
    for number in range(1000):
        feed.add(b'{"n":%d}' % number, "bob", 0.0)
    found = []
    for entry in feed.newest_first():
        found.append(entry.serial)
        feed.add(b"{}", "bob", 0.0)
    assert found == list(range(999, 499, -1))
