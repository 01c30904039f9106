"""Records: what one server accepted in one group commit, sealed; the same line on the wire and on the disk.

A record is a run of entries of one stream. The server that accepted them seals it: one signature under a digest of what
the entries say and of each body's digest. So bodies can be left out, by retention or because somebody has them, and the
signature still fits what is there. Each record names the digest of the one before it in its stream: one signature
that fits proves all records that stand before it in the chain, their signatures included (Haber and Stornetta, "How to
Time-Stamp a Digital Document", 1991; Schneier and Kelsey, "Secure Audit Logs to Support Computer Forensics", 1999).

A record without a signature is *loose*: a run of entries as they came, of a server or from a time without keys. Nothing
proves it.

Digests are BLAKE2b with 256 bits (RFC 7693):

- of a body: of its bytes;
- the *content*, which is signed: of the JSON text `["activity-tui record",version,node,incarnation,first,stamp,before,
  key,entries]`, with the bytes of `entries` as they stand in the line, followed by the digests of all bodies;
- of a record: of its content's digest, followed by the signature.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec

from core.wire.activity import too_deep
from core.wire.entries import COUNTER_MAX, IDENTIFIER_CHARACTERS_MAX, Entry, EntryId, Kind, Stream, parse_entry_id
from core.wire.limits import ACTIVITY_BYTES_MAX, NAME_CHARACTERS_MAX, NESTING_DEPTH_MAX, SERVER_LINE_BYTES_MAX
from core.wire.signing import KEY_BYTES, SIGNATURE_BYTES, Signer, Verifier

RECORD_VERSION: Final = 1
RECORD_ENTRIES_MAX: Final = 512
"""Most entries of one record."""
RECORD_BODIES_BYTES_MAX: Final = 256 * 1024
"""Most bytes of bodies that are sealed into one record; one body alone may have ACTIVITY_BYTES_MAX."""
DIGEST_BYTES: Final = 32
REF_CHARACTERS_MAX: Final = 64
_ENTRY_ID_CHARACTERS_MAX: Final = 128
_KINDS: Final[tuple[Kind, ...]] = ("activity", "account")

_Counter = Annotated[int, msgspec.Meta(ge=0, le=COUNTER_MAX)]
_Difference = Annotated[int, msgspec.Meta(ge=-COUNTER_MAX, le=COUNTER_MAX)]
_EntryIdText = Annotated[str, msgspec.Meta(max_length=_ENTRY_ID_CHARACTERS_MAX)]


class _Placed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """What a record says of one entry, beside its body. Null at the end may be left out."""

    kind: Annotated[int, msgspec.Meta(ge=0, le=1)]
    later: _Difference
    """Its stamp less the record's, in microseconds."""
    sender: Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARACTERS_MAX)] | None = None
    previous: _Counter | _EntryIdText | None = None
    """A number within the same stream, or the text of the id."""
    ref: Annotated[str, msgspec.Meta(min_length=1, max_length=REF_CHARACTERS_MAX)] | None = None
    since: _Counter | None = None


class _Line(
    msgspec.Struct,
    tag_field="command",
    tag="RECORD",
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """A record as it travels: fields in this order, none that is empty or 0, and no blanks but within a value."""

    version: Literal[1]
    node: Annotated[str, msgspec.Meta(min_length=1, max_length=IDENTIFIER_CHARACTERS_MAX, pattern=r"\A[^.]*\Z")]
    incarnation: _Counter
    first: Annotated[int, msgspec.Meta(ge=1, le=COUNTER_MAX)]
    stamp: _Counter
    """The first entry's, hybrid logical time in microseconds."""
    before: str = ""
    entries: msgspec.Raw
    bodies: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1, max_length=RECORD_ENTRIES_MAX)]
    """An object is a body; a string is the digest of one that was left out."""
    key: str = ""
    signature: str = ""
    dated: _Difference = 0


_encoder = msgspec.json.Encoder()
_line_decoder = msgspec.json.Decoder(_Line)
_entries_decoder = msgspec.json.Decoder(tuple[_Placed, ...])


