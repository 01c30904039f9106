"""What a node wants done: the outputs of its state machine, in the order in which they must be carried out."""

from __future__ import annotations

import msgspec

from core.node.interface.notices import Notice
from core.node.interface.traces import TraceFields, TraceKind
from core.reconciliation.summary_queries import SummaryQuery
from core.stories.lines import StoryLine
from core.wire.address import Address
from core.wire.codec import Frame, Frames
from core.wire.entries import EntryId, Fetch, Wanted
from core.wire.keepables import Keepable
from core.wire.kept_network import KeptNetwork
from core.wire.missing import PageQuery
from core.wire.secret_keeping import KeepsSecret


class Send(msgspec.Struct, frozen=True, gc=False):
    """Write the frame to the connection, behind everything that was sent there before."""

    conn: int
    frame: Frame


class SendAll(msgspec.Struct, frozen=True, gc=False):
    """Several messages to one connection, in order: as Send of each."""

    conn: int
    frames: Frames


class Broadcast(msgspec.Struct, frozen=True, gc=False):
    """Write the frame to every subscribed connection, each behind everything that was sent there before."""

    frame: Frame


class BroadcastAll(msgspec.Struct, frozen=True, gc=False):
    """The same for each of the frames, in their order. They are made only if somebody gets them."""

    frames: Frames


class Subscribe(msgspec.Struct, frozen=True, gc=False):
    """From here on, Broadcast and BroadcastAll reach the connection; `base`: in the form of `Frame.base`."""

    conn: int
    base: bool = False


class Unsubscribe(msgspec.Struct, frozen=True, gc=False):
    conn: int


class Close(msgspec.Struct, frozen=True, gc=False):
    """End the connection once everything sent to it has been flushed, or a limit has passed.

    Nothing that still arrives on it is handed in; ConnectionClosed follows.
    """

    conn: int
    reason: str


class Hold(msgspec.Struct, frozen=True, gc=False):
    """Stop reading the connection (`held`) or go on: the node cannot take more from it now (backpressure)."""

    conn: int
    held: bool


class Pause(msgspec.Struct, frozen=True, gc=False):
    """Read nothing from the connection for some seconds, whatever else holds it: its peer writes more than it may."""

    conn: int
    seconds: float


class Trust(msgspec.Struct, frozen=True, gc=False):
    """The connection is an authenticated server's: the larger limits of server links apply to it."""

    conn: int


class Known(msgspec.Struct, frozen=True, gc=False):
    """It is known who is at the other end: somebody who has logged in, under a name or as `anonymous`."""

    conn: int
    named: bool


class Dial(msgspec.Struct, frozen=True, gc=False):
    """Open a connection; ConnectionOpened or DialFailed, with the same number, follows within the dial limit.

    `others` are more addresses of the same server, tried when the ones before them do not answer at once. `abroad`: the
    server is on another machine, so that a name which the resolver takes for this one leads nowhere. `encrypted`: what
    is said there nobody else hears or changes, and the other side shows who it is. `shows`: this side does as well; a
    server of another network lets in nobody who does.
    """

    dial: int
    address: Address
    others: tuple[Address, ...] = ()
    abroad: bool = False
    encrypted: bool = False
    shows: bool = True


class AdoptNetwork(msgspec.Struct, frozen=True, gc=False):
    """From here on be a server of this network: keep its key, and show oneself under it. NetworkAdopted follows.

    The key before it, if it is another one, signs that this one has taken its place.
    """

    network: KeptNetwork


class Advertise(msgspec.Struct, frozen=True, gc=False):
    """From here on the node tells others to reach it at this address, and at these hosts on the same port."""

    address: Address
    also: tuple[str, ...] = ()


class Persist(msgspec.Struct, frozen=True, gc=False):
    """Keep all of these or none; Committed or CommitFailed follows. Batches are committed in order."""

    batch: int
    keepables: tuple[Keepable, ...]


class KeepTime(msgspec.Struct, frozen=True, gc=False):
    """Have the next start know that it has been so late here: `Recovered.told`. Nothing waits for it."""

    stamp: int


class KeepFounding(msgspec.Struct, frozen=True, gc=False):
    """Have later starts, and restored backups, know this of who began the network: `Recovered.founding`."""

    text: str


class RemoveEntries(msgspec.Struct, frozen=True, gc=False):
    """Drop these activities from what is kept, as of every Persist before this, and what else has one of the
    fingerprints. Nothing waits for it."""

    entries: tuple[EntryId, ...]
    fingerprints: frozenset[bytes] = frozenset()


class KeepOut(msgspec.Struct, frozen=True, gc=False):
    """Operators keep other people out than before: `Node.kept_out` says whom. From these addresses and networks nobody
    may connect, and what comes from there is closed at its arrival."""

    networks: tuple[str, ...]


class FetchPage(msgspec.Struct, frozen=True, gc=False):
    """Read entries; Fetched follows, as of no earlier than every Persist before this.

    With `conn`, they are read once that connection has taken what was sent to it before, or is gone: somebody who has
    missed much and reads slowly is sent no more than it takes.
    """

    token: int
    query: PageQuery
    conn: int | None = None


