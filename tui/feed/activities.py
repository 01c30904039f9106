"""Activities as people read them.

The vocabulary is W3C ActivityStreams 2.0 (Core and Vocabulary, 23 May 2017), with the older key names of version 1
(`verb`, `objectType`, `displayName`) understood as well. The network itself carries any JSON object; what is not an
ActivityStreams object is shown as it came, as compact JSON.

An activity is never parsed into numbers here: the texts are picked out, and everything else stays the bytes that
arrived, so a number with thirty digits is shown with thirty digits.
"""

from __future__ import annotations

import contextlib
import functools
import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

import msgspec

from core.answers import CONTEXT, read_reference
from core.query import VERSION_1_VERBS, EntityKind, entities_of
from tui.text.safe_text import ELLIPSIS, LINE_BREAK, neutralise, neutralise_lines, well_formed

TEXT_CHARACTERS_MAX: Final = 2_000
"""Characters of one activity that a line of the feed looks at; the inspector shows all."""
OPENED_CHARACTERS_MAX: Final = 16_000
"""The same of one that was opened in place: more than people write."""
LABEL_CHARACTERS_MAX: Final = 200
SHOWN_CHARACTERS_MAX: Final = 200_000
"""Characters of an activity that are shown as they came."""

AN_ACTIVITY: Final = "an activity"

Role = Literal["text", "verb", "object", "type", "json", "mark", "mention", "tag", "link"]
"""What a piece of a sentence is, for its look. The words alone say the same."""

Span = tuple[str, Role]
Kind = TypeVar("Kind", bound=str)

_WITH_ENTITIES: Final = frozenset[Role](["text", "object", "json"])

VERBS: Final = {
    "Accept": "accepted",
    "Add": "added",
    "Announce": "shared",
    "Arrive": "arrived",
    "Block": "blocked",
    "Create": "created",
    "Delete": "deleted",
    "Dislike": "disliked",
    "Flag": "flagged",
    "Follow": "followed",
    "Ignore": "ignored",
    "Invite": "invited",
    "Join": "joined",
    "Leave": "left",
    "Like": "liked",
    "Listen": "listened to",
    "Move": "moved",
    "Offer": "offered",
    "Question": "asked",
    "Read": "read",
    "Reject": "rejected",
    "Remove": "removed",
    "TentativeAccept": "tentatively accepted",
    "TentativeReject": "tentatively rejected",
    "Travel": "travelled",
    "Undo": "undid",
    "Update": "updated",
    "View": "viewed",
}
"""The activity types of the vocabulary, in the past tense."""

OBJECTS: Final = frozenset(
    [
        "Article",
        "Audio",
        "Document",
        "Event",
        "Image",
        "Note",
        "Page",
        "Place",
        "Profile",
        "Relationship",
        "Tombstone",
        "Video",
        "Mention",
        "Application",
        "Group",
        "Organization",
        "Person",
        "Service",
        "Object",
        "Link",
        "Collection",
        "OrderedCollection",
    ]
)
"""The object, actor and link types of the vocabulary."""

_TARGET_WORDS: Final = {"Remove": "from", "Leave": "to", "Invite": "to", "Travel": "to", "Arrive": "at"}
_TAG = re.compile(r"<(?:br|/p)\s*/?>", re.IGNORECASE), re.compile(r"</?[a-zA-Z][^<>]*>")


class _Stamped(msgspec.Struct):
    authenticated_user: object = None


_stamped = msgspec.json.Decoder(_Stamped)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_any = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Sentence:
    """An activity in words. Every text in it is safe to paint; nothing in it is markup."""

    spans: tuple[Span, ...]
    types: tuple[str, ...] = ()
    """The types of the activity and of its object, for a filter."""
    sender: str = ""
    """The user whom the network vouches for (`authenticated_user`), as sent."""

    @property
    def written(self) -> str:
        """All of it, over as many lines as it was written."""
        return "".join(text for text, _ in self.spans)

    @property
    def text(self) -> str:
        """All of it, on one line."""
        return self.written.replace("\n", LINE_BREAK)


