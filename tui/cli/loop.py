"""Runs a command that lives on an event loop: one `asyncio.run` whose log and interrupts belong to the console."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, TypeVar

from tui.cli.console import say

T = TypeVar("T")


class _Narration(logging.Handler):
    """What libraries log becomes a line of narration, never a traceback."""

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        cause = f" ({type(error).__name__}: {error})" if error is not None else ""
        self._write(f"{record.getMessage().partition(chr(10))[0]}{cause}")


def narrate_log(write: Callable[[str], None] = say) -> None:
    """Send the warnings of libraries, asyncio's among them, where narration goes."""
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if not isinstance(handler, _Narration)]
    root.addHandler(_Narration(write))
    logging.raiseExceptions = False


def run_until_interrupted(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run `main`; Ctrl+C ends it wherever it is, with KeyboardInterrupt.

    asyncio's own handler would wait for the loop to come round, and it does not while a reader of our output is slow.
    """
    narrate_log()
    signal.signal(signal.SIGINT, _interrupt)
    return asyncio.run(main())


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
