"""What the server gives away, and how much of it."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys

import asyncssh
import pytest

from tests.cli.program import REPOSITORY
from tests.ssh.conftest import Place, serving
from tui.ssh.host_key import host_key_of


async def test_the_host_key_is_made_once_and_readable_by_its_owner_alone(tmp_path):
    async with serving(tmp_path) as place:
        first = place.ssh.fingerprint
        file = place.node.settings.data_dir / "ssh-host-key"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert host_key_of(file)[0].algorithm == b"ssh-ed25519"
    async with serving(tmp_path) as place:
        assert place.ssh.fingerprint == first


async def test_a_damaged_host_key_is_said_and_not_replaced(tmp_path):
    file = tmp_path / "ssh-host-key"
    file.write_text("nonsense")
    with pytest.raises(ValueError, match="damaged"):
        host_key_of(file)
    assert file.read_text() == "nonsense"


@pytest.mark.parametrize(
    "option",
    ["KexAlgorithms=diffie-hellman-group14-sha1", "MACs=hmac-sha1", "HostKeyAlgorithms=ssh-rsa", "Ciphers=aes128-cbc"],
)
async def test_a_client_that_knows_only_sha_1_is_refused(place: Place, option):
    extra = ("-o", "Ciphers=aes128-ctr") if option.startswith("MACs") else ()
    status, _, errors = await place.run("anonymous", "help", options=("-o", option, *extra, "-o", "LogLevel=INFO"))
    assert status == 255 and "no matching" in errors.lower()


async def test_forwarding_sftp_agent_and_subsystems_are_refused(place: Place):
    async with await place.connect("anonymous") as conn:
        with pytest.raises(asyncssh.ChannelOpenError):
            await conn.open_connection("127.0.0.1", place.node.address.port)
        with pytest.raises(asyncssh.ChannelListenError):
            await conn.forward_remote_port("", 0, "127.0.0.1", 1)
        with pytest.raises((asyncssh.ChannelOpenError, asyncssh.SFTPError)):
            await conn.start_sftp_client()
        with pytest.raises(asyncssh.ChannelOpenError):
            await conn.create_process(subsystem="anything")
        with pytest.raises(asyncssh.ChannelOpenError):
            await conn.open_unix_connection("/tmp/socket")


async def test_the_agent_and_x11_are_not_forwarded(place: Place):
    agent = await asyncio.start_unix_server(lambda reader, writer: writer.close(), place.directory / "agent")
    options = ("-A", "-X", "-o", f"IdentityAgent={place.directory / 'agent'}", "-o", "ForwardX11Timeout=1m")
    display = {"DISPLAY": ":99", "SSH_AUTH_SOCK": str(place.directory / "agent")}
    async with place.terminal("anonymous", options=options, environment=display) as terminal:
        await terminal.shows("you are anonymous")
        [session] = place.ssh._sessions.values()
        assert session._chan is not None
        assert session._chan.get_agent_path() is None and session._chan.get_x11_display() is None
    agent.close()


async def test_what_is_sent_is_not_compressed(place: Place):
    with pytest.raises(asyncssh.KeyExchangeFailed):
        await place.connect("anonymous", compression_algs=["zlib@openssh.com"])
    assert (await place.run("anonymous", "help", options=("-C",)))[0] == 0


async def test_the_key_exchange_is_strict(place: Place):
    """Terrapin (CVE-2023-48795): messages before the exchange is over could be dropped or slipped in."""
    _, _, errors = await place.run("anonymous", "help", options=("-vvv", "-o", "LogLevel=DEBUG3"))
    assert "will use strict KEX ordering" in errors


async def test_a_newcomer_and_a_name_that_cannot_be_had_are_told_so_before_they_log_in(place: Place):
    for name, told in (("newcomer", "newcomer is new here; you can register the name"), ("ann~abc234", "ann~abc234: ")):
        _, _, errors = await place.run(name, "help", options=("-o", "LogLevel=INFO"))
        assert told in errors


async def test_there_are_limits_to_connections_and_to_those_that_do_not_log_in(tmp_path):
    async with serving(tmp_path, unauthenticated_per_host_max=3, login_limit=1.0) as place:
        streams = [await asyncio.open_connection("127.0.0.1", place.port) for _ in range(3)]
        await place.until(lambda: len(place.ssh._connections) == 3)
        with pytest.raises((asyncssh.DisconnectError, OSError)):
            await place.connect("anonymous")
        await place.until(lambda: not place.ssh._connections)
        (await place.connect("anonymous")).close()
        for _, writer in streams:
            writer.close()


async def test_there_is_a_limit_to_connections_and_to_sessions_of_all_together(tmp_path):
    async with serving(tmp_path, connections_max=2, sessions_max=1) as place:
        first, second = await place.connect("anonymous"), await place.connect("anonymous")
        with pytest.raises((asyncssh.DisconnectError, OSError)):
            await place.connect("anonymous")
        await first.create_process("tail")
        with pytest.raises(asyncssh.ChannelOpenError):
            await second.create_process("tail")
        first.close()
        await place.until(lambda: len(place.ssh._connections) == 1 and not place.ssh.sessions())
        await second.create_process("tail")
        (await place.connect("anonymous")).close()
        second.close()


async def test_one_host_has_only_so_many_connections_and_sessions(tmp_path):
    async with serving(tmp_path, connections_per_host_max=2, sessions_per_host_max=2) as place:
        first, _second = await place.connect("anonymous"), await place.connect("anonymous")
        with pytest.raises((asyncssh.DisconnectError, OSError)):
            await place.connect("anonymous")
        for _ in range(2):
            await first.create_process("tail")
        with pytest.raises(asyncssh.ChannelOpenError):
            await first.create_process("tail")


async def test_a_connection_without_a_session_is_not_kept(tmp_path):
    async with serving(tmp_path, empty_limit=0.3) as place:
        unused, used = await place.connect("anonymous"), await place.connect("anonymous")
        process = await used.create_process("tail")
        await place.until(lambda: len(place.ssh._connections) == 1)
        await unused.wait_closed()
        assert (await used.run("help")).exit_status == 0
        await asyncio.sleep(0.5)
        assert len(place.ssh._connections) == 1, "there is a session still"
        process.close()
        await place.until(lambda: not place.ssh._connections)


async def test_there_are_limits_to_sessions_on_a_connection_and_of_a_user(tmp_path):
    async with serving(tmp_path, sessions_per_connection_max=2, sessions_per_user_max=3) as place:
        await place.register("grace", key="grace")
        keys = [str(place.key("grace"))]
        one, other = await place.connect("grace", client_keys=keys), await place.connect("grace", client_keys=keys)
        for conn, count in ((one, 2), (other, 1)):
            for _ in range(count):
                await conn.create_process("tail")
            with pytest.raises(asyncssh.ChannelOpenError):
                await conn.create_process("tail")
        one.close()
        await one.wait_closed()
        await place.until(lambda: len(place.ssh.sessions()) == 1)
        await other.create_process("tail")
        other.close()


async def test_what_a_client_says_of_its_terminal_is_not_believed(place: Place):
    async with await place.connect("anonymous") as conn:
        process = await conn.create_process(
            term_type="\x1b]0;owned\x07" + "x" * 5000, term_size=(100_000, 100_000), encoding=None
        )
        await place.until(lambda: bool(place.apps()))
        [view] = place.ssh.sessions()
        assert view.size == (500, 200)
        assert "\x1b" not in view.terminal and len(view.terminal) < 50
        process.change_terminal_size(0, 0)
        await place.until(lambda: place.ssh.sessions()[0].size == (80, 24))
        process.close()


async def test_a_flood_of_input_is_read_slowly_and_holds_nobody_up(tmp_path):
    async with serving(tmp_path, input_rate=20_000) as place, await place.connect("anonymous") as conn:
        process = await conn.create_process(term_type="xterm", term_size=(80, 24), encoding=None)
        await place.until(lambda: bool(place.apps()))
        process.stdin.write(b"\x1b[A" * 100_000)
        async with place.terminal("anonymous") as terminal:
            await terminal.shows("you are anonymous")
        assert place.ssh.sessions()[0].bytes_in < 300_000
        process.close()


def test_nobody_waits_while_what_ssh_needs_is_loaded(tmp_path):
    """A fresh interpreter starts a server that offers SSH, and says which thread loads asyncssh."""
    code = f"""
import asyncio, sys, threading
from tests.cli.test_starting import options
from tui.cli import starting

class Watch:
    def find_spec(self, name, *place):
        if name == "asyncssh":
            print(threading.current_thread() is threading.main_thread())

async def main():
    chosen = options({{"port": "0", "data_dir": {str(tmp_path / "data")!r}, "ssh": "127.0.0.1:0"}})
    server = await starting.start_server(chosen)
    async with starting.serving_ssh(server, chosen):
        pass
    await server.abort()

sys.meta_path.insert(0, Watch())
asyncio.run(main())
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.stdout, ended.returncode) == ("False\n", 0), ended.stderr
