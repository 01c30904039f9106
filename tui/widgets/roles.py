"""The roles that pieces of text play in the lists, and what each looks like. No role is told by its colour alone."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from tui.look.hues import HUES

Piece = tuple[str, str]
"""Safe text and its role; behind the role `link` and a blank stands where it leads."""


def link_role(address: str) -> str:
    """The role of a link, or of a part of it. `address` is safe text."""
    return f"link {quote(address, safe=_OF_ADDRESSES)}"


def look_of(piece: Piece) -> Piece:
    """A piece as it is painted: a link with where it leads, which is what it says."""
    text, role = piece
    return (text, link_role(text)) if role == "link" else piece


_OF_ADDRESSES: Final = "!#$%&'()*+,/:;=?@[]~"
"""Signs that stand for themselves in an address (RFC 3986); whatever a terminal may not be told is encoded."""

ROLE_CLASSES: Final = {
    *(
        f"rows--{role}"
        for role in (
            "cursor",
            "bar",
            "thumb",
            "header",
            "marker",
            "match",
            "text",
            "dim",
            "verb",
            "object",
            "type",
            "json",
            "mark",
            "good",
            "warning",
            "error",
            "own",
            "mention",
            "me",
            "tag",
            "link",
        )
    ),
    *(f"rows--name-{number}" for number in range(HUES)),
}

_NAMES: Final = "\n".join(f"    & > .rows--name-{number} {{ color: $name-{number}; }}" for number in range(HUES))

ROLE_CSS: Final = """
RowView {
    height: 1fr;
    & > .rows--cursor { background: $surface-lighten-2; }
    & > .rows--bar { color: $foreground 20%; }
    & > .rows--thumb { color: $primary; }
    & > .rows--header { color: $foreground 70%; text-style: bold; }
    & > .rows--marker { background: $accent; color: auto; text-style: bold; }
    & > .rows--match { background: $warning; color: auto; text-style: bold; }
    & > .rows--text { color: $foreground; }
    & > .rows--dim { color: $foreground 66%; }
    & > .rows--verb { color: $foreground 75%; }
    & > .rows--object { color: $foreground; text-style: bold; }
    & > .rows--type { color: $text-secondary; }
    & > .rows--json { color: $foreground 80%; }
    & > .rows--mark { color: $foreground 66%; text-style: italic; }
    & > .rows--good { color: $text-success; }
    & > .rows--warning { color: $text-warning; }
    & > .rows--error { color: $text-error; text-style: bold; }
    & > .rows--own { color: $foreground; text-style: bold; }
    & > .rows--mention { color: $text-primary; text-style: bold; }
    & > .rows--me { background: $accent; color: auto; text-style: bold; }
    & > .rows--tag { color: $text-accent; text-style: bold; }
    & > .rows--link { color: $text-secondary; text-style: underline; }
@NAMES@
    &:ansi > .rows--cursor { background: ansi_default; text-style: reverse; }
    &:ansi > .rows--dim { color: ansi_default; text-style: dim; }
    &:ansi > .rows--bar { color: ansi_bright_black; }
    &:ansi > .rows--match { background: ansi_default; text-style: reverse; }
    &:ansi > .rows--marker { background: ansi_default; text-style: reverse; }
    &:ansi > .rows--me { background: ansi_default; text-style: bold reverse; }
    &:nocolor > .rows--me { text-style: bold reverse; }
    &:nocolor > .rows--cursor { text-style: reverse; }
    &:nocolor > .rows--match { text-style: reverse; }
    &:nocolor > .rows--marker { text-style: reverse; }
}
""".replace("@NAMES@", _NAMES)
