"""`activity-tui known-hosts`: what a person adds to their known_hosts, and what is kept out of it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec
import pytest

from core.node import NodeSnapshot
from tests.ssh.conftest import Place, serving, start_node
from tests.ssh.test_host_certificates import come, share_authority
from tui.cli.known_hosts_command import _places
from tui.ssh.certified_hosts import NotCertified, prove


async def known_hosts(place: Place, *flags: str) -> tuple[int, str, str]:
    """The command, asking a place: exit status, output, errors."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tui", "known-hosts", str(place.node.address), *flags),
        env={"HOME": str(place.directory), "PATH": "/usr/bin:/bin", "ACTIVITY_TUI_ACCEPT_NEW": "yes"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


async def test_the_line_that_is_printed_lets_in_at_every_server_of_the_network(tmp_path: Path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    async with (
        serving(tmp_path / "first") as first,
        serving(tmp_path / "second", join=first.node.address) as second,
    ):
        await share_authority(first, second)
        await first.until(lambda: sum(bool(one.ssh) for one in first.node.snapshot().servers) == 2)
        assert (await known_hosts(first))[0] == 0  # The network is known from now on.
        status, line, errors = await known_hosts(first)
        assert (status, errors) == (0, "")
        assert line.count("\n") == 1 and line.startswith("@cert-authority [127.0.0.1]:")
        assert (await come(first, line.strip()))[0] == (await come(second, line.strip()))[0] == 0
        logins = [notice.text for notice in second.node.notices if notice.kind in ("login", "refused")]
        assert len(logins) == 1, "being asked is no login, and no failed one"


async def test_a_server_whose_ssh_is_somebody_elses_is_left_out_and_named(tmp_path: Path):
    """A member may say that it serves SSH where another machine does: people would trust the network's key there."""
    for name in ("first", "second", "stranger"):
        (tmp_path / name).mkdir()
    async with (
        serving(tmp_path / "first") as first,
        serving(tmp_path / "stranger") as stranger,
        serving(tmp_path / "second", join=first.node.address) as second,
    ):
        await share_authority(first, second)
        second.node.announce_ssh(stranger.port)
        await first.until(lambda: stranger.port in [one.ssh for one in first.node.snapshot().servers])
        status, line, errors = await known_hosts(first)
        assert status == 0 and f":{first.port} " in line and f":{stranger.port}" not in line
        assert (
            f"127.0.0.1 port {stranger.port} is left out: who answers there is not certified by this network" in errors
        )


async def test_where_no_ssh_is_served_there_is_no_line(tmp_path: Path):
    node = await start_node(tmp_path)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tui", "known-hosts", str(node.address)),
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "ACTIVITY_TUI_ACCEPT_NEW": "yes"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 30)
    await node.abort()
    assert process.returncode == 1 and output == b"" and b"that server serves no SSH" in errors


async def test_what_has_not_proved_itself_is_no_host_of_the_network(place: Place, tmp_path: Path):
    authority = place.node.snapshot().ssh_authority
    await prove("127.0.0.1", place.port, authority, 10)
    (tmp_path / "stranger").mkdir()
    async with serving(tmp_path / "stranger") as stranger:
        with pytest.raises(NotCertified, match="not certified by this network"):
            await prove("127.0.0.1", stranger.port, authority, 10)
    with pytest.raises(NotCertified, match="cannot be reached"):
        await prove("127.0.0.1", stranger.port, authority, 10)
    with pytest.raises(NotCertified, match="no host"):
        await prove("*", place.port, authority, 10)
    with pytest.raises(NotCertified):
        await prove("127.0.0.1", place.port, "ssh-ed25519 nonsense", 10)
    # Something that accepts, and says nothing.
    silent = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    with pytest.raises(NotCertified, match=r"nobody answered within 0\.2 seconds"):
        await prove("127.0.0.1", silent.sockets[0].getsockname()[1], authority, 0.2)
    silent.close()


async def test_servers_that_are_gone_or_serve_no_ssh_are_not_asked(place: Place):
    [here] = place.node.snapshot().servers
    others = [
        msgspec.structs.replace(here, id=state, hostname=f"{state}.example", state=state, ssh=port)
        for state, port in (("reachable", 3722), ("unreachable", 3722), ("guest", 0))
    ]
    snapshot: NodeSnapshot = msgspec.structs.replace(place.node.snapshot(), servers=(here, *others))
    asked = dict.fromkeys(_places(snapshot, "lund"))
    assert list(asked) == [("lund", place.port), ("127.0.0.1", place.port), ("reachable.example", 3722)]
