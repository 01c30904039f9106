"""What a server shows of itself: OpenSSL knows it, and whoever knows a fingerprint does."""

from __future__ import annotations

import random
import secrets
import ssl
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from core.certificates.leaf import NotALeaf, ShownLeaf, authority, make_leaf, read_leaf
from core.certificates.network_key import NetworkKey, fingerprint, is_fingerprint
from core.certificates.succession import succeed
from core.wire.ed25519 import Ed25519Signer
from core.wire.server_keys import certified_id

SEED = bytes(range(32))
SERVER = bytes(range(32, 64))
NETWORK = NetworkKey(SEED)


def shown(network: NetworkKey = NETWORK, seed: bytes = SERVER) -> bytes:
    return ssl.PEM_cert_to_DER_cert(make_leaf(network, seed).certificate)


def test_a_fingerprint_is_26_characters_that_stand_for_the_public_key_alone() -> None:
    assert fingerprint(NETWORK.public) == NETWORK.fingerprint
    assert is_fingerprint(NETWORK.fingerprint)
    assert NetworkKey(SERVER).fingerprint != NETWORK.fingerprint
    assert not is_fingerprint(NETWORK.fingerprint + "a")
    assert not is_fingerprint(NETWORK.fingerprint.upper())


def test_a_network_key_is_printed_without_its_secret() -> None:
    assert SEED.hex() not in repr(NETWORK)
    assert repr(SEED)[2:-1] not in repr(NETWORK)


def test_a_leaf_tells_the_network_and_the_server() -> None:
    leaf = read_leaf(shown())
    assert leaf == ShownLeaf(NETWORK.public, Ed25519Signer(SERVER).key)
    assert leaf.is_of(NETWORK.fingerprint)
    assert not leaf.is_of(NetworkKey(SERVER).fingerprint)


def test_a_leaf_is_the_same_each_time_that_it_is_made() -> None:
    assert make_leaf(NETWORK, SERVER) == make_leaf(NetworkKey(SEED), SERVER)


@pytest.mark.parametrize("successions", [0, 1, 2, 8])
def test_a_reader_of_certificates_finds_in_a_leaf_what_it_was_made_of(successions: int) -> None:
    before = tuple(succeed(NetworkKey(secrets.token_bytes(32)), NETWORK.public) for _ in range(successions))
    made = make_leaf(NETWORK, SERVER, before)
    certificate = x509.load_pem_x509_certificate(made.certificate.encode())
    assert certificate.subject.rfc4514_string() == f"CN={certified_id(Ed25519Signer(SERVER).key)}"
    assert certificate.issuer.rfc4514_string() == f"CN={NETWORK.fingerprint}"
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority(NETWORK).encode()))
    own = x509.ObjectIdentifier("2.25.47334706141875650401299155666099295926")
    extension = certificate.extensions.get_extension_for_oid(own)
    assert not extension.critical
    assert isinstance(extension.value, x509.UnrecognizedExtension)
    packed = b"".join(one.old + one.new + one.signature for one in before)
    assert extension.value.value.endswith(NETWORK.public + packed)
    assert certificate.not_valid_before_utc.year == 1970
    assert certificate.not_valid_after_utc.year == 9999
    private = load_pem_private_key(made.key.encode(), None)
    assert isinstance(private, Ed25519PrivateKey)
    assert private.private_bytes_raw() == SERVER
    assert read_leaf(ssl.PEM_cert_to_DER_cert(made.certificate)).successions == before


@pytest.mark.parametrize("purpose", ["sslclient", "sslserver"])
def test_openssl_knows_a_leaf_by_the_networks_certificate_and_no_other(tmp_path: Path, purpose: str) -> None:
    leaf, own, other = tmp_path / "leaf.pem", tmp_path / "own.pem", tmp_path / "other.pem"
    leaf.write_text(make_leaf(NETWORK, SERVER).certificate)
    own.write_text(authority(NETWORK))
    other.write_text(authority(NetworkKey(SERVER)))
    command = ["openssl", "verify", "-x509_strict", "-check_ss_sig", "-purpose", purpose, "-CAfile"]
    assert subprocess.run([*command, own, leaf], capture_output=True, check=False).returncode == 0
    assert subprocess.run([*command, other, leaf], capture_output=True, check=False).returncode != 0


def test_a_leaf_that_another_key_has_signed_is_none() -> None:
    """Whoever knows a fingerprint knows the network's public key soon: it is in each leaf."""
    forged = bytearray(shown())
    forged[-64:] = NetworkKey(SERVER).sign(bytes(forged[4:-74]))
    with pytest.raises(NotALeaf):
        read_leaf(bytes(forged))


def test_another_servers_key_under_the_same_signature_is_none() -> None:
    taken = shown().replace(Ed25519Signer(SERVER).key, Ed25519Signer(SEED).key)
    with pytest.raises(NotALeaf):
        read_leaf(taken)


def test_no_single_bit_of_a_leaf_may_be_another() -> None:
    whole = shown()
    for place in range(len(whole) * 8):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises(NotALeaf):
            read_leaf(bytes(flipped))


def test_what_is_no_leaf_is_none_whatever_it_is() -> None:
    rng, whole = random.Random(1), shown()
    pieces = [b"", whole[:-1], whole + b"\0", whole[4:], ssl.PEM_cert_to_DER_cert(authority(NETWORK))]
    pieces += [rng.randbytes(size) for size in (1, len(whole), len(whole) + 133, 5000)]
    for piece in pieces:
        with pytest.raises(NotALeaf):
            read_leaf(piece)
