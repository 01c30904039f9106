"""What was so at the moment at which a server noted a line: what a story claims is compared with that in the end."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.simulation.parties.simulated_server import SimulatedServer
from core.stories import Incident, Stories, StoryClaim, StoryLine, claims_of


@dataclass(slots=True)
class Seen:
    """A line, when it was noted, and what was so then."""

    line: StoryLine
    at: float
    """Virtual time."""
    moment: int
    """The same as the witness tells it, in microseconds."""


@dataclass(slots=True)
class Witnessed:
    """An incident of a server, and what was so at each of its lines."""

    server: SimulatedServer
    incident: Incident
    seen: list[Seen] = field(default_factory=list)
    claims: dict[StoryClaim, float] = field(default_factory=dict)
    """Everything that it ever claimed, and when first."""
    missing: dict[int, str] = field(default_factory=dict)
    """By moments at which it was said that nothing is missing: what was."""

    @property
    def began(self) -> float:
        return self.seen[0].at

    @property
    def ended(self) -> float:
        return self.seen[-1].at

    def at(self, moment: int) -> float | None:
        """The virtual time of one of its moments; None where no line is of it."""
        return next((one.at for one in reversed(self.seen) if one.moment == moment), None)


class Witnessing:
    """The stories of every server, kept over its starts as on a disk, and when each line was noted."""

    def __init__(self) -> None:
        self.stories: dict[str, Stories] = {}
        """By the names of servers."""
        self.incidents: list[Witnessed] = []
        self._of: dict[tuple[str, int], Witnessed] = {}

    def take(self, server: SimulatedServer, line: StoryLine, at: float, missing: str = "") -> None:
        """A server has noted a line. `missing`: what is missing there that it should have by now."""
        stories = self.stories.setdefault(server.name, Stories())
        incident = stories.take(line)
        if incident is None:
            return
        witnessed = self._of.get((server.name, incident.number))
        if witnessed is None:
            witnessed = self._of[server.name, incident.number] = Witnessed(server, incident)
            self.incidents.append(witnessed)
        if missing:
            witnessed.missing[stories.moment(line.tick)] = missing
        for claim in claims_of(incident, stories.moment(line.tick)):
            witnessed.claims.setdefault(claim, at)
        witnessed.seen.append(Seen(line, at, stories.moment(line.tick)))
