"""Lets an application end while a suggestion is prepared for it, without a word.

The work of suggesting is left undone then, and Python would say of Textual's coroutine that it was never awaited: on
standard error, in the middle of the operator's screen. Here it is begun when somebody waits for it.

Seen in Textual 8.2.8; no report found.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from textual.dom import DOMNode
from textual.suggester import Suggester

_get_suggestion = Suggester._get_suggestion


class _Suggestion:
    """The work of suggesting, begun when somebody waits for it."""

    def __init__(self, suggester: Suggester, requester: DOMNode, value: str) -> None:
        self._arguments = suggester, requester, value

    def __await__(self) -> Generator[Any, None, None]:
        return _get_suggestion(*self._arguments).__await__()


def _suggest_later(self: Suggester, requester: DOMNode, value: str) -> _Suggestion:
    return _Suggestion(self, requester, value)


def install() -> None:
    """Take effect, for every application of this process. Harmless when repeated."""
    Suggester._get_suggestion = _suggest_later  # type: ignore[assignment, method-assign]