def note(text: str) -> dict[str, object]:
    """The activity that a written line becomes: somebody created a note with this plain text."""
    return {
        "@context": CONTEXT,
        "type": "Create",
        "object": {"type": "Note", "mediaType": "text/plain", "content": well_formed(text)},
    }


def raw_activity(text: str) -> dict[str, msgspec.Raw]:
    """Read a JSON object that a person wrote, its numbers and nesting untouched.

    Raises ValueError with a sentence for a person.
    """
    if not text.lstrip().startswith("{"):
        raise ValueError("an activity is a JSON object, it begins with {")
    try:
        _any.decode(text)
        return {key: msgspec.Raw(bytes(value)) for key, value in _members.decode(text).items()}
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ValueError(f"this is not JSON: {error}") from None


def compact(body: bytes) -> str:
    """The activity on one line: its own bytes without the blanks between them."""
    with contextlib.suppress(msgspec.DecodeError, RecursionError):
        body = msgspec.json.format(body, indent=-1)
    return body.decode("utf-8", "replace")


def plain_text(body: bytes) -> str:
    """What the activity says, over as many lines as it was written; safe to paint and to paste."""
    members = _read(body) or {}
    inner = _read(members.get("object"))
    words = _content(inner or members) or _content(members)
    return neutralise_lines(words) if words else sentence(body).text


def sender_of(body: bytes) -> str:
    """The user whom the network vouches for, as sent; empty where it vouches for none. Never fails."""
    try:
        found = _stamped.decode(body).authenticated_user
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return ""
    return found if isinstance(found, str) else ""


@functools.lru_cache(maxsize=1024)
def sentence(body: bytes) -> Sentence:
    """The activity in words, or as compact JSON if it is no ActivityStreams object. Never fails."""
    return _sentence(body, TEXT_CHARACTERS_MAX)


@functools.lru_cache(maxsize=16)
def whole_sentence(body: bytes) -> Sentence:
    """The same with more of what it says, for one that somebody has opened."""
    return _sentence(body, OPENED_CHARACTERS_MAX)


def _sentence(body: bytes, most: int) -> Sentence:
    members = _read(body)
    if members is None:
        return Sentence(with_entities(((_clip(compact(body)), "json"),)))
    sender = _text(members.get("authenticated_user")) or ""
    kind, legacy = _type_of(members)
    if kind in VERBS:
        spans = _activity(kind, legacy, members, sender, most)
    elif kind in OBJECTS:
        spans = _object(kind, members, most)
    elif kind and ("object" in members or "actor" in members):
        spans = ((f"[{_clip(kind, 64)}] ", "type"), *_rest(members, sender, most))
    else:
        shown = compact(_as_written(members, body))
        return Sentence(with_entities(((_clip(shown), "json"),)), (kind,) if kind else (), sender)
    types = tuple(dict.fromkeys(name for name in (kind, _type_of(_read(members.get("object")) or {})[0]) if name))
    return Sentence(with_entities(spans), types, sender)


