"""Lets a text be laid out where it has no room at all.

A grid on a screen that is narrower than its columns gives some of them no width. Textual asks how high their texts are
then, and Rich (15.0, `chop_cells`) counts by steps of no width: the application ends with a ValueError.

Seen in Textual 8.2.8; no report found.
"""

from __future__ import annotations

from textual.content import Content
from textual.css.styles import RulesMap

_get_height = Content.get_height


def _get_height_of_something(self: Content, rules: RulesMap, width: int) -> int:
    line_pad = rules.get("line_pad", 0) * 2
    return _get_height(self, rules, max(width, line_pad + 1))


def install() -> None:
    """Take effect, for every application of this process. Harmless when repeated."""
    Content.get_height = _get_height_of_something  # type: ignore[method-assign]
