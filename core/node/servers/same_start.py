"""The same start twice: what a node does that meets itself, its own identity and incarnation in another process.

Numbers of starts are drawn so that this hardly ever comes (`core.store.identity.next_incarnation`). But a virtual
machine whose memory was saved may be resumed twice: then two processes go on as one start, and neither has begun
anything. Both would give new entries the same identities. What is seen of it is a link-state record that is signed by
this node's key, names this very start, and has a version that was not said here: only another process can have said it.

One of the two ends, says so to who runs it, and at its next start takes another number. Which one both tell by their
addresses, since they know nothing else that differs; where those are the same, both end.
"""

from __future__ import annotations

from collections.abc import Callable

from core.node.kernel.context import Context
from core.node.map.topology import ServerRecord, Topology


class SameStart:
    """Decides which of two processes ends."""

    def __init__(self, context: Context, topology: Topology, end: Callable[[str], None]) -> None:
        self._context = context
        self._topology = topology
        self._end = end
        self._told: tuple[str, int] | None = None
        """Of which other process people have been told last, by its address."""

    def met(self, record: ServerRecord) -> bool:
        """Another process has said `record` as this very start; whether this node ends for it."""
        own = self._topology.own
        here, there = (own.hostname, own.port), (record.hostname, record.port)
        context = self._context
        where = f"{there[0]}:{there[1]}"
        what = f"the process at {where} goes on as this very start of this server (number {context.incarnation})"
        if here < there:
            if self._told != there:
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
        # What this node says last is later than what it has heard, so that the other one hears it.
        own.version = max(own.version, record.version)
        self._end(
            f"{what}, and this one ends for it, before both give two activities one identity; started again, this"
            " server takes another number. What it has accepted since it was copied is kept here, and may be missing at"
            " other servers"
        )
        return True
