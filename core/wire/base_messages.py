"""The messages of the base protocol and of its failover extension, and what all messages have in common.

A struct that exists is a legal message by its form; whether it is legal in a connection's state is `core.node`'s
matter. Fields that were not on the wire are None or empty, and are left out again when a message is encoded. Fields of
the native layer are in these structs, too: peers that speak only the base protocol ignore them.
"""

# Annotations are evaluated as they stand: as texts, the decoder would compile each of them again at every start.
from typing import Annotated, Final

import msgspec

from core.wire.account_documents import CLAIM_CHARACTERS_MAX
from core.wire.account_votes import VOTES_MAX, Vote
from core.wire.address import parse_number, parse_port
from core.wire.entries import COUNTER_MAX, IDENTIFIER_CHARACTERS_MAX
from core.wire.limits import FEATURES_MAX, LINKS_TOLD_MAX, REF_CHARACTERS_MAX
from core.wire.server_keys import Nonce, PublicKey, Signature

Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=IDENTIFIER_CHARACTERS_MAX)]
Counter = Annotated[int, msgspec.Meta(ge=0, le=COUNTER_MAX)]
AGE_MAX: Final = 1e9
"""Seconds: the greatest age that is told of an activity."""
Hostname = Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
Label = Annotated[str, msgspec.Meta(max_length=64)]
Features = Annotated[list[Label], msgspec.Meta(max_length=FEATURES_MAX)]
Vector = dict[Identifier, Counter]
ServerPlace = tuple[Identifier, Counter, Counter]
"""A server, one of its starts, and the number of a record that it got in that: all that had come there until then."""
Print = Annotated[str, msgspec.Meta(max_length=24)]
"""16 bytes in base 64 that stand for all entries of a range."""
Sum = Annotated[str, msgspec.Meta(max_length=44)]
"""32 bytes in base 64: the sum of the hashes of all entries of a range."""
RANGES_MAX: Final = 16
"""Ranges of stamps of which a client tells sums."""
EntryNumbers = dict[Annotated[str, msgspec.Meta(max_length=96)], list[Counter]]
"""For each stream the first and the last number of each run of successive ones."""


class Message(
    msgspec.Struct,
    tag_field="command",
    tag=lambda name: "".join(f"_{c}" if c.isupper() and i else c for i, c in enumerate(name)).upper(),
    omit_defaults=True,
    frozen=True,
):
    """A message: `command` is the class name in capitals with underscores."""


def command_of(message: Message) -> str:
    """The value of the message's `command` field."""
    return str(message.__struct_config__.tag)


def normalise_port(message: Message, field: str) -> None:
    """Have a field that may be a port number in digits hold a number. Raises ValueError when it is none."""
    value = getattr(message, field)
    if value is None:
        return
    try:
        msgspec.structs.force_setattr(message, field, parse_port(value))
    except ValueError:
        raise ValueError(f"expected a port number - at `$.{field}`") from None


# --- base -----------------------------------------------------------------------------------------------------------


class Authenticate(Message, frozen=True):
    """First message on a server link. Everything after `secret` is the native layer's, and base servers ignore it.

    `link` says what the dialler wants: `join` (become part of the network) or `lazy` (a redundant link).
    """

    secret: str
    id: Identifier | None = None
    incarnation: Counter | None = None
    hostname: Hostname | None = None
    port: int | str | None = None
    name: Label | None = None
    features: Features = []
    link: Label | None = None
    stamp: Counter | None = None
    """Hybrid logical time at which the link was dialled: the age by which the spanning tree prefers links. It tells how
    the dialler's clock stands to the receiver's, too."""
    key: PublicKey | None = None
    nonce: Nonce | None = None
    """Drawn for this link: the other side's proof of its key has it in it."""

    def __post_init__(self) -> None:
        normalise_port(self, "port")


class AuthenticationFail(Message, frozen=True):
    info: str = ""


class InvalidMessage(Message, frozen=True):
    info: str = ""


