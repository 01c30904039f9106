"""What is done to what servers keep: they learn again what others have, give no identity twice, and lose nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from core.node.servers.same_start import SameStart
from core.simulation.plans.damage_mix import with_damage
from core.simulation.plans.plan import Operation, Person
from core.simulation.runs.runner import conclude, run
from core.simulation.runs.sweep import judge
from core.simulation.world.world import World
from core.store import memory_store as memory
from core.store import next_incarnation
from tests.simulation.lying import problems
from tests.simulation.plans import NATIVE, NOBODY, arrive, plan, posts

DURATION = 16.0
LATE, THERE = Person("late"), Person("there")
AT_THE_ORIGINAL = [arrive(5.5, "there", "s000"), *posts("there", 6.1, 30, 0.2)]
AT_THE_COPY = [arrive(5.5, "late", "s000twin"), *posts("late", 6.0, 30, 0.2)]


def damaged(*operations: Operation, duration: float = DURATION) -> World:
    """A world of three servers and two people who write all the time, in which something is done to a disk."""
    everything = [
        arrive(1.0, "nat", "s000"),
        arrive(1.0, "ano", "s002"),
        *posts("nat", 3.0, 40, 0.2),
        *posts("ano", 3.1, 40, 0.2),
        *operations,
    ]
    members: dict[str, object] = {"duration": duration, "bound": 40.0, "lazy_links": 2, "epilogue": True}
    world = World(plan(*everything, people=(NATIVE, NOBODY, LATE, THERE), **members))
    conclude(world, time.perf_counter())
    return world


def restarted(who: str, what: str, amount: float, before: Sequence[Operation] = ()) -> World:
    return damaged(
        *before,
        Operation(6.0, "kill", who, amount=1.0),
        Operation(7.0, what, who, amount=amount),
        Operation(7.5, "start", who),
    )


def entries(world: World, name: str) -> set[object]:
    return {entry.id for entry in world.servers[name].disk.entries()}


@pytest.mark.parametrize("witness", [1.0, 0.0], ids=["with the witness", "without the witness"])
def test_a_server_that_has_lost_its_database_gets_everything_from_the_others_again(witness: float) -> None:
    world = restarted("s000", "lose data", witness)
    assert problems(world) == []
    assert entries(world, "s000") == entries(world, "s002")


def test_of_a_lost_database_nothing_is_left() -> None:
    world = World(plan(Operation(4.0, "kill", "s001"), arrive(1.0, "nat", "s000"), people=(NATIVE,), duration=5.0))
    conclude(world, time.perf_counter())
    assert entries(world, "s001")
    world.servers["s001"].disk.lose(with_witness=True)
    assert not entries(world, "s001")


@pytest.mark.parametrize("witness", [1.0, 0.0], ids=["with the witness", "without the witness"])
def test_a_server_whose_stale_backup_is_put_back_gives_no_identity_twice(witness: float) -> None:
    world = restarted("s000", "put back", witness, before=[Operation(4.0, "copy data", "s000")])
    assert problems(world) == []
    assert len({entry.incarnation for entry in world.ledger.accepted if entry.node == world.servers["s000"].id}) >= 2


def test_of_a_server_and_a_copy_of_it_started_elsewhere_neither_loses_what_it_has_accepted() -> None:
    world = damaged(
        Operation(6.0, "twin", "s000"),
        Operation(6.0, "part", "s000,client-nat"),
        Operation(8.0, "unite", "s000,client-nat"),
        Operation(12.0, "twin ends", "s000"),
    )
    assert problems(world) == []
    own = {entry.incarnation for entry in world.ledger.accepted if entry.node == world.servers["s000"].id}
    assert own
    assert world.servers["s000twin"].node is None
    assert world.servers["s000twin"].finished is not None


def test_people_write_at_a_copy_and_at_what_it_is_a_copy_of_and_all_of_it_arrives() -> None:
    world = damaged(
        Operation(5.0, "twin", "s000"),
        *AT_THE_COPY,
        *AT_THE_ORIGINAL,
        Operation(12.0, "twin ends", "s000"),
    )
    assert problems(world) == []
    starts = {entry.incarnation for entry in world.ledger.accepted if entry.node == world.servers["s000"].id}
    assert len(starts) >= 2


TOGETHER = [
    Operation(4.5, "kill", "s000", amount=1.0),
    Operation(5.0, "twin", "s000"),
    Operation(5.0, "start", "s000"),
    *AT_THE_COPY,
    *AT_THE_ORIGINAL,
    Operation(12.0, "twin ends", "s000"),
]


def test_two_copies_that_are_started_at_the_same_moment_give_no_identity_twice() -> None:
    assert problems(damaged(*TOGETHER)) == []


def test_two_copies_whose_numbers_are_those_of_their_clocks_give_identities_twice_and_that_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    by_clock = next_incarnation
    monkeypatch.setattr(memory, "next_incarnation", lambda last, wall, leap: by_clock(last, wall, 0))
    monkeypatch.setattr(SameStart, "met", lambda self, record: False)
    found = {text.partition(":")[0] for text in problems(damaged(*TOGETHER))}
    assert found & {"agreement", "durability", "authorship", "exactly once"}


AWAY = [Operation(5.0, "leave", "nat"), arrive(9.0, "nat", "s000")]
FLIPPED = Operation(8.5, "flip bits", "s000", amount=1.0)


def test_what_a_flipped_bit_has_changed_is_shown_to_nobody() -> None:
    assert [text for text in problems(damaged(*AWAY, FLIPPED)) if text.startswith("content")] == []


def test_what_a_flipped_bit_has_changed_is_passed_on_to_nobody() -> None:
    down = [Operation(5.0, "kill", "s002", amount=1.0), Operation(9.0, "start", "s002")]
    world = damaged(*down, FLIPPED)
    assert [text for text in problems(world) if "s000 has another body" not in text] == []


def test_what_a_flipped_bit_has_changed_comes_from_the_neighbours_again() -> None:
    restart = [Operation(9.0, "kill", "s000", amount=1.0), Operation(9.5, "start", "s000")]
    assert problems(damaged(FLIPPED, *restart)) == []


def told_at(world: World, name: str) -> list[str]:
    """Run a world to its end; what people were told of a server's disk."""
    told: list[str] = []
    world.telling = lambda server, notice: (
        told.append(notice.text) if notice.kind == "storage" and server.name == name else None
    )
    conclude(world, time.perf_counter())
    return told


