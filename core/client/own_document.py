"""The account's document at a client: told by servers, and changed by this client or another one of the account.

Of what the application wants kept the latest goes out, once a minute at most: what is wanted in between takes its
place. It goes out again at each server until one has acknowledged it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from core.client.client_events import DocumentArrived, DocumentRefused, DocumentSaved
from core.client.client_settings import ClientSettings
from core.client.outputs import Outputs
from core.wire import messages as wire
from core.wire.account_documents import document_problem

MERGED_WITHIN: Final = 1.0
"""Seconds that the application has, after it was told what the document is now, to say what is to become of it."""
AGAIN_MIN: Final = 0.5
"""Seconds until a document is sent again that a server did not take now, at least."""


def document_bytes(document: bytes | Mapping[str, object]) -> bytes:
    """A document as it travels. Raises ValueError, with a clause that says why, for what can be none."""
    if not isinstance(document, bytes):
        try:
            document = msgspec.json.encode(document)
        except (TypeError, ValueError, RecursionError):
            raise ValueError("it is not a JSON object") from None
    problem = document_problem(document)
    if problem is not None:
        raise ValueError(problem)
    return document


class OwnDocument:
    """What the application wants kept, as long as no server has acknowledged it. Times are monotonic seconds."""

    def __init__(self, settings: ClientSettings, outputs: Outputs) -> None:
        self._interval = settings.document_interval
        self._outputs = outputs
        self._wanted: bytes | None = None
        self._number = 0
        self._under_way: bytes | None = None
        """What was sent on the present connection, and has no answer."""
        self._saved: tuple[int, bytes] | None = None
        """What a server has acknowledged last to this client, and its stamp."""
        self._told = False
        """Whether the present server has told what the document is."""
        self._not_before = 0.0

    @property
    def due(self) -> float | None:
        """When it is to be sent; None: not now."""
        return self._not_before if self._told and self._wanted is not None and self._under_way is None else None

    def want(self, document: bytes, now: float) -> None:
        """Have this one kept, in the place of what has not gone out."""
        self._wanted = document
        self.send_due(now)

    def send_due(self, now: float) -> None:
        """Send it if it is time."""
        due = self.due
        if due is None or now < due or self._wanted is None:
            return
        self._number += 1
        self._under_way = self._wanted
        self._outputs.send(wire.KeepDocument(self._number, msgspec.Raw(self._wanted)))

    def send_last(self) -> None:
        """The client ends: what is wanted goes out, however early it is."""
        if self._told and self._wanted is not None and self._wanted != self._under_way:
            self._number += 1
            self._under_way = self._wanted
            self._outputs.send(wire.KeepDocument(self._number, msgspec.Raw(self._wanted)))

    def connection_lost(self) -> None:
        """What was under way may have been kept, or not: it goes out again."""
        self._under_way = None
        self._told = False

    def arrived(self, message: wire.AccountDocument, now: float) -> None:
        """The server tells what the document is."""
        body = bytes(message.document)
        self._told = True
        self._not_before = max(self._not_before, now + MERGED_WITHIN)
        if body == self._wanted and self._under_way is None:
            self._wanted = None
        elif self._saved is not None and message.stamp < self._saved[0] and self._wanted is None:
            # The server that has acknowledged it cannot be reached from this one, or was put back to older data.
            self._wanted = self._saved[1]
        self._outputs.tell(DocumentArrived(body or None, message.stamp))

    def kept(self, message: wire.DocumentKept, now: float) -> None:
        """It is kept."""
        body = self._answered(message.number)
        if body is None:
            return
        self._not_before = now + self._interval
        self._saved = (message.stamp, body)
        if self._wanted == body:
            self._wanted = None
        self._outputs.tell(DocumentSaved(body, message.stamp))

    def not_kept(self, message: wire.DocumentNotKept, now: float) -> None:
        """It is not, and may be later, or will never be."""
        body = self._answered(message.number)
        if body is None:
            return
        if message.later is not None:
            self._not_before = now + max(message.later, AGAIN_MIN)
            return
        if self._wanted == body:
            self._wanted = None
        self._outputs.tell(DocumentRefused(body, message.info))

    def _answered(self, number: int) -> bytes | None:
        """What has been answered; None if it is not what is under way."""
        if self._under_way is None or number != self._number:
            return None
        body, self._under_way = self._under_way, None
        return body
