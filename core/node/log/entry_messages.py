"""Entries as messages and back: the one form in which they travel, between nodes and to clients alike."""

from __future__ import annotations

import msgspec

from core.wire.codec import Frame
from core.wire.entries import AccountFact, Entry, parse_entry_id
from core.wire.limits import ACTIVITY_BYTES_MAX, NAME_CHARACTERS_MAX
from core.wire.messages import Account, ActivityBroadcast
from core.wire.names import registrable_problem


def frame_of(entry: Entry) -> Frame:
    """An entry as it travels, between nodes and to clients alike."""
    if entry.kind == "account":
        fact = msgspec.json.decode(entry.body, type=AccountFact)
        return Frame(
            Account(
                id=str(entry.id),
                stamp=entry.stamp,
                username=fact.username,
                verifier=fact.verifier,
                claimed_at=fact.stamp,
                claim=fact.claim,
                key=fact.key,
            )
        )
    return Frame(
        ActivityBroadcast(
            activity=msgspec.Raw(entry.body),
            id=str(entry.id),
            stamp=entry.stamp,
            sender=entry.sender or None,
            previous=str(entry.previous) if entry.previous is not None else None,
            ref=entry.ref,
            since=entry.since,
        )
    )


def entry_of_activity(message: ActivityBroadcast) -> Entry | None:
    """The entry that a broadcast carries; None when a base server began it. Raises ValueError."""
    if message.id is None or message.stamp is None:
        return None
    if message.sender is not None and len(message.sender) > NAME_CHARACTERS_MAX:
        raise ValueError("the sender's name is too long")
    if len(bytes(message.activity)) > ACTIVITY_BYTES_MAX:
        raise ValueError(f"the activity is longer than {ACTIVITY_BYTES_MAX} bytes")
    return Entry(
        parse_entry_id(message.id),
        "activity",
        message.stamp,
        bytes(message.activity),
        message.sender or "",
        parse_entry_id(message.previous) if message.previous is not None else None,
        message.ref,
        message.since,
    )


def entry_of_account(message: Account) -> Entry:
    """The entry that an account travels as. Raises ValueError."""
    problem = registrable_problem(message.username)
    if problem is not None:
        raise ValueError(problem)
    fact = AccountFact(message.username, message.verifier, message.claimed_at, message.claim, message.key)
    return Entry(parse_entry_id(message.id), "account", message.stamp, msgspec.json.encode(fact))
