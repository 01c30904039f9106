"""The messages of the protocol, as typed structs: those of the native layer, and all others by import.

`core/PROTOCOL.md` has the tables with their meaning, states and answers.
"""

# Annotations are evaluated as they stand: as texts, the decoder would compile each of them again at every start.
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec

from core.wire.account_documents import CLAIM_CHARACTERS_MAX
from core.wire.account_votes import Vote
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
    Features,
    HeldEntries,
    Hostname,
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
    UserInfo,
    Vector,
    command_of,
    normalise_port,
)
from core.wire.entries import COUNTER_MAX, IDENTIFIER_CHARACTERS_MAX, KeyChange
from core.wire.founding_record import FoundingRecord
from core.wire.kept_network import NETWORK_SEED_BYTES, SUCCESSIONS_MAX, Succession
from core.wire.kept_secret import KeptSecret
from core.wire.key_agreement_proofs import KeyProof, Share
from core.wire.limits import RECORD_ENTRIES_MAX, SECRET_CHARACTERS_MAX, VERIFIER_CHARACTERS_MAX
from core.wire.past_query import PAST_ENTRIES_MAX, QUERY_CHARACTERS_MAX
from core.wire.secret_keeping import KeepsSecret
from core.wire.server_keys import Nonce, PublicKey, Signature
from core.wire.signed_orders import (
    BECAUSE_CHARACTERS_MAX,
    WORDS_MAX,
    ListedOperator,
    ListedOrder,
    Order,
    SignedOrder,
)

__all__ = [
    # What stands in `base_messages` and is found here, too: whoever reads a message need not ask of which layer it is.
    "AGE_MAX",
    "BASE_FIELDS",
    "ActivityBroadcast",
    "ActivityMessage",
    "AttachedServer",
    "Authenticate",
    "AuthenticationFail",
    "HeldEntries",
    "InvalidMessage",
    "LinkEnd",
    "LockAllowed",
    "LockDenied",
    "LockRequest",
    "Login",
    "LoginFailed",
    "LoginSuccess",
    "Logout",
    "Message",
    "Quit",
    "Redirect",
    "Register",
    "RegisterFailed",
    "RegisterSuccess",
    "ServerAnnounce",
    "UserInfo",
    "command_of",
]


BUCKETS: Final = 256
"""Into so many the places of documents are divided where two servers compare what they have."""
PLACE_CHARACTERS: Final = 32
"""Of a document's place, in hexadecimal."""
LISTED_MAX: Final = 512
"""Versions of documents in one list."""
WANTED_MAX: Final = 32
"""Documents that are asked for at once: of the longest a quarter of a megabyte."""
AccountClaim = Annotated[str, msgspec.Meta(min_length=1, max_length=CLAIM_CHARACTERS_MAX)]

FOUNDED_MAX: Final = 1e11
"""Seconds since 1970: no network was founded later."""
NetworkSeed = Annotated[bytes, msgspec.Meta(min_length=NETWORK_SEED_BYTES, max_length=NETWORK_SEED_BYTES)]
Successions = Annotated[tuple[Succession, ...], msgspec.Meta(max_length=SUCCESSIONS_MAX)]
FoundedAt = Annotated[float, msgspec.Meta(ge=0, le=FOUNDED_MAX)]
SECRETS_TOLD_MAX: Final = 4
"""Secrets that the network has had that a neighbour is told: the latest."""
EARLIER_MAX: Final = SECRETS_TOLD_MAX - 1
"""Secrets from before the present one by which somebody may come, at most."""


class ServerHello(Message, frozen=True):
    """The accepting side's answer to a native `AUTHENTICATE`: who it is, what it speaks, and at which host it sees the
    dialling one (`seen`). To one that shows a key it shows its own, and proves it."""

    id: Identifier
    incarnation: Counter
    hostname: Hostname
    port: int | str
    name: Label = ""
    features: Features = []
    stamp: Counter | None = None
    """The sender's hybrid logical time, which tells how the clocks stand to each other."""
    seen: Hostname | None = None
    key: PublicKey | None = None
    nonce: Nonce | None = None
    """Drawn for this link: the dialling side's proof of its key has it in it."""
    proof: Signature | None = None

    def __post_init__(self) -> None:
        normalise_port(self, "port")


class ServerProof(Message, frozen=True):
    """The dialling side's answer to a `SERVER_HELLO` with a nonce: a signature that only who has its key can make."""

    proof: Signature


class ServerRefused(Message, frozen=True):
    """A link is not wanted now (`busy`, `leaving`), leads to itself (`self`), exists already (`duplicate`), would take
    the place of another server with the same identity that was started later (`twin`), is in the name of a server whose
    key is another one, or that was not proved (`key`), or is with one that had this server keep too much (`barred`);
    then close."""

    reason: Label
    info: str = ""


