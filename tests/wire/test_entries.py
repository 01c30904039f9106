"""Identities of entries, and version vectors against the plain set that they stand for."""

from __future__ import annotations

import contextlib
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.wire.entries import COUNTER_MAX, EntryId, Stream, decode_vector, encode_vector, parse_entry_id, parse_stream
from core.wire.entry_runs import ids_in, spans_of
from core.wire.version_vector import VersionVector

A, B = Stream("a", 1), Stream("b", 2)

node_names = st.text(st.characters(exclude_characters=".", codec="utf-8"), min_size=1, max_size=64)
counters = st.integers(0, COUNTER_MAX)


@given(st.lists(st.sets(st.integers(1, 12), min_size=1), max_size=8))
def test_a_run_is_added_as_its_entries_would_be(runs: list[set[int]]) -> None:
    whole, singly = VersionVector(), VersionVector()
    for run in runs:
        numbers = sorted(run)
        added = whole.add_spans(A, spans_of(numbers))
        assert added == spans_of([one for one in numbers if singly.add(EntryId(*A, one))])
        assert (dict(whole.contiguous), whole.beyond) == (dict(singly.contiguous), singly.beyond)
    assert whole.add_spans(A, ()) == ()


@given(node_names, counters, counters)
def test_an_identity_is_written_and_read(node: str, incarnation: int, seq: int) -> None:
    entry_id = EntryId(node, incarnation, seq)
    assert parse_entry_id(str(entry_id)) == entry_id
    assert parse_stream(str(entry_id.stream)) == entry_id.stream == Stream(node, incarnation)


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "..", "a", "a.", ".1", "a.1", "a.1.", "a..1", "a.x.1", "a.1.x", "a.-1.1", "a.1.-1", "a.1.+1"),
        *("a.1.1.1", "a.1. 1", "a.1_0.1", "a.1.1e3", "a.٣.1", "a.1.²", "x" * 65 + ".1.1", f"a.1.{COUNTER_MAX + 1}"),
        "a.1." + "9" * 5000,
    ],
)
def test_what_is_no_identity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        parse_entry_id(text)


@given(st.text(max_size=80))
def test_any_text_is_an_identity_or_a_value_error(text: str) -> None:
    for parse in (parse_entry_id, parse_stream):
        with contextlib.suppress(ValueError):
            parse(text)


@given(st.dictionaries(st.builds(Stream, node_names, counters), counters, max_size=6))
def test_a_vector_survives_the_wire(vector: dict[Stream, int]) -> None:
    assert decode_vector(encode_vector(vector)) == vector


@pytest.mark.parametrize("vector", [{"a": 1}, {"a.1": -1}, {"a.1": COUNTER_MAX + 1}, {"": 1}, {"a.x": 1}])
def test_a_vector_that_is_none_is_refused(vector: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="not a"):
        decode_vector(vector)


# --- the vector against a set ---

streams = st.sampled_from([A, B, Stream("a", 2)])
ids = st.builds(lambda stream, seq: EntryId(stream.node, stream.incarnation, seq), streams, st.integers(1, 12))
operations = st.lists(ids | st.tuples(streams, st.integers(0, 12)), max_size=40)
every_id = [EntryId(*stream, seq) for stream in (A, B, Stream("a", 2)) for seq in range(1, 14)]


def apply(vector: VersionVector, model: set[EntryId], done: list[EntryId | tuple[Stream, int]]) -> None:
    for step in done:
        if isinstance(step, EntryId):
            assert vector.add(step) == (step not in model)
            model.add(step)
        else:
            stream, upto = step
            vector.raise_to(stream, upto)
            model.update(EntryId(*stream, seq) for seq in range(1, upto + 1))


def contiguous(model: set[EntryId], stream: Stream) -> int:
    upto = 0
    while EntryId(*stream, upto + 1) in model:
        upto += 1
    return upto


def held(vector: VersionVector) -> set[EntryId]:
    return {entry_id for entry_id in every_id if entry_id in vector}


@given(operations)
def test_a_vector_holds_exactly_what_was_put_in(done: list[EntryId | tuple[Stream, int]]) -> None:
    vector, model = VersionVector(), set[EntryId]()
    apply(vector, model, done)
    assert [entry_id for entry_id in every_id if entry_id in vector] == [i for i in every_id if i in model]
    for stream in {entry_id.stream for entry_id in every_id}:
        upto = contiguous(model, stream)
        assert vector.upto(stream) == upto
        beyond = any(entry_id.stream == stream and entry_id.seq > upto for entry_id in model)
        assert vector.has_gap(stream) == beyond
        missing = [number for first, last in vector.missing(99).get(stream, ()) for number in range(first, last + 1)]
        for behind in range(14):
            assert vector.has_gap(stream, behind) == any(number > behind for number in missing)
    assert vector.gaps() == any(vector.has_gap(entry_id.stream) for entry_id in every_id)
    assert all(upto == contiguous(model, stream) for stream, upto in vector.contiguous.items())


