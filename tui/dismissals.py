"""Lets a screen be dismissed once, and takes no other one for it.

What is typed fast is still on its way to a screen when the screen goes, or another one has come over it: a second Enter
in the command palette, a second Esc in a question. Textual takes whatever lies on top from the stack then, and ends the
application when nothing is left; and it ends it when the palette looks for a list that has gone with it.
"""

from __future__ import annotations

import logging
from typing import Any

from textual.app import App
from textual.await_complete import AwaitComplete
from textual.dom import DOMNode
from textual.screen import Screen
from textual.worker import NoActiveWorker, WorkerFailed, get_current_worker

log = logging.getLogger(__name__)

_dismiss = Screen.dismiss
_handle_exception = App._handle_exception


def _dismiss_once(self: Screen[Any], result: Any = None) -> AwaitComplete:
    stack = self.app._screen_stack
    if self not in stack:
        return AwaitComplete()
    if stack[-1] is not self:
        # Another one was put over it meanwhile. What lies on top is what goes.
        stack.remove(self)
        stack.append(self)
    return _dismiss(self, result)


def _handle_unless_gone(self: App[Any], error: Exception) -> None:
    if isinstance(error, WorkerFailed) and _of_a_screen_that_has_gone(self):
        log.info("what a screen was still doing when it was dismissed failed: %s", error)
        return
    _handle_exception(self, error)


def _of_a_screen_that_has_gone(app: App[Any]) -> bool:
    """Whether the worker that runs now belongs to one."""
    try:
        node: DOMNode | None = get_current_worker().node
    except NoActiveWorker:
        return False
    while node is not None and not isinstance(node, Screen):
        node = node.parent if isinstance(node.parent, DOMNode) else None
    return node not in app.screen_stack


def install() -> None:
    """Take effect, for every application of this process. Harmless when repeated."""
    Screen.dismiss = _dismiss_once  # type: ignore[method-assign]
    App._handle_exception = _handle_unless_gone  # type: ignore[method-assign]
