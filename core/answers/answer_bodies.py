"""Answers as activities: how one is written, and what an edited activity looks like."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from core.answers.answer_kinds import LIKE, AnswerKind
from core.wire.references import PostReference, Reference

_NOT_EDITED: Final = ("id", "authenticated_user")
"""Of an activity that is its own object, as a bare `Note` is."""
_STAYS: Final = ("id", "inReplyTo", "to", "cc", "bto", "bcc", "audience")
"""An edit changes what is said, and not to whom."""
_PLAIN: Final = {"type": "Note", "mediaType": "text/plain"}


def answer_body(
    kind: AnswerKind, about: Reference, *, content: str = "", own: PostReference | None = None
) -> dict[str, Any]:
    """An answer as an activity. `content` is a reply's or an edit's text, or a reaction's symbol; `own` what the
    activity will be named by, where its sender has an account."""
    named = {"id": str(own)} if own is not None else {}
    reference = str(about)
    if kind == "reply":
        return {**named, "type": "Create", "object": {**_PLAIN, "content": content, "inReplyTo": reference}}
    if kind == "edit":
        return {**named, "type": "Update", "object": {"id": reference, **_PLAIN, "content": content}}
    if kind == "reaction":
        symbol = {"content": content} if content not in ("", LIKE) else {}
        return {**named, "type": "Like", "object": reference, **symbol}
    return {**named, "type": "Undo" if kind == "undo" else "Delete", "object": reference}


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
