"""The mix that is swept unless another is asked for: the standard mix's worlds, in some of which members lie, what
servers keep is damaged, or machines and paths are as bad as real ones."""

from __future__ import annotations

from typing import Final

from core.simulation.environment.randomness import seeded
from core.simulation.plans.damage_mix import with_damage
from core.simulation.plans.liars_mix import with_liars
from core.simulation.plans.plan import Plan
from core.simulation.plans.real_machines_mix import with_real_machines
from core.simulation.plans.standard_mix import standard

LIARS_SHARE: Final = 0.08
"""Of the worlds without base servers: each takes twice as long as others."""
DAMAGED_SHARE: Final = 0.06
"""The same of worlds with damage."""
REAL_SHARE: Final = 0.06
"""The same of worlds whose machines are as bad as real ones."""


def usual(seed: int, servers: int | None = None) -> Plan:
    """The plan of a seed; with `servers`, in a world of so many."""
    plan = standard(seed, servers)
    if plan.base_servers or plan.settled:
        return plan
    if seeded(seed, "whether members lie").random() < LIARS_SHARE:
        return with_liars(seed, servers)
    if seeded(seed, "whether data is damaged").random() < DAMAGED_SHARE:
        return with_damage(seed, servers)
    if seeded(seed, "whether machines are real").random() < REAL_SHARE:
        return with_real_machines(seed, servers)
    return plan
