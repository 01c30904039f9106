"""Lists of entries as runs are sets: what is done with them costs by runs, and gives what it would entry by entry."""

from __future__ import annotations

import random

import pytest

from core.wire.entries import EntryId, Stream
from core.wire.entry_runs import count_of, difference, ids_in, in_pieces, intersection, runs_of, union
from core.wire.version_vector import VersionVector

STREAMS = (Stream("one", 1), Stream("two", 7))
TRIES = 300


def some(chance: random.Random) -> set[EntryId]:
    return {EntryId(*chance.choice(STREAMS), chance.randrange(1, 30)) for _ in range(chance.randrange(25))}


@pytest.fixture(params=range(8))
def chance(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.param)


def test_runs_are_united_and_intersected_and_subtracted_as_sets_are(chance: random.Random) -> None:
    for _ in range(TRIES):
        one, other = some(chance), some(chance)
        assert set(ids_in(union(runs_of(one), runs_of(other)))) == one | other
        assert set(ids_in(intersection(runs_of(one), runs_of(other)))) == one & other
        assert set(ids_in(difference(runs_of(one), runs_of(other)))) == one - other


def test_what_comes_of_runs_has_one_form_whatever_it_came_of(chance: random.Random) -> None:
    for _ in range(TRIES):
        one, other = some(chance), some(chance)
        assert union(runs_of(one), runs_of(other)) == runs_of(one | other)
        assert difference(runs_of(one), runs_of(other)) == runs_of(one - other)


def test_a_vector_lacks_of_runs_what_it_does_not_contain(chance: random.Random) -> None:
    for _ in range(TRIES):
        here, listed = some(chance), some(chance)
        vector = VersionVector({}, here)
        assert vector.lacking(runs_of(listed)) == runs_of(one for one in listed if one not in vector)


def test_what_is_lacking_of_a_million_entries_is_found_without_a_look_at_each() -> None:
    stream = STREAMS[0]
    vector = VersionVector({stream: 10}, [EntryId(*stream, 500_000)])
    assert vector.lacking({stream: ((5, 10**15),)}) == {stream: ((11, 499_999), (500_001, 10**15))}


def test_pieces_are_full_but_for_the_last_and_have_everything_once(chance: random.Random) -> None:
    for _ in range(TRIES):
        entries, most = some(chance), chance.randrange(1, 7)
        pieces = list(in_pieces(runs_of(entries), most))
        assert [count_of(piece) for piece in pieces[:-1]] == [most] * (len(pieces) - 1)
        assert sorted(one for piece in pieces for one in ids_in(piece)) == sorted(entries)
