"""Entries as messages and back: the one form in which they travel, between nodes and to clients of ours alike."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from core.node.kernel.connections import Session
from core.wire.codec import Frame, Frames, base_broadcast, base_broadcasts, encode
from core.wire.entries import AccountFact, Entry, parse_entry_id
from core.wire.entry_columns import EntryColumns
from core.wire.limits import ACTIVITY_BYTES_MAX, NAME_CHARACTERS_MAX
from core.wire.messages import Account, ActivityBroadcast, Message
from core.wire.names import registrable_problem
from core.wire.records import LogRecord


class ActivityFrame(Frame):
    """An activity on its way out. Where nobody gets more than the base protocol has, no more is made of it."""

    __slots__ = ("_entry",)

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._message = self._data = self._base = None

    @property
    def message(self) -> Message:
        message = self._message
        if message is None:
            entry = self._entry
            message = self._message = ActivityBroadcast(
                activity=msgspec.Raw(entry.body),
                id=str(entry.id),
                stamp=entry.stamp,
                sender=entry.sender or None,
                previous=str(entry.previous) if entry.previous is not None else None,
                ref=entry.ref,
                since=entry.since,
            )
        return message

    @property
    def base(self) -> Frame:
        base = self._base
        if base is None:
            base = self._base = base_broadcast(self._entry.body)
        return base


class _RecordFrame(Frame):
    """A record on its way out. Where there is no neighbour nobody needs its line once more."""

    __slots__ = ("_record",)

    def __init__(self, record: LogRecord) -> None:
        super().__init__(record.message)
        self._record = record

    @property
    def data(self) -> bytes:
        data = self._data
        if data is None:
            data = self._data = self._record.line + b"\n"
        return data


def frame_of(entry: Entry) -> Frame:
    """An entry as it travels, between nodes and to clients alike."""
    if entry.kind == "account":
        return Frame(_account_of(entry, msgspec.json.decode(entry.body, type=AccountFact)))
    return ActivityFrame(entry)


def frame_for(session: Session, entry: Entry) -> Frame:
    """An activity as it travels to one client."""
    frame = frame_of(entry)
    return frame if session.native else frame.base


class _ActivityFrames(Frames):
    """Activities on their way out. Their lines are made of the columns, without an object of each, and once."""

    __slots__ = ("_base_lines", "_columns", "_lines")

    def __init__(self, columns: EntryColumns) -> None:
        super().__init__(lambda: map(frame_of, columns.entries))
        self._columns = columns
        self._lines: Sequence[bytes] | None = None
        self._base_lines: Sequence[bytes] | None = None

    def lines(self, *, base: bool) -> Sequence[bytes]:
        if base:
            if self._base_lines is None:
                self._base_lines = base_broadcasts(self._columns.bodies)
            return self._base_lines
        if self._lines is None:
            # Where they are there already, as for a neighbour of the version before records, they have their bytes.
            self._lines = super().lines(base=False) if self._frames is not None else self._encoded()
        return self._lines

    def _encoded(self) -> list[bytes]:
        columns = self._columns
        stream = f"{columns.stream}."
        rows = zip(columns.numbers, columns.stamps, columns.bodies, columns.senders, columns.previous, strict=True)
        return [
            encode(
                ActivityBroadcast(
                    msgspec.Raw(body),
                    f"{stream}{number}",
                    stamp,
                    sender or None,
                    f"{stream}{previous}" if type(previous) is int else str(previous) if previous is not None else None,
                    ref,
                    since,
                )
            )
            for (number, stamp, body, sender, previous), ref, since in zip(
                rows, columns.refs, columns.sinces, strict=True
            )
        ]


def frames_of(columns: EntryColumns) -> Frames:
    """The same of several, made when somebody is to get them."""
    return Frames(lambda: map(frame_of, columns.entries)) if columns.has_accounts else _ActivityFrames(columns)


def _account_of(entry: Entry, fact: AccountFact) -> Account:
    return Account(
        id=str(entry.id),
        stamp=entry.stamp,
        username=fact.username,
        verifier=fact.verifier,
        claimed_at=fact.stamp,
        claim=fact.claim,
        key=fact.key,
        vote=fact.vote,
    )


def frame_of_record(record: LogRecord) -> Frame:
    """A record as it travels between nodes: as it lies on the disk."""
    return _RecordFrame(record)


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


def check_accounts(record: LogRecord) -> None:
    """Raises ValueError when an account in a record is none that would be taken by itself."""
    columns = record.signed_columns
    if not columns.has_accounts:
        return
    for entry in columns.entries:
        if entry.kind == "account":
            try:
                fact = msgspec.json.decode(entry.body, type=AccountFact)
                if fact.allowed_at:
                    raise ValueError("an account in the record says itself when it was allowed")
                # The message has the limits.
                text = msgspec.json.encode(_account_of(entry, fact))
                entry_of_account(msgspec.json.decode(text, type=Account))
            except msgspec.DecodeError as error:
                raise ValueError(f"an account in the record is none: {error}") from None


def entry_of_account(message: Account) -> Entry:
    """The entry that an account travels as. Raises ValueError."""
    problem = registrable_problem(message.username)
    if problem is not None:
        raise ValueError(problem)
    fact = AccountFact(message.username, message.verifier, message.claimed_at, message.claim, message.key, message.vote)
    return Entry(parse_entry_id(message.id), "account", message.stamp, msgspec.json.encode(fact))
