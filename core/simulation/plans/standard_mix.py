"""The standard mix: from a seed to a plan.

A seed decides how large the world is, how it grows, who lives in it, which kinds of faults it knows (none in a tenth of
all worlds, one to four in the others) and when each thing happens.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from core.simulation.environment.randomness import between, pick, seeded
from core.simulation.plans.plan import IdentityKind, Operation, Person, Plan, Stillness, server_name, stillness_of

SHAPES: Final = ("chain", "star", "tree", "alone")
CALM: Final = 5.0
"""Until when a world only grows."""
SETTLED_FROM: Final = 30
"""Worlds of more servers do not grow but begin as one network: growing takes minutes of real time."""
SECRETS_SHARE: Final = 0.15
"""In how many of all worlds people change their secrets."""
DOCUMENTS_SHARE: Final = 0.4
"""In how many of all worlds people change their accounts' documents."""
SUSPENDED_SHARE: Final = 0.12
"""In how many of the worlds in which anything breaks servers stand still for a while, and go on."""
MOVED_SHARE: Final = 0.1
"""In how many of them servers come back at other addresses."""
UPGRADED_SHARE: Final = 0.25
"""In how many of all worlds servers are from before keys: they have ids that are not made of one, or no key at all."""
FAR_SHARE: Final = 0.06
"""In how many paths take up to a third of a second."""
BASE_SHARE: Final = 0.12
"""How many of all worlds have base servers in them."""
ODD_SHARE: Final = 0.15
"""In how many of all worlds a server advertises an address that means something to itself alone."""
ODD_ADDRESSES: Final = ("127.0.0.1", "localhost", "::1", "0.0.0.0", "::", "169.254.7.7", "fe80::7", "224.0.0.1")


class Scene(msgspec.Struct):
    """What a generator of faults works with."""

    rng: random.Random
    servers: list[str]
    people: list[Person]
    begin: float
    end: float
    base_servers: list[str]

    def moment(self, spare: float = 0.0) -> float:
        """A time within the storm, at least `spare` seconds before its end."""
        return between(self.rng, self.begin, max(self.begin, self.end - spare))

    def server(self) -> str:
        return self.servers[pick(self.rng, len(self.servers))]

    def some(self, low: int, high: int) -> int:
        return low + pick(self.rng, high - low + 1)

    def shuffled(self, names: list[str]) -> list[str]:
        return [name for _, name in sorted((self.rng.random(), name) for name in names)]


def standard(seed: int, servers: int | None = None) -> Plan:
    """The plan of a seed; with `servers`, in a world of so many."""
    rng = seeded(seed, "mix")
    drawn = 1 + pick(rng, 3) if rng.random() < 0.15 else 3 + pick(rng, 7 if rng.random() < 0.3 else 4)
    servers = servers or drawn
    duration = CALM + between(rng, 12.0, 30.0)
    people = _people(rng)
    names = [server_name(index) for index in range(servers)]
    base_servers = [f"b{index}" for index in range(1 + pick(rng, 2) if rng.random() < BASE_SHARE else 0)]
    if servers > SETTLED_FROM:
        base_servers = []
    scene = Scene(rng, names, people, CALM, duration, base_servers)
    operations = _lives(scene) + lives_of_base_servers(scene)
    breaks = rng.random() >= 0.1
    if breaks:
        for _ in range(1 + pick(rng, 4)):
            kind = KINDS[pick(rng, len(KINDS))]
            operations += FAULTS[kind](scene)
        operations += _suspensions(scene, seed) + _moves(scene, seed)
    operations += _changed_secrets(scene, seed) + _documents(scene, seed)
    operations = [msgspec.structs.replace(one, at=min(one.at, duration)) for one in operations]
    operations.sort(key=lambda one: one.at)
    low = between(rng, 0.0005, 0.03)
    return Plan(
        seed=seed,
        servers=servers,
        shape=SHAPES[pick(rng, len(SHAPES))],
        settled=servers > SETTLED_FROM,
        lazy_links=pick(rng, 4),
        latency=_paths(seed, low, low + between(rng, 0.0, 0.03), stretch=not base_servers and servers <= SETTLED_FROM),
        clock_spread=between(rng, 0.0, 5.0) if rng.random() < 0.5 else 0.0,
        clock_drift=0.005 if rng.random() < 0.3 else 0.0,
        base_servers=len(base_servers),
        identities=_identities(seed, names),
        advertised=_advertised(seed, [*names, *base_servers]) if servers <= SETTLED_FROM else {},
        codec=rng.random() < 0.5,
        people=tuple(people),
        calm=CALM,
        duration=duration,
        operations=tuple(operations),
    )


