"""What the readers of a check were sent, login by login, and what became of what was written for them. Pure data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from core.wire import EntryId, Stream

Fate = Literal["waiting", "accepted", "refused", "unknown"]
"""What became of an activity, as its writer was told. `waiting`: nothing yet."""

ReaderKind = Literal["stays", "returns", "new"]
"""`stays`: never leaves. `returns`: leaves, and goes on from what it has. `new`: comes once, and asks for history."""


class Mark(NamedTuple):
    """Which activity of a check: its writer, and its number among that writer's. Both count from 1."""

    writer: int
    number: int


class Sighting(NamedTuple):
    """An activity as a server sent it to a reader."""

    mark: Mark
    live: bool
    """Whether it came after the past was through."""
    id: EntryId | None = None
    """None: it came without one, as from a base server."""
    altered: bool = False
    """Whether it is not what its writer wrote."""


@dataclass(slots=True)
class Visit:
    """One login of a reader, from its answer to the end of the connection."""

    native: bool
    """Whether the server has shown that it is one of ours, and can send the past."""
    floor: Sequence[int]
    """How many activities each writer had sent when the login was answered: what is sent later must come."""
    said: Mapping[Stream, int] | None = None
    """What the login said that the reader has; None: nothing."""
    asked: bool = False
    """Whether something of the past was asked for."""
    sightings: list[Sighting] = field(default_factory=list)
    caught_up: bool = False
    ceiling: Sequence[int] | None = None
    """Up to which number of each writer everything had time to come; None: the reader left in the midst of it."""

    def said_to_have(self, entry_id: EntryId | None) -> bool:
        """Whether the server knew from the login that the reader has an entry."""
        if self.said is None or entry_id is None:
            return False
        return entry_id.seq <= self.said.get(Stream(entry_id.node, entry_id.incarnation), 0)


@dataclass(slots=True)
class ReaderRecord:
    """One reader, and all that it was sent."""

    name: str
    kind: ReaderKind
    visits: list[Visit] = field(default_factory=list)

    @property
    def goes_on(self) -> bool:
        """Whether its logins make one whole: each goes on where the one before ended, which a base server cannot do."""
        return self.kind != "new" and all(visit.native for visit in self.visits)


@dataclass(frozen=True, slots=True)
class LoginsAsOne:
    """Logins that are looked at as one, and what must have come there."""

    visits: Sequence[Visit]
    awaited: set[Mark]
    first: int = 1
    """The number of the first of them among the reader's."""

    @property
    def missing(self) -> set[Mark]:
        return self.awaited.difference(sighting.mark for visit in self.visits for sighting in visit.sightings)


@dataclass(slots=True)
class WrittenRecord:
    """What the writers of a check have posted."""

    fates: list[list[Fate]]
    """Of each writer's activities, in their order."""
    refusals: dict[str, int] = field(default_factory=dict)
    """How many were refused, for which reason."""

    @property
    def sent(self) -> tuple[int, ...]:
        """How many activities each writer has sent."""
        return tuple(len(fates) for fates in self.fates)

    def fate(self, mark: Mark) -> Fate | None:
        """None: nobody has posted it."""
        if not 1 <= mark.writer <= len(self.fates) or not 1 <= mark.number <= len(self.fates[mark.writer - 1]):
            return None
        return self.fates[mark.writer - 1][mark.number - 1]

    def count(self, fate: Fate) -> int:
        return sum(fates.count(fate) for fates in self.fates)

    def give_up(self) -> None:
        """Nothing more is heard of what waits for its answer."""
        self.fates = [["unknown" if fate == "waiting" else fate for fate in fates] for fates in self.fates]

    def scopes(self, reader: ReaderRecord, now: Sequence[int] | None = None) -> list[LoginsAsOne]:
        """What belongs together of a reader's logins, and what must have come there by now.

        That is what servers have accepted and the reader was there for, whatever it was sent. Where a server sends no
        past, and of history, which begins anywhere, each login is looked at by itself: from the first that came on, or
        from what was sent after the login. `now`: the ceiling of the last login, if it had time for everything.
        """
        visits = reader.visits
        if not visits:
            return []
        ceilings = [visit.ceiling for visit in visits]
        if now is not None:
            ceilings[-1] = now
        if reader.goes_on:
            ceiling = next((one for one in reversed(ceilings) if one is not None), ())
            return [LoginsAsOne(visits, self._accepted(visits[0].floor, ceiling))]
        return [
            LoginsAsOne([visit], self._awaited_alone(visit, ceiling), at)
            for at, (visit, ceiling) in enumerate(zip(visits, ceilings, strict=True), 1)
        ]

    def _awaited_alone(self, visit: Visit, ceiling: Sequence[int] | None) -> set[Mark]:
        first: dict[int, int] = {}
        last: dict[int, int] = {}
        for writer, number in (sighting.mark for sighting in visit.sightings):
            first[writer] = min(number, first.get(writer, number))
            last[writer] = max(number, last.get(writer, number))
        writers = range(1, len(self.fates) + 1)
        floor = [min(visit.floor[one - 1], first.get(one, len(self.fates[one - 1]) + 1) - 1) for one in writers]
        return self._accepted(floor, ceiling or [last.get(one, 0) for one in writers])

    def _accepted(self, floor: Sequence[int], ceiling: Sequence[int]) -> set[Mark]:
        return {
            Mark(writer, number)
            for writer, (fates, least, most) in enumerate(zip(self.fates, floor, ceiling, strict=False), 1)
            for number in range(least + 1, most + 1)
            if number <= len(fates) and fates[number - 1] == "accepted"
        }
