"""What a client has seen: each activity is reported once, and what was missed can be asked for.

To a server that shows `place` a client says where it was there, and what it has (`Belongings`). A server from before
that is told a vector, which names each start of each server that there ever was: there is one only while the client is
at such servers (`SeenVector`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from core.client.belongings import Belongings
from core.client.client_events import ActivityArrived
from core.client.client_settings import ClientSettings
from core.client.resume_point import ResumePoint
from core.client.seen_vector import SeenVector, vector_of
from core.wire.base_messages import ServerPlace
from core.wire.entries import EntryId, Stream, parse_entry_id, started_at
from core.wire.entry_runs import encode_runs
from core.wire.idempotency import idempotency_fingerprint
from core.wire.messages import ActivityBroadcast, Have, HeldEntries

RECENT_MAX: Final = 20_000
"""Ids and fingerprints remembered beside what is listed."""
STREAMS_BEGUN_WITH: Final = 1_000
"""Of the streams of a vector, the latest starts, that a client begins with at a server that tells nothing else."""
MICROSECONDS: Final = 1_000_000
CLOCKS_APART: Final = 300 * MICROSECONDS
"""Microseconds by which servers may date differently what is written at one time. A clock that is further off is told
of by others, who date anew what it has dated; one that is less far behind, at a server that was started again and
reaches nobody, dates what it accepts before a beginning elsewhere. Rather is something told that is a little older than
the client's beginning than that something is left out."""


