"""Terminals whose characters are not those of Unicode: what is painted falls back to ASCII, what is typed is read."""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Mapping
from typing import Final

from rich.cells import cell_len

_ERRORS: Final = "activity-tui-fallback"
_LIKE: Final = {
    **dict.fromkeys("\u2500\u2501\u2504\u2505\u2508\u2509\u254c\u254d\u2550\u2574\u2576\u2578\u257a\u257c\u257e", "-"),
    **dict.fromkeys("\u2502\u2503\u2506\u2507\u250a\u250b\u254e\u254f\u2551\u2575\u2577\u2579\u257b\u257d\u257f", "|"),
    **dict.fromkeys("\u258f\u258e\u258d\u258c\u2590\u2595", "|"),
    **dict.fromkeys("\u2581\u2582\u2583\u2584", "_"),
    **dict.fromkeys("\u2580\u2594", "-"),
    **dict.fromkeys("\u2190\u25c0\u25c2\u2039\u00ab", "<"),
    **dict.fromkeys("\u2192\u21b3\u25b6\u25b8\u203a\u00bb", ">"),
    "\u2665": "+",
    **dict.fromkeys("\u2191\u25b2\u25b4", "^"),
    **dict.fromkeys("\u2193\u25bc\u25be", "v"),
    **dict.fromkeys("\u25cf\u2022\u25c6\u2605", "*"),
    **dict.fromkeys("\u25cb\u25e6\u2606", "o"),
    **dict.fromkeys("\u25c9\u25ce", "@"),
    **dict.fromkeys("\u25c7\u25c8", "+"),
    **dict.fromkeys("\u2713\u2714", "v"),
    **dict.fromkeys("\u2717\u2718\u00d7", "x"),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    **dict.fromkeys("\u2018\u2019", "'"),
    **dict.fromkeys("\u201c\u201d\u201e", '"'),
    **dict.fromkeys("\u2026\u00b7\u22c5", "."),
}
"""What a character looks like in ASCII."""


class Charset:
    """A terminal's own encoding, by its name in Python."""

    def __init__(self, name: str) -> None:
        """An unknown name is taken for UTF-8, as nearly all terminals have it."""
        try:
            self._codec = codecs.lookup(name)
        except (LookupError, ValueError):
            self._codec = codecs.lookup("utf-8")
        self._unicode = self._codec.name.startswith("utf-8")
        # Such bytes are no ASCII at all: a locale that says so knows nothing of the terminal, and most have UTF-8.
        self._types_unicode = self._unicode or self._codec.name == "ascii"
        self._decode = codecs.getincrementaldecoder(self._codec.name)("ignore").decode

    def encode(self, text: str) -> bytes:
        """What is painted; every character keeps its width."""
        if self._unicode:
            return text.encode("utf-8", "replace")
        return text.encode(self._codec.name, _ERRORS)

    def to_utf8(self, data: bytes) -> bytes:
        """What is typed, which may arrive in any pieces."""
        return data if self._types_unicode else self._decode(data).encode("utf-8", "replace")


def charset_of(environment: Mapping[str, str]) -> str:
    """The encoding of a locale, as its variables name it (POSIX.1-2017, 8.2), by its name in Python.

    The locale need not be installed. Where nothing is said, as in containers, it is UTF-8, as Python has it (PEP 538).
    """
    named = next(
        (value for name in ("LC_ALL", "LC_CTYPE", "LANG") if (value := environment.get(name, "").strip())), None
    )
    if named is None:
        return "utf-8"
    try:
        found = codecs.lookup(named.partition("@")[0].partition(".")[2])
        # Terminals are told what to do in ASCII.
        usable = "\x1b[0m".encode(found.name) == b"\x1b[0m"
    except (LookupError, UnicodeError):
        return "ascii"
    return found.name if usable else "ascii"


def like(char: str) -> str:
    """ASCII as wide as a character, and like it where there is something like it."""
    if char in _LIKE:
        return _LIKE[char]
    if "\u2500" <= char <= "\u257f":
        return "+"
    if "\u2580" <= char <= "\u259f":
        return "#"
    width = cell_len(char)
    plain = unicodedata.normalize("NFKD", char)[:1]
    return plain if width == 1 and " " <= plain <= "~" else "?" * width


def _fall_back(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return "".join(map(like, error.object[error.start : error.end])), error.end


codecs.register_error(_ERRORS, _fall_back)
