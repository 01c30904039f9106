"""What a check of a server will do there, known before it is begun: how much it posts, how fast, and in whose sight."""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from tui.feed.activities import note
from tui.script.exit_status import usage_error
from tui.script.script_grammar import seconds_of
from tui.script.sightings import Mark
from tui.text.quantities import count_between, number_between

MEMBER: Final = "check"
"""The member of an activity that says which it is. Its value is a text: some servers turn numbers into others."""
PADDING: Final = "padding"
_RUN_BYTES: Final = 5

_Read = Callable[[object], Any]
_BOUNDS: Final[dict[str, _Read]] = {
    "posts": count_between(1, 100_000),
    "rate": number_between(0.1, 10_000),
    "in_flight": count_between(1, 1_000),
    "writers": count_between(1, 50),
    "readers": count_between(1, 200),
    "returns": count_between(1, 1_000),
    "history": count_between(0, 10_000),
    "size": count_between(0, 16_384),
}


@dataclass(frozen=True)
class CheckPlan:
    """What `check` was asked to do. `seconds` is how long a server may take over anything."""

    posts: int
    rate: float
    in_flight: int
    writers: int
    readers: int
    returns: int
    history: int
    size: int
    seconds: float
    run: str = field(default_factory=lambda: secrets.token_hex(_RUN_BYTES))
    """What tells the activities of this check from those of all others."""

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> CheckPlan:
        """Raises CommandFailed."""
        values: dict[str, Any] = {}
        for name, read in _BOUNDS.items():
            try:
                values[name] = read(getattr(arguments, name))
            except ValueError as error:
                raise usage_error(f"--{name.replace('_', '-')}: {error}") from None
        return cls(**values, seconds=seconds_of(arguments))

    @property
    def newcomers(self) -> int:
        """Readers that come once and ask for history: one for each time that the others return."""
        return self.returns if self.history else 0

    def shares(self) -> Iterator[tuple[int, int, int]]:
        """How many activities are posted for each return: before readers leave, while they are away, while they come
        back."""
        for turn in range(self.returns):
            share = self.posts * (turn + 1) // self.returns - self.posts * turn // self.returns
            staying = share // 4
            away = (share - staying) // 3
            yield staying, away, share - staying - away

    def activity(self, mark: Mark) -> dict[str, object]:
        """What is posted."""
        found = note(
            f"activity-tui check {self.run}: {mark.number:,} of writer {mark.writer}. A machine tests this network."
        )
        found[MEMBER] = f"{self.run} {mark.writer} {mark.number}"
        missing = self.size - len(msgspec.json.encode(found)) - len(f',"{PADDING}":""')
        if missing > 0:
            found[PADDING] = "." * missing
        return found

    def mark_of(self, activity: object) -> Mark | None:
        """Which of this check's an activity is; None: none of them. Raises ValueError when it only seems to be one."""
        if not isinstance(activity, dict) or not isinstance(said := activity.get(MEMBER), str):
            return None
        run, _, rest = said.partition(" ")
        if run != self.run:
            return None
        writer, _, number = rest.partition(" ")
        return Mark(int(writer), int(number))

    def sentences(self, servers: str, user: str) -> Iterator[str]:
        """What will be done, before it is."""
        size = len(msgspec.json.encode(self.activity(Mark(self.writers, self.posts // self.writers + 1))))
        yield (
            f"This posts {_count(self.posts, 'activity', 'activities')} of some {size} bytes at {servers} as {user},"
            f" on {_count(self.writers, 'connection')}, {self.rate:g} a second at most on average and {self.in_flight}"
            f" at once: some {max(1, round((self.posts - self.in_flight) / self.rate))} s. Everybody in the network"
            f" sees them, and its servers keep them. Each begins with: activity-tui check {self.run}"
        )
        yield (
            f"{_count(self.readers + 1, 'connection')} read what comes. {self.readers} of them"
            f" {'leaves and comes' if self.readers == 1 else 'leave and come'} back {_times(self.returns)} meanwhile"
            + (f", and as often somebody new asks for the newest {self.history:,}." if self.newcomers else ".")
        )


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"
