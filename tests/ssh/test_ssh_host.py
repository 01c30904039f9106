"""The command that the SSH event names comes in where SSH listens."""

from __future__ import annotations

import asyncio
import re
import socket
from pathlib import Path

import asyncssh
import pytest

from core.engine import EngineSettings, Server
from core.wire import Address
from tui.ssh.ssh_host import ssh_host
from tui.ssh.ssh_server import SSHServer
from tui.ssh.ssh_settings import SSHSettings


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "0.0.0.0", "::", "localhost", ""])
@pytest.mark.parametrize("advertised", ["192.0.2.2", "127.0.0.1"])
async def test_the_command_of_the_event_comes_in(tmp_path: Path, host: str, advertised: str) -> None:
    if advertised != "127.0.0.1" and host in ("0.0.0.0", "::", ""):
        pytest.skip("the address that is made up here is not this machine's")
    if ":" in host and not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    node = Server(
        EngineSettings(
            data_dir=tmp_path, host="127.0.0.1", port=0, secret="s", preset="local", advertise=Address(advertised, 0)
        )
    )
    await node.start()
    ssh = SSHServer(node, SSHSettings(host, 0, tmp_path))
    try:
        await ssh.start()
        said = next(notice.text for notice in node.notices if notice.text.startswith("SSH at "))
        command = re.search(r"come in with: ssh -p (\d+) NAME@(\S+)$", said)
        assert command is not None, said
        async with asyncio.timeout(20):
            async with asyncssh.connect(
                command[2], int(command[1]), username="anonymous", known_hosts=None, config=None, client_keys=None
            ) as connection:
                assert (await connection.run("help")).exit_status == 0
    finally:
        await ssh.close("the test is over")
        await node.abort()


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as tried:
            tried.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("listens", "advertised", "found_at"),
    [
        (["0.0.0.0", "::"], "192.0.2.2", "192.0.2.2"),
        (["0.0.0.0"], "192.0.2.2", "192.0.2.2"),
        (["0.0.0.0"], "2001:db8::2", "127.0.0.1"),
        (["::"], "192.0.2.2", "::1"),
        (["192.0.2.2"], "192.0.2.2", "192.0.2.2"),
        (["192.0.2.7"], "192.0.2.2", "192.0.2.7"),
        (["192.0.2.7"], "127.0.0.1", "192.0.2.7"),
        (["::1"], "2001:db8::2", "::1"),
        (["127.0.0.1", "::1"], "192.0.2.2", "127.0.0.1"),
    ],
)
def test_an_address_that_was_found_out_is_named_only_if_ssh_listens_there(
    listens: list[str], advertised: str, found_at: str
) -> None:
    assert ssh_host(listens, advertised, asked_for=False) == found_at


@pytest.mark.parametrize(
    ("listens", "advertised", "found_at"),
    [
        (["10.0.0.5"], "192.0.2.2", "192.0.2.2"),
        (["10.0.0.5"], "example.org", "example.org"),
        (["127.0.0.1"], "example.org", "127.0.0.1"),
        (["10.0.0.5"], "localhost", "10.0.0.5"),
        (["127.0.0.1"], "localhost", "localhost"),
        (["0.0.0.0", "::"], "localhost", "localhost"),
    ],
)
def test_an_address_that_was_asked_for_may_lead_elsewhere_but_not_to_the_loopback(
    listens: list[str], advertised: str, found_at: str
) -> None:
    assert ssh_host(listens, advertised, asked_for=True) == found_at
