"""Packed streams, and views of them, against the plain maps that they stand for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.store.held import Held
from core.wire.entries import Stream
from core.wire.packed_streams import PackedStreams, StreamsOver

streams = st.builds(Stream, st.sampled_from("abc"), st.integers(0, 4))
vectors = st.dictionaries(streams, st.integers(1, 9))


@given(vectors, streams)
def test_a_packed_map_is_the_map(plain: dict[Stream, int], asked: Stream) -> None:
    packed = PackedStreams.of(plain.items())
    assert packed == plain and dict(packed.items()) == plain
    assert (packed.get(asked), asked in packed, len(packed)) == (plain.get(asked), asked in plain, len(plain))
    assert list(packed) == sorted(plain)
    assert packed.total == sum(plain.values())


@given(vectors, vectors, st.sets(streams), streams)
def test_a_view_shows_what_stands_over_and_hides_what_it_is_told_to(
    below: dict[Stream, int], over: dict[Stream, int], hidden: set[Stream], asked: Stream
) -> None:
    hidden -= over.keys()
    view = StreamsOver(PackedStreams.of(below.items()), over, hidden)
    expected = {**{stream: number for stream, number in below.items() if stream not in hidden}, **over}
    assert dict(view) == dict(view.items()) == expected
    assert (view.get(asked), asked in view, len(view)) == (expected.get(asked), asked in expected, len(expected))


@given(vectors, vectors, st.dictionaries(streams, st.integers(0, 12)))
def test_what_is_claimed_of_packed_streams_is_what_would_be_of_others(
    packed: dict[Stream, int], more: dict[Stream, int], seen: dict[Stream, int]
) -> None:
    here, plain = Held(PackedStreams.of(packed.items())), Held()
    for held in (here, plain):
        for stream, upto in more.items():
            held.add(stream, 0, upto)
    for stream, upto in packed.items():
        plain.add(stream, 0, upto)
    known = [*packed, *more]
    for kept in (known, []):
        found = here.beyond(seen, kept)
        claimed = here.claims(seen, {stream: runs.complete_from(seen.get(stream, 0)) for stream, runs in found.items()})
        everything = plain.beyond(seen, [])
        expected = {stream: runs.upto for stream, runs in everything.items()}
        assert dict(claimed.items()) == dict(claimed) == expected
    assert here.received == plain.received
    assert here.lacks(plain) == plain.lacks(here) == 0
