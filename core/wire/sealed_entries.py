"""Entries as records have them: a JSON array each, or a hash where entries are left out."""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterable, Sequence
from operator import methodcaller
from typing import Annotated, Final

import msgspec

from core.wire.activity import too_deep
from core.wire.entries import COUNTER_MAX, EntryId, Kind, parse_entry_id
from core.wire.entry_columns import EntryColumns
from core.wire.limits import (
    ACTIVITY_BYTES_MAX,
    NAME_CHARACTERS_MAX,
    NESTING_DEPTH_MAX,
    RECORD_ENTRIES_MAX,
    REF_CHARACTERS_MAX,
)
from core.wire.merkle import HASH_BYTES, Gap, Part

KINDS: Final[tuple[Kind, ...]] = ("activity", "account")
"""A kind is written as its place here, as `sealed` and `EntryColumns.accounts` know."""

_Counter = Annotated[int, msgspec.Meta(ge=0, le=COUNTER_MAX)]


class _Sealed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """An entry in a record. Null at its end is left out."""

    body: msgspec.Raw
    kind: Annotated[int, msgspec.Meta(ge=0, lt=len(KINDS))]
    later: Annotated[int, msgspec.Meta(ge=-COUNTER_MAX, le=COUNTER_MAX)]
    """Its stamp less the record's, in microseconds."""
    sender: Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARACTERS_MAX)] | None = None
    previous: _Counter | Annotated[str, msgspec.Meta(max_length=128)] | None = None
    """A number within the same stream, or the text of the id."""
    ref: Annotated[str, msgspec.Meta(min_length=1, max_length=REF_CHARACTERS_MAX)] | None = None
    since: _Counter | None = None


