"""A terminal as it was before another process had it, for whoever gives it back when that process cannot.

It needs nothing of Textual's: the node's process has it ready.
"""

from __future__ import annotations

import contextlib
import os
import termios
import threading
from typing import Any, Final

from tui.terminal.modes import RESTORE, TELL_NO_SIZE

LIMIT: Final = 0.5
"""Seconds that a terminal has to take what gives it back."""


class KeptModes:
    """The modes of a terminal, as they are when this is made."""

    def __init__(self, reads: int = 0, writes: int = 1) -> None:
        self._reads = reads
        self._writes = writes
        self._before: list[Any] | None = None
        with contextlib.suppress(termios.error, OSError):
            self._before = termios.tcgetattr(reads)

    def restore(self) -> None:
        """Give the terminal back, if somebody took it and it is not a shell's meanwhile. Never waits for long."""
        if self._before is None or not self._is_ours():
            return
        with contextlib.suppress(termios.error, OSError):
            if termios.tcgetattr(self._reads) == self._before:
                return
            # What was painted and not shown yet is nothing that anybody waits for.
            termios.tcflush(self._writes, termios.TCOFLUSH)
            thread = threading.Thread(target=self._write, daemon=True)
            thread.start()
            thread.join(LIMIT)
            termios.tcflush(self._reads, termios.TCIFLUSH)
            termios.tcsetattr(self._reads, termios.TCSANOW, self._before)

    def _write(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._writes, f"{TELL_NO_SIZE}{RESTORE}".encode())

    def _is_ours(self) -> bool:
        try:
            return os.tcgetpgrp(self._reads) == os.getpgrp()
        except OSError:
            # It is not the terminal of this session, so nobody decides about it.
            return True
