"""Who has more than a share of what is kept."""

from __future__ import annotations

import sqlite3

from core.store.retention import Usage


class HeavyWriters:
    """Who has more than a share of what is kept: known without a look at all writers each time.

    Whoever has more than half a share is watched. Nobody else gets a whole one before half a share has been written.
    """

    def __init__(self, connection: sqlite3.Connection, share: Usage) -> None:
        """`share`: how many activities, and how many bytes, are a share; 0: no limit."""
        self._connection = connection
        self._half = Usage(share.activities // 2, share.bytes // 2)
        self._watched: dict[str, Usage] | None = None
        self._added = Usage()

    def use(self, connection: sqlite3.Connection) -> None:
        """From now on the database is reached over another connection."""
        self._connection = connection

    def forget(self) -> None:
        """All was counted anew."""
        self._watched = None
        self._added = Usage()

    @property
    def is_watching(self) -> bool:
        """Whether `added` is of use: nobody is watched before somebody has asked for `usage`."""
        return self._watched is not None

    def usage_of(self, sender: str) -> Usage:
        """What is kept of a writer. Raises sqlite3.Error."""
        row = self._connection.execute("SELECT activities, bytes FROM senders WHERE sender = ?", (sender,)).fetchone()
        return Usage() if row is None else Usage(*row)

    @property
    def usage(self) -> dict[str, Usage]:
        """What is kept of each who has more than a share, and of some others. Raises sqlite3.Error."""
        if self._watched is None:
            rows = self._connection.execute(
                "SELECT sender, activities, bytes FROM senders WHERE (? AND activities > ?) OR (? AND bytes > ?)",
                (self._half.activities, self._half.activities, self._half.bytes, self._half.bytes),
            )
            self._watched = {sender: Usage(activities, taken) for sender, activities, taken in rows}
            self._added = Usage()
        return self._watched

    def added(self, usage: dict[str, Usage]) -> None:
        """So much more is kept of some writers."""
        if self._watched is None:
            return
        activities, taken = self._added
        for sender, more in usage.items():
            activities += more.activities
            taken += more.bytes
            known = self._watched.get(sender)
            if known is not None:
                self._watched[sender] = Usage(known.activities + more.activities, known.bytes + more.bytes)
        self._added = Usage(activities, taken)
        if (self._half.activities and activities >= self._half.activities) or (
            self._half.bytes and taken >= self._half.bytes
        ):
            self._watched = None

    def left(self, usage: dict[str, Usage]) -> None:
        """So much is left to some writers."""
        for sender, left in usage.items():
            if self._watched is not None and sender in self._watched:
                self._watched[sender] = left
