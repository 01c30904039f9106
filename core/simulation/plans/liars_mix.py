"""The mix of worlds in which members lie: the standard mix's, where a server or two know the network's secret and lie.

In three of four worlds servers keep more redundant links than there are liars. In the others these may be all that a
server is linked with, and what is guaranteed is asked for once they are gone. Base servers are left out, servers that
have no key, of which everybody can say anything, and those that say a wrong address of themselves.
"""

from __future__ import annotations

from typing import Final

import msgspec

from core.simulation.environment.randomness import between, pick, seeded
from core.simulation.plans import standard_mix as mix
from core.simulation.plans.plan import Operation, Plan, server_name
from core.simulation.plans.standard_mix import Scene

LIES: Final = (
    "marks beyond the end",
    "marks over gaps",
    "another body",
    "unused numbers",
    "far numbers",
    "invented starts",
    "invented streams",
    "names of full length",
    "two bodies",
    "far stamps",
    "withheld entries",
    "moved dates",
    "empty answers",
    "no answer at all",
    "lists of nothing",
    "everything dropped",
    "endless answers",
    "digests that differ",
    "replayed messages",
    "posts in others' names",
    "taken refs",
    "backdated registrations",
    "made-up voters",
    "rewritten registrations",
    "changed secrets",
    "invented accounts",
    "unasked answers",
    "too many allow",
    "refused names",
    "silent voters",
    "claims for ever",
    "address elsewhere",
    "others have left",
    "later starts",
    "wrong loads",
    "invented servers",
    "links that are not there",
    "two maps",
    "takes others' places",
    "false farewells",
    "redirects to nowhere",
    "takes clients in",
    "never answers clients",
)
"""The kinds of lies: `core.simulation.parties.lies` says what each of them does."""
LIE: Final = "lie: "
"""How the operation begins by which a lie is told; its kind follows."""
LIAR_WITH_KEY: Final = 2
"""The part of a liar's amount that says that it has a key, and so a certificate."""
LIED_TO_BOUND: Final = 60.0
"""Seconds: what is said to follow on something that there is not is waited for, half a minute long."""


def with_liars(seed: int, servers: int | None = None) -> Plan:
    """The plan of a seed: the standard mix's world with one or two members that lie, in one to four ways each."""
    plan = mix.standard(seed, servers)
    rng = seeded(seed, "liars")
    names = [server_name(index) for index in range(plan.servers)]
    scene = Scene(rng, names, list(plan.people), plan.calm, plan.duration, [])
    standard = [one for one in plan.operations if one.who not in ("b0", "b1") and one.what != "chat"]
    liars = 1 + pick(rng, 2)
    operations = standard + _liars(scene, liars)
    operations = [msgspec.structs.replace(one, at=min(one.at, plan.duration)) for one in operations]
    operations.sort(key=lambda one: one.at)
    links = plan.lazy_links if pick(rng, 4) == 0 else max(plan.lazy_links, liars + 1)
    return msgspec.structs.replace(
        plan,
        base_servers=0,
        settled=False,
        lazy_links=links,
        advertised={},
        identities=dict.fromkeys(plan.identities, "bound"),
        bound=LIED_TO_BOUND,
        operations=tuple(operations),
    )


def _liars(scene: Scene, liars: int) -> list[Operation]:
    """So many come, link with some servers, tell their lies, some of them again and again, and stay or go."""
    rng = scene.rng
    found: list[Operation] = []
    for name in [f"l{number}" for number in range(liars)]:
        came = between(rng, scene.begin - 1.0, max(scene.begin, scene.end - 8.0))
        kind_of_liar = (0.0, 1.0, 2.0, 3.0, 6.0, 7.0)[pick(rng, 6)]
        found += [
            Operation(came + between(rng, 0.0, 0.5), "liar", name, server, amount=kind_of_liar)
            for server in scene.shuffled(scene.servers)[: 1 + pick(rng, 3)]
        ]
        for _ in range(scene.some(1, 4)):
            kind = LIES[pick(rng, len(LIES))]
            many = 100.0 + pick(rng, 300)
            for _ in range(scene.some(1, 3)):
                at = between(rng, came + 0.6, max(came + 1.0, scene.end))
                found.append(Operation(at, f"{LIE}{kind}", name, amount=many))
        if rng.random() < 0.3:
            found.append(Operation(between(rng, came + 2.0, max(came + 3.0, scene.end)), "liar leaves", name))
    return found
