"""The messages of the protocol, as typed structs: those of the log and of clients, and all others by import.

`core/PROTOCOL.md` has the tables with their meaning, states and answers.
"""

# Annotations are evaluated as they stand: as texts, the decoder would compile each of them again at every start.
from typing import Annotated, Any, Final, Literal

import msgspec

from core.wire.account_votes import Vote
from core.wire.admission_messages import (
    EARLIER_MAX,
    FOUNDED_MAX,
    SECRETS_TOLD_MAX,
    AdmissionGranted,
    AdmissionProof,
    AdmissionRequest,
    AdmissionShare,
    EarlierShare,
    FoundedAt,
    NetworkNews,
    NetworkSeed,
    ServerHello,
    ServerProof,
    ServerRefused,
    Successions,
)
from core.wire.base_messages import (
    AGE_MAX,
    BASE_FIELDS,
    ActivityBroadcast,
    ActivityMessage,
    AttachedServer,
    Authenticate,
    AuthenticationFail,
    Counter,
    EntryNumbers,
    HeldEntries,
    Identifier,
    InvalidMessage,
    Label,
    LinkEnd,
    LockAllowed,
    LockDenied,
    LockRequest,
    Login,
    LoginFailed,
    LoginSuccess,
    Logout,
    Message,
    Print,
    Quit,
    Redirect,
    Register,
    RegisterFailed,
    RegisterSuccess,
    ServerAnnounce,
    Sum,
    UserInfo,
    Vector,
    command_of,
)
from core.wire.document_messages import (
    BUCKETS,
    LISTED_MAX,
    PLACE_CHARACTERS,
    WANTED_MAX,
    AccountClaim,
    AccountDocument,
    DocumentKept,
    DocumentNotKept,
    DocumentsCompare,
    DocumentsDigest,
    DocumentsDone,
    DocumentsListed,
    DocumentsSent,
    DocumentsWant,
    KeepDocument,
    ListedVersion,
    SignedDocument,
)
from core.wire.entries import COUNTER_MAX, IDENTIFIER_CHARACTERS_MAX, KeyChange
from core.wire.limits import RECORD_ENTRIES_MAX, VERIFIER_CHARACTERS_MAX
from core.wire.order_messages import (
    AccountRenamed,
    ActivitiesRemoved,
    Founding,
    GiveOrder,
    OrderDraft,
    OrderDrafted,
    OrderList,
    OrderRefused,
    OrdersRequest,
    OrderTaken,
)
from core.wire.past_query import PAST_ENTRIES_MAX, QUERY_CHARACTERS_MAX

__all__ = [
    # What stands in files of its own and is found here, too: whoever reads a message need not ask of which kind it is.
    "AGE_MAX",
    "BASE_FIELDS",
    "BUCKETS",
    "EARLIER_MAX",
    "FOUNDED_MAX",
    "LISTED_MAX",
    "PLACE_CHARACTERS",
    "SECRETS_TOLD_MAX",
    "WANTED_MAX",
    "AccountClaim",
    "AccountDocument",
    "AccountRenamed",
    "ActivitiesRemoved",
    "ActivityBroadcast",
    "ActivityMessage",
    "AdmissionGranted",
    "AdmissionProof",
    "AdmissionRequest",
    "AdmissionShare",
    "AttachedServer",
    "Authenticate",
    "AuthenticationFail",
    "DocumentKept",
    "DocumentNotKept",
    "DocumentsCompare",
    "DocumentsDigest",
    "DocumentsDone",
    "DocumentsListed",
    "DocumentsSent",
    "DocumentsWant",
    "EarlierShare",
    "FoundedAt",
    "Founding",
    "GiveOrder",
    "HeldEntries",
    "InvalidMessage",
    "KeepDocument",
    "LinkEnd",
    "ListedVersion",
    "LockAllowed",
    "LockDenied",
    "LockRequest",
    "Login",
    "LoginFailed",
    "LoginSuccess",
    "Logout",
    "Message",
    "NetworkNews",
    "NetworkSeed",
    "OrderDraft",
    "OrderDrafted",
    "OrderList",
    "OrderRefused",
    "OrderTaken",
    "OrdersRequest",
    "Quit",
    "Redirect",
    "Register",
    "RegisterFailed",
    "RegisterSuccess",
    "ServerAnnounce",
    "ServerHello",
    "ServerProof",
    "ServerRefused",
    "SignedDocument",
    "Successions",
    "UserInfo",
    "command_of",
]


class Account(Message, frozen=True):
    """An entry that is an account: broadcast when a registration has succeeded, or as part of synchronisation.

    With `key`: an account whose keys, or whose secret, have changed.
    """

    id: Annotated[str, msgspec.Meta(max_length=128)]
    stamp: Counter
    username: str
    verifier: Annotated[str, msgspec.Meta(max_length=VERIFIER_CHARACTERS_MAX)]
    claimed_at: Counter
    claim: Identifier
    key: KeyChange | None = None
    vote: Vote | None = None


