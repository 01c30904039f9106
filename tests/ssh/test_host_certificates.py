"""One line of known_hosts lets a person in at every server of a network, and at nobody else's."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import sqlite3
import subprocess
from collections.abc import Iterable

import asyncssh
import pytest

from core.node.interface.actions import Advertise
from core.store.identity import KEY_SETTING
from core.store.kept_network_setting import read_network
from core.wire import Address
from tests.ssh.conftest import Place, serving
from tui.ssh.host_certificate import authority_key, principals, public_text
from tui.text.invitation import known_hosts_line


def line_for(place: Place, *others: Place) -> str:
    """What the first place shows, for itself and for others."""
    authority = place.node.snapshot().ssh_authority
    return known_hosts_line([("127.0.0.1", one.port) for one in (place, *others)], authority)


async def come(place: Place, known: str, *options: str) -> tuple[int, str]:
    """A real client that asks nobody, and knows one line: exit status, and what it complains of."""
    file = place.directory / f"known-{os.urandom(4).hex()}"
    file.write_text(f"{known}\n")
    status, _, errors = await place.run(
        "anonymous",
        "help",
        options=("-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={file}", *options)
        + ("-o", "GlobalKnownHostsFile=/dev/null", "-o", "LogLevel=INFO", "-o", "UpdateHostKeys=no"),
    )
    return status, errors


async def share_authority(*places: Place) -> None:
    """Wait until all are of one network, and certified by it."""
    first = places[0]
    await first.until(lambda: all(len(one.node.snapshot().servers) == len(places) for one in places))
    await first.until(lambda: len({one.node.snapshot().ssh_authority for one in places}) == 1)


async def test_one_line_lets_in_at_two_servers_of_a_network_and_not_at_a_stranger(tmp_path):
    for name in ("first", "second", "stranger"):
        (tmp_path / name).mkdir()
    async with (
        serving(tmp_path / "first") as first,
        serving(tmp_path / "second", join=first.node.address) as second,
        serving(tmp_path / "stranger") as stranger,
    ):
        await share_authority(first, second)
        line = line_for(first, second, stranger)
        assert (await come(first, line))[0] == 0
        assert (await come(second, line))[0] == 0
        status, complaint = await come(stranger, line)
        assert status == 255 and "Host key verification failed" in complaint
        # The line names places: the same server is not known at another one.
        status, complaint = await come(second, line_for(first))
        assert status == 255 and "Host key verification failed" in complaint


async def test_of_two_networks_that_become_one_the_authority_goes_on_that_was_there_first(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    async with serving(tmp_path / "first") as first, serving(tmp_path / "second") as second:
        stays, goes = (one.node.ssh_authority for one in (first, second))
        assert stays != goes
        second.node.join(first.node.address)
        await share_authority(first, second)
        assert first.node.ssh_authority == second.node.ssh_authority == stays
        line = line_for(first, second)
        assert (await come(second, line))[0] == 0, "whoever comes after that is shown a certificate of the network"
    async with serving(tmp_path / "second") as second:
        assert second.node.ssh_authority == stays, "a later start finds it"


async def test_a_host_key_that_was_made_anew_is_known_by_the_same_line(tmp_path):
    async with serving(tmp_path) as place:
        fingerprint, authority = place.ssh.fingerprint, place.node.snapshot().ssh_authority
        (place.node.settings.data_dir / "ssh-host-key").unlink()
    async with serving(tmp_path) as place:
        assert place.ssh.fingerprint != fingerprint
        assert place.node.snapshot().ssh_authority == authority
        assert (await come(place, line_for(place)))[0] == 0


async def test_who_knows_no_authority_is_shown_the_host_key_as_ever(place: Place):
    plain = await asyncssh.get_server_host_key("127.0.0.1", place.port, server_host_key_algs=["ssh-ed25519"])
    assert plain is not None
    assert (await come(place, f"[127.0.0.1]:{place.port} {public_text(plain)}"))[0] == 0


async def test_the_status_shows_the_line(place: Place):
    status, output, _ = await place.run("anonymous", "status")
    assert status == 0
    assert f"over SSH: ssh -p {place.port} NAME@127.0.0.1" in output
    assert f"in ~/.ssh/known_hosts: {line_for(place)}" in output


async def certificate_of(place: Place) -> str:
    """What the server shows who asks for a certificate, in the words of ssh-keygen."""

    def look() -> str:
        scan = ("ssh-keyscan", "-c", "-p", str(place.port), "127.0.0.1")
        shown = subprocess.run(scan, capture_output=True, check=False, timeout=20).stdout
        [line] = [line for line in shown.splitlines() if b"-cert-v01@openssh.com" in line]
        file = place.directory / "cert.pub"
        file.write_bytes(line[line.index(b"ssh-ed25519-cert") :])
        return subprocess.run(["ssh-keygen", "-L", "-f", str(file)], capture_output=True, check=True).stdout.decode()

    return await asyncio.to_thread(look)


async def test_the_certificate_names_where_the_server_is_reached_and_has_no_end(place: Place):
    shown = await certificate_of(place)
    assert "host certificate" in shown and "Valid: forever" in shown
    assert "127.0.0.1" in shown and "localhost" in shown and place.node.node_id in shown


async def test_a_place_that_is_not_in_the_certificate_is_refused(place: Place):
    """Somebody else's name in known_hosts does not make a member of the network its host."""
    line = known_hosts_line([("bank.example", 22)], place.node.snapshot().ssh_authority)
    status, complaint = await come(place, line, "-o", "HostKeyAlias=bank.example")
    assert status == 255 and "name is not a listed principal" in complaint


