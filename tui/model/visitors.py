"""The sessions over SSH at the node here, as its operator sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session as the operator sees it."""

    number: int
    user: str
    address: str
    client: str
    terminal: str
    size: tuple[int, int]
    since: float
    """Wall-clock seconds since 1970."""
    bytes_in: int
    bytes_out: int
    lag: float
    """Seconds from a key to what it painted, the latest."""
    command: str


class Visitors(Protocol):
    """Who is here over SSH; `tui.ssh.ssh_server.SSHServer` knows."""

    def sessions(self) -> Sequence[SessionView]: ...

    def end(self, number: int, reason: str) -> bool:
        """End a session, its person told why; whether there was one with this number."""
        ...
