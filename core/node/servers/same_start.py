"""One identity twice: what a node does that meets itself, its own identity and key in another process.

Numbers of starts are drawn so that one start hardly ever comes twice (`core.store.identity.next_incarnation`). But a
virtual machine whose memory was saved may be resumed twice: then two processes go on as one start, and neither has
begun anything. Both would give new entries the same identities. What is seen of it is a link-state record that is
signed by this node's key, names this very start, and has a version that was not said here. A backup that is restored
while its server runs gives two starts of one identity. Where both are linked with one neighbour the later one takes the
other's place (`Handshake`); where they are not, each finds that others know a later record of it than its own.

Others may have kept such a record of a process that has ended, or of a start that a backup does not remember. So nobody
ends for one record. This node says something later, which takes that one's place everywhere; if what comes then is
later still, and again, somebody is there who says it.

One of the two ends, says so to who runs it, and at its next start takes another number. Which one both tell by their
addresses, since they know nothing else that differs; where those are the same, both end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from core.node.kernel.context import Context
from core.node.map.topology import ServerRecord, Topology

ROUNDS: Final = 3
"""So often another process must have said something later than what this node had answered, before this one ends."""
ROUND_SECONDS: Final = 0.8
"""Seconds that a round takes at least: what others have kept is overtaken by then."""
FORGOTTEN_AFTER: Final = 60.0
"""Seconds without another round after which nobody else is there any more."""


class SameStart:
    """Decides which of two processes ends."""

    def __init__(self, context: Context, topology: Topology, end: Callable[[str], None]) -> None:
        self._context = context
        self._topology = topology
        self._end = end
        self._told: tuple[str, int] | None = None
        """Of which other process people have been told last, by its address."""
        self._upto = (0, 0)
        """What has been heard last of another process, or was answered, if that is later."""
        self._heard = 0
        """How often something later was."""
        self._rounds = 0
        """As `ROUNDS` has it."""
        self._last_round = float("-inf")

    def met(self, record: ServerRecord) -> bool:
        """Another process has said `record` as this very start, or others have kept it of one that has ended; whether
        this node ends for it. Otherwise it answers with something later."""
        what = f"goes on as this very start of this server (number {self._context.incarnation})"
        return self._decide(record, what, "before both give two activities one identity")

    def met_another_start(self, record: ServerRecord) -> bool:
        """The same of a record that names another start of this server, later than this one."""
        what = "goes on with this server's identity and key, as another start of it"
        return self._decide(record, what, "since others take the two for one")

    def _decide(self, record: ServerRecord, what: str, why: str) -> bool:
        own = self._topology.own
        self._note(record)
        here, there = (own.hostname, own.port), (record.hostname, record.port)
        context = self._context
        what = f"the process at {there[0]}:{there[1]} {what}"
        if here < there:
            if self._heard > 1 and self._told != there:
                self._told = there
                context.notify(
                    "identity",
                    f"{what}, from a copy of its memory or of its data: that one has to end, and this one goes on; what"
                    " that one has accepted as this server may be missing here. Two cannot run from one server's data:"
                    " end one of them, and start it with a data directory of its own",
                    "error",
                    server=context.id,
                )
            return False
        if self._rounds < ROUNDS:
            return False
        # What this node says last is later than what it has heard, so that the other one hears it.
        own.version = max(own.version, record.version)
        self._end(
            f"{what}, and this one ends for it, {why}; started again, this"
            " server takes another number. What it has accepted since it was copied is kept here, and may be missing at"
            " other servers"
        )
        return True

    def _note(self, record: ServerRecord) -> None:
        """Count it, if it is later than what was answered."""
        now = self._context.now.monotonic
        if now > self._last_round + FORGOTTEN_AFTER:
            self._heard = self._rounds = 0
            self._upto = (0, 0)
        if record.order <= self._upto:
            return
        self._upto = max(record.order, self._topology.own.order)
        self._heard += 1
        if now >= self._last_round + ROUND_SECONDS:
            self._rounds += 1
            self._last_round = now
