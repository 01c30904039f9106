"""What the command palette offers for the words that somebody types, the likeliest first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, TypeVar

USED_MAX: Final = 30
"""So many of the actions that were used last are remembered."""
BY_ANOTHER_WORD: Final = 0.9
"""What it counts for that a synonym matches, in place of the title."""
BY_USE: Final = 0.05
"""By what part it counts for more that an action was used not long ago: what matches better stays before it."""


class PaletteEntry(NamedTuple):
    """One thing that the palette offers."""

    id: str
    title: str
    help: str
    act: Callable[[], None]
    synonyms: str = ""


E = TypeVar("E", bound=PaletteEntry)


def ranked(entries: Iterable[E], match: Callable[[str], float], used: Sequence[str]) -> list[tuple[float, E]]:
    """The entries that match, with how well, the best first.

    `match` says how well a text does, 0 for not at all; `used` are ids, the latest used first.
    """
    found = []
    for entry in entries:
        other_words = [word.strip() for word in entry.synonyms.split(",") if word.strip()]
        score = max([match(entry.title), *(BY_ANOTHER_WORD * match(word) for word in other_words)])
        if score > 0:
            found.append((score * (1 + _recency(entry.id, used)), entry))
    return sorted(found, key=lambda one: -one[0])


def by_use(entries: Iterable[E], used: Sequence[str]) -> list[E]:
    """All entries, those that were used last first, the others as they were."""
    return sorted(entries, key=lambda entry: used.index(entry.id) if entry.id in used else USED_MAX)


def after_use(used: Sequence[str], identifier: str) -> tuple[str, ...]:
    """What was used, once one more has been."""
    return (identifier, *(each for each in used if each != identifier))[:USED_MAX]


def _recency(identifier: str, used: Sequence[str]) -> float:
    return BY_USE * (1 - used.index(identifier) / USED_MAX) if identifier in used else 0.0
