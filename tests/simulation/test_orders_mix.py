"""Operators give orders while servers die, are parted, and are put back: everybody ends with the same."""

from __future__ import annotations

import msgspec
import pytest

from core.simulation.plans.orders_mix import (
    EXPEL_SERVER,
    OF_ACCOUNTS,
    OF_THE_NETWORK,
    ORDER,
    ORDERED,
    REDEEM,
    with_orders,
)
from core.simulation.plans.plan import Plan
from core.simulation.runs.runner import run
from core.simulation.world.world import World


def only_of_activities_and_people(seed: int) -> Plan:
    """The plan of a seed without the closing of accounts, codes, and expelled servers: as what went wrong was found."""
    plan = with_orders(seed)
    kept = (one for one in plan.operations if one.what != REDEEM and (one.what != ORDER or one.whom in ORDERED))
    return msgspec.structs.replace(plan, operations=tuple(kept))


@pytest.mark.parametrize("seed", [2, 5, 13, 38, 108, 116, 173, 201, 270, 276])
def test_what_went_wrong_once_does_not_again(seed: int) -> None:
    """Removals that a full disk did not carry out, or of what was damaged; what followed upon one, and waited."""
    assert run(only_of_activities_and_people(seed), traced=False).problems == []


@pytest.mark.parametrize("seed", [61000004123, 61000004233, 61000004501])
def test_who_is_let_in_again_after_the_network_got_another_key_has_that_one(seed: int) -> None:
    """It had accepted nothing, and was forgotten; or its part of the network had been given a later key meanwhile."""
    assert run(with_orders(seed), traced=False).problems == []


def test_each_kind_of_order_is_given_and_kept() -> None:
    given: dict[str, int] = {}

    def watch(world: World) -> None:
        for _, node in [(server, server.node) for server in world.servers.values() if server.node is not None]:
            for order in node.orders.book.standing.heeded.values():
                given[order.kind] = given.get(order.kind, 0) + 1

    for seed in range(12):
        assert run(with_orders(seed), watch=watch, traced=False).problems == []
    assert given.keys() == {*ORDERED, *OF_ACCOUNTS, *OF_THE_NETWORK, EXPEL_SERVER}


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 1060, 20))
def test_many_histories(first: int) -> None:
    for seed in range(first, first + 20):
        assert run(with_orders(seed), traced=False).problems == [], f"seed {seed}"
