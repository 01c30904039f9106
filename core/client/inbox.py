"""What a client has seen: each activity is reported once, and what was missed can be asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final

from core.client.client_events import ActivityArrived
from core.wire.entries import EntryId, Stream, encode_vector, parse_entry_id
from core.wire.idempotency import idempotency_fingerprint
from core.wire.messages import ActivityBroadcast
from core.wire.version_vector import VersionVector

RECENT_MAX: Final = 20_000
"""Ids and fingerprints remembered beside the vector."""
VECTOR_BYTES_MAX: Final = 40 * 1024
"""Most that a vector may add to a login: a server limits a client's line to 64 KiB."""
NUMBER_BYTES: Final = 24
"""What a number and the marks around it may take beside a stream's name."""


class Inbox:
    """Recognises repetitions by the vector, by id, and by the sender's own name for an activity with what is in it."""

    def __init__(self, seen: Mapping[Stream, int] | None, streams_max: int, *, tell_repetitions: bool = False) -> None:
        self._vector = VersionVector(seen or {})
        self._touched: OrderedDict[Stream, None] = OrderedDict.fromkeys(self._vector.contiguous)
        self._recent: OrderedDict[object, None] = OrderedDict()
        self._streams_max = streams_max
        self._tell_repetitions = tell_repetitions
        self._baseline: Mapping[Stream, int] | None = None
        self._beyond: Iterable[EntryId] = ()
        self.resumable = seen is not None
        """Whether the vector says what this client has, so that a server can send what it missed."""
        self.live = False
        """Whether what arrives is new, and not what was missed or asked for."""
        self._came = 0

    def connected(self) -> None:
        """There is a new connection: what comes first may be the past."""
        self.live = False
        self._came = 0

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
        new = self._is_new(entry_id, sender, message.ref, body)
        if not new and not self._tell_repetitions:
            return None
        self._came += new
        return ActivityArrived(message.id, body, sender, message.stamp, self.live, own_ref, again=not new)

    def _is_new(self, entry_id: EntryId | None, sender: str, ref: str | None, body: bytes) -> bool:
        if entry_id is not None:
            if entry_id in self._vector or not self._first(entry_id):
                return False
            self._vector.add(entry_id)
            self._touch(entry_id.stream)
        return ref is None or self._first(idempotency_fingerprint(sender, ref, body))

    def _first(self, key: object) -> bool:
        if key in self._recent:
            return False
        self._recent[key] = None
        if len(self._recent) > RECENT_MAX:
            self._recent.popitem(last=False)
        return True

    def _touch(self, stream: Stream) -> None:
        self._touched[stream] = None
        self._touched.move_to_end(stream)
        if len(self._touched) > 2 * self._streams_max:
            self._touched.popitem(last=False)

    def knows_any(self, streams: Iterable[Stream]) -> bool:
        """Whether the client has something of one of these streams, or has heard of it."""
        return any(stream in self._vector.contiguous for stream in streams)

    def logged_in(self, vector: Mapping[Stream, int], beyond: Iterable[EntryId] = (), *, asked_history: bool) -> None:
        """A server says what this client need not expect, once it has caught up: `beyond` is what comes after gaps.

        A client that asked for nothing of the past begins there at once: it may be redirected before it hears more.
        """
        self._baseline = vector
        self._beyond = beyond
        if not self.resumable and not asked_history:
            self._begin_at_baseline()

    def left_before_login(self, vector: Mapping[Stream, int]) -> None:
        """A server leaves that has not logged this client in yet, and says what it would have said then."""
        if not self.resumable and self._baseline is None:
            self.logged_in(vector, asked_history=False)

    def caught_up(self) -> int:
        """What was missed is through: from here on everything is live. How much of it this client did not have.

        A server repeats what lies behind a gap in the client's vector, and each change of an account is such a gap.
        """
        self._begin_at_baseline()
        self.live = True
        return self._came

    def _begin_at_baseline(self) -> None:
        if self._baseline is not None:
            for stream, upto in self._baseline.items():
                if self._vector.raise_to(stream, upto):
                    self._touch(stream)
            for entry_id in self._beyond:
                self._vector.add(entry_id)
                self._touch(entry_id.stream)
            self._baseline = None
            self._beyond = ()
        self.resumable = True

    def seen(self) -> dict[str, int] | None:
        """The vector to resume from, as it travels; None when there is nothing to resume."""
        if not self.resumable:
            return None
        contiguous = self._vector.contiguous
        size = 0
        newest: list[Stream] = []
        for stream in reversed(self._touched):
            size += len(str(stream).encode()) + NUMBER_BYTES
            if len(newest) >= self._streams_max or size > VECTOR_BYTES_MAX:
                break
            newest.append(stream)
        return encode_vector({stream: contiguous[stream] for stream in reversed(newest) if stream in contiguous})
