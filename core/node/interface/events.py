"""What happens to a node: the inputs of its state machine.

`Node.handle(event, now)` takes one of these. Connections are named by numbers that the driver hands out and never
reuses within a node's life.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, Literal, NamedTuple

import msgspec

from core.certificates.leaf import ShownLeaf
from core.reconciliation.summary_queries import SummaryAnswer
from core.wire.address import Address
from core.wire.entries import Page
from core.wire.entry_runs import EntryRuns
from core.wire.invitations import Invited
from core.wire.kept_network import KeptNetwork
from core.wire.messages import ActivityMessage, Message
from core.wire.missing import FoundRuns
from core.wire.records import LogRecord, RecordPage
from core.wire.secret_keeping import KeepsSecret

TOO_SLOW: Final = "too slow"
"""How the reason begins for which a connection is cut whose other end does not take what it is sent."""
NOTHING_TAKEN: Final = f"{TOO_SLOW}: nothing was taken"
"""The same where it was not for how much waited, but for how long."""


class Now(NamedTuple):
    """Both clocks, which are never mixed: `monotonic` seconds for limits, `wall` seconds since 1970 for stamps."""

    monotonic: float
    wall: float


Origin = Literal["inbound", "outbound", "local"]
"""Who opened a connection: somebody else, this node, or this process (the embedded client, an SSH session)."""


class ConnectionOpened(msgspec.Struct, frozen=True, gc=False):
    """A connection is up. `dial` repeats the number of the Dial that led to it.

    `vouched` is a user name that the driver itself has authenticated (an SSH session): it may log in, and post, under
    that name without the secret. Only local connections carry one.

    `peer` is the other end's address, and `at` this one's; hosts are literals, link-local ones with their zone.

    `shown` is what the other end has proved to be: a dialled server of any network, or a server of this network that
    has dialled. None: nothing, as people do, or whoever speaks in clear. `encrypted`: nobody else hears or changes what
    is said.
    """

    conn: int
    origin: Origin
    peer: Address
    dial: int | None = None
    vouched: str | None = None
    at: Address | None = None
    shown: ShownLeaf | None = None
    encrypted: bool = False


class MessageReceived(msgspec.Struct, frozen=True, gc=False):
    conn: int
    message: Message


class PostsReceived(msgspec.Struct, frozen=True, gc=False):
    """Somebody has said several activities, one behind the other, which were read at once: it means what a
    MessageReceived of each would, at the cost of a few."""

    conn: int
    messages: Sequence[ActivityMessage]


class MalformedReceived(msgspec.Struct, frozen=True, gc=False):
    """Something arrived that is no message; `info` says why, in words for the peer."""

    conn: int
    info: str


class ConnectionClosed(msgspec.Struct, frozen=True, gc=False):
    """The connection is gone, whoever ended it. Nothing more will come of it."""

    conn: int
    reason: str = ""
    unsent: int = 0
    """Bytes that were sent last and that the other side has not confirmed, as far as is known."""


class DialFailed(msgspec.Struct, frozen=True, gc=False):
    """A Dial came to nothing. `refused`: the host answered that nobody listens there, so the process is dead. `clear`:
    somebody is there, and does not speak TLS."""

    dial: int
    reason: str
    refused: bool = False
    clear: bool = False


class NetworkAdopted(msgspec.Struct, frozen=True, gc=False):
    """The answer to an AdoptNetwork: what this server is of now, with how its former network's key has led there."""

    network: KeptNetwork


class Committed(msgspec.Struct, frozen=True, gc=False):
    """The batch, and every batch before it, is synced to disk; `records` are those that the store has kept for it."""

    batch: int
    records: Sequence[LogRecord] = ()
    arrived: int = 0
    """The number of the last record that the store has kept: see `core.store.own_starts`."""


class CommitFailed(msgspec.Struct, frozen=True, gc=False):
    """The batch was not kept, nor is any batch after it until `StoreRecovered`.

    0, which is no batch's number, when the store was found to fail while nothing was to be kept.
    """

    batch: int
    reason: str


class StoreRecovered(msgspec.Struct, frozen=True, gc=False):
    """The store takes writes again."""


class Fetched(msgspec.Struct, frozen=True, gc=False):
    """The answer to a FetchPage; `page` is None when the store could not be read."""

    token: int
    page: Page | FoundRuns | None


class RecordsFetched(msgspec.Struct, frozen=True, gc=False):
    """The answer to a FetchRecords; `page` is None when the store could not be read."""

    token: int
    page: RecordPage | None


class SummaryAnswered(msgspec.Struct, frozen=True, gc=False):
    """The answer to an AskSummary; `answer` is None when the store could not be read."""

    token: int
    answer: SummaryAnswer | None


class EntriesDamaged(msgspec.Struct, frozen=True, gc=False):
    """The store has found out that entries are damaged which it had kept: they count as never received there.

    It comes before the answer to whatever question found it out.
    """

    entries: EntryRuns