class _LeftOut(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Entries that are left out: a part of the tree."""

    hash: str
    entries: Annotated[int, msgspec.Meta(ge=1, le=RECORD_ENTRIES_MAX)]


_ENTRY: Final = b"[{"
"""How an entry begins: with its body."""
_SHALLOW: Final = 2 * (NESTING_DEPTH_MAX - 1)
"""So short is nothing that is nested too deeply: each level takes two characters."""
_is_object: Final[Callable[[bytes], bool]] = methodcaller("startswith", b"{")
_is_entry: Final[Callable[[bytes], bool]] = methodcaller("startswith", _ENTRY)
_encoder = msgspec.json.Encoder()
_sealed_decoder = msgspec.json.Decoder(list[_Sealed])
_left_out_decoder = msgspec.json.Decoder(_LeftOut)


def sealed(columns: EntryColumns, stamp: int) -> list[bytes]:
    """Entries of a record with this stamp. Raises ValueError if one of them is none that every server could read.

    That their bodies are in one line is not looked at.
    """
    encode = _encoder.encode
    found: list[bytes] = []
    columns_of_them = columns.accounts, columns.stamps, columns.bodies, columns.senders, columns.previous
    for account, at, body, sender, previous, ref, since in zip(
        *columns_of_them, columns.refs, columns.sinces, strict=True
    ):
        before = str(previous) if isinstance(previous, EntryId) else previous
        if since is not None:
            found.append(encode((msgspec.Raw(body), account, at - stamp, sender or None, before, ref, since)))
        elif ref is not None:
            found.append(encode((msgspec.Raw(body), account, at - stamp, sender or None, before, ref)))
        elif before is not None:
            found.append(encode((msgspec.Raw(body), account, at - stamp, sender or None, before)))
        elif sender:
            found.append(encode((msgspec.Raw(body), account, at - stamp, sender)))
        else:
            found.append(encode((msgspec.Raw(body), account, at - stamp)))
    return found


def check(columns: EntryColumns) -> None:
    """Raises ValueError when one of these is none that every server could read."""
    stream, numbers, bodies, senders = columns.stream, columns.numbers, columns.bodies, columns.senders

    def refuse(is_wrong: Sequence[bool], what: str) -> None:
        raise ValueError(f"{EntryId(*stream, numbers[is_wrong.index(True)])}: {what}")

    if not all(map(_is_object, bodies)):
        refuse([not _is_object(body) for body in bodies], "its body is not a JSON object")
    if max(map(len, bodies)) > ACTIVITY_BYTES_MAX:
        wrong = [len(body) > ACTIVITY_BYTES_MAX for body in bodies]
        refuse(wrong, f"its body is longer than {ACTIVITY_BYTES_MAX} bytes")
    if not 0 <= min(columns.stamps) <= max(columns.stamps) <= COUNTER_MAX:
        refuse([not 0 <= stamp <= COUNTER_MAX for stamp in columns.stamps], "its stamp is out of range")
    if max(map(len, senders)) > NAME_CHARACTERS_MAX:
        wrong = [len(sender) > NAME_CHARACTERS_MAX for sender in senders]
        refuse(wrong, f"its sender's name is longer than {NAME_CHARACTERS_MAX} characters")
    if [ref for ref in columns.refs if ref is not None and not 0 < len(ref) <= REF_CHARACTERS_MAX]:
        wrong = [ref is not None and not 0 < len(ref) <= REF_CHARACTERS_MAX for ref in columns.refs]
        refuse(wrong, f"its ref does not have 1 to {REF_CHARACTERS_MAX} characters")


def unsealed(raws: Sequence[msgspec.Raw], first: EntryId, stamp: int) -> tuple[list[Part], EntryColumns, int]:
    """What a record has that begins with the entry `first`, of that stamp: parts of the tree, entries, and how many
    entries there are with those that are left out. Raises ValueError, or what msgspec does."""
    parts: list[Part] = list(map(bytes, raws))
    start = first.seq
    count = len(parts)
    numbers: Sequence[int] = range(start, start + count)
    sealed_entries: Iterable[bytes] = parts  # type: ignore[assignment]  # if nothing is left out
    if not all(map(_is_entry, sealed_entries)):
        parts, numbers, sealed_entries, count = _with_gaps(sealed_entries, start)
    found = _sealed_decoder.decode(b"[%b]" % b",".join(sealed_entries))
    if len(found) != len(numbers):
        raise ValueError("an entry in the record is several")
    if start + count - 1 > COUNTER_MAX:
        raise ValueError("a number in the record is out of range")
    return parts, _columns(found, first, numbers, stamp), count


def unsealed_alone(raws: Sequence[msgspec.Raw], first: EntryId, stamp: int, number: int) -> EntryColumns | None:
    """The entry with a number alone, of a record that begins with the entry `first`; None where it is left out. Raises
    ValueError, or what msgspec does."""
    at = first.seq
    for raw in raws:
        data = bytes(raw)
        if not _is_entry(data):
            at += _left_out_decoder.decode(data).entries
        elif at == number:
            return _columns(_sealed_decoder.decode(b"[%b]" % data), first, range(number, number + 1), stamp)
        else:
            at += 1
        if at > number:
            break
    return None


def _with_gaps(raws: Iterable[bytes], start: int) -> tuple[list[Part], list[int], list[bytes], int]:
    """Where entries are left out: parts of the tree, numbers and bytes of those that are there, and how many in all."""
    parts: list[Part] = []
    numbers: list[int] = []
    sealed_entries: list[bytes] = []
    number = start
    for data in raws:
        if _is_entry(data):
            parts.append(data)
            sealed_entries.append(data)
            numbers.append(number)
            number += 1
        else:
            gap = _left_out_decoder.decode(data)
            if data != _encoder.encode(gap):
                raise ValueError("what is left out of the record is not written in the one way in which it is")
            parts.append(Gap(decoded(gap.hash, HASH_BYTES), gap.entries))
            number += gap.entries
    return parts, numbers, sealed_entries, number - start


def _columns(found: Sequence[_Sealed], first: EntryId, numbers: Sequence[int], stamp: int) -> EntryColumns:
    node, incarnation, start = first
    bodies = [bytes(one.body) for one in found]
    if max(map(len, bodies), default=0) > ACTIVITY_BYTES_MAX:
        raise ValueError(f"a body in the record is longer than {ACTIVITY_BYTES_MAX} bytes")
    if [body for body in bodies if len(body) > _SHALLOW and too_deep(body, NESTING_DEPTH_MAX - 1)]:
        raise ValueError("a body in the record is nested too deeply")
    stamps = [stamp + one.later for one in found]
    if stamps and not 0 <= min(stamps) <= max(stamps) <= COUNTER_MAX:
        raise ValueError("a stamp in the record is out of range")
    if stamps and numbers[0] == start and stamps[0] != stamp:
        raise ValueError("the record's stamp is not its first entry's")
    return EntryColumns(
        (node, incarnation),
        numbers,
        [one.kind for one in found],
        stamps,
        bodies,
        [one.sender or "" for one in found],
        [parse_entry_id(one.previous) if isinstance(one.previous, str) else one.previous for one in found],
        [one.ref for one in found],
        [one.since for one in found],
    )


def is_entry(raw: msgspec.Raw) -> bool:
    """Whether a part of a record that has been read is an entry; it is a hash otherwise."""
    return _is_entry(bytes(raw))


def raws(parts: Sequence[Part]) -> list[msgspec.Raw]:
    """Parts of the tree as a record has them."""
    return [
        msgspec.Raw(_encoder.encode((encoded(part.hash), part.leaves)) if isinstance(part, Gap) else part)
        for part in parts
    ]


def encoded(data: bytes) -> str:
    """In base 64 (RFC 4648, section 4)."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def decoded(text: str, length: int) -> bytes:
    """So many bytes from base 64. Raises ValueError for what `encoded` does not write: bits that mean nothing are 0."""
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        data = b""
    if len(data) != length or encoded(data) != text:
        raise ValueError(f"a digest, key or signature in the record is not {length} bytes in base 64")
    return data