class LogRecord:
    """A record that is well formed. Whether it is its server's word is another question: `is_signed`, `proved`.

    Records are equal when their lines are.
    """

    __slots__ = (
        "_bodies",
        "_content",
        "_digests",
        "_entries",
        "_fields",
        "_placed",
        "before",
        "key",
        "line",
        "signature",
    )

    def __init__(
        self,
        line: bytes,
        fields: _Line,
        placed: Sequence[_Placed],
        bodies: Sequence[bytes | None],
        digests: Sequence[bytes],
        content: bytes,
    ) -> None:
        """For `seal`, `loose` and `decode`, which know that all of these fit together."""
        self.line: Final = line
        """The record as it travels and as it is kept, without a line's end."""
        self.before: Final = _unprinted(fields.before)
        """The digest of the record before it in its stream; empty for the first, and for a loose one."""
        self.key: Final = _unprinted(fields.key)
        """The public key that the signature claims to fit; empty for a loose one."""
        self.signature: Final = _unprinted(fields.signature)
        self._fields = fields
        self._placed = placed
        self._bodies = bodies
        self._digests = digests
        self._content = content
        self._entries: tuple[Entry, ...] | None = None

    @property
    def stream(self) -> Stream:
        return Stream(self._fields.node, self._fields.incarnation)

    @property
    def first(self) -> int:
        """The number of its first entry."""
        return self._fields.first

    @property
    def last(self) -> int:
        """The number of its last entry."""
        return self._fields.first + len(self._placed) - 1

    @property
    def dated(self) -> int:
        """Microseconds by which its entries count as later than the stamps that are signed. No signature covers it."""
        return self._fields.dated

    @property
    def digest(self) -> bytes:
        """Names the record, with its signature, whichever bodies are left out and however it is dated."""
        return _digest(self._content + self.signature)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries whose bodies are here, in the order of their numbers, at the time that they count as written."""
        found = self._entries
        if found is None:
            found = self._entries = tuple(self._read())
        return found

    @property
    def left_out(self) -> tuple[int, ...]:
        """The numbers of the entries whose bodies are not here."""
        return tuple(number for number, body in enumerate(self._bodies, self.first) if body is None)

    def signed_stamp(self, number: int) -> int:
        """The stamp that an entry was signed with, its body here or not. Raises IndexError."""
        if number < self.first:
            raise IndexError(number)
        return self._fields.stamp + self._placed[number - self.first].later

    def _read(self) -> Iterator[Entry]:
        fields = self._fields
        node, incarnation = fields.node, fields.incarnation
        base = fields.stamp + fields.dated
        for number, (placed, body) in enumerate(zip(self._placed, self._bodies, strict=True), fields.first):
            if body is None:
                continue
            previous = placed.previous
            yield Entry(
                EntryId(node, incarnation, number),
                _KINDS[placed.kind],
                min(max(0, base + placed.later), COUNTER_MAX),
                body,
                placed.sender or "",
                EntryId(node, incarnation, previous)
                if isinstance(previous, int)
                else None
                if previous is None
                else parse_entry_id(previous),
                placed.ref,
                placed.since,
            )

    def is_signed(self, verifier: Verifier) -> bool:
        """Whether its own signature fits: whoever has `key` has said what this record says, but for `dated`."""
        return bool(self.signature) and verifier.fits(self.signature, self.key, self._content)

    def without_bodies(self, numbers: Collection[int]) -> LogRecord:
        """The same record without the bodies of these entries; their digests take their places."""
        dropped = {number - self.first for number in numbers}
        if not any(0 <= place < len(self._bodies) and self._bodies[place] is not None for place in dropped):
            return self
        bodies = [None if place in dropped else body for place, body in enumerate(self._bodies)]
        return self._rewritten(bodies, self.dated)

    def dated_by(self, microseconds: int) -> LogRecord:
        """The same record, whose entries count as so much later than they were signed."""
        return self if microseconds == self.dated else self._rewritten(self._bodies, microseconds)

    def _rewritten(self, bodies: Sequence[bytes | None], dated: int) -> LogRecord:
        raws = _raws(bodies, self._digests)
        fields = msgspec.structs.replace(self._fields, bodies=raws, dated=dated)
        return LogRecord(_encoder.encode(fields), fields, self._placed, bodies, self._digests, self._content)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LogRecord) and other.line == self.line

    def __hash__(self) -> int:
        return hash(self.line)

    def __repr__(self) -> str:
        return f"LogRecord({self.stream}, {self.first} to {self.last})"


# --- made -------------------------------------------------------------------------------------------------------------


def seal(entries: Sequence[Entry], before: bytes, signer: Signer) -> list[LogRecord]:
    """Records of a run of entries of one stream, each signed, the first of them behind the one with digest `before`.

    The next run's `before` is the last one's digest. Raises ValueError when the entries are no run, or one of them is
    none that every server could read.
    """
    records: list[LogRecord] = []
    for part in _parts(entries):
        if records and part[0].id != _after(records[-1]):
            raise ValueError(f"{part[0].id} does not follow {records[-1].last} in its stream")
        record = _record(part, before, signer)
        records.append(record)
        before = record.digest
    return records


def loose(entries: Sequence[Entry]) -> list[LogRecord]:
    """Unsigned records of entries as they came, in their order: a new one wherever an entry does not follow.

    Raises ValueError when one of them is none that every server could read.
    """
    return [_record(part, b"", None) for part in _parts(entries)]


def _after(record: LogRecord) -> EntryId:
    return EntryId(*record.stream, record.last + 1)


def _parts(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Runs that are each small enough for one record."""
    part: list[Entry] = []
    size = 0
    for entry in entries:
        size += len(entry.body)
        if part and (
            len(part) == RECORD_ENTRIES_MAX
            or size > RECORD_BODIES_BYTES_MAX
            or entry.id.seq != part[-1].id.seq + 1
            or entry.id[:2] != part[-1].id[:2]
        ):
            yield part
            part, size = [], len(entry.body)
        part.append(entry)
    if part:
        yield part


