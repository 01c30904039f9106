"""An incident: what belongs together of what a server has noted, and what follows from it."""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from core.stories.lines import ServerName, StoryLine, TreeLink, Why
from core.stories.story_rules import GAP, IncidentKind

PARTS_MAX: Final = 64
"""Servers, people, links and votes of each that an incident names; of more it says how many there are."""
LINES_FIRST: Final = 48
LINES_LAST: Final = 48
"""Lines of its beginning and of its end that an incident keeps."""


class ServerPart(msgspec.Struct):
    """What became of one server in an incident. Times are moments of `Stories`, in microseconds."""

    party: ServerName
    lost_at: int | None = None
    """When it could not be reached any more, for the last time."""
    back_at: int | None = None
    anew: bool | None = None
    """Whether it came back in another start, so that its process had ended; None: nobody knows."""
    nobody_there: bool = False
    """Whether nothing listens where it was."""
    link_lost: bool = False
    why: Why = ""
    """How the witness's own link with it ended."""
    suspected: bool = False
    leaving: bool = False
    left_at: int | None = None

    @property
    def is_missing(self) -> bool:
        return self.lost_at is not None and self.back_at is None and self.left_at is None


class Move(msgspec.Struct, frozen=True):
    """Somebody who was at one server is at another."""

    person: str
    whence: ServerName | None
    to: ServerName
    at: int


class NotedVote(msgspec.Struct, frozen=True):
    """An answer to a registration. `count`: how many servers have given it together."""

    voter: ServerName
    allowed: bool
    count: int
    at: int


class TakenLink(msgspec.Struct, frozen=True):
    """A link that the tree leads over now, and since when."""

    link: TreeLink
    at: int


class Incident(msgspec.Struct):
    """One incident as it is known by now."""

    kind: IncidentKind
    key: str
    """The server or the registration that it is of; empty where it is the network's."""
    witness: ServerName
    stamp: int
    """Hybrid logical time of its first line."""
    number: int
    """Which incident it is for those who keep it: they only grow."""
    opened: int
    """Moment of its first line."""
    last: int
    """Moment of its last line."""
    over: bool = False
    cut_short: bool = False
    """Whether the witness itself ended in the middle of it."""
    cleanly: bool = False
    """Whether what it waited for has come: a registration's outcome, a disk that works again."""
    servers: dict[str, ServerPart] = {}
    lost_unnamed: int = 0
    """Lost servers, less those that are back, beside those that are named."""
    taken: dict[tuple[str, str], TakenLink] = {}
    gone: dict[tuple[str, str], TreeLink] = {}
    links_unnamed: int = 0
    """Links of the tree that have come or gone beside those that are named: which ones lead on is not known then."""
    changed: int = 0
    """When the tree, or who can be reached, has changed last; 0: it has not."""
    reach: int | None = None
    """How many servers are in reach, and agreed, since it was found to be whole."""
    whole_at: int = 0
    moves: list[Move] = []
    moves_unnamed: int = 0
    caught_up: int = 0
    caught_up_from: dict[str, ServerName] = {}
    renamed: list[tuple[str, str]] = []
    person: str = ""
    asked_by: ServerName | None = None
    asked_neighbours: int = 0
    votes: list[NotedVote] = []
    successor: ServerName | None = None
    stood_still: int = 0
    """Milliseconds for which the witness itself did."""
    held_then: int = 0
    """Activities that the witness had when it started."""
    why: Why = ""
    messages: int = 0
    offset: int = 0
    """Milliseconds by which a clock was ahead."""
    loads: tuple[int, int] | None = None
    first_lines: list[StoryLine] = []
    last_lines: deque[StoryLine] = msgspec.field(default_factory=lambda: deque(maxlen=LINES_LAST))
    lines_seen: int = 0

    @property
    def lines(self) -> list[StoryLine]:
        """The lines that are kept, in order."""
        return [*self.first_lines, *self.last_lines]

    @property
    def lines_left_out(self) -> int:
        return self.lines_seen - len(self.first_lines) - len(self.last_lines)

    @property
    def missing(self) -> list[ServerPart]:
        return [part for part in self.servers.values() if part.is_missing]

    @property
    def missing_count(self) -> int:
        return len(self.missing) + max(0, self.lost_unnamed)

    @property
    def is_complete(self) -> bool:
        """Whether it waits for nothing: once nothing more comes of it, it is over."""
        match self.kind:
            case "outage":
                return not self.missing_count
            case "quit":
                part = self.servers.get(self.key)
                return part is None or part.left_at is not None or part.back_at is not None
            case "registration" | "disk" | "clock":
                return self.cleanly
            case _:
                return True

    def is_quiet(self, moment: int) -> bool:
        """Whether nothing has come of it for a while, at that moment."""
        return moment - self.last > GAP * 1_000_000

    def note(self, line: StoryLine, moment: int) -> None:
        """Keep a line, if there is room."""
        self.last = max(self.last, moment)
        self.lines_seen += 1
        if len(self.first_lines) < LINES_FIRST:
            self.first_lines.append(line)
        else:
            self.last_lines.append(line)

    def part(self, party: ServerName) -> ServerPart | None:
        """What is known of a server here; None where there is no room for one more."""
        known = self.servers.get(party.id)
        if known is None and len(self.servers) < PARTS_MAX:
            known = self.servers[party.id] = ServerPart(party)
        return known
