"""Styles of cells, as numbers that strings can hold, and the fewest bytes that lead from one to another.

A style is what SGR (ECMA-48, 8.3.117) has said since the last reset, and where a link leads (OSC 8). Every style of
this process has a character: a row's styles are a string, compared and cut as fast as its text.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

RESET: Final = "\x1b[0m"
LINK_END: Final = "\x1b]8;;\x1b\\"
STYLES_MAX: Final = 4096
"""Kept at a time. Links make new ones for ever."""
_SEEN_ON_BLANKS: Final = ("4", "7", "9", "21", "53")
"""Underlined, reversed, crossed out, doubly underlined, overlined."""
_CODES: Final = re.compile(r"[345]8;5;\d+|[345]8;2;\d+;\d+;\d+|[\d:]+")


class CellStyle(NamedTuple):
    """A style, in the words of SGR."""

    attributes: tuple[str, ...] = ()
    front: str = ""
    back: str = ""
    link: str = ""
    """What begins the link."""

    def after(self, codes: str) -> CellStyle:
        """What some codes lead to."""
        attributes, front, back = list(self.attributes), self.front, self.back
        for code in _CODES.findall(codes) or ["0"]:
            number = code.partition(";")[0]
            if code.strip("0") == "":
                attributes, front, back = [], "", ""
            elif number == "39":
                front = ""
            elif number == "49":
                back = ""
            elif number == "38" or (number.isdigit() and (30 <= int(number) <= 37 or 90 <= int(number) <= 97)):
                front = code
            elif number == "48" or (number.isdigit() and (40 <= int(number) <= 47 or 100 <= int(number) <= 107)):
                back = code
            else:
                attributes = [other for other in attributes if other != code] + [code]
        return self._replace(attributes=tuple(attributes), front=front, back=back)

    @property
    def codes(self) -> str:
        """What says it all after a reset."""
        return ";".join(filter(None, (*self.attributes, self.front, self.back)))


NO_STYLE: Final = "\x01"
"""The character of no style at all."""
_styles: list[CellStyle] = []
_characters: dict[CellStyle, str] = {}


def character_of(style: CellStyle) -> str:
    """The character that stands for a style, until `forget`."""
    found = _characters.get(style)
    if found is None:
        found = _characters[style] = chr(len(_styles) + 1)
        _styles.append(style)
    return found


def style_of(character: str) -> CellStyle:
    return _styles[ord(character) - 1]


@lru_cache(STYLES_MAX)
def blank(character: str) -> str:
    """The style of a blank that looks the same: letters' colour and weight are not seen on it."""
    style = style_of(character)
    if style.link or any(code.partition(":")[0] in _SEEN_ON_BLANKS for code in style.attributes):
        return character
    return character_of(CellStyle(back=style.back))


@lru_cache(STYLES_MAX)
def change(present: str, wanted: str) -> str:
    """What has a terminal that writes in one style write in another."""
    if present == wanted:
        return ""
    old, new = style_of(present), style_of(wanted)
    link = "" if old.link == new.link else new.link or LINK_END
    whole = f"\x1b[0;{new.codes}m" if new.codes else RESET
    if old[:3] == new[:3]:
        return link
    if not set(old.attributes) <= set(new.attributes):
        return link + whole
    codes = [code for code in new.attributes if code not in old.attributes]
    if old.front != new.front:
        codes.append(new.front or "39")
    if old.back != new.back:
        codes.append(new.back or "49")
    return link + min(f"\x1b[{';'.join(codes)}m", whole, key=len)


def is_full() -> bool:
    """Whether there are so many that `forget` is due."""
    return len(_styles) >= STYLES_MAX


def forget() -> None:
    """Begin anew: no character from before stands for anything."""
    _styles.clear()
    _characters.clear()
    for each in (blank, change):
        each.cache_clear()
    character_of(CellStyle())


forget()
