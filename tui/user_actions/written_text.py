"""Texts as they are written: what a paste becomes, and how long a text may be."""

from __future__ import annotations

import re
from typing import Final

TEXT_CHARACTERS_MAX: Final = 12_000
"""So that a text in the widest encoding, escaped, fits into the protocol's 64 KiB."""
KEPT_CHARACTERS_MAX: Final = 4 * TEXT_CHARACTERS_MAX
"""What is too long to be sent stays to be made shorter, up to here."""

_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LINE_ENDS: Final = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_INDENTED: Final = re.compile(r"[ \t]*")
_TAB: Final = "    "


def pasted(text: str) -> str:
    """What a paste becomes: its lines as they are, indented as they were, without what is no character of a text, and
    without an end of the line behind the last one."""
    # More than what is kept is not even looked at: it may be megabytes.
    lines = _LINE_ENDS.split(text[: KEPT_CHARACTERS_MAX + 1])
    while len(lines) > 1 and not lines[-1].strip():
        lines.pop()
    return "\n".join(map(_pasted_line, lines))


def _pasted_line(line: str) -> str:
    found = _INDENTED.match(line)
    begin = found.end() if found is not None else 0
    return line[:begin].replace("\t", _TAB) + _CONTROLS.sub("", line[begin:].replace("\t", " "))


def trimmed(text: str) -> str:
    """A text as it is sent: without blanks around it; of several lines, the first stays indented."""
    bare = text.strip()
    if "\n" not in bare:
        return bare
    before = text[: text.index(bare)]
    return before[before.rfind("\n") + 1 :] + bare


def too_long(text: str) -> str:
    """By how much a text is too long, as a sentence; empty when it is not."""
    more = len(text) - TEXT_CHARACTERS_MAX
    if more <= 0:
        return ""
    characters = "1 character" if more == 1 else f"{more:,} characters"
    return f"This is {characters} too long to be sent: a text has {TEXT_CHARACTERS_MAX:,} at most."
