"""Worlds of the standard mix, in which everything that the network guarantees holds."""

from __future__ import annotations

from typing import Final

import pytest

from core.simulation.plans.answers_mix import with_answers
from core.simulation.plans.damage_mix import with_damage
from core.simulation.plans.liars_mix import with_liars
from core.simulation.plans.old_data_mix import with_old_data
from core.simulation.plans.orders_mix import with_orders
from core.simulation.plans.real_machines_mix import with_real_machines
from core.simulation.plans.standard_mix import FAULTS, standard
from core.simulation.plans.usual_mix import usual
from core.simulation.runs.sweep import SeedOutcome, judged

SEEDS: Final = 520
"""So many plans are looked at."""
RUN: Final = 60
"""So many of them happen; `make sweep`, with which `make test` ends, has others happen that nobody has seen."""
CHUNK: Final = 12
"""Few enough that the processes which run the tests end at about the same time."""


def shown(failures: list[SeedOutcome]) -> str:
    return "\n".join(
        f"seed {one.seed}: {one.problems[0].guarantee}: {one.problems[0].text}"
        f" (python -m core.simulation replay --seed {one.seed})"
        for one in failures
    )


@pytest.mark.parametrize("first", range(0, RUN, CHUNK))
def test_everything_holds_in_each_of_these_histories(first: int) -> None:
    outcomes = list(judged(range(first, first + CHUNK), jobs=1))
    failures = [one for one in outcomes if one.problems]
    assert not failures, shown(failures)
    assert all(one.events and one.messages for one in outcomes)


def test_the_mixes_know_every_operation_that_can_be_planned() -> None:
    from core.simulation.world.operations import OPERATIONS

    used = {operation.what for seed in range(SEEDS) for operation in standard(seed).operations}
    used |= {operation.what for seed in range(SEEDS) for operation in with_old_data(seed).operations}
    used |= {operation.what for seed in range(SEEDS) for operation in with_liars(seed).operations}
    used |= {operation.what for seed in range(SEEDS) for operation in with_damage(seed).operations}
    used |= {operation.what for seed in range(SEEDS) for operation in with_orders(seed).operations}
    used |= {operation.what for seed in range(SEEDS) for operation in with_answers(seed).operations}
    used |= {operation.what for seed in range(SEEDS) for operation in with_real_machines(seed).operations}
    assert used == set(OPERATIONS)


def test_the_mix_knows_every_shape_and_every_kind_of_person() -> None:
    plans = [standard(seed) for seed in range(SEEDS)]
    assert {plan.shape for plan in plans} == {"chain", "star", "tree", "alone"}
    assert {plan.servers for plan in plans} >= set(range(1, 10))
    people = [person for plan in plans for person in plan.people]
    assert {(person.native, person.registers, person.impatient) for person in people} >= {
        (True, True, False),
        (True, False, False),
        (False, True, False),
        (False, False, False),
        (False, True, True),
    }
    assert len(FAULTS) >= 11


def test_in_some_worlds_of_the_mix_that_is_swept_members_lie_and_in_none_that_has_base_servers() -> None:
    plans = [usual(seed) for seed in range(200)]
    lied_to = [plan for plan in plans if any(operation.what == "liar" for operation in plan.operations)]
    assert 200 * 0.02 < len(lied_to) < 200 * 0.15
    assert not any(plan.base_servers for plan in lied_to)
    assert any(plan.base_servers for plan in plans)
    assert not any(operation.what == "liar" for operation in usual(1, 100).operations), "a large network is settled"
