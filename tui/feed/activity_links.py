"""The links that stand in an activity."""

from __future__ import annotations

import html
from typing import Final

import msgspec

from core.query import entities_of

LINKS_MAX: Final = 50
TEXT_MAX: Final = 65_536
"""So many characters of each text are looked at."""

_any: Final = msgspec.json.Decoder()


def links_of(body: bytes) -> list[str]:
    """The links in the activity's texts, at any depth, each once; at most `LINKS_MAX`. Never fails."""
    try:
        waiting: list[object] = [_any.decode(body)]
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return []
    found: dict[str, None] = {}
    while waiting and len(found) < LINKS_MAX:
        value = waiting.pop()
        if isinstance(value, str):
            if "://" in value:
                links = (one.value for one in entities_of(value[:TEXT_MAX]) if one.kind == "link")
                # In markup they are written in its own way.
                found.update((html.unescape(link) if "<" in value else link, None) for link in links)
        elif isinstance(value, dict):
            waiting += [one for name, one in reversed(value.items()) if name != "@context"]
        elif isinstance(value, list):
            waiting += reversed(value)
    return [link for link in list(found)[:LINKS_MAX] if link.isprintable() and " " not in link]
