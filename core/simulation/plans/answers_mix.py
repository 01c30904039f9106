"""The mix of worlds in which people answer one another while everything breaks: the standard mix's, with more talk."""

from __future__ import annotations

from typing import Final

import msgspec

from core.simulation.environment.randomness import between, pick, seeded
from core.simulation.plans.plan import Operation, Plan
from core.simulation.plans.standard_mix import standard

ANSWER: Final = "answer"
"""An operation: `who` answers something, `whom` says how, and `amount` what of all that they know."""
FORGERY: Final = "forgery"
"""What calls itself another one's activity: no server takes it."""
ANSWERS: Final = ("reply", "reply", "reaction", "reaction", "reaction", "undo", "undo", "edit", "edit", "edit")
"""How people answer, as often as it stands here."""
SELDOM: Final = ("removal", FORGERY)
SELDOM_SHARE: Final = 0.12


def with_answers(seed: int, servers: int | None = None) -> Plan:
    """The plan of a seed."""
    plan = standard(seed, servers)
    rng = seeded(seed, "answers")
    people = [person.name for person in plan.people if person.native]
    answers = []
    for _ in range(30 + pick(rng, 90) if people else 0):
        kinds = SELDOM if rng.random() < SELDOM_SHARE else ANSWERS
        at, who, kind = (
            between(rng, plan.calm, plan.duration),
            people[pick(rng, len(people))],
            kinds[pick(rng, len(kinds))],
        )
        answers.append(Operation(at, ANSWER, who, kind, rng.random()))
    operations = sorted([*plan.operations, *answers], key=lambda one: one.at)
    return msgspec.structs.replace(plan, operations=tuple(operations))