class FetchRecords(msgspec.Struct, frozen=True, gc=False):
    """Read records as they lie on the disk; RecordsFetched follows, as of no earlier than every Persist before this."""

    token: int
    query: Fetch | Wanted


class AskSummary(msgspec.Struct, frozen=True, gc=False):
    """Ask the store about the sums of what it has received; SummaryAnswered follows, as of no earlier than every
    Persist before this."""

    token: int
    query: SummaryQuery


class HashSecret(msgspec.Struct, frozen=True, gc=False):
    """Make a verifier with a slow salted hash, off the event loop; SecretHashed follows.

    It is made for whoever is at the other end of `conn`, under the name `account`: all who ask have their turn, and
    what has not begun when the connection ends is not made any more.
    """

    token: int
    secret: str
    conn: int | None = None
    account: str = ""


class VerifySecret(msgspec.Struct, frozen=True, gc=False):
    """Check a secret against a verifier, off the event loop; SecretVerified follows.

    No verifier: it fits nothing, and finding that out takes as long. `conn` and `account` as above.
    """

    token: int
    secret: str
    verifier: str | None
    conn: int | None = None
    account: str = ""


class AgreeOnKey(msgspec.Struct, frozen=True, gc=False):
    """Compute a step of a balanced PAKE (SPAKE2, RFC 9382), off the event loop; KeyAgreed follows.

    `dialling` and `answering` are both identities. Who `answers` has the other side's `share`, and gets its own and the
    key. Who dials gets a share and a state first, and with that `state` and the other side's `share` the key. What has
    not begun when the connection ends is not computed.
    """

    token: int
    conn: int
    secret: str
    dialling: bytes
    answering: bytes
    answers: bool = False
    share: bytes | None = None
    state: bytes | None = None
    invitation: str = ""
    """The id of a code that was given out here, which stands in the place of the secret; "": none does."""

    def __repr__(self) -> str:
        return f"AgreeOnKey(token={self.token}, conn={self.conn})"


class DrawSecrets(msgspec.Struct, frozen=True, gc=False):
    """Draw what a network's key and secret are made of, where the system draws keys; SecretsDrawn follows."""

    token: int


class UseInvitation(msgspec.Struct, frozen=True, gc=False):
    """Somebody has proved that they know the code with this id: use it once; InvitationUsed follows."""

    token: int
    invitation: str


class KeepSecret(KeepsSecret, frozen=True, gc=False):
    """From here on this is the network's secret: keep it for later starts."""

    secret: str


class WakeAt(msgspec.Struct, frozen=True, gc=False):
    """Hand in Woke at this monotonic time. Only the last one counts."""

    at: float


class Notify(msgspec.Struct, frozen=True, gc=False):
    """Tell people: the events pane, the log."""

    notice: Notice


class Noted(msgspec.Struct, frozen=True, gc=False):
    """Keep a line of what happens in the network: stories are made of them."""

    line: StoryLine


class Trace(msgspec.Struct, frozen=True, gc=False):
    """Tell whoever debugs the node. Only a node whose settings ask for it (`tracing`) hands these out."""

    kind: TraceKind
    fields: TraceFields


class CountQueues(msgspec.Struct, frozen=True, gc=False):
    """Count what waits beside the node; QueuesCounted follows."""

    token: int


class KeyChanged(msgspec.Struct, frozen=True, gc=False):
    """The answer to a KeyChangeRequested: the change is durable, or `problem` says in a clause why there is none."""

    token: int
    problem: str | None


class KeyRemoved(msgspec.Struct, frozen=True, gc=False):
    """A public key (`text`: type and base 64) no longer opens the account `claim`, wherever that was decided."""

    claim: str
    text: str


class SecretChangeAnswered(msgspec.Struct, frozen=True, gc=False):
    """The answer to a SecretChangeRequested: the change is durable, or `problem` says in a clause why there is none."""

    token: int
    problem: str | None


class SecretReplaced(msgspec.Struct, frozen=True, gc=False):
    """The account `claim` has another secret from here on, which `verifier` is a hash of, wherever it was changed."""

    claim: str
    verifier: str


class Finished(msgspec.Struct, frozen=True, gc=False):
    """The node has left the network; close what is left and stop. `undone` names what it could not do."""

    undone: tuple[str, ...] = ()


Action = (
    Send
    | SendAll
    | Broadcast
    | BroadcastAll
    | Subscribe
    | Unsubscribe
    | Close
    | Hold
    | Pause
    | Trust
    | Known
    | Dial
    | AdoptNetwork
    | Advertise
    | Persist
    | KeepTime
    | KeepFounding
    | KeepOut
    | RemoveEntries
    | FetchPage
    | FetchRecords
    | AskSummary
    | HashSecret
    | VerifySecret
    | AgreeOnKey
    | UseInvitation
    | KeepSecret
    | DrawSecrets
    | WakeAt
    | Notify
    | Noted
    | Trace
    | CountQueues
    | KeyChanged
    | KeyRemoved
    | SecretChangeAnswered
    | SecretReplaced
    | Finished
)