def _advertised(seed: int, names: Sequence[str]) -> dict[str, str]:
    """Now and then a server advertises what means another machine, or none, to everybody else.

    One at a time: of two that were never linked neither could find the other once all between them are gone.
    """
    rng = seeded(seed, "advertised")
    if rng.random() >= ODD_SHARE:
        return {}
    return {names[pick(rng, len(names))]: ODD_ADDRESSES[pick(rng, len(ODD_ADDRESSES))]}


def _identities(seed: int, names: Sequence[str]) -> dict[str, IdentityKind]:
    """Some networks are being upgraded: of their servers some have just got a key, and some have none yet."""
    rng = seeded(seed, "identities")
    if rng.random() >= UPGRADED_SHARE:
        return {}
    keyless = 0.0 if rng.random() < 0.4 else rng.random()
    return {name: "keyless" if rng.random() < keyless else "bound" for name in names}


def _paths(seed: int, low: float, high: float, *, stretch: bool) -> tuple[float, float]:
    """In some worlds servers are on different continents, and paths of very different lengths."""
    rng = seeded(seed, "distance")
    if not stretch or rng.random() >= FAR_SHARE:
        return low, high
    return between(rng, 0.0005, 0.1), between(rng, 0.1, 0.35)


def _people(rng: random.Random) -> list[Person]:
    people: list[Person] = []
    for index in range(3 + pick(rng, 6)):
        name = f"p{index}"
        native = rng.random() < 0.65
        registers = rng.random() < 0.7
        people.append(Person(name, native, registers))
        if registers and rng.random() < 0.2:
            people.append(Person(f"{name}rival", rng.random() < 0.5, True, username=name))
        if registers and rng.random() < 0.15:
            people.append(Person(f"{name}haste", native=False, registers=True, username=name, impatient=True))
    return people


def _lives(scene: Scene) -> list[Operation]:
    """People arrive, write, move, leave and come back."""
    rng = scene.rng
    found: list[Operation] = []
    arrivals: dict[str, float] = {}
    for person in scene.people:
        at = between(rng, 1.0, scene.begin + 0.3 * (scene.end - scene.begin))
        if person.username is not None and rng.random() < 0.7:
            at = arrivals[person.username] + between(rng, -0.1, 0.1)
        arrivals[person.name] = at
        found.append(Operation(at, "arrive", person.name, scene.server()))
    for person in scene.people:
        first = arrivals[person.name]
        for _ in range(pick(rng, 12)):
            at = between(rng, first, scene.end)
            found.append(Operation(at, "post", person.name))
            if rng.random() < 0.3:
                found += [Operation(at + 0.001 * (1 + burst), "post", person.name) for burst in range(pick(rng, 5))]
        for _ in range(pick(rng, 3)):
            found.append(Operation(between(rng, first, scene.end), "move", person.name, scene.server()))
        if rng.random() < 0.2:
            at = between(rng, first, scene.end)
            found.append(Operation(at, "leave", person.name))
            if rng.random() < 0.6:
                found.append(Operation(between(rng, at, scene.end), "arrive", person.name, scene.server()))
    return found


def _changed_secrets(scene: Scene, seed: int) -> list[Operation]:
    """Now and then people change their secret. Drawn from a source of its own: other operations stay where they are.

    Nobody does who shares their account with somebody impatient: a secret that one person changes the other has not.
    """
    rng = seeded(seed, "secrets")
    shared = {person.username for person in scene.people if person.impatient}
    if rng.random() >= SECRETS_SHARE:
        return []
    return [
        Operation(between(rng, 2.0, scene.end), "secret", person.name)
        for person in scene.people
        if person.native and person.registers and not {person.name, person.username} & shared
        for _ in range(pick(rng, 3))
    ]


def _documents(scene: Scene, seed: int) -> list[Operation]:
    """In some worlds people change their accounts' documents, now and then several times at once."""
    rng = seeded(seed, "documents")
    if rng.random() >= DOCUMENTS_SHARE:
        return []
    return [
        Operation(between(rng, 2.0, scene.end), "document", person.name)
        for person in scene.people
        if person.native and person.registers
        for _ in range(pick(rng, 6))
    ]


def _suspensions(scene: Scene, seed: int) -> list[Operation]:
    """Servers stand still, and go on: one after the other, or several at once. A virtual machine's clock is set right
    in the end, or is not. Drawn from a source of its own: other operations stay where they are."""
    rng = seeded(seed, "suspensions")
    if rng.random() >= SUSPENDED_SHARE:
        return []
    found: list[Operation] = []
    for _ in range(1 + pick(rng, 3)):
        at, name = between(rng, scene.begin, scene.end - 1.0), scene.servers[pick(rng, len(scene.servers))]
        amount = rng.random()
        seconds = between(rng, 0.2, 4.0) if rng.random() < 0.4 else between(rng, 4.0, 20.0)
        again = min(scene.end, at + seconds)
        found += [Operation(at, "suspend", name, amount=amount), Operation(again, "resume", name)]
        if stillness_of(amount) is Stillness.GUEST and rng.random() < 0.5:
            found.append(Operation(again + between(rng, 0.0, 5.0), "clock", name, amount=again - at))
    return found


