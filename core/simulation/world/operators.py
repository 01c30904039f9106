"""Operators of a world, and the orders that they give. The settings of every server name the first one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from core.node.interface.events import SecretsDrawn, Woke
from core.node.node import Node
from core.node.orders.order_kinds import (
    APPOINT,
    BAN,
    CLOSE,
    CODE,
    DISMISS,
    EXPEL,
    HIDE_ALL,
    HIDE_SINCE,
    KEEP_ACTIVITIES,
    READMIT,
    REMOVE,
    SILENCE,
    UNDO,
    expulsion_in,
)
from core.simulation.environment.randomness import number_of
from core.simulation.environment.verifiers import matches
from core.simulation.ledger import TriedExpulsion
from core.simulation.parties.code_bearer import CodeBearer
from core.simulation.parties.native_agent import NativeAgent
from core.simulation.parties.simulated_server import SimulatedServer
from core.simulation.plans.orders_mix import UNDO_OF
from core.simulation.plans.plan import Operation
from core.simulation.world.world import OPERATORS, World
from core.wire.entries import Entry
from core.wire.idempotency import idempotency_fingerprint
from core.wire.network_orders import REKEY, SECRET, approved
from core.wire.signed_orders import Order, code_verifier, sign_order, written_key

LEFT_MIN: Final = 2
"""Servers that stay, at least, where one is expelled."""
CODE_SECONDS: Final = 600.0
HELD_SECONDS: Final = 60.0
"""For how long the secret before another one holds at most."""


class _Saying(NamedTuple):
    """What an order says."""

    target: str
    words: tuple[str, ...] = ()


class _Giving(NamedTuple):
    """An operator at a server, the number that decides about whom the order is, and what kind it undoes, if one."""

    world: World
    server: SimulatedServer
    node: Node
    number: float
    undone: str = ""

    def one_of(self, length: int) -> int:
        return min(length - 1, int(self.number * length))


def give_order(world: World, operation: Operation) -> None:
    """An operator at server `who` orders `whom`; `amount` says about whom or what, and who of the operators it is."""
    server = world.servers.get(operation.who)
    node = server.node if server is not None else None
    if server is None or node is None or not server.keyed:
        return
    kind, undone = operation.whom, ""
    if kind.startswith(UNDO_OF):
        kind, undone = UNDO, kind.removeprefix(UNDO_OF)
    giving = _Giving(world, server, node, operation.amount, undone)
    claims = [fact.claim for _, fact in node.book]
    there = [one for one in OPERATORS if node.orders.is_operator(one.key)]
    saying = _SAYINGS[kind](giving)
    if not claims or not there or saying is None:
        return
    operator = OPERATORS[0] if kind in (REKEY, SECRET) else there[int(operation.amount * 1000) % len(there)]
    server.handle(Woke())  # It learns what time it is.
    stamp = int(server.now().wall * 1_000_000)
    said = Order(node.orders.founding.network, operator.key, stamp, kind, saying.target, words=saying.words)
    order = approved(said, operator)
    if kind == REMOVE:
        world.ledger.removal_begun(saying.target)
    elif kind == EXPEL:
        expulsion = expulsion_in(order)
        if expulsion is not None:
            tried = TriedExpulsion(expulsion.since, expulsion.hidden_from)
            world.ledger.expulsion_begun(saying.target, tried)
    elif kind in (CLOSE, SILENCE):
        world.ledger.restriction_begun(saying.target, closes=kind == CLOSE)

    def done(problem: str | None) -> None:
        if problem is None:
            world.ledger.ordered(order.id, server)
            if kind == CODE:
                world.codes.append((order.id, saying.target, _code_of(giving)))

    node.orders.give(claims[giving.one_of(len(claims))], sign_order(order, operator), done)
    server.handle(Woke())  # It does what it wants done.


def redeem(world: World, operation: Operation) -> None:
    """Somebody whose account has been given a code has another secret by it, at server `who`; `amount` says which."""
    server = world.servers.get(operation.who)
    if server is None or not world.codes:
        return
    _, claim, code = world.codes[min(len(world.codes) - 1, int(operation.amount * len(world.codes)))]
    agent = _whose(world, claim)
    if agent is not None:
        CodeBearer(world.environment, agent, server.address, code, operation.at).start()


def _whose(world: World, claim: str) -> NativeAgent | None:
    """Whose account it is; nobody's that somebody else tries to log in with, who would not hear of another secret."""
    facts = [fact for fact in world.ledger.accounts.values() if fact.claim == claim]
    shared = {person.username for person in world.plan.people if person.impatient}
    for agent in world.agents.values():
        if isinstance(agent, NativeAgent) and agent.username not in shared:
            if any(fact.username == agent.username and matches(agent.secret, fact.verifier) for fact in facts):
                return agent
    return None


