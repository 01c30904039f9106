"""The places that a server has for connections, and who loses one when there are too few."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

from core.engine.arrivals.flood_notices import FloodNotices
from core.engine.arrivals.strangers import Stranger, Strangers
from core.engine.engine_settings import places_kept
from core.engine.transport.stream_connection import StreamConnection


class ConnectionPlaces:
    """`taken` tells how many places are taken; `refuse` sends somebody away who loses theirs."""

    def __init__(
        self, limit: int, floods: FloodNotices, *, taken: Callable[[], int], refuse: Callable[[Stranger], None]
    ) -> None:
        self.strangers = Strangers()
        self.leaving: dict[StreamConnection, None] = {}
        """Connections that are being closed: they go first when there is no room."""
        self._limit = limit
        self._floods = floods
        self._taken = taken
        self._refuse = refuse
        self.draw = random.random

    def has_room(self, connection: Stranger) -> bool:
        """Whether there is room for a connection that somebody has opened; makes room if need be.

        Random early drop, as sshd does it (MaxStartups), but of those who have not said yet who they are the one goes
        that has been there for longest, of the address that has most of them.
        """
        free = self._limit - self._taken()
        kept = places_kept(self._limit) // 2
        self.strangers.add(connection)
        if free > kept or (free > 0 and self.draw() < free / kept):
            return True
        if self.leaving:
            # It has been told why it is closed, or never takes it.
            leaving = next(iter(self.leaving))
            # It is gone only in the next pass of the loop, and others may come before that.
            del self.leaving[leaving]
            leaving.abort("")
            return True
        victim = self.strangers.oldest_of_heaviest()
        if victim is None or victim is connection:
            if free > 0:
                return True
            self.strangers.discard(connection)
            return False
        self._floods.tell(
            f"{len(self.strangers)} connections have not said who they are: some are cut", Counter([victim.share])
        )
        self._refuse(victim)
        return True
