"""What the parts of a client's machine ask of it: where its connection goes from here."""

from __future__ import annotations

from typing import Protocol

from core.client.client_states import ClientOutcome, ClientState


class Course(Protocol):
    """Times are monotonic seconds; reasons are clauses for people."""

    @property
    def state(self) -> ClientState: ...

    def enter(self, outcome: ClientOutcome) -> None:
        """Go on to the state that an outcome leads to."""

    def retry(self, reason: str, now: float, *, at_once: bool = False) -> None:
        """The connection is over: wait, or connect at once."""

    def end(self, reason: str) -> None:
        """The client is over."""

    def malformed(self, info: str, now: float) -> None:
        """The server said something that is no message."""

    def set_deadline(self, at: float | None) -> None:
        """When the machine looks at what has not come."""
