"""Lets a screen be dismissed once, and takes no other one for it.

What is typed fast is still on its way to a screen when the screen goes, or another one has come over it: a second Enter
in the command palette, a second Esc in a question. Textual takes whatever lies on top from the stack then, and ends the
application when nothing is left; and it ends it when the palette looks for a list that has gone, or has yet to come.
An application that ends gives a screen that was just asked for no children, and fails when the screen looks for them.

Seen in Textual 8.2.8. That a screen should not be dismissed under another is Textualize/textual#2575, what comes of
the same screen twice #4884; of the palette and of the end no report was found.
"""

from __future__ import annotations

import logging
from typing import Any

from textual._context import active_message_pump
from textual.app import App
from textual.await_complete import AwaitComplete
from textual.command import CommandPalette
from textual.css.query import NoMatches
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.widgets import Input
from textual.worker import NoActiveWorker, WorkerFailed, get_current_worker

log = logging.getLogger(__name__)

_dismiss = Screen.dismiss
_handle_exception = App._handle_exception
_select_or_command = CommandPalette._select_or_command


def _dismiss_once(self: Screen[Any], result: Any = None) -> AwaitComplete:
    stack = self.app._screen_stack
    if self not in stack:
        return AwaitComplete()
    if stack[-1] is not self:
        # Another one was put over it meanwhile. What lies on top is what goes.
        stack.remove(self)
        stack.append(self)
    return _dismiss(self, result)


def _handle_unless_harmless(self: App[Any], error: Exception) -> None:
    if not is_harmless(self, error):
        _handle_exception(self, error)


def is_harmless(app: App[Any], error: Exception) -> bool:
    """Whether an error, of whatever runs now, is one of a screen that has gone or has yet to come; it goes on then.

    An application that handles errors itself asks first.
    """
    cause = error.error if isinstance(error, WorkerFailed) else error
    if isinstance(cause, NoMatches):
        if app._exit:
            log.info("a screen was not made any more, as the application ends: %s", cause)
            return True
        screen = _at_work()
        if not isinstance(screen, App) and screen not in app.screen_stack:
            log.info("a screen that was dismissed missed what it was made of: %s", cause)
            return True
        if isinstance(error, WorkerFailed) and isinstance(screen, CommandPalette):
            # It searched before it was whole.
            screen.call_after_refresh(_search_again, screen)
            return True
    return False


def _at_work() -> Screen[Any] | App[Any] | None:
    """The screen, or the application, that a worker or a handler runs for now; None for parts of neither."""
    try:
        node: object = get_current_worker().node
    except NoActiveWorker:
        node = active_message_pump.get(None)
    while node is not None and not isinstance(node, Screen | App):
        node = node._parent if isinstance(node, MessagePump) else None
    return node


def _select_once(self: CommandPalette, event: Any = None) -> None:
    # A second Enter would do the command a second time.
    if self in self.app.screen_stack:
        _select_or_command(self, event)


def _search_again(palette: CommandPalette) -> None:
    found = palette.query(Input)
    if found:
        palette._gather_commands(found.first().value.strip())


def install() -> None:
    """Take effect, for every application of this process. Harmless when repeated."""
    CommandPalette._select_or_command = _select_once  # type: ignore[method-assign]
    Screen.dismiss = _dismiss_once  # type: ignore[method-assign]
    App._handle_exception = _handle_unless_harmless  # type: ignore[method-assign]
