"""A connection that somebody has opened and that nothing is made for yet: it has said nothing, or agrees on keys."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Final

from core.admission.shares import share_of

HANDSHAKE: Final = b"\x16"
"""The first byte of whoever encrypts (RFC 8446, section 5.1). No line of the protocol begins with it."""


class Caller:
    """A connection of which the node knows nothing."""

    __slots__ = ("_begin", "give_up", "share", "since", "socket")

    def __init__(self, accepted: socket.socket, host: str, since: float, begin: Callable[[Caller, bool], None]) -> None:
        self.socket = accepted
        self.share = share_of(host)
        """Whom its limits are shared with."""
        self.since = since
        """Since when it has been here, in the loop's time."""
        self.give_up: Callable[[], object] | None = None
        """Ends what tries to agree on keys with it, while something does."""
        self._begin = begin

    def begin(self, *, encrypted: bool) -> None:
        """Have its connection served."""
        self._begin(self, encrypted)
