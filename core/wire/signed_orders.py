"""Orders: what operators have decided, signed by them, as it is kept and passed on.

An order stands in the log for good, as a change of the account under which its operator was logged in. Whether it is
heeded is another question (`core.node.orders`): anybody can sign something.
"""

# Annotations are evaluated as they stand, as in `core.wire.messages`.
import base64
import binascii
from typing import Annotated, Final

import msgspec

from core.wire.entries import COUNTER_MAX, KeyChange
from core.wire.limits import KEY_CHARACTERS_MAX, NAME_CHARACTERS_MAX
from core.wire.server_keys import PublicKey, Signature
from core.wire.signing import KEY_BYTES, Signer, Verifier

ORDER_KEY_TYPE: Final = "order@activity-tui"
"""The type of what is no key but an order."""
ORDER_ID_CHARACTERS: Final = 24
"""120 bits: nobody finds two orders with one id, of which they would show one now and the other later."""
BECAUSE_CHARACTERS_MAX: Final = 200
_SSH_KIND: Final = b"ssh-ed25519"
_SSH_BEGIN: Final = len(_SSH_KIND).to_bytes(4, "big") + _SSH_KIND + KEY_BYTES.to_bytes(4, "big")
"""Before the key itself, in what OpenSSH writes in base 64 (RFC 8709)."""
WORDS_MAX: Final = 96
"""Most words of one order: so many ids of others it can name."""
ORDER_BYTES_MAX: Final = (KEY_CHARACTERS_MAX - len(ORDER_KEY_TYPE) - 1) // 4 * 3
"""Longest order with its signature: what older servers take for a public key has no more."""

_Name = Annotated[str, msgspec.Meta(max_length=NAME_CHARACTERS_MAX)]


