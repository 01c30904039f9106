"""Room for what peers bring: nobody has all of it, what is there stays, and who is honest is never taken for a liar."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from core.admission.room import SETTLED_AFTER, SharedRoom

NAMES = st.sampled_from(["ada", "bob", "cyd", "dee"])


def fill(room: SharedRoom, who: str, now: float = 0.0) -> int:
    """Take as much as one may; how much that was."""
    taken = 0
    while room.has_for(who, now):
        room.take(who)
        taken += 1
    return taken


def test_one_gets_half_of_what_is_free_and_the_next_one_half_of_the_rest() -> None:
    room = SharedRoom(800)
    assert [fill(room, name) for name in ("ada", "bob", "cyd")] == [400, 200, 100]


def test_what_is_there_stays_and_is_nobodys() -> None:
    room = SharedRoom(1000, taken=600)
    assert fill(room, "ada") == 200
    assert room.free == 200


@given(st.lists(st.tuples(NAMES, st.integers(1, 40)), max_size=200))
def test_nobody_ever_has_more_than_is_left_when_they_take_it(wishes: list[tuple[str, int]]) -> None:
    room = SharedRoom(500)
    for who, places in wishes:
        if room.has_for(who, 0.0, places):
            room.take(who, places)
            assert room.of(who) <= room.free
    assert room.taken <= room.places


@given(st.lists(st.tuples(NAMES, st.integers(1, 20), st.booleans()), max_size=200))
def test_what_is_given_back_can_be_taken_again(events: list[tuple[str, int, bool]]) -> None:
    room = SharedRoom(300)
    kept: list[tuple[str, int]] = []
    for who, places, goes in events:
        if goes and kept:
            room.give_back(*kept.pop())
        elif room.has_for(who, 0.0, places):
            room.take(who, places)
            kept.append((who, places))
        assert room.taken == sum(places for _, places in kept)
        for name in ("ada", "bob", "cyd", "dee"):
            assert room.of(name) == sum(places for who, places in kept if who == name)


def test_what_was_brought_long_ago_does_not_count_against_who_brought_it() -> None:
    room = SharedRoom(1000)
    assert fill(room, "ada") == 500
    assert fill(room, "ada", 2 * SETTLED_AFTER) == 0
    assert fill(room, "ada", 4 * SETTLED_AFTER) == 250
    assert room.free == 250


def pass_on(offered: Iterable[str], room: SharedRoom, who: str) -> tuple[list[str], bool]:
    """What a server takes in of what one neighbour offers, and whether it thinks that made up."""
    taken, liar = [], False
    for one in offered:
        if room.has_for(who, 0.0):
            room.take(who)
            taken.append(one)
        elif room.refuse(who, one):
            liar = True
            break
    return taken, liar


@given(st.integers(10, 60), st.integers(0, 30), st.integers(0, 300), st.integers(2, 6), st.integers(1, 5))
def test_whoever_passes_on_what_it_took_in_is_never_taken_for_a_liar(
    places: int, honest: int, invented: int, hops: int, liars: int
) -> None:
    """Along a chain of servers, whose first one has so many liars as neighbours, and honest ones."""
    room = SharedRoom(places)
    kept: list[str] = []
    for number in range(liars):
        taken, _ = pass_on((f"{number}-{one}" for one in range(invented)), room, f"liar {number}")
        kept += taken
    taken, liar = pass_on((f"honest-{one}" for one in range(honest)), room, "honest")
    assert not liar or honest > places
    kept += taken
    assert len(kept) <= places
    for _ in range(hops):
        # Offered again and again, as anti-entropy does.
        kept, liar = pass_on([*kept, *kept], SharedRoom(places), "neighbour")
        assert not liar


def test_whoever_offers_a_room_full_in_vain_has_made_it_up() -> None:
    room = SharedRoom(1000)
    taken, liar = pass_on((str(number) for number in range(1500)), room, "ada")
    assert (len(taken), liar) == (500, False)
    offered = 0
    while not room.refuse("ada", f"another {offered}"):
        offered += 1
    assert 1500 + offered < 2 * 1000
    room.forgive("ada")
    assert room.refused("ada") == 0


@given(st.integers(1, 500), st.integers(0, 2000))
def test_of_things_offered_in_vain_none_is_counted_that_was_not_there(places: int, offered: int) -> None:
    room = SharedRoom(places, taken=places)
    for number in range(min(offered, 3 * places)):
        room.refuse("ada", str(number // 2))
    assert room.refused("ada") <= (min(offered, 3 * places) + 1) // 2
