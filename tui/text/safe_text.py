"""Text from the network, made safe for a terminal.

Everything that a peer wrote is hostile: control characters that move the cursor or set the window's title, marks that
reverse the reading direction, characters without width that make two names look alike, stacks of combining marks that
overflow their line. `neutralise` keeps what a person can read and shows the rest as a visible replacement, so that
what is on the screen is what was sent, and nothing but text.

Nothing here knows about markup, because nothing in the application parses markup in text that it did not write itself.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
LINE_BREAK: Final = "\N{RETURN SYMBOL}"
ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"
TIE: Final = "\N{CHARACTER TIE}"
"""In names, what joins symbols to one or colours them. A name that has it of its own does not show it."""
NOTHING: Final = "\N{WORD JOINER}"
"""Paints nothing and joins nothing to a symbol, in a terminal as in rich."""

COMBINING_MARKS_MAX: Final = 2
"""Combining marks kept on one character. Vietnamese and Hebrew need two; more is decoration that leaves the line."""

_JOINERS: Final = frozenset("\u200c\u200d\ufe0e\ufe0f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")
"""Zero-width (non-)joiners, the common variation selectors and the colours of skin: harmless, but terminals disagree on
the width of what they join. They are dropped, but for `_SPELLING`."""

_NON_JOINER: Final = "\u200c"
_SCRIPTS: Final = "[\u0620-\u0dff]"
_SIGNS: Final = "[\u064b-\u0652\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca]"
_SPELLING: Final = re.compile(
    rf"(?:(?<={_SCRIPTS})(?<=\w)|(?<={_SCRIPTS}{_SIGNS})(?<=\w\W)){_NON_JOINER}(?={_SCRIPTS})(?=\w)"
)
"""A non-joiner where the spelling of a word needs it: between letters of Arabic, Syriac or the scripts of India, the
first with at most a vowel or virama. Terminals give it no width, nor does rich. (A joiner, U+200D, is dropped
there as well: rich 15 takes what follows it to have no width, and terminals do not.)"""

_MARKS: Final = frozenset(("Mn", "Me", "Mc"))
_BLANKS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0\u180e\u034f")
"""Letters and symbols that paint nothing."""


@lru_cache(maxsize=4096)
def _shown(character: str) -> str:
    """What is painted for one character, with "combining" marks passed on as they are."""
    if " " <= character <= "~":
        return character
    code = ord(character)
    if code < 0x20:
        return LINE_BREAK if character == "\n" else " " if character == "\t" else chr(0x2400 + code)
    if code == 0x7F:
        return "\N{SYMBOL FOR DELETE}"
    if character in _JOINERS:
        return ""
    if character in _BLANKS or 0xE0000 <= code <= 0xE0FFF:
        return REPLACEMENT
    category = unicodedata.category(character)
    if category == "Zs":
        return " "
    if category in ("Zl", "Zp"):
        return LINE_BREAK
    if category in ("Cc", "Cf", "Cs", "Co", "Cn"):
        return REPLACEMENT
    return character


def neutralise(text: str, limit: int | None = None) -> str:
    """`text` on one line, with nothing in it that a terminal would obey or a person could not see.

    With `limit`, at most that many characters of `text` are looked at, and an ellipsis says that there was more.
    """
    if limit is not None and len(text) > limit:
        return neutralise(text[:limit]) + ELLIPSIS
    if text.isascii() and text.isprintable():
        return text
    if _NON_JOINER in text:
        return _NON_JOINER.join(_neutralise(part) for part in _SPELLING.split(text))
    return _neutralise(text)


def _neutralise(text: str) -> str:
    result: list[str] = []
    marks = COMBINING_MARKS_MAX
    for character in text:
        if character >= "\u0300" and unicodedata.category(character) in _MARKS:
            if character in _JOINERS:
                continue
            if character in _BLANKS or 0xE0000 <= ord(character) <= 0xE0FFF:
                result.append(REPLACEMENT)
                continue
            marks += 1
            if marks <= COMBINING_MARKS_MAX:
                result.append(character)
            continue
        shown = _shown(character)
        if shown:
            result.append(shown)
            marks = 0
    return "".join(result)


def neutralise_lines(text: str, limit: int | None = None) -> str:
    """Like `neutralise`, but line feeds stay: for text that is shown on many lines."""
    if limit is not None and len(text) > limit:
        return neutralise_lines(text[:limit]) + ELLIPSIS
    return "\n".join(neutralise(line) for line in text.replace("\r\n", "\n").split("\n"))


def shown_alike(text: str) -> str:
    """What is shown of a line that is being written: as `neutralise`, but with just one character for each, so that a
    place in one is a place in the other. What would be dropped is shown as `NOTHING`."""
    if text.isascii() and text.isprintable():
        return text
    result: list[str] = []
    marks = COMBINING_MARKS_MAX
    spelling = {found.start() for found in _SPELLING.finditer(text)} if _NON_JOINER in text else ()
    for place, character in enumerate(text):
        if place in spelling:
            result.append(character)
        elif character >= "\u0300" and character not in _BLANKS and unicodedata.category(character) in _MARKS:
            marks += 1
            is_kept = marks <= COMBINING_MARKS_MAX and character not in _JOINERS
            result.append(character if is_kept else NOTHING)
        else:
            result.append(_shown(character) or NOTHING)
            marks = 0
    return "".join(result)


def neutralise_name(name: str, limit: int = 64) -> str:
    """A name of somebody. Invisible joiners are shown here as well: two names that look alike must be one name. Behind
    a symbol, where they make one of several or colour it, they are a tie; elsewhere they only deceive."""
    if name.isascii():
        return neutralise(name, limit)
    shown: list[str] = []
    joined = ""
    for character in name:
        if character in _JOINERS:
            shown.append(TIE if joined and unicodedata.category(joined) == "So" else REPLACEMENT)
        else:
            joined = character
            shown.append(REPLACEMENT if character == TIE else character)
    return neutralise("".join(shown), limit)


def well_formed(text: str) -> str:
    """A text with � in the place of each half of a character: no encoding has those, though
    some terminals and editors hand them over."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
