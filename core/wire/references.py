"""References: what an activity is called by whoever answers it.

`activity:CLAIM/REF` is what the account with that claim posted under that ref, wherever it was accepted, and whatever
the account is called since. `activity:NODE.INCARNATION.NUMBER` is an entry: for what no account has posted, or under no
ref. Both are URIs (RFC 3986) in one spelling: what a URI does not take, and every other sign than those of
`unreserved`, is percent-encoded, in capitals. Any other spelling is no reference.

An activity says its own in its `id`. The server that accepts it has checked that; what has no account has none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from core.wire.entries import EntryId, parse_entry_id

SCHEME: Final = "activity:"
REFERENCE_CHARACTERS_MAX: Final = 512
"""What would be longer has no reference but its entry's."""

_ID_KEYS: Final = ("id", "@id")
"""By which of these an object says its own URI depends on who reads it (JSON-LD 1.1, section 9.5)."""
_REFERENCE: Final = re.compile(r"activity:((?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+)(?:/((?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+))?")
_ENCODED: Final = re.compile(rb"[^A-Za-z0-9._~-]")
_ESCAPE: Final = re.compile(rb"%([0-9A-F]{2})")
_OVERLOOKED: Final = re.compile("[\x00-\x20\x7f-\xa0\ufeff]")
"""What some readers of URIs leave out, at the ends or anywhere."""

_encoder: Final = msgspec.json.Encoder()


class AccountReference(NamedTuple):
    """An activity by whose it is, and under which ref they posted it."""

    claim: str
    ref: str

    def __str__(self) -> str:
        return f"{SCHEME}{_encoded(self.claim)}/{_encoded(self.ref)}"


Reference = AccountReference | EntryId


def account_reference(claim: str, ref: str) -> str | None:
    """What an account's activity is called; None if that would be too long."""
    if not claim or not ref:
        return None
    text = str(AccountReference(claim, ref))
    return text if len(text) <= REFERENCE_CHARACTERS_MAX else None


def entry_reference(entry_id: EntryId) -> str:
    """What an entry is called."""
    return f"{SCHEME}{_encoded(entry_id.node)}.{entry_id.incarnation}.{entry_id.seq}"


def parse_reference(text: str) -> Reference:
    """Read a reference. Raises ValueError."""
    found = _REFERENCE.fullmatch(text) if len(text) <= REFERENCE_CHARACTERS_MAX else None
    if found is None:
        raise ValueError("not a reference: expected activity:CLAIM/REF or activity:NODE.INCARNATION.NUMBER")
    try:
        whose, ref = _decoded(found[1]), None if found[2] is None else _decoded(found[2])
    except UnicodeDecodeError:
        raise ValueError("not a reference: it is not UTF-8") from None
    reference = parse_entry_id(whose) if ref is None else AccountReference(whose, ref)
    written = entry_reference(reference) if isinstance(reference, EntryId) else str(reference)
    if written != text:
        raise ValueError(f"not a reference: it is written {written}")
    return reference


def reference_in(body: bytes) -> AccountReference | None:
    """What an activity of an account says that it is called; None if it says nothing. Never fails."""
    # Most readers ask this of each activity.
    if b"activity:" not in body and b"\\" not in body:
        return None
    try:
        said = msgspec.json.decode(body, type=_WithId).id
        found = parse_reference(said) if isinstance(said, str) else None
    except (msgspec.DecodeError, UnicodeError, ValueError, RecursionError):
        return None
    return found if isinstance(found, AccountReference) else None


def says_another(activity: Mapping[str, msgspec.Raw], claim: str | None, ref: str | None) -> str | None:
    """Of what an account posts under a ref: how it calls itself, if that is another one's reference, or might be taken
    for one by a reader of URIs who is less strict. `claim` is None for `anonymous`, `ref` for what has none."""
    for key in _ID_KEYS:
        if key in activity:
            said = _text(activity[key])
            if said is not None and _OVERLOOKED.sub("", said).lower().startswith(SCHEME):
                own = account_reference(claim, ref) if claim is not None and ref is not None else None
                if said != own:
                    return said
    return None


def with_reference(activity: dict[str, msgspec.Raw], claim: str, ref: str) -> dict[str, msgspec.Raw]:
    """The activity with its own reference in it; as it is where it is called something else already."""
    reference = account_reference(claim, ref)
    if reference is None or any(key in activity for key in _ID_KEYS):
        return activity
    return {**activity, "id": msgspec.Raw(_encoder.encode(reference))}


def own_reference(activity: Mapping[str, msgspec.Raw], ref: str) -> str | None:
    """The reference of an account's activity that is in it, of what was posted under a ref; None if there is none."""
    said = _text(activity["id"]) if "id" in activity else None
    try:
        found = None if said is None else parse_reference(said)
    except ValueError:
        return None
    return said if isinstance(found, AccountReference) and found.ref == ref else None


class _WithId(msgspec.Struct):
    id: object = None


def _encoded(text: str) -> str:
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
