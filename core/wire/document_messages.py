"""The messages about documents of accounts: between servers, and with the client whose account it is."""

# Annotations are evaluated as they stand: as texts, the decoder would compile each of them again at every start.
from typing import Annotated, Final

import msgspec

from core.wire.account_documents import CLAIM_CHARACTERS_MAX
from core.wire.base_messages import Counter, Identifier, Message, Print, Sum
from core.wire.server_keys import PublicKey, Signature

BUCKETS: Final = 256
"""Into so many the places of documents are divided where two servers compare what they have."""
PLACE_CHARACTERS: Final = 32
"""Of a document's place, in hexadecimal."""
LISTED_MAX: Final = 512
"""Versions of documents in one list."""
WANTED_MAX: Final = 32
"""Documents that are asked for at once: of the longest a quarter of a megabyte."""
AccountClaim = Annotated[str, msgspec.Meta(min_length=1, max_length=CLAIM_CHARACTERS_MAX)]


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
