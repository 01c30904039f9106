"""The write-set of a client: what servers accepted of it last, to repeat it at one that has not got it.

A server that cannot be reached any more may be the only one that has what it accepted last. Whoever goes on elsewhere
is then read out of order: readers there wait for a while for what came before, and get it when the network is whole
again, behind what was posted since. So it is repeated there before anything new, under the same names, by which servers
recognise copies of one activity. (The guarantee is called monotonic writes: D. Terry et al., Session Guarantees for
Weakly Consistent Replicated Data, PDIS 1994. There a server that lacks something of the write-set is not written to.)
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from core.client.posts import PendingPost
from core.wire.entries import EntryId

Has = Callable[[EntryId], bool]
"""Whether a server has an entry."""
UNDER_WAY_MAX: Final = 16
"""Repetitions that are sent and not answered: as many as a server reads before it has answered."""
COPIES_MAX: Final = 8
"""Identities that are remembered of one activity: one for each server that accepted it, the latest of them."""


class Predecessor(NamedTuple):
    """What comes right before an activity, as its server is told."""

    id: EntryId
    stamp: int


class Write(msgspec.Struct):
    """An activity that was accepted."""

    ref: str
    activity: dict[str, msgspec.Raw]
    size: int
    copies: list[EntryId]
    """Its identities, one for each time that it was accepted."""
    known_as: EntryId
    """The one that the present server knows it by, if it does."""
    stamp: int
    """The latest of its stamps."""
    first_sent: float
    """Monotonic time before which no server had it."""

    def age(self, now: float) -> float:
        """Seconds since a server may have accepted it."""
        return max(0.0, now - self.first_sent)

    def accepted(self, entry_id: EntryId, stamp: int) -> None:
        if entry_id not in self.copies:
            self.copies.append(entry_id)
            del self.copies[:-COPIES_MAX]
        self.known_as = entry_id
        self.stamp = max(stamp, self.stamp)

    def find_in(self, has: Has) -> bool:
        """Whether a server has it; from now on it goes by the identity that this server knows."""
        for entry_id in self.copies:
            if has(entry_id):
                self.known_as = entry_id
                return True
        return False

    @property
    def predecessor(self) -> Predecessor:
        return Predecessor(self.known_as, self.stamp)


class WriteSet:
    """The last activities of a client that were accepted, in order, and those of them that are to be repeated."""

    def __init__(self, writes_max: int, bytes_max: int) -> None:
        self._writes_max = writes_max
        self._bytes_max = bytes_max
        self._bytes = 0
        self._writes: OrderedDict[str, Write] = OrderedDict()
        self._forgotten: Write | None = None
        """The one before the first that is remembered."""
        self._due: deque[tuple[Write, Predecessor | None]] = deque()
        self._under_way: dict[str, None] = {}

    @property
    def last(self) -> Predecessor | None:
        """What comes right before the next activity."""
        last = next(reversed(self._writes.values()), self._forgotten)
        return last.predecessor if last is not None else None

    @property
    def repeating(self) -> bool:
        """Whether something is still to be repeated before anything new may be sent."""
        return bool(self._due)

    @property
    def under_way(self) -> bool:
        """Whether a repetition was sent that has not been answered."""
        return bool(self._under_way)

    def add(self, post: PendingPost, entry_id: EntryId, stamp: int) -> None:
        """A post was accepted."""
        if post.ref in self._writes:
            self._writes[post.ref].accepted(entry_id, stamp)
            return
        first_sent = post.sent_at if post.unsure_since is None else post.unsure_since
        self._writes[post.ref] = Write(post.ref, post.activity, post.size, [entry_id], entry_id, stamp, first_sent)
        self._bytes += post.size
        while len(self._writes) > self._writes_max or self._bytes > self._bytes_max:
            self._forget_first()

    def _forget_first(self) -> None:
        _, self._forgotten = self._writes.popitem(last=False)
        self._bytes -= self._forgotten.size

    def forget(self) -> None:
        """Nothing of what was accepted so far is to be repeated."""
        while self._writes:
            self._forget_first()
        self.connection_lost()

    def connection_lost(self) -> None:
        self._due.clear()
        self._under_way.clear()

    @property
    def copies(self) -> list[EntryId]:
        """The identities of all that may be repeated, and of what comes before that."""
        writes = [*self._writes.values(), *(() if self._forgotten is None else (self._forgotten,))]
        return [entry_id for write in writes for entry_id in write.copies]

    def logged_in(self, has: Has) -> None:
        """A server let the client in that has these entries: what it lacks is to be repeated.

        That is what was accepted after the last that it has. If so much was that not all of it is remembered, nothing
        is: the order would be broken all the same.
        """
        before = self._forgotten
        lacking: deque[Write] = deque()
        for write in reversed(self._writes.values()):
            if write.find_in(has):
                before = write
                break
            lacking.appendleft(write)
        else:
            if before is not None and not before.find_in(has):
                return
        for write in lacking:
            self._due.append((write, before.predecessor if before is not None else None))
            before = write

    def ready(self) -> list[tuple[Write, Predecessor | None]]:
        """What to repeat now, in order, each with what comes before it."""
        ready = []
        while self._due and len(self._under_way) < UNDER_WAY_MAX:
            ready.append(self._due.popleft())
            self._under_way[ready[-1][0].ref] = None
        return ready

    def acknowledged(self, ref: str, entry_id: EntryId | None, stamp: int) -> None:
        """A repetition was accepted, or recognised as one. None: under an identity that cannot be read."""
        if ref in self._under_way:
            del self._under_way[ref]
            if entry_id is not None and ref in self._writes:
                self._writes[ref].accepted(entry_id, stamp)

    def refused(self, ref: str) -> None:
        """A repetition was not accepted: what comes after it would wait for it in vain."""
        if ref in self._under_way:
            del self._under_way[ref]
            self._due.clear()