class Inbox:
    """Recognises repetitions by what it has, by id, and by the sender's own name for an activity with what is in it."""

    def __init__(self, settings: ClientSettings) -> None:
        resume = settings.resume
        seen = settings.seen if resume is None else resume.seen
        self._settings = settings
        self._belongings = Belongings(settings)
        self._vector: SeenVector | None = SeenVector(seen, settings.streams_max)
        if self._belongings.begun and seen is None:
            self._vector = None
        self._recent: OrderedDict[object, None] = OrderedDict()
        self._begins: tuple[HeldEntries, int] | None = None
        """What counts as had once it has caught up."""
        self._server: str | None = None
        """The present server, if it tells places."""
        self.live = False
        """Whether what arrives is new, and not what was missed or asked for."""
        self._came = 0
        self._begun_before: frozenset[Stream] = frozenset()
        """Streams that the present server knows, that began before the client did, and that it has not heard of."""

    @property
    def resumable(self) -> bool:
        """Whether a server can be told from where on something was missed."""
        return self._belongings.begun or (self._vector is not None and self._vector.resumable)

    def connected(self) -> None:
        """There is a new connection: what comes first may be the past."""
        self.live = False
        self._came = 0
        self._server = None
        self._begins = None
        self._begun_before = frozenset()

    # --- what comes ---------------------------------------------------------------------------------------------------

    def receive(self, message: ActivityBroadcast, own_ref: str | None) -> ActivityArrived | None:
        """An activity arrived, the client's own if it has a name for it; what to tell of it, if it is new.

        With `tell_repetitions` there is something to tell of what is not new, too.
        """
        try:
            entry_id = parse_entry_id(message.id) if message.id is not None else None
        except ValueError:
            entry_id = None
        sender = message.sender or ""
        body = bytes(message.activity)
        new = self._is_new(entry_id, message.stamp or 0, sender, message.ref, body)
        if not new and not self._settings.tell_repetitions:
            return None
        self._came += new
        return ActivityArrived(message.id, body, sender, message.stamp, self.live, own_ref, again=not new)

    def _is_new(self, entry_id: EntryId | None, stamp: int, sender: str, ref: str | None, body: bytes) -> bool:
        if entry_id is not None:
            if self._has(entry_id) or not self._first(entry_id):
                return False
            if not self.live and self._vector is not None and self._is_from_before(entry_id, stamp):
                self._vector.add(entry_id)
                return False
            self._belongings.add(entry_id, stamp)
            if self._vector is not None:
                self._vector.add(entry_id)
        return ref is None or self._first(idempotency_fingerprint(sender, ref, body))

    def _has(self, entry_id: EntryId) -> bool:
        return self._belongings.has(entry_id) or (self._vector is not None and entry_id in self._vector)

    def _is_from_before(self, entry_id: EntryId, stamp: int) -> bool:
        """Whether a part of the past counts as had: a vector cannot say that of a stream that had only just begun."""
        return stamp < self._belongings.holdings.since - CLOCKS_APART and entry_id.stream in self._begun_before

    def _first(self, key: object) -> bool:
        if key in self._recent:
            return False
        self._recent[key] = None
        if len(self._recent) > RECENT_MAX:
            self._recent.popitem(last=False)
        return True

    # --- beginnings ---------------------------------------------------------------------------------------------------

    def logged_in(self, server: str, begins: HeldEntries | None, stamp: int | None, wall: float) -> None:
        """A server that tells places has let the client in, at `wall` seconds since 1970 here; `begins`: what this
        client need not expect once it has caught up. Raises ValueError.

        A client that asked for nothing of the past begins there at once: it may be redirected before it hears more.
        What is dated later than here is none of the past, whatever the clock of a server that had dated it: of streams
        that are not named it is to come.
        """
        self._server = server
        if begins is not None:
            begins = msgspec.structs.replace(begins, since=min(begins.since, int(wall * MICROSECONDS)))
            self._begins = (begins, stamp or 0)
            if not self.resumable and not self._settings.history:
                self._begin()

    def logged_in_by_vector(
        self, vector: Mapping[Stream, int], beyond: Iterable[EntryId], stamp: int | None, wall: float
    ) -> None:
        """The same of a server from before places: what it has, and what comes after gaps in that, at `wall` seconds
        since 1970 here.

        Its time tells what of streams that it does not name is older than the client's beginning: with room for what
        others have dated before that and are still keeping, or dated by clocks that are behind. A server that is days
        ahead has others let go of all that they write meanwhile: so no time is taken that is later than here.
        """
        beyond = list(beyond)
        if self._vector is None:
            self._vector = SeenVector(None, self._settings.streams_max)
        self._vector.told(vector, beyond)
        if self._belongings.begun:
            holdings = self._belongings.holdings
            self._begun_before = frozenset(
                stream
                for stream in vector
                if stream not in holdings.streams and started_at(stream.incarnation) < holdings.since
            )
        if stamp is not None and not self._belongings.begun:
            newest = sorted(vector, key=lambda stream: started_at(stream.incarnation))[-STREAMS_BEGUN_WITH:]
            since = max(0, min(stamp, int(wall * MICROSECONDS)) - CLOCKS_APART)
            self._begins = (HeldEntries(since, {str(stream): [0, vector[stream]] for stream in newest}), stamp)
        if not self.resumable and not self._settings.history:
            self._begin()

    def knows_any(self, streams: Iterable[Stream]) -> bool:
        """Whether the client has something of one of these streams, or has heard of it."""
        return any(stream in self._belongings.holdings.streams for stream in streams) or (
            self._vector is not None and self._vector.knows_any(streams)
        )

    def left_before_login(self, vector: Mapping[Stream, int] | None, begins: HeldEntries | None, wall: float) -> None:
        """A server leaves that has not logged this client in yet, and says what it would have said then, at `wall`
        seconds since 1970 here. Raises ValueError."""
        if self.resumable or self._settings.history:
            return
        if begins is not None:
            self.logged_in("", begins, None, wall)
            self._server = None
        elif vector is not None and not (self._vector is not None and self._vector.was_told):
            self.logged_in_by_vector(vector, (), None, wall)

    def caught_up(self, place: tuple[int, int] | None, lacking: Mapping[str, list[int]]) -> int:
        """What was missed is through: from here on everything is live. How much of it this client did not have. Raises
        ValueError.

        A server repeats what lies behind a gap in the client's vector, and each change of an account is such a gap.
        """
        self._begin()
        if self._server is not None:
            self._vector = None
        self.reached(place, lacking)
        self.live = True
        return self._came

    def reached(self, place: tuple[int, int] | None, lacking: Mapping[str, list[int]]) -> None:
        """The server says where the client is. Raises ValueError."""
        if place is not None and self._server is not None:
            self._belongings.reached(self._server, place, lacking)

    def _begin(self) -> None:
        if self._begins is not None:
            begins, self._begins = self._begins, None
            self._belongings.begin(*begins)
        if self._vector is not None and self._server is None:
            self._vector.begin()

    # --- what is told -------------------------------------------------------------------------------------------------

    def needs_vector(self) -> bool:
        """Whether a server that knows nothing but vectors has not been told what this client has."""
        return self.resumable and not (self._vector is not None and self._vector.resumable)

    def go_on_with_vector(self, known: Mapping[Stream, int]) -> None:
        """Say by a vector what this client has, to a server that has so much."""
        self._vector = SeenVector(vector_of(self._belongings.holdings, known), self._settings.streams_max)

    def seen(self) -> dict[str, int] | None:
        """The vector to resume from, as it travels; None when there is none, or nothing to resume."""
        return None if self._vector is None else self._vector.encoded()

    def have(self) -> HeldEntries | None:
        """What this client has, as a login tells it; None when that is nothing."""
        return self._belongings.told()

    def place(self) -> tuple[ServerPlace | None, dict[str, list[int]]]:
        """Where this client was last, and what it lacked there."""
        return self._belongings.place, encode_runs(self._belongings.lacking)

    def pages(self) -> Iterator[Have]:
        """What this client has, for a server that asks."""
        return self._belongings.pages()

    def resume_point(self) -> ResumePoint | None:
        """What another client may resume from; None when there is nothing to resume."""
        if not self.resumable:
            return None
        return self._belongings.resume_point(None if self._vector is None else self._vector.contiguous())
