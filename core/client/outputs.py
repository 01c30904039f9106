"""What the client's machine wants done, as values."""

from __future__ import annotations

import msgspec

from core.client.client_events import ClientEvent
from core.wire.address import Address
from core.wire.messages import Message


class Connect(msgspec.Struct, frozen=True):
    """Open a connection; None is the server in this process.

    `abroad`: a server on another machine has named the address, so a name that means this one here leads nowhere.
    """

    address: Address | None
    abroad: bool = False


class SendMessage(msgspec.Struct, frozen=True):
    message: Message


class Disconnect(msgspec.Struct, frozen=True):
    """Flush and close the connection. What still comes of it is not handed in."""


class SetTimer(msgspec.Struct, frozen=True):
    """Call `woke` at this monotonic time; only the last one counts. None: not at all."""

    at: float | None


class Tell(msgspec.Struct, frozen=True):
    event: ClientEvent


ClientOutput = Connect | SendMessage | Disconnect | SetTimer | Tell


class Outputs:
    """What is wanted and has not been carried out yet, in order."""

    def __init__(self) -> None:
        self._wanted: list[ClientOutput] = []

    def take(self) -> list[ClientOutput]:
        wanted, self._wanted = self._wanted, []
        return wanted

    def connect(self, address: Address | None, *, abroad: bool = False) -> None:
        self._wanted.append(Connect(address, abroad))

    def send(self, message: Message) -> None:
        self._wanted.append(SendMessage(message))

    def disconnect(self) -> None:
        self._wanted.append(Disconnect())

    def wake_at(self, at: float | None) -> None:
        self._wanted.append(SetTimer(at))

    def tell(self, event: ClientEvent) -> None:
        self._wanted.append(Tell(event))
