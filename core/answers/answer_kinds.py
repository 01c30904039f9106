"""What one activity says of another, in ActivityStreams 2.0.

    reply       `inReplyTo` of the activity's object, or its own
    reaction    `Like`; with a short `content` another one than ♥; `Dislike` and `EmojiReact` are read, too
    undo        `Undo` of a reaction
    edit        `Update`: its object has the reference as its `id`, and is what the activity's object is from then on
    removal     `Delete`

Whatever is named may be named by its reference, or by an object that has it as its `id`.

Edits, removals and what takes a reaction back count only from the account whose activity they name. Both say their
claims, the answer in its own `id`, which servers check that accept it; where one has not, `core.answers.answer_set`
sees that the names differ.
"""

from __future__ import annotations

import unicodedata
from typing import Any, Final, Literal, NamedTuple

import msgspec

from core.wire.names import ANONYMOUS
from core.wire.references import SCHEME, PostReference, Reference, read_reference

AnswerKind = Literal["reply", "reaction", "undo", "edit", "removal"]

LIKE: Final = "♥"
DISLIKE: Final = "👎"
REACTION_CHARACTERS_MAX: Final = 16
"""A reaction that says more is a like: no symbol has more code points, and a sentence is none."""
EDIT_BYTES_MAX: Final = 64 * 1024
"""Of an edit's object, as JSON. No client's line is longer; what is, changes nothing."""
NAMED_MAX: Final = 16
"""Of a list of things to which an activity replies, so many are looked at."""

_REACTIONS: Final = {"like": LIKE, "favorite": LIKE, "emojireact": LIKE, "dislike": DISLIKE}
_TYPES: Final = ("type", "@type", "verb")
_IDS: Final = ("id", "@id")
_JOINING: Final = frozenset(["\u200d", *map(chr, range(0xE0020, 0xE0080))])
"""What makes one symbol of several: families, and flags of parts of countries."""
_BLANK: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Fillers of Hangul and the empty Braille pattern, which pass for letters and signs."""
_MARK: Final = SCHEME.encode()

_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_whole: Final = msgspec.json.Decoder(float_hook=str)
"""Numbers keep their digits."""


class Answer(NamedTuple):
    """One activity's word on another."""

    kind: AnswerKind
    about: Reference
    """What is answered; of an `undo` the reaction that is taken back."""
    own: PostReference | None
    """Itself, where it says so."""
    stamp: int
    """Hybrid logical time, in microseconds since 1970; 0 where nobody has dated it."""
    entry: str
    """The identity of its entry, if it has one: of two at one time the larger one counts as later."""
    sender: str
    """Who sent it, by the name of then."""
    said: str = ""
    """Of a reaction its symbol, empty if whatever reaction there was is taken back; of an edit the object that replaces
    the one before, as JSON."""

    @property
    def by(self) -> str:
        """Who says it, for ever: a claim, or the name behind an @; empty where nobody can be told from others."""
        if self.own is not None:
            return self.own.claim
        return "" if self.sender in ("", ANONYMOUS) else f"@{self.sender}"

    @property
    def counts(self) -> bool:
        """Whether who says it may: anybody replies, who has a name reacts, and the rest is for whose it is."""
        if self.kind == "reply":
            return True
        if self.kind == "reaction":
            return self.by != ""
        return self.own is not None and isinstance(self.about, PostReference) and self.own.claim == self.about.claim


def may_name(body: bytes) -> bool:
    """Whether an activity may have a reference in it: most have none, and that costs one look."""
    return _MARK in body or b"\\u" in body


def read_answer(body: bytes, *, stamp: int = 0, entry: str = "", sender: str = "") -> Answer | None:
    """What an activity says of another one; None if it says nothing of the kind. Never fails, and takes as long as the
    body is long.

    `sender`: as its server vouches; else it is the one that the body names.
    """
    members = _members_of(body)
    if members is None:
        return None
    if not sender and isinstance(vouched := members.get("authenticated_user"), str):
        sender = vouched
    own = read_reference(members.get("id"))
    found = _found(members, body)
    if found is None:
        return None
    kind, about, said = found
    if not isinstance(own, PostReference) or sender in ("", ANONYMOUS):
        own = None
    return Answer(kind, about, own, stamp, entry, sender, said)


