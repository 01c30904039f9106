"""A plan: the whole history of a world as data, before it happens.

A seed gives one plan; a plan gives one history. Operations can be left out one by one and what is left is still a plan,
which is how a failure is made shorter.
"""

from __future__ import annotations

import enum
from typing import Literal

import msgspec

IdentityKind = Literal["certified", "bound", "keyless"]
"""A server's id: made of a key; from before keys, with a key; or of the version before, without one."""


class Stillness(enum.Enum):
    """What stands still for a while."""

    PROCESS = "process"
    """Its host goes on: it takes connections and confirms what comes, and no clock stands still."""
    MACHINE = "machine"
    """Nothing is confirmed. The monotonic clock stands still, as Linux has it; the wall clock is right afterwards."""
    GUEST = "guest"
    """The same of a virtual machine, whose wall clock stands still as well."""


def stillness_of(amount: float) -> Stillness:
    """What an operation means by its `amount`, from 0 to 1."""
    kinds = tuple(Stillness)
    return kinds[min(int(amount * len(kinds)), len(kinds) - 1)]


def server_name(index: int) -> str:
    """The name, and host, of the server with a number."""
    return f"s{index:03}"


class Person(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody with a client."""

    name: str
    native: bool = True
    registers: bool = False
    username: str | None = None
    """The name to register, if it is not the person's own: two people may want the same."""
    impatient: bool = False
    """Never registers; tries to log in with the name and secret of the person whose name is `username`."""


class Operation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that happens at a time. `core.simulation.world.operations` says what each of them does."""

    at: float
    what: str
    who: str = ""
    whom: str = ""
    amount: float = 0.0

    def __str__(self) -> str:
        words = [f"{self.at:8.3f}", self.what, self.who, self.whom]
        return " ".join(word for word in words if word) + (f" {self.amount:g}" if self.amount else "")


class Plan(msgspec.Struct, frozen=True, omit_defaults=True):
    """A world and what happens in it."""

    seed: int
    servers: int
    shape: str = "alone"
    """How the network grows: `chain`, `star`, `tree`, or `alone`: everybody joins through the first one or two."""
    settled: bool = False
    """Whether the network is put together as if it had grown long ago, instead of growing: for large ones."""
    lazy_links: int = 2
    latency: tuple[float, float] = (0.001, 0.02)
    clock_spread: float = 0.0
    """Greatest offset of a wall clock, in seconds."""
    clock_drift: float = 0.0
    """Greatest relative error of a clock's rate."""
    base_servers: int = 0
    identities: dict[str, IdentityKind] = {}
    """Servers whose id is not made of their key: `bound` ones have theirs from before keys, `keyless` ones are of the
    version before."""
    in_clear: tuple[str, ...] = ()
    """Servers that are of the version before encryption, whatever key they have."""
    advertised: dict[str, str] = {}
    """What servers advertise that do not know where they are, or lie; the others advertise their host."""
    codec: bool = True
    people: tuple[Person, ...] = ()
    calm: float = 4.0
    """Until when the world only grows. If its servers are not one network by then, all that is planned for later waits
    for that."""
    duration: float = 30.0
    """When everything that is broken is repaired."""
    bound: float = 30.0
    """Within how many seconds after that the network must be one, complete and agreed."""
    epilogue: bool = True
    """Whether the settled network is examined afterwards."""
    operations: tuple[Operation, ...] = ()

    def without(self, left_out: frozenset[int]) -> Plan:
        """The plan without the operations of these numbers."""
        kept = tuple(one for index, one in enumerate(self.operations) if index not in left_out)
        return msgspec.structs.replace(self, operations=kept)
