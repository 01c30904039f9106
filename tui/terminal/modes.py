"""The modes that the application has a terminal in, and what gives it back."""

from __future__ import annotations

from typing import Final

ENTER: Final = (
    "\x1b[?1049h"  # alternate screen
    "\x1b[?25l"  # hide cursor
    "\x1b[?1004h"  # focus reports
    "\x1b[?2004h"  # bracketed paste
    "\x1b[?7l"  # no line wrap
    "\x1b[22;2t"  # remember the window's title
    "\x1b[?2026$p"  # can the terminal paint synchronously?
)
MOUSE_ON: Final = "\x1b[?1000h\x1b[?1003h\x1b[?1015h\x1b[?1006h"
MOUSE_OFF: Final = "\x1b[?1006l\x1b[?1015l\x1b[?1003l\x1b[?1000l"
KITTY_ON: Final = "\x1b[>25u"
"""Disambiguate, report all keys, report text (the kitty keyboard protocol); unknown to most terminals, and ignored."""
_LEAVE: Final = "\x1b[?2004l\x1b[?7h\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l"

_CUT_OFF: Final = "\x1b[?2026l\x1b[r\x1b[0m"
"""Ends what a frame has begun that was cut off: its being shown at once, a scrolling region, a style."""
RESTORE: Final = _CUT_OFF + MOUSE_OFF + _LEAVE + "\x1b[23;2t"
"""Gives any terminal back as it was, whatever state the application left it in."""
AGAIN: Final = (
    _CUT_OFF
    # No origin of a region, text that is written over, letters that are letters.
    + "\x1b[?6l\x1b[4l\x0f\x1b(B"
    + "\x1b[?25l\x1b[?7l\x1b[2J"
)
"""Before a screen is painted anew to which something else has written."""

TELLS_SIZE: Final = "\x1b[?2048$p"
"""Does the terminal tell its size among the keys? (https://gist.github.com/rockorager/e695fb2924d36b2bcf1fff4a3704bd83)"""
TELL_SIZE: Final = "\x1b[?2048h"
TELL_NO_SIZE: Final = "\x1b[?2048l"
TITLE_MAX: Final = 120
_KNOW_BOTH: Final = ("kitty", "ghostty", "foot", "wezterm", "iterm")
_WITHOUT_OSC: Final = ("linux", "dumb", "vt", "cons", "sun", "eterm", "emacs", "cygwin", "ansi", "unknown")
NO_TITLE: Final = "\x1b]2;\x1b\\"
"""For terminals that remember none: their own is better than one of what is over."""
KITTY_OFF: Final = "\x1b[<u"


def takes_osc(term: str) -> bool:
    """Whether a terminal, by its TERM, passes over operating system commands that it does not know (ECMA-48, 8.3.89)
    instead of showing them: links, titles, notices. Consoles and old terminals do not."""
    return bool(term) and not term.lower().startswith(_WITHOUT_OSC)


def title(text: str) -> str:
    """What gives the window a title; whatever is no character of a text is left out."""
    return f"\x1b]2;{_harmless(text)}\x1b\\"


def notice(term: str, title: str, text: str) -> str:
    """What has a desktop tell something: OSC 9 of iTerm2, OSC 777 of rxvt-unicode, or both where a terminal that knows
    one of them does not know the other."""
    name = term.lower()
    # Behind OSC 9 a number would be a command of ConEmu's.
    plain = f"\x1b]9;{_harmless(f'{title}: {text}').lstrip('0123456789;')}\x1b\\"
    titled = f"\x1b]777;notify;{_harmless(title).replace(';', ',')};{_harmless(text)}\x1b\\"
    if name.startswith("rxvt"):
        return titled
    return plain if any(one in name for one in _KNOW_BOTH) else plain + titled


def _harmless(text: str) -> str:
    return "".join(filter(str.isprintable, text))[:TITLE_MAX]
