"""The mix of worlds in which operators give orders while everything breaks: the standard mix's, and with damage."""

from __future__ import annotations

from typing import Final

import msgspec

from core.simulation.environment.randomness import between, pick, seeded
from core.simulation.plans import standard_mix as mix
from core.simulation.plans.damage_mix import with_damage
from core.simulation.plans.plan import Operation, Plan, server_name

ORDER: Final = "order"
"""An operation: `who` is the server at which an operator is, `whom` what is ordered, `amount` says about whom."""
ORDERED: Final = ("silence", "remove", "remove", "remove", "undo", "appoint", "dismiss", "ban")
"""What is ordered, as often as it stands here."""


def with_orders(seed: int, servers: int | None = None) -> Plan:
    """The plan of a seed: of every third world the data is damaged as well, and put back."""
    rng = seeded(seed, "orders")
    plan = with_damage(seed, servers) if pick(rng, 3) == 0 else mix.standard(seed, servers)
    orders = [
        Operation(
            between(rng, plan.calm, plan.duration),
            ORDER,
            server_name(pick(rng, plan.servers)),
            ORDERED[pick(rng, len(ORDERED))],
            rng.random(),
        )
        for _ in range(4 + pick(rng, 20))
    ]
    operations = sorted([*plan.operations, *orders], key=lambda one: one.at)
    return msgspec.structs.replace(plan, operations=tuple(operations))
