"""A server that comes back at another address: others find it there, and whom they find where it was is another one."""

from __future__ import annotations

from core.simulation.plans.plan import Operation
from core.simulation.runs.runner import run
from core.simulation.world.world import World
from core.wire.address import Address
from tests.simulation.plans import arrive, plan, posts


def moves(at: float, who: str, amount: float, seconds: float = 1.0) -> list[Operation]:
    return [
        Operation(at, "kill", who),
        Operation(at + 0.01, "readdress", who, amount=amount),
        Operation(at + seconds, "start", who),
    ]


class Watch:
    """Where servers are in the end, and where the first one believes the last to be."""

    def __init__(self) -> None:
        self.there: dict[str, Address] = {}
        self.believed: Address | None = None

    def __call__(self, world: World) -> None:
        self.there = {server.name: server.address for server in world.servers.values()}
        here, record = world.servers["s000"].node, None
        if here is not None:
            record = here.topology.records.get(world.servers["s002"].id)
        self.believed = record.addresses[0] if record is not None else None


def test_a_server_is_found_where_it_has_moved_to_and_its_people_lose_nothing() -> None:
    watch = Watch()
    history = plan(
        arrive(1.0, "nat", "s002"), arrive(1.2, "bas", "s000"), *moves(5.0, "s002", 1.0), *posts("bas", 5.5, 4)
    )
    assert run(history, watch=watch).problems == []
    assert watch.believed == watch.there["s002"] == Address("s002at1", 3780)


def test_a_server_that_is_where_another_was_is_not_taken_for_that() -> None:
    watch = Watch()
    history = plan(
        arrive(1.0, "nat", "s002"),
        arrive(1.2, "bas", "s001"),
        *moves(5.0, "s002", 1.0),
        *moves(8.0, "s001", 0.0),
        *posts("nat", 6.0, 10, 0.4),
        *posts("bas", 6.1, 10, 0.4),
        duration=15.0,
    )
    assert run(history, watch=watch).problems == []
    assert watch.there["s001"] == Address("s002", 3780)


def test_a_server_that_runs_stays_where_it_is() -> None:
    watch = Watch()
    assert run(plan(Operation(5.0, "readdress", "s002", amount=1.0), people=()), watch=watch).problems == []
    assert watch.there["s002"] == Address("s002", 3780)
