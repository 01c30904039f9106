"""What a server shows of itself on an encrypted connection: a certificate of its own, signed with the network's key.

It is a certificate as TLS has them (X.509, RFC 5280; Ed25519 in it, RFC 8410), so that OpenSSL proves that whoever
shows it has its key. The key is the server's identity. The issuer is the network, whose own certificate is `authority`.
Nothing in it runs out: no clock is trusted, and a server whose clock is wrong is let in all the same (RFC 5280, section
4.1.2.5, has a date for that).

Whoever is shown one sees no chain (`ssl` gives none before Python 3.13), and may know no more than a fingerprint. So an
extension of the network's own carries its public key, and from which others it has grown.

There is one form only, byte for byte: whoever has the two public keys can write down everything but the signature. So
what is shown is not parsed. It is written anew and compared, and no reader of X.509 meets what strangers send.
"""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from core.certificates.approval import Approval, read_approval
from core.certificates.network_key import NetworkKey, fingerprint
from core.certificates.succession import succeeds
from core.wire.ed25519 import Ed25519Signer, Ed25519Verifier
from core.wire.kept_network import SUCCESSIONS_MAX, Succession
from core.wire.server_keys import certified_id
from core.wire.signing import KEY_BYTES, SIGNATURE_BYTES

_SUCCESSION_BYTES: Final = 2 * KEY_BYTES + SIGNATURE_BYTES
_SERIAL_BYTES: Final = 16


class NotALeaf(ValueError):
    """A certificate is no server's of any network of ours."""


class Leaf(NamedTuple):
    """What a server shows, and proves itself with; both PEM."""

    certificate: str
    key: str


class ShownLeaf(msgspec.Struct, frozen=True):
    """What somebody has shown, and proved: the public keys of a network and of a server of it."""

    network: bytes
    server: bytes
    successions: tuple[Succession, ...] = ()
    """How other networks' keys have led to this one's."""

    @property
    def fingerprint(self) -> str:
        """The network's."""
        return fingerprint(self.network)

    @property
    def approval(self) -> Approval | None:
        """Whose word it is that the network has this key; None: nobody's who can be made out."""
        return read_approval(self.network, self.successions)

    def is_of(self, known: str, approved: Approval | None = None) -> bool:
        """Whether the network is the one with a known fingerprint, or has taken its place. `approved`: whose word it
        was that the network has that key; then it has no other key than by a later word of theirs."""
        if fingerprint(self.network) == known:
            return True
        if not succeeds(self.network, known, self.successions):
            return False
        shown = self.approval
        return approved is None or (
            shown is not None
            and (shown.operator, shown.tag) == (approved.operator, approved.tag)
            and shown.stamp > approved.stamp
        )


def make_leaf(network: NetworkKey, server_seed: bytes, successions: tuple[Succession, ...] = ()) -> Leaf:
    """The certificate of a server with this private key. Of the successions the latest are in it; behind them may stand
    who has approved of the key (`core.certificates.approval`)."""
    packed = b"".join(one.old + one.new + one.signature for one in successions[-SUCCESSIONS_MAX:])
    body = _leaf_body(network.public, Ed25519Signer(server_seed).key, packed)
    certificate = _signed(body, network.sign(body))
    return Leaf(_pem("CERTIFICATE", certificate), _pem("PRIVATE KEY", _PRIVATE_KEY + server_seed))


def authority(network: NetworkKey) -> str:
    """The network's own certificate, PEM, by which OpenSSL knows those of its servers."""
    body = _authority_body(network.public)
    return _pem("CERTIFICATE", _signed(body, network.sign(body)))


def read_leaf(certificate: bytes) -> ShownLeaf:
    """What a certificate (DER) shows, when the network's key has signed it. Raises NotALeaf."""
    for count in range(SUCCESSIONS_MAX + 1):
        shape = _shape(count)
        if len(certificate) == shape.length:
            break
    else:
        raise NotALeaf("it is no certificate of a server of such a network")
    server = certificate[shape.server : shape.server + KEY_BYTES]
    network = certificate[shape.network : shape.network + KEY_BYTES]
    packed = certificate[shape.network + KEY_BYTES : shape.network + KEY_BYTES + count * _SUCCESSION_BYTES]
    body, signature = _leaf_body(network, server, packed), certificate[-SIGNATURE_BYTES:]
    if _signed(body, signature) != certificate:
        raise NotALeaf("it is no certificate of a server of such a network")
    if not Ed25519Verifier().fits(signature, network, body):
        raise NotALeaf("the network that it names has not signed it")
    pieces = [packed[at : at + _SUCCESSION_BYTES] for at in range(0, len(packed), _SUCCESSION_BYTES)]
    return ShownLeaf(network, server, tuple(_succession(piece) for piece in pieces))