def _record(entries: Sequence[Entry], before: bytes, signer: Signer | None) -> LogRecord:
    start = entries[0]
    stream, stamp = start.id[:2], start.stamp
    lists: list[list[Any]] = []
    placed: list[_Placed] = []
    bodies: list[bytes] = []
    for entry in entries:
        _check_entry(entry)
        previous = entry.previous
        one = _Placed(
            _KINDS.index(entry.kind),
            entry.stamp - stamp,
            entry.sender or None,
            None if previous is None else previous.seq if previous[:2] == stream else str(previous),
            entry.ref,
            entry.since,
        )
        placed.append(one)
        fields = [one.kind, one.later, one.sender, one.previous, one.ref, one.since]
        while fields[-1] is None:
            del fields[-1]
        lists.append(fields)
        bodies.append(entry.body)
    digests = [_digest(body) for body in bodies]
    line = _Line(
        version=RECORD_VERSION,
        node=start.id.node,
        incarnation=start.id.incarnation,
        first=start.id.seq,
        stamp=stamp,
        before=_printed(before),
        entries=msgspec.Raw(_encoder.encode(lists)),
        bodies=_raws(bodies, digests),
        key="" if signer is None else _printed(signer.key),
    )
    content = _content(line, digests)
    if signer is not None:
        line = msgspec.structs.replace(line, signature=_printed(signer.sign(content)))
    return LogRecord(_encoder.encode(line), line, placed, bodies, digests, content)


def _check_entry(entry: Entry) -> None:
    """Raises ValueError for one that `decode` would not take."""
    body = entry.body
    if not body.startswith(b"{") or b"\n" in body or b"\r" in body:
        raise ValueError(f"{entry.id}: its body is not a JSON object in one line")
    if len(body) > ACTIVITY_BYTES_MAX:
        raise ValueError(f"{entry.id}: its body is longer than {ACTIVITY_BYTES_MAX} bytes")
    if len(entry.sender) > NAME_CHARACTERS_MAX or (
        entry.ref is not None and not 0 < len(entry.ref) <= REF_CHARACTERS_MAX
    ):
        raise ValueError(f"{entry.id}: its sender's name or its ref is too long")


# --- read -------------------------------------------------------------------------------------------------------------


def decode(line: bytes) -> LogRecord:
    """Read a line without its end. Raises ValueError, with a sentence, and nothing else, whatever the bytes are.

    Each record has one line: what would mean the same, written otherwise, is refused.
    """
    if len(line) > SERVER_LINE_BYTES_MAX:
        raise ValueError(f"the record is longer than {SERVER_LINE_BYTES_MAX} bytes")
    try:
        if not line.isascii():
            line.decode()
        fields = _line_decoder.decode(line)
        placed = _entries_decoder.decode(fields.entries)
    except UnicodeDecodeError:
        raise ValueError("the record is not UTF-8") from None
    except RecursionError:
        raise ValueError("the record is nested too deeply") from None
    except msgspec.DecodeError as error:
        raise ValueError(f"not a record: {error}") from None
    if len(placed) != len(fields.bodies):
        raise ValueError(f"the record has {len(placed)} entries and {len(fields.bodies)} bodies")
    if fields.first + len(placed) - 1 > COUNTER_MAX:
        raise ValueError("the record's numbers are too large")
    _check_proof(fields)
    _check_placed(fields, placed)
    bodies: list[bytes | None] = []
    digests: list[bytes] = []
    for raw in fields.bodies:
        body, digest = _body(bytes(raw))
        bodies.append(body)
        digests.append(digest)
    # Bytes that a line has beyond what was read would be kept and passed on by everybody.
    if _encoder.encode(fields) != line or b"\n" in line or b"\r" in line:
        raise ValueError("the record is not written in the one way that records are")
    return LogRecord(line, fields, placed, bodies, digests, _content(fields, digests))


