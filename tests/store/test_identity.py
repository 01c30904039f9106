"""Who a node is, and the numbers of its starts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.store import next_incarnation, node_id
from core.wire.entries import COUNTER_MAX
from tests.store.making import WALL


@given(st.binary(min_size=8, max_size=32))
def test_a_node_id_is_twelve_characters_of_lower_case_base32(entropy: bytes) -> None:
    assert re.fullmatch("[a-z2-7]{12}", node_id(entropy))


def test_a_node_id_needs_enough_randomness() -> None:
    with pytest.raises(ValueError, match="8 random bytes"):
        node_id(b"1234567")


@given(st.integers(0, COUNTER_MAX - 1), st.floats(0, 1e10))
def test_incarnations_increase_whatever_the_clock_says(last: int, wall: float) -> None:
    assert next_incarnation(last, wall) > last


@given(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=20), st.data())
def test_a_node_that_forgot_its_latest_starts_still_gets_a_number_beyond_them(
    pauses: list[float], data: st.DataObject
) -> None:
    wall, numbers = WALL, [0]
    for pause in pauses:
        wall += pause + 0.001
        numbers.append(next_incarnation(numbers[-1], wall))
    remembered = data.draw(st.sampled_from(numbers))
    assert next_incarnation(remembered, wall + 0.002) > max(numbers)


def test_an_incarnation_survives_peers_that_read_numbers_as_doubles() -> None:
    year_3000 = 32_503_680_000.0
    assert next_incarnation(0, year_3000) < COUNTER_MAX
