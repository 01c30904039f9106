"""What holds of what the readers of a check were sent: nothing dropped, nothing twice, in order, at the seam too.

The seam is where, within one login, the past ends and what is live begins; and where a reader that was away goes on.
What is promised is in `core/PROTOCOL.md`: an accepted activity reaches everybody once, in its sender's order.
"""

from __future__ import annotations

from bisect import bisect, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tui.script.sightings import LoginsAsOne, Mark, ReaderRecord, Sighting, Visit, WrittenRecord

EXAMPLES_MAX: Final = 5
"""Faults of a kind that are told one by one."""

DROPPED: Final = "nothing dropped"
TWICE: Final = "nothing twice"
ORDER: Final = "senders' order"
SEAM: Final = "the seam"
WRITTEN: Final = "as written"
ANSWERED: Final = "posts answered"


@dataclass(slots=True)
class CheckVerdict:
    """What came of one check."""

    name: str
    looked_at: int = 0
    """How many cases there were; with none, it is not known whether it holds."""
    faults: int = 0
    examples: list[str] = field(default_factory=list)
    """The first of the faults, as clauses for a person."""
    remark: str = ""
    """What else there is to know, as a clause."""

    @property
    def holds(self) -> bool | None:
        """None: nothing came that could tell."""
        return False if self.faults else (True if self.looked_at else None)

    def fault(self, clause: str) -> None:
        self.faults += 1
        if len(self.examples) < EXAMPLES_MAX:
            self.examples.append(clause)


def judged(written: WrittenRecord, readers: Sequence[ReaderRecord], foreign: int = 0) -> list[CheckVerdict]:
    """All verdicts. `foreign`: activities that bear the check's name and that nobody has written."""
    judge = _Judge(written)
    for reader in readers:
        for scope in written.scopes(reader):
            judge.look(reader, scope)
    for _ in range(foreign):
        judge.written.fault("something came under the check's name that it never wrote")
    judge.answers()
    return [judge.dropped, judge.twice, judge.order, judge.seam, judge.written, judge.answered]


class _Place:
    """Where something was seen: in which login of a reader, and on which side of the seam."""

    def __init__(self, reader: ReaderRecord, login: int, live: bool) -> None:
        self.reader = reader
        self.login = login
        self.live = live

    def __str__(self) -> str:
        return f"{self.reader.name}, login {self.login}, {'live' if self.live else 'in the past'}"

    def is_across(self, other: _Place) -> bool:
        """Whether the seam lies between two places."""
        return self.login != other.login or self.live != other.live


class _Seen:
    """What came first where, of some logins that are looked at as one."""

    def __init__(self) -> None:
        self.first: dict[Mark, tuple[_Place, Sighting]] = {}
        self._numbers: dict[int, list[int]] = {}

    def add(self, sighting: Sighting, place: _Place) -> None:
        self.first[sighting.mark] = place, sighting
        insort(self._numbers.setdefault(sighting.mark.writer, []), sighting.mark.number)

    def place(self, writer: int, number: int) -> _Place:
        return self.first[Mark(writer, number)][0]

    def around(self, mark: Mark) -> tuple[int | None, int | None]:
        """The numbers of the same writer that came next below and next above."""
        numbers = self._numbers.get(mark.writer, [])
        at = bisect(numbers, mark.number)
        return (numbers[at - 1] if at else None), (numbers[at] if at < len(numbers) else None)