def _code_of(giving: _Giving) -> str:
    return f"code {giving.number!r}"


def _account_with_code(giving: _Giving) -> _Saying | None:
    claims = [fact.claim for _, fact in giving.node.book if _whose(giving.world, fact.claim) is not None]
    if not claims:
        return None
    ends = int((giving.server.now().wall + CODE_SECONDS) * 1_000_000)
    return _Saying(claims[giving.one_of(len(claims))], (code_verifier(_code_of(giving)), str(ends)))


def _another_server(giving: _Giving) -> _Saying | None:
    """Since when, and what becomes of its activities, the number says as well."""
    expelled = giving.node.orders.effects.expelled
    others = [
        other.id
        for other in giving.world.servers.values()
        if other is not giving.server and other.finished is None and other.id not in expelled
    ]
    if giving.server.id in expelled or len(others) < LEFT_MIN:
        return None
    since = 0 if giving.number * 1000 % 2 < 1 else int(giving.server.now().wall * 1_000_000)
    activities = (KEEP_ACTIVITIES, HIDE_SINCE, HIDE_ALL)[int(giving.number * 1000) % 3]
    return _Saying(others[giving.one_of(len(others))], (str(since), activities))


def _drawn(giving: _Giving) -> SecretsDrawn:
    """What a server draws for another key or secret."""
    world = giving.world
    drawn = [
        number_of(world.seed, what, giving.server.name, world.schedule.time)
        for what in ("another seed", "another ssh", "another secret", "another blind")
    ]
    seed, ssh, secret, blind = (one.to_bytes(32, "big") for one in drawn)
    return SecretsDrawn(0, seed, ssh, f"made {secret.hex()[-16:]}", blind)


def _another_key(giving: _Giving) -> _Saying | None:
    if not giving.node.membership.is_there:
        return None
    draft = giving.node.network_changes.draft_key(_drawn(giving))
    return _Saying(draft.target, draft.words)


def _another_secret(giving: _Giving) -> _Saying | None:
    """The one before holds for so long as the number says."""
    if not giving.node.membership.is_there:
        return None
    until = int((giving.server.now().wall + giving.number * HELD_SECONDS) * 1_000_000)
    draft = giving.node.network_changes.draft_secret(_drawn(giving), until)
    return _Saying(draft.target, draft.words)


def _somebody(giving: _Giving) -> _Saying | None:
    claims = [fact.claim for _, fact in giving.node.book]
    return _Saying(claims[giving.one_of(len(claims))]) if claims else None


def _activity(giving: _Giving) -> _Saying | None:
    found: list[Entry] = [entry for entry in giving.server.disk.entries() if entry.kind == "activity"]
    if not found:
        return None
    entry = found[giving.one_of(len(found))]
    fingerprint = idempotency_fingerprint(entry.sender, entry.ref, entry.body).hex() if entry.ref is not None else ""
    return _Saying(str(entry.id), (str(entry.stamp), fingerprint))


def _order(giving: _Giving) -> _Saying | None:
    heeded = giving.node.orders.book.standing.heeded
    known = [one for one, order in heeded.items() if giving.undone in ("", order.kind)]
    return _Saying(known[giving.one_of(len(known))]) if known else None


def _new_operator(giving: _Giving) -> _Saying:
    return _Saying(written_key(OPERATORS[1 + giving.one_of(len(OPERATORS) - 1)].key))


def _operator(giving: _Giving) -> _Saying:
    """All that they have ordered, and that has come here, stays in force."""
    key = OPERATORS[1 + giving.one_of(len(OPERATORS) - 1)].key
    heeded = giving.node.orders.book.standing.heeded
    return _Saying(written_key(key), tuple(one for one, order in heeded.items() if order.key == key))


def _addresses(giving: _Giving) -> _Saying:
    return _Saying(f"203.0.113.{giving.one_of(256)}/32")


_SAYINGS: Final[Mapping[str, Callable[[_Giving], _Saying | None]]] = {
    SILENCE: _somebody,
    REMOVE: _activity,
    UNDO: _order,
    APPOINT: _new_operator,
    DISMISS: _operator,
    BAN: _addresses,
    CLOSE: _somebody,
    READMIT: _somebody,
    CODE: _account_with_code,
    EXPEL: _another_server,
    REKEY: _another_key,
    SECRET: _another_secret,
}
