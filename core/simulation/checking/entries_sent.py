"""What entries a message between servers has, however they travel."""

from __future__ import annotations

from core.wire.entries import Kind
from core.wire.messages import Account, ActivityBroadcast, Message, Record
from core.wire.records import read


def entry_kinds(message: Message, about: bytes = b"") -> list[Kind]:
    """Of which kinds the entries are that a message between servers has, and that have the bytes `about` in them."""
    match message:
        case Record():
            return [entry.kind for entry in read(message).signed_columns.entries if about in entry.body]
        case ActivityBroadcast():
            return ["activity"]
        case Account():
            return ["account"]
    return []