class Order(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What an operator has decided. `core.node.orders.order_kinds` says what each kind does.

    `network` is the founder of the network that it is meant for, so that it is none in another one; empty where nobody
    knows who founded it. `stamp` is hybrid logical time. `by` is what the operator calls themselves, `name` what the
    target was called then, and `because` what those it concerns are told.
    """

    network: Annotated[str, msgspec.Meta(max_length=64)]
    key: PublicKey
    """Who has signed it."""
    stamp: Annotated[int, msgspec.Meta(ge=0, le=COUNTER_MAX)]
    kind: Annotated[str, msgspec.Meta(max_length=32)]
    target: Annotated[str, msgspec.Meta(max_length=160)]
    by: _Name = ""
    name: _Name = ""
    words: Annotated[tuple[Annotated[str, msgspec.Meta(max_length=160)], ...], msgspec.Meta(max_length=WORDS_MAX)] = ()
    """More about the target, as the kind has it."""
    because: Annotated[str, msgspec.Meta(max_length=BECAUSE_CHARACTERS_MAX)] = ""

    @property
    def id(self) -> str:
        """Names the order for ever: a digest of all that it says."""
        import hashlib  # Not all who know the wire need it, and it takes a while.

        digest = hashlib.blake2b(order_bytes(self), digest_size=ORDER_ID_CHARACTERS * 5 // 8, person=b"activity order")
        return base64.b32encode(digest.digest()).decode("ascii").lower()


class SignedOrder(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An order, and what proves that its operator has given it."""

    order: Order
    signature: Signature

    def is_signed(self, verifier: Verifier) -> bool:
        """Whether whoever has the private key has signed it."""
        return verifier.fits(self.signature, self.order.key, order_digest(self.order))


class ListedOrder(msgspec.Struct, frozen=True, array_like=True):
    """An order as people are shown it; `undone` is the order that has undone it, if one has."""

    id: str
    order: Order
    undone: str = ""
    used: bool = False
    """Of a code for a lost secret: whether it was used."""


class ListedOperator(msgspec.Struct, frozen=True, array_like=True):
    """An operator as people are shown one."""

    key: bytes
    rank: int
    name: str = ""
    claim: str = ""
    dismissed: bool = False
    is_named_here: bool = False
    """Whether only the settings of the server that tells it name this one."""


_decoder = msgspec.json.Decoder(SignedOrder)


def order_bytes(order: Order) -> bytes:
    """What is said, in the one way in which it is written."""
    return msgspec.json.encode(("activity-tui order", *msgspec.structs.astuple(order)))


def order_digest(order: Order) -> bytes:
    """What its operator signs."""
    import hashlib

    return hashlib.blake2b(order_bytes(order), digest_size=32).digest()


def sign_order(order: Order, signer: Signer) -> SignedOrder:
    """Give an order; its `key` is the signer's. Raises ValueError when it is longer than an order may be."""
    signed = SignedOrder(order, signer.sign(order_digest(order)))
    if len(msgspec.json.encode(signed)) > ORDER_BYTES_MAX:
        raise ValueError(f"an order has at most {ORDER_BYTES_MAX} bytes")
    return signed


def order_as_key(signed: SignedOrder) -> KeyChange:
    """An order in the form in which it is kept and passed on: a key that opens nothing.

    Servers from before orders keep and pass on what they take for a removed key of an unknown type as it is.
    """
    text = base64.b64encode(msgspec.json.encode(signed)).decode("ascii")
    return KeyChange(f"{ORDER_KEY_TYPE} {text}", signed.order.stamp, False, signed.order.id)


def is_order(key: KeyChange) -> bool:
    """Whether what travels as a key says that it is an order."""
    return key.text.startswith(ORDER_KEY_TYPE) and key.text.partition(" ")[0] == ORDER_KEY_TYPE


def order_in_key(key: KeyChange) -> SignedOrder | None:
    """The order that travels as a key; None when it is none, or is not written in the one way in which orders are."""
    if not is_order(key) or key.bound:
        return None
    try:
        return read_order(base64.b64decode(key.text.partition(" ")[2], validate=True))
    except (binascii.Error, ValueError):
        return None


def read_order(data: bytes) -> SignedOrder:
    """Read a signed order. Raises ValueError, with a sentence, for whatever is none."""
    if len(data) > ORDER_BYTES_MAX:
        raise ValueError(f"an order has at most {ORDER_BYTES_MAX} bytes")
    try:
        signed = _decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"not an order: {error}") from None
    if msgspec.json.encode(signed) != data:
        raise ValueError("the order is not written in the one way in which orders are")
    return signed


def operator_fingerprint(key: bytes) -> str:
    """An operator's public key as people compare it: as `ssh-keygen -l` shows a key of type ssh-ed25519."""
    import hashlib

    blob = _SSH_BEGIN + key
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def code_verifier(code: str) -> str:
    """What an order has of a one-time code, in hexadecimal: nobody makes the code of it, for it is random enough."""
    import hashlib

    return hashlib.blake2b(code.strip().lower().encode(), digest_size=32, person=b"activity code").hexdigest()


def shown_key_digest(server: str, at: int, key: bytes) -> bytes:
    """What somebody signs who shows a server that they have a key, at a time in milliseconds since 1970."""
    import hashlib

    text = msgspec.json.encode(["activity-tui operator", server, at, key])
    return hashlib.blake2b(text, digest_size=32).digest()


def written_key(key: bytes) -> str:
    """A public key as an order names it."""
    return base64.b64encode(key).decode("ascii")


def ssh_line(key: bytes) -> str:
    """A public key as OpenSSH writes it, without a comment."""
    return f"ssh-ed25519 {base64.b64encode(_SSH_BEGIN + key).decode('ascii')}"


def read_public_key(text: str) -> bytes | None:
    """The public key of a line as OpenSSH writes it (ssh-ed25519 AAAA… comment); None for whatever is none."""
    kind, _, rest = text.strip().partition(" ")
    begin = _SSH_BEGIN
    try:
        blob = base64.b64decode(rest.split()[0], validate=True) if kind == "ssh-ed25519" and rest.split() else b""
    except (binascii.Error, ValueError):
        return None
    return blob[len(begin) :] if blob.startswith(begin) and len(blob) == len(begin) + KEY_BYTES else None
