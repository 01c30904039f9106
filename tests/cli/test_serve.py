"""`serve --headless` and `join --headless`: what a server without a screen says, and how it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shlex
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import LIMIT, Program, running_node
from tui.cli import headless
from tui.cli.chosen_settings import ConfigFile, choose
from tui.cli.options import NodeOptions
from tui.cli.serve import node_options


def options(directory: Path) -> NodeOptions:
    """A server's options as they are by default, on a free loopback port."""
    flags = {"host": "127.0.0.1", "port": "0", "data_dir": str(directory)}
    return node_options(choose(flags, {}, ConfigFile(Path("/none"), False, {})), None, None)


@contextlib.contextmanager
def heeding(number: signal.Signals, how: signal.Handlers) -> Iterator[None]:
    """What is started meanwhile inherits this of a signal, whether or not the suite itself runs under nohup."""
    before = signal.signal(number, how)
    try:
        yield
    finally:
        signal.signal(number, before)


def test_port_zero_tells_the_real_port(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "data") as node:
        assert node.port > 0
        socket.create_connection(("127.0.0.1", node.port), 5).close()


@pytest.mark.serial
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_with_status_0_within_seconds(
    program: Program, tmp_path: Path, number: signal.Signals
) -> None:
    with heeding(signal.SIGHUP, signal.SIG_DFL), running_node(program, tmp_path / "data") as node:
        started = time.monotonic()
        node.process.send_signal(number)
        assert node.process.wait(LIMIT) == 0
        assert time.monotonic() - started < 15
        said = "\n".join(node.log.rest())
        assert f"leaving after {number.name}" in said
        assert said.endswith("ended")
        assert "Traceback" not in said


def test_a_terminal_that_closes_is_nothing_to_a_server_under_nohup(program: Program, tmp_path: Path) -> None:
    with heeding(signal.SIGHUP, signal.SIG_IGN), running_node(program, tmp_path / "data") as node:
        node.process.send_signal(signal.SIGHUP)
        node.process.send_signal(signal.SIGTERM)
        assert node.process.wait(LIMIT) == 0
        assert not [line for line in node.log.rest() if "SIGHUP" in line]


def test_a_signal_that_comes_before_it_listens_ends_it_too(program: Program, tmp_path: Path) -> None:
    arguments = ("serve", "--headless", "--host", "127.0.0.1", "--port", "0", "--data-dir", str(tmp_path / "d"))
    with program.running(*arguments) as process:
        # From the moment that the event loop has its handlers, whatever has been started by then.
        status = Path(f"/proc/{process.pid}/status")
        if not status.exists():
            pytest.skip("needs /proc to see when signals are caught")
        deadline = time.monotonic() + LIMIT
        while not _catches(status, signal.SIGTERM):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT) == 0


def _catches(status: Path, number: signal.Signals) -> bool:
    found = re.search(r"SigCgt:\s*([0-9a-f]+)", status.read_text())
    assert found is not None
    return bool(int(found[1], 16) & (1 << (number - 1)))


def test_a_second_signal_ends_it_at_once(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "data") as node:
        # Somebody who is told to go, and stays, keeps it for a while.
        with socket.create_connection(("127.0.0.1", node.port), 5) as guest:
            guest.sendall(b'{"command": "LOGIN", "username": "anonymous"}\n')
            guest.settimeout(10)
            assert b"LOGIN_SUCCESS" in guest.recv(4096)
            node.process.terminate()
            node.log.wait("leaving after SIGTERM")
            time.sleep(2 * headless.SAME_SIGNAL)
            node.process.send_signal(signal.SIGINT)
            assert node.process.wait(LIMIT) == 130
        assert "ended" not in "\n".join(node.log.rest())


def test_signals_to_a_process_and_at_once_to_its_group_are_one(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "data") as node:
        # Stopped meanwhile, so that both are there before it can have left.
        for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
            node.process.send_signal(number)
        assert node.process.wait(LIMIT) == 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 1)])