class HeldEntries(msgspec.Struct, frozen=True, omit_defaults=True):
    """What somebody has of a network's activities, or of some of its streams: see `core.wire.holdings`."""

    since: Counter
    entries: EntryNumbers = {}
    sums: Annotated[list[tuple[Counter, Counter, Print]], msgspec.Meta(max_length=RANGES_MAX)] = []
    """Of ranges of stamps where each begins, how many activities it has, and what stands for them."""
    until: Counter = 0
    """Where the last of them ends."""
    more: bool = False
    """It is too much for one message: it has to be asked for."""


class Login(Message, frozen=True):
    """`seen`, `place`, `lacking`, `have`, `mine`, `history`, `redirects` and `visited` are the native layer's.

    `seen` is the vector of what the client already has: it gets what it missed since. Who shows `place` says the same
    by where it was in what the server has got (`place`, and what of that it is `lacking`), and for other servers by
    what it has. `mine` are its own activities that it would repeat. `history` asks for that many of
    the newest activities instead. `redirects` counts the redirects that the client has followed since a person last
    chose a server (1000: it follows none), `visited` names the servers (as HOST:PORT) where it was meanwhile.
    """

    username: str
    secret: str | None = None
    features: Features = []
    seen: Vector | None = None
    place: ServerPlace | None = None
    lacking: EntryNumbers = {}
    have: HeldEntries | None = None
    mine: EntryNumbers = {}
    history: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0
    redirects: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 0
    visited: Annotated[list[Annotated[str, msgspec.Meta(max_length=300)]], msgspec.Meta(max_length=16)] = []


class LoginSuccess(Message, frozen=True):
    """Native clients also learn the server's `id`, and the name that they are logged in as."""

    info: str = ""
    id: str | None = None
    username: str | None = None
    vector: Vector | None = None
    """What the client need not expect: its own vector starts from here unless it sent one."""
    beyond: Annotated[list[Annotated[str, msgspec.Meta(max_length=256)]], msgspec.Meta(max_length=1024)] = []
    """Entries after a gap in `vector` that the client need not expect either."""
    features: Features = []
    """What the server understands of clients beyond the first release: `change_secret`."""
    stamp: Counter | None = None
    """The server's hybrid logical time: what is older than ten minutes is told by this, not by the client's clock."""
    begins: HeldEntries | None = None
    """In the place of `vector`, for a client that shows `place` and has said of nothing that it has it."""
    lacks: EntryNumbers | None = None
    """What the server has not got of the client's own; None: nothing that the client named is known here."""
    claim: Annotated[str, msgspec.Meta(min_length=1, max_length=CLAIM_CHARACTERS_MAX)] | None = None
    """The claim of the account, by which its activities are referred to; none for `anonymous`."""


class LoginFailed(Message, frozen=True):
    info: str = ""
    later: bool = False
    """Nothing is known to be wrong with the name or the secret: the same may be right later."""


class Redirect(Message, frozen=True):
    hostname: Hostname
    port: int | str

    def __post_init__(self) -> None:
        normalise_port(self, "port")


class Logout(Message, frozen=True):
    pass


class Register(Message, frozen=True):
    username: str
    secret: str
    features: Features = []


class RegisterSuccess(Message, frozen=True):
    info: str = ""


class RegisterFailed(Message, frozen=True):
    info: str = ""


class ActivityMessage(Message, frozen=True):
    """`ref`, `previous`, `previous_stamp` and `age` are the native layer's.

    `ref` names the activity for ever, among its sender's: sent again with the same `ref` it is accepted once.
    `previous` is the id of the sender's activity before this one, `previous_stamp` its stamp, as `ACTIVITY_ACK` told
    them. `age` is the seconds since it was first sent to a server that has accepted it, or may have.
    """

    username: str
    activity: dict[str, msgspec.Raw]
    secret: str | None = None
    ref: Annotated[str, msgspec.Meta(min_length=1, max_length=REF_CHARACTERS_MAX)] | None = None
    previous: Annotated[str, msgspec.Meta(max_length=128)] | None = None
    previous_stamp: Counter | None = None
    age: Annotated[float, msgspec.Meta(ge=0, le=AGE_MAX)] | None = None


