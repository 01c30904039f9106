"""One thing that a person can do in the application: its id, its keys, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ActionScope = Literal[
    "application",
    "panes",
    "rows",
    "connections",
    "line",
    "completion",
    "question",
    "form",
    "text",
    "help",
    "invitation",
    "tree",
    "secret",
    "filter",
    "hits",
    "thread",
]
"""Where the keys work: everywhere, on the screen with the panes, in every list, in the connections, in the line where
one writes, where words are completed, in a question with two answers, in a dialog with fields, in one that is read, in
the help, in the one that tells how others join, in an activity in full, at a secret that was made, in the line of the
filter, in the list of what it finds, in a thread."""

ActionGroup = Literal["Panes", "Feed", "Line", "Lists", "Network", "Dialogs", "Application"]


@dataclass(frozen=True, slots=True)
class UserAction:
    """One thing a person can do. `call` is the Textual action that does it; it is found on the scope's widget."""

    id: str
    keys: str
    title: str
    help: str
    group: ActionGroup
    call: str
    scope: ActionScope = "panes"
    footer: str = ""
    """The short word for the footer; none: not shown there."""
    palette: bool = True
    """Whether the command palette offers it."""
    priority: bool = False
    """Whether the key is taken even while somebody types."""
    node_only: bool = False
    """Whether it needs a node in this process."""
