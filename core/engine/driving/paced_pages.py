"""Pages of the store that wait for their connection to take what was sent to it before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from core.engine.transport.stream_connection import StreamConnection
from core.node.interface.actions import FetchPage
from core.wire.missing import PageQuery


class PacedPages:
    """`fetch` asks the store for a page; `connections` are those that there are, by their numbers."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connections: Mapping[int, StreamConnection],
        fetch: Callable[[int, PageQuery], None],
    ) -> None:
        self._loop = loop
        self._connections = connections
        self._fetch = fetch
        self._waiting: dict[StreamConnection, list[FetchPage]] = {}

    def __len__(self) -> int:
        return sum(len(pages) for pages in self._waiting.values())

    def fetch(self, action: FetchPage) -> None:
        if action.conn is None:
            self._fetch(action.token, action.query)
        else:
            # Behind the flush of what was sent to it.
            self._loop.call_soon(self._fetch_for, action, action.conn)

    def go_on(self, connection: StreamConnection) -> None:
        """The connection has taken what was sent to it, or has ended."""
        for action in self._waiting.pop(connection, ()):
            self._fetch(action.token, action.query)

    def _fetch_for(self, action: FetchPage, conn: int) -> None:
        connection = self._connections.get(conn)
        if connection is not None and not connection.closing and connection.outbox.waits:
            self._waiting.setdefault(connection, []).append(action)
        else:
            self._fetch(action.token, action.query)
