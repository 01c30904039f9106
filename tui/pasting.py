"""Keeps what is pasted from being taken for keys.

Terminals put a paste between two sequences (bracketed paste). Most take escape characters out of it, tmux does not, and
Textual's parser ends the paste at the first one and reads the rest as if it had been typed: whoever pastes somebody
else's text would press keys that they never meant to. Here an escape character in a paste becomes its symbol.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from weakref import WeakKeyDictionary

from textual._xterm_parser import XTermParser
from textual.message import Message

START: Final = "\x1b[200~"
END: Final = "\x1b[201~"
SYMBOL: Final = "\N{SYMBOL FOR ESCAPE}"


class Pastes:
    """Follows one terminal's input, which may arrive in any pieces."""

    def __init__(self) -> None:
        self._inside = False
        self._tail = ""
        self._held = ""

    def clean(self, data: str) -> str:
        """What to hand on of `data`; what might be the beginning of a paste's end is kept until more comes."""
        result: list[str] = []
        data, self._held = self._held + data, ""
        while data:
            if not self._inside:
                before = len(self._tail)
                place = (self._tail + data).find(START)
                if place < 0:
                    result.append(data)
                    self._tail = (self._tail + data)[-(len(START) - 1) :]
                    break
                taken = place + len(START) - before
                result.append(data[:taken])
                data, self._tail, self._inside = data[taken:], "", True
                continue
            pasted, end, rest = data.partition(END)
            if not end:
                kept = next((n for n in range(len(END) - 1, 0, -1) if pasted.endswith(END[:n])), 0)
                pasted, self._held = pasted[: len(pasted) - kept], pasted[len(pasted) - kept :]
            result.append(pasted.replace("\x1b", SYMBOL) + end)
            data, self._inside = rest, not end
        return "".join(result)


_feed = XTermParser.feed
_pastes: WeakKeyDictionary[XTermParser, Pastes] = WeakKeyDictionary()


def _feed_clean(self: XTermParser, data: str) -> Iterable[Message]:
    # Nothing at all stands for the end of the input.
    cleaned = _pastes.setdefault(self, Pastes()).clean(data) if data else data
    return _feed(self, cleaned) if cleaned or not data else ()


def install() -> None:
    """Take effect, for every application of this process. Harmless when repeated."""
    XTermParser.feed = _feed_clean  # type: ignore[method-assign]
