"""Connections of which nobody knows yet who is at the other end."""

from __future__ import annotations

from core.engine.arrivals.caller import Caller
from core.engine.arrivals.share_table import ShareTable
from core.engine.transport.stream_connection import StreamConnection

Stranger = StreamConnection | Caller


class Strangers(ShareTable[Stranger]):
    """Those, by address."""