async def test_another_address_is_certified_as_soon_as_the_machine_has_it(place: Place):
    line = line_for(place)
    assert (await come(place, line))[0] == 0
    # As when the machine gets another one: 127.0.0.2 is this machine's as well, and was nobody's to reach it by.
    place.node._advertise(Advertise(Address("127.0.0.1", place.node.address.port), ("127.0.0.2", "lund.example")))
    shown = await certificate_of(place)
    assert "127.0.0.2" in shown and "lund.example" in shown
    assert (await come(place, line))[0] == 0


# --- the line and the names -------------------------------------------------------------------------------------------


def test_the_line_names_hosts_with_their_ports_and_nothing_else():
    key = public_text(authority_key(bytes(32)))
    places = [("Lund.Example", 3722), ("192.0.2.7", 22), ("2001:db8::1", 3722), ("lund.example", 3722)]
    line = known_hosts_line(places, key)
    assert line == f"@cert-authority [lund.example]:3722,192.0.2.7,[2001:db8::1]:3722 {key}"
    assert key.startswith("ssh-ed25519 AAAA") and key.count(" ") == 1


@pytest.mark.parametrize("host", ["*", "*.example", "a,github.com", "!x", "a b", "a\nb", "?", "", "|1|x", "#"])
def test_no_host_can_be_a_pattern_or_begin_another_line(host: str):
    with pytest.raises(ValueError, match="no host"):
        known_hosts_line([(host, 3722)], "ssh-ed25519 AAAA")


@pytest.mark.parametrize(
    ("listens", "reached", "names"),
    [
        ("", ["2001:db8::1"], {"2001:db8::1", "lund", "lund.example", "localhost", "127.0.0.1", "::1"}),
        ("127.0.0.1", ["127.0.0.1"], {"127.0.0.1", "localhost", "::1"}),
        ("192.0.2.9", ["chat.example"], {"192.0.2.9", "chat.example"}),
        ("0.0.0.0", ["*"], {"lund", "lund.example", "localhost", "127.0.0.1", "::1"}),
    ],
)  # fmt: skip
def test_a_certificate_names_what_the_server_is_reached_by(listens: str, reached: Iterable[str], names: set[str]):
    assert set(principals(listens, reached, "Lund.example")) == names


async def test_the_authority_is_drawn_once_kept_and_is_no_other_key_of_the_server(tmp_path):
    async with serving(tmp_path) as place:
        seed = place.node.ssh_authority
        network = await place.node._store_thread().call(read_network)
        identity = await place.node._store_thread().call(lambda store: store.get_setting(KEY_SETTING))
        assert network is not None and identity is not None
        assert len({seed, network.seed, base64.b64decode(identity)}) == 3 and network.ssh == seed
        assert repr(seed) not in repr(network)
    async with serving(tmp_path) as place:
        assert place.node.ssh_authority == seed
    (tmp_path / "other").mkdir()
    async with serving(tmp_path / "other") as other:
        assert other.node.ssh_authority != seed


async def test_a_backup_holds_the_authority(tmp_path):
    async with serving(tmp_path) as place:
        seed = place.node.ssh_authority
        backup = await place.node.backup_now()
    with contextlib.closing(sqlite3.connect(backup)) as connection:
        [(kept,)] = connection.execute("SELECT value FROM settings WHERE name = 'network_key'")
    assert base64.b64encode(seed).decode() in kept
