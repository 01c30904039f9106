"""Answers as activities: how one is written, and what an edited activity looks like."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from core.answers.answer_kinds import LIKE, AnswerKind
from core.wire.references import PostReference, Reference

CONTEXT: Final = "https://www.w3.org/ns/activitystreams"
"""Of every activity that is written here."""
_NOT_EDITED: Final = ("id", "authenticated_user")
"""Of an activity that is its own object, as a bare `Note` is."""
_STAYS: Final = ("id", "inReplyTo", "to", "cc", "bto", "bcc", "audience")
"""An edit changes what is said, and not to whom."""
_PLAIN: Final = {"type": "Note", "mediaType": "text/plain"}


def answer_body(
    kind: AnswerKind, about: Reference, *, content: str = "", to: str = "", own: PostReference | None = None
) -> dict[str, Any]:
    """An answer as an activity. `content` is a reply's or an edit's text, or a reaction's symbol; `to` whom a reply is
    to; `own` what the activity will be named by, where its sender has an account. What is undone is a reaction, by its
    own reference: see `unnamed_undone`."""
    said: dict[str, Any] = {"@context": CONTEXT} if own is None else {"@context": CONTEXT, "id": str(own)}
    reference = str(about)
    if kind == "reply":
        to_whom = {"to": [to]} if to else {}
        return {**said, "type": "Create", "object": {**_PLAIN, "content": content, "inReplyTo": reference, **to_whom}}
    if kind == "edit":
        return {**said, "type": "Update", "object": {"id": reference, **_PLAIN, "content": content}}
    if kind == "reaction":
        symbol = {"content": content} if content not in ("", LIKE) else {}
        return {**said, "type": "Like", "object": reference, **symbol}
    return {**said, "type": "Undo" if kind == "undo" else "Delete", "object": reference}


def unnamed_undone(about: Reference) -> dict[str, Any]:
    """The activity by which a reaction to another one is taken back that nothing names."""
    return {"@context": CONTEXT, "type": "Undo", "object": {"type": "Like", "object": str(about)}}


def with_version(body: bytes, said: str) -> bytes:
    """An activity whose object is replaced by that of an edit, as JSON. What cannot be read stays as it is.

    Whom it is to, and what it replies to, stay, unless the edit says otherwise.
    """
    try:
        members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        version = msgspec.json.decode(said, type=dict[str, msgspec.Raw])
        inner = members.get("object")
        before = {} if inner is None else _object(bytes(inner))
        version.pop("id", None)
        if inner is None:
            kept = {name: members[name] for name in (*_NOT_EDITED, *_STAYS) if name in members}
            return msgspec.json.encode({**members, **version, **kept})
        for name in _STAYS:
            if name in before:
                version.setdefault(name, before[name])
        return msgspec.json.encode({**members, "object": version})
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return body


def _object(raw: bytes) -> dict[str, msgspec.Raw]:
    try:
        return msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError:
        return {}