def _succession(packed: bytes) -> Succession:
    return Succession(packed[:KEY_BYTES], packed[KEY_BYTES : 2 * KEY_BYTES], packed[2 * KEY_BYTES :])


class _Shape(NamedTuple):
    """Where what differs is in a certificate."""

    length: int
    server: int
    network: int


@lru_cache(SUCCESSIONS_MAX + 1)
def _shape(successions: int) -> _Shape:
    """That of a certificate with so many successions."""
    network, server = b"\x01" * KEY_BYTES, b"\x02" * KEY_BYTES
    sample = _signed(_leaf_body(network, server, bytes(successions * _SUCCESSION_BYTES)), bytes(SIGNATURE_BYTES))
    return _Shape(len(sample), sample.index(server), sample.rindex(network))


# --- how it is written (DER: ITU-T X.690) -----------------------------------------------------------------------------


def _of(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _sequence(*contents: bytes) -> bytes:
    return _of(0x30, *contents)


def _octets(*contents: bytes) -> bytes:
    return _of(0x04, *contents)


_ED25519: Final = _sequence(b"\x06\x03\x2b\x65\x70")
"""id-Ed25519, 1.3.101.112."""
_VERSION_3: Final = b"\xa0\x03\x02\x01\x02"
_FOR_EVER: Final = _sequence(b"\x17\x0d700101000000Z", b"\x18\x0f99991231235959Z")
_CRITICAL: Final = b"\x01\x01\xff"
_MAY_SIGN_LEAVES: Final = (
    # basicConstraints: an authority, with nobody below its servers; keyUsage: keyCertSign.
    _sequence(b"\x06\x03\x55\x1d\x13", _CRITICAL, _octets(_sequence(b"\x01\x01\xff\x02\x01\x00"))),
    _sequence(b"\x06\x03\x55\x1d\x0f", _CRITICAL, _octets(b"\x03\x02\x02\x04")),
)
_MAY_SIGN: Final = _sequence(b"\x06\x03\x55\x1d\x0f", _CRITICAL, _octets(b"\x03\x02\x07\x80"))
"""keyUsage: digitalSignature."""
_NETWORK_OID: Final = b"\x06\x13\x69\xc7\x9c\xaa\xcc\xc5\xac\xf2\x8c\x8b\xaa\xc2\x99\xa2\x85\x9a\xa3\xad\x36"
"""2.25.47334706141875650401299155666099295926: an identifier that nobody had to be asked for (ITU-T X.667)."""
_PRIVATE_KEY: Final = bytes.fromhex("302e020100300506032b657004220420")
"""What stands before the 32 bytes of a private key (RFC 8410, section 7)."""


def _name(common: str) -> bytes:
    return _sequence(_of(0x31, _sequence(b"\x06\x03\x55\x04\x03", _of(0x0C, common.encode("ascii")))))


def _identifier(public: bytes) -> bytes:
    """What names a key among the extensions."""
    import hashlib

    return hashlib.blake2b(public, digest_size=20, person=b"activity-tui ski").digest()


def _serial(public: bytes) -> bytes:
    """One for each key: a positive number of always the same length."""
    import hashlib

    drawn = hashlib.blake2b(public, digest_size=_SERIAL_BYTES, person=b"activity-tui ser").digest()
    return _of(0x02, bytes((drawn[0] & 0x3F | 0x40,)), drawn[1:])


def _body(issuer: str, subject: str, public: bytes, *extensions: bytes) -> bytes:
    return _sequence(
        _VERSION_3,
        _serial(public),
        _ED25519,
        _name(issuer),
        _FOR_EVER,
        _name(subject),
        _sequence(_ED25519, _of(0x03, b"\x00", public)),
        _of(0xA3, _sequence(*extensions)),
    )


def _authority_body(network: bytes) -> bytes:
    named = _sequence(b"\x06\x03\x55\x1d\x0e", _octets(_octets(_identifier(network))))
    name = fingerprint(network)
    return _body(name, name, network, *_MAY_SIGN_LEAVES, named)


def _leaf_body(network: bytes, server: bytes, packed: bytes) -> bytes:
    by = _sequence(b"\x06\x03\x55\x1d\x23", _octets(_sequence(_of(0x80, _identifier(network)))))
    own = _sequence(_NETWORK_OID, _octets(_octets(network, packed)))
    return _body(fingerprint(network), certified_id(server), server, _MAY_SIGN, by, own)


def _signed(body: bytes, signature: bytes) -> bytes:
    return _sequence(body, _ED25519, _of(0x03, b"\x00", signature))


def _pem(what: str, data: bytes) -> str:
    text = base64.b64encode(data).decode("ascii")
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN {what}-----\n{lines}\n-----END {what}-----\n"
