"""What is believed of what is said in a server's name, whoever says it and in whatever order."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from core.node.trust.beliefs import Belief, Standing, believe, believe_entry, believes_mark, key_belongs
from core.wire.entries import COUNTER_MAX, Stream
from core.wire.server_keys import certified_id, fingerprint, is_certified

KEYS = [bytes([number]) * 32 for number in range(3)]
BEFORE = "gezdgnbvgy3t"
"""An id from before keys."""

keys = st.sampled_from(KEYS)
ids = st.sampled_from([BEFORE, "elsewhere", *map(certified_id, KEYS)])
numbers = st.integers(0, COUNTER_MAX)


class Statement(NamedTuple):
    """Something said in a server's name: the key that comes with it, and whose signature it has."""

    node: str
    key: bytes | None
    signed_by: bytes | None


statements = st.builds(Statement, ids, st.none() | keys, st.none() | keys)


def hears(said: Statement, standing: Standing, *, keyless_here: bool = False, lenient: bool = False) -> Belief:
    return believe(
        said.node,
        said.key,
        lambda key: key == said.signed_by,
        standing,
        keyless_here=keyless_here,
        lenient=lenient,
    )


def after(history: list[Statement]) -> dict[str, bytes]:
    """What ids are bound to once a server has heard all of this."""
    bound: dict[str, bytes] = {}
    for said in history:
        if hears(said, Standing(bound.get(said.node))) is Belief.FIRST:
            assert said.key is not None
            bound[said.node] = said.key
    return bound


# --- ids that are made of a key ---------------------------------------------------------------------------------------


@given(statements, st.booleans())
def test_what_is_believed_under_an_id_that_is_made_of_a_key_was_signed_by_that_key(
    said: Statement, keyless_here: bool
) -> None:
    if is_certified(said.node) and hears(said, Standing(), keyless_here=keyless_here).holds:
        assert said.signed_by is not None and certified_id(said.signed_by) == said.node


@given(keys)
def test_whoever_has_the_key_is_believed_whatever_was_heard_before(key: bytes) -> None:
    assert hears(Statement(certified_id(key), key, key), Standing()) is Belief.PROVED


@given(st.binary(min_size=32, max_size=32))
def test_an_id_that_is_made_of_a_key_has_120_bits_of_it(key: bytes) -> None:
    made = certified_id(key)
    assert len(made) == 24 and is_certified(made) and "." not in made
    assert fingerprint(key).replace("-", "") == made
    assert certified_id(bytes([key[0] ^ 1]) + key[1:]) != made


def test_ids_from_before_keys_are_not_taken_for_made_of_one() -> None:
    for node in (BEFORE, "s000", "x" * 25, "GEZDGNBVGY3TGEZDGNBVGY3T", "gezdgnbvgy3tgezdgnbvgy3\n", "1" * 24):
        assert not is_certified(node)


# --- ids from before keys ---------------------------------------------------------------------------------------------


@given(st.lists(statements, max_size=12), statements)
def test_once_bound_an_id_is_nobody_elses(history: list[Statement], said: Statement) -> None:
    bound = after(history)
    if said.node in bound and hears(said, Standing(bound[said.node])).holds:
        assert said.signed_by == bound[said.node]


@given(st.lists(statements, max_size=12), st.lists(statements, max_size=12))
def test_a_binding_stays_whatever_is_said_afterwards(history: list[Statement], more: list[Statement]) -> None:
    bound = after(history)
    later = after(history + more)
    assert {node: later[node] for node in bound} == bound


@given(st.lists(statements, max_size=12))
def test_nobody_binds_an_id_to_a_key_that_they_do_not_have(history: list[Statement]) -> None:
    for node, key in after(history).items():
        assert any(said.node == node and said.key == said.signed_by == key for said in history)


@given(st.lists(statements, max_size=12))
def test_only_ids_from_before_keys_are_bound(history: list[Statement]) -> None:
    assert not any(map(is_certified, after(history)))


@given(statements)
def test_nobody_elses_word_binds_the_id_of_a_server_that_is_here_and_shows_no_key(said: Statement) -> None:
    assert hears(said, Standing(), keyless_here=True) is not Belief.FIRST


def test_what_a_server_of_the_version_before_says_is_believed_as_ever() -> None:
    assert hears(Statement(BEFORE, None, None), Standing()) is Belief.UNSIGNED


@given(statements, st.none() | keys)
def test_going_back_lets_in_what_is_not_signed_and_nothing_that_is_signed_wrongly(
    said: Statement, bound: bytes | None
) -> None:
    strict, lenient = hears(said, Standing(bound)), hears(said, Standing(bound), lenient=True)
    assert lenient is (Belief.UNSIGNED if said.key is None else strict)


@given(statements, st.none() | keys, st.booleans())
def test_a_signature_is_looked_at_last_and_once(said: Statement, bound: bytes | None, here: bool) -> None:
    looked: list[bytes] = []

    def fits(key: bytes) -> bool:
        looked.append(key)
        return True

    belongs = key_belongs(said.node, said.key, Standing(bound))
    believe(said.node, said.key, fits, Standing(bound), keyless_here=here)
    wanted = said.key is not None and (belongs is True or (belongs is None and not here))
    assert looked == ([said.key] if wanted else [])


# --- entries and marks ------------------------------------------------------------------------------------------------


@given(ids, numbers, st.none() | numbers, st.none() | keys)
def test_an_entry_by_itself_is_believed_where_its_server_does_not_sign_its_stream(
    node: str, incarnation: int, signs_from: int | None, key: bytes | None
) -> None:
    signed = signs_from is not None and incarnation >= signs_from
    standing = Standing(key, signs_from)
    assert believe_entry(Stream(node, incarnation), standing, own_link=False).holds is not signed
    assert believe_entry(Stream(node, incarnation), standing, own_link=True).holds
    assert believe_entry(Stream(node, incarnation), standing, own_link=False, lenient=True).holds


@given(ids, numbers, st.none() | keys)
def test_only_its_own_server_says_of_a_stream_with_a_key_that_nothing_is_missing(
    node: str, incarnation: int, key: bytes | None
) -> None:
    stream, standing = Stream(node, incarnation), Standing(key)
    assert believes_mark(stream, standing, own_link=False) is (key is None and not is_certified(node))
    assert believes_mark(stream, standing, own_link=True)
    assert believes_mark(stream, standing, own_link=False, lenient=True)
