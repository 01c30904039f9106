"""Bytes of a terminal become messages for the application, one piece of code for every terminal, near or far."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

from textual.geometry import Size
from textual.message import Message

from tui.terminal.meaning import Interpreter
from tui.terminal.scanner import Scanner, Token

log = logging.getLogger(__name__)

FAULTS_TOLD: Final = 3
"""How many faults of this module are told of, for one terminal."""


class TerminalInput:
    """What one terminal sends. Whatever it is, nothing raises, and no more than one paste is held."""

    def __init__(self) -> None:
        self._scanner = Scanner()
        self._interpreter = Interpreter()
        self._faults = 0

    @property
    def pasting(self) -> bool:
        """Whether what comes is being pasted."""
        return self._scanner.pasting

    @property
    def due(self) -> float | None:
        """When to call `tick`, if nothing comes before; in the seconds of `feed`."""
        return self._scanner.due

    def resized(self, size: Size) -> None:
        """How large the terminal's screen is."""
        self._interpreter.size = size

    def feed(self, data: bytes, now: float) -> list[Message]:
        """Bytes that have come, at `now` (seconds of any monotonic clock)."""
        try:
            return self._interpret(self._scanner.feed(data, now))
        except Exception as error:
            self._failed(error)
            return []

    def tick(self, now: float) -> list[Message]:
        """Nothing has come until now, and it is time."""
        try:
            return self._interpret(self._scanner.tick(now))
        except Exception as error:
            self._failed(error)
            return []

    def _interpret(self, tokens: Iterable[Token]) -> list[Message]:
        result: list[Message] = []
        for token in tokens:
            # One that fails takes none of the others with it.
            try:
                result.extend(self._interpreter.messages((token,)))
            except Exception as error:
                self._failed(error)
        return result

    def _failed(self, error: Exception) -> None:
        """Begin anew, as after being switched on: what was half read is gone."""
        self._scanner = Scanner()
        self._faults += 1
        if self._faults <= FAULTS_TOLD:
            log.warning("what the terminal sent was not understood (%s)", type(error).__name__)