def with_entities(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The spans with the people, tags and links in their texts set apart."""
    return tuple(
        piece
        for text, role in spans
        for piece in (set_apart(text, role) if role in _WITH_ENTITIES else ((text, role),))
    )


def set_apart(text: str, role: Kind) -> list[tuple[str, Kind | EntityKind]]:
    """A text in pieces: its people, tags and links by the name of what they are, the rest as it was."""
    if not ("@" in text or "#" in text or "://" in text):
        return [(text, role)]
    found: list[tuple[str, Kind | EntityKind]] = []
    at = 0
    for entity in entities_of(text):
        if entity.begin > at:
            found.append((text[at : entity.begin], role))
        found.append((text[entity.begin : entity.end], entity.kind))
        at = entity.end
    if at < len(text):
        found.append((text[at:], role))
    return found


def _activity(kind: str, legacy: str, members: dict[str, msgspec.Raw], sender: str, most: int) -> tuple[Span, ...]:
    item = members.get("object")
    inner = _read(item)
    inner_kind = _type_of(inner)[0] if inner is not None else ""
    if kind == "Create" and inner is not None and inner_kind in ("Note", "") and not _stranger(members, sender):
        words = _content(inner)
        if words and "target" not in members and not _name(inner):
            return ((neutralise_lines(words, most), "text"),)
    spans: list[Span] = [*_actor(members, sender)]
    verb = VERBS[kind]
    if legacy and kind == "Create":
        verb = "posted"
    if kind == "Question" and item is None:
        return (*spans, (verb + ": ", "verb"), (_label(members) or ELLIPSIS, "object"))
    spans.append((verb, "verb"))
    if item is not None:
        spans.append((" ", "verb"))
        spans.extend(_described(item, most))
    for key, word in (("origin", "from"), ("target", _TARGET_WORDS.get(kind, "to")), ("location", "at")):
        if key in members:
            label = _label_of(members[key])
            if label:
                spans += [(f" {word} ", "verb"), (label, "object")]
    words = _content(members) or _plain(members.get("summary"))
    if words:
        spans += [(": ", "verb"), (neutralise_lines(words, most), "text")]
    return tuple(spans)


def _rest(members: dict[str, msgspec.Raw], sender: str, most: int) -> tuple[Span, ...]:
    spans: list[Span] = [*_actor(members, sender)]
    if "object" in members:
        spans.extend(_described(members["object"], most))
    if "target" in members and (label := _label_of(members["target"])):
        spans += [(" \N{RIGHTWARDS ARROW} ", "verb"), (label, "object")]
    words = _content(members)
    if words:
        spans += [(": " if spans else "", "verb"), (neutralise_lines(words, most), "text")]
    return tuple(spans)


def _object(kind: str, members: dict[str, msgspec.Raw], most: int) -> tuple[Span, ...]:
    words, name = _content(members), _name(members)
    if kind == "Note" and words and not name:
        return ((neutralise_lines(words, most), "text"),)
    return _with_article(kind, name, words, most)


def _described(item: msgspec.Raw, most: int) -> tuple[Span, ...]:
    """An object of an activity: `a Note: text`, `a Video “name”`, a link, or the first of several."""
    many = _list(item)
    if many is not None:
        if not many:
            return (("nothing", "object"),)
        more = len(many) - 1
        return (*_described(many[0], most), *(((f" and {more} more", "verb"),) if more else ()))
    members = _read(item)
    if members is None:
        return ((_label_of(item), "object"),)
    kind = _type_of(members)[0]
    name, words = _name(members), _content(members)
    if kind in VERBS and not name:
        inner = _label_of(members["object"]) if "object" in members else ""
        return _with_article(kind, inner, words, most)
    if not kind:
        return ((_clip(name or words or _label(members) or compact(bytes(item)), LABEL_CHARACTERS_MAX), "object"),)
    return _with_article(_clip(kind, 64), name or ("" if words else _label(members)), words, most)


def _with_article(kind: str, name: str, words: str, most: int) -> tuple[Span, ...]:
    article = "an " if kind[:1] in "AEIOaeio" else "a "
    spans: list[Span] = [(article + kind, "type")]
    if name:
        spans.append((f" \N{LEFT DOUBLE QUOTATION MARK}{name}\N{RIGHT DOUBLE QUOTATION MARK}", "object"))
    if words:
        spans += [(": ", "verb"), (neutralise_lines(words, most), "text")]
    return tuple(spans)


def _actor(members: dict[str, msgspec.Raw], sender: str) -> tuple[Span, ...]:
    """Whom the activity says it is about, when that is not who the network says sent it."""
    stranger = _stranger(members, sender)
    return ((f"(as {stranger}) ", "verb"),) if stranger else ()


def _stranger(members: dict[str, msgspec.Raw], sender: str) -> str:
    if "actor" not in members:
        return ""
    label = _label_of(members["actor"])
    known = neutralise(sender, LABEL_CHARACTERS_MAX)
    return "" if label in ("", known) or label.endswith(("/" + known, ":" + known)) else label


def _type_of(members: dict[str, msgspec.Raw]) -> tuple[str, str]:
    """The type in the words of version 2, and the verb of version 1 if that is what was written."""
    kind = _text(members.get("type")) or _text(members.get("@type"))
    if kind is None and (many := _list(members.get("type"))):
        kind = _text(many[0])
    if kind is not None:
        return kind, ""
    verb = _text(members.get("verb"))
    if verb is not None:
        return VERSION_1_VERBS.get(verb.lower(), verb.capitalize()), verb
    old = _text(members.get("objectType"))
    return (old.capitalize() if old else ""), ""


def _label_of(raw: msgspec.Raw) -> str:
    many = _list(raw)
    if many is not None:
        return _label_of(many[0]) + (f" and {len(many) - 1} more" if len(many) > 1 else "") if many else ""
    words = _text(raw)
    if words is not None:
        return _place(words)
    members = _read(raw)
    return _label(members) if members is not None else _clip(compact(bytes(raw)), LABEL_CHARACTERS_MAX)


def _label(members: dict[str, msgspec.Raw]) -> str:
    """What to call an object: its name, else what it says, else where it is."""
    for found in (
        _name(members),
        _plain(members.get("preferredUsername")),
        _plain(members.get("summary")),
        _content(members).partition("\n")[0],
        _place(_plain(members.get("id")) or _plain(members.get("href")) or _plain(members.get("url"))),
        _type_of(members)[0],
    ):
        if found:
            return _clip(found, LABEL_CHARACTERS_MAX)
    return ""


def _place(words: str) -> str:
    """An address in words: a reference says nothing to people."""
    return AN_ACTIVITY if read_reference(words) is not None else _clip(words, LABEL_CHARACTERS_MAX)


def _name(members: dict[str, msgspec.Raw]) -> str:
    name = _plain(members.get("name")) or _plain(members.get("displayName")) or _first(members.get("nameMap"))
    return _clip(name, LABEL_CHARACTERS_MAX)


def _content(members: dict[str, msgspec.Raw]) -> str:
    content = _text(members.get("content")) or _first(members.get("contentMap"))
    if not content:
        return ""
    media = _text(members.get("mediaType"))
    if "<" in content and media in (None, "text/html"):
        content = html.unescape(_TAG[1].sub("", _TAG[0].sub("\n", content)))
    return content.strip()


def _plain(raw: msgspec.Raw | None) -> str:
    return _text(raw) or ""


def _first(raw: msgspec.Raw | None) -> str:
    """Of a text in several languages, the first."""
    members = _read(raw)
    return next((words for value in members.values() if (words := _text(value))), "") if members else ""


def _clip(text: str, limit: int = TEXT_CHARACTERS_MAX) -> str:
    return neutralise(text, limit)


def _read(raw: msgspec.Raw | bytes | None) -> dict[str, msgspec.Raw] | None:
    if raw is None:
        return None
    try:
        return _members.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None


def _text(raw: msgspec.Raw | None) -> str | None:
    if raw is None or not bytes(raw).lstrip().startswith(b'"'):
        return None
    try:
        found = _any.decode(raw)
    except (msgspec.DecodeError, UnicodeError):
        return None
    return found if isinstance(found, str) else None


def _list(raw: msgspec.Raw | None) -> list[msgspec.Raw] | None:
    if raw is None or not bytes(raw).lstrip().startswith(b"["):
        return None
    try:
        return msgspec.json.decode(raw, type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None


def _as_written(members: dict[str, msgspec.Raw], body: bytes) -> bytes:
    """The object as its sender wrote it: who sent it stands in the column beside, and its reference is a client's."""
    ours = {"authenticated_user"} & members.keys()
    if (named := _text(members.get("id"))) is not None and read_reference(named) is not None:
        ours.add("id")
    return _encoder.encode({key: value for key, value in members.items() if key not in ours}) if ours else body
