"""Lines: what a server notes of what happens in its network, as data.

A line is redacted when it is noted. It names servers and people; it never holds a secret, the text of an activity, or
an address, but for its `remark`, which whoever runs the server sees and nobody else (`public`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

LineKind = Literal[
    "started",  # the witness has started, with `count` activities
    "stood still",  # the witness did nothing for some seconds: it was stopped, or the machine slept
    "linked",  # a link of the witness is up
    "unlinked",  # a link of the witness has ended, as was to be
    "link lost",  # a link of the witness has ended that was not to, and why
    "link cut",  # the witness has ended one, because of what came over it
    "suspected",  # a neighbour has left a ping unanswered
    "answers",  # it answers again
    "nobody there",  # nothing listens where a lost server was
    "tree broke",  # links of the spanning tree are gone; others may have taken their place
    "tree grew",  # links have come into the tree
    "lost",  # servers cannot be reached any more
    "reached",  # servers that were known can be reached
    "back",  # of servers that can be reached again: they are in the start that they were in
    "back anew",  # the same: they are in another start, so that their processes had ended
    "joined",  # a server that was never there before
    "leaving",  # a server leaves on purpose, this one or another; `other` is to take its place
    "left",  # it has left
    "whole",  # nothing more changes: `count` servers are in reach, and nothing that they have is missing here
    "moved",  # somebody who was at `about` is at `other`
    "caught up",  # entries that were missed have come from `about`
    "asked",  # `about` asks for a name
    "vote",  # `about` allows a name, or denies it
    "registered",  # a name is an account's now
    "not registered",  # a registration came to nothing
    "gave way",  # an account lost its name when parts of a network met
    "redirected",  # somebody was sent on to `other`
    "disk fails",  # the disk takes no writes
    "disk works",  # it does again
    "reader cut",  # somebody who took nothing of what they were sent was cut off
    "clock off",  # the clock of `about` differs
    "clock right",  # it does not any more
    "refused",  # a link with a server was refused, here or there
    "expelled",  # operators have expelled a server
]

Why = Literal[
    "",
    "closed",  # the other side closed it, or its process ended
    "silent",  # the other side answered nothing
    "ended here",  # this side has ended it
    "allowed",
    "denied",
    "too late",  # not everybody answered in time
    "given up",  # whoever asked has taken it back, or was not heard of again
    "nothing taken",  # a reader took nothing for too long
    "too much",  # too much waited for it
]

NAMES_MAX: Final = 8
"""Servers or links that a line names; of more it says how many there are."""
REMARK_CHARACTERS_MAX: Final = 200


class ServerName(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A server: its id, and what it was called then. Names are hostile."""

    id: str
    name: str


class TreeLink(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A link of the spanning tree."""

    a: ServerName
    b: ServerName
    spare: bool = False
    """Of a link that was taken: whether it had been there beside the tree; of one that is gone: whether it still is."""

    @property
    def ends(self) -> tuple[str, str]:
        return self.a.id, self.b.id


class StoryLine(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One thing that a server has seen."""

    stamp: int
    """Hybrid logical time of the witness, in microseconds since 1970."""
    number: int
    """Which line of this start of the witness it is."""
    tick: int
    """Monotonic time of the witness, in microseconds: spans of time within one start are told by it."""
    witness: ServerName
    kind: LineKind
    about: ServerName | None = None
    other: ServerName | None = None
    servers: tuple[ServerName, ...] = ()
    """Of several, the first ones."""
    person: str = ""
    after: str = ""
    """The name that somebody has afterwards."""
    claim: str = ""
    """The registration that it is part of."""
    why: Why = ""
    count: int = 0
    """Servers, entries, neighbours or milliseconds, as the kind has it."""
    taken: tuple[TreeLink, ...] = ()
    """Links that the tree leads over now."""
    gone: tuple[TreeLink, ...] = ()
    """Links that it led over."""
    loads: tuple[int, int] | None = None
    """Clients at the witness, and at the other server."""
    messages: int = 0
    """Messages of a registration in the whole network, where they can be told: each server was asked once."""
    unnoted: int = 0
    """Lines of this kind before this one that were not noted, because there were too many."""
    remark: str = ""
    """More, for whoever runs the server. The only free text."""

    @property
    def seconds(self) -> float:
        """Wall-clock seconds since 1970."""
        return self.stamp / 1_000_000

    @property
    def order(self) -> tuple[int, str, int]:
        """By this lines of several witnesses are put into one order."""
        return self.stamp, self.witness.id, self.number


def public(line: StoryLine) -> StoryLine:
    """A line as guests and anonymous people are told it: servers and names, and nothing that may hold an address."""
    return msgspec.structs.replace(line, remark="") if line.remark else line


def encode(line: StoryLine) -> bytes:
    """A line as one line of JSON, without its end."""
    return _encoder.encode(line)


def decode(data: bytes) -> StoryLine | None:
    """The line of a line of JSON; None where it is none, as where the disk kept half of one, or a later version's."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def in_order(lines: Iterable[StoryLine]) -> list[StoryLine]:
    """Lines of any witnesses in one order, each once."""
    return sorted({line.order: line for line in lines}.values(), key=lambda line: line.order)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(StoryLine)
