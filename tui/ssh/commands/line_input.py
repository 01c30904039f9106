"""What a terminal's driver does for programs that read lines: for commands that were given a terminal all the same.

Echo, erasing, the end of input and interruption, as in the canonical mode of POSIX terminals (termios, ICANON, ECHO,
ISIG): the client's own terminal leaves all of it to this side.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from tui.terminal.scanner import Alt, Character, Pasted, Scanner

LINE_MAX: Final = 4096
"""Bytes of one line; more are not taken, as terminals do."""

_ERASE: Final = (0x08, 0x7F)
_INTERRUPT: Final = (0x03, 0x1C)
_END: Final = 0x04
_KILL: Final = 0x15


class LineInput:
    """Takes what is typed, and hands over lines."""

    def __init__(
        self,
        line: Callable[[bytes], None],
        echo: Callable[[bytes], None],
        end: Callable[[], None],
        interrupt: Callable[[], None],
    ) -> None:
        self._hand_over = line
        self._echo = echo
        self._at_end = end
        self._interrupt = interrupt
        self._line = bytearray()
        self._scanner = Scanner()
        self.hidden = False
        """Whether what is typed is not shown, as a secret is not (termios, ECHONL without ECHO)."""

    def typed(self, data: bytes) -> None:
        echo = bytearray()
        for byte in self._text(data):
            if byte in _INTERRUPT:
                self._echo(bytes(echo) + b"^C\r\n")
                self._interrupt()
                return
            if byte in b"\r\n":
                echo += b"\r\n"
                self._give(b"\n")
            elif byte == _END:
                if self._line:
                    self._give(b"")
                else:
                    self._at_end()
            elif byte in _ERASE:
                echo += self._shown(self._erase())
            elif byte == _KILL:
                while erased := self._erase():
                    echo += self._shown(erased)
            elif (byte >= 0x20 or byte == 0x09) and len(self._line) < LINE_MAX:
                self._line.append(byte)
                echo += self._shown(bytes((byte,)))
        if echo:
            self._echo(bytes(echo))

    def _text(self, data: bytes) -> bytes:
        """What was typed of it: what the terminal answers, and keys that are no text, belong into no line."""
        now = time.monotonic()
        due = self._scanner.due
        tokens = self._scanner.tick(now) if due is not None and now >= due else []
        text = bytearray()
        for token in tokens + self._scanner.feed(data, now):
            if isinstance(token, Character | Pasted) or (isinstance(token, Alt) and token.text < " "):
                text += token.text.encode()
        return bytes(text)

    def _shown(self, echo: bytes) -> bytes:
        return b"" if self.hidden else echo

    def _give(self, end: bytes) -> None:
        self._hand_over(bytes(self._line) + end)
        self._line.clear()

    def _erase(self) -> bytes:
        """Take back the last character; what shows that."""
        if not self._line:
            return b""
        while len(self._line) > 1 and self._line[-1] & 0xC0 == 0x80:
            self._line.pop()
        self._line.pop()
        return b"\b \b"
