"""Texts as a search compares them: folded, and cut into words.

*Folding* is NFKC normalisation (Unicode Standard Annex 15) with case folding, without the accents of the scripts that
write them as marks (Latin, Greek, Cyrillic), and without the vowel points of Hebrew and Arabic, which most leave out.
Marks that are letters of their own elsewhere (Devanagari's and Thai's vowels) stay.

A *word* is a run of letters and digits. Scripts that put no blanks between words have one *token* for each character:
whoever looks for a part of such a text finds it. So has each picture, such as an emoji.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

_MARKS: Final = "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_POINTS: Final = "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0640\u064b-\u065f\u0670"
_SELECTORS: Final = "\u200b-\u200f\u2060\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\u00ad"
"""What is not seen by itself: it joins characters, or says how another one is drawn."""
_LEFT_OUT: Final = re.compile(f"[{_MARKS}{_POINTS}{_SELECTORS}]")
_STROKES: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th"}
)
"""Letters that differ from others by a stroke or are two in one, which no normalisation takes apart."""

_AT_ONCE: Final = re.compile(r".{128}[^\x00-\x7f]{0,128}|.{1,128}", re.DOTALL)
"""What is normalised by itself: it ends before a character of ASCII, which belongs to none before it, or somewhere."""

_WITHOUT_BLANKS: Final = (
    "\u0e00-\u0e7f"  # Thai
    "\u0e80-\u0eff"  # Lao
    "\u1000-\u109f\uaa60-\uaa7f"  # Myanmar
    "\u1780-\u17ff"  # Khmer
    "\u3005-\u3007\u3041-\u309f\u30a0-\u30ff\u31f0-\u31ff"  # Kana, and the marks of repetition
    "\u3100-\u312f\u31a0-\u31bf"  # Bopomofo
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Ideographs
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
_WITH_MARKS: Final = (
    "\u0780-\u07bf"  # Thaana
    "\u0900-\u0963\u0966-\u0dff"  # The scripts of India
    "\u0f18-\u0fbc"  # Tibetan
)
"""Where letters and the marks that are part of a word stand side by side."""
_ASCII_WORD: Final = re.compile("[a-z0-9]+")
_PIECE: Final = re.compile(f"[{_WITHOUT_BLANKS}]|(?:[^\\W_{_WITHOUT_BLANKS}]|[{_WITH_MARKS}])+")
_SOURCE_PIECE: Final = re.compile(
    f"[{_WITHOUT_BLANKS}]|(?:[^\\W_{_WITHOUT_BLANKS}]|[{_WITH_MARKS}{_MARKS}{_POINTS}{_SELECTORS}])+|\\S"
)
"""What is folded by itself when it matters where in the text it stood."""


class PlacedWord(NamedTuple):
    """A word of a text, and where in the text it stands."""

    text: str
    begin: int
    end: int


def fold(text: str) -> str:
    """The text as it is compared. Folding what is folded changes nothing."""
    if text.isascii():
        return text.lower()
    # What falls apart may have case again, and what is left may come together.
    parted = _normalised("NFKD", _normalised("NFKD", text).casefold())
    folded = _LEFT_OUT.sub("", parted).casefold().translate(_STROKES)
    return _normalised("NFC", folded)


def _normalised(form: Literal["NFC", "NFKD"], text: str) -> str:
    """A text of many marks takes the square of their number, and nothing else runs meanwhile: so a piece at a time."""
    return "".join(unicodedata.normalize(form, piece) for piece in _AT_ONCE.findall(text))


def words_of(text: str) -> list[str]:
    """The tokens of a text, in their order."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    return _words_of_folded(fold(text))


def _words_of_folded(folded: str) -> list[str]:
    if folded.isascii():
        return _ASCII_WORD.findall(folded)
    found: list[str] = []
    begin = 0
    for match in _PIECE.finditer(folded):
        found += _pictures(folded[begin : match.start()])
        begin = match.end()
        found.append(match[0])
    found += _pictures(folded[begin:])
    return found


def _pictures(between: str) -> Iterator[str]:
    """Of what stands between words the symbols that are looked for by themselves."""
    if between and not between.isascii():
        yield from (one for one in between if unicodedata.category(one) in ("So", "Mn", "Mc"))


def tokens_of(text: str) -> list[PlacedWord]:
    """The same, with where each stands: for showing what was found. Several tokens may stand in one place."""
    found: list[PlacedWord] = []
    for match in _SOURCE_PIECE.finditer(text):
        piece = match[0]
        if piece.isascii() or len(words := words_of(piece)) == 1:
            words = words_of(piece)
            if len(words) == 1:
                found.append(PlacedWord(words[0], match.start(), match.end()))
                continue
        at = match.start()
        # A character at a time where the script has no blanks; what cannot be told apart stands for all of the piece.
        parts = [(word, at + place, at + place + 1) for place, one in enumerate(piece) for word in words_of(one)]
        if [word for word, _, _ in parts] == words:
            found += [PlacedWord(*part) for part in parts]
        else:
            found += [PlacedWord(word, at, match.end()) for word in words]
    return found
