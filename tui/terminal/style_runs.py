"""Styles are said once: of what is painted, each code that changes nothing is left out.

Rich ends every piece of text with a reset and begins the next with all of its style, word by word: four fifths of the
bytes to a terminal. What is between is the same whatever is said of it.
"""

from __future__ import annotations

import re
from typing import Final

_STYLE: Final = re.compile(r"\x1b\[([0-9;:]*)m")
_MOVES: Final = re.compile(r"(?:\x1b\[[0-9;]*[ABCDGHd])+")
"""Moves of the cursor, which no style has anything to do with."""


def styles_once(text: str) -> str:
    """The same for a terminal that is in no style before, and after it in none."""
    parts = _STYLE.split(text)
    if len(parts) <= 3:
        return text
    said: list[str] = []
    wanted = present = ""
    # Every other one is what a style's code had between its ends.
    for number, part in enumerate(parts):
        if number % 2:
            wanted = _after(wanted, part)
        elif part:
            if wanted != present and not _MOVES.fullmatch(part):
                said.append(_change(present, wanted))
                present = wanted
            said.append(part)
    if present:
        said.append("\x1b[0m")
    return "".join(said)


def _after(style: str, code: str) -> str:
    """The style that a code leads to."""
    if code in ("", "0"):
        return ""
    if code.startswith("0;"):
        return code[2:]
    return f"{style};{code}" if style else code


def _change(present: str, wanted: str) -> str:
    if not wanted:
        return "\x1b[0m"
    return f"\x1b[0;{wanted}m" if present else f"\x1b[{wanted}m"
