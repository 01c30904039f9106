"""Runs a command that lives on an event loop: one `asyncio.run` whose log and interrupts belong to the console."""

from __future__ import annotations

import asyncio
import logging
import selectors
import signal
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, Final, TypeVar

from tui.cli.console import say

T = TypeVar("T")

EVENTS_MAX: Final = 128
"""Sockets that one pass of the event loop looks at."""


class _Narration(logging.Handler):
    """What libraries log becomes a line of narration, never a traceback."""

    def __init__(self, write: Callable[[str, bool], None], least: int) -> None:
        super().__init__(least)
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        cause = f" ({type(error).__name__}: {error})" if error is not None else ""
        self._write(f"{record.getMessage().partition(chr(10))[0]}{cause}", record.levelno >= logging.ERROR)


def _say(sentence: str, _fault: bool) -> None:
    say(sentence)


def narrate_log(write: Callable[[str, bool], None] = _say, least: int = logging.WARNING) -> None:
    """Send the warnings of libraries, asyncio's among them, where narration goes, from a level on.

    `write` is given a line, and whether it is more than a warning.
    """
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if not isinstance(handler, _Narration)]
    root.addHandler(_Narration(write, least))
    logging.raiseExceptions = False


def run_until_interrupted(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run `main`; Ctrl+C ends it wherever it is, with KeyboardInterrupt.

    asyncio's own handler would wait for the loop to come round, and it does not while a reader of our output is slow.
    """
    narrate_log()
    signal.signal(signal.SIGINT, _interrupt)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main())


def new_event_loop() -> asyncio.AbstractEventLoop:
    """asyncio's loop, which takes up so many events in one pass.

    Left alone it takes all: when ten thousand connections end together, nothing else happens until each has been seen.
    The system hands out those that wait in turn (epoll(7)), so nobody is passed over.
    """
    selector = selectors.DefaultSelector()
    polled = getattr(selector, "_selector", None)
    if isinstance(selector, getattr(selectors, "EpollSelector", ())) and polled is not None:
        selector._selector = _SoManyAtATime(polled)  # type: ignore[attr-defined]
    return asyncio.SelectorEventLoop(selector)


class _SoManyAtATime:
    """An epoll object that returns at most `EVENTS_MAX` events."""

    def __init__(self, epoll: Any) -> None:
        self._epoll = epoll

    def poll(self, timeout: float | None = None, maxevents: int = -1) -> list[tuple[int, int]]:
        most = EVENTS_MAX if maxevents < 0 else min(maxevents, EVENTS_MAX)
        found: list[tuple[int, int]] = self._epoll.poll(timeout, most)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._epoll, name)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
