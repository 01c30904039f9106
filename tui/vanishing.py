"""Lets the application end although its terminal is gone.

Textual writes from a thread of its own. When somebody closes the window, that thread dies of its first failed write,
and whoever writes after that waits for ever, once its queue is full: the process that was told to leave would never
end. Here what can no longer be shown is dropped.
"""

from __future__ import annotations

from textual.drivers._writer_thread import WriterThread

_run = WriterThread.run


def _run_to_the_end(self: WriterThread) -> None:
    try:
        _run(self)
    except (OSError, ValueError):
        while self._queue.get() is not None:
            pass


def install() -> None:
    """Take effect, for every application of this process. Harmless when repeated."""
    WriterThread.run = _run_to_the_end  # type: ignore[method-assign]