class Record(Message, frozen=True, kw_only=True):
    """A run of entries of one stream, sealed by the server that accepted them. See `core.wire.records`, which reads it.

    It is written in one way only: fields in this order, none that is empty or 0, no blanks but within an entry.
    """

    version: Literal[1]
    node: Annotated[str, msgspec.Meta(min_length=1, max_length=IDENTIFIER_CHARACTERS_MAX, pattern=r"\A[^.]*\Z")]
    incarnation: Counter
    first: Annotated[int, msgspec.Meta(ge=1, le=COUNTER_MAX)]
    """The number of its first entry."""
    count: Annotated[int, msgspec.Meta(ge=1, le=RECORD_ENTRIES_MAX)]
    stamp: Counter
    """The first entry's."""
    before: str = ""
    """The digest of the record before it in its stream."""
    entries: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1, max_length=RECORD_ENTRIES_MAX)]
    """Each an entry, or the hash of some that are left out."""
    key: str = ""
    signature: str = ""
    dated: Annotated[int, msgspec.Meta(ge=-COUNTER_MAX, le=COUNTER_MAX)] = 0
    """Microseconds by which the entries count as later than they were signed: their server's clock is far off."""


class LockRelease(Message, frozen=True):
    """A registration failed: forget its claim."""

    username: str
    claim: Identifier


class SyncDigest(Message, frozen=True):
    """A hash of the sender's version vector: one who has another one asks for what it misses (anti-entropy)."""

    digest: Label


class SyncRequest(Message, frozen=True):
    """What the sender has; the receiver answers with entries beyond it, then `SYNC_DONE`.

    `again`: the sender has had some of them, and lost them: what went over this link lately is sent all the same.
    """

    vector: Vector
    again: bool = False


class SyncDone(Message, frozen=True):
    """Ends the answer to a `SYNC_REQUEST`. Up to `upto`, nothing is missing; `more`: ask again.

    `vector` is what the answering node has, for one who waits until it has everything.
    """

    upto: Vector = {}
    more: bool = False
    vector: Vector = {}


Bound = Annotated[str, msgspec.Meta(max_length=160)]
"""What stands between two entries: `core.reconciliation.item_order`."""
CutRange = tuple[Bound, list[tuple[Bound, Counter, Print]]]
"""Where a range begins, and of each of its parts where it ends, how many entries it has, and what stands for them."""


class ReconcileDigest(Message, frozen=True):
    """What the sender has received of all accounts, and of the activities since `since`, both before `until`
    (microseconds since 1970): how many, and the sum of their hashes. One who has something else asks."""

    since: Counter
    until: Counter
    size: Counter
    sum: Sum


class Reconcile(Message, frozen=True):
    """What the sender has in some ranges: the receiver answers with what differs, `RECONCILE_ANSWER`.

    `number` names the comparison, which begins with its first question: `begins`.
    """

    number: Counter
    ranges: list[CutRange]
    begins: bool = False


class ReconcileAnswer(Message, frozen=True):
    """What differs up to `upto`: smaller ranges, and lists of all that the sender has in a range.

    `size` and `sum`, in the answer to a first question: what the sender has in all that was asked about; `also`: what
    it has only in memory, because its disk fails. Without `upto` it cannot read what it has.
    """

    number: Counter
    upto: Bound | None = None
    ranges: list[CutRange] = []
    lists: list[tuple[Bound, Bound, EntryNumbers]] = []
    size: Counter | None = None
    sum: Sum | None = None
    also: EntryNumbers = {}


class ReconcileWant(Message, frozen=True):
    """Entries that the sender lacks: the receiver answers with those that it has, and `RECONCILE_SENT`.

    `again`: the sender has had some of them, and lost them: what went over this link lately is sent all the same.
    """

    number: Counter
    entries: EntryNumbers
    again: bool = False


class ReconcileSent(Message, frozen=True):
    """Ends the answer to a `RECONCILE_WANT`. `left`: what did not go into it; ask again."""

    number: Counter
    left: EntryNumbers = {}


class ReconcileGaps(Message, frozen=True):
    """What the sender misses in front of other entries: the receiver answers which of it it has had and dropped."""

    number: Counter
    entries: EntryNumbers


class ReconcileDropped(Message, frozen=True):
    """Of a `RECONCILE_GAPS` what the sender has had and does not keep any more."""

    number: Counter
    entries: EntryNumbers = {}


class ReconcileDone(Message, frozen=True):
    """The comparison is over: what the receiver had is durable at the sender, but for `lacking` entries that were
    listed and did not come."""

    number: Counter
    lacking: Counter = 0


