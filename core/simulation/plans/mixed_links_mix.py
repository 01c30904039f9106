"""The mix of worlds in which a network is upgraded while it runs: some servers link in clear, as before encryption.

They are upgraded one after the other, some never; and now and then one is that stands alone at the time, so that it
makes a network of its own first.
"""

from __future__ import annotations

import msgspec

from core.simulation.environment.randomness import between, pick, seeded
from core.simulation.plans import standard_mix as mix
from core.simulation.plans.plan import Operation, Plan, server_name


def with_mixed_links(seed: int, servers: int | None = None) -> Plan:
    """The plan of a seed: the standard mix's world with servers of the version before encryption."""
    plan = mix.standard(seed, servers)
    rng = seeded(seed, "mixed links")
    names = [server_name(index) for index in range(plan.servers)]
    old = [name for name in names if plan.identities.get(name) != "keyless" and pick(rng, 3)]
    operations = list(plan.operations)
    for name in old:
        if pick(rng, 4):
            at = between(rng, plan.calm, max(plan.calm, plan.duration - 4.0))
            operations += [
                Operation(at, "kill", name, amount=rng.random()),
                Operation(at + 0.001, "upgrade", name),
                Operation(at + between(rng, 0.01, 3.0), "start", name),
            ]
    operations = [msgspec.structs.replace(one, at=min(one.at, plan.duration)) for one in operations]
    operations.sort(key=lambda one: one.at)
    return msgspec.structs.replace(plan, settled=False, in_clear=tuple(old), operations=tuple(operations))