def _moves(scene: Scene, seed: int) -> list[Operation]:
    """Servers come back at other addresses, as where these are handed out anew: one takes what another one has left.
    Drawn as the above."""
    rng = seeded(seed, "moves")
    if rng.random() >= MOVED_SHARE or len(scene.servers) > SETTLED_FROM:
        return []
    found: list[Operation] = []
    for _ in range(1 + pick(rng, 4)):
        at, name = between(rng, scene.begin, scene.end - 1.0), scene.servers[pick(rng, len(scene.servers))]
        found += [
            Operation(at, "power" if rng.random() < 0.3 else "kill", name, amount=rng.random()),
            Operation(at + 0.001, "readdress", name, amount=rng.random()),
            Operation(min(scene.end, at + between(rng, 0.002, 6.0)), "start", name),
        ]
    return found


def lives_of_base_servers(scene: Scene) -> list[Operation]:
    """Their own people write, and now and then their process dies, and forgets everything."""
    rng = scene.rng
    found: list[Operation] = []
    for name in scene.base_servers:
        found += [Operation(scene.moment(), "chat", name) for _ in range(scene.some(2, 8))]
        if rng.random() < 0.3:
            at = scene.moment()
            found.append(Operation(at, "kill", name))
            found.append(Operation(min(scene.end, at + between(rng, 0.1, 8.0)), "start", name))
    return found


# --- faults -----------------------------------------------------------------------------------------------------------


def _crashes(scene: Scene) -> list[Operation]:
    """Processes or hosts die, one after the other or several at once; some stumble when they start again."""
    rng = scene.rng
    found: list[Operation] = []
    for _ in range(scene.some(1, 3)):
        at = scene.moment()
        many = 1 + pick(rng, len(scene.servers)) if rng.random() < 0.3 else 1
        for name in scene.shuffled(scene.servers)[:many]:
            what = "power" if rng.random() < 0.3 else "kill"
            found.append(Operation(at, what, name, amount=rng.random()))
            back = at + between(rng, 0.0, 8.0)
            if rng.random() < 0.8:
                found.append(Operation(back, "start", name))
                while rng.random() < 0.25:
                    found.append(Operation(back + between(rng, 0.0, 0.2), "kill", name, amount=rng.random()))
                    back += between(rng, 0.2, 1.0)
                    found.append(Operation(back, "start", name))
    return found


def _departures(scene: Scene) -> list[Operation]:
    """Servers leave on purpose, one or several at once; some come back."""
    rng = scene.rng
    at = scene.moment(2.0)
    many = 1 + pick(rng, max(1, len(scene.servers) - 1)) if rng.random() < 0.4 else 1
    found: list[Operation] = []
    for name in scene.shuffled(scene.servers)[:many]:
        found.append(Operation(at + between(rng, 0.0, 0.2), "quit", name))
        if rng.random() < 0.5 or many == len(scene.servers):
            found.append(Operation(at + between(rng, 7.0, 12.0), "start", name))
    return found


def _partitions(scene: Scene) -> list[Operation]:
    """The network falls into parts, people included or not."""
    rng = scene.rng
    found: list[Operation] = []
    for _ in range(scene.some(1, 2)):
        at = scene.moment(1.0)
        names = scene.shuffled(scene.servers)[: 1 + pick(rng, len(scene.servers))]
        if rng.random() < 0.5:
            names += [f"client-{person.name}" for person in scene.people if rng.random() < 0.5]
        who = ",".join(names)
        found.append(Operation(at, "part", who))
        found.append(Operation(min(scene.end, at + between(rng, 0.2, 20.0)), "unite", who))
    return found


