"""Keeps what went wrong in an application off the terminal.

Textual makes a traceback of an error that ends an application, with the values of all variables, secrets among them,
and prints it on standard error when the application has ended.

Seen in Textual 8.2.8; by design, no report found of what it may give away.
"""

from __future__ import annotations

from typing import Any

from textual.app import App


class UnprintedFaultsApp(App[int]):
    """An application that hands its faults to its owner, and prints none."""

    def on_fault(self) -> None:
        """The first error that ends the application has come; `fault` is it. Nothing has been taken down yet."""

    @property
    def fault(self) -> BaseException | None:
        """What went wrong, if something did that ended this application."""
        return self._exception

    def _handle_exception(self, error: Exception) -> None:
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self.on_fault()
            self._exception_event.set()
        self._close_messages_no_wait()

    def panic(self, *renderables: Any) -> None:
        self._handle_exception(RuntimeError(" ".join(map(str, renderables))))

    def _print_error_renderables(self) -> None:
        self._exit_renderables.clear()
