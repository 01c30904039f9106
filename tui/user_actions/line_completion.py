"""What a line or a query that is being written may become: a command, a person or a tag written to its end."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from core.query import entities_of
from tui.text.order_words import VERBS
from tui.user_actions.slash_commands import BY_NAME, COMMANDS

_CONDITION: Final = re.compile(r"(?:^|(?<=\s))-?(?P<sign>@|#|(?:from|to):)(?P<begun>[^\s\"]+)$", re.IGNORECASE)
_PLAIN: Final = re.compile(r"[^\s\"*]+")
"""What a query has without quotation marks."""
_BEGUN: Final = re.compile(r"[@#](?P<begun>[\w.-]+)$")
_SIGN_ALONE: Final = re.compile(r"(?:^|(?<=\s))[@#]$")
OFFERS_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class Offer:
    """One way in which a line may go on."""

    line: str
    """What the line becomes."""
    word: str
    """The word that it is offered as."""
    help: str = ""
    """What that does."""


def offers(line: str, names: Iterable[str], tags: Iterable[str]) -> list[Offer]:
    """What can be offered to whoever is writing this line, the likeliest first, `OFFERS_MAX` at most.

    Besides `completions`, all people and tags behind a sign that nothing follows yet.
    """
    begin = line.rfind(" ") + 1
    found = completions(line, names, tags)
    if _SIGN_ALONE.search(line) is not None and not line.startswith("/"):
        sign, known = line[-1], names if line[-1] == "@" else tags
        found = chain(found, (line + one for one in dict.fromkeys(known) if _is_entity(sign + one, 0, len(sign + one))))
    return [_offer(made, made[begin:]) for made in islice(found, OFFERS_MAX)]


def _offer(line: str, word: str) -> Offer:
    if line == word and (command := BY_NAME.get(word[1:])) is not None and word.startswith("/"):
        return Offer(line, command.usage, command.help)
    if line.startswith("/order ") and word in VERBS:
        verb = VERBS[word]
        return Offer(line, f"{word} {verb.operands}".rstrip(), verb.explained)
    return Offer(line, word)


def completions(line: str, names: Iterable[str], tags: Iterable[str]) -> Iterator[str]:
    """The whole lines that this one is the beginning of, by its last word, each once.

    `names` and `tags` (without their signs) are looked at only for a word that can be one of them, and keep their
    order. Upper and lower case make no difference.
    """
    words = line.split(" ")
    if line.startswith("/") and len(words) == 1:
        yield from _begun("", line, (f"/{command.name}" for command in COMMANDS))
    elif words[0] == "/order" and len(words) == 2:
        yield from _begun("/order ", words[1], VERBS)
    elif words[0] == "/order" and len(words) == 3 and words[1] in VERBS:
        if VERBS[words[1]].operands.startswith("USER"):
            plain = (name for name in names if shlex.quote(name) == name)
            yield from _begun(f"/order {words[1]} ", words[2], plain)
    elif words[0] in ("/filter", "/search", "/view") and len(words) > 1:
        for query in query_completions(line.partition(" ")[2], names, tags):
            yield f"{words[0]} {query}"
    elif words[0] in ("/mute", "/unmute") and len(words) > 1 and words[1][:1] not in ("@", "#"):
        yield from _begun(f"{words[0]} ", line.partition(" ")[2], names)
    elif (word := _BEGUN.search(line)) is not None and _is_entity(line, word.start()):
        sign, before = word[0][0], line[: word.start("begun")]
        # Of names that are not read as a mention once they are sent, as one with a blank, nothing is told.
        meant = (one for one in (names if sign == "@" else tags) if _is_entity(sign + one, 0, len(sign + one)))
        yield from _begun(before, word["begun"], meant)


def query_completions(query: str, names: Iterable[str], tags: Iterable[str]) -> Iterator[str]:
    """As `completions`, for the words of a query: `from:ann`, `@ann`, `#ops`, and what is not wanted of these."""
    if (word := _CONDITION.search(query)) is not None:
        meant = (one for one in (tags if word["sign"] == "#" else names) if _PLAIN.fullmatch(one))
        yield from _begun(query[: word.start("begun")], word["begun"], meant)


def _is_entity(text: str, begin: int, end: int | None = None) -> bool:
    """Whether the last of the text's entities is there: what stands within an address is none."""
    found = entities_of(text)
    return bool(found) and found[-1].begin == begin and (end is None or found[-1].end == end)


def _begun(before: str, begun: str, candidates: Iterable[str]) -> Iterator[str]:
    begun = begun.casefold()
    seen = {begun}
    for candidate in candidates:
        folded = candidate.casefold()
        if begun and folded.startswith(begun) and folded not in seen:
            seen.add(folded)
            yield before + candidate
