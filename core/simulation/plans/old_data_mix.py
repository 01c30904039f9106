"""The mix of worlds in which servers come back with older data: a copy, a backup, a machine's snapshot put back.

What such a server knew it gets from the others again, its own earlier activities included, and nothing of it under
another identity. Some servers of the version before are upgraded meanwhile. Base servers and base clients are left out:
they recognise nothing, and get twice what their server has forgotten that it had sent them.
"""

from __future__ import annotations

import msgspec

from core.simulation.environment.randomness import between, pick, seeded
from core.simulation.plans import standard_mix as mix
from core.simulation.plans.plan import Operation, Plan, server_name
from core.simulation.plans.standard_mix import Scene


def with_old_data(seed: int, servers: int | None = None) -> Plan:
    """The plan of a seed: the standard mix's world with native people only, where data is copied and put back."""
    plan = mix.standard(seed, servers)
    rng = seeded(seed, "old data")
    # Only a base client tries somebody else's name as long as nobody has it.
    people = [msgspec.structs.replace(person, native=True) for person in plan.people if not person.impatient]
    scene = Scene(rng, [server_name(index) for index in range(plan.servers)], people, plan.calm, plan.duration, [])
    standard = [one for one in plan.operations if one.who not in ("b0", "b1") and one.what != "chat"]
    operations = [*standard, *_returns(scene), *_upgrades(scene, plan)]
    operations = [msgspec.structs.replace(one, at=min(one.at, plan.duration)) for one in operations]
    operations.sort(key=lambda one: one.at)
    return msgspec.structs.replace(
        plan, base_servers=0, settled=False, people=tuple(people), operations=tuple(operations)
    )


def _returns(scene: Scene) -> list[Operation]:
    """Copies are made all the time; now and then a server dies, and comes back with one."""
    rng = scene.rng
    found = [Operation(scene.moment(), "copy data", scene.server()) for _ in range(scene.some(4, 16))]
    for _ in range(scene.some(1, 5)):
        at, name = scene.moment(2.0), scene.server()
        found += [
            Operation(max(1.0, at - between(rng, 0.5, 6.0)), "copy data", name),
            Operation(at, "kill", name, amount=rng.random()),
            Operation(at + 0.001, "put back", name, amount=rng.random()),
            Operation(at + between(rng, 0.01, 5.0), "start", name),
        ]
        if pick(rng, 3) == 0:
            # From the same copy once more: its starts must differ.
            again = at + between(rng, 0.5, 6.0)
            found += [
                Operation(again, "kill", name, amount=rng.random()),
                Operation(again + 0.001, "put back", name, amount=rng.random()),
                Operation(again + between(rng, 0.01, 2.0), "start", name),
            ]
    return found


def _upgrades(scene: Scene, plan: Plan) -> list[Operation]:
    """Some servers of the version before are upgraded, one after the other."""
    rng = seeded(plan.seed, "upgrades")
    found: list[Operation] = []
    for name in [name for name, identity in plan.identities.items() if identity == "keyless"]:
        if pick(rng, 2):
            at = between(rng, scene.begin, max(scene.begin, scene.end - 4.0))
            found += [
                Operation(at, "kill", name, amount=1.0),
                Operation(at + 0.001, "upgrade", name),
                Operation(at + between(rng, 0.01, 2.0), "start", name),
            ]
    return found