def replies_to(claim: str, body: bytes) -> bool:
    """Whether an activity replies to what the account with a claim has posted. Never fails."""
    # Nearly all reply to nothing, and tell so before they are read.
    if b"inReplyTo" not in body and b"\\u" not in body:
        return False
    answer = read_answer(body)
    if answer is None or answer.kind != "reply" or not isinstance(answer.about, PostReference):
        return False
    return answer.about.claim == claim


def _members_of(body: bytes) -> dict[str, Any] | None:
    """The members of an activity that may have a reference in it."""
    if not may_name(body):
        return None
    try:
        members: Any = _whole.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError, ValueError):
        return None
    return members if isinstance(members, dict) else None


def _found(members: dict[str, Any], body: bytes) -> tuple[AnswerKind, Reference, str] | None:
    types = _types(members)
    inner = members.get("object")
    if isinstance(inner, list) and len(inner) == 1:
        inner = inner[0]
    about = _named(inner)
    if (symbol := next((_REACTIONS[one] for one in types if one in _REACTIONS), None)) is not None:
        return None if about is None else ("reaction", about, _symbol(members.get("content"), symbol))
    if "undo" in types:
        if about is not None:
            return "undo", about, ""
        about = _reacted_to(inner)
        return None if about is None else ("reaction", about, "")
    if "delete" in types:
        return None if about is None else ("removal", about, "")
    if "update" in types:
        said = None if about is None else _new_version(inner, body)
        return None if about is None or said is None else ("edit", about, said)
    for one in (inner, members):
        if isinstance(one, dict) and (about := _first_named(one.get("inReplyTo"))) is not None:
            return "reply", about, ""
    return None


def _types(members: dict[str, Any]) -> list[str]:
    found: list[object] = []
    for key in _TYPES:
        value = members.get(key)
        found += value[:NAMED_MAX] if isinstance(value, list) else [value]
    return [one.rpartition("#")[2].lower() for one in found if isinstance(one, str)]


def _named(value: object) -> Reference | None:
    """What a reference, or an object that has one, names."""
    if isinstance(value, dict):
        return next((found for key in _IDS if (found := read_reference(value.get(key))) is not None), None)
    return read_reference(value)


def _first_named(value: object) -> Reference | None:
    for one in value[:NAMED_MAX] if isinstance(value, list) else [value]:
        if (found := _named(one)) is not None:
            return found
    return None


def _reacted_to(inner: object) -> Reference | None:
    """What a reaction was to that is given as an object, and has no reference of its own."""
    if isinstance(inner, dict) and any(one in _REACTIONS for one in _types(inner)):
        return _named(inner.get("object"))
    return None


def _symbol(content: object, usual: str) -> str:
    if not isinstance(content, str):
        return usual
    symbol = "".join(content.split())
    if not 0 < len(symbol) <= REACTION_CHARACTERS_MAX or not _is_seen(symbol[0]):
        return usual
    return symbol if all(one.isprintable() or one in _JOINING for one in symbol) else usual


def _is_seen(character: str) -> bool:
    """Whether something stands there, beyond what joins or marks the sign before it, or is blank."""
    return unicodedata.category(character)[0] not in "MCZ" and character not in _BLANK


def _new_version(inner: object, body: bytes) -> str | None:
    """The object of an edit as it came, if it is one."""
    if not isinstance(inner, dict):
        return None
    try:
        raw = bytes(_members.decode(body)["object"]).strip()
        if raw.startswith(b"["):
            raw = bytes(msgspec.json.decode(raw, type=list[msgspec.Raw])[0])
        return raw.decode() if len(raw) <= EDIT_BYTES_MAX else None
    except (msgspec.MsgspecError, KeyError, IndexError, UnicodeError, RecursionError):
        return None
