"""Lets sessions with different numbers of colours share one process.

Rich and Textual remember on each style the escape codes it was first rendered to, and styles are shared by everybody in
the process: whoever comes second would be painted in the colours of the first one's terminal. Here the codes are
remembered for each number of colours.

Seen in Textual 8.2.8 and Rich 15.0; no report found.
"""

from __future__ import annotations

from typing import Any, Final

from rich.color import ColorSystem
from rich.style import Style
from textual.strip import Strip

CODES_MAX: Final = 16_384
"""Styles whose codes are remembered, for each number of colours; Textual's own limit."""

_codes: Final[dict[int, dict[Style, str]]] = {}
_original: Final = Strip.__dict__["render_style"]


def install() -> None:
    """Take effect, for every application of this process. Harmless when repeated."""
    Strip.render_style = classmethod(_render_style)  # type: ignore[assignment, method-assign]


def _render_style(cls: Any, style: Style, text: str, color_system: ColorSystem) -> str:
    known = _codes.get(color_system.value)
    if known is None:
        known = _codes[color_system.value] = {}
    codes = known.get(style)
    if codes is None:
        if len(known) >= CODES_MAX:
            known.clear()
        style._ansi = None
        codes = known[style] = Strip.render_ansi.__wrapped__(Strip, style, color_system)
    output = f"\x1b[{codes}m{text}\x1b[0m" if codes else text
    if style._link:
        output = f"\x1b]8;id={style._link_id};{style._link}\x1b\\{output}\x1b]8;;\x1b\\"
    return output
