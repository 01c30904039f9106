"""Where everything happens: one time, one network, and the seed that all randomness follows from."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.simulation.environment.schedule import Schedule
from core.simulation.environment.simulated_network import SimulatedNetwork
from core.simulation.environment.verifiers import SecretHashing


@dataclass(frozen=True, slots=True)
class Environment:
    """What every party of a simulated network lives in."""

    seed: int
    schedule: Schedule
    network: SimulatedNetwork
    hashing: SecretHashing = field(default_factory=SecretHashing)
    checked: bool = True
    """Whether each node looks after each event whether what must hold of it does."""
