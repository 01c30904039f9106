"""Lines as a server called oslo notes them, for tests: what happened, and when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.stories import Incident, LineKind, ServerName, Stories, StoryLine, TreeLink, sentences_of

OSLO, BERGEN, LUND, TROMSO = (ServerName(name[0] * 6, name) for name in ("oslo", "bergen", "lund", "tromso"))
BEGIN = 1_700_000_000_000_000
LATER = 60.0
"""Seconds after which nothing more comes of anything."""


class Noting:
    """Notes lines, each so many seconds after the beginning."""

    def __init__(self, witness: ServerName = OSLO) -> None:
        self._witness = witness
        self.lines: list[StoryLine] = []

    def note(self, at: float, kind: LineKind, about: ServerName | None = None, **more: Any) -> Noting:
        tick = round(at * 1_000_000)
        self.lines.append(StoryLine(BEGIN + tick, len(self.lines) + 1, tick, self._witness, kind, about, **more))
        return self

    def servers(self, at: float, kind: LineKind, *servers: ServerName) -> Noting:
        return self.note(at, kind, servers=servers, count=len(servers))

    @property
    def stories(self) -> Stories:
        return Stories(self.lines)


def told(lines: Iterable[StoryLine], at: float = LATER) -> list[list[str]]:
    """What is told of each incident, so many seconds after the beginning."""
    return [sentences_of(incident, BEGIN + round(at * 1_000_000)) for incident in Stories(lines)]


def only(noting: Noting) -> Incident:
    (incident,) = noting.stories
    return incident


def spare(a: ServerName, b: ServerName) -> TreeLink:
    return TreeLink(a, b, spare=True)


def between(a: ServerName, b: ServerName) -> TreeLink:
    return TreeLink(a, b)
