"""Cuts what a terminal sends into characters, whole sequences and pastes, in whatever pieces it comes.

The states are those of the parser of the DEC VT500 series (Paul Williams, https://vt100.net/emu/dec_ansi_parser), with
what terminals send to programs and never receive: an Escape key that looks like the beginning of a sequence, Alt keys,
X10 mouse reports, pastes. Strings (OSC, DCS, APC, PM, SOS) are answers of the terminal and never keys: nothing of them
comes out. Nor does anything of a sequence that is broken, too long, or not finished in time.

No clock and no terminal in here: bytes and the time come in, tokens come out. Nothing that comes in raises.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

ESCAPE_DELAY: Final = 0.1
"""Seconds after which a lone ESC is the Escape key, or ESC and the beginning of a string an Alt key."""
SEQUENCE_DELAY: Final = 0.5
"""Seconds of silence after which `ESC [` is Alt+[, and a longer control sequence is given up."""
STRING_DELAY: Final = 2.0
"""Seconds of silence after which a string that has no end is given up."""
STRING_LIFE: Final = 15.0
"""Seconds after which the first silence of ESCAPE_DELAY ends a string."""
LATE_LIMIT: Final = 2.0
"""Seconds for which the rest of a sequence is recognised whose ESC was taken for the Escape key."""
PASTE_DELAY: Final = 5.0
"""Seconds of silence after which a paste that has no end yet is handed on as far as it came."""
SEQUENCE_MAX: Final = 64
"""Longest control sequence, in characters, that may mean something."""
PASTE_MAX: Final = 256 * 1024
"""Longest paste, in characters; a longer one is cut in several."""

SYMBOL: Final = "\N{SYMBOL FOR ESCAPE}"
"""What stands for an escape character in a paste."""

ESC: Final = "\x1b"
PASTE_BEGIN: Final = "\x1b[200~"


@dataclass(frozen=True, slots=True)
class Character:
    """A character that was typed; may be a control character."""

    text: str


@dataclass(frozen=True, slots=True)
class Alt:
    """A character with the Alt (Meta) key, sent as ESC before it."""

    text: str


@dataclass(frozen=True, slots=True)
class Escape:
    """The Escape key."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """A whole control sequence (`ESC [`) or a single shift (`ESC O`), in its 7-bit form."""

    text: str


@dataclass(frozen=True, slots=True)
class Pasted:
    """Text that was pasted, or a part of it."""

    text: str


Token = Character | Alt | Escape | Sequence | Pasted


class _State(Enum):
    GROUND = auto()
    ESCAPE = auto()
    """After ESC."""
    CHARSET = auto()
    """After ESC and an intermediate character: a designation of characters, or Alt with a punctuation mark."""
    CONTROL = auto()
    """In a control sequence."""
    OVERLONG = auto()
    """In one of which nothing is kept any more."""
    CONSOLE = auto()
    """After `ESC [ [`: a function key of the Linux console."""
    X10 = auto()
    """In the three bytes of a mouse report in its oldest form."""
    SHIFT = auto()
    """In a single shift."""
    INTRODUCED = auto()
    """After what begins a string, and nothing of it yet."""
    STRING = auto()
    STRING_ESCAPE = auto()
    """After an ESC in a string: its end, or the beginning of something else."""
    PASTE = auto()
    STALLED = auto()
    """In a paste that has come to a stop."""


_DELAYS: Final = {
    _State.ESCAPE: ESCAPE_DELAY,
    _State.CHARSET: ESCAPE_DELAY,
    _State.CONTROL: SEQUENCE_DELAY,
    _State.OVERLONG: SEQUENCE_DELAY,
    _State.CONSOLE: SEQUENCE_DELAY,
    _State.X10: SEQUENCE_DELAY,
    _State.SHIFT: SEQUENCE_DELAY,
    _State.INTRODUCED: ESCAPE_DELAY,
    _State.STRING: STRING_DELAY,
    _State.STRING_ESCAPE: STRING_DELAY,
    _State.PASTE: PASTE_DELAY,
}

_STRINGS: Final = "]PX^_"
_C1: Final = {0x8F: "O", 0x90: "P", 0x98: "X", 0x9B: "[", 0x9D: "]", 0x9E: "^", 0x9F: "_"}
"""The 8-bit forms of what begins a sequence, and what follows ESC in the 7-bit form."""
_STRING_STOP: Final = re.compile(r"[\x07\x9c\udc9c\x18\x1a\x1b]")
"""What ends a string, cancels it, or begins its end."""
_WHOLE_STRING: Final = re.compile(r"[^\x1b\x07\x9c\udc9c]*(?:\x1b\\|[\x07\x9c\udc9c])")
_REST: Final = {
    # What can only be the rest of a sequence, not what somebody types after Escape, when it comes at once.
    "": re.compile(r"\[[0-?]*[ -/]*[@-~]|\[[<=>?0-9][0-?]*|O[A-DFHP-S](?=\x1b|$)|\][0-9lL]|P[0-9;>!+$|={]|_G"),
    "[": re.compile(r"[0-?]+[ -/]*[@-~]|[<=>?0-9][0-9;:]+"),
    "O": re.compile(r"(?!)"),
    "]": re.compile(r"[0-9]+;|[lL][^\x1b]*\x1b\\"),
    "P": re.compile(r"[0-9;]*[>!+$|={]"),
    "_": re.compile(r"G\w+="),
    "^": re.compile(r"(?!)"),
    "X": re.compile(r"(?!)"),
}


class Scanner:
    """One terminal's input. Holds at most SEQUENCE_MAX characters, or PASTE_MAX of a paste."""

    def __init__(self) -> None:
        self._decode = getincrementaldecoder("utf-8")("surrogateescape").decode
        self._state = _State.GROUND
        self._held = ""
        self._missing = 0
        self._eight_bit = False
        self._alone = True
        self._pasted: list[str] = []
        self._pasted_length = 0
        self._tail = ""
        self._heard = 0.0
        self._begun = 0.0
        self._late: str | None = None
        self._late_until = 0.0
        self._tokens: list[Token] = []

    @property
    def pasting(self) -> bool:
        """Whether what comes is being pasted."""
        return self._state is _State.PASTE

    @property
    def due(self) -> float | None:
        """When to call `tick`, if nothing comes before: something is unfinished."""
        delay = _DELAYS.get(self._state)
        if delay is None:
            return None
        if self._state is _State.STRING and self._heard - self._begun > STRING_LIFE:
            delay = ESCAPE_DELAY
        return self._heard + delay

    def feed(self, data: bytes, now: float) -> list[Token]:
        """What has come, at `now` (seconds of any monotonic clock)."""
        if data:
            self._heard = now
        text = self._decode(data)
        if text:
            if self._state is _State.STALLED:
                self._go_on_pasting(text)
            elif self._late is not None:
                self._join(text, now)
            self._scan(text)
        return self._taken()

    def _taken(self) -> list[Token]:
        tokens, self._tokens = self._tokens, []
        return tokens

    def _scan(self, text: str) -> None:
        place, length = 0, len(text)
        while place < length:
            if self._state is _State.PASTE:
                place = self._paste(text, place)
            elif self._state is _State.STRING:
                place = self._string(text, place)
            else:
                self._step(text[place])
                place += 1

    # --- one character ------------------------------------------------------------------------------------------------

    def _step(self, char: str) -> None:
        code = ord(char)
        alone, self._alone = self._alone, not 0xDC80 <= code <= 0xDCFF
        if not self._alone:
            # A byte that is no UTF-8: below 0xA0 the 8-bit form of a control character, if it is no part of a
            # character that came to pieces; else nothing at all.
            raw = code - 0xDC00
            char = chr(raw) if raw < 0xA0 and alone else ""
        match self._state:
            case _State.GROUND:
                self._ground(char)
            case _State.ESCAPE:
                self._escape(char)
            case _State.CHARSET:
                self._charset(char)
            case _State.CONTROL | _State.OVERLONG:
                self._control(char)
            case _State.CONSOLE:
                self._reset()
                if "A" <= char <= "E":
                    self._tokens.append(Sequence(f"\x1b[[{char}"))
                else:
                    self._broken(char)
            case _State.X10:
                self._old_mouse(char, 1 if 0xDC80 <= code <= 0xDCFF else len(char.encode()))
            case _State.SHIFT:
                self._shift(char)
            case _State.INTRODUCED:
                self._introduced(char)
            case _State.STRING_ESCAPE:
                self._reset()
                if char != "\\":
                    self._state = _State.ESCAPE
                    self._escape(char)

    def _reset(self) -> None:
        self._state = _State.GROUND
        self._held = ""
        self._eight_bit = False

    def _ground(self, char: str) -> None:
        if char == ESC:
            self._state = _State.ESCAPE
        elif "\x80" <= char <= "\x9f":
            second = _C1.get(ord(char))
            if second is not None:
                self._begin(second, eight_bit=True)
        elif char:
            self._tokens.append(Character(char))

    def _broken(self, char: str) -> None:
        """A sequence was not what it seemed: what broke it goes with it, unless it begins another one."""
        self._reset()
        if char == ESC or "\x80" <= char <= "\x9f":
            self._ground(char)

    def _begin(self, second: str, *, eight_bit: bool = False) -> None:
        self._eight_bit = eight_bit
        self._held = ESC + second
        if second == "[":
            self._state = _State.CONTROL
        elif second == "O":
            self._state = _State.SHIFT
        else:
            self._state = _State.INTRODUCED

    def _escape(self, char: str) -> None:
        if char == ESC:
            self._tokens.append(Escape())
        elif char and char in "[O" + _STRINGS:
            self._begin(char)
        elif char and " " <= char <= "/":
            self._state, self._held = _State.CHARSET, ESC + char
        else:
            self._reset()
            if "\x80" <= char <= "\x9f":
                self._ground(char)
            elif char and char != "\\":
                # ESC \ ends a string, and here is none.
                self._tokens.append(Alt(char))

    def _charset(self, char: str) -> None:
        if "0" <= char <= "~":
            self._reset()
        elif " " <= char <= "/":
            self._held = self._held[:SEQUENCE_MAX] + char
        else:
            self._give_back_alt()
            self._ground(char)

    def _control(self, char: str) -> None:
        first = self._held == "\x1b["
        if "0" <= char <= "?" or " " <= char <= "/":
            if len(self._held) >= SEQUENCE_MAX:
                self._state = _State.OVERLONG
                return
            self._held += char
            if char == "$" and re.fullmatch(r"\x1b\[[0-9]{1,2}\$", self._held):
                # rxvt ends the keys that it sends with Shift by what elsewhere stands before the end.
                self._finish()
        elif first and char == "[" and not self._eight_bit:
            self._state = _State.CONSOLE
        elif first and char == "M":
            self._state, self._missing = _State.X10, 3
        elif char >= "\xa0":
            # No such sequence is known, but its end is.
            self._state = _State.OVERLONG
        elif "@" <= char <= "~":
            self._held += char
            if self._state is _State.OVERLONG:
                self._reset()
            elif self._held == PASTE_BEGIN:
                self._state, self._held, self._tail = _State.PASTE, "", ""
            else:
                self._finish()
        else:
            self._broken(char)

    def _old_mouse(self, char: str, size: int) -> None:
        # Three bytes, which may have been taken together for fewer characters.
        self._missing -= size
        if char == ESC:
            self._broken(char)
        elif self._missing <= 0:
            self._reset()

    def _shift(self, char: str) -> None:
        if char and char in "0123456789;" and len(self._held) < SEQUENCE_MAX:
            self._held += char
        elif "@" <= char <= "~" or char == " ":
            self._held += char
            self._finish()
        else:
            self._broken(char)

    def _finish(self) -> None:
        sequence = self._held
        self._reset()
        self._tokens.append(Sequence(sequence))

    # --- strings ------------------------------------------------------------------------------------------------------

    def _introduced(self, char: str) -> None:
        if " " <= char <= "~":
            self._state, self._held, self._begun = _State.STRING, "", self._heard
        elif _STRING_STOP.match(char):
            self._state = _State.STRING
            self._held, self._begun = "", self._heard
            self._string(char, 0)
        else:
            # No string begins like that: it was a key with Alt, or a byte out of a text in another encoding.
            if self._eight_bit:
                self._reset()
            self._give_back_alt()
            self._ground(char)

    def _string(self, text: str, place: int) -> int:
        """Drop what belongs to the string from `place` on; where something else begins."""
        stop = _STRING_STOP.search(text, place)
        if stop is None:
            return len(text)
        if stop[0] == ESC:
            self._state = _State.STRING_ESCAPE
        else:
            self._reset()
        return stop.end()

    # --- pastes -------------------------------------------------------------------------------------------------------

    def _paste(self, text: str, place: int) -> int:
        """Take what belongs to the paste from `place` on; where something else begins."""
        end = "\x9b201~" if self._eight_bit else "\x1b[201~"
        data = self._tail + (text[place:].replace("\udc9b", "\x9b") if self._eight_bit else text[place:])
        before = len(self._tail)
        found = data.find(end)
        if found < 0:
            kept = next((n for n in range(len(end) - 1, 0, -1) if data.endswith(end[:n])), 0)
            self._keep(data[: len(data) - kept])
            self._tail = data[len(data) - kept :]
            return len(text)
        self._keep(data[:found])
        self._tail = ""
        self._hand_over()
        self._reset()
        return place + found + len(end) - before

    def _keep(self, text: str) -> None:
        while text:
            room = PASTE_MAX - self._pasted_length
            self._pasted.append(text[:room])
            self._pasted_length += len(text[:room])
            text = text[room:]
            if self._pasted_length >= PASTE_MAX:
                self._hand_over()

    def _hand_over(self) -> None:
        text = "".join(self._pasted)
        self._pasted.clear()
        self._pasted_length = 0
        # Bytes that were no UTF-8 are shown as lost; an escape character must not act, here or anywhere later.
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        text = text.replace("\x00", "").replace(ESC, SYMBOL)
        if text:
            self._tokens.append(Pasted(text))

    def _go_on_pasting(self, text: str) -> None:
        """After a long silence a single key means that the paste is over, and its end was lost."""
        if len(text) == 1 or (text[0] == ESC and ESC not in text[1:] and len(text) <= 16):
            self._tail = ""
            self._reset()
        else:
            self._state = _State.PASTE

    # --- time ---------------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> list[Token]:
        """Time has passed: `due` or later, nothing has come."""
        due = self.due
        if due is not None and now >= due:
            state = self._state
            if state is _State.PASTE:
                # Half a character does not wait for its other half any more.
                self._keep(self._tail + self._decode(b"", final=True))
                self._tail = ""
                self._hand_over()
                self._state = _State.STALLED
            elif state is _State.ESCAPE:
                self._reset()
                self._tokens.append(Escape())
                self._late, self._late_until = "", now + LATE_LIMIT
            elif len(self._held) == 2 and not self._eight_bit:
                second = self._held[1]
                self._give_back_alt()
                if second in _REST:
                    self._late, self._late_until = second, now + LATE_LIMIT
            else:
                self._reset()
        return self._taken()

    def _give_back_alt(self) -> None:
        """What looked like the beginning of a sequence was a key with Alt, if it was no more than one character."""
        held = self._held
        self._reset()
        if len(held) == 2:
            self._tokens.append(Alt(held[1]))

    def _join(self, text: str, now: float) -> None:
        """Recognise the rest of a sequence whose beginning was taken for a key."""
        late, self._late = self._late, None
        if late is None or now > self._late_until or len(text) < 2 or self._state is not _State.GROUND:
            return
        string = late or text[0]
        if _REST[late].match(text) or (string in _STRINGS and _WHOLE_STRING.match(text, 0 if late else 1)):
            if late:
                self._begin(late)
            else:
                self._state = _State.ESCAPE
