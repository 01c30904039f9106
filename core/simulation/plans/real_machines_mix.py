"""The mix of worlds whose machines and paths are as bad as real ones: clocks that run wrong or are set wrong by years,
connections of which one direction is dead, disks that hang or are full again and again, copies of data from long ago.

In half of them data is copied, put back after years, or started elsewhere as well. As in the mix with damage these have
no base servers and base clients, which recognise nothing, and nobody leaves on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from core.simulation.environment.randomness import between, pick, seeded
from core.simulation.plans import damage_mix
from core.simulation.plans import standard_mix as mix
from core.simulation.plans.plan import Operation, Plan, server_name
from core.simulation.plans.standard_mix import Scene

DAY: Final = 86_400.0
YEAR: Final = 365.25 * DAY
WRONG_RATE: Final = 0.1
"""How much too fast or too slow clocks run at most."""
WRONG_RATE_SHARE: Final = 0.4
COPIES_SHARE: Final = 0.5
HANGING: Final = (1.0, 8.0)
"""Seconds that a sync of a disk takes at most that hangs."""


def with_real_machines(seed: int, servers: int | None = None) -> Plan:
    """The plan of a seed: the standard mix's world with two to four kinds of such faults more."""
    rng = seeded(seed, "real machines")
    copies = rng.random() < COPIES_SHARE
    plan = damage_mix.whose_data_is_copied(seed, servers) if copies else mix.standard(seed, servers)
    names = [server_name(index) for index in range(plan.servers)]
    scene = Scene(rng, names, list(plan.people), plan.calm, plan.duration, [])
    # What a copy accepted may be left at servers without keys only: without its signature nobody else believes it.
    is_twinned = copies and "keyless" not in plan.identities.values()
    kinds = (*FAULTS.values(), *((_years,) if copies else ()), *((_twins,) if is_twinned else ()))
    operations = list(plan.operations)
    for _ in range(scene.some(2, 4)):
        operations += kinds[pick(rng, len(kinds))](scene)
    operations = [msgspec.structs.replace(one, at=min(one.at, plan.duration)) for one in operations]
    operations.sort(key=lambda one: one.at)
    drift = WRONG_RATE if rng.random() < WRONG_RATE_SHARE else plan.clock_drift
    return msgspec.structs.replace(plan, clock_drift=drift, settled=False, operations=tuple(operations))


def _one_way(scene: Scene) -> list[Operation]:
    """Of connections one direction goes dead and the other one does not, as where something on the way forgets half of
    them; and paths break in one direction again and again."""
    rng = scene.rng
    found: list[Operation] = []
    for _ in range(scene.some(1, 6)):
        one, other = _two(scene)
        if rng.random() < 0.3:
            people = [person for person in scene.people if person.native]
            other = f"client-{people[pick(rng, len(people))].name}" if people else other
        if rng.random() < 0.5:
            one, other = other, one
        found.append(Operation(scene.moment(), "half-open", one, other, amount=1.0))
    at, (one, other) = scene.moment(5.0), _two(scene)
    for _ in range(scene.some(0, 8)):
        again = at + between(rng, 0.05, 1.5)
        found += [Operation(at, "cut", one, other), Operation(min(scene.end, again), "mend", one, other)]
        at = again + between(rng, 0.05, 1.0)
    return found


def _two(scene: Scene) -> tuple[str, str]:
    """Two servers, if there are so many."""
    names = scene.shuffled(scene.servers)
    return names[0], names[-1]


def _wrong_clocks(scene: Scene) -> list[Operation]:
    """Clocks are set by a day or by years, while their server runs or before it starts again; some are set right."""
    rng = scene.rng
    found: list[Operation] = []
    for _ in range(scene.some(1, 3)):
        at, name = scene.moment(2.0), scene.server()
        amount = (DAY if rng.random() < 0.5 else between(rng, 1.0, 30.0) * YEAR) * (-1.0 if rng.random() < 0.6 else 1.0)
        found.append(Operation(at, "clock", name, amount=amount))
        if rng.random() < 0.4:
            found.append(Operation(max(0.0, at - 0.001), "kill", name, amount=rng.random()))
            found.append(Operation(at + between(rng, 0.0, 4.0), "start", name))
        if rng.random() < 0.5:
            found.append(Operation(at + between(rng, 0.5, 10.0), "clock", name, amount=-amount))
    return found


def _bad_disks(scene: Scene) -> list[Operation]:
    """A disk hangs for seconds, or is full and has room again, several times, also while its server starts."""
    rng = scene.rng
    found: list[Operation] = []
    at, name = scene.moment(4.0), scene.server()
    for _ in range(scene.some(1, 5)):
        again = min(scene.end, at + between(rng, 0.02, 6.0))
        if rng.random() < 0.5:
            found += [Operation(at, "disk full", name), Operation(again, "disk free", name)]
        else:
            found += [
                Operation(at, "disk slow", name, amount=between(rng, *HANGING)),
                Operation(again, "disk quick", name),
            ]
        if rng.random() < 0.3:
            found.append(Operation(between(rng, at, again), "kill", name, amount=rng.random()))
            found.append(Operation(between(rng, at, again) + 0.5, "start", name))
        at = again + between(rng, 0.02, 3.0)
    return found


def _long_away(scene: Scene) -> list[Operation]:
    """A server dies, or several, and nobody starts them for minutes, or for years: nothing happens meanwhile."""
    rng = scene.rng
    at, names = scene.moment(2.0), scene.shuffled(scene.servers)[: 1 + pick(rng, 2)]
    return [
        *(Operation(at, "kill", name, amount=rng.random()) for name in names),
        Operation(at + 0.001, "years", amount=between(rng, 0.00001, 0.001) if rng.random() < 0.7 else 2.0),
        *(Operation(at + between(rng, 0.01, 5.0), "start", name) for name in names),
    ]


def _years(scene: Scene) -> list[Operation]:
    """A server dies, nobody looks after it for years, and somebody puts a copy of then back and starts it."""
    rng = scene.rng
    at, name = scene.moment(2.0), scene.server()
    return [
        Operation(max(1.0, at - between(rng, 0.5, 6.0)), "copy data", name),
        Operation(at, "kill", name, amount=rng.random()),
        Operation(at + 0.001, "years", amount=between(rng, 0.5, 12.0)),
        Operation(at + 0.002, "put back", name, amount=rng.random()),
        Operation(at + between(rng, 0.01, 5.0), "start", name),
    ]


def _twins(scene: Scene) -> list[Operation]:
    """A server is started elsewhere from a copy of its data, also from one that is older, while it runs."""
    rng = scene.rng
    at, name = scene.moment(4.0), scene.server()
    return [
        Operation(max(1.0, at - between(rng, 0.0, 6.0)), "copy data", name),
        Operation(at, "twin", name, amount=rng.random()),
        Operation(min(scene.end, at + between(rng, 2.0, 12.0)), "twin ends", name),
    ]


FAULTS: Final[Mapping[str, Callable[[Scene], list[Operation]]]] = {
    "one way": _one_way,
    "wrong clocks": _wrong_clocks,
    "bad disks": _bad_disks,
    "long away": _long_away,
}