def _check_proof(fields: _Line) -> None:
    for name, text, length in (
        ("before", fields.before, DIGEST_BYTES),
        ("key", fields.key, KEY_BYTES),
        ("signature", fields.signature, SIGNATURE_BYTES),
    ):
        if text and len(_unprinted(text)) != length:
            raise ValueError(f"the record's {name!r} is not {length} bytes in base 64")
    if bool(fields.key) != bool(fields.signature):
        raise ValueError("the record has a key or a signature, and not both")
    if fields.before and not fields.key:
        raise ValueError("the record stands in a chain and is not signed")


def _check_placed(fields: _Line, placed: Sequence[_Placed]) -> None:
    if placed[0].later:
        raise ValueError("the record's stamp is not its first entry's")
    if not 0 <= fields.stamp + min(one.later for one in placed) <= COUNTER_MAX:
        raise ValueError("a stamp in the record is before 1970")
    if fields.stamp + max(one.later for one in placed) > COUNTER_MAX:
        raise ValueError("a stamp in the record is too large")
    for one in placed:
        if isinstance(one.previous, str):
            parse_entry_id(one.previous)


def _body(raw: bytes) -> tuple[bytes | None, bytes]:
    """A body with its digest, or the digest alone."""
    if raw.startswith(b"{"):
        if len(raw) > ACTIVITY_BYTES_MAX:
            raise ValueError(f"a body in the record is longer than {ACTIVITY_BYTES_MAX} bytes")
        if too_deep(raw, NESTING_DEPTH_MAX - 1):
            raise ValueError("a body in the record is nested too deeply")
        return raw, _digest(raw)
    if raw.startswith(b'"'):
        digest = _unprinted(raw[1:-1].decode())
        if len(digest) == DIGEST_BYTES:
            return None, digest
    raise ValueError("a body in the record is neither an object nor a digest")


# --- proved -----------------------------------------------------------------------------------------------------------


def proved(records: Sequence[LogRecord], verifier: Verifier) -> list[bool]:
    """Of each record whether its key's owner has signed it. Those of one stream are in their order.

    One that a proved one of its key names as the one before it needs no look at its own signature.
    """
    answers = [False] * len(records)
    followers: dict[Stream, LogRecord] = {}
    for place in range(len(records) - 1, -1, -1):
        record = records[place]
        follower = followers.get(record.stream)
        named = follower is not None and follower.key == record.key and follower.before == record.digest
        answers[place] = named or record.is_signed(verifier)
        if answers[place]:
            followers[record.stream] = record
    return answers


# --- bytes and digests ------------------------------------------------------------------------------------------------


def _content(line: _Line, digests: Iterable[bytes]) -> bytes:
    said = _encoder.encode(
        (
            "activity-tui record",
            line.version,
            line.node,
            line.incarnation,
            line.first,
            line.stamp,
            line.before,
            line.key,
            line.entries,
        )
    )
    return _digest(said + b"".join(digests))


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()


def _raws(bodies: Sequence[bytes | None], digests: Sequence[bytes]) -> list[msgspec.Raw]:
    return [
        msgspec.Raw(body if body is not None else b'"' + _printed(digest).encode() + b'"')
        for body, digest in zip(bodies, digests, strict=True)
    ]


def _printed(data: bytes) -> str:
    """In base 64 (RFC 4648, section 4)."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def _unprinted(text: str) -> bytes:
    """Raises ValueError for what `_printed` does not write, bits that mean nothing included."""
    try:
        data = binascii.a2b_base64(text, strict_mode=True) if text else b""
    except ValueError:
        raise ValueError("a digest, key or signature in the record is not base 64") from None
    if _printed(data) != text:
        raise ValueError("a digest, key or signature in the record is not base 64")
    return data
