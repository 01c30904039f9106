"""Keeps the process's standard streams and event loop whole while several applications run in it.

Textual wraps each run in `redirect_stdout`, which is global to the process: applications that end in another order than
the reverse of their start leave `sys.stdout` bound to a dead one's capture, and everything printed later is lost. In a
process that serves sessions nothing is printed at all, so the wrapping is taken away.

With Python 3.12 and later each run also makes every task of the loop begin at once, inside whoever creates it: those of
the node and of asyncssh too, which were not written for that. The loop is left as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Generator, Iterator
from typing import Any

import textual.app
from textual.dom import DOMNode
from textual.suggester import Suggester


@contextlib.contextmanager
def _leave_alone(new_target: Any) -> Iterator[Any]:
    yield new_target


def install() -> None:
    """Take effect, for every application of this process. Harmless when repeated."""
    for name in ("redirect_stdout", "redirect_stderr"):
        if hasattr(textual.app, name):
            setattr(textual.app, name, _leave_alone)
    textual.app.asyncio = _LazyTasks()  # type: ignore[assignment, attr-defined]
    # An application that ends while a suggestion is prepared for it leaves that undone, and Python would say so on
    # standard error, in the middle of the operator's screen.
    Suggester._get_suggestion = _suggest_later  # type: ignore[assignment, method-assign]


class _LazyTasks:
    """`asyncio` as it was before tasks could begin at once."""

    def __getattr__(self, name: str) -> Any:
        if name == "eager_task_factory":
            raise AttributeError(name)
        return getattr(asyncio, name)


_get_suggestion = Suggester._get_suggestion


class _Suggestion:
    """The work of suggesting, begun when somebody waits for it."""

    def __init__(self, suggester: Suggester, requester: DOMNode, value: str) -> None:
        self._arguments = suggester, requester, value

    def __await__(self) -> Generator[Any, None, None]:
        return _get_suggestion(*self._arguments).__await__()


def _suggest_later(self: Suggester, requester: DOMNode, value: str) -> _Suggestion:
    return _Suggestion(self, requester, value)
