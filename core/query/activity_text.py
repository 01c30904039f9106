"""What of an activity a search looks at.

The *words* are those of all texts and numbers in the object, at any depth, after the name of its sender; what says how
the object is to be read (`@context`, types, `mediaType`) is no text. An object without a type is shown as JSON, and of
such a one the names of its members are words, too.

The *labels* are what a query names by itself: who sent it, whom it is to, its tags, its types, and which activities it
is about, by their references, which are no text: itself, and what it names as its `object` or in `inReplyTo`. It is to
those whom ActivityStreams 2.0 says so (`to`, `cc`, `bto`, `bcc`, `audience`) and those whom a text mentions as `@name`;
its tags are `#words` of its texts and the names in `tag`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import islice
from typing import Any, Final, Literal, NamedTuple

import msgspec

from core.query.entities import EntityKind, entities_of
from core.query.folding import fold, words_of

CHARACTERS_MAX: Final = 65_536
"""So many characters of one activity's texts are looked at."""
LABELS_MAX: Final = 256
LABEL_CHARACTERS_MAX: Final = 128
BETWEEN_TEXTS: Final = "\ue000"
"""A token that no text has: no phrase goes from one text to the next."""

SCHEME: Final = "activity:"
"""Of the references by which activities are called (`core.wire.references`)."""
REFERENCE_CHARACTERS_MAX: Final = 512

LabelKind = Literal["from", "to", "tag", "type", "about"]

VERSION_1_VERBS: Final[Mapping[str, str]] = {
    "post": "Create",
    "share": "Announce",
    "favorite": "Like",
    "make-friend": "Follow",
    "update": "Update",
    "delete": "Delete",
    "like": "Like",
    "follow": "Follow",
    "join": "Join",
    "leave": "Leave",
}
"""The verbs of ActivityStreams 1.0, as version 2 calls them."""

_REFERENCE: Final = re.compile(r"activity:[A-Za-z0-9._~%-]+(?:/[A-Za-z0-9._~%-]+)?")
_BEGINNING: Final = re.compile(r"activity:(?:[A-Za-z0-9._~%-]+/?[A-Za-z0-9._~%-]*)?")
_IDS: Final = ("id", "@id")
_NAMED_BY_OBJECTS: Final = (*_IDS, "inReplyTo")
_NAMING: Final = (*_NAMED_BY_OBJECTS, "object")
REFERENCES_MAX: Final = 64
"""Of what an activity names; so nothing that it has plenty of leaves no room for its other labels."""
_TYPES: Final = ("type", "@type", "verb", "objectType")
_NO_TEXT: Final = frozenset(["@context", "authenticated_user", "mediaType", *_TYPES])
_MARKED_UP: Final = ("content", "contentMap", "summary", "summaryMap")
_RECIPIENTS: Final = ("to", "cc", "bto", "bcc", "audience")
_NAMED: Final[Mapping[EntityKind, LabelKind]] = {"mention": "to", "tag": "tag"}
_NAMES: Final = ("name", "displayName", "preferredUsername", "id", "href")
_BLOCK: Final = re.compile(r"</?(?:br|p|div|li|ul|ol|h[1-6]|tr|td|th|blockquote|pre)\b[^<>]*>", re.IGNORECASE)
_MARKUP: Final = re.compile(r"</?[a-zA-Z][^<>]*>")

_decoder: Final = msgspec.json.Decoder(float_hook=str)
"""Numbers keep their digits."""


class ActivityText(NamedTuple):
    """What a search looks at."""

    words: tuple[str, ...]
    labels: tuple[str, ...]
    """Each as `label` writes it."""


class Document:
    """An activity that was made ready for looking. Cheap to make anew, so nobody has to keep it."""

    def __init__(self, text: ActivityText, stamp: int | None) -> None:
        """`stamp`: microseconds since 1970, as far as it is known."""
        self.labels = text.labels
        self.stamp = stamp
        self.words = text.words

    @cached_property
    def line(self) -> str:
        """The words, with a blank around each."""
        return f" {' '.join(self.words)} "


def label(kind: LabelKind, value: str) -> str:
    """A sender, a recipient, a tag or a type as it is compared."""
    return f"{kind}:{folded_label(value)}"


def is_reference(text: str, *, begins: bool = False) -> bool:
    """Whether a text is a reference to an activity, or with `begins` perhaps the beginning of one. They are compared as
    they stand."""
    if begins and SCHEME.startswith(text):
        return True
    return len(text) <= REFERENCE_CHARACTERS_MAX and (_BEGINNING if begins else _REFERENCE).fullmatch(text) is not None


def folded_label(value: str) -> str:
    """A value of a label as it is compared. Some signs have a blank in them once they are folded."""
    return fold(value.strip()[:LABEL_CHARACTERS_MAX]).strip()[:LABEL_CHARACTERS_MAX].rstrip()


def document(sender: str, body: bytes, stamp: int | None = None, called: str = "") -> Document:
    """An activity, ready for `matches`. Never fails: what is no JSON object has no words.

    `called`: what it is called beside what it says itself, as a reference: the one to its entry.
    """
    text = text_of(sender, body)
    return Document(text._replace(labels=(*text.labels, f"about:{called}")) if called else text, stamp)