class ActivityBroadcast(Message, frozen=True):
    """The processed activity. All the rest is the native layer's: the entry's identity, order and origin.

    `since`: another server may have accepted it from that hybrid logical time on, as another entry.
    One frame serves base servers, which pass on what they do not know, and native receivers alike. Base clients get one
    with `activity` alone (`core.wire.codec.Frame.base`).
    """

    activity: msgspec.Raw
    id: Annotated[str, msgspec.Meta(max_length=128)] | None = None
    stamp: Counter | None = None
    sender: str | None = None
    previous: Annotated[str, msgspec.Meta(max_length=128)] | None = None
    ref: Annotated[str, msgspec.Meta(min_length=1, max_length=REF_CHARACTERS_MAX)] | None = None
    since: Counter | None = None

    def __post_init__(self) -> None:
        if not bytes(self.activity).lstrip(b" \t\r\n").startswith(b"{"):
            raise ValueError("expected `object` - at `$.activity`")


class AttachedServer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A base server that is reached through a node's base link. `direct`: it is at the other end of that link."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    hostname: Hostname
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)]
    load: Counter
    direct: bool = False
    far: bool = False
    """It names an address of its own machine only (loopback), which is another one than the node's."""


class LinkEnd(msgspec.Struct, frozen=True, array_like=True):
    """One end of a native link as a node announces it: the neighbour's id, and the link's birth stamp."""

    neighbour: Identifier
    stamp: Counter


class ServerAnnounce(Message, frozen=True):
    """What a server tells all others of itself. Everything after `port` is the native layer's link-state record.

    `incarnation` and `version` order a node's records. `links` are its native links, `attached` (in the JSON `guests`)
    the base servers that it speaks for, `users` the names logged in there (the first 256), `draining` that it is about
    to leave, `left` that it has left on purpose, in favour of server `successor`, `sent` how many clients it has ever
    redirected to each server, `ssh` the port on which it serves SSH, `away` the users whose base clients lost their
    connection with it: when, and when what they have got last was accepted (hybrid logical times; half a second earlier
    where they got nothing: what that server accepted itself just before counts as handed out to whoever was there).
    `also` are other hosts at which it is reached on the same port, `near` those of its neighbours that are on its
    machine. `signature` is that of `key` over all of it (`core.wire.link_state`), `signs_from` the first incarnation of
    which the server signs all entries. `more` is for fields of later versions: it is signed and passed on as it came.
    """

    id: str | int
    load: int | str
    hostname: Hostname
    port: int | str
    incarnation: Counter | None = None
    version: Counter | None = None
    name: Label | None = None
    links: Annotated[list[LinkEnd], msgspec.Meta(max_length=LINKS_TOLD_MAX)] = []
    attached: Annotated[list[AttachedServer], msgspec.Meta(max_length=LINKS_TOLD_MAX)] = msgspec.field(
        default_factory=list, name="guests"
    )
    users: Annotated[list[str], msgspec.Meta(max_length=256)] = []
    draining: bool = False
    left: bool = False
    successor: str | None = None
    sent: Annotated[
        dict[Annotated[str, msgspec.Meta(max_length=256)], Counter], msgspec.Meta(max_length=LINKS_TOLD_MAX)
    ] = {}
    ssh: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    away: Annotated[
        dict[Annotated[str, msgspec.Meta(max_length=256)], tuple[Counter, Counter]], msgspec.Meta(max_length=256)
    ] = {}
    also: Annotated[list[Hostname], msgspec.Meta(max_length=16)] = []
    near: Annotated[list[Identifier], msgspec.Meta(max_length=LINKS_TOLD_MAX)] = []
    signs_from: Counter | None = None
    more: Annotated[dict[Label, msgspec.Raw], msgspec.Meta(max_length=64)] = {}
    key: PublicKey | None = None
    signature: Signature | None = None

    def __post_init__(self) -> None:
        normalise_port(self, "port")
        if isinstance(self.id, int):
            msgspec.structs.force_setattr(self, "id", str(self.id))
        if not self.id or len(str(self.id)) > 256:
            raise ValueError("expected 1 to 256 characters - at `$.id`")
        try:
            load = parse_number(self.load)
        except ValueError:
            raise ValueError("expected a number - at `$.load`") from None
        if not 0 <= load <= COUNTER_MAX:
            raise ValueError("expected a number that is not negative - at `$.load`")
        msgspec.structs.force_setattr(self, "load", load)