class AdmissionRequest(KeepsSecret, Message, frozen=True):
    """A server that knows the network's secret, and has no certificate of it, asks to be admitted: its own public key,
    and its share of a key that both sides agree on (`core.wire.key_agreement_proofs`). First on an encrypted
    connection. With `invitation`, the id of a code, it knows that code in the place of the secret. With `proof` it is a
    server of the network that was away when that was given another key. With `order` it is the other side that was: the
    order by which the network has another key, and the private keys."""

    unprinted: ClassVar[frozenset[str]] = frozenset({"seed", "ssh"})

    key: PublicKey
    share: Share
    invitation: Label | None = None
    proof: Signature | None = None
    order: SignedOrder | None = None
    seed: NetworkSeed | None = None
    ssh: NetworkSeed | None = None


class EarlierShare(msgspec.Struct, frozen=True, array_like=True):
    """A share for a secret that the network had before, which still holds, and the proof that goes with it."""

    share: Share
    proof: KeyProof


class AdmissionShare(Message, frozen=True):
    """The answering side's share, the proof that it has agreed on the key, and what it says of its network: the public
    key, and when it was founded. `earlier`: the same for secrets from before the present one."""

    share: Share
    proof: KeyProof
    network: PublicKey
    founded: FoundedAt | None = None
    earlier: Annotated[tuple[EarlierShare, ...], msgspec.Meta(max_length=EARLIER_MAX)] = ()


class AdmissionProof(KeepsSecret, Message, frozen=True):
    """The dialling side's proof, and what it says of its own network: the public key, when it was founded, and, where
    the other side's was founded later, the private keys: the network's, and `ssh`, which certifies its SSH hosts.
    `order`: the operator's by which that network has its key, if one has given it another."""

    unprinted: ClassVar[frozenset[str]] = frozenset({"seed", "ssh"})

    proof: KeyProof
    network: PublicKey
    founded: FoundedAt | None = None
    seed: NetworkSeed | None = None
    ssh: NetworkSeed | None = None
    order: SignedOrder | None = None


class AdmissionGranted(KeepsSecret, Message, frozen=True):
    """The dialling side is admitted; then close. Where the answering side's network stays: its private keys, and when
    it was founded, and `order` as in `ADMISSION_PROOF`. How other keys have led to the one that stays, as far as the
    side knows. To who was invited, the network's secret."""

    unprinted: ClassVar[frozenset[str]] = frozenset({"seed", "ssh", "secret"})

    founded: FoundedAt | None = None
    successions: Successions = ()
    seed: NetworkSeed | None = None
    ssh: NetworkSeed | None = None
    secret: Annotated[str, msgspec.Meta(max_length=SECRET_CHARACTERS_MAX)] | None = None
    order: SignedOrder | None = None


class NetworkNews(KeepsSecret, Message, frozen=True):
    """The network's public key, when it was founded, and how other keys have led to it. With the private keys: the
    network has become one with another that was founded earlier, or has another key by an operator's `order`.
    `secrets`: those that operators have ordered. Only where both sides have shown certificates."""

    unprinted: ClassVar[frozenset[str]] = frozenset({"seed", "ssh", "secrets"})

    network: PublicKey
    founded: FoundedAt | None = None
    successions: Successions = ()
    seed: NetworkSeed | None = None
    ssh: NetworkSeed | None = None
    order: SignedOrder | None = None
    secrets: Annotated[tuple[KeptSecret, ...], msgspec.Meta(max_length=SECRETS_TOLD_MAX)] = ()


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
Sum = Annotated[str, msgspec.Meta(max_length=44)]
"""32 bytes in base 64: the sum of the hashes of all entries of a range."""
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


class Founding(Message, frozen=True):
    """Who has begun this network, as the sender knows it: what the receiver learns first counts there.

    `told`: others than the founding server itself know it already.
    """

    record: FoundingRecord
    told: bool = False


class OrdersRequest(Message, frozen=True):
    """The client is an operator, with this key: it is told of the orders. The first account of a network shows its key
    so, too, and is its operator from then on.

    `proof` is a signature of `core.wire.signed_orders.shown_key_digest`; `at` is the time there, in milliseconds since
    1970. `behind`: only of orders from before this stamp and id, which a page before ended at.
    """

    key: PublicKey
    at: int
    proof: Signature
    behind: tuple[Counter, str] | None = None


class OrderList(Message, frozen=True):
    """Orders, the latest first. `network` is what an order of this network names; `operator`: whether the client's
    orders are heeded. `accounts` has the names that accounts in it have now."""

    network: str
    operator: bool
    operators: list[ListedOperator] = []
    orders: list[ListedOrder] = []
    accounts: dict[str, str] = {}
    suspended: list[str] = []
    """Names of accounts that are suspended because their server is expelled, 1,000 at most."""
    more: bool = False


