"""With which algorithms the server lets itself be spoken to, and with which a client may prove who it is."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any

import asyncssh
import pytest
from asyncssh.packet import SSHPacket

from tests.ssh.conftest import SECRET, Place
from tui.ssh.algorithms import CIPHERS, KEX, MACS, RSA_BITS_MIN, SIGNATURES, signature_weakness
from tui.ssh.remote_people.public_keys import key_of

NOT_FOR_CHOICE = {"ext-info-s", "kex-strict-s-v00@openssh.com"}
"""Among the key exchanges, what only says that a server knows extensions (RFC 8308), and the strict exchange."""


def test_no_algorithm_uses_sha_1_or_a_mac_of_what_is_not_encrypted():
    for names in (KEX, CIPHERS, MACS, SIGNATURES):
        assert not [name for name in names if "sha1" in name or name in ("ssh-rsa", "ssh-dss") or "cbc" in name]
    assert all(name.endswith("-etm@openssh.com") for name in MACS)


async def offered(port: int) -> dict[str, list[str]]:
    """What a server offers to somebody of whom it knows nothing (RFC 4253, 7.1)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(10):
        writer.write(b"SSH-2.0-reader\r\n")
        await reader.readuntil(b"\r\n")
        length = int.from_bytes(await reader.readexactly(4), "big")
        packet = SSHPacket((await reader.readexactly(length))[1:])
    writer.close()
    packet.get_bytes(1 + 16)
    kinds = (
        "kex",
        "host keys",
        "ciphers in",
        "ciphers out",
        "macs in",
        "macs out",
        "compression in",
        "compression out",
    )
    return {kind: [name.decode() for name in packet.get_namelist()] for kind in kinds}


async def test_nothing_is_offered_that_is_not_on_the_lists_whatever_asyncssh_knows(place: Place):
    names = await offered(place.port)
    assert set(names["kex"]) - NOT_FOR_CHOICE <= set(KEX)
    assert "curve25519-sha256" in names["kex"]
    assert set(names["host keys"]) <= {"ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com"}
    for way in ("in", "out"):
        assert names[f"ciphers {way}"] == list(CIPHERS)
        assert names[f"macs {way}"] == list(MACS)
        assert names[f"compression {way}"] == ["none"]


async def test_ssh_audit_finds_nothing_but_key_exchanges_that_are_for_clients_of_yesterday(place: Place):
    """What is left came after them, and clients of today take one that is proof against quantum computers first."""
    audit = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ssh_audit.ssh_audit", "--skip-rate-test", "-j", f"127.0.0.1:{place.port}"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    async with asyncio.timeout(50):
        output, _ = await audit.communicate()
    report = json.loads(output)
    assert report["cves"] == []
    found = {
        (kind, one["algorithm"], grade, finding)
        for kind in ("kex", "key", "enc", "mac")
        for one in report[kind]
        for grade in ("fail", "warn")
        for finding in one["notes"].get(grade, ())
    }
    late = "does not provide protection against post-quantum attacks"
    assert {(kind, grade, finding) for kind, _, grade, finding in found} <= {("kex", "warn", late)}
    # The oldest asyncssh and cryptography that are allowed have none.
    if b"mlkem768x25519-sha256" in asyncssh.kex.get_kex_algs():
        assert {one["algorithm"] for one in report["kex"]} - {name for _, name, _, _ in found} - NOT_FOR_CHOICE


# --- clients' keys ----------------------------------------------------------------------------------------------------


class TalkedTo(asyncssh.SSHClient):
    """A client that keeps what it is told while it logs in."""

    told: list[str]

    def auth_banner_received(self, msg: str, lang: str) -> None:
        self.told.append(msg)


async def come(place: Place, key: asyncssh.SSHKey, algorithm: str = "", **options: Any) -> tuple[str, str]:
    """Whether grace gets in with a key of hers, and what she is told on the way.

    `algorithm`: with what her client signs, whatever the server has said that it takes.
    """
    fact = place.node.account("grace")
    assert fact is not None
    await place.ssh.keyring.bind(fact.claim, key_of(key))
    client = TalkedTo()
    client.told = []
    [pair] = asyncssh.load_keypairs([key])
    if algorithm:
        pair.set_sig_algorithm(algorithm.encode())
        pair.sig_algorithms = (algorithm.encode(),)
        options["signature_algs"] = [algorithm]
    try:
        async with await place.connect("grace", client_keys=[pair], client_factory=lambda: client, **options) as conn:
            result = await conn.run("keys")
        return ("in" if result.exit_status == 0 else "lost"), "".join(client.told)
    except asyncssh.PermissionDenied:
        return "refused", "".join(client.told)


