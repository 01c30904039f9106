"""Entries: what the network replicates, and the identities that it replicates them by.

An entry is an accepted activity or a registered account. Its identity is (node, incarnation, sequence number): the node
that accepted it, which start of that node, and a number that counts up from 1 within that start. A node that loses an
unsynced tail in a crash comes back with a new incarnation, so an identity never means two things.

Entries of one (node, incarnation) form a *stream*. What a node has is a version vector over streams (Parker et al.,
"Detection of Mutual Inconsistency in Distributed Systems", 1983): for each stream, the number up to which it has all.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from core.wire.account_votes import Vote
from core.wire.address import Address
from core.wire.limits import KEY_CHARACTERS_MAX, SERVER_LINE_BYTES_MAX, VERIFIER_CHARACTERS_MAX

IDENTIFIER_CHARACTERS_MAX = 64
STREAM_CHARACTERS_MAX: Final = IDENTIFIER_CHARACTERS_MAX + 1 + 16
"""Of a stream in writing: its node, a dot, and its incarnation."""
INCARNATION_EPOCH: Final = 1_577_836_800
"""2020-01-01T00:00:00Z, seconds since 1970: from there on starts are numbered."""
INCARNATIONS_A_SECOND: Final = 2**18
"""An incarnation is about the seconds from there to a start, times this, and a random number below it."""
INCARNATION_MAX: Final = 2**48
"""The largest that a server believes of another one; by the clock that comes in 2054."""
_MILLISECONDS_MAX: Final = 2**42
"""A smaller incarnation is about the milliseconds to a start, as starts were numbered before; they reach this in 2159,
and the numbers of today were beyond it half a year after the epoch."""
COUNTER_MAX = 2**53 - 1
"""Largest number that survives a peer which reads every number as a double (RFC 8259, section 6)."""


class Stream(NamedTuple):
    """One start of one node."""

    node: str
    incarnation: int

    def __str__(self) -> str:
        return f"{self.node}.{self.incarnation}"


_new: Final = tuple.__new__


class EntryId(NamedTuple):
    """The identity of an entry; unique for ever."""

    node: str
    incarnation: int
    seq: int

    @property
    def stream(self) -> Stream:
        # As `Stream` makes it, in two thirds of the time: a node asks for six of each activity.
        return _new(Stream, (self.node, self.incarnation))

    def __str__(self) -> str:
        return f"{self.node}.{self.incarnation}.{self.seq}"


def started_at(incarnation: int) -> int:
    """When the start with a number seems to have been, in microseconds since 1970: about, as clocks differ."""
    if incarnation < _MILLISECONDS_MAX:
        return INCARNATION_EPOCH * 1_000_000 + incarnation * 1_000
    return (INCARNATION_EPOCH + incarnation // INCARNATIONS_A_SECOND) * 1_000_000


def parse_stream(text: str) -> Stream:
    """Read `node.incarnation`. Raises ValueError."""
    # Whatever is longer is none, and is not remembered.
    return _remembered_stream(text) if len(text) <= STREAM_CHARACTERS_MAX else _parse_stream(text)


def _parse_stream(text: str) -> Stream:
    node, _, incarnation = text.rpartition(".")
    if not node or len(node) > IDENTIFIER_CHARACTERS_MAX or "." in node or not incarnation.isascii():
        raise ValueError("not a stream: expected node.incarnation")
    return Stream(node, _counter(incarnation))


# An activity's id is read wherever it comes, and nearly all are of a few streams.
_remembered_stream = lru_cache(maxsize=256)(_parse_stream)


def parse_entry_id(text: str) -> EntryId:
    """Read `node.incarnation.seq`. Raises ValueError."""
    stream, _, seq = text.rpartition(".")
    node, incarnation = parse_stream(stream)
    return EntryId(node, incarnation, _counter(seq))


def _counter(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise ValueError("not a counter: expected a decimal number")
    number = int(text)
    if number > COUNTER_MAX:
        raise ValueError("not a counter: too large")
    return number


Kind = Literal["activity", "account"]


class KeyChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """From `stamp` on, a public key opens an account (`bound`) or does not. Of a key's changes the latest counts.

    `text` is the key as OpenSSH writes it, type and base 64; `comment` is what its owner calls it.
    """

    text: Annotated[
        str, msgspec.Meta(max_length=KEY_CHARACTERS_MAX, pattern=r"\A[a-z0-9@.-]{1,64} [A-Za-z0-9+/]+={0,2}\Z")
    ]
    stamp: Annotated[int, msgspec.Meta(ge=0, le=COUNTER_MAX)]
    bound: bool
    comment: Annotated[str, msgspec.Meta(max_length=100)] = ""


SECRET_KEY_TYPE: Final = "secret-verifier@activity-tui"
"""The type of what is no key but says that an account has another secret."""


class SecretChange(NamedTuple):
    """From `stamp` on the account's secret is the one that `verifier` is a hash of. The largest (stamp, id) counts.

    `id` names the change for ever.
    """

    stamp: int
    id: str
    verifier: str


def change_as_key(change: SecretChange) -> KeyChange:
    """A changed secret in the form in which it is kept and passed on: a key that opens nothing.

    Servers from before secrets could be changed drop fields that they do not know, and would pass the change on without
    what it says; a key of an unknown type that was taken away they keep and pass on as it is, and let nobody in with.
    """
    text = base64.b64encode(change.verifier.encode()).decode("ascii")
    return KeyChange(f"{SECRET_KEY_TYPE} {text}", change.stamp, False, change.id)


def change_in_key(key: KeyChange) -> SecretChange | None:
    """The changed secret that travels as a key; None when it is a key."""
    kind, _, text = key.text.partition(" ")
    if kind != SECRET_KEY_TYPE or key.bound:
        return None
    try:
        verifier = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    return SecretChange(key.stamp, key.comment, verifier) if 0 < len(verifier) <= VERIFIER_CHARACTERS_MAX else None


class AccountFact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A registration that succeeded: `username` belongs to whoever knows the secret that `verifier` is a hash of.

    `claim` names the registration for ever. Who keeps a name that a partition let be registered twice is said in
    `core.node.accounts.book`. A fact with a `key` repeats a registration that is known, and says something of a key, or
    that the secret is another one (`change_in_key`). `vote` proves that another server has allowed it; in what counts
    of a fact `allowed_at` takes its place (`core.wire.account_votes`), and nowhere else, and `retold` says that it
    stands in the stream of another server than that where it was registered. `told_by` is that server, and of what
    changes an account the one in whose stream it stands.
    """

    username: str
    verifier: str
    stamp: int
    claim: str
    key: KeyChange | None = None
    vote: Vote | None = None
    allowed_at: int = 0
    retold: bool = False
    told_by: str = ""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One accepted activity, one account, or one change of an account's keys or secret.

    `body` is JSON as bytes: for an activity the processed object exactly as it is broadcast, for an account the
    `AccountFact`. `stamp` is hybrid logical time in microseconds since 1970. `sender` is the user name that an activity
    was accepted from. `previous` is the sender's activity before this one, which every client sees first. `ref` is the
    name that a native client gave the activity, by which a repetition is recognised. `since` is the hybrid logical time
    from which on another server may have accepted it, as another entry.
    """

    id: EntryId
    kind: Kind
    stamp: int
    body: bytes
    sender: str = ""
    previous: EntryId | None = None
    ref: str | None = None
    since: int | None = None


class StreamMark(msgspec.Struct, frozen=True):
    """Everything of `stream` up to `upto` has been received, or was dropped by retention at whoever had it."""

    stream: Stream
    upto: int


class PeerRecord(msgspec.Struct, frozen=True):
    """A server that was once part of the network: where to look for it after a restart."""

    id: str
    hostname: str
    port: int
    name: str
    seen_at: float
    """Wall-clock seconds since 1970."""
    others: tuple[Address, ...] = ()
    """More addresses: those that it announces, and the one at which there was a link with it."""

    @property
    def addresses(self) -> list[Address]:
        return [Address(self.hostname, self.port), *self.others]


class PeerForgotten(msgspec.Struct, frozen=True):
    """A server that left on purpose, or has been gone for so long that nobody looks for it any more."""

    id: str


class Page(msgspec.Struct, frozen=True):
    """An answer from the store to "what of yours is not covered by this vector?", in the order of (stamp, id).

    When `more` is false, `upto` tells for each stream how far the page and the asked vector together are complete; when
    it is true, ask again with the vector raised by `upto`.

    `behind`, if it is not empty: more is here behind gaps than went into the page; ask again with it.
    """

    entries: tuple[Entry, ...]
    upto: Mapping[Stream, int]
    more: bool
    behind: Mapping[Stream, int] = {}
    left: Mapping[Stream, tuple[tuple[int, int], ...]] = {}
    """Of what was `Wanted`: what is here and did not go into the page, by the first and last numbers of runs."""
    reached: tuple[int, EntryId | None] | None = None
    """Of what was looked for in the past: up to which stamp and id, if there is more to look at beyond that."""
    unindexed: int | None = None
    """How many activities the index has not come to, about; None: there is no index."""


class Fetch(msgspec.Struct, frozen=True):
    """A question to the store: entries beyond `seen`.

    Of what is behind gaps, which a vector cannot cover, those up to the numbers of `behind` have been read already.

    With `newest`, only that many of the newest activities are wanted, still in ascending order. `kinds` restricts what
    is returned. A page ends at `entries_max` entries or about `bytes_max` bytes of bodies, whichever is first, and has
    at least one entry when there is any.
    """

    seen: Mapping[Stream, int]
    kinds: tuple[Kind, ...] = ("activity", "account")
    newest: int | None = None
    entries_max: int = 500
    bytes_max: int = SERVER_LINE_BYTES_MAX // 4
    behind: Mapping[Stream, int] = {}


class Wanted(msgspec.Struct, frozen=True):
    """A question to the store: these entries, as far as they are here, in the order of (stamp, id).

    A page ends at about `bytes_max` bytes of bodies, and has at least one entry when there is any.
    """

    runs: Mapping[Stream, tuple[tuple[int, int], ...]]
    """For each stream the first and the last number of each run."""
    bytes_max: int = SERVER_LINE_BYTES_MAX // 4


def encode_vector(vector: Mapping[Stream, int]) -> dict[str, int]:
    """A vector as it travels: stream texts to numbers."""
    return {str(stream): upto for stream, upto in vector.items()}


def decode_vector(vector: Mapping[str, int]) -> dict[Stream, int]:
    """Read a vector from the wire. Raises ValueError."""
    decoded: dict[Stream, int] = {}
    for text, upto in vector.items():
        if not 0 <= upto <= COUNTER_MAX:
            raise ValueError("not a version vector: a number is out of range")
        decoded[parse_stream(text)] = upto
    return decoded