class OrderDraft(Message, frozen=True):
    """The client wants to give an order, and asks how it is to be written: what it is about is looked up."""

    key: PublicKey
    kind: Label
    target: Annotated[str, msgspec.Meta(max_length=1024)]
    words: Annotated[list[Annotated[str, msgspec.Meta(max_length=1024)]], msgspec.Meta(max_length=WORDS_MAX)] = []
    because: Annotated[str, msgspec.Meta(max_length=BECAUSE_CHARACTERS_MAX)] = ""


class OrderDrafted(Message, frozen=True):
    """The order, to be looked at and signed. `about` says in words what it concerns."""

    order: Order
    about: str = ""
    left: Counter = 0
    """How many of the orders of who is dismissed would stay in force, and need another order for that."""


class GiveOrder(Message, frozen=True):
    """A signed order: it is to be kept, and to go to everybody."""

    order: SignedOrder


class OrderTaken(Message, frozen=True):
    """The order with this id is kept by the server, and on its way to everybody."""

    id: str
    info: str = ""


class ActivitiesRemoved(Message, frozen=True):
    """Operators have removed these activities, by their ids: nobody is to see them any more."""

    ids: list[Annotated[str, msgspec.Meta(max_length=128)]]
    by: str = ""
    because: str = ""
    server: Label = ""
    """Whatever this server has accepted from `since` on is not to be shown, either."""
    since: Counter = 0
    undone: bool = False
    """What hid that is undone: it is to be shown again."""


class OrderRefused(Message, frozen=True):
    """What was asked about orders is not possible, and why. The connection goes on."""

    info: str = ""


class AccountRenamed(Message, frozen=True):
    """The name is another account's, registered earlier elsewhere; yours is kept under a new one."""

    username: str
    renamed: str
    info: str = ""


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


class SignedDocument(Message, frozen=True):
    """A version of an account's document, as the server `node` that took it has signed it: kept, if it is the latest
    one, and passed on."""

    claim: AccountClaim
    stamp: Counter
    node: Identifier
    document: msgspec.Raw
    key: PublicKey | None = None
    signature: Signature | None = None


class DocumentsDigest(Message, frozen=True):
    """All documents that the sender keeps: how many, and the sum of their digests. One who has others compares.

    `number` names the question; `asks`: the sender waits for `DOCUMENTS_DONE`.
    """

    number: Counter
    size: Counter
    sum: Sum
    asks: bool = False


class DocumentsCompare(Message, frozen=True):
    """What the sender has of the documents whose place is behind `after`: the sums of those in each bucket. The
    receiver answers with what it has in buckets that differ, `DOCUMENTS_LISTED`."""

    number: Counter
    sums: Annotated[list[Print], msgspec.Meta(max_length=BUCKETS)]
    after: Annotated[str, msgspec.Meta(max_length=PLACE_CHARACTERS)] = ""


ListedVersion = tuple[AccountClaim, Counter, Identifier, Print, Counter]
"""The claim, stamp, server, print of the digest, and length of a version."""


class DocumentsListed(Message, frozen=True):
    """What the sender has in buckets that differ, in the order of places. `after`: up to there, and the rest is to be
    asked for; else it is all."""

    number: Counter
    versions: Annotated[list[ListedVersion], msgspec.Meta(max_length=LISTED_MAX)] = []
    after: Annotated[str, msgspec.Meta(max_length=PLACE_CHARACTERS)] = ""


class DocumentsWant(Message, frozen=True):
    """The accounts whose documents the sender lacks: the receiver answers with those that it has, as `SIGNED_DOCUMENT`,
    and `DOCUMENTS_SENT`."""

    number: Counter
    claims: Annotated[list[AccountClaim], msgspec.Meta(max_length=WANTED_MAX)]


class DocumentsSent(Message, frozen=True):
    """Ends the answer to a `DOCUMENTS_WANT`."""

    number: Counter


class DocumentsDone(Message, frozen=True):
    """All documents that the receiver had when it told digest `number` are durable at the sender, or later ones."""

    number: Counter


class KeepDocument(Message, frozen=True):
    """The account that is logged in is to have this document, everywhere, in the place of the one before. Answer:
    `DOCUMENT_KEPT` or `DOCUMENT_NOT_KEPT`, with the same `number`."""

    number: Counter
    document: msgspec.Raw


class DocumentKept(Message, frozen=True):
    """The document is synced to this server's disk, and on its way to all others."""

    number: Counter
    stamp: Counter


class DocumentNotKept(Message, frozen=True):
    """The account's document is what it was, and why. `later`: seconds after which it can be had; absent: it cannot."""

    number: Counter
    info: str = ""
    later: float | None = None


class AccountDocument(Message, frozen=True):
    """What the account's document is now: at a login, and when another of its clients has changed it. Without
    `document` it has none."""

    document: msgspec.Raw = msgspec.Raw()
    stamp: Counter = 0


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
