"""What a node knows of a link's other side because that speaks only the base protocol, or may."""

from __future__ import annotations

from core.node.kernel.connections import Link
from core.wire.codec import Frame
from core.wire.entries import EntryId
from core.wire.messages import ActivityBroadcast, AttachedServer


class BaseSide:
    """The other side of a link with a base server."""

    __slots__ = (
        "announced",
        "attached",
        "backlog",
        "backlog_bytes",
        "beat_at",
        "held",
        "is_taken_up",
        "last_nameless",
        "rhythm",
        "rivals",
        "said",
        "shared_until",
        "spoken_to_until",
        "suspect_until",
        "taken_up_at",
        "told_ours_until",
    )

    def __init__(self) -> None:
        self.is_taken_up = False
        """Whether it is spoken to, until the link's end has been seen to."""
        self.attached: dict[str, AttachedServer] = {}
        """Base servers that announced themselves over this link."""
        self.announced: dict[str, None] = {}
        """Ids that were ever announced to it: it waits for an answer of each when it registers a name."""
        self.backlog: list[Frame] = []
        """What it will be told once it may be spoken to."""
        self.backlog_bytes = 0
        self.held: list[ActivityBroadcast] = []
        """What it said while it was listened to: another server of ours may have taken it in."""
        self.last_nameless: EntryId | None = None
        """What it said last of what nobody with a name wrote."""
        self.rivals: dict[str, float] = {}
        """Servers of ours that were announced over this link, and when last."""
        self.said: dict[EntryId, None] = {}
        """What it has said last in the name of servers of ours, which nothing proved: it need not be told that."""
        self.suspect_until = float("-inf")
        """Monotonic time until which it is open whether another server of ours has taken this one's place."""
        self.shared_until = float("-inf")
        """Monotonic time until which another server of ours, that is to give way, takes in what is said as well."""
        self.beat_at: float | None = None
        """Monotonic time at which it announced itself last."""
        self.rhythm: float | None = None
        """The longest time between two announcements of it, in seconds."""
        self.spoken_to_until = 0
        """Hybrid logical time until which another server of ours may have spoken to it."""
        self.taken_up_at = 0.0
        """Monotonic time at which it turned out to be a base server, if this node has dialled it."""
        self.told_ours_until = 0
        """Hybrid logical time until which another server may have told it what this node has accepted itself."""


def base_side(link: Link) -> BaseSide:
    """What is known of a link's other side as a base server."""
    if link.base is None:
        link.base = BaseSide()
    return link.base
