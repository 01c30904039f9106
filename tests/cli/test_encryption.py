"""A server with a certificate, and the clients that trust who signed it."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.cli.program import Node, Program, running_node


def make_certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    files = directory / "certificate.pem", directory / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


@pytest.fixture
def encrypted(program: Program, tmp_path: Path) -> Iterator[tuple[Node, Path]]:
    certificate, key = make_certificate(tmp_path)
    flags = ("--tls-certificate", str(certificate), "--tls-key", str(key), "--tls-authority", str(certificate))
    with running_node(program, tmp_path / "data", *flags) as node:
        yield node, certificate


def test_a_client_that_trusts_the_certificate_gets_through(program: Program, encrypted: tuple[Node, Path]) -> None:
    node, certificate = encrypted
    node.log.wait("connections are encrypted")
    assert program.run("post", node.address, "sealed", "--tls-authority", str(certificate)).status == 0
    variables = {"ACTIVITY_TUI_TLS_AUTHORITY": str(certificate)}
    assert "sealed" in program.run("tail", node.address, "--since", "1", "--no-follow", variables=variables).out


@pytest.mark.parametrize(
    ("flags", "said"),
    [(("--tls",), "its certificate is not trusted: self"), ((), "cannot be reached: ")],
    ids=["strange certificate", "in the clear"],
)
def test_a_client_that_does_not_is_told_that_it_cannot_reach_the_network(
    program: Program, encrypted: tuple[Node, Path], flags: tuple[str, ...], said: str
) -> None:
    ended = program.run("post", encrypted[0].address, "x", "--timeout", "5", *flags)
    assert ended.status == 3
    assert ended.out == ""
    assert said in ended.err
    assert "encrypt (--tls, --tls-authority), or none does" in ended.err


def test_a_client_that_encrypts_is_told_that_the_server_does_not(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "data") as node:
        ended = program.run("post", node.address, "x", "--tls")
    assert ended.status == 3
    assert "perhaps it does not encrypt" in ended.err


def test_two_servers_link_over_encrypted_connections(
    program: Program, encrypted: tuple[Node, Path], tmp_path: Path
) -> None:
    first, certificate = encrypted
    flags = ("--tls-certificate", str(certificate), "--tls-key", str(tmp_path / "key.pem"))
    with running_node(
        program, tmp_path / "b", *flags, "--tls-authority", str(certificate), join=first.address
    ) as second:
        second.log.wait("linked")


def test_a_certificate_that_cannot_be_used_is_status_2(program: Program, tmp_path: Path) -> None:
    certificate, _ = make_certificate(tmp_path)
    ended = program.run(
        *("serve", "--headless", "--host", "127.0.0.1", "--port", "0", "--data-dir", str(tmp_path / "d")),
        *("--tls-certificate", str(certificate), "--tls-key", str(certificate)),
    )
    assert ended.status == 2
    assert str(certificate) in ended.err


def test_an_authority_that_cannot_be_used_is_status_2(program: Program, tmp_path: Path) -> None:
    ended = program.run("status", "127.0.0.1:1", "--tls-authority", str(tmp_path / "none.pem"))
    assert ended.status == 2
    assert "none.pem" in ended.err