def _divisions(scene: Scene) -> list[Operation]:
    """Two groups do not hear each other, or only one the other; whoever is in neither hears both."""
    rng = scene.rng
    found: list[Operation] = []
    for _ in range(scene.some(1, 2)):
        at = scene.moment(1.0)
        hosts = scene.shuffled(scene.servers + scene.base_servers)
        half = 1 + pick(rng, max(1, len(hosts) // 2))
        inside, rest = hosts[:half], hosts[half:]
        outside = rest[: 1 + pick(rng, len(rest))] if rest else []
        sides = (inside, outside)
        for person in scene.people:
            if rng.random() < 0.3:
                sides[pick(rng, 2)].append(f"client-{person.name}")
        if inside and outside:
            who, whom = ",".join(inside), ",".join(outside)
            found.append(Operation(at, "divide", who, whom, amount=1.0 if rng.random() < 0.4 else 0.0))
            found.append(Operation(min(scene.end, at + between(rng, 0.2, 20.0)), "rejoin", who, whom))
    return found


def _swizzle(scene: Scene) -> list[Operation]:
    """Servers are cut off one by one, and come back in another order."""
    rng = scene.rng
    names = scene.shuffled(scene.servers)[: 1 + pick(rng, len(scene.servers))]
    at = scene.moment(5.0)
    found = []
    for name in names:
        at += between(rng, 0.0, 2.0)
        found.append(Operation(at, "part", name))
    for name in scene.shuffled(names):
        at += between(rng, 0.0, 2.0)
        found.append(Operation(at, "unite", name))
    return found


def _cut_links(scene: Scene) -> list[Operation]:
    """Paths between two servers break, in one direction or both, and are mended in random order."""
    rng = scene.rng
    found: list[Operation] = []
    for _ in range(scene.some(1, 6)):
        at = scene.moment(1.0)
        one, other = scene.server(), scene.server()
        if rng.random() < 0.2:
            other = f"client-{scene.people[pick(rng, len(scene.people))].name}"
        found.append(Operation(at, "cut both" if rng.random() < 0.5 else "cut", one, other))
        found.append(Operation(min(scene.end, at + between(rng, 0.1, 15.0)), "mend", one, other))
    return found


def _broken_connections(scene: Scene) -> list[Operation]:
    """Connections go dead without a word, or are reset."""
    rng = scene.rng
    found: list[Operation] = []
    for _ in range(scene.some(2, 10)):
        what = "half-open" if rng.random() < 0.5 else "reset"
        one, other = scene.server(), scene.server()
        if rng.random() < 0.4:
            other = f"client-{scene.people[pick(rng, len(scene.people))].name}"
        found.append(Operation(scene.moment(), what, one, other))
    return found


def _slow_things(scene: Scene) -> list[Operation]:
    """Disks and readers that take their time."""
    rng = scene.rng
    found = [
        Operation(scene.moment(), "disk slow", scene.server(), amount=between(rng, 0.05, 2.0))
        for _ in range(scene.some(1, 3))
    ]
    for _ in range(scene.some(0, 2)):
        who = scene.people[pick(rng, len(scene.people))].name
        found.append(Operation(scene.moment(), "slow reader", who, amount=between(rng, 0.05, 1.0)))
    return found


def _full_disks(scene: Scene) -> list[Operation]:
    rng = scene.rng
    found: list[Operation] = []
    for _ in range(scene.some(1, 2)):
        at, name = scene.moment(1.0), scene.server()
        found.append(Operation(at, "disk full", name))
        found.append(Operation(min(scene.end, at + between(rng, 0.1, 10.0)), "disk free", name))
    return found


def _clocks(scene: Scene) -> list[Operation]:
    """Wall clocks jump, back and forth: by minutes, and some by hours or days, as a machine's without a battery do."""
    rng = scene.rng
    found: list[Operation] = []
    for _ in range(scene.some(1, 4)):
        at, name, amount = scene.moment(), scene.server(), between(rng, -120.0, 120.0)
        found.append(Operation(at, "clock", name, amount=amount * (2000.0 if abs(amount) > 80.0 else 1.0)))
    return found


def _duplicate_dials(scene: Scene) -> list[Operation]:
    return [Operation(scene.moment(), "dial", scene.server(), scene.server()) for _ in range(scene.some(1, 6))]


def _strangers(scene: Scene) -> list[Operation]:
    """Peers that talk nonsense; some of them know the network's secret."""
    rng = scene.rng
    found: list[Operation] = []
    for index in range(scene.some(1, 2)):
        what = "lies" if rng.random() < 0.4 else "nonsense"
        found.append(Operation(scene.moment(4.0), what, f"x{index}", scene.server(), amount=1 + pick(rng, 4)))
    return found


FAULTS: Final[Mapping[str, Callable[[Scene], list[Operation]]]] = {
    "crashes": _crashes,
    "departures": _departures,
    "partitions": _partitions,
    "divisions": _divisions,
    "swizzle": _swizzle,
    "cut links": _cut_links,
    "broken connections": _broken_connections,
    "slow things": _slow_things,
    "full disks": _full_disks,
    "clocks": _clocks,
    "duplicate dials": _duplicate_dials,
    "strangers": _strangers,
}
KINDS: Final = tuple(FAULTS)
