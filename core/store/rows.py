"""Entries as rows, and what a start reads of all rows together."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec

from core.store.contents import ORDER_RECOVERED, REFS_RECOVERED, Contents, Position
from core.store.retention import Usage
from core.store.sequence_runs import Runs
from core.wire.address import Address
from core.wire.entries import AccountFact, Entry, EntryId, PeerRecord, Stream, parse_entry_id

COLUMNS: Final = "node, incarnation, seq, kind, stamp, sender, previous, ref, body"


def row_of(entry: Entry) -> tuple[Any, ...]:
    """An entry's values in the order of `COLUMNS`."""
    previous = None if entry.previous is None else str(entry.previous)
    return (*entry.id, entry.kind, entry.stamp, entry.sender, previous, entry.ref, entry.body)


def entry_of(row: tuple[Any, ...]) -> Entry:
    """The entry of a row."""
    node, incarnation, seq, kind, stamp, sender, previous, ref, body = row
    return Entry(
        EntryId(node, incarnation, seq),
        kind,
        stamp,
        body,
        sender,
        None if previous is None else parse_entry_id(previous),
        ref,
    )


def load(connection: sqlite3.Connection) -> Contents:
    """What a store knows by heart. Raises sqlite3.Error."""
    contents = Contents()
    query = "SELECT node, incarnation, first, last FROM runs ORDER BY node, incarnation, first"
    for origin, incarnation, first, last in connection.execute(query):
        contents.held.setdefault(Stream(origin, incarnation), Runs()).add(first, last)
    contents.received = sum(runs.count for runs in contents.held.values())
    for sender, stamp, *identity in connection.execute("SELECT sender, stamp, node, incarnation, seq FROM senders"):
        contents.latest[sender] = Position(stamp, EntryId(*identity))
    query = "SELECT id, hostname, port, name, seen_at, others FROM peers ORDER BY id"
    for peer, host, port, name, seen_at, others in connection.execute(query):
        addresses = msgspec.json.decode(others, type=tuple[Address, ...])
        contents.peers[peer] = PeerRecord(peer, host, port, name, seen_at, addresses)
    for sender, activities, taken in connection.execute("SELECT sender, activities, bytes FROM usage"):
        contents.usage[sender] = Usage(activities, taken)
        contents.activities += activities
        contents.bytes += taken
    # One maximum for each index, where one over both kinds would read every entry.
    stamps = connection.execute(
        "SELECT stamp FROM node"
        " UNION ALL SELECT max(stamp) FROM entries WHERE kind = 'activity'"
        " UNION ALL SELECT max(stamp) FROM entries WHERE kind = 'account'"
    )
    contents.stamp = max(stamp or 0 for (stamp,) in stamps)
    return contents


def accounts(connection: sqlite3.Connection) -> list[AccountFact]:
    """All accounts, the oldest first. Raises sqlite3.Error, msgspec.MsgspecError."""
    decoder = msgspec.json.Decoder(AccountFact)
    bodies = connection.execute(
        "SELECT body FROM entries WHERE kind = 'account' ORDER BY stamp, node, incarnation, seq"
    )
    return [decoder.decode(body) for (body,) in bodies]


def recent_refs(connection: sqlite3.Connection) -> list[tuple[str, str, EntryId]]:
    """Of the newest activities those that their senders named, the oldest first. Raises sqlite3.Error."""
    newest = connection.execute(
        "SELECT sender, ref, node, incarnation, seq FROM entries WHERE kind = 'activity'"
        " ORDER BY stamp DESC, node DESC, incarnation DESC, seq DESC LIMIT ?",
        (REFS_RECOVERED,),
    )
    refs = [(sender, ref, EntryId(*identity)) for sender, ref, *identity in newest if ref is not None]
    refs.reverse()
    return refs


def disordered(connection: sqlite3.Connection, contents: Contents) -> list[Entry]:
    """Of the newest activities those before which one of their sender's is missing. Raises sqlite3.Error."""
    newest = connection.execute(
        "SELECT previous, node, incarnation, seq FROM entries WHERE kind = 'activity'"
        " ORDER BY stamp DESC, node DESC, incarnation DESC, seq DESC LIMIT ?",
        (ORDER_RECOVERED,),
    ).fetchall()
    activities = (
        (EntryId(*identity), None if previous is None else parse_entry_id(previous))
        for previous, *identity in reversed(newest)
    )
    by_id = f"SELECT {COLUMNS} FROM entries WHERE node = ? AND incarnation = ? AND seq = ?"
    return [entry_of(connection.execute(by_id, found).fetchone()) for found in contents.disordered(activities)]
