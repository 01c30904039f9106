"""Small worlds in which a member lies, and what became of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from core.node.node import Node
from core.simulation.parties.lying_server import LyingServer
from core.simulation.plans.plan import Operation, Person
from core.simulation.runs.runner import conclude
from core.simulation.world.world import World, usual_settings
from tests.simulation.plans import BASE, NATIVE, NOBODY, arrive, plan, posts

LIAR = "l0"
BEGINS = 4.0
"""When the liar links with the others."""
LIES = 6.0
"""When it begins to lie. People write from a moment before it on, for three seconds."""


def lied_to(
    *kinds: str,
    over: Sequence[str] = ("s000", "s002"),
    old_links: bool = False,
    keyed: bool = True,
    compares: bool = False,
    many: int = 0,
    people: tuple[Person, ...] = (),
    also: Sequence[Operation] = (),
    watch: Callable[[World], None] | None = None,
    settings: Mapping[str, Any] | None = None,
    **members: object,
) -> World:
    """A world of three servers with people at all of them, at its end. The liar links with the servers `over`, and
    tells lies of these `kinds`. `keyed`: it has a key; `compares`: it compares sums, not vectors; `many` is how many
    things it makes up where it makes up many. Everything is checked twice: while it is there, and when it is gone.
    `settings` are those of the servers that differ from the usual."""
    operations = [
        arrive(1.0, "nat", "s000"),
        arrive(1.0, "bas", "s002"),
        arrive(1.5, "ano", "s001"),
        *posts("nat", 3.2, 3),
        *posts("bas", 3.25, 3),
        *(
            Operation(BEGINS + 0.1 * number, "liar", LIAR, server, float(old_links + 2 * keyed + 4 * compares))
            for number, server in enumerate(over)
        ),
        *(
            Operation(LIES + 0.1 * number, f"lie: {kind}", LIAR, amount=float(many))
            for number, kind in enumerate(kinds)
        ),
        *posts("nat", LIES + 0.02, 30),
        *posts("bas", LIES + 0.05, 30),
        *posts("ano", LIES + 1.05, 5, 0.2),
        *also,
    ]
    chosen: dict[str, object] = {"duration": 14.0, "bound": 40.0, "lazy_links": 2, **members}
    world = World(
        plan(*operations, people=(NATIVE, BASE, NOBODY, *people), **chosen),
        config=replace(usual_settings(), **settings) if settings else None,
    )
    report = conclude(world, time.perf_counter(), watch)
    untold = [kind for kind in kinds if not report.lies.get(kind)]
    if untold:
        raise RuntimeError(f"nobody has told {untold}: this history shows nothing")
    return world


def problems(world: World) -> list[str]:
    """What did not hold, each guarantee with a word on it."""
    return [f"{problem.guarantee}: {problem.text}" for problem in world.ledger.problems]


def liar_in(world: World) -> LyingServer:
    return world.liars[LIAR]


def nodes_in(world: World) -> list[Node]:
    found = [server.node for server in world.servers.values() if server.node is not None]
    assert len(found) == 3
    return found
