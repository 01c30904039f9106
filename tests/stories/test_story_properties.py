"""Whatever lines come, in whatever order: nothing raises, all is bounded, each line is in one incident at most."""

from __future__ import annotations

from collections.abc import Sized
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from core.stories import (
    LineKind,
    ServerName,
    Stories,
    StoryLine,
    TreeLink,
    Why,
    decode,
    encode,
    in_order,
    public,
    sentences_of,
)
from core.stories.incidents import LINES_FIRST, LINES_LAST, PARTS_MAX
from core.stories.sentences import TEXTS, line_text
from core.stories.story_claims import ClaimKind, claims_of
from core.stories.story_folding import OPEN_MAX
from core.stories.story_rules import KEYS, RULES, IncidentKind

PARTIES = [ServerName(f"id{number}", f"name {number}") for number in range(100)]
parties = st.sampled_from(PARTIES)
links = st.builds(TreeLink, parties, parties, st.booleans())
lines = st.builds(
    StoryLine,
    stamp=st.integers(0, 10**10),
    number=st.integers(1, 50),
    tick=st.integers(0, 10**10),
    witness=st.sampled_from(PARTIES[:2]),
    kind=st.sampled_from(get_args(LineKind)),
    about=st.none() | parties,
    other=st.none() | parties,
    servers=st.lists(parties, max_size=8).map(tuple),
    person=st.sampled_from(["", "ada", "grace"]),
    claim=st.sampled_from(["", "c1", "c2"]),
    why=st.sampled_from(get_args(Why)),
    count=st.integers(-5, 2000),
    taken=st.lists(links, max_size=4).map(tuple),
    gone=st.lists(links, max_size=4).map(tuple),
    loads=st.none() | st.tuples(st.integers(0, 9), st.integers(0, 9)),
    unnoted=st.integers(0, 5),
    remark=st.sampled_from(["", "from 192.0.2.7:3780"]),
)


@given(st.lists(lines, max_size=60), st.integers(0, 10**11))
def test_any_lines_in_any_order_are_told_of(some: list[StoryLine], moment: int) -> None:
    stories = Stories()
    told = [incident for line in some if (incident := stories.take(line)) is not None]
    for incident in stories:
        assert all(sentences_of(incident, moment))
        assert incident.missing_count >= 0
    assert sum(one.lines_seen for one in stories) == len(told)


@given(lines)
def test_a_line_is_kept_as_it_was(line: StoryLine) -> None:
    assert decode(encode(line)) == line
    assert b"\n" not in encode(line)
    assert line_text(line)


@given(st.lists(lines, max_size=30), st.randoms(use_true_random=False))
def test_the_order_of_lines_is_the_same_in_whatever_order_they_came(some: list[StoryLine], rng: object) -> None:
    shuffled = list(some)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert [line.order for line in in_order(shuffled)] == [line.order for line in in_order(some)]


@given(lines)
def test_the_public_is_told_no_address(line: StoryLine) -> None:
    assert b"192.0.2.7" not in encode(public(line))
    assert "192.0.2.7" not in line_text(public(line))


def test_half_a_line_is_none() -> None:
    whole = encode(StoryLine(1, 1, 1, PARTIES[0], "whole", count=3))
    assert decode(whole) is not None
    assert decode(whole[:-3]) is None
    assert decode(b"") is None
    assert decode(b'{"stamp":1,"number":1,"tick":1,"witness":["a","b"],"kind":"of a later version"}') is None


def test_stories_are_bounded_whatever_comes() -> None:
    stories = Stories(most=100)
    for number in range(2000):
        party = ServerName(f"id{number}", f"s{number}")
        stories.take(StoryLine(number, number, number, PARTIES[0], "asked", party, person="a", claim=f"c{number}"))
        stories.take(StoryLine(number, number, number, PARTIES[0], "lost", servers=(party,), count=1))
        link = TreeLink(party, PARTIES[1])
        stories.take(StoryLine(number, number, number, PARTIES[0], "tree broke", gone=(link,), taken=(link,)))
        stories.take(StoryLine(number, number, number, PARTIES[0], "moved", party, other=party, person=f"p{number}"))
    assert len(stories) <= 100
    assert sum(not one.over for one in stories) <= OPEN_MAX
    for incident in stories:
        assert len(incident.lines) <= LINES_FIRST + LINES_LAST
        named: list[Sized] = [incident.servers, incident.taken, incident.gone]
        named += [incident.moves, incident.votes, incident.renamed]
        assert max(map(len, named)) <= PARTS_MAX
        assert incident.lines_left_out == incident.lines_seen - len(incident.lines)
        assert len(claims_of(incident, 10**9)) < 5 * PARTS_MAX


def test_every_kind_has_a_rule_and_a_text() -> None:
    assert set(RULES) == set(get_args(LineKind))
    assert set(KEYS) == set(get_args(IncidentKind))
    assert set(TEXTS) == set(get_args(ClaimKind))
    assert {kind for rule in RULES.values() for kind in (*rule.feeds, *filter(None, [rule.opens]))} == set(KEYS)
