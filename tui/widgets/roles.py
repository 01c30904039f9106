"""The roles that pieces of text play in the lists, and what each looks like. No role is told by its colour alone."""

from __future__ import annotations

from typing import Final

from tui.look.hues import HUES

Piece = tuple[str, str]
"""Safe text and its role."""

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
@NAMES@
    &:ansi > .rows--cursor { background: ansi_default; text-style: reverse; }
    &:ansi > .rows--dim { color: ansi_default; text-style: dim; }
    &:ansi > .rows--bar { color: ansi_bright_black; }
    &:ansi > .rows--match { background: ansi_default; text-style: reverse; }
    &:ansi > .rows--marker { background: ansi_default; text-style: reverse; }
    &:nocolor > .rows--cursor { text-style: reverse; }
    &:nocolor > .rows--match { text-style: reverse; }
    &:nocolor > .rows--marker { text-style: reverse; }
}
""".replace("@NAMES@", _NAMES)