@given(operations, operations)
def test_a_vector_lacks_what_another_has_more_of_without_a_gap(
    done: list[EntryId | tuple[Stream, int]], others: list[EntryId | tuple[Stream, int]]
) -> None:
    vector, model, other, other_model = VersionVector(), set[EntryId](), VersionVector(), set[EntryId]()
    apply(vector, model, done)
    apply(other, other_model, others)
    assert vector.lacks(other.contiguous) == any(
        contiguous(other_model, stream) > contiguous(model, stream) for stream in other.contiguous
    )


@given(operations, operations)
def test_a_copy_lives_its_own_life(
    done: list[EntryId | tuple[Stream, int]], more: list[EntryId | tuple[Stream, int]]
) -> None:
    vector, model = VersionVector(), set[EntryId]()
    apply(vector, model, done)
    twin = vector.copy()
    apply(vector, set(model), more)
    assert [i for i in every_id if i in twin] == [i for i in every_id if i in model]
    apply(twin, model, more)
    assert held(twin) == held(vector) == model


@given(operations)
def test_a_vector_can_be_rebuilt_from_its_parts(done: list[EntryId | tuple[Stream, int]]) -> None:
    vector, model = VersionVector(), set[EntryId]()
    apply(vector, model, done)
    assert {i for i in model if i.seq > vector.upto(i.stream)} == set(ids_in(vector.beyond))
    rebuilt = VersionVector(vector.contiguous, vector.beyond)
    assert (
        held(rebuilt) == held(vector) == held(VersionVector(MappingProxyType(dict(vector.contiguous)), vector.beyond))
    )
    assert rebuilt.contiguous == vector.contiguous


def test_raising_says_whether_it_was_news() -> None:
    vector = VersionVector({A: 5})
    assert not vector.raise_to(A, 5)
    assert not vector.raise_to(A, 3)
    assert vector.upto(A) == 5
    assert vector.raise_to(A, 6)


def test_raising_joins_what_lies_behind_it() -> None:
    vector = VersionVector({}, [EntryId("a", 1, 4), EntryId("a", 1, 2)])
    assert vector.raise_to(A, 1)
    assert vector.upto(A) == 2
    assert vector.raise_to(A, 3)
    assert vector.upto(A) == 4
    assert not vector.gaps()


@given(st.lists(ids, max_size=60), st.integers(0, 4))
def test_knowledge_beyond_gaps_is_bounded_and_never_wrong(added: list[EntryId], runs_max: int) -> None:
    vector, model = VersionVector(runs_max=runs_max), set[EntryId]()
    for entry_id in added:
        vector.add(entry_id)
        model.add(entry_id)
    held = {entry_id for entry_id in every_id if entry_id in vector}
    assert held <= model
    assert sum(len(spans) for spans in vector.beyond.values()) <= runs_max
    for stream in {entry_id.stream for entry_id in every_id}:
        assert vector.has_gap(stream) == any(i.stream == stream and i.seq > vector.upto(stream) for i in held)


def test_the_oldest_knowledge_beyond_a_gap_is_forgotten_first() -> None:
    vector = VersionVector(runs_max=2)
    for entry_id in (EntryId("a", 1, 5), EntryId("b", 2, 7), EntryId("b", 2, 9)):
        assert vector.add(entry_id)
    assert EntryId("a", 1, 5) not in vector
    assert EntryId("b", 2, 7) in vector and EntryId("b", 2, 9) in vector
    assert not vector.has_gap(A)


def test_a_long_stream_behind_a_gap_costs_one_run() -> None:
    vector = VersionVector()
    for number in range(1_000, 200_000):
        vector.add(EntryId("a", 1, number))
    assert vector.beyond == {A: ((1_000, 199_999),)}
    assert EntryId("a", 1, 999) not in vector and EntryId("a", 1, 150_000) in vector
    assert vector.newest_beyond(2) == [EntryId("a", 1, 199_998), EntryId("a", 1, 199_999)]


def test_what_is_missing_before_the_first_of_a_run_is_told_once() -> None:
    vector = VersionVector({A: 5}, {A: ((8, 9),)})
    assert vector.gap_before(EntryId("a", 1, 8)) == (6, 7)
    assert vector.gap_before(EntryId("a", 1, 9)) is None
    vector.add(EntryId("a", 1, 12))
    assert vector.gap_before(EntryId("a", 1, 12)) == (10, 11)
    vector.add(EntryId("a", 1, 6))
    assert vector.gap_before(EntryId("a", 1, 6)) is None


def test_a_mapping_of_many_streams_is_not_copied_and_what_changes_stands_over_it() -> None:
    packed = MappingProxyType({A: 5, B: 7})
    vector = VersionVector(packed)
    vector.add(EntryId("b", 2, 8))
    vector.raise_to(Stream("c", 3), 2)
    assert dict(vector.contiguous) == {A: 5, B: 8, Stream("c", 3): 2}
    assert len(vector.contiguous) == 3 and Stream("d", 1) not in vector.contiguous
    assert dict(vector.copy().contiguous) == dict(vector.contiguous)
    assert packed[B] == 7
