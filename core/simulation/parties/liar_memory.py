"""What a member that lies has heard, of which lies are made; and how it puts them into lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from core.node.log.entry_messages import entry_of_account, entry_of_activity, frame_of
from core.simulation.environment.hash_signing import HashSigner
from core.wire import messages as wire
from core.wire.codec import encode
from core.wire.entries import Entry, EntryId, parse_entry_id
from core.wire.link_state import signed_digest
from core.wire.messages import Message
from core.wire.records import seal

HEARD_MAX: Final = 400
"""Messages, and entries, that it remembers."""

EntryMessage = wire.ActivityBroadcast | wire.Account


class LiarMemory:
    """What one of them has heard over all its links."""

    def __init__(self, own: str) -> None:
        self._own = own
        self.records: dict[str, wire.ServerAnnounce] = {}
        """The last link-state record that it has heard of each server."""
        self.entries: dict[str, EntryMessage] = {}
        self.newest: dict[str, tuple[int, Message]] = {}
        """Of each stream the highest number that it has heard of, and what that came in."""
        self.invented: dict[str, None] = {}
        """Servers that it has made up."""
        self.heard: list[Message] = []
        """The first messages that it has heard, to be said again."""

    def hear(self, message: Message) -> None:
        """Somebody has said something."""
        if len(self.heard) < HEARD_MAX and not isinstance(message, wire.Ping | wire.Pong | wire.ServerHello):
            self.heard.append(message)

    def learn(self, entries: Sequence[EntryMessage], message: Message) -> list[EntryMessage]:
        """Entries have come in a message; those of which it had not heard."""
        for entry in map(_id_of, entries):
            if entry.node != self._own and entry.seq > self.newest.get(str(entry.stream), (0, message))[0]:
                self.newest[str(entry.stream)] = (entry.seq, message)
        new = [entry for entry in entries if entry.id is not None and entry.id not in self.entries]
        if len(self.entries) < HEARD_MAX:
            self.entries.update((entry.id, entry) for entry in new if entry.id is not None)
        return new

    def honest(self) -> list[wire.ServerAnnounce]:
        """What it has heard of servers other than itself and those that it made up, by id."""
        return [
            record
            for server, record in sorted(self.records.items())
            if record.incarnation is not None and server != self._own and server not in self.invented
        ]

    def ends_of_streams(self) -> dict[tuple[str, int], int]:
        """Of each start of an honest server the highest number that it has heard of; 0 where it has heard of none."""
        found = {(str(record.id), record.incarnation or 0): 0 for record in self.honest()}
        for text in self.entries:
            entry = parse_entry_id(text)
            if entry.node != self._own:
                key = (entry.node, entry.incarnation)
                found[key] = max(entry.seq, found.get(key, 0))
        return found

    def accounts(self) -> list[wire.Account]:
        """The registrations that it has heard of, which are others'."""
        return [
            entry
            for entry in self.entries.values()
            if isinstance(entry, wire.Account) and entry.key is None and _id_of(entry).node != self._own
        ]

    def activities(self) -> list[wire.ActivityBroadcast]:
        """The activities that it has heard of, which others accepted."""
        return [
            entry
            for entry in self.entries.values()
            if isinstance(entry, wire.ActivityBroadcast) and _id_of(entry).node != self._own
        ]


def _id_of(entry: EntryMessage) -> EntryId:
    return parse_entry_id(entry.id or "")


def entry_in(message: Message) -> Entry | None:
    """The entry that a message carries."""
    if isinstance(message, wire.ActivityBroadcast):
        return entry_of_activity(message)
    return entry_of_account(message) if isinstance(message, wire.Account) else None


def message_of(entry: Entry) -> EntryMessage:
    """An entry as it travels by itself."""
    message = frame_of(entry).message
    assert isinstance(message, wire.ActivityBroadcast | wire.Account)
    return message


def line_of(message: Message, signer: HashSigner | None) -> bytes:
    """What is said, without a line's end: entries as records, and these and link-state records signed, by a liar with a
    key, whoever they are of."""
    entry = entry_in(message)
    if signer is not None and entry is not None:
        return seal([entry], b"", signer)[0].line
    if signer is not None and isinstance(message, wire.ServerAnnounce) and message.incarnation is not None:
        record = msgspec.structs.replace(message, key=signer.key)
        message = msgspec.structs.replace(record, signature=signer.sign(signed_digest(record)))
    return encode(message)[:-1]
