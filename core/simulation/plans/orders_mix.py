"""The mix of worlds in which operators give orders while everything breaks: the standard mix's, and with damage."""

from __future__ import annotations

import random
from typing import Final

import msgspec

from core.simulation.environment.randomness import between, pick, seeded
from core.simulation.plans import standard_mix as mix
from core.simulation.plans.damage_mix import with_damage
from core.simulation.plans.plan import Operation, Plan, server_name

ORDER: Final = "order"
"""An operation: `who` is the server at which an operator is, `whom` what is ordered, `amount` says about whom."""
REDEEM: Final = "redeem"
"""An operation: somebody uses a code for a lost secret, at server `who`; `amount` says which one."""
EXPEL_SERVER: Final = "expel"
UNDO_OF: Final = "undo of "
"""What is ordered to undo one order of the kind whose name follows."""
ORDERED: Final = ("silence", "remove", "remove", "remove", "undo", "appoint", "dismiss", "ban")
"""What is ordered, as often as it stands here."""
OF_ACCOUNTS: Final = ("close", "close", "code", "code", "readmit")
"""What is ordered about accounts; half of it is undone."""
OF_THE_NETWORK: Final = ("rekey", "rekey", "secret")
"""What is ordered about the network itself, by who is an operator by nobody's order."""
EXPELLING_SHARE: Final = 0.4
"""In how many of the worlds in which nobody is of an earlier version, and no data is damaged, a server is expelled."""
CHANGING_SHARE: Final = 0.4
"""In how many of them the network gets another key or secret."""


def with_orders(seed: int, servers: int | None = None) -> Plan:
    """The plan of a seed: of every third world the data is damaged as well, and put back."""
    rng = seeded(seed, "orders")
    damaged = pick(rng, 3) == 0
    plan = with_damage(seed, servers) if damaged else mix.standard(seed, servers)
    orders = [
        _order(rng, plan, ORDERED[pick(rng, len(ORDERED))], between(rng, plan.calm, plan.duration))
        for _ in range(4 + pick(rng, 20))
    ]
    orders += _about_accounts(plan)
    if not damaged and not plan.base_servers and not plan.identities:
        orders += _about_servers(plan) + _about_the_network(plan)
    operations = sorted([*plan.operations, *orders], key=lambda one: one.at)
    return msgspec.structs.replace(plan, operations=tuple(operations))


def _order(rng: random.Random, plan: Plan, what: str, at: float) -> Operation:
    return Operation(at, ORDER, server_name(pick(rng, plan.servers)), what, rng.random())


def _about_accounts(plan: Plan) -> list[Operation]:
    """Accounts are closed and get codes, which are used, also twice, and at several servers. Drawn from a source of its
    own: other operations stay where they are."""
    rng = seeded(plan.seed, "orders about accounts")
    found: list[Operation] = []
    for _ in range(pick(rng, 6)):
        what, at = OF_ACCOUNTS[pick(rng, len(OF_ACCOUNTS))], between(rng, plan.calm, plan.duration)
        found.append(_order(rng, plan, what, at))
        if what == "code":
            which = rng.random()
            found += [
                Operation(_later(rng, plan, at), REDEEM, server_name(pick(rng, plan.servers)), amount=which)
                for _ in range(pick(rng, 4))
            ]
        if rng.random() < 0.5:
            found.append(_order(rng, plan, UNDO_OF + what, _later(rng, plan, at)))
    return found


def _about_servers(plan: Plan) -> list[Operation]:
    """A server or two are expelled, and most of them let in again; some accounts that come from there are before."""
    rng = seeded(plan.seed, "orders about servers")
    if rng.random() >= EXPELLING_SHARE:
        return []
    found: list[Operation] = []
    for _ in range(1 + pick(rng, 2)):
        at = between(rng, plan.calm, plan.duration)
        found.append(_order(rng, plan, EXPEL_SERVER, at))
        found += [_order(rng, plan, "readmit", _later(rng, plan, at)) for _ in range(pick(rng, 2))]
        if rng.random() < 0.6:
            found.append(_order(rng, plan, UNDO_OF + EXPEL_SERVER, _later(rng, plan, at)))
    return found


def _about_the_network(plan: Plan) -> list[Operation]:
    """It has another key, or another secret, also two at a time in two parts of it."""
    rng = seeded(plan.seed, "orders about the network")
    if rng.random() >= CHANGING_SHARE:
        return []
    return [
        _order(rng, plan, OF_THE_NETWORK[pick(rng, len(OF_THE_NETWORK))], between(rng, plan.calm, plan.duration))
        for _ in range(1 + pick(rng, 4))
    ]


def _later(rng: random.Random, plan: Plan, at: float) -> float:
    return min(plan.duration, at + between(rng, 0.0, 10.0))
