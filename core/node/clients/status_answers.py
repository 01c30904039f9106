"""Answers to STATUS_REQUEST: one picture for all who ask within a moment, because it costs something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from core.node.clients.people import People
from core.node.interface.events import Now
from core.node.interface.snapshot import NodeSnapshot, fitting, without_clients
from core.node.kernel.connections import Session
from core.wire.codec import Frame
from core.wire.limits import SERVER_LINE_BYTES_MAX
from core.wire.messages import Status

STATUS_AGE: Final = 0.2
"""Seconds for which a picture answers everybody."""
STATUS_BYTES_MAX: Final = SERVER_LINE_BYTES_MAX - 64 * 1024
"""Longest picture; what waits in the server is told beside it."""


class _Picture:
    __slots__ = ("frames", "logins", "made_at", "status")

    def __init__(self, made_at: float, logins: int, status: dict[str, Any]) -> None:
        self.made_at = made_at
        self.logins = logins
        """How many clients had logged in before it was made: those that came later are not in its load."""
        self.status = status
        self.frames: dict[bool, Frame] = {}
        """What is sent, to those that are in its load and to those that are not."""


class StatusAnswers:
    """What clients are told of the network."""

    def __init__(self, picture: Callable[[Now], NodeSnapshot], people: People) -> None:
        self._take_picture = picture
        self._people = people
        self._picture: _Picture | None = None

    def told(self, session: Session, now: Now) -> dict[str, Any]:
        """The status itself, as a client is told it."""
        picture, counted = self._look(session, now)
        return picture.status | ({"counts_you": True} if counted else {})

    def for_client(self, session: Session, now: Now) -> Frame:
        """The answer for a client. `counts_you` says that the load in it counts the client itself.

        Whoever only asks for the status can leave itself out by that, also where others have the same name.
        """
        picture, counted = self._look(session, now)
        frame = picture.frames.get(counted)
        if frame is None:
            frame = picture.frames[counted] = Frame(Status(self.told(session, now)))
        return frame

    def _look(self, session: Session, now: Now) -> tuple[_Picture, bool]:
        """The picture of this moment, and whether the client is in its load."""
        picture = self._picture
        if picture is None or now.monotonic - picture.made_at > STATUS_AGE:
            shown = fitting(without_clients(self._take_picture(now)), STATUS_BYTES_MAX)
            picture = self._picture = _Picture(now.monotonic, self._people.logins, msgspec.to_builtins(shown))
        return picture, session.counted and session.login_number <= picture.logins