class _Judge:
    def __init__(self, written: WrittenRecord) -> None:
        self._record = written
        self.dropped, self.twice, self.order = CheckVerdict(DROPPED), CheckVerdict(TWICE), CheckVerdict(ORDER)
        self.seam, self.written, self.answered = CheckVerdict(SEAM), CheckVerdict(WRITTEN), CheckVerdict(ANSWERED)
        self._repeated = 0

    def look(self, reader: ReaderRecord, scope: LoginsAsOne) -> None:
        seen = _Seen()
        for login, visit in enumerate(scope.visits, scope.first):
            here: dict[Mark, _Place] = {}
            for sighting in visit.sightings:
                place = _Place(reader, login, sighting.live)
                self._is_as_written(sighting, place)
                self.twice.looked_at += 1
                if sighting.mark not in seen.first:
                    self._in_order(sighting.mark, place, seen)
                    seen.add(sighting, place)
                else:
                    self._came_again(sighting, place, visit, seen.first[sighting.mark], here.get(sighting.mark))
                here.setdefault(sighting.mark, place)
        self._all_came(reader, scope, seen)
        self._crossings(scope)
        if self._repeated:
            self.twice.remark = f"{self._repeated:,} came once more that a login had no way to name"

    def _is_as_written(self, sighting: Sighting, place: _Place) -> None:
        self.written.looked_at += 1
        fate = self._record.fate(sighting.mark)
        if fate is None:
            self.written.fault(f"{place}: {_named(sighting.mark)} came, which was never posted")
        elif fate == "refused":
            self.written.fault(f"{place}: {_named(sighting.mark)} came, although it was refused")
        elif sighting.altered:
            self.written.fault(f"{place}: {_named(sighting.mark)} is not what was posted")

    def _in_order(self, mark: Mark, place: _Place, seen: _Seen) -> None:
        self.order.looked_at += 1
        before, after = seen.around(mark)
        if after is None:
            return
        there = seen.place(mark.writer, after)
        across = place.is_across(there) or (before is not None and seen.place(mark.writer, before).is_across(there))
        clause = f"{place}: {_named(mark)} came after {after:,}" + (f" ({there})" if place.is_across(there) else "")
        self._fault(self.order, clause, across=across)

    def _came_again(
        self, sighting: Sighting, place: _Place, visit: Visit, before: tuple[_Place, Sighting], here: _Place | None
    ) -> None:
        there, known = before
        if here is not None:
            there = here
        elif not visit.said_to_have(known.id) and not visit.said_to_have(sighting.id):
            self._repeated += 1
            return
        clause = f"{place}: {_named(sighting.mark)} came once more"
        if place.is_across(there):
            clause += f" ({there})" + ("" if here is not None else ", although the login said that it had come")
        self._fault(self.twice, clause, across=place.is_across(there))

    def _all_came(self, reader: ReaderRecord, scope: LoginsAsOne, seen: _Seen) -> None:
        self.dropped.looked_at += len(scope.awaited)
        for mark in sorted(scope.awaited.difference(seen.first)):
            before, after = seen.around(mark)
            where, across = f"{reader.name}, login {scope.first + len(scope.visits) - 1}", False
            clause = f"{_named(mark)} did not come"
            if before is not None and after is not None:
                one, other = seen.place(mark.writer, before), seen.place(mark.writer, after)
                across = one.is_across(other)
                where = f"{one}" + (f", and then {other}" if across else "")
                clause += f" between {before:,} and {after:,}"
            self._fault(self.dropped, f"{where}: {clause}", across=across)

    def _fault(self, verdict: CheckVerdict, clause: str, *, across: bool) -> None:
        verdict.fault(clause)
        if across:
            self.seam.fault(clause)

    def _crossings(self, scope: LoginsAsOne) -> None:
        """Count the seams at which one writer's activities lie on both sides: only those can show a fault."""
        for visit in scope.visits:
            if visit.asked and visit.caught_up:
                past = {sighting.mark.writer for sighting in visit.sightings if not sighting.live}
                live = {sighting.mark.writer for sighting in visit.sightings if sighting.live}
                self.seam.looked_at += bool(past & live)

    def answers(self) -> None:
        record = self._record
        self.answered.looked_at = sum(record.sent)
        for writer, number in _waiting(record):
            self.answered.fault(f"{_named(Mark(writer, number))} was never answered")
        told = [f"{count:,} refused ({reason})" for reason, count in record.refusals.items()]
        unknown = record.count("unknown")
        told += [f"of {unknown:,} nobody can tell whether they were accepted"] if unknown else []
        self.answered.remark = ", ".join(told)


def _waiting(record: WrittenRecord) -> Iterator[Mark]:
    for writer, fates in enumerate(record.fates, 1):
        for number, fate in enumerate(fates, 1):
            if fate == "waiting":
                yield Mark(writer, number)


def _named(mark: Mark) -> str:
    return f"no. {mark.number:,} of writer {mark.writer}"
