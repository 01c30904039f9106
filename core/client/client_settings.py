"""A client's settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from core.client.resume_point import ResumePoint
from core.wire.entries import Stream
from core.wire.names import ANONYMOUS
from core.wire.secret_keeping import KeepsSecret

PLACE: Final = "place"
"""Shown by clients that say at a login where they were, and by servers that understand it."""
DOCUMENT: Final = "document"
"""Shown by clients that take their account's document, and by servers that keep it."""
FEATURES: Final = ("quit", "resume", "ack", "ping", "status", "removed", DOCUMENT, PLACE)
"""What this client shows servers."""


class ClientSettings(KeepsSecret, frozen=True):
    """Who the client is, and how it behaves. Times are in seconds."""

    unprinted: ClassVar[frozenset[str]] = frozenset({"secret", "code"})

    username: str = ANONYMOUS
    secret: str | None = None
    """None with `register`: one is made."""
    register: bool = False
    code: str | None = None
    """A one-time code of the account's, by which `secret` becomes its secret before the login."""
    history: int = 0
    """How many of the newest activities to ask for at the first login."""
    seen: Mapping[Stream, int] | None = None
    """What the client has from an earlier life: it gets what it missed since, instead of `history`."""
    resume: ResumePoint | None = None
    """The same, in the place of `seen`, from a client whose place this one takes."""
    follow_redirects: bool = True
    reconnect: bool = True
    redirects_max: int = 3
    """Redirects followed at once; more, or one back to where the client just was, are followed after a pause."""
    retry_min: float = 0.25
    retry_max: float = 30.0
    """Backoff between connections: doubled each time, with full jitter."""
    connect_limit: float = 10.0
    answer_limit: float = 20.0
    """How long a server may take over a login or a registration."""
    settled_after: float = 10.0
    """A login that lasted so long was a success: the next loss starts with the shortest backoff again."""
    base_settle: float = 0.25
    """How long after a login at a base server nothing is posted: it redirects at once or not at all, and what it does
    not read is lost without a word."""
    discover_after: float | None = 2.0
    """How long after a login a native server is asked for others, to have somewhere to go when it dies; half to one and
    a half times this. None: never."""
    discover_interval: float = 300.0
    ping_interval: float = 10.0
    """How long a native server may be silent before it is asked whether it is there, and how long one that is not goes
    without being asked: it does not believe a client of whom it has heard nothing for longer."""
    ping_misses: int = 3
    document_interval: float = 60.0
    """How long a client waits after its document was kept before another one goes out: the latest that is wanted by
    then."""
    posts_max: int = 1000
    """Posts without an answer; one more is refused by `post`."""
    posts_bytes_under_way: int = 1024 * 1024
    """Posts that were sent and not answered; the rest waits here, where it fills no socket."""
    writes_max: int = 64
    """Accepted posts that the client remembers, the latest of them, to repeat them at a server that lacks them."""
    writes_bytes_max: int = 128 * 1024
    streams_max: int = 1000
    """Streams of which the client remembers what it has, the most recently heard of first."""
    runs_max: int = 4_096
    """Runs of activities that the client remembers having, of the streams that it has heard of last."""
    activities_max: int = 500_000
    """How many activities a server may have to look through for what the client has missed of other streams."""
    range_items: int = 4_096
    """Activities of which a login tells one sum, at first; of very many it has some dozen sums all the same."""
    have_bytes: int = 2_048
    """What a login says of what the client has; more is told when a server asks, in messages 16 times as long."""
    tell_repetitions: bool = False
    """Whether the application hears of each activity as often as a server sends it: for whoever checks a server."""