async def test_the_second_signal_decides_the_status(
    number: signal.Signals, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[int] = []
    monkeypatch.setattr(headless, "leave_at_once", left.append)
    monkeypatch.setattr(headless, "SAME_SIGNAL", 0.0)
    server = headless._Headless(options(tmp_path))
    server._signalled(signal.SIGTERM)
    assert left == []
    server._signalled(number)
    assert left == [status]


def test_nothing_goes_to_standard_output(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "data") as node:
        node.process.terminate()
        node.process.wait(LIMIT)
        assert node.process.stdout is not None
        assert node.process.stdout.read() == ""


def test_every_line_of_the_log_begins_with_the_time_and_its_zone(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "data") as node:
        node.process.terminate()
        assert node.process.wait(LIMIT) == 0
        for line in node.log.rest():
            assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d \w+", line), line


def test_it_says_how_others_join_without_telling_the_secret(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "data", secret="swordfish") as node:
        invite = node.log.wait("invite a server with: ").partition("with: activity-tui ")[2]
        invited = program.run(*shlex.split(invite))
        assert invited.status == 0 and invited.out.startswith(f"activity-tui join {node.address}/"), invited.err
        line = node.log.wait("join as a server with: ")
        file = tmp_path / "data" / "network-secret"
        assert line.endswith(f"activity-tui join {node.address} --secret-file {file}")
        assert file.read_text() == "swordfish\n"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        node.process.terminate()
        node.process.wait(LIMIT)
        assert "swordfish" not in "\n".join(node.log.rest())


def test_without_a_secret_one_is_made_and_kept(program: Program, tmp_path: Path) -> None:
    secrets = set()
    for _ in range(2):
        with running_node(program, tmp_path / "data", secret="") as node:
            node.log.wait("join as a server with: ")
            secrets.add((tmp_path / "data" / "network-secret").read_text())
            node.process.terminate()
            node.process.wait(LIMIT)
    assert len(secrets) == 1
    assert len(secrets.pop().strip()) >= 16


def test_the_command_that_it_tells_makes_another_server_join(program: Program, tmp_path: Path) -> None:
    with (
        running_node(program, tmp_path / "a") as first,
        running_node(program, tmp_path / "b", join=first.address) as second,
    ):
        first.log.wait("linked")
        second.log.wait("linked")


def test_a_taken_port_ends_it_with_status_5(program: Program, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = program.run(
            "serve", "--headless", "--host", "127.0.0.1", "--port", str(port), "--data-dir", str(tmp_path / "data")
        )
    assert ended.status == 5
    assert str(port) in ended.err
    assert ended.err.startswith("activity-tui: ")


def test_a_taken_port_for_ssh_ends_it_with_status_5(program: Program, tmp_path: Path) -> None:
    arguments = ("serve", "--headless", "--host", "127.0.0.1", "--port", "0", "--data-dir", str(tmp_path / "data"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = program.run(*arguments, "--ssh", where)
    assert ended.status == 5
    assert ended.err.splitlines()[-1] == (
        f"activity-tui: SSH cannot be served at {where}: something listens there already; choose another port"
    )


def test_a_data_directory_that_is_in_use_ends_it_with_status_6(program: Program, tmp_path: Path) -> None:
    with running_node(program, tmp_path / "data"):
        ended = program.run(
            "serve", "--headless", "--host", "127.0.0.1", "--port", "0", "--data-dir", str(tmp_path / "data")
        )
    assert ended.status == 6
    assert str(tmp_path / "data") in ended.err


def test_a_data_directory_that_cannot_be_used_ends_it_with_status_6(program: Program, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = program.run(
        "serve", "--headless", "--host", "127.0.0.1", "--port", "0", "--data-dir", str(tmp_path / "file" / "data")
    )
    assert ended.status == 6


@pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="needs a pipe that holds little")
def test_a_log_that_nobody_reads_does_not_hold_up_the_server(program: Program, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    arguments = ("serve", "--headless", "--host", "127.0.0.1", "--port", "0", "--data-dir", str(tmp_path / "data"))
    process = subprocess.Popen(program.command(*arguments), env=program.environment, stderr=writing)
    os.close(writing)
    try:
        said = ""
        while "listening on 127.0.0.1:" not in said or said.endswith("listening on 127.0.0.1:"):
            said += os.read(reading, 100).decode()
        found = re.search(r"listening on 127\.0\.0\.1:(\d+),", said + os.read(reading, 100).decode())
        assert found is not None
        for _ in range(100):
            with socket.create_connection(("127.0.0.1", int(found[1])), 5) as connection:
                connection.settimeout(5)
                connection.sendall(b"nonsense\n")
                assert b"INVALID_MESSAGE" in connection.recv(4096)
        process.terminate()
        assert process.wait(LIMIT) == 0
    finally:
        process.kill()
        process.wait()
        os.close(reading)
