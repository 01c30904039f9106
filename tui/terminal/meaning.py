"""What a terminal's sequences mean to Textual: a key, a move of the mouse, a paste, an answer that was asked for.

Textual's own parser takes whatever it does not know for typed text, and raises where numbers mean nothing. Here only
what is known as a whole, with numbers that a terminal can mean, becomes a message; everything else becomes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from textual import constants, events, messages
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS, IGNORE_SEQUENCE
from textual._keyboard_protocol import FUNCTIONAL_KEYS
from textual._xterm_parser import XTermParser
from textual.geometry import Size
from textual.keys import Keys, _character_to_key
from textual.message import Message

from tui.terminal.scanner import Alt, Character, Escape, Pasted, Sequence, Token

SIZE_MAX: Final = Size(1000, 400)
"""Larger than any terminal."""

_FOCUS: Final = {"\x1b[I": events.AppFocus, "\x1b[O": events.AppBlur}
_PASTE_END: Final = "\x1b[201~"
_MOUSE: Final = re.compile(r"\x1b\[<(\d{1,3});(\d{1,5});(\d{1,5})([Mm])")
_MODE: Final = re.compile(r"\x1b\[\?(\d{1,5});([0-4])\$y")
_CURSOR: Final = re.compile(r"\x1b\[\d*;\d*R")
_RESIZED: Final = re.compile(r"\x1b\[48;(\d{1,5})(?::\d*)?;(\d{1,5})(?::\d*)?;\d*(?::\d*)?;\d*(?::\d*)?t")
_KEY: Final = re.compile(
    r"\x1b\[(?P<code>\d{0,7})(?::\d*)*(?:;(?P<modifiers>\d{0,3})(?::(?P<type>\d))?(?:;(?P<text>[\d:]{0,60}))?)?"
    r"(?P<end>[u~A-FHPQS])"
)
"""A key as the kitty keyboard protocol has it (https://sw.kovidgoyal.net/kitty/keyboard-protocol/), a superset of what
xterm sends. `ESC [ 1 ; 2 R` is missing: it tells where the cursor is."""
_MODIFIED_ENTER: Final = re.compile(r"\x1b\[27;(\d{1,3});13~")
"""Enter with a key held, as xterm tells it (modifyOtherKeys), and tmux with `extended-keys always`."""
_MODIFIERS_MAX: Final = 256
_RELEASED: Final = "3"
_WHEEL: Final = (events.MouseScrollUp, events.MouseScrollDown, events.MouseScrollLeft, events.MouseScrollRight)

_parser = XTermParser(False)
"""Knows keys by name, and is fed nothing."""


class Interpreter:
    """What one terminal means. The size is that of its screen, for its mouse."""

    def __init__(self) -> None:
        self.size = SIZE_MAX
        self._pointer = 0, 0

    def messages(self, tokens: Iterable[Token]) -> Iterator[Message]:
        """What the application is to be told."""
        for token in tokens:
            match token:
                case Character(char):
                    yield from _known(_parser._sequence_to_key_events(char))
                case Alt(char):
                    yield from _with_alt(char)
                case Escape():
                    yield events.Key("escape", "\x1b")
                case Pasted(text):
                    yield events.Paste(text)
                case Sequence(sequence):
                    yield from self._sequence(sequence)

    def _sequence(self, sequence: str) -> Iterator[Message]:
        if sequence in _FOCUS:
            yield _FOCUS[sequence]()
        elif sequence == _PASTE_END or _CURSOR.fullmatch(sequence):
            return
        elif found := _MOUSE.fullmatch(sequence):
            yield from self._mouse(int(found[1]), int(found[2]), int(found[3]), pressed=found[4] == "M")
        elif found := _MODE.fullmatch(sequence):
            yield from _mode(found[1], int(found[2]))
        elif found := _RESIZED.fullmatch(sequence):
            width, height = int(found[2]), int(found[1])
            if 0 < width <= SIZE_MAX.width and 0 < height <= SIZE_MAX.height:
                yield events.Resize(Size(width, height), Size(width, height))
        elif found := _MODIFIED_ENTER.fullmatch(sequence):
            yield from self._sequence(f"\x1b[13;{found[1]}u")
        elif (key := _normal(sequence)) is not None and not constants.DISABLE_KITTY_KEY:
            yield from _known(each.copy() for each in _parser._parse_extended_key(key) or ())
        else:
            yield from _listed(sequence)

    def _mouse(self, buttons: int, column: int, row: int, *, pressed: bool) -> Iterator[Message]:
        inside = 0 < column <= self.size.width and 0 < row <= self.size.height
        moving, wheel = buttons & 32, buttons & 64
        if buttons >= 128 or (wheel and not pressed) or (pressed and not moving and not inside):
            # A button that has no name, or a press outside of the window.
            return
        x = min(max(column - 1, 0), self.size.width - 1)
        y = min(max(row - 1, 0), self.size.height - 1)
        before, self._pointer = self._pointer, (x, y)
        kind: type[events.MouseEvent]
        if wheel:
            kind, button = _WHEEL[buttons & 3], 0
        else:
            button = (buttons + 1) & 3
            if moving or button == 0:
                kind = events.MouseMove
            else:
                kind = events.MouseDown if pressed else events.MouseUp
        yield kind(
            None,
            x,
            y,
            x - before[0],
            y - before[1],
            button,
            bool(buttons & 4),
            bool(buttons & 8),
            bool(buttons & 16),
            screen_x=x,
            screen_y=y,
        )


def _known(keys: Iterable[events.Key]) -> Iterator[events.Key]:
    return (key for key in keys if key.key != Keys.Ignore)


def _listed(sequence: str) -> Iterator[events.Key]:
    """A key that Textual has in its list of sequences."""
    found = ANSI_SEQUENCES_KEYS.get(sequence)
    if found is None or found is IGNORE_SEQUENCE:
        return
    if isinstance(found, tuple):
        yield from (events.Key(key.value, None) for key in found)
    elif isinstance(found, str):
        yield from _parser._sequence_to_key_events(found)


def _with_alt(char: str) -> Iterator[events.Key]:
    if char == "\r":
        return iter((events.Key("alt+enter", None),))
    if f"\x1b{char}" in ANSI_SEQUENCES_KEYS:
        return _listed(f"\x1b{char}")
    return _known(_parser._sequence_to_key_events(char)) if not _printable(ord(char)) else iter((_alt_key(char),))


def _alt_key(char: str) -> events.Key:
    """A key with Alt stands for no character: typed into a line it would be a part of an answer come to pieces."""
    name = _character_to_key(char)
    if name.isupper() and len(name) == 1:
        name = f"shift+{name.lower()}"
    return events.Key(f"alt+{name}", None)


def _mode(mode: str, setting: int) -> Iterator[Message]:
    """The terminal says whether it knows a mode, and whether that is on: 0 and 4 mean that it never is."""
    if mode == "2026" and 0 < setting < 4:
        yield messages.TerminalSupportsSynchronizedOutput()
    elif mode == "2048":
        yield messages.InBandWindowResize.from_setting_parameter(setting)


def _normal(sequence: str) -> str | None:
    """A key's sequence as Textual's parser understands it; None if it is none, or was released, or means nothing."""
    found = _KEY.fullmatch(sequence)
    if found is None:
        return None
    code, modifiers, text, end = (found[name] or "" for name in ("code", "modifiers", "text", "end"))
    number = int(code or 1)
    if found["type"] == _RELEASED:
        return None
    if int(modifiers or 1) > _MODIFIERS_MAX:
        return None
    characters = [int(each) for each in text.split(":") if each]
    if not all(len(str(each)) <= 7 and _printable(each) for each in characters):
        return None
    if f"{number}{end}" not in FUNCTIONAL_KEYS:
        if end != "u" or not (_printable(number) or (number == 0 and characters)):
            return None
    text = ":".join(str(each) for each in characters)
    return f"\x1b[{number};{int(modifiers or 0) or ''};{text}{end}"


def _printable(number: int) -> bool:
    """Whether a character has this number, and is none that controls."""
    return 0x20 <= number <= 0x10FFFF and not 0x7F <= number < 0xA0 and chr(number).isprintable()
