"""People with clients: what every kind of them has in common.

An agent stands for a person. It knows the addresses of some servers, registers a name (or is anonymous), logs in, posts
numbered activities, moves, leaves and comes back; and it comes back by itself when its connection is lost.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

import msgspec

from core.simulation.environment.connection_ends import End
from core.simulation.environment.environment import Environment
from core.simulation.environment.randomness import pick, seeded
from core.simulation.ledger import Ledger
from core.wire.address import Address
from core.wire.names import ANONYMOUS


class Hearsay(Protocol):
    """What is to be heard of servers, by people and by servers themselves."""

    @property
    def addresses(self) -> list[Address]:
        """Servers that people know of, whether they are there or not."""

    def staying(self) -> list[Address]:
        """Servers that have not left for good."""

    @property
    def whole(self) -> bool:
        """Whether all servers have heard of each other what there was to hear."""


class Agent(ABC):
    """A person with a client that may be connected."""

    native = False

    def __init__(
        self,
        environment: Environment,
        ledger: Ledger,
        hearsay: Hearsay,
        name: str,
        *,
        registers: bool,
        username: str | None = None,
    ) -> None:
        self.environment = environment
        self.ledger = ledger
        self.hearsay = hearsay
        self.name = name
        self.host = f"client-{name}"
        self.username = (username or name) if registers else ANONYMOUS
        self.secret = f"secret of {name}"
        """What the account was registered with."""
        self.secrets = [self.secret]
        """What may open the account now, as far as the person knows, the likeliest first."""
        self.rng = seeded(environment.seed, "agent", name)
        self.wanted = False
        """Whether the person wants to be logged in."""
        self.registered = not registers
        """Whether the account is known to exist."""
        self.registers = True
        """Whether the person registers the name if nobody has; somebody impatient waits until another has done it."""
        self.gave_up = False
        """The name belongs to somebody else."""
        self.logged_in = False
        self.posts = 0
        self.line = 0
        """Counts what an activity's order is guaranteed within: a native client's life, a base client's connection."""
        self.end: End | None = None

    @property
    def tried(self) -> str:
        """The secret with which its client logs in now."""
        return self.secret

    # --- what the person does -----------------------------------------------------------------------------------------

    @abstractmethod
    def arrive(self, address: Address) -> None:
        """Want to be logged in, beginning at this server."""

    @abstractmethod
    def move(self, address: Address) -> None:
        """Go to another server."""

    @abstractmethod
    def leave(self) -> None:
        """Log out."""

    @abstractmethod
    def post(self) -> None:
        """Write an activity."""

    # --- helpers ------------------------------------------------------------------------------------------------------

    def some_server(self) -> Address:
        """Any server that the person knows."""
        addresses = self.hearsay.addresses
        return addresses[pick(self.rng, len(addresses))]

    def next_number(self) -> int:
        """The number of the next activity, noted in the ledger."""
        self.posts += 1
        self.ledger.posted(self, self.posts)
        return self.posts

    def ref(self, number: int) -> str:
        """The ref of an activity."""
        return f"{self.name}-{number}"

    def body(self, number: int) -> dict[str, msgspec.Raw]:
        """An activity, with members that careless handling would change."""
        return {
            "type": msgspec.Raw(b'"Note"'),
            "by": msgspec.Raw(msgspec.json.encode(self.name)),
            "n": msgspec.Raw(str(number).encode()),
            "precise": msgspec.Raw(b"0.10000000000000000555111512312578270211815834045410156250"),
            "nested": msgspec.Raw(b'{"a":[1,{"b":null}],"text":"\\u0000 \xc3\xa9"}'),
            "authenticated_user": msgspec.Raw(b'"somebody else"'),
        }
