"""What a text refers to by its spelling: people as `@name`, tags as `#word`, pages of the web.

An *entity* is a part of a text that is more than text, as in the Bot API of Telegram and the interface of Twitter. Only
this file says what is a mention and what is a tag: a search (`core.query.activity_text`) and whoever shows a text find
the same. Where a link ends follows the extended autolinks of GitHub Flavored Markdown (section 6.9).
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

EntityKind = Literal["mention", "tag", "link"]

LINK_CHARACTERS_MAX: Final = 2_000
"""A longer address is no link: hardly any browser takes it."""

_BEYOND: Final = (
    '\\s<>"`\\\\^{|}\x00-\x1f\x7f-\x9f\ue000-\uf8ff\ufff9-\uffff\u2026\u3000-\u3002\u300c-\u300f\uff08\uff09\uff0c'
)
"""What no address has in it: blanks, signs, what terminals obey, and the marks of sentences in Chinese and Japanese."""
_ENTITY: Final = re.compile(
    rf"(?<!\w)(?P<link>https?://[^\W_][^{_BEYOND}]*)"
    r"|(?<![\w@/])@(?P<mention>[^\W_][\w.-]*)"
    r"|(?<![\w#&/])#(?P<tag>[^\W_]\w*|\w*[^\W_])",
    re.IGNORECASE,
)
_BEHIND: Final = "?!.,:;*_~'"
"""Behind an address these belong to the sentence."""
_PAIRS: Final = {")": "(", "]": "["}


class Entity(NamedTuple):
    """Where an entity stands in its text, and what it names: a person and a tag without their sign, a link whole."""

    kind: EntityKind
    begin: int
    end: int
    value: str


def entities_of(text: str) -> list[Entity]:
    """The entities of a text, in their order; none lies in another."""
    found: list[Entity] = []
    at = 0
    while (item := _ENTITY.search(text, at)) is not None:
        at = item.end()
        if (name := item["mention"]) is not None:
            value = name.rstrip(".-")
            found.append(Entity("mention", item.start(), item.start() + 1 + len(value), value))
        elif (tag := item["tag"]) is not None:
            found.append(Entity("tag", item.start(), at, tag))
        else:
            address = _without_sentence(item["link"])
            at = item.start() + len(address)
            # One that was cut names another page.
            if len(address) <= LINK_CHARACTERS_MAX and text[item.end() : item.end() + 1] != "\u2026":
                found.append(Entity("link", item.start(), at, address))
    return found


def _without_sentence(address: str) -> str:
    """The address without the end of the sentence in which it stands."""
    unopened = {closing: address.count(closing) - address.count(opening) for closing, opening in _PAIRS.items()}
    end = len(address)
    while end:
        last = address[end - 1]
        if last in _PAIRS:
            if unopened[last] <= 0:
                break
            unopened[last] -= 1
        elif last not in _BEHIND:
            break
        end -= 1
    return address[:end]