class LockRequest(Message, frozen=True):
    """Between our nodes: `claim` names the registration, `round` the attempt at asking the network.

    `verifier` takes the place of `secret`, which travels only on links that lead to a base server.
    """

    username: str
    secret: str | None = None
    claim: Identifier | None = None
    round: Counter | None = None
    stamp: Counter | None = None
    verifier: str | None = None


class LockAllowed(Message, frozen=True):
    """`count`: how many servers this answer speaks for, and `votes` their signed words. `incomplete`: a link broke
    while it was being gathered."""

    username: str
    secret: str | None = None
    claim: Identifier | None = None
    round: Counter | None = None
    count: Counter | None = None
    incomplete: bool = False
    votes: Annotated[list[Vote], msgspec.Meta(max_length=VOTES_MAX)] = []


class LockDenied(Message, frozen=True):
    username: str
    secret: str | None = None
    claim: Identifier | None = None
    round: Counter | None = None
    info: str | None = None


# --- failover -------------------------------------------------------------------------------------------------------


class Quit(Message, frozen=True):
    """The sending server leaves; whoever receives this redirects itself to the named server.

    No address: nobody is left to go to. To the named server itself it says "you take my place". `attached` (in the JSON
    `guests`) are base servers that were linked to the leaving one, for its successor to dial. `vector` tells a client
    that has not been told at a login what it need not expect: the base server to which it is sent has no past, and
    cannot; `begins` tells one that shows `place`. `successor` is the id of the named server, which has other
    addresses elsewhere.
    """

    new_server_ip: Hostname | None = None
    new_server_port: int | str | None = None
    id: Identifier | None = None
    attached: Annotated[list[AttachedServer], msgspec.Meta(max_length=LINKS_TOLD_MAX)] = msgspec.field(
        default_factory=list, name="guests"
    )
    vector: Vector | None = None
    begins: HeldEntries | None = None
    successor: Annotated[str, msgspec.Meta(min_length=1, max_length=256)] | None = None

    def __post_init__(self) -> None:
        normalise_port(self, "new_server_port")


class UserInfo(Message, frozen=True):
    """Registered users. Between our nodes and towards others, a value is a verifier (a salted hash), not the secret."""

    user_info: dict[str, str]


BASE_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "AUTHENTICATE": ("secret",),
    "AUTHENTICATION_FAIL": ("info",),
    "INVALID_MESSAGE": ("info",),
    "LOGIN": ("username", "secret"),
    "LOGIN_SUCCESS": ("info",),
    "LOGIN_FAILED": ("info",),
    "REDIRECT": ("hostname", "port"),
    "LOGOUT": (),
    "REGISTER": ("username", "secret"),
    "REGISTER_SUCCESS": ("info",),
    "REGISTER_FAILED": ("info",),
    "ACTIVITY_MESSAGE": ("username", "secret", "activity"),
    "ACTIVITY_BROADCAST": ("activity",),
    "SERVER_ANNOUNCE": ("id", "load", "hostname", "port"),
    "LOCK_REQUEST": ("username", "secret"),
    "LOCK_ALLOWED": ("username", "secret"),
    "LOCK_DENIED": ("username", "secret"),
}
"""The fields of the base protocol; every other field of these commands is an extension."""
