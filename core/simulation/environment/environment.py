"""Where everything happens: one time, one network, and the seed that all randomness follows from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from core.simulation.environment.schedule import Schedule
from core.simulation.environment.simulated_network import SimulatedNetwork
from core.simulation.environment.verifiers import SecretHashing

CHECKED_EVERY: Final = 8
"""Looking after every event took a third of the time of a history."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What every party of a simulated network lives in."""

    seed: int
    schedule: Schedule
    network: SimulatedNetwork
    hashing: SecretHashing = field(default_factory=SecretHashing)
    checked_every: int = CHECKED_EVERY
    """After how many events each node looks whether what must hold of it does; 0: never."""
