"""The life of one connection's stream, and what leads from one state to the next."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

from core.wire.state_machine import Symbol


@enum.unique
class StreamState(Symbol):
    """Where a stream is. Two questions are asked of it for each piece that is read, and are answered beforehand."""

    NEW = ("not connected yet", False, False)
    OPEN = ("open", True, False)
    CLOSING = ("what was sent is being flushed", True, True)
    LINGERING = ("flushed, and its end told: what still comes is read, and discarded", True, True)
    LOST = ("its socket is closed, and the node has not been heard of it", False, False)
    OVER = ("closed on both sides", False, True)

    def __init__(self, meaning: str, connected: bool, closed: bool) -> None:
        self.meaning = meaning
        self.connected = connected
        """Whether there is a socket."""
        self.closed = closed
        """Whether this side has closed it."""


@enum.unique
class StreamOutcome(Symbol):
    CONNECTED = "connected"
    CLOSED = "this side closes, or has heard of the end"
    FLUSHED = "all is flushed"
    LOST = "the socket is closed"


_S, _O = StreamState, StreamOutcome

TRANSITIONS: Final[Mapping[StreamState, Mapping[StreamOutcome, StreamState]]] = {
    _S.NEW: {_O.CONNECTED: _S.OPEN},
    _S.OPEN: {_O.CLOSED: _S.CLOSING, _O.LOST: _S.LOST},
    _S.CLOSING: {_O.FLUSHED: _S.LINGERING, _O.LOST: _S.OVER},
    _S.LINGERING: {_O.LOST: _S.OVER},
    _S.LOST: {_O.CLOSED: _S.OVER},
    _S.OVER: {},
}
