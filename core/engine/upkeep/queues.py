"""What waits where in a server, beside its node: sockets, the disk, the threads."""

from __future__ import annotations

import asyncio
import heapq
import threading
from collections.abc import Iterable

from core.engine.transport.stream_connection import StreamConnection

SLOWEST_SHOWN = 5


def outbox_queues(connections: Iterable[StreamConnection]) -> dict[str, int]:
    """What waits to be taken by whoever is connected, and by whom it is most."""
    waiting = [(connection.outbox.waiting_bytes, connection) for connection in connections]
    slow = [(size, connection) for size, connection in waiting if size]
    found = {
        "connections": len(waiting),
        "connections that do not take what they are sent": len(slow),
        "bytes waiting for connections": sum(size for size, _ in slow),
    }
    for size, connection in heapq.nlargest(SLOWEST_SHOWN, slow, key=lambda one: one[0]):
        found[f"bytes waiting for connection {connection.conn} ({connection.peer})"] = size
    return found


def process_queues() -> dict[str, int]:
    """What this process has under way."""
    return {"tasks of the event loop": len(asyncio.all_tasks()), "threads": threading.active_count()}
