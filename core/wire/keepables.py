"""Keepables: what a node asks its store to keep."""

from __future__ import annotations

from core.wire.entries import Entry, PeerForgotten, PeerRecord, StreamMark
from core.wire.records import LogRecord

Keepable = Entry | LogRecord | StreamMark | PeerRecord | PeerForgotten
"""An entry by itself was accepted here, or has come from a server that knows no records. A record is another server's,
and is kept as it came."""
