"""What a client tells the application."""

from __future__ import annotations

import msgspec

from core.client.operator_questions import OrderAnswer
from core.client.past_questions import PastPage
from core.wire.address import Address
from core.wire.secret_keeping import KeepsSecret


class Connecting(msgspec.Struct, frozen=True):
    """A connection is being tried; `address` is None for the server in this process."""

    address: Address | None


class Connected(msgspec.Struct, frozen=True):
    address: Address | None


class LoggedIn(msgspec.Struct, frozen=True):
    """`username` is the account's name, which another account may have forced to differ from the one given."""

    username: str
    address: Address | None
    stamp: int | None = None
    """The server's time, in microseconds since 1970, by which it dates activities; None if it does not tell."""
    claim: str | None = None
    """The account's claim, which no other name changes; None for anonymous, and at a server that does not tell."""


class LoginRefused(msgspec.Struct, frozen=True):
    info: str


class Registered(KeepsSecret, frozen=True):
    """The name is registered. `made`: the secret was made by the client, and has to be shown to its owner."""

    username: str
    secret: str
    made: bool = False


class RegisterRefused(msgspec.Struct, frozen=True):
    info: str


class ActivityArrived(msgspec.Struct, frozen=True):
    """An activity, once. `body` is its JSON as the server sent it; `live` is false for the past.

    `again`: it had come before, and is told because the settings want repetitions.

    `id`, `stamp` (microseconds since 1970) and `sender` are None or empty where a base server began it. `own_ref` is
    what `post` returned, when it is this client's own.
    """

    id: str | None
    body: bytes
    sender: str
    stamp: int | None
    live: bool
    own_ref: str | None = None
    again: bool = False


class PostAccepted(msgspec.Struct, frozen=True):
    """What was posted is kept by a server. `id` and `stamp` are None at a base server.

    `reference`: what others call it by who answer it; None where that is not known.
    """

    ref: str
    id: str | None
    stamp: int | None
    reference: str | None = None


class PostRefused(msgspec.Struct, frozen=True):
    """What was posted was certainly not accepted."""

    ref: str
    info: str


class PostUnknown(msgspec.Struct, frozen=True):
    """Nobody can tell whether what was posted was accepted."""

    ref: str


class CatchUpDone(msgspec.Struct, frozen=True):
    """What was asked for of the past is through; `count` activities of it were new to this client."""

    count: int
    sent: int = 0
    """How many the server sent: those too that the client had, behind gaps in what it could say that it has."""


class Redirected(msgspec.Struct, frozen=True):
    address: Address


class ServerQuits(msgspec.Struct, frozen=True):
    """The server leaves; `address` is where it sends its people, None if there is nowhere to go."""

    address: Address | None


class Disconnected(msgspec.Struct, frozen=True):
    """The connection is gone. `retry_in` seconds from now another is tried; None if none will be."""

    reason: str
    retry_in: float | None


class StrangeServer(msgspec.Struct, frozen=True):
    """Whoever listens at an address is no server of the network, `known` by its fingerprint. Nothing was said to it.

    `shown` is the fingerprint of another network that it is of; None: it is of none, or does not encrypt.
    """

    address: Address
    known: str
    shown: str | None


class Renamed(msgspec.Struct, frozen=True):
    username: str
    renamed: str
    info: str


class SecretChangeDone(KeepsSecret, frozen=True):
    """The account's secret is another one from here on: the one that was asked for."""

    username: str
    secret: str


class SecretChangeFailed(msgspec.Struct, frozen=True):
    """The account's secret is what it was."""

    info: str


class SecretChangeUnknown(msgspec.Struct, frozen=True):
    """Nobody can tell whether the secret that was asked for is the account's now, or the one before it still is."""

    info: str


class Removed(msgspec.Struct, frozen=True):
    """Operators have removed activities: nobody is to see them any more. `by` is who has, and `because` why."""

    ids: tuple[str, ...]
    by: str
    because: str = ""
    server: str = ""
    """Whatever this server has accepted from `since` on, in microseconds since 1970, is not to be seen, either."""
    since: int = 0
    undone: bool = False
    """It may be seen again, what this server has accepted."""


class OrderAnswered(msgspec.Struct, frozen=True):
    """The server's answer to what was asked about orders."""

    answer: OrderAnswer


class PastArrived(msgspec.Struct, frozen=True):
    """The answer to a question about the past; without a page `info` says why there is none."""

    page: PastPage | None
    info: str = ""


class DocumentArrived(msgspec.Struct, frozen=True):
    """What the account's document is, at a server that keeps it: told after each login, and when another of the
    account's clients has changed it. What was to be kept and is not yet goes out a second later, unless `keep_document`
    says otherwise until then."""

    document: bytes | None
    """A JSON object; None: the account has none."""
    stamp: int
    """When it was written, in microseconds since 1970."""


class DocumentSaved(msgspec.Struct, frozen=True):
    """What `keep_document` was given is durable at a server, and on its way to all others."""

    document: bytes
    stamp: int


class DocumentRefused(msgspec.Struct, frozen=True):
    """A server does not keep what `keep_document` was given, and why, as a clause."""

    document: bytes
    info: str


class StatusArrived(msgspec.Struct, frozen=True):
    """The answer to a request for the server's view of the network."""

    status: dict[str, object]
    queues: dict[str, int] | None = None
    """What waits in the server, where that was asked for too."""
    info: str | None = None
    """Why it is not told."""


class GaveUp(msgspec.Struct, frozen=True):
    """The client has ended for good, and why. Nothing follows."""

    reason: str


ClientEvent = (
    Connecting
    | Connected
    | LoggedIn
    | LoginRefused
    | Registered
    | RegisterRefused
    | ActivityArrived
    | PostAccepted
    | PostRefused
    | PostUnknown
    | CatchUpDone
    | Redirected
    | ServerQuits
    | Disconnected
    | StrangeServer
    | Renamed
    | SecretChangeDone
    | SecretChangeFailed
    | SecretChangeUnknown
    | OrderAnswered
    | Removed
    | PastArrived
    | DocumentArrived
    | DocumentSaved
    | DocumentRefused
    | StatusArrived
    | GaveUp
)
