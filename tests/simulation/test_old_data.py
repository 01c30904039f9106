"""Worlds in which servers come back with older data: they learn the rest again, and give no identity twice."""

from __future__ import annotations

import time

import pytest

from core.node.servers.same_start import SameStart
from core.simulation.environment.simulated_disk import SimulatedDisk
from core.simulation.plans.plan import Operation, Person
from core.simulation.runs.runner import conclude
from core.simulation.runs.sweep import judge
from core.simulation.world.world import World
from core.store import memory_store as memory
from tests.simulation.lying import problems
from tests.simulation.plans import NATIVE, arrive, plan, posts

AT_A_COPY = [
    arrive(1.0, "nat", "s000"),
    Operation(4.0, "copy data", "s000"),
    *posts("nat", 5.0, 3),
    Operation(7.0, "kill", "s000", amount=1.0),
    Operation(7.1, "put back", "s000", amount=0.0),
]
"""Somebody writes at the first of three servers, whose data is then put back to a copy from before."""
AT_THE_SAME_COPY_AGAIN = [
    Operation(7.5, "start", "s000"),
    arrive(9.0, "second", "s000"),
    *posts("second", 10.0, 3),
    Operation(11.0, "kill", "s000", amount=1.0),
    Operation(11.1, "put back", "s000", amount=0.0),
    Operation(11.5, "start", "s000"),
    arrive(13.0, "third", "s000"),
    *posts("third", 14.0, 3),
]


def happened(*operations: Operation, **identities: str) -> World:
    world = World(
        plan(
            *operations,
            people=(NATIVE, Person("second"), Person("third")),
            identities=identities,
            duration=15.0,
            bound=30.0,
        )
    )
    conclude(world, time.perf_counter())
    return world


@pytest.mark.parametrize(
    ("others", "taken"),
    [({}, True), ({"s001": "keyless"}, True), ({"s001": "keyless", "s002": "keyless"}, False)],
    ids=["all have keys", "one has none", "none has one"],
)
def test_from_a_server_is_taken_what_another_one_can_prove(
    others: dict[str, str], taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server without a key keeps no signatures: what it has in the name of one with a key, that one does not get."""
    put_back, calls = SimulatedDisk.put_back, []

    def noted(disk: SimulatedDisk, *, with_witness: bool) -> None:
        calls.append(disk)
        put_back(disk, with_witness=with_witness)

    monkeypatch.setattr(SimulatedDisk, "put_back", noted)
    assert problems(happened(*AT_A_COPY, **others)) == []
    assert bool(calls) is taken


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 40, 20))
def test_everything_holds_in_each_of_these_histories(first: int) -> None:
    failures = {
        seed: one.problems for seed in range(first, first + 20) if (one := judge(seed, None, "old-data")).problems
    }
    assert not failures


def test_a_server_that_is_put_back_twice_to_one_copy_gives_no_identity_twice() -> None:
    assert problems(happened(*AT_A_COPY, *AT_THE_SAME_COPY_AGAIN)) == []


def test_a_node_that_only_counts_its_starts_gives_an_identity_twice_and_that_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "next_incarnation", lambda last, wall, leap: last + 1)
    monkeypatch.setattr(SameStart, "met", lambda self, record: False)
    found = problems(happened(*AT_A_COPY, *AT_THE_SAME_COPY_AGAIN))
    assert {text.split(":")[0] for text in found} >= {"durability", "authorship"}


def test_an_upgraded_server_gets_the_proof_of_what_came_to_it_singly() -> None:
    upgrade = [Operation(8.0, "kill", "s001", amount=1.0), Operation(8.1, "upgrade", "s001")]
    world = happened(
        arrive(1.0, "nat", "s000"),
        *posts("nat", 3.0, 20),
        *upgrade,
        Operation(8.5, "start", "s001"),
        s001="keyless",
    )
    assert problems(world) == []
    own = {entry_id for entry_id in world.ledger.accepted if entry_id.node == world.servers["s000"].id}
    assert len(own) > 20
    assert own <= world.servers["s001"].disk.signed()
    assert world.servers["s001"].boots == 2