SIGNED_BY = {
    name: made
    for made in ("ssh-dss", "ssh-rsa", "ecdsa-sha2-nistp256", "ssh-ed25519", "ssh-ed448", "ecdsa-sha2-1.3.132.0.10")
    for name in ([made] if made != "ssh-rsa" else [alg.decode() for alg in asyncssh.rsa.RSAKey.sig_algorithms])
}
"""Signature algorithms that asyncssh knows, each with the kind of key that it takes."""


@pytest.mark.parametrize("algorithm", SIGNED_BY)
async def test_a_key_opens_the_account_only_with_a_signature_on_the_list(place: Place, algorithm: str):
    await place.register("grace")
    key = asyncssh.generate_private_key(SIGNED_BY[algorithm])
    fate, told = await come(place, key, algorithm)
    assert fate == ("in" if algorithm in SIGNATURES else "refused")
    assert bool(told) == (fate == "refused")


async def test_who_signs_with_sha_1_is_told_why_and_so_are_the_events(place: Place):
    await place.register("grace")
    key = asyncssh.generate_private_key("ssh-rsa")
    fate, told = await come(place, key, "ssh-rsa")
    assert fate == "refused" and "the client signs with SHA-1 (ssh-rsa)" in told and "ssh-keygen -t ed25519" in told
    await place.until(lambda: not place.ssh._connections)
    assert any("as grace failed: the client signs with SHA-1" in notice.text for notice in place.node.notices)
    # The same key, by the same client, with SHA-2.
    assert await come(place, key, "rsa-sha2-256") == ("in", "")
    # A real client of today chooses that by itself.
    file = place.directory / "rsa"
    file.touch(mode=0o600)
    file.write_bytes(key.export_private_key())
    assert (await place.run("grace", "keys", key="rsa"))[0] == 0


async def test_who_comes_with_a_dsa_key_is_told_why_and_so_are_the_events(place: Place):
    await place.register("grace")
    fate, told = await come(place, asyncssh.generate_private_key("ssh-dss"), "ssh-dss")
    assert fate == "refused" and "DSA keys (ssh-dss) are too short" in told
    await place.until(lambda: not place.ssh._connections)
    assert any("as grace failed: DSA keys" in notice.text for notice in place.node.notices)


async def test_a_short_rsa_key_is_refused(place: Place):
    await place.register("grace")
    fate, told = await come(place, asyncssh.generate_private_key("ssh-rsa", key_size=RSA_BITS_MIN - 512))
    assert fate == "refused" and "2048 bits at least, and that one has 1536" in told


async def test_who_is_refused_with_a_weak_key_can_come_in_with_the_secret(place: Place):
    await place.register("grace")
    fate, told = await come(place, asyncssh.generate_private_key("ssh-dss"), "ssh-dss", password=SECRET)
    assert fate == "in" and "DSA" in told


async def test_a_newcomer_gets_no_name_with_a_weak_key(place: Place):
    key = asyncssh.generate_private_key("ssh-dss")
    with pytest.raises(asyncssh.PermissionDenied):
        await place.connect("newcomer", client_keys=[key], signature_algs=["ssh-dss"])


async def test_a_weak_key_is_not_bound(place: Place):
    await place.register("grace", key="grace")
    weak = asyncssh.generate_private_key("ssh-dss").export_public_key().decode()
    status, _, errors = await place.run("grace", "keys", "add", "-", key="grace", given=weak.encode())
    assert status == 2 and "that key cannot be bound: DSA keys" in errors
    assert place.keys("grace") == ["grace"]


def test_a_signature_that_cannot_be_read_proves_nothing():
    for signature in (b"", b"\xff\xff\xff\xff", b"\0\0\0\x09ssh-weird"):
        assert signature_weakness(signature) is not None
