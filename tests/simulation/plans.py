"""Small worlds that tests write by hand."""

from __future__ import annotations

from core.simulation.plans.plan import Operation, Person, Plan

NATIVE = Person("nat", native=True, registers=True)
BASE = Person("bas", native=False, registers=True)
NOBODY = Person("ano", native=True)


def plan(*operations: Operation, people: tuple[Person, ...] = (NATIVE, BASE), **members: object) -> Plan:
    """Three servers in a chain, two people, and these operations in order of time."""
    chosen: dict[str, object] = {
        "seed": 1,
        "servers": 3,
        "shape": "chain",
        "lazy_links": 1,
        "latency": (0.001, 0.005),
        "codec": True,
        "calm": 3.0,
        "duration": 12.0,
        "bound": 12.0,
        "epilogue": False,
    }
    chosen.update(members)
    ordered = tuple(sorted(operations, key=lambda one: one.at))
    return Plan(people=people, operations=ordered, **chosen)  # type: ignore[arg-type]


def arrive(at: float, who: str, where: str) -> Operation:
    return Operation(at, "arrive", who, where)


def posts(who: str, first: float, count: int, pause: float = 0.1) -> list[Operation]:
    return [Operation(first + pause * index, "post", who) for index in range(count)]
