"""The mix of worlds in which what servers keep is damaged: bits flip, databases are lost, backups put back, a copy is
started elsewhere, and clocks jump.

What nobody else has is never taken away: no server could bring it back. As in the mix with old data, base servers and
base clients are left out, which recognise nothing; and nobody leaves on purpose.
"""

from __future__ import annotations

from typing import Final

import msgspec

from core.simulation.environment.randomness import between, pick, seeded
from core.simulation.plans import standard_mix as mix
from core.simulation.plans.plan import Operation, Plan, server_name
from core.simulation.plans.standard_mix import Scene


def with_damage(seed: int, servers: int | None = None) -> Plan:
    """The plan of a seed: the standard mix's world of three servers at least, with one to four kinds of damage."""
    plan = whose_data_is_copied(seed, servers)
    rng = seeded(seed, "damage")
    names = [server_name(index) for index in range(plan.servers)]
    scene = Scene(rng, names, list(plan.people), plan.calm, plan.duration, [])
    # What a copy accepted may be left at servers without keys only: without its signature nobody else believes it.
    kinds = tuple(one for one in KINDS if one not in _COPIES or "keyless" not in plan.identities.values())
    operations = [*plan.operations] + [
        one for _ in range(scene.some(1, 4)) for one in kinds[pick(rng, len(kinds))](scene)
    ]
    operations = [msgspec.structs.replace(one, at=min(one.at, plan.duration)) for one in operations]
    operations.sort(key=lambda one: one.at)
    return msgspec.structs.replace(plan, operations=tuple(operations))


def whose_data_is_copied(seed: int, servers: int | None = None) -> Plan:
    """The standard mix's world of a seed, of three servers at least, as it is where what a server has may be copied,
    put back, or lost: nobody is there who recognises nothing, and nobody leaves."""
    plan = mix.standard(seed, servers)
    people = [msgspec.structs.replace(person, native=True) for person in plan.people if not person.impatient]
    operations = [
        one for one in plan.operations if one.who not in ("b0", "b1") and one.what not in ("chat", "quit", "lies")
    ]
    return msgspec.structs.replace(
        plan,
        servers=max(3, plan.servers),
        base_servers=0,
        settled=False,
        people=tuple(people),
        operations=tuple(operations),
    )


def _restarted(scene: Scene, what: str) -> list[Operation]:
    """A server dies, something happens to what it has kept, and it comes back."""
    rng = scene.rng
    at, name = scene.moment(2.0), scene.server()
    return [
        Operation(at, "kill", name, amount=rng.random()),
        Operation(at + 0.001, what, name, amount=rng.random()),
        Operation(at + between(rng, 0.01, 5.0), "start", name),
    ]


def _lost(scene: Scene) -> list[Operation]:
    return _restarted(scene, "lose data")


def _put_back(scene: Scene) -> list[Operation]:
    found = _restarted(scene, "put back")
    return [Operation(max(1.0, found[0].at - between(scene.rng, 0.5, 6.0)), "copy data", found[0].who), *found]


def _flipped(scene: Scene) -> list[Operation]:
    """Bits flip, while a server runs or while it does not."""
    rng = scene.rng
    flips = [Operation(scene.moment(), "flip bits", scene.server(), amount=rng.random()) for _ in range(2)]
    return flips + _restarted(scene, "flip bits")


def _twins(scene: Scene) -> list[Operation]:
    """A copy of what a server has is started elsewhere while that one runs, and ends once somebody has noticed."""
    rng = scene.rng
    at, name = scene.moment(4.0), scene.server()
    return [
        Operation(at, "twin", name),
        Operation(min(scene.end, at + between(rng, 2.0, 12.0)), "twin ends", name),
    ]


def _twins_together(scene: Scene) -> list[Operation]:
    """A server is down when its data is copied, and both are started at the same moment."""
    rng = scene.rng
    at, name = scene.moment(4.0), scene.server()
    return [
        Operation(at - between(rng, 0.01, 1.0), "kill", name, amount=rng.random()),
        Operation(at, "twin", name),
        Operation(at, "start", name),
        Operation(min(scene.end, at + between(rng, 2.0, 12.0)), "twin ends", name),
    ]


def _clocks(scene: Scene) -> list[Operation]:
    return mix.FAULTS["clocks"](scene)


_COPIES: Final = (_twins, _twins_together)
KINDS: Final = (_flipped, _lost, _put_back, *_COPIES, _clocks)
