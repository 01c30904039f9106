"""What commands end with, wherever they run: exit statuses, and the errors that become one."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Final


class ExitStatus(enum.IntEnum):
    """What a command ended with. Scripts rely on these numbers."""

    DONE = 0
    FAILURE = 1
    """A failure of ours."""
    USAGE = 2
    """The command line or the configuration is wrong."""
    UNREACHABLE = 3
    """The network cannot be reached."""
    REFUSED = 4
    """The network refused: a login, or what was posted."""
    CANNOT_BIND = 5
    """The port or address cannot be listened on."""
    DATA_DIRECTORY = 6
    """The data directory cannot be used, or is in use."""
    CHECK_FAILED = 7
    """What was checked does not hold."""
    NOT_FOUND = 8
    """Nothing is there of what was looked for."""
    INTERRUPTED = 130
    """Ctrl+C (128 + SIGINT, as shells count)."""


MEANINGS: Final[Mapping[ExitStatus, str]] = {
    ExitStatus.DONE: "done",
    ExitStatus.FAILURE: "a failure of ours",
    ExitStatus.USAGE: "usage or configuration",
    ExitStatus.UNREACHABLE: "the network cannot be reached",
    ExitStatus.REFUSED: "refused",
    ExitStatus.CANNOT_BIND: "cannot listen",
    ExitStatus.DATA_DIRECTORY: "data directory unusable or in use",
    ExitStatus.CHECK_FAILED: "what was checked does not hold",
    ExitStatus.NOT_FOUND: "nothing found",
    ExitStatus.INTERRUPTED: "interrupted",
}
"""The table of exit statuses, as the help shows it."""


def explained(statuses: Iterable[ExitStatus] = MEANINGS) -> str:
    """Statuses and what they mean, on one line."""
    return ", ".join(f"{int(status)} {MEANINGS[status]}" for status in statuses)


class CommandFailed(Exception):
    """A command cannot do what it was asked for: an exit status, and a sentence that says why and what to do."""

    def __init__(self, status: ExitStatus, sentence: str, *, hint: str = "") -> None:
        super().__init__(sentence)
        self.status = status
        self.hint = hint


class OutputClosed(Exception):
    """Nobody reads our output any more, or wants more of it."""


def usage_error(sentence: str, *, hint: str = "") -> CommandFailed:
    return CommandFailed(ExitStatus.USAGE, sentence, hint=hint)
