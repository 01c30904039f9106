"""The mix that is swept unless another is asked for: the standard mix's worlds, in some of which members lie."""

from __future__ import annotations

from typing import Final

from core.simulation.environment.randomness import seeded
from core.simulation.plans.liars_mix import with_liars
from core.simulation.plans.plan import Plan
from core.simulation.plans.standard_mix import standard

LIARS_SHARE: Final = 0.08
"""Of the worlds without base servers: each takes twice as long as others."""


def usual(seed: int, servers: int | None = None) -> Plan:
    """The plan of a seed; with `servers`, in a world of so many."""
    plan = standard(seed, servers)
    if plan.base_servers or plan.settled or seeded(seed, "whether members lie").random() >= LIARS_SHARE:
        return plan
    return with_liars(seed, servers)
