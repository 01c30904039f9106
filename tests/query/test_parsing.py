"""The language: what people write, and what they are told when it cannot be understood."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.query import EVERYTHING, QUERY_CHARACTERS_MAX, Query, QueryError, Term, parse

NOW = 1_800_000_000.0
SECOND = 1_000_000


def read(text: str, **more) -> Query:
    return parse(text, now=NOW, zone=UTC, **more)


def word(*words: str, begins: bool = False) -> Term:
    return Term("word", words, begins)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("deploy Now", ((word("deploy"),), (word("now"),))),
        ("depl*", ((word("depl", begins=True),),)),
        ('"out of  Disk"', ((word("out", "of", "disk"),),)),
        ('"out of di"*', ((word("out", "of", "di", begins=True),),)),
        ("1.4", ((word("1", "4"),),)),
        ("東京", ((word("東", "京"),),)),
        ("from:Ann", ((Term("from", ("ann",)),),)),
        ('from:"Ann B" x', ((Term("from", ("ann b",)),), (word("x"),))),
        ("from:ann from:bo*", ((Term("from", ("ann",)), Term("from", ("bo",), True)),)),
        ("type:Note TYPE:like", ((Term("type", ("note",)), Term("type", ("like",))),)),
        ("to:bob to:cy", ((Term("to", ("bob",)),), (Term("to", ("cy",)),))),
        ("#Ops @bob", ((Term("tag", ("ops",)),), (Term("to", ("bob",)),))),
        ("about:activity:n.1.2/R%20x", ((Term("about", ("activity:n.1.2/R%20x",)),),)),
        ("ABOUT:n.1.2 about:n.1.3/r", ((Term("about", ("activity:n.1.2",)), Term("about", ("activity:n.1.3/r",))),)),
        ("about:activity:n.1.2/*", ((Term("about", ("activity:n.1.2/",), True),),)),
        ("http://example.org", ((word("http", "example", "org"),),)),
        ('"not"', ((word("not"),),)),
        ("again again", ((word("again"),),)),
        ("   ", ()),
    ],
)
def test_all_of_what_is_written_has_to_hold_and_of_senders_and_types_one(text, wanted):
    assert read(text) == Query(wanted)


@pytest.mark.parametrize("text", ["-ann", "not ann", "NOT ann", 'not "ann"', "not not not ann", "not not -ann"])
def test_not_and_a_minus_say_what_is_not_wanted(text):
    assert read(text) == Query((), (word("ann"),))


def test_whatever_can_be_wanted_can_be_unwanted():
    assert read("-from:ann not #ops -ty*").unwanted == (
        Term("from", ("ann",)),
        Term("tag", ("ops",)),
        word("ty", begins=True),
    )


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-11-01T14:30", datetime(2026, 11, 1, 14, 30, tzinfo=UTC)),
        ('"2026-11-01 14:30:05.5"', datetime(2026, 11, 1, 14, 30, 5, 500_000, tzinfo=UTC)),
        ("10m", datetime.fromtimestamp(NOW, UTC) - timedelta(minutes=10)),
        ("2d", datetime.fromtimestamp(NOW, UTC) - timedelta(days=2)),
        ("1y", datetime.fromtimestamp(NOW, UTC) - timedelta(days=365)),
        ("1.5h", datetime.fromtimestamp(NOW, UTC) - timedelta(hours=1.5)),
    ],
)
def test_a_time_is_a_date_or_an_age(text, moment):
    stamp = round(moment.timestamp() * SECOND)
    assert read(f"after:{text}") == Query(since=stamp)
    assert read(f"before:{text}") == Query(until=stamp)
    assert read(f"-before:{text}") == Query(since=stamp)
    assert read(f"not after:{text}") == Query(until=stamp)


def test_a_date_is_one_of_the_zone_of_who_asks_unless_it_says_z():
    east = timezone(timedelta(hours=9))
    assert parse("after:2026-11-01", now=NOW, zone=east).since == read("after:2026-10-31T15:00").since
    assert parse("after:2026-11-01T00:00Z", now=NOW, zone=east).since == read("after:2026-11-01").since


def test_of_several_times_the_narrowest_count():
    assert read("after:2026-01-01 after:2026-03-01 before:2027 before:2026-06") == read("after:2026-03 before:2026-06")


@pytest.mark.parametrize(
    ("text", "at", "what"),
    [
        ('find "open', 5, "no partner"),
        ('find o"pen', 6, "no partner"),
        ("a from:", 2, "from: needs a value, such as from:ann"),
        ("#", 0, "# needs a value, such as #ops"),
        ("after:", 0, "after: needs a date or an age, such as after:2d"),
        ("x after:tomorrow", 2, "'tomorrow' is no date: write 2026-11-01"),
        ("before:2026-13-01", 0, "there is no 2026-13-01"),
        ("before:0000-01-01", 0, "there is no 0000-01-01"),
        ("de*oy", 2, "put it there"),
        ("x *", 2, "no letter or digit"),
        ("-", 0, "no letter or digit"),
        ("!!!", 0, "!!! has no letter or digit to look for"),
        ("x not", 2, "needs what is not wanted"),
        ("w " * 33, 64, "32 words and conditions are enough"),
        ("w" * (QUERY_CHARACTERS_MAX + 1), QUERY_CHARACTERS_MAX, "2,000 characters are enough"),
    ],
)
def test_what_cannot_be_understood_is_told_with_its_place_and_what_to_do(text, at, what):
    with pytest.raises(QueryError) as caught:
        read(text)
    assert caught.value.at == at
    assert what in str(caught.value) and f"at character {at + 1}" in str(caught.value)


def test_the_last_word_of_who_is_still_writing_is_the_beginning_of_one():
    assert read("from:bob depl", unfinished=True) == read("from:bob depl*")
    assert read("from:bo", unfinished=True) == read("from:bo*")
    assert read("depl ", unfinished=True) == read("depl")
    assert read('"depl"', unfinished=True) == read("depl")


PARTS = ["a", 'from:"x y"', "-#ops", "not to:bob*", "after:2026", "before:3d", "ไทย*"]


def understood(text: str) -> Query | QueryError:
    try:
        return read(text)
    except QueryError as error:
        return error


@given(st.text(max_size=60), st.lists(st.sampled_from(PARTS)))
def test_a_query_in_writing_is_the_same_query_wherever_and_whenever_it_is_read(noise, parts):
    query = understood(" ".join([noise, *parts]))
    if isinstance(query, QueryError):
        query = read(" ".join(parts))
    elsewhere = timezone(timedelta(hours=-7))
    assert parse(str(query), now=0.0, zone=elsewhere) == query


@given(st.text(max_size=200))
def test_whatever_is_written_is_understood_or_explained(text):
    found = understood(text)
    if isinstance(found, QueryError):
        assert 0 <= found.at <= len(text)
        assert str(found)
    else:
        assert bool(found) is (found != EVERYTHING)


@pytest.mark.parametrize("text", ["to:\u00b4", "from:1e9\ufc62", "#\u1fdd ops", "-type:\u02d8", '"\u00b4a"'])
def test_signs_that_have_a_blank_in_them_do_not_change_what_is_read_again(text: str) -> None:
    try:
        query = read(text)
    except QueryError:
        return
    assert parse(str(query), now=0.0) == query


def test_what_is_too_long_once_it_is_folded_is_said_to_be() -> None:
    """Another thread, or another server, reads it again from what it is written as."""
    with pytest.raises(QueryError, match="too long"):
        read("\ufdfa" * 1_900)
