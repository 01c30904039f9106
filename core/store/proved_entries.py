"""Which entries that are kept without their server's signature a signed record proves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec

from core.wire.entries import AccountFact, Entry, Stream
from core.wire.records import LogRecord
from core.wire.server_keys import is_certified

_decoder: Final = msgspec.json.Decoder(AccountFact)


class Split(NamedTuple):
    """What becomes of a loose record beside a signed one."""

    proved: frozenset[int]
    """Numbers that the signed one has as well."""
    rest: LogRecord | None
    """What is left of the loose one."""


def split(loose: LogRecord, signed: LogRecord) -> Split:
    """Which entries of a loose record a signed one proves."""
    there = {entry.id.seq: entry for entry in signed.entries}
    proved = frozenset(one.id.seq for one in loose.entries if is_the_same(one, there.get(one.id.seq)))
    rest = loose.without(proved) if len(proved) < len(loose.entries) else None
    return Split(proved, rest)


def is_the_same(kept: Entry, proved: Entry | None) -> bool:
    """Whether one that is kept is what its server has signed: all of it, but that an account may lack the vote, which a
    server of the version before did not read."""
    if proved is None:
        return False
    if kept.kind == "account":
        return proved.kind == "account" and kept.stamp == proved.stamp and _claim(kept) == _claim(proved)
    return kept == proved


def _claim(entry: Entry) -> tuple[object, ...] | None:
    try:
        fact = _decoder.decode(entry.body)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return fact.claim, fact.username, fact.verifier, fact.stamp, fact.key


def only(record: LogRecord, numbers: Iterable[int]) -> LogRecord:
    """A record with nothing but these entries."""
    kept = frozenset(numbers)
    return record.without([entry.id.seq for entry in record.entries if entry.id.seq not in kept])


def signs(stream: Stream, since: Mapping[str, int]) -> bool:
    """Whether a stream's server signs all that it accepted in it; `since` as in `UnprovedWanted`."""
    first = since.get(stream.node, 0 if is_certified(stream.node) else None)
    return first is not None and stream.incarnation >= first
