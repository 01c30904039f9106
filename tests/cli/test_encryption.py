"""A server with a certificate, and the clients that trust who signed it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import certificate
from tests.cli.program import Node, Program, running_node


@pytest.fixture
def encrypted(program: Program, tmp_path: Path) -> Iterator[tuple[Node, Path]]:
    files = certificate(tmp_path)
    flags = ("--tls-certificate", str(files.certificate), "--tls-key", str(files.key))
    with running_node(program, tmp_path / "data", *flags, "--tls-authority", str(files.authority)) as node:
        yield node, files.certificate


def test_a_client_that_trusts_the_certificate_gets_through(program: Program, encrypted: tuple[Node, Path]) -> None:
    node, authority = encrypted
    node.log.wait("connections are encrypted")
    assert program.run("post", node.address, "sealed", "--tls-authority", str(authority)).status == 0
    variables = {"ACTIVITY_TUI_TLS_AUTHORITY": str(authority)}
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
    first, authority = encrypted
    flags = ("--tls-certificate", str(authority), "--tls-key", str(tmp_path / "key.pem"))
    with running_node(program, tmp_path / "b", *flags, "--tls-authority", str(authority), join=first.address) as second:
        second.log.wait("linked")


def test_a_certificate_that_cannot_be_used_is_status_2(program: Program, tmp_path: Path) -> None:
    authority = certificate(tmp_path).certificate
    ended = program.run(
        *("serve", "--headless", "--host", "127.0.0.1", "--port", "0", "--data-dir", str(tmp_path / "d")),
        *("--tls-certificate", str(authority), "--tls-key", str(authority)),
    )
    assert ended.status == 2
    assert str(authority) in ended.err


def test_an_authority_that_cannot_be_used_is_status_2(program: Program, tmp_path: Path) -> None:
    ended = program.run("status", "127.0.0.1:1", "--tls-authority", str(tmp_path / "none.pem"))
    assert ended.status == 2
    assert "none.pem" in ended.err
