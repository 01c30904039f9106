"""Who a node is, and the numbers of its starts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.store import next_incarnation, node_id
from core.wire.entries import COUNTER_MAX, started_at
from tests.store.making import WALL


@given(st.binary(min_size=8, max_size=32))
def test_a_node_id_is_twelve_characters_of_lower_case_base32(entropy: bytes) -> None:
    assert re.fullmatch("[a-z2-7]{12}", node_id(entropy))


def test_a_node_id_needs_enough_randomness() -> None:
    with pytest.raises(ValueError, match="8 random bytes"):
        node_id(b"1234567")


DIGITS = st.integers(0, 2**18 - 1)


@given(st.integers(0, COUNTER_MAX - 2**18), st.floats(0, 1e10), DIGITS)
def test_incarnations_increase_whatever_the_clock_says(last: int, wall: float, leap: int) -> None:
    assert next_incarnation(last, wall, leap) > last


@given(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=20), st.data())
def test_a_node_that_forgot_its_latest_starts_still_gets_a_number_beyond_them(
    pauses: list[float], data: st.DataObject
) -> None:
    wall, numbers = WALL, [0]
    for pause in pauses:
        wall += pause + 1.0
        numbers.append(next_incarnation(numbers[-1], wall, data.draw(DIGITS)))
    remembered = data.draw(st.sampled_from(numbers))
    assert next_incarnation(remembered, wall + 1.0, data.draw(DIGITS)) > max(numbers)


@given(st.integers(0, COUNTER_MAX - 2**18), st.floats(0, 1e10), DIGITS, DIGITS)
def test_two_copies_that_are_started_at_the_same_moment_take_two_numbers_unless_they_draw_the_same(
    last: int, wall: float, one: int, other: int
) -> None:
    assert (next_incarnation(last, wall, one) == next_incarnation(last, wall, other)) is (one == other)


@given(st.integers(0, 10**10), st.integers(0, 2**18 - 1))
def test_numbers_of_the_version_before_are_smaller_than_those_of_today(milliseconds: int, leap: int) -> None:
    """That one counted the milliseconds from 2020 on."""
    september_2020 = 1_600_000_000
    before = (september_2020 - 1_577_836_800) * 1000 + milliseconds
    wall = september_2020 + milliseconds / 1000
    assert next_incarnation(before, wall, leap) - before > 10**12


def test_an_incarnation_survives_peers_that_read_numbers_as_doubles() -> None:
    year_3000 = 32_503_680_000.0
    assert next_incarnation(0, year_3000, 2**18 - 1) < COUNTER_MAX


@given(st.floats(0, 1e12), st.lists(st.tuples(st.floats(0, 1e12), DIGITS), max_size=50))
def test_no_clock_takes_a_server_beyond_what_others_believe(wall: float, later: list[tuple[float, int]]) -> None:
    """They drop what names one beyond 2^48, and who was there once stays there, whatever its clock says then."""
    number = 0
    for at, leap in ((wall, 2**18 - 1), *later):
        number = next_incarnation(number, at, leap)
        assert number <= 2**48


@pytest.mark.parametrize("wall", [1_600_000_000.0, WALL, 2_500_000_000.5])
def test_when_a_start_was_can_be_told_by_its_number_and_by_one_of_the_version_before(wall: float) -> None:
    today, before = next_incarnation(0, wall, 12345), int((wall - 1_577_836_800) * 1000)
    assert abs(started_at(today) - wall * 1_000_000) <= 1_000_000
    assert abs(started_at(before) - wall * 1_000_000) <= 1_000
