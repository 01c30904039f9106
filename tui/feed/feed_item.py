"""One row of the feed, and where it stands in the order of all activities."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Literal

import msgspec

from core.client import PastPlace
from core.wire import parse_entry_id

PENDING_SERIAL: Final = 1 << 60
"""Own activities on their way are numbered from here: they stand below everything that has arrived."""

UNPLACED_SERIAL: Final = 1 << 61
"""Of what is shown somewhere else than among the rows of a feed."""

ItemState = Literal["arrived", "sending", "accepted", "refused", "unknown", "mark"]


class FeedItem(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One row. `at` is wall-clock seconds since 1970; `why` says what came of an own activity that was not accepted,
    or why a line of the application's own stands in the place of an activity."""

    serial: int
    body: bytes
    sender: str
    at: float
    state: ItemState = "arrived"
    own: bool = False
    live: bool = True
    why: str = ""
    id: str | None = None
    """The identity under which a server has accepted it; None where none has yet, or a base server does not say."""
    stamp: int | None = None
    """By which it stands in the order of all activities, in microseconds since 1970; None as for the identity."""
    came: float = 0.0
    """When it came here, in seconds since 1970; 0 where it was read from the past."""
    late: bool = False
    """Whether it is older than what came before it."""
    folded: bool = False
    """Whether it only changes what is shown of another one, and has no line of its own (`tui.feed.feed_answers`)."""

    @property
    def key(self) -> Hashable:
        """What it is known by, wherever it stands."""
        return self.id or (self.came, self.at, self.body)

    @property
    def place(self) -> PastPlace | None:
        """Where it stands in the order of all; None where nobody says, as of a line of the application's own."""
        return place_of(self.id, self.stamp)


def place_of(entry_id: str | None, stamp: int | None) -> PastPlace | None:
    """The place that a server has named; None if it is none."""
    if entry_id is None or stamp is None:
        return None
    try:
        return PastPlace(stamp, parse_entry_id(entry_id))
    except ValueError:
        return None
