"""Short visits, as scripts pay them (log in, post, log out), folded into one line of the events."""

from __future__ import annotations

from collections import deque
from typing import Final

from msgspec.structs import replace

from core.node import Notice

BRIEF: Final = 10.0
"""Seconds from a login to its end, or from one visit to the next, within which they are one line."""


class Visits:
    """Puts notices at the end of those that there are. In between anything else begins a line of its own."""

    def __init__(self, notices: deque[Notice]) -> None:
        self._notices = notices
        self._count = 0
        """Visits that the last line stands for."""

    def add(self, notice: Notice) -> bool:
        """Whether the notice has a line of its own; else the last line has become another one."""
        last = self._notices[-1] if self._notices else None
        if last is not None and _goes_on(last, notice):
            if (last.kind, notice.kind) == ("login", "logout"):
                self._count += 1
                words = (
                    f"{last.text}, and left" if self._count == 1 else f"{notice.user} came and went {self._count} times"
                )
                self._notices[-1] = replace(notice, text=words)
                return False
            if (last.kind, notice.kind) == ("logout", "login") and self._count:
                words = "once" if self._count == 1 else f"{self._count} times"
                self._notices[-1] = replace(notice, text=f"{notice.text}, who came and went {words} just before")
                return False
        self._count = 0
        self._notices.append(notice)
        return True


def _goes_on(last: Notice, notice: Notice) -> bool:
    return (
        bool(notice.user)
        and (last.user, last.server) == (notice.user, notice.server)
        and (last.severity, notice.severity) == ("info", "info")
        and 0 <= notice.at - last.at <= BRIEF
        # Why somebody left has to be read.
        and (notice.kind != "logout" or notice.text.endswith((" left", " left: logged out")))
    )