def test_people_are_told_what_is_damaged_and_when_it_has_come_again() -> None:
    operations = [arrive(1.0, "nat", "s000"), *posts("nat", 3.0, 5), Operation(6.0, "flip bits", "s000", amount=1.0)]
    first, last = told_at(World(plan(*operations, people=(NATIVE,), bound=40.0)), "s000")
    assert first.startswith("5 entries are damaged") and "the other servers are asked for them" in first
    assert last == "5 entries that had been damaged came again from the other servers"


def test_what_is_damaged_while_nobody_is_there_comes_again_when_they_are_back() -> None:
    # The links are found to be dead before anything is damaged.
    apart = [Operation(5.0, "part", "s000,client-nat"), Operation(25.0, "unite", "s000,client-nat")]
    flip = Operation(16.0, "flip bits", "s000", amount=1.0)
    operations = [arrive(1.0, "nat", "s000"), *posts("nat", 3.0, 5), flip]
    world = World(plan(*operations, *apart, people=(NATIVE,), duration=30.0, bound=60.0))
    found, nobody, again = told_at(world, "s000")
    assert found.startswith("5 entries are damaged")
    assert nobody.startswith("no other server is linked that has 5 entries that were damaged")
    assert again == "5 entries that had been damaged came again from the other servers"
    assert entries(world, "s000") == entries(world, "s001") and len(entries(world, "s000")) == 6
    assert problems(world) == []


def test_somebody_who_counts_starts_only_gives_an_identity_twice_and_that_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "next_incarnation", lambda last, wall, leap: last + 1)
    monkeypatch.setattr(SameStart, "met", lambda self, record: False)
    world = damaged(
        Operation(4.5, "kill", "s000", amount=1.0),
        Operation(4.6, "twin", "s000"),
        Operation(4.7, "start", "s000"),
        *AT_THE_COPY,
        *AT_THE_ORIGINAL,
    )
    found = {text.partition(":")[0] for text in problems(world)}
    assert found & {"agreement", "durability", "authorship", "exactly once"}


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 40, 20))
def test_everything_holds_in_each_history_of_the_mix(first: int) -> None:
    failures = {}
    for seed in range(first, first + 20):
        planned = with_damage(seed)
        flips = frozenset(place for place, one in enumerate(planned.operations) if one.what == "flip bits")
        failures[seed] = run(planned.without(flips)).problems
    assert {seed: found for seed, found in failures.items() if found} == {}


@pytest.mark.slow
def test_everything_holds_in_histories_in_which_bits_flip() -> None:
    assert {seed: one.problems for seed in range(20) if (one := judge(seed, None, "damage")).problems} == {}