class MapSummary(Message, frozen=True):
    """The records that the sender has, each as `[incarnation, version]`: the receiver sends those that are newer.

    A large map has pages, for whoever shows `pages`: each speaks of the servers with ids after `after` (none: from the
    first one on) up to `upto` (none: to the last one).
    """

    records: dict[Identifier, Annotated[list[Counter], msgspec.Meta(min_length=2, max_length=2)]]
    after: Identifier | None = None
    upto: Identifier | None = None


class Ping(Message, frozen=True):
    number: Counter = 0


class Pong(Message, frozen=True):
    """A server also tells its time, in microseconds since 1970: hybrid logical (`stamp`), and of its clock (`wall`)."""

    number: Counter = 0
    stamp: Counter | None = None
    wall: Counter | None = None


class ActivityAck(Message, frozen=True):
    """The activity named `ref` is accepted: kept by this server, and on its way to everybody."""

    ref: str
    id: str
    stamp: Counter


class ActivityRefused(Message, frozen=True):
    """The activity named `ref` was not accepted, and why. The connection goes on."""

    ref: str
    info: str = ""


class CaughtUp(Message, frozen=True):
    """Ends what a client missed or asked for at login; from here on it follows live."""

    count: Counter = 0
    place: tuple[Counter, Counter] | None = None
    """See `PlaceReached`."""
    lacking: EntryNumbers = {}


class PlaceReached(Message, frozen=True):
    """The client has been sent all that has come to this server up to a record, but for entries that it is `lacking`:
    the server's start and the record's number in it. It names them at its next login."""

    place: tuple[Counter, Counter]
    lacking: EntryNumbers = {}


class HaveRequest(Message, frozen=True):
    """The client is asked for what it has, of which its login said that there is more."""


class Have(Message, frozen=True):
    """A part of what the client has; with `more` another one follows."""

    entries: EntryNumbers = {}
    more: bool = False


class PastRequest(Message, frozen=True):
    """The client reads the past: a page of the activities that stand before a place, in the order of (stamp, id), or
    behind it. Answer: those, as `PAST_ACTIVITY` in that order, and `PAST_DONE`. With a `query` only those that match.

    Without a stamp the place is the end of all, or the beginning where those behind it are asked for; without an id it
    is before all that have the stamp.
    """

    number: Counter
    backward: bool = True
    stamp: Counter | None = None
    id: Annotated[str, msgspec.Meta(max_length=128)] | None = None
    most: Annotated[int, msgspec.Meta(ge=1, le=PAST_ENTRIES_MAX)] = PAST_ENTRIES_MAX
    query: Annotated[str, msgspec.Meta(max_length=QUERY_CHARACTERS_MAX)] = ""


class PastActivity(Message, frozen=True):
    """One activity of a page of the past."""

    number: Counter
    activity: msgspec.Raw
    id: Annotated[str, msgspec.Meta(max_length=128)]
    stamp: Counter
    sender: str = ""


class PastDone(Message, frozen=True):
    """Ends a page of the past. `more`: there is more that way, beyond the place that is named, as `PAST_REQUEST` does.
    With `info` nothing was read, and that says why."""

    number: Counter
    more: bool = False
    stamp: Counter | None = None
    id: Annotated[str, msgspec.Meta(max_length=128)] | None = None
    info: str = ""
    unindexed: Counter | None = None
    """Where something was looked for: how many activities the index has not come to, about; None: there is none."""


class ChangeSecret(Message, frozen=True):
    """The account that is logged in is to have another secret, everywhere. `secret` is the present one."""

    secret: str
    new_secret: str


class RedeemCode(Message, frozen=True):
    """An account whose secret is lost is to have this one: `code` is a one-time code that an operator has ordered."""

    username: str
    code: Annotated[str, msgspec.Meta(max_length=128)]
    secret: str


class SecretChanged(Message, frozen=True):
    """The new secret counts: this server keeps it, and it is on its way to all others."""

    info: str = ""


class SecretNotChanged(Message, frozen=True):
    """The account's secret is what it was, and why. The connection goes on unless wrong ones were given too often."""

    info: str = ""


class StatusRequest(Message, frozen=True):
    """With `proof`, what waits in the server is asked for as well: see `core.wire.queue_proof`."""

    proof: str | None = None
    at: int | None = None
    """The time that the proof is for: that of the last STATUS, in milliseconds since 1970."""


class Status(Message, frozen=True):
    """A server's view of the network, for `activity-tui status`."""

    status: dict[str, Any]
    queues: dict[str, int] | None = None
    """How much waits, by what it waits for: for who has proved to know the network's secret."""
    info: str | None = None
    """Why there are no queues, for who has asked for them."""


MessageType = type[Message]

MESSAGES: Final[tuple[type[Message], ...]] = tuple(Message.__subclasses__())
"""Every message that there is: what stands above is understood on the wire."""
