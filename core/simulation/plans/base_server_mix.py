"""The mix of worlds that have base servers in them: the standard mix's, with more that decides who speaks to those.

Base servers recognise nothing and redial nobody, so each must be linked with one server of ours at any time, whoever
dies, leaves or is parted from whom. One in eight worlds of the standard mix has any; here all have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from core.simulation.environment.randomness import between, pick, seeded
from core.simulation.plans import standard_mix as mix
from core.simulation.plans.plan import Operation, Plan, server_name
from core.simulation.plans.standard_mix import Scene


def with_base_servers(seed: int, servers: int | None = None) -> Plan:
    """The plan of a seed: the standard mix's world with one to three base servers, and two to four faults more."""
    plan = mix.standard(seed, servers)
    rng = seeded(seed, "base servers")
    names = [server_name(index) for index in range(plan.servers)]
    base_servers = [f"b{index}" for index in range(1 + pick(rng, 3))]
    scene = Scene(rng, names, list(plan.people), plan.calm, plan.duration, base_servers)
    standard = [one for one in plan.operations if one.who not in ("b0", "b1") and one.what != "chat"]
    operations = standard + mix.lives_of_base_servers(scene) + _much_talk(scene)
    for _ in range(2 + pick(rng, 3)):
        operations += FAULTS[KINDS[pick(rng, len(KINDS))]](scene)
    operations = [msgspec.structs.replace(one, at=min(one.at, plan.duration)) for one in operations]
    operations.sort(key=lambda one: one.at)
    return msgspec.structs.replace(plan, base_servers=len(base_servers), settled=False, operations=tuple(operations))


def _much_talk(scene: Scene) -> list[Operation]:
    """People at base servers and at ours write all the time: whatever comes twice is seen."""
    found = [
        Operation(scene.moment(), "chat", scene.base_servers[pick(scene.rng, len(scene.base_servers))])
        for _ in range(scene.some(10, 40))
    ]
    people = scene.people
    return found + [
        Operation(scene.moment(), "post", people[pick(scene.rng, len(people))].name) for _ in range(scene.some(10, 40))
    ]


def _base_links(scene: Scene) -> list[Operation]:
    """What breaks lies between a server and a base server."""
    rng = scene.rng
    found: list[Operation] = []
    for _ in range(scene.some(1, 4)):
        at = scene.moment(1.0)
        one, other = scene.shuffled([scene.server(), scene.base_servers[pick(rng, len(scene.base_servers))]])
        match pick(rng, 4):
            case 0:
                found.append(Operation(at, "reset", one, other))
            case 1:
                found.append(Operation(at, "half-open", one, other))
            case _:
                found.append(Operation(at, "cut both" if rng.random() < 0.5 else "cut", one, other))
                found.append(Operation(min(scene.end, at + between(rng, 0.1, 15.0)), "mend", one, other))
    return found


def _restarts(scene: Scene) -> list[Operation]:
    """Processes die and are back before anybody has looked."""
    rng = scene.rng
    found: list[Operation] = []
    for _ in range(scene.some(1, 3)):
        at, name = scene.moment(1.0), scene.server()
        found.append(Operation(at, "kill", name, amount=rng.random()))
        found.append(Operation(at + between(rng, 0.0, 0.5), "start", name))
    return found


FAULTS: Final[Mapping[str, Callable[[Scene], list[Operation]]]] = {
    **{kind: mix.FAULTS[kind] for kind in ("crashes", "departures", "partitions", "divisions", "cut links")},
    **{kind: mix.FAULTS[kind] for kind in ("broken connections", "full disks", "slow things")},
    "base links": _base_links,
    "restarts": _restarts,
}
KINDS: Final = tuple(FAULTS)
