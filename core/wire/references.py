"""References: what an activity is called by whoever answers it.

`activity:CLAIM/REF` is what the account with that claim posted under that ref, wherever it was accepted, and whatever
the account is called since. `activity:NODE.INCARNATION.NUMBER` is an entry: for what no account has posted, or under no
ref. Both are URIs (RFC 3986) in one spelling: what a URI does not take, and every other sign than those of
`unreserved`, is percent-encoded, in capitals. Any other spelling is no reference.

An activity says its own in its `id`. The server that accepts it has checked that; what has no account has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec

from core.wire.entries import EntryId, parse_entry_id

SCHEME: Final = "activity:"
REFERENCE_CHARACTERS_MAX: Final = 512
"""What would be longer has no reference but its entry's."""

_ID_KEYS: Final = ("id", "@id")
"""By which of these an object says its own URI depends on who reads it (JSON-LD 1.1, section 9.5)."""
_REFERENCE: Final = re.compile(r"activity:((?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+)(?:/((?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+))?")
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9._~-]+")
_ENCODED: Final = re.compile(rb"[^A-Za-z0-9._~-]")
_ESCAPE: Final = re.compile(rb"%([0-9A-F]{2})")
_OVERLOOKED: Final = re.compile("[\x00-\x20\x7f-\xa0\ufeff]")
"""What some readers of URIs leave out, at the ends or anywhere."""

_encoder: Final = msgspec.json.Encoder()


class PostReference(NamedTuple):
    """What an account has posted, by whose it is and under which ref they posted it."""

    claim: str
    ref: str

    def __str__(self) -> str:
        return f"{SCHEME}{_encoded(self.claim)}/{_encoded(self.ref)}"


class EntryReference(NamedTuple):
    """What has no account, or was given no ref, by the entry as which it was accepted."""

    entry: EntryId

    def __str__(self) -> str:
        return f"{SCHEME}{_encoded(self.entry.node)}.{self.entry.incarnation}.{self.entry.seq}"


Reference = PostReference | EntryReference


def post_reference(claim: str, ref: str) -> PostReference | None:
    """What an account's activity is called; None if that would be too long."""
    found = PostReference(claim, ref)
    return found if claim and ref and len(str(found)) <= REFERENCE_CHARACTERS_MAX else None


def entry_reference(entry: str) -> EntryReference | None:
    """What an entry is called, by its identity in writing; None if that is none."""
    try:
        return EntryReference(parse_entry_id(entry))
    except ValueError:
        return None


def read_reference(text: object) -> Reference | None:
    """What a URI names; None if it is no reference. Never fails."""
    found = _REFERENCE.fullmatch(text) if isinstance(text, str) and len(text) <= REFERENCE_CHARACTERS_MAX else None
    if found is None:
        return None
    try:
        whose, ref = _decoded(found[1]), None if found[2] is None else _decoded(found[2])
        reference = EntryReference(parse_entry_id(whose)) if ref is None else PostReference(whose, ref)
    except ValueError:
        return None
    return reference if str(reference) == text else None


def entries_named(references: Iterable[str]) -> dict[EntryId, str]:
    """The entries among what some references name, each with its reference."""
    found = ((text, read_reference(text)) for text in references)
    return {reference.entry: text for text, reference in found if isinstance(reference, EntryReference)}


def reference_in(body: bytes) -> PostReference | None:
    """What an activity of an account says that it is called; None if it says nothing. Never fails."""
    # Most readers ask this of each activity.
    if b"activity:" not in body and b"\\" not in body:
        return None
    try:
        found = read_reference(msgspec.json.decode(body, type=_WithId).id)
    except (msgspec.DecodeError, UnicodeError, ValueError, RecursionError):
        return None
    return found if isinstance(found, PostReference) else None


def says_another(activity: Mapping[str, msgspec.Raw], claim: str | None, ref: str | None) -> str | None:
    """Of what an account posts under a ref: how it calls itself, if that is another one's reference, or might be taken
    for one by a reader of URIs who is less strict. `claim` is None for `anonymous`, `ref` for what has none."""
    reference = post_reference(claim, ref) if claim is not None and ref is not None else None
    own = "" if reference is None else str(reference)
    # Our own clients write nothing else.
    usual = b'"%s"' % own.encode()
    for key in _ID_KEYS:
        if key in activity and bytes(activity[key]) != usual:
            said = _text(activity[key])
            if said is not None and said != own and _OVERLOOKED.sub("", said).lower().startswith(SCHEME):
                return said
    return None


def with_reference(activity: dict[str, msgspec.Raw], claim: str, ref: str) -> dict[str, msgspec.Raw]:
    """The activity with its own reference in it; as it is where it is called something else already."""
    reference = post_reference(claim, ref)
    if reference is None or any(key in activity for key in _ID_KEYS):
        return activity
    return {**activity, "id": msgspec.Raw(_encoder.encode(str(reference)))}


def reference_among(activity: Mapping[str, msgspec.Raw]) -> PostReference | None:
    """The same as `reference_in`, of the members of an activity."""
    found = read_reference(_text(activity["id"])) if "id" in activity else None
    return found if isinstance(found, PostReference) else None


class _WithId(msgspec.Struct):
    id: object = None


def _encoded(text: str) -> str:
    if _UNRESERVED.fullmatch(text):
        return text
    return _ENCODED.sub(lambda found: b"%%%02X" % found[0][0], text.encode("utf-8", "surrogatepass")).decode("ascii")


def _decoded(text: str) -> str:
    return _ESCAPE.sub(lambda found: bytes((int(found[1], 16),)), text.encode("ascii")).decode()


def _text(raw: msgspec.Raw) -> str | None:
    data = bytes(raw).strip(b" \t\r\n")
    if not data.startswith(b'"'):
        return None
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, ValueError):
        return None
    return found if isinstance(found, str) else None
