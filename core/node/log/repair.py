"""Repair: what the disk has damaged is asked for again, and people are told what came of it.

It comes by the ways on which everything comes that is missing (`Synchronisation`). What is added here is when to ask,
who has answered, and who waits for it: a client that is about to be sent the past, of which some is missing, is sent it
a moment later and in order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from core.node.kernel.connections import Link, Session
from core.node.kernel.context import Context
from core.node.kernel.states import ConnectionState
from core.node.log.entry_messages import frame_for
from core.node.log.replication import Replication
from core.node.log.synchronisation import Synchronisation
from core.node.neighbours.neighbours import Neighbours
from core.wire.entries import Entry, Stream
from core.wire.entry_runs import EntryRuns, count_of, named

WAIT_MAX: Final = 5.0
"""Seconds for which whoever wants the past waits for what is asked for again."""


class Repair:
    """Has neighbours asked for damaged entries."""

    def __init__(
        self,
        context: Context,
        neighbours: Neighbours,
        replication: Replication,
        synchronisation: Synchronisation,
    ) -> None:
        self._context = context
        self._neighbours = neighbours
        self._replication = replication
        self._synchronisation = synchronisation
        self._damaged = replication.damaged
        self._damaged.on_kept = self._kept
        self._owed: dict[int, int] = {}
        """By the connections of neighbours that are asked: how many answers of theirs there have to be."""
        self._wait_until = float("-inf")
        self._begins = False
        """Whether this start waits for what was damaged before it, of whichever neighbours come."""
        self.times_found = 0
        """How often damage has been found."""
        self._mended = 0
        self._owing: dict[int, Session] = {}
        """Clients that could not wait any longer, and were sent the past without what was damaged."""
        self._told: EntryRuns = {}
        """What people have been told that nobody has."""
        self.read_through_at: float | None = None
        """When all data was last read through, in seconds since 1970."""
        self.damaged_then = 0
        """How many places in it were damaged."""
        self.on_over: Callable[[], None] = lambda: None
        """Told when there is nothing more to wait for."""

    def start(self) -> None:
        """What was damaged before this start comes from whoever this node links with: whoever wants it waits."""
        if not self._damaged.are_whole:
            self._begins = True
            self._wait()

    def _wait(self) -> None:
        self._wait_until = self._context.after(WAIT_MAX)
        self._context.timers.set("repair", self._wait_until, self._waited)

    def _waited(self) -> None:
        begins, self._begins = self._begins, False
        self._over()
        if begins:
            self._look()

    def found(self, entries: EntryRuns) -> None:
        """The store has found damage."""
        entries = self._replication.wanted_again(entries)
        self.times_found += 1
        if not entries:
            return
        self._damaged.lose(entries)
        count = count_of(entries)
        self._context.notify(
            "storage",
            f"{_entries(count)} {'is' if count == 1 else 'are'} damaged on this server's disk, and not served"
            f" ({named(entries)}): the other servers are asked for {'it' if count == 1 else 'them'}",
            "warning",
        )
        self._context.trace("sync", step="damaged", entries=count)
        self._wait()
        for link in self._neighbours:
            # The answer to what was asked before may be of a time when nothing was missing.
            self._owed[link.conn] = 2 if link.asked else 1
            self._synchronisation.request(link)
        self._look()

    def owes(self, session: Session, seen: Mapping[Stream, int]) -> None:
        """A client that has `seen` so much is sent the past: what of it is missing it gets when that has come."""
        if session.native and self.is_missing(seen):
            self._owing[session.conn] = session

    def delays(self, seen: Mapping[Stream, int]) -> bool:
        """Whether somebody who has `seen` so much should wait until more is here."""
        if self._context.now.monotonic >= self._wait_until:
            return False
        return self.is_missing(seen)

    def is_missing(self, seen: Mapping[Stream, int]) -> bool:
        """Whether there was more than somebody has `seen`, and it is damaged."""
        missing = self._damaged.missing
        return any(spans[-1][1] > seen.get(stream, 0) for stream, spans in missing.items()) or any(
            entry_id.seq > seen.get(entry_id.stream, 0) for entry_id in self._damaged.being_kept
        )

    def answered(self, link: Link) -> None:
        """A neighbour has sent all that it has and this node lacked."""
        owed = self._owed.get(link.conn)
        if owed is not None:
            self._owed[link.conn] = owed - 1
            self._look()

    def _look(self) -> None:
        """See whether anybody is left who has not answered; otherwise people are told what nobody has."""
        here = {link.conn for link in self._neighbours}
        self._owed = {conn: owed for conn, owed in self._owed.items() if owed > 0 and conn in here}
        if self._owed or self._begins:
            return
        self._over()
        missing = self._damaged.missing
        if not missing or missing == self._told:
            return
        self._told = missing
        count = count_of(missing)
        nobody = "no server that this one is linked with" if here else "no other server is linked that"
        self._context.notify(
            "storage",
            f"{nobody} has {_entries(count)} that {'was' if count == 1 else 'were'} damaged on this server's disk"
            f" ({named(missing)}): what no other server brings when it comes is lost",
            "error",
        )

    def _kept(self, entries: Sequence[Entry]) -> None:
        self._mended += len(entries)
        self._owing = {conn: one for conn, one in self._owing.items() if one.state is not ConnectionState.CLOSING}
        for entry in entries if self._owing else ():
            if entry.kind == "activity":
                for session in self._owing.values():
                    # A client knows what it has had.
                    self._context.send(session, frame_for(session, entry))
        if not self._damaged.are_whole:
            return
        if self._mended:
            text = f"{_entries(self._mended)} that had been damaged came again from the other servers"
            self._context.notify("storage", text, "good")
        self._mended = 0
        self._owing.clear()
        self._owed.clear()
        self._over()

    def _over(self) -> None:
        if self._wait_until > float("-inf"):
            self._wait_until = float("-inf")
            self._context.timers.cancel("repair")
            self.on_over()


def _entries(count: int) -> str:
    return f"{count} {'entry' if count == 1 else 'entries'}"