class DataReadThrough(msgspec.Struct, frozen=True, gc=False):
    """All that the store keeps has been read, and was looked at.

    `at`: when that was done, in seconds since 1970; `damaged`: how many places were damaged.
    """

    at: float
    damaged: int


class SearchIndexed(msgspec.Struct, frozen=True, gc=False):
    """The index of words has got further.

    `unindexed`: how many activities it has not come to yet, about; None: there is no index. `bytes`: how large it is.
    """

    unindexed: int | None
    bytes: int


class SecretHashed(msgspec.Struct, frozen=True, gc=False):
    """The answer to a HashSecret; `verifier` is None when it could not be made."""

    token: int
    verifier: str | None


class SecretVerified(msgspec.Struct, frozen=True, gc=False):
    """The answer to a VerifySecret; None: it was not looked at, because there is too much to do or nobody waits."""

    token: int
    matches: bool | None


class KeyAgreed(msgspec.Struct, frozen=True, gc=False):
    """The answer to an AgreeOnKey: this side's share, what is kept until the other side's is there, and the key, as far
    as they were asked for; nothing of it where the other side's share is none."""

    token: int
    share: bytes | None = None
    state: bytes | None = None
    key: bytes | None = None

    def __repr__(self) -> str:
        return f"KeyAgreed(token={self.token})"


class InvitationUsed(msgspec.Struct, frozen=True, gc=False):
    """The answer to a UseInvitation: whether it was still good."""

    token: int
    good: bool


class Woke(msgspec.Struct, frozen=True, gc=False):
    """The time of the last WakeAt has come."""


class JoinRequested(msgspec.Struct, frozen=True, gc=False):
    """A person or the configuration names a server of the network to join; `base`: a server of 2018, which is shown the
    network's secret in clear."""

    address: Address
    base: bool = False
    invited: Invited | None = None
    """By which this node is to be admitted there, in the place of the network's secret."""


class DrainRequested(msgspec.Struct, frozen=True, gc=False):
    """Leave the network: hand everything over, then say `Finished`."""

    reason: str = ""


class DisconnectRequested(msgspec.Struct, frozen=True, gc=False):
    """The operator ends a connection."""

    conn: int
    reason: str


class AddressesFound(msgspec.Struct, frozen=True, gc=False):
    """The machine's addresses at which this node listens and others may reach it, the best guess first.

    A driver that never says so has been told what to advertise: it stays as it is.
    """

    hosts: tuple[str, ...]


class SshServed(msgspec.Struct, frozen=True, gc=False):
    """From now on SSH is served at this node's host, on this port; 0: no longer.

    `authority`: the public key, as OpenSSH writes it, that certifies the network's hosts.
    """

    port: int
    authority: str = ""


class KeyChangeRequested(msgspec.Struct, frozen=True, gc=False):
    """The owner of account `claim`, whom the driver has authenticated, binds a public key to it or takes it away.

    `token` is the driver's name for the request; KeyChanged, with the same, follows.
    """

    token: int
    claim: str
    text: str
    comment: str
    bound: bool


class SecretChangeRequested(msgspec.Struct, frozen=True, gc=False):
    """Somebody wants account `claim` to have another secret; they have to know the present one.

    `token` is the driver's name for the request; SecretChangeAnswered, with the same, follows.
    """

    token: int
    claim: str
    secret: str
    new_secret: str

    def __repr__(self) -> str:
        return f"SecretChangeRequested(token={self.token}, claim={self.claim!r})"


class SecretsDrawn(KeepsSecret, frozen=True, gc=False):
    """The answer to a DrawSecrets."""

    unprinted: ClassVar[frozenset[str]] = frozenset({"seed", "ssh", "secret", "blind"})

    token: int
    seed: bytes
    """What makes a network's key."""
    ssh: bytes
    """What makes the key that certifies its hosts for SSH."""
    secret: str
    """A secret of a network's."""
    blind: bytes
    """What keeps guesses at the secret from being tested."""


class QueuesCounted(msgspec.Struct, frozen=True, gc=False):
    """The answer to CountQueues: how much waits beside the node, by what it waits for."""

    token: int
    queues: Mapping[str, int]


Event = (
    ConnectionOpened
    | MessageReceived
    | PostsReceived
    | MalformedReceived
    | ConnectionClosed
    | DialFailed
    | NetworkAdopted
    | Committed
    | CommitFailed
    | StoreRecovered
    | Fetched
    | RecordsFetched
    | SummaryAnswered
    | EntriesDamaged
    | DataReadThrough
    | SearchIndexed
    | SecretHashed
    | SecretVerified
    | KeyAgreed
    | InvitationUsed
    | Woke
    | JoinRequested
    | DrainRequested
    | DisconnectRequested
    | AddressesFound
    | SshServed
    | KeyChangeRequested
    | SecretChangeRequested
    | QueuesCounted
    | SecretsDrawn
)
