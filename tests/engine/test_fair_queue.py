"""Whose turn it is."""

from __future__ import annotations

import pytest

from core.engine.threads.fair_queue import FairQueue


def test_addresses_take_turns_and_names_at_each_too() -> None:
    queue: FairQueue[str] = FairQueue(100)
    for number in range(4):
        queue.put("a", "x", f"ax{number}")
    queue.put("a", "y", "ay0")
    queue.put("b", "x", "bx0")
    assert [queue.take() for _ in range(6)] == ["ax0", "bx0", "ay0", "ax1", "ax2", "ax3"]


def test_whoever_waits_behind_a_flood_from_elsewhere_is_next_but_one() -> None:
    queue: FairQueue[int] = FairQueue(10_000)
    for number in range(5000):
        queue.put("mallory", f"n{number}", number)
    queue.put("ann", "ann", -1)
    assert -1 in (queue.take(), queue.take())


def test_when_it_is_full_whoever_has_most_loses_something() -> None:
    queue: FairQueue[int] = FairQueue(10)
    for number in range(10):
        queue.put("mallory", "x", number)
    for number in range(5):
        _, lost = queue.put(f"honest{number}", "x", 100 + number)
        assert lost is not None
        assert lost < 100
    _, lost = queue.put("mallory", "x", 50)
    assert lost == 50
    assert len(queue) == 10


def test_when_one_address_has_it_all_the_name_that_has_most_loses() -> None:
    queue: FairQueue[str] = FairQueue(10)
    for number in range(10):
        queue.put("a", "guessed", f"g{number}")
    _, lost = queue.put("a", "other", "o")
    assert lost is not None
    assert lost.startswith("g")


def test_what_is_taken_out_is_not_taken_again() -> None:
    queue: FairQueue[str] = FairQueue(10)
    place, _ = queue.put("a", "x", "one")
    queue.put("a", "x", "two")
    assert queue.remove(place) == "one"
    assert queue.remove(place) is None
    assert queue.take() == "two"
    assert not queue
    with pytest.raises(KeyError):
        queue.take()


def test_nothing_is_left_of_who_has_nothing_in_it() -> None:
    queue: FairQueue[int] = FairQueue(10)
    for number in range(1000):
        queue.put(f"h{number}", "x", number)
        queue.take()
    assert not queue._hosts
    assert not queue._of_host
