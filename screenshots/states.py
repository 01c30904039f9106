"""What there is a picture of: each state of the application, and the keys that lead there.

Of each there can be a picture at every size and in every theme; the documents show one, at the size that is said here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Size = tuple[int, int]

SIZES: Final[tuple[Size, ...]] = ((80, 24), (100, 30), (120, 40), (200, 50))
THEMES: Final = ("textual-dark", "textual-light")

Moment = Literal["first", "talking", "after"]
"""When it is: before anybody has written, while all servers are there, after one has left and one has died."""
MOMENTS: Final[tuple[Moment, ...]] = ("first", "talking", "after")


@dataclass(frozen=True, slots=True)
class State:
    """A picture. `shows` is what has to be on the screen before it is taken."""

    name: str
    moment: Moment
    size: Size
    keys: tuple[str, ...]
    shows: str
    theme: str = "textual-dark"
    logged_in: bool = True


STATES: Final[tuple[State, ...]] = (
    State("welcome", "first", (80, 24), (*"zoe",), "Who are you?", logged_in=False),
    State("empty", "first", (80, 24), (), "Nothing"),
    State("overview", "talking", (120, 40), (), "that is what I call quick"),
    State("overview-light", "talking", (120, 40), ("escape",), "that is what I call quick", theme="textual-light"),
    State("large", "talking", (200, 50), (), "that is what I call quick"),
    State("mentions", "talking", (80, 24), ("escape", "at"), "@zoe"),
    State("reply", "talking", (80, 24), ("escape", "k", "k", "r", *"what was wrong with it?"), "what was wrong"),
    State("thread", "talking", (80, 24), ("f7", *"the new build", "enter", "c"), "Thread"),
    State("open-thread", "talking", (80, 24), ("f7", *"the new build", "enter", "m", "C"), "▾↳"),
    State("several-lines", "talking", (80, 24), (*"first,", "alt+enter", *"second,", "alt+enter", *"third"), "third"),
    State("offers", "talking", (80, 24), ("/", "m"), "/m"),
    State("hits", "talking", (80, 24), ("f7", *"darwin", "enter", "h"), "darwin"),
    State("search", "talking", (80, 24), ("f7", *"celsius", "enter"), "celsius"),
    State("filter", "talking", (80, 24), ("f7", *"from:quinn darwin"), "rolling it out"),
    State("inspector", "talking", (80, 24), ("f7", *"celsius", "enter", "enter"), "celsius: 7.5"),
    State("palette", "talking", (80, 24), ("ctrl+p", *"invite"), "nvite"),
    State("invite", "talking", (80, 24), ("f8",), "join"),
    State("help", "talking", (80, 24), ("f1",), "Panes"),
    State("feed", "after", (80, 24), (), "get coffee"),
    State("connections", "after", (80, 24), ("f3",), "tree link"),
    State("users", "after", (80, 24), ("f4",), "Registered"),
    State("events", "after", (80, 24), ("f5",), "edison"),
    State("network", "after", (80, 24), ("f6",), "unreachable"),
    State("quit", "after", (80, 24), ("ctrl+q",), "leave"),
)
