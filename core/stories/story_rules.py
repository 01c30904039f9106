"""Which lines open a story, which go into one that is open, and which end it: as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from core.stories.lines import LineKind

IncidentKind = Literal[
    "outage",  # servers or links were lost: a crash, a server that stood still, a network in parts
    "quit",  # a server leaves on purpose
    "start",  # the witness has started
    "return",  # servers that had been lost before anybody here can remember are back
    "arrival",  # a server that was never there before
    "registration",  # somebody wants a name
    "redirect",  # people are sent on to other servers
    "disk",
    "reader",  # somebody who could not follow was cut off
    "clock",
    "refusal",  # a link was refused
    "expulsion",
]

StoryKey = Literal[
    "network",  # one story of all that begins together: a network is one, and what it loses at once is lost together
    "server",  # one of each server
    "claim",  # one of each registration
    "kind",  # one of all that comes within `GAP`
]


class Rule(NamedTuple):
    """What is done with a line of a kind."""

    opens: IncidentKind | None
    """The story that it begins if there is none to which it belongs; None: then it is in none."""
    feeds: tuple[IncidentKind, ...]
    """The stories to which it may belong, the likeliest first."""
    ends: bool = False
    """Whether the story is over with it."""


KEYS: Final[Mapping[IncidentKind, StoryKey]] = {
    "outage": "network",
    "quit": "server",
    "start": "network",
    "return": "network",
    "arrival": "network",
    "registration": "claim",
    "redirect": "kind",
    "disk": "kind",
    "reader": "kind",
    "clock": "server",
    "refusal": "server",
    "expulsion": "server",
}
"""By what a line finds its story among those of a kind."""

RULES: Final[Mapping[LineKind, Rule]] = {
    "started": Rule("start", ()),
    "stood still": Rule("outage", ("outage",)),
    "linked": Rule(None, ("quit", "outage", "start", "return", "arrival")),
    "unlinked": Rule(None, ("quit", "outage", "start", "return", "arrival")),
    "link lost": Rule("outage", ("quit", "outage")),
    "link cut": Rule("refusal", ("quit", "outage", "refusal")),
    "suspected": Rule("outage", ("outage",)),
    "answers": Rule(None, ("outage",)),
    "nobody there": Rule(None, ("outage",)),
    "tree broke": Rule("outage", ("quit", "outage", "start", "return", "arrival")),
    "tree grew": Rule(None, ("quit", "outage", "start", "return", "arrival")),
    "lost": Rule("outage", ("quit", "outage")),
    "back": Rule(None, ("outage", "start", "return", "quit")),
    "back anew": Rule(None, ("outage", "start", "return", "quit")),
    "reached": Rule("return", ("outage", "start", "return", "quit")),
    "joined": Rule("arrival", ("start", "arrival", "return")),
    "leaving": Rule("quit", ("quit",)),
    "left": Rule("quit", ("quit",)),
    "whole": Rule(None, ("outage", "quit", "start", "return", "arrival")),
    "moved": Rule(None, ("quit", "outage")),
    "caught up": Rule(None, ("outage", "start", "return", "arrival", "quit")),
    "asked": Rule("registration", ("registration",)),
    "vote": Rule("registration", ("registration",)),
    "registered": Rule(None, ("registration",), ends=True),
    "not registered": Rule(None, ("registration",), ends=True),
    "gave way": Rule("return", ("outage", "return", "start", "arrival")),
    "redirected": Rule("redirect", ("redirect",)),
    "disk fails": Rule("disk", ("disk",)),
    "disk works": Rule(None, ("disk",), ends=True),
    "reader cut": Rule("reader", ("reader",)),
    "clock off": Rule("clock", ("clock",)),
    "clock right": Rule(None, ("clock",), ends=True),
    "refused": Rule("refusal", ("refusal",)),
    "expelled": Rule("expulsion", ("expulsion",)),
}

GAP: Final = 5.0
"""Seconds within which what begins in a network is taken for one thing, and after which something that is over has an
end: nothing more has come of it."""
FORGOTTEN_AFTER: Final = 3600.0
"""Seconds after which a story that waits for an end gets none any more."""
