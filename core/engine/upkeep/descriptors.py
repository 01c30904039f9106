"""Open files: each connection is one, and a server that has run out of them can neither accept nor back up."""

from __future__ import annotations

import contextlib
from typing import Final

RESERVED: Final = 128
"""For the store, its backups, logs, threads and whatever else the process has open."""
NARROW: Final = 500
"""Fewer connections than this are said at the start: nobody expects a server to be full so soon."""


def room_for(connections: int) -> int:
    """How many of so many connections this process may have open. Raises its soft limit if that helps."""
    try:
        import resource
    except ImportError:  # Windows has no such limit on sockets
        return connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + RESERVED
    if soft != resource.RLIM_INFINITY and soft < wanted:
        raised = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return connections if soft == resource.RLIM_INFINITY else min(connections, _room_within(soft))


def explain_room(connections: int) -> str | None:
    """Why there is less room than for so many connections, as a sentence; None if there is enough."""
    room = room_for(connections)
    if room >= min(connections, NARROW):
        return None
    return f"there is room for only {room} connections: this process may have few files open (raise it with ulimit -n)"


def _room_within(files: int) -> int:
    """Connections among so many open files: a quarter where there are hardly more than what is usually reserved."""
    return max(files - RESERVED, files // 4, 1)