def is_to(name: str, body: bytes) -> bool:
    """Whether an activity is to somebody, as `to:NAME` asks. Never fails."""
    wanted = label("to", name)
    # Nearly all are to nobody, and tell so before they are read.
    if body.isascii() and b"\\u" not in body and wanted.isascii() and wanted[3:].encode() not in body.lower():
        return False
    return wanted in text_of("", body).labels


def text_of(sender: str, body: bytes) -> ActivityText:
    """The words and labels of an activity that somebody sent. Never fails."""
    try:
        members = _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError, ValueError):
        members = None
    if not isinstance(members, dict):
        members = {}
    if not sender and isinstance(vouched := members.get("authenticated_user"), str):
        sender = vouched
    labels = dict.fromkeys([label("from", sender)] if sender else ())
    labels.update(dict.fromkeys(islice(_references(members), REFERENCES_MAX)))
    labels.update(dict.fromkeys(_type_labels(members)))
    labels.update(dict.fromkeys(_recipients(members)))
    words = words_of(sender)
    left = CHARACTERS_MAX
    for text in _texts(members):
        text = text[:left]
        left -= len(text)
        words.append(BETWEEN_TEXTS)
        words += words_of(text)
        if len(labels) < LABELS_MAX and ("@" in text or "#" in text):
            named = dict.fromkeys((_NAMED[one.kind], one.value) for one in entities_of(text) if one.kind in _NAMED)
            labels.update((label(*one), None) for one in islice(named, LABELS_MAX))
        if left <= 0:
            break
    labels.update(dict.fromkeys(_tags(members)))
    return ActivityText(tuple(words), tuple(labels)[:LABELS_MAX])


def _texts(members: dict[str, Any]) -> Iterator[str]:
    with_names = not any(members.get(key) for key in _TYPES)
    waiting: list[tuple[str, Any, bool]] = [("", members, False)]
    while waiting:
        key, value, is_markup = waiting.pop()
        if isinstance(value, str):
            if value.startswith(SCHEME) and is_reference(value):
                continue
            yield _without_markup(value) if is_markup and "<" in value else value
        elif isinstance(value, dict):
            markup = _MARKED_UP if value.get("mediaType") in (None, "text/html") else ()
            waiting += [
                (name, one, is_markup or name in markup)
                for name, one in reversed(value.items())
                if name not in _NO_TEXT
            ]
            if with_names and value is not members:
                yield key
        elif isinstance(value, list):
            waiting += [(key, one, is_markup) for one in reversed(value)]
        elif isinstance(value, int) and not isinstance(value, bool):
            yield str(value)
        if with_names and key and not isinstance(value, dict | list):
            yield key


def _without_markup(text: str) -> str:
    return html.unescape(_MARKUP.sub("", _BLOCK.sub("\n", text)))


def _with_object(members: dict[str, Any]) -> list[dict[str, Any]]:
    """An activity, and its object, or the first of several."""
    inner = members.get("object")
    if isinstance(inner, list):
        inner = inner[0] if inner else None
    return [members, inner] if isinstance(inner, dict) else [members]


def _values(members: dict[str, Any], key: str) -> list[Any]:
    value = members.get(key)
    return value if isinstance(value, list) else [value]


def _type_labels(members: dict[str, Any]) -> Iterator[str]:
    for one in _with_object(members):
        for key in _TYPES:
            for value in _values(one, key):
                if isinstance(value, str) and value:
                    yield label("type", value)
                    if key == "verb" and (known := VERSION_1_VERBS.get(value.lower())):
                        yield label("type", known)


def _recipients(members: dict[str, Any]) -> Iterator[str]:
    inner = members.get("object")
    for one in (members, inner):
        if isinstance(one, dict):
            for key in _RECIPIENTS:
                for name in _names_in(one.get(key)):
                    yield label("to", name)


def _references(members: dict[str, Any]) -> Iterator[str]:
    for one in _with_object(members):
        # What is undone may be given as the activity that it is.
        is_activity = one is members or any(one.get(key) for key in _TYPES)
        for key in _NAMING if is_activity else _NAMED_BY_OBJECTS:
            for value in _values(one, key):
                for name in [value.get(key) for key in _IDS] if isinstance(value, dict) else [value]:
                    if isinstance(name, str) and name.startswith(SCHEME) and is_reference(name):
                        yield f"about:{name}"


def _tags(members: dict[str, Any]) -> Iterator[str]:
    inner = members.get("object")
    for one in (members, inner):
        if not isinstance(one, dict):
            continue
        tags = one.get("tag")
        for tag in tags if isinstance(tags, list) else [tags]:
            name = tag.get("name") if isinstance(tag, dict) else tag
            if isinstance(name, str) and name.startswith("@"):
                yield label("to", name[1:])
            elif isinstance(name, str) and name:
                yield label("tag", name.removeprefix("#"))


def _names_in(value: Any) -> Iterator[str]:
    """Those whom a value names: by a name, or by an address that ends with one."""
    for one in value if isinstance(value, list) else [value]:
        names = [one.get(key) for key in _NAMES] if isinstance(one, dict) else [one]
        for name in names:
            if isinstance(name, str) and name:
                yield name
                last = re.split(r"[/#]", name.rstrip("/"))[-1].removeprefix("acct:").removeprefix("@").split("@")[0]
                if last and last != name:
                    yield last
